"""Regret of searches against the training runs they cost, one panel per task."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graph2nn.errors import UserError
from graph2nn.report.figures.theme import Theme, canvas, legend_below

#: Panels side by side.
COLUMNS = 3
#: Names of the published tasks as a reader knows them.
TITLES = {
    "mlp_cifar10": "MLP-5, CIFAR-10",
    "cnn6_imagenet": "CNN-6, ImageNet",
    "resnet34_imagenet": "ResNet-34, ImageNet",
    "resnet34_sep_imagenet": "ResNet-34-sep, ImageNet",
    "resnet50_imagenet": "ResNet-50, ImageNet",
    "efficientnet_imagenet": "EfficientNet-B0, ImageNet",
}
#: Contenders as a reader knows them, with colour of the theme, dashes and marker, so that all three tell them.
STYLES = {
    "random": ("random, lowest error seen", "bad", "--", "s"),
    "random, surface": ("random, surface recommends", "faint", ":", "D"),
    "gp": ("Gaussian process", "point", "-", "o"),
    "gp-halving": ("Gaussian process, halving", "fit", "-", "^"),
}
#: Contenders with a band; of all four nothing would be seen.
BANDS = ("random", "gp")


def draw(result: Mapping[str, Any], theme: Theme) -> Figure:
    """Draw the median expected regret of each contender and the band of the middle 80 % of repeats.

    Args:
        result: what ``benchmarks.bench_search`` writes: ``tasks.<task>.curves.<contender>.<trainings>``.
        theme: colours.

    Raises:
        UserError: no task in it.
    """
    tasks: Mapping[str, Any] = result.get("tasks", {})
    if not tasks:
        raise UserError("search: the results hold no task to draw; make them with benchmarks.bench_search.")
    columns = min(COLUMNS, len(tasks))
    rows = math.ceil(len(tasks) / columns)
    figure = canvas(3.4 * columns, 2.75 * rows + 0.9)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axes, (task, searched) in zip(panels, tasks.items(), strict=False):
        _panel(axes, searched, float(result["close"]), theme)
        cost = searched["sweep"]["trainings"]
        axes.set_title(f"{TITLES.get(task, task)}\nfull sweep: {cost:,} training runs", fontsize=10)
    for axes in panels[len(tasks) :]:
        axes.set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel("expected regret (points)")
    for place, axes in enumerate(panels[: len(tasks)]):
        if place + columns >= len(tasks):
            axes.set_xlabel("training runs")
    panels[0].set_ylim(0, None)
    legend_below(panels[_fullest(tasks)], columns=3)
    return figure


def _fullest(tasks: Mapping[str, Any]) -> int:
    """The panel with most contenders, whose legend holds for all."""
    numbers = [len(searched["curves"]) for searched in tasks.values()]
    return numbers.index(max(numbers))


def _panel(axes: Axes, searched: Mapping[str, Any], close: float, theme: Theme) -> None:
    last = 0
    for name, curve in searched["curves"].items():
        label, colour, dashes, marker = STYLES[name]
        marks = sorted(map(int, curve))
        low, middle, high = zip(*(curve[str(mark)]["regret_quantiles_10_50_90"] for mark in marks), strict=True)
        shade = getattr(theme, colour)
        if name in BANDS:
            axes.fill_between(marks, low, high, color=shade, alpha=0.16, linewidth=0)
        axes.plot(marks, middle, dashes, color=shade, marker=marker, markersize=4, linewidth=1.6, label=label)
        last = max(last, *marks)
    axes.axhline(close, color=theme.ink, linewidth=0.9, linestyle=(0, (1, 1.5)))
    axes.text(last, close, f" {close:g} points ", ha="right", va="top", fontsize=8, color=theme.ink)
