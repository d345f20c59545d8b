"""The part of docs/benchmarks.md about training each family, with its figure, from its results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.page_parts import COLOURS, DOCS, birth, results, table

#: Column of the record to its colour and line: told apart without the colour too.
LINES = {"dense": (COLOURS["dense"], "--"), "relational": (COLOURS["block"], "-")}
HEAD = [
    "family", "network", "steps × batch", "multiply-adds, M", "dense: loss", "relational: loss", "dense, s",
    "relational, s",
]  # fmt: skip


def families() -> str:
    if (found := results("families")) is None:
        return ""
    rows = found["families"]
    finished = {name: row for name, row in rows.items() if "failed" not in row}
    draw(finished)
    failed = [f"- {name} failed: {row['failed']}\n" for name, row in rows.items() if name not in finished]
    return (
        "\n## Training each family\n\n"
        + _births(found)
        + "\n![Loss of each family while it trains](images/families.png)\n\n"
        + f"One seed, one thread, {found['data']}; dense, and relational at equal multiply-adds (within 3 %). "
        "Loss: mean over the first tenth of the steps → over the last. Steps, batches and rates differ, so "
        "families are not to be compared with each other, and one seed is not enough to compare dense with "
        "relational; seconds were taken under load. `benchmarks/train_families.py` says what is trained "
        "and which rates were tried. Chance is 2.30, that of ten classes. The Transformer's loss is per token: "
        "2.61 by the tokens' frequencies, 2.04 by the token before, 0 once it copies from the encoder."
        + _shortfalls(finished)
        + "\n\n"
        + table(HEAD, [_row(name, row) for name, row in finished.items()])
        + ("\n" + "".join(failed) if failed else "")
    )


def _shortfalls(rows: Mapping[str, Any]) -> str:
    """Name the families whose loss hardly falls, so that a row among thirteen does not hide them."""
    slow = [
        name
        for name, row in rows.items()
        if any(row[which]["last_tenth"] > 0.9 * row[which]["first_tenth"] for which in LINES)
    ]
    return f" **Less than a tenth lower at the end: {'; '.join(slow)}.**" if slow else ""


def _births(found: Mapping[str, Any]) -> str:
    """Where the rows come from: one line a call that made some of them."""
    calls: dict[str, list[str]] = {}
    for name, row in found["families"].items():
        calls.setdefault(birth(row.get("birth", found)), []).append(name)
    if len(calls) == 1:
        return next(iter(calls))
    return "\n".join(f"{'; '.join(names)}: {line}" for line, names in calls.items())


def _row(name: str, row: Mapping[str, Any]) -> list[str]:
    dense, relational = row["dense"], row["relational"]
    return [
        name,
        row["network"],
        f"{row['steps']} × {row['batch']}",
        " / ".join(f"{one['multiply_adds'] / 1e6:.1f}" for one in (dense, relational)),
        *(f"{one['first_tenth']:.2f} → {one['last_tenth']:.2f}" for one in (dense, relational)),
        *(f"{one['seconds']:.0f}" for one in (dense, relational)),
    ]


def draw(rows: Mapping[str, Any]) -> None:
    columns = 4
    lines = -(-len(rows) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(9, 1.9 * lines + 0.4), layout="constrained", squeeze=False
    )
    for axis in axes.flat[len(rows) :]:
        axis.set_axis_off()
    for axis, (name, row) in zip(axes.flat, rows.items(), strict=False):
        for which, (colour, style) in LINES.items():
            curve = row[which]["curve"]
            steps = [row["steps"] * (i + 0.5) / len(curve) for i in range(len(curve))]
            axis.plot(steps, curve, style, color=colour, linewidth=1.6, label=which)
        axis.set_title(name, fontsize=10, loc="left")
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower right", frameon=False, fontsize=10)
    figure.supxlabel("step", fontsize=10)
    figure.supylabel("training loss", fontsize=10)
    figure.savefig(DOCS / "images" / "families.png", dpi=150)
    plt.close(figure)
