"""The part of docs/benchmarks.md about ``--amp bf16``."""

from __future__ import annotations

from benchmarks.page_parts import birth, results, table

WITHOUT = (
    "\nThis CPU has no instructions for bf16. torch's autocast emulates every product there; `--amp bf16` "
    "computes in float32. A training step, one thread; ÷ float32: median within a round (quartiles).\n\n"
)
WITH = (
    "\nThis CPU has instructions for bf16. A training step, one thread; ÷ float32: median within a round "
    "(quartiles).\n\n"
)


def amp() -> str:
    """Return the section; empty without a result."""
    if (found := results("amp")) is None:
        return ""
    rows = [
        [name, way, f"{row['ms']:,.1f}", "{:.2f} ({:.2f}–{:.2f})".format(row["times"], *row["quartiles"])]
        for name, ways in found["steps"].items()
        for way, row in ways.items()
    ]
    said = WITH if found["bf16_instructions"] else WITHOUT
    return "\n## bf16 on this CPU\n\n" + birth(found) + said + table(["step", "way", "ms", "÷ float32"], rows)
