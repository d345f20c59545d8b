"""What figures mark lies where the findings say: rectangles, minima, baselines, corners, bins."""

import numpy as np
import pandas as pd
import pytest
from analysis_tables import sweep, table
from matplotlib import rc_context
from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle

import graph2nn as g
from graph2nn.analysis.cells import cell_means
from graph2nn.analysis.quadratic import quadratic_fit
from graph2nn.analysis.task_findings import study, task_findings
from graph2nn.report.figures import (
    across_tasks,
    agreement,
    collection,
    corners,
    learning,
    levels,
    measure,
    shortcuts,
    slices,
)
from graph2nn.report.figures.theme import DARK, LIGHT, wrapped

RUNS, GRAPHS = sweep(40, 3, noise=0.4)
TASK = task_findings("mlp", RUNS)
SECOND = sweep(30, 3, noise=0.3, draw=2)[0]
OTHER = task_findings("other", SECOND)


def drawn(draw, *arguments):
    with rc_context(LIGHT.style()):
        figure = draw(*arguments, LIGHT)
        figure.canvas.draw()
        return figure


def boxes(axes):
    """(x, y, width, height) of each rectangle drawn into the plane."""
    return [
        (*patch.get_xy(), patch.get_width(), patch.get_height())
        for patch in axes.patches
        if isinstance(patch, Rectangle)
    ]


def box(spot):
    return pytest.approx((spot.C_min, spot.L_min, spot.C_max - spot.C_min, spot.L_max - spot.L_min))


def test_rectangles_of_the_levels_are_the_sweet_spots():
    figure = drawn(levels.draw, TASK)
    shown = levels.shown(TASK)
    assert len(TASK.found.spot.graphs) > 1
    assert len(TASK.cells.cells) > 1
    assert list(shown) == ["coarse", "medium"]
    coarse, medium = figure.axes[: len(shown)]
    assert boxes(coarse) == [box(TASK.found.spot), box(TASK.cells)]
    assert boxes(medium) == [box(TASK.found.spot)]


def test_rectangles_across_tasks_are_the_sweet_spots():
    wanted = [box(TASK.found.spot), box(OTHER.found.spot)]
    assert boxes(drawn(across_tasks.draw_spots, [TASK, OTHER]).axes[0]) == wanted
    maps = drawn(across_tasks.draw_maps, [TASK, OTHER]).axes[:2]
    assert [boxes(axes)[0] for axes in maps] == wanted


def test_cells_have_the_colours_of_their_means():
    figure = drawn(levels.draw, TASK)
    for axes, (level, means) in zip(figure.axes, levels.shown(TASK).items(), strict=False):
        (cells,) = (own for own in axes.collections if isinstance(own, PolyCollection))
        assert np.array_equal(cells.get_array(), cell_means(TASK.runs, level, TASK.binning)["mean"])
        corner = cells.get_paths()[0].vertices.min(axis=0)
        assert tuple(corner) == (means["C_low"][0], means["L_low"][0])


def test_the_scale_marks_the_baseline():
    figure = drawn(levels.draw, TASK)
    heights = {float(y) for line in figure.axes[-1].lines for y in line.get_ydata()}
    assert heights == {float(TASK.found.baseline["mean"])}


def test_finer_levels_only_where_they_split_cells():
    lonely = table(
        {f"g{i}": [30 + i, 31 + i] for i in range(6)}, {f"g{i}": (0.1 * i, 1 + i / 2) for i in range(6)}
    )
    assert list(levels.shown(task_findings("few", lonely))) == ["coarse"]


