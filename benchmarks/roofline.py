"""The roofline picture: operations per byte against GFLOP/s, layers as points, measured limits as lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.page_parts import COLOURS

#: Engine to its colour, and precision to its marker and line: told apart without the colour too.
ENGINES = {"dense at its best": COLOURS["dense"], "masked": COLOURS["masked"], "block": COLOURS["block"]}
PRECISIONS = {"float32": ("o", "-"), "bf16": ("^", "--")}


def points(cases: Mapping[str, Any]) -> list[tuple[str, str, float, float]]:
    """Return engine, precision, operations per byte and GFLOP/s of each layer that has them."""
    found = []
    for entries in cases.values():
        for name, row in entries.items():
            if "mbyte" not in row:
                continue
            engine = "dense at its best" if name == row.get("dense") else name.removesuffix(", bf16")
            if engine in ENGINES:
                intensity = 1e3 * row["gflop"] / row["mbyte"]
                found.append((engine, row["precision"], intensity, row["gflops"]))
    return found


def draw_roofline(result: Mapping[str, Any], file: Path) -> None:
    """Draw the layers measured on the fewest threads.

    Args:
        result: of ``bench_layers``, with the limits of the machine.
        file: where the picture goes.
    """
    threads, limits = next(iter(result["machine"].items()))
    shown = points(result[threads])
    figure, axis = plt.subplots(figsize=(7.2, 4.6), layout="constrained")
    lowest = min([intensity for _, _, intensity, _ in shown], default=1.0) / 2
    highest = max([intensity for _, _, intensity, _ in shown], default=100.0) * 2
    precisions = [name for name in PRECISIONS if any(point[1] == name for point in shown)]
    # The slope, and not only the roof, is to be seen.
    ridges = [limits["peak_gflops"][name] / limits["bandwidth_gbyte_per_s"] for name in precisions]
    lowest = min([lowest, *(ridge / 4 for ridge in ridges)])
    for precision in precisions:
        _roof(axis, limits, precision, lowest, highest)
    for engine, colour in ENGINES.items():
        for precision in precisions:
            mine = [point[2:] for point in shown if point[:2] == (engine, precision)]
            if mine:
                text = engine if len(precisions) == 1 else f"{engine}, {precision}"
                marker = PRECISIONS[precision][0]
                x, y = zip(*mine, strict=True)
                axis.scatter(x, y, s=26, color=colour, marker=marker, label=text, zorder=3)
    axis.set(xscale="log", yscale="log", xlim=(lowest, highest))
    axis.set_xlabel("operations per byte (each operand read once, each result written once)")
    axis.set_ylabel("GFLOP/s")
    axis.set_title(f"Layers, {threads}", fontsize=10, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        side.set_major_formatter("{x:g}")
        side.set_minor_formatter(NullFormatter())
    figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=3)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150)
    plt.close(figure)


def _roof(axis: Axes, limits: Mapping[str, Any], precision: str, lowest: float, highest: float) -> None:
    """Draw bandwidth up to the peak, and the peak from there."""
    peak, bandwidth = limits["peak_gflops"][precision], limits["bandwidth_gbyte_per_s"]
    ridge = peak / bandwidth
    line = [x for x in (lowest, ridge, highest) if lowest <= x <= highest]
    style = PRECISIONS[precision][1]
    axis.plot(line, [min(peak, x * bandwidth) for x in line], style, color="#333333", linewidth=1.2, zorder=2)
    axis.annotate(
        f"{precision} peak {peak:,.0f} GFLOP/s; {bandwidth:.0f} GB/s",
        (highest, peak),
        xytext=(-4, 14),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color="#333333",
    )
