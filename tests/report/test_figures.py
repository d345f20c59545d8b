"""Figures: every kind of sweep can be drawn, in full colour and without a warning."""

import io
import warnings

import numpy as np
import pytest
from analysis_tables import curves, sweep, table
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from PIL import Image

from graph2nn.analysis.findings import collect_findings
from graph2nn.errors import UserError
from graph2nn.graphs import RelationalGraph, ws_flex
from graph2nn.report.figures import gallery, plane, portraits
from graph2nn.report.figures.alt_texts import alt_text
from graph2nn.report.figures.theme import DARK, LIGHT, canvas, render, short

RUNS, GRAPHS = sweep(9, 3)
SWEEPS = {
    "nine": (RUNS, GRAPHS, curves(RUNS, 3)),
    "one seed, many graphs": (
        table({"baseline": [33.0]} | {f"g{i}": [32 + i / 50] for i in range(70)}),
        {},
        None,
    ),
    "one graph": (table({"a": [32.0, 33.0]}), {}, None),
    "one graph, one seed": (table({"baseline": [32.0], "a": [32.0]}), {}, None),
    "no spread": (table({"baseline": [33.0, 33.0]} | {f"g{i}": [33.0, 33.0] for i in range(5)}), {}, None),
    "odd labels": (table({"baseline": [33.0, 34.0], "$x_{": [32.0, 31.0], "<b>" * 30: [31.5, 34.0]}), {}, None),
}


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.mark.parametrize("name", SWEEPS)
def test_every_figure_can_be_drawn(name):
    runs, graphs, learned = SWEEPS[name]
    found = collect_findings(runs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for plate in gallery.plates(found, graphs, learned):
            image = pixels(render(plate.draw, LIGHT, dpi=60))
            assert min(image.shape[:2]) > 120
            assert image.std() > 5
            assert (image[0] == 255).all(), "something is cut off at the upper edge"
            assert (image[:, -1] == 255).all(), "something is cut off at the right edge"
            assert plate.caption.endswith(".")


def test_the_dark_figure_is_dark():
    found = collect_findings(RUNS)
    assert pixels(render(lambda theme: plane.draw(found, theme), DARK, dpi=60)).mean() < 60


def test_which_figures_there_are():
    runs, graphs, learned = SWEEPS["nine"]
    full = [plate.name for plate in gallery.plates(collect_findings(runs), graphs, learned)]
    assert full == [
        "map",
        "error_clustering",
        "error_path_length",
        "graphs_best",
        "graphs_worst",
        "ranking",
        "learning_curves",
    ]
    bare = [plate.name for plate in gallery.plates(collect_findings(runs), {}, None)]
    assert bare == ["map", "error_clustering", "error_path_length", "ranking"]


@pytest.mark.parametrize(("known", "best", "worst"), [(1, 1, 0), (2, 1, 1), (5, 3, 2), (9, 3, 3)])
def test_no_graph_is_drawn_as_best_and_worst(known, best, worst):
    found = collect_findings(RUNS)
    some = {label: GRAPHS[label] for label in found.graphs["graph"][:known]}
    upper, lower = (portraits.chosen(found, some, best=end) for end in (True, False))
    assert (len(upper), len(lower)) == (best, worst)
    assert not {row["graph"] for row in upper} & {row["graph"] for row in lower}
    assert upper[0]["graph"] == found.best["graph"]


def test_every_figure_of_a_task_says_what_it_is():
    for plate in gallery.plates(collect_findings(RUNS), GRAPHS, curves(RUNS, 3)):
        assert not alt_text(plate.name, plate.title).startswith("Figure:")
    assert alt_text("unheard-of", "A title") == "Figure: A title."


@pytest.mark.parametrize(("k", "drawn"), [(4, 32), (12, 24)])
def test_a_dense_graph_shows_the_edges_that_it_lacks(k, drawn):
    axes = canvas(2, 2).subplots()
    portraits.circle(axes, ws_flex(16, k, 0.3, 1), LIGHT.good, LIGHT)
    (lines,) = (artist for artist in axes.collections if isinstance(artist, LineCollection))
    assert len(lines.get_segments()) == drawn
    assert len(axes.patches) == (k == 12)
    assert to_hex(lines.get_color()[0]) == (LIGHT.paper if k == 12 else LIGHT.good)


def test_portraits_name_the_nodes_that_have_names():
    names = ("a", "b", "c", "$d_{", "a long name")
    known = {
        "named": RelationalGraph(ws_flex(5, 4, 0.0, 1).adjacency, name="named", node_names=names),
        "numbered": ws_flex(5, 4, 0.0, 1),
        "large": RelationalGraph(ws_flex(50, 4, 0.0, 1).adjacency, node_names=[f"n{i}" for i in range(50)]),
    }
    runs = table({name: [30.0 + i, 31.0 + i] for i, name in enumerate(known)})
    found = collect_findings(runs)
    figures = []

    def draw(theme):
        figures.append(portraits.draw([row for _, row in found.graphs.iterrows()], known, theme, best=True))
        return figures[-1]

    render(draw, LIGHT)
    written = [[text.get_text() for text in axes.texts] for axes in figures[0].axes[:3]]
    assert written == [["a", "b", "c", "$d_{", short("a long name", 8)], [], []]


def test_hopeless_graphs_share_the_last_colour():
    errors = {"baseline": [33.0]} | {f"g{i}": [32 + i / 20] for i in range(30)} | {"lost": [90.0]}
    low, high, beyond = plane.colour_range(collect_findings(table(errors)))
    assert (low, beyond) == (32.0, True)
    assert 33.0 <= high < 34


def test_curves_must_have_their_columns():
    with pytest.raises(UserError, match="no column test_error"):
        gallery.plates(collect_findings(RUNS), {}, curves(RUNS, 2).drop(columns="test_error"))


def test_curves_of_unknown_runs_are_no_figure():
    strangers = curves(RUNS, 2).assign(run="stranger")
    assert "learning_curves" not in [p.name for p in gallery.plates(collect_findings(RUNS), {}, strangers)]


def test_long_labels_keep_their_ends():
    assert short("ws(64,8.19,0.128,4)") == "ws(64,8.19,0.128,4)"
    assert short("a" * 50 + "seed4") == "a" * 19 + "…" + "aaaaa" + "seed4"
