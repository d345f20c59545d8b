"""The part of docs/benchmarks.md about what ``engine="auto"`` chooses in whole networks."""

from __future__ import annotations

from benchmarks.page_parts import birth, results, table

WHAT = (
    '\nA training step of whole networks at the dense one\'s multiply-adds, with `engine="auto"` and with each '
    "engine alone, one thread. ÷ the faster engine: median within a round (quartiles); above 1, `auto` chose "
    "worse than one engine for all layers, below 1 better. ÷ dense: the dense network in its faster layout.\n\n"
)


def auto() -> str:
    """Return the section; empty without a result."""
    if (found := results("auto")) is None:
        return ""
    rows = []
    for name, row in found["networks"].items():
        chosen = row["auto"]
        low, high = chosen["quartiles"]
        rows.append(
            [name, f"{chosen['ms']:,.0f}", f"{chosen['times_faster_engine']:.2f} ({low:.2f}–{high:.2f})"]
            + [f"{row[engine]['times_dense']:.2f}" for engine in ("auto", "block", "masked")]
        )
    head = ["network", "auto, ms", "÷ the faster engine", "auto ÷ dense", "block ÷ dense", "masked ÷ dense"]
    return '\n## What engine="auto" chooses\n\n' + birth(found) + WHAT + table(head, rows)
