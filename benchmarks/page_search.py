"""The part of docs/benchmarks.md about search, with its figure, from benchmarks/results/search.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.page_parts import DOCS, birth, results, table
from graph2nn.report.figures import theme
from graph2nn.report.figures.search_regret import STYLES, TITLES, draw

HEAD = [
    "task",
    "search",
    "training runs until the median is within",
    "until nine in ten are",
    "held-out error, %",
]


def search() -> str:
    if (found := results("search")) is None:
        return ""
    picture = DOCS / "images" / "search.png"
    picture.write_bytes(theme.render(lambda look: draw(found, look), theme.LIGHT))
    rows = [row for task, each in found["tasks"].items() for row in _rows(TITLES.get(task, task), each)]
    return (
        "\n## Search instead of sweep\n\n"
        + birth(found)
        + "\n![Expected regret by training runs](images/search.png)\n\n"
        + f"Within {found['close']} points of the lowest expected error: `benchmarks/bench_search.py` says "
        "what that is. The held-out error is the mean, over repeats, of the chosen graph's error with a "
        "training seed that no search has seen, after the most training runs shown.\n\n" + table(HEAD, rows)
    )


def _rows(title: str, found: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for name, curve in found["curves"].items():
        need, last = found["trainings_needed"][name], curve[max(curve, key=int)]
        error = f"{last['held_out_mean']:.2f} ± {last['held_out_standard_error']:.2f}"
        rows.append([title, STYLES[name][0], *(_count(need[key]) for key in ("median", "nine_in_ten")), error])
    sweep = found["sweep"]["pick_without_a_seed"]
    rows.append(
        [title, "full sweep, lowest mean", f"{sweep['trainings']:,}", "", f"{sweep['held_out_mean']:.2f}"]
    )
    return rows


def _count(runs: int | None) -> str:
    return "not reached" if runs is None else str(runs)
