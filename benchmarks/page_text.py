"""The part of docs/benchmarks.md about training steps of the translation model."""

from __future__ import annotations

from benchmarks.page_parts import birth, results, table

WHAT = (
    "\nThe model of the [translation study](translation.md) on graphs of 64 nodes (p = 0.2), at the "
    "dense network's multiply-adds on a pair of sentences; a batch of {batch} pairs of {length} tokens; "
    "forward, loss, backward, clipping and AdamW. ÷ dense: time ÷ the dense network's in the same precision, "
    "median within a round (quartiles). ÷ the faster dense: in its faster precision. Share: of the machine's "
    "largest product in the precision computed.{instructions}\n"
)
NO_BF16 = " This CPU has no instructions for bf16 products: `--amp bf16` computes in float32."


def text() -> str:
    """Return the section; empty without a result."""
    if (found := results("text")) is None:
        return ""
    instructions = "" if found["bf16_instructions"] else NO_BF16
    what = WHAT.format(batch=found["batch"], length=found["length"], instructions=instructions)
    parts = ["\n## Translation\n\n", birth(found), what]
    head = ["step", "ms", "÷ dense", "÷ the faster dense", "GFLOP/s", "share"]
    for threads, entry in found.items():
        if not threads.endswith(("thread", "threads")):
            continue
        rows, peaks = [], entry["machine"]["peak_gflops"]
        for name, row in entry["steps"].items():
            low, high = row["quartiles"]
            peak = peaks[row["precision"] if found["bf16_instructions"] else "float32"]
            rows.append(
                [name, f"{row['ms']:,.0f}", f"{row['times_dense']:.2f} ({low:.2f}–{high:.2f})",
                 f"{row['times_fastest_dense']:.2f}", f"{row['gflops']:.1f}", f"{row['gflops'] / peak:.0%}"]
            )  # fmt: skip
        parts.append(f"\n### {threads}\n\n" + table(head, rows))
    return "".join(parts)
