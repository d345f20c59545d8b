"""A whole study: every part, its record as JSON, its figures, and what it says when something is missing."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
from analysis_tables import sweep, table

from graph2nn import UserError, ws_flex
from graph2nn.analysis.beyond.null_effects import compare_nulls
from graph2nn.analysis.beyond.study import beyond_record, study
from graph2nn.analysis.findings import collect_findings
from graph2nn.analysis.table import Gap
from graph2nn.report.figures import connectome_placement, null_effects, predictors, selection, surface
from graph2nn.report.figures.theme import DARK, LIGHT, render
from graph2nn.results.published import read_published


@pytest.fixture(scope="module")
def done():
    runs, graphs = sweep(30, 3)
    found = collect_findings(runs)
    return found, graphs, study(found, graphs=graphs, connectomes={"mine": ws_flex(32, 6, 0.1, seed=3)})


def test_every_part_is_there_and_its_record_is_json(done):
    _, _, made = done
    kept = json.loads(json.dumps(beyond_record(made), allow_nan=False))
    assert kept["gaps"] == {}
    assert kept["selection"]["low"] < kept["selection"]["high"]
    assert kept["surface"]["held_out"]["gaussian process"]["r2"] > 0.5
    assert {row["model"] for row in kept["predictors"]["models"]} >= {
        "path_length",
        "density",
        "all measures, ridge",
    }
    assert kept["connectomes"]["mine"]["n"] == 32


def test_it_is_the_same_again(done):
    found, graphs, made = done
    again = study(found, graphs=graphs, connectomes={"mine": ws_flex(32, 6, 0.1, seed=3)})
    assert beyond_record(again) == beyond_record(made)


def test_measures_that_are_given_are_used(done):
    found = done[0]
    labels = found.graphs["graph"]
    given = pd.DataFrame({"modularity": np.arange(30.0), "density": np.arange(30.0) % 7}, index=labels)
    models = set(study(found, measures=given).predictors.scores["model"])
    assert {"modularity", "density", "C and L, quadratic"} <= models
    assert "rich_club" not in models
    with pytest.raises(UserError, match="no row is about a graph"):
        study(found, measures=given.set_axis([f"x{i}" for i in range(30)]))
    with pytest.raises(UserError, match="has two rows"):
        study(found, measures=pd.concat([given, given]))


def test_what_is_missing_is_told():
    few = study(collect_findings(table({"baseline": [34.0], "a": [31.0], "b": [33.0]})))
    assert set(few.gaps) == {"selection", "surface", "predictors", "connectomes"}
    kept = json.loads(json.dumps(beyond_record(few), allow_nan=False))
    assert kept["selection"] is None
    assert "one training seed" in kept["gaps"]["selection"]
    runs, graphs = sweep(30, 1)
    one_seed = study(collect_findings(runs), graphs=graphs)
    assert set(one_seed.gaps) == {"selection", "connectomes"}
    assert one_seed.predictors.ceiling is None


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_figures_are_drawn(done, theme):
    found, _, made = done
    rng = np.random.default_rng(0)
    errors = {name: rng.normal(32, 0.2, 2) for name in ("a", "a1", "a2", "b", "b1", "b2")}
    pairs = pd.DataFrame({"graph": ["a", "a", "b", "b"], "null": ["a1", "a2", "b1", "b2"]})
    assert not isinstance(made.surface, Gap)
    for draw in (
        partial(selection.draw, made.selection),
        partial(selection.draw_tasks, {"one": made.selection, "two": made.selection}),
        partial(surface.draw, made.surface),
        partial(predictors.draw, made.predictors),
        partial(connectome_placement.draw, made.connectomes, made.surface, found),
        partial(null_effects.draw, compare_nulls(table(errors), pairs)),
    ):
        assert render(draw, theme, dpi=60).startswith(b"\x89PNG")


def test_captions_quote_the_numbers(done):
    _, _, made = done
    errors = {"a": [30.0, 30.2], "n1": [31.0, 31.2], "n2": [32.0, 32.2]}
    compared = compare_nulls(table(errors), pd.DataFrame({"graph": ["a", "a"], "null": ["n1", "n2"]}))
    assert f"gains {made.selection.honest:.2f} points" in selection.caption(made.selection).replace("−", "-")
    assert f"C {made.surface.optimum.C:.2f}" in surface.caption(made.surface)
    assert f"ceiling, {made.predictors.ceiling:.2f}" in predictors.caption(made.predictors)
    assert "1.50 points better" in null_effects.caption(compared)
    assert "They have 32 nodes" in connectome_placement.caption(made.connectomes)


def test_figures_show_the_numbers(done):
    _, _, made = done
    figure = predictors.draw(made.predictors, LIGHT)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(labels) == len(made.predictors.scores)
    assert labels[-1].startswith(made.predictors.scores["model"].iloc[-1].replace("_", " "))
    figure = surface.draw(made.surface, LIGHT)
    shown = figure.axes[0].collections[0].get_array().compressed()
    assert sorted(shown) == pytest.approx(sorted(made.surface.map["mean"]))


def test_the_published_resnet34(shared_file, golden):
    """What the study says of it, to the digits that these seeds give; the naive gain is the golden one."""
    evaluations = read_published(shared_file("data/published/final_results.tar.xz"))
    found = collect_findings(evaluations.last("resnet34_imagenet"))
    graphs = {label: evaluations.graphs[label].build() for label in found.graphs["graph"]}
    made = study(found, graphs=graphs)
    own = golden["tasks"]["resnet34_imagenet"]
    assert made.selection.naive == pytest.approx(own["baseline"]["mean"] - own["best"]["top1_mean"])
    assert made.selection.honest == pytest.approx(1.0547, abs=1e-4)
    assert 0.6 < made.selection.low < 0.85 < 1.3 < made.selection.high < 1.5
    scores = made.predictors.scores.set_index("model")
    assert scores.loc["C and L, Gaussian process", "r2"] > 0.87
    assert scores.loc["path_length", "rank"] == 1
    assert scores.loc["density", "r2"] < 0.3
    assert made.predictors.ceiling == pytest.approx(0.949, abs=0.001)


def test_the_surface_sees_no_difference_where_a_seed_is_missing():
    """Graphs without the seed that is worst for all are not better for it."""
    even, graphs = sweep(30, 3)
    moved = even.assign(test_error=even["test_error"] + even["seed"].map({1: 0.0, 2: 0.0, 3: 9.0}))
    lacking = even["graph"].isin(even.loc[even["kind"] == "relational", "graph"].unique()[::3])
    lacking &= even["seed"] == 3
    one, other = (study(collect_findings(runs[~lacking]), graphs=graphs).surface for runs in (even, moved))
    places = [(found.optimum.C, found.optimum.L) for found in (one, other)]
    assert places[1] == pytest.approx(places[0])
