"""The part of docs/benchmarks.md about layers, training steps, their memory and epochs, with its pictures.

Results of an earlier benchmark lack GFLOP/s, shares of the peak, the dense network's forms or bf16: those
columns are left out, and the page says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.page_parts import COLOURS, DOCS, birth, results, table
from benchmarks.roofline import draw_roofline

#: Contenders of the table, and their heading; the dense network has a column of its own.
CONTENDERS = {
    "masked": "masked (published technique)",
    "CSR": "CSR (torch.sparse)",
    "block": "block",
    "block, bf16": "block, bf16",
}
#: Precision to the heading of the fastest dense form of it.
DENSE = {"float32": "dense at its best", "bf16": "dense at its best, bf16"}
OLD = (
    "\nThis result is of an earlier benchmark. Left out, since it lacks them: the dense network by oneDNN and "
    "in bf16, GFLOP/s, shares of the machine's peak, the roofline picture.\n"
)
OLD_EPOCHS = (
    "This result is of an earlier benchmark: the ratio to the dense network at its best, GFLOP/s and shares of "
    "the peak are left out, since it lacks them.\n"
)


def layers() -> str:
    if (found := results("layers")) is None:
        return ""
    parts = ["\n## Layers and training steps by engine\n\n", birth(found), bf16_left_out(found)]
    parts.append("\n![Time by engine](images/layers.png)\n")
    if "machine" in found:
        draw_roofline(found, DOCS / "images" / "roofline.png")
        parts.append(ROOFLINE)
    else:
        parts.append(OLD)
    for threads, cases in found.items():
        if threads.endswith(("thread", "threads")):
            parts += [peaks(found, threads), layer_table(threads, cases)]
    draw_layers(found)
    return "".join(parts)


ROOFLINE = (
    "\n![GFLOP/s against arithmetic intensity](images/roofline.png)\n\n"
    "*Layers: useful operations per byte that must be moved at least, against GFLOP/s. Lines: the bandwidth "
    "and the largest matrix products measured in the same run.*\n"
)


def bf16_left_out(found: Mapping[str, Any]) -> str:
    """Say why bf16 was not measured, where it was not."""
    why = found.get("bf16_left_out")
    return f"\nbf16 was left out on this machine: {why}.\n" if why else ""


def peaks(found: Mapping[str, Any], threads: str) -> str:
    """Say what the machine reaches at best with that many threads, if it was measured."""
    limits = found.get("machine", {}).get(threads)
    if limits is None:
        return ""
    each = ", ".join(
        f"{rate:,.0f} GFLOP/s in {precision} ({limits['peak_by'][precision]})"
        for precision, rate in limits["peak_gflops"].items()
    )
    return (
        f"\nPeak, {threads}: {each}; memory {limits['bandwidth_gbyte_per_s']:.0f} GB/s "
        f"(medians of {limits['n']}).\n"
    )


def layer_table(threads: str, cases: Mapping[str, Any]) -> str:
    """Return ratios to the fastest dense form of the same precision, with GFLOP/s and share of the peak."""
    every = [row for entries in cases.values() for row in entries.values()]
    dense = [name for name in DENSE if any(row.get("precision") == name for row in every)]
    shown = [who for who in CONTENDERS if any(who in entries for entries in cases.values())]
    rows = [
        [
            case,
            *(dense_cell(entries, precision) for precision in dense),
            *(ratio_cell(entries[who]) if who in entries else "" for who in shown),
        ]
        for case, entries in cases.items()
    ]
    rated = ", then GFLOP/s and share of the peak" if dense else ""
    what = f"Time ÷ that of the dense layer of as many multiply-adds, {threads} (quartiles){rated}:"
    head = ["what", *(DENSE[name] for name in dense), *(CONTENDERS[who] for who in shown)]
    return f"\n{what}\n\n" + table(head, rows)


def dense_cell(entries: Mapping[str, Any], precision: str) -> str:
    """Return the fastest dense form of a precision: its name and rate."""
    names = {row["dense"] for row in entries.values() if row.get("precision") == precision and "dense" in row}
    if not names:
        return ""
    (name,) = names
    # The column says that it is dense and in which precision; "as built" and the like are left.
    form = ", ".join(word for word in name.split(", ") if word not in ("dense", "bf16", "compute alone"))
    return f"{form or 'torch default'}: {entries[name]['ms']:.2f} ms{rate(entries[name])}"


def ratio_cell(entry: Mapping[str, Any]) -> str:
    """Return the ratio with its quartiles, and the rate where it was recorded."""
    if "times_dense" not in entry:
        return ""
    low, high = entry["quartiles"]
    return f"{entry['times_dense']:.2f} ({low:.2f}–{high:.2f}){rate(entry)}"


def rate(entry: Mapping[str, Any]) -> str:
    """Return GFLOP/s and share of the peak, as far as they were recorded."""
    text = f", {entry['gflops']:,.0f} GFLOP/s" if "gflops" in entry else ""
    return text + (f", {100 * entry['share_of_peak']:.0f} %" if "share_of_peak" in entry else "")


def label(case: str) -> str:
    return case.replace(", batch 128", "").replace("forward + backward", "both ways")


def draw_layers(found: Mapping[str, Any]) -> None:
    """Draw the ratios of the masked and the block engine on the fewest threads measured."""
    cases = next(cases for name, cases in found.items() if name.endswith(("thread", "threads")))
    shown = [case for case in cases if not case.endswith(", forward")]
    figure, axis = plt.subplots(figsize=(7.2, 0.55 * len(shown) + 1.2), layout="constrained")
    for i, case in enumerate(shown):
        for k, who in enumerate(("masked", "block")):
            if who not in cases[case]:
                continue
            value = cases[case][who]["times_dense"]
            axis.barh(i + 0.38 * k - 0.19, value, 0.36, color=COLOURS[who], label=who if i == 0 else None)
            axis.text(value + 0.08, i + 0.38 * k - 0.19, f"{value:.2f}", va="center", fontsize=8)
    axis.axvline(1, color=COLOURS["dense"], linewidth=1)
    axis.set_yticks(range(len(shown)), [label(case) for case in shown], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("time ÷ dense of equal multiply-adds")
    axis.margins(x=0.12)
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside upper right", ncols=2)
    figure.savefig(DOCS / "images" / "layers.png", dpi=150)
    plt.close(figure)


def memory() -> str:
    if (found := results("memory")) is None:
        return ""
    rows = []
    for case in found["cases"]:
        dense = case["networks"]["dense"]["peak_mib"]
        for who, entry in case["networks"].items():
            low, high = entry["peak_range_mib"]
            rows.append(
                [
                    f"{case['images']} images, {case['steps']} step{'s' * (case['steps'] > 1)}",
                    who,
                    f"{entry['parameters_and_momentum_mib']:,.0f}",
                    f"{entry['peak_mib']:,.0f} ({low:,.0f}–{high:,.0f})",
                    f"{entry['peak_mib'] / dense:.2f}",
                ]
            )
    head = ["batch", "network", "parameters and momentum, MiB", "peak, MiB", "peak ÷ dense"]
    what = (
        f"Training of {found['model']}, density {found['density']}: medians and ranges of {found['rounds']}.\n"
    )
    return "\n## Memory\n\n" + birth(found) + "\n" + what + "\n" + table(head, rows)


def modules() -> str:
    if (found := results("modules")) is None:
        return ""
    rows = [
        [
            name,
            kind,
            *(
                f"{times[column]:.{digits}f}"
                for column, digits in (("dense_ms", 0), ("auto", 2), ("masked", 2))
            ),
        ]
        for name, kinds in found["modules"].items()
        for kind, times in kinds.items()
    ]
    head = ["module", "call", "dense, ms", "auto ÷ dense", "masked ÷ dense"]
    what = (
        "The same module dense and after `relationalize` on a WS-flex graph of 64 nodes at density .15, widths "
        "as they are, 1 thread.\n"
    )
    return "\n## Any module\n\n" + birth(found) + "\n" + what + "\n" + table(head, rows)


def epochs() -> str:
    if (found := results("epoch")) is None:
        return ""
    cases = {case: entries for case, entries in found.items() if case.endswith(("thread", "threads"))}
    parts = ["\n## Epochs with data\n\n", birth(found), bf16_left_out(found)]
    rated = "machine" in found
    if not rated:
        parts.append("\n" + OLD_EPOCHS)
    columns = ("ms_per_step", "times_compute", "times_graph2nn")
    feeds = [
        [case, who, *(f"{entry[column]:.2f}" for column in columns), *([ratio_cell(entry)] if rated else [])]
        for case, entries in cases.items()
        for who, entry in entries.items()
        if "times_graph2nn" in entry
    ]
    head = ["MLP-5", "fed by", "ms per step", "× compute alone", "× graph2nn"]
    head += ["÷ dense compute at its best, GFLOP/s, share of the peak"] if rated else []
    parts += ["\n", table(head, feeds)]
    batches = [
        [case, who, f"{entry['ms_per_batch']:.2f}", f"{entry['times_compiled']:.1f}"]
        for case, entries in cases.items()
        for who, entry in entries.items()
        if "ms_per_batch" in entry
    ]
    return "".join([*parts, "\n", table(["a batch of 128", "by", "ms", "× compiled"], batches)])
