"""The figure of searches: every contender shown, nothing outside the frame, an empty result refused."""

from __future__ import annotations

import matplotlib as mpl
import pytest

from graph2nn.errors import UserError
from graph2nn.report.figures import search_regret
from graph2nn.report.figures.theme import DARK, LIGHT, render


def made(tasks, contenders):
    def curve(start):
        return {
            str(mark): {"regret_quantiles_10_50_90": [0.5 * start / mark, start / mark, 2 * start / mark]}
            for mark in (8, 100, 16)
        }

    found = {"sweep": {"trainings": 19710}, "curves": {name: curve(4 + i) for i, name in enumerate(contenders)}}
    return {"close": 0.1, "tasks": dict.fromkeys(tasks, found)}


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    "tasks", [["mlp_cifar10"], [*search_regret.TITLES], ["of a user"]], ids=["one", "six", "own"]
)
def test_searches_can_be_drawn(tasks, look):
    assert render(lambda theme: search_regret.draw(made(tasks, search_regret.STYLES), theme), look).startswith(
        b"\x89PNG"
    )


def test_medians_are_drawn_in_the_order_of_runs_with_the_line_of_success():
    with mpl.rc_context(LIGHT.style()):
        figure = search_regret.draw(made(["mlp_cifar10"], ["random", "gp"]), LIGHT)
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    drawn = lines[search_regret.STYLES["gp"][0]]
    assert list(drawn.get_xdata()) == [8, 16, 100]
    assert list(drawn.get_ydata()) == [5 / 8, 5 / 16, 5 / 100]
    assert any(set(line.get_ydata()) == {0.1} for line in axes.get_lines())
    assert "19,710" in axes.get_title(loc="left")
    assert len(axes.collections) == 2


def test_no_task_is_refused():
    with pytest.raises(UserError, match="the results hold no task to draw"):
        search_regret.draw({"close": 0.1, "tasks": {}}, LIGHT)
