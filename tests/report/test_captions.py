"""Captions give the numbers of the figure, and the rule behind everything that could be taken for a finding."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from analysis_tables import sweep, table

from graph2nn import catalogue
from graph2nn.analysis.beyond.noise import Noise
from graph2nn.analysis.beyond.selection import gain_of_the_best
from graph2nn.analysis.beyond.surface import fit_surface
from graph2nn.analysis.findings import collect_findings
from graph2nn.analysis.ladder_comparison import Rung
from graph2nn.analysis.task_findings import study
from graph2nn.report.figures import collection, gallery, selection, surface
from graph2nn.report.ladder_section import rungs_table
from graph2nn.report.null_table import _row as null_row
from graph2nn.report.page import Chapter, _remarks
from graph2nn.report.paper import latex
from graph2nn.report.phrasing import headline, number
from graph2nn.tasks import TOP1

RUNS, GRAPHS = sweep(9, 3)


@pytest.fixture(scope="module")
def found():
    return collect_findings(RUNS)


@pytest.fixture(scope="module")
def captions(found):
    return {plate.name: plate.caption for plate in gallery.plates(found, {}, None)}


@pytest.fixture(scope="module")
def bowl():
    rows = catalogue("n64-52")
    error = 32 + 2 * (rows["clustering"] - 0.4) ** 2 + (rows["path_length"] - 2.3) ** 2
    noise = Noise(sd=0.3, freedom=100, residuals=np.array([-0.3, 0.3]))
    mean = error + np.random.default_rng(0).normal(0, 0.15, len(rows))
    return fit_surface(rows.assign(mean=mean, seeds=4), noise, draws=500)


def test_a_rectangle_is_the_published_one_and_no_region_of_confidence(found, captions):
    said = captions["map"]
    assert "The dashed rectangle is the published one" in said
    assert f"the {len(found.spot.graphs)} graphs that a one-sided t-test" in said
    assert f"holds {found.spot.holds(found.graphs)} of 9:" in said
    assert "It is not a region of confidence" in said
    one_seed = collect_findings(table({"baseline": [33.0], "a": [32.0], "b": [32.5]}))
    assert "No rectangle is drawn" in gallery.plates(one_seed, {}, None)[0].caption


def test_a_ranking_names_the_test_that_its_marks_stand_for(captions):
    said = captions["ranking"]
    assert "Bars are 95 % intervals of the mean." in said
    assert "a t-test with the noise of a run pooled over all networks, after Holm's correction for 9" in said
    assert "A circle is not shown to differ" in said


def test_a_trend_names_its_curve(captions, found):
    said = captions["error_path_length"]
    assert "its bar the 95 % interval of its mean" in said
    assert ("The curve is a parabola" in said) != ("A parabola does not fit" in said)
    assert (
        f"Rank correlation of error with L: {number(found.correlations['path_length'].rho)} (Spearman" in said
    )


def test_the_gain_of_a_picked_graph_is_told_from_that_of_the_best(captions):
    plates = {plate.name: plate.caption for plate in collection.plates(study({"a": RUNS, "b": RUNS}), {})}
    assert "Bars are 95 % intervals of the mean over seeds" in plates["gains"]
    assert "the best of many graphs is best partly by luck" in plates["gains"]
    assert "picked by all seeds but one and scored on that one" in plates["gains"]


def test_a_selection_says_which_seeds_chose_and_that_the_page_may_follow_another_rule(found):
    honest = gain_of_the_best(found.results)
    said = selection.caption(honest)
    assert f"Chosen on {honest.choose} of 3 seeds and judged on the rest" in said
    assert f"95 % interval {number(honest.low, 2)} to {number(honest.high, 2)}" in said
    assert "the page's best graph may follow another rule" in said
    # Graphs that differ by noise alone: none is called the best.
    assert "any of them may truly be the best" in selection.caption(replace(honest, spread=0.0))


def test_a_surface_gives_its_region_or_says_that_there_is_no_optimum(bowl):
    best = bowl.optimum
    said = surface.caption(bowl)
    assert f"The lowest point lies at C {number(best.C)} (95 % interval {number(best.C_low)} to" in said
    assert "the outline is its 95 % region" in said
    everywhere = replace(bowl, map=bowl.map.assign(credible=True))
    said = surface.caption(everywhere)
    assert "There is no optimum to speak of" in said
    assert "holds 100 % of the plane" in said
    assert "The lowest point lies" not in said


def test_a_page_says_what_intervals_of_means_are_and_are_not(found):
    said = " ".join(_remarks(Chapter("a", found, headline(found), [])))
    assert "95 % intervals of one graph's mean" in said
    assert "the scatter of runs is pooled over all networks" in said
    assert "although their intervals overlap" in said
    lonely = collect_findings(pd.DataFrame(table({"baseline": [33.0], "a": [32.0]})))
    assert "intervals of one graph's mean" not in " ".join(_remarks(Chapter("a", lonely, headline(lonely), [])))


def test_no_table_writes_a_p_value_of_zero():
    tiny = pd.Series(
        {"graph": "g", "effect": 0.3, "low": 0.2, "high": 0.4, "p": 3e-9, "p_holm": 2e-8, "nulls": 5}
    )
    assert null_row(tiny, None)[2:5] == ["[0.20, 0.40]", "< 0.0001", "< 0.0001"]
    unknown = tiny.drop("p_holm").replace({0.2: np.nan, 0.4: np.nan, 3e-9: np.nan})
    assert null_row(unknown, None)[2:5] == ["–", "–", "–"]
    rung = Rung(
        kind="degree", runs=5, networks=5, mean=33.0, own=32.0, estimate=1.0, low=0.8, high=1.2, p_value=1e-9,
        p_holm=4e-9, p_equivalent=1.0, loss=0.1, seeds=10,
    )  # fmt: skip
    compared = SimpleNamespace(score=TOP1, found=SimpleNamespace(graph="larva", rungs=(rung,), alpha=0.05))
    assert "$<$ 0.0001 & 1.0000" in latex(rungs_table(compared))
    (row,) = rungs_table(compared).to_dict("records")
    assert (row["p (Holm)"], row["p (equivalence)"]) == ("< 0.0001", "1.0000")
