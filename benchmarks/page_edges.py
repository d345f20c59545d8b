"""The part of docs/benchmarks.md about the edge layer: sparse products of connectomes.

Results of an earlier benchmark lack the bytes moved and their share of the bandwidth: the columns are left out,
and the page says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.page_parts import birth, results, table

OLD = (
    "\nThis result is of an earlier benchmark: the bytes moved and the share of what memory allows are left "
    "out, since it lacks them.\n"
)


def edges() -> str:
    if (found := results("edges")) is None:
        return ""
    parts = ["\n## The edge layer\n\n", birth(found), WHAT.format(larva=found["larva"])]
    if found.get("flydnet", "not installed") != "not installed":
        parts.append(FLYDNET.format(version=found["flydnet"]))
    if "bandwidth_gbyte_per_s" in found:
        parts.append(RATED.format(rate=found["bandwidth_gbyte_per_s"]))
    else:
        parts.append(OLD)
    for name, entries in found.items():
        if ", batch " in name:
            parts.append(layer_table(name, entries))
    steps = {name: entry for name, entry in found.items() if name.startswith("whole fly")}
    return "".join([*parts, whole_fly(steps)])


def whole_fly(steps: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table of training steps of the whole fly; nothing where there are none."""
    if not steps:
        return ""
    first = next(iter(steps.values()))
    rows = []
    for name, entry in steps.items():
        low, high = entry["quartiles"]
        ratio = f"{entry['times_24_scipy']:.2f} ({low:.2f}–{high:.2f})"
        peak = f"{entry['peak_gb_until_first_step']:.1f}"
        rows.append([name.partition(", ")[2], f"{entry['step_s']:.2f}", ratio, peak, str(entry["n"])])
    head = ["precision", "s per step", "× 24 products of scipy", "peak, GB", "steps"]
    said = STEP.format(neurons=first["neurons"], connections=first["connections"], threads=first["threads"])
    notes = "".join(f"*{name}: {entry['note']}*\n\n" for name, entry in steps.items() if "note" in entry)
    return said + notes + table(head, rows)


WHAT = (
    "\nOne weight per connection, next to the sparse products of scipy (one thread) and torch and to dense and "
    "masked layers. × scipy: time ÷ that of one product of scipy (forward) or three (forward + backward), "
    "median within a round (quartiles). CPU time of one thread, where nothing else is said. "
    "The larva: {larva}.\n"
)
FLYDNET = (
    "\nflydnet {version}: its own C kernel on one thread; forward + backward gathers the transposed matrix and "
    "takes the gradient of the weights by NumPy, as its training does.\n"
)
STEP = (
    "\n### A training step of the whole fly\n\n"
    "A made network of {neurons:,} neurons and {connections:,} connections, batch 32, 8 rounds, Adam, "
    "{threads} threads, by the clock, in turns with 24 products of scipy.\n\n"
)
RATED = (
    "\nMB: what must be moved at least, indices, weights and activations read once and results written once. "
    "Share: of the memory's {rate:g} GB/s, measured in the same run; above 100 % the activations were in the "
    "cache.\n"
)


def layer_table(name: str, entries: Mapping[str, Any]) -> str:
    """Return the table of one graph and batch; without the columns of memory where no row has them."""
    rows = {case: entry for case, entry in entries.items() if isinstance(entry, dict)}
    rated = any("mbyte" in entry for entry in rows.values())
    cells = []
    for case, entry in rows.items():
        ratio = next((entry[key] for key in ("times_1_scipy", "times_3_scipy") if key in entry), None)
        low, high = entry["quartiles"]
        spread = "" if ratio is None else f"{ratio:.2f} ({low:.2f}–{high:.2f})"
        memory = ["", ""]
        if "mbyte" in entry:
            memory = [f"{entry['mbyte']:.1f}", f"{entry['share_of_bandwidth']:.0%}"]
        cells.append(
            [case, f"{entry['ms']:,.2f}", spread, f"{entry['gflops']:.1f}", *(memory if rated else [])]
        )
    head = ["what", "ms", "× scipy", "GFLOP/s", *(["MB", "share of what memory allows"] if rated else [])]
    note = f"\n*{entries['note']}*\n" if "note" in entries else ""
    return f"\n### {name[0].upper()}{name[1:]}\n{note}\n" + table(head, cells)
