"""The parts of docs/benchmarks.md about ``--amp bf16``: the time it takes, and the errors it gives."""

from __future__ import annotations

from statistics import mean

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


def precision() -> str:
    """Return the section on errors of both precisions; empty without a result."""
    if (found := results("precision")) is None:
        return ""
    rows = [
        [name, str(len(row["seeds"])), f"{mean(row['float32']):.2f}", f"{mean(row['bf16']):.2f}",
         f"{row['mean_difference']:+.2f}", f"{row['sd']:.2f}"]
        for name, row in found["networks"].items()
    ]  # fmt: skip
    low, high = found["interval_90"]
    said = (
        "\nCIFAR-10 (JPEG copy), MLP-5, five epochs, published recipe and initial draws; runs of one network "
        f"and seed differ in nothing but `--amp bf16`. Over {found['pairs']} pairs bf16 − float32 is "
        f"{found['mean_difference']:+.2f} points of test error, 90 % interval [{low:+.2f}, {high:+.2f}]; the "
        f"experiment's plan asks for ± 0.3: {'passed' if found['passed'] else 'not passed'}.\n\n"
    )
    head = ["network", "pairs", "float32, %", "bf16, %", "mean difference", "its sd"]
    return "\n## Errors in bf16 and in float32\n\n" + birth(found) + said + table(head, rows)