def test_a_slice_marks_its_minimum():
    x = np.linspace(1.5, 3, 30)
    places = {f"g{i}": (0.5, own) for i, own in enumerate(x)}
    runs = table({f"g{i}": [32 + (own - 2.2) ** 2] * 2 for i, own in enumerate(x)}, places)
    figure = drawn(slices.draw, task_findings("bowl", runs))
    (minimum,) = (line for line in figure.axes[0].lines if line.get_label() == "its minimum")
    assert (minimum.get_xdata()[0], minimum.get_ydata()[0]) == pytest.approx((2.2, 32.0))
    assert "L = 2.20" in [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize(("bend", "inside"), [(1, True), (-1, False)])
def test_only_a_minimum_inside_the_points_counts(bend, inside):
    x = np.linspace(0, 1, 9)
    fit = quadratic_fit(x, bend * (x - 0.3) ** 2)
    assert (measure.minimum(fit) is not None) == inside
    assert measure.minimum(quadratic_fit(x, bend * (x - 1.3) ** 2)) is None


def test_bins_of_a_slice_hold_means_of_their_points():
    rng = np.random.default_rng(0)
    points = pd.DataFrame({"x": rng.uniform(1, 3, 500)})
    points["mean"] = 5.0 * points["x"]
    means = slices.bin_means(points, "x")
    assert means["graphs"].sum() == 500
    assert len(means) == slices.BINS
    assert np.allclose(means["mean"], 5 * means["x"])
    assert (means["error"] > 0).all()


def test_corner_graphs_lie_apart_and_in_their_corners():
    picked = {portrait.place: portrait for portrait in corners.chosen(TASK, GRAPHS)}
    best = picked.pop("left")
    assert best.row["graph"] == TASK.found.best["graph"]
    assert best.graph is GRAPHS[best.row["graph"]]
    complete = picked.pop("right").graph
    assert complete.edges == complete.n * (complete.n - 1) // 2
    assert len(picked) >= 2
    rows = TASK.found.graphs
    places = rows[["clustering", "path_length"]].to_numpy()
    low, reach = places.min(axis=0), np.ptp(places, axis=0)
    own = [
        (row[["clustering", "path_length"]].to_numpy(float) - low) / reach
        for row in [best.row, *(p.row for p in picked.values())]
    ]
    distances = [np.hypot(*(a - b)) for i, a in enumerate(own) for b in own[:i]]
    assert min(distances) >= corners.APART
    if "upper left" in picked and "upper right" in picked:
        assert picked["upper left"].row["clustering"] < picked["upper right"].row["clustering"]


def test_the_best_graph_is_the_one_the_findings_name():
    third = task_findings("mlp", RUNS, rank=2)
    assert corners.chosen(third, GRAPHS)[0].row["graph"] == third.found.graphs["graph"][2]
    known = {label: GRAPHS[label] for label in TASK.found.graphs["graph"][5:]}
    portrait = corners.chosen(TASK, known)[0]
    assert (portrait.heading, portrait.row["graph"]) == ("best graph drawn", TASK.found.graphs["graph"][5])


def test_graphs_of_too_many_nodes_are_passed_over():
    huge = g.ws_flex(n=600, k=8.0, p=0.1, seed=0)
    assert corners.chosen(TASK, {TASK.found.best["graph"]: huge}) == []


def test_roles_of_learning_curves():
    evaluations = pd.concat([RUNS.assign(epoch=epoch) for epoch in (0, 1, 2)]).drop(columns="epochs")
    picked = learning.roles(task_findings("mlp", evaluations))
    graphs = TASK.found.graphs["graph"]
    by_role = picked.groupby("role")["graph"].unique()
    assert {role: list(own) for role, own in by_role.items()} == {
        "best": [graphs.iloc[0]],
        "baseline": ["baseline"],
        "worst": [graphs.iloc[-1]],
    }
    assert set(picked["epoch"]) == {1, 2}
    assert learning.roles(TASK) is None


def test_no_point_of_a_pair_lies_outside_its_frame():
    found = study({"a": RUNS, "b": SECOND, "c": RUNS.assign(test_error=50 - RUNS["test_error"])})
    figure = drawn(agreement.draw, found)
    checked = 0
    for axes in figure.axes:
        for dots in axes.collections:
            (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
            for x, y in dots.get_offsets():
                assert left <= x <= right
                assert bottom <= y <= top
                checked += 1
    assert checked > 20
    numbers = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert "−1.00" in numbers


def test_tasks_are_told_apart_without_colour():
    for theme in (LIGHT, DARK):
        looks = [theme.task(i) for i in range(6)]
        assert len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == 6


#: What red-blind, green-blind and blue-blind readers see of linear RGB (Machado, Oliveira and Fernandes, 2009).
SIGHT = {
    "all cones": np.eye(3),
    "no long": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no middle": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "no short": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}


def lab(colour, sight):
    """CIELAB of a colour as such a reader sees it."""
    code = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(SIGHT[sight]) @ linear, 0, 1)
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.072175],
        [0.0193339, 0.119192, 0.9503041],
    ]
    x, y, z = np.cbrt(np.asarray(to_xyz) @ seen / [0.95047, 1, 1.08883])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_colours_differ_for_every_reader(theme, sight):
    for colours in ((theme.good, theme.bad, theme.base, theme.point, theme.fit), theme.tasks):
        seen = [lab(colour, sight) for colour in colours]
        apart = min(float(np.linalg.norm(a - b)) for i, a in enumerate(seen) for b in seen[:i])
        assert apart > 12


def test_long_names_are_wrapped():
    assert wrapped("resnet34_sep_imagenet", 12) == "resnet34_\nsep_imagenet"
    assert wrapped("mlp") == "mlp"
    assert len(wrapped("x" * 90, 10)) <= 14


@pytest.fixture(scope="module")
def everything(published):
    chosen = {task: published.of(task) for task in ("mlp_cifar10", "resnet34_imagenet")}
    return study(chosen, ranks=published.ranks)


def test_published_figures_show_the_published_numbers(everything, published, golden):
    figure = drawn(levels.draw, everything.tasks["mlp_cifar10"])
    spots = golden["tasks"]["mlp_cifar10"]
    assert boxes(figure.axes[0]) == [
        pytest.approx(spots["sweet_spot"]["rect_x_y_w_h"]),
        pytest.approx(spots["sweet_spot_align_results_bin"]["rect_x_y_w_h"]),
    ]
    assert [axes.get_title(loc="left") for axes in figure.axes[:3]] == [
        "coarse: 74 cells",
        "medium: 503 cells",
        "fine: 3,942 cells",
    ]
    captions = {plate.name: plate.caption for plate in collection.plates(everything, published.graphs)}
    assert "minima: at L = 2.48, at C = 0.34" in captions["slices_mlp_cifar10"]
    assert "minima: at L = 2.13, at C = 0.33" in captions["slices_resnet34_imagenet"]
    assert "best of mlp_cifar10 is number 3 by mean, as published" in captions["gains"]
    few = shortcuts.few(everything.tasks["mlp_cifar10"])
    assert list(few) == [52, 449]
    assert np.corrcoef(few[52]["one"], few[52]["other"])[0, 1] == pytest.approx(
        golden["graph_count_correlation_mlp_first"], abs=5e-5
    )
