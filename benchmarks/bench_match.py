"""How long width matching takes, against counting networks that are built at every step.

    python -m benchmarks.bench_match

The published code built the network again for each candidate and counted it. Here the same walk is taken
twice in turn: with costs from shapes (what graph2nn does) and with costs of networks built and traced at every
step (without memory for their weights). Times of the first are medians of five, of the second a single walk.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from benchmarks.record import birth_certificate, write
from graph2nn.budget import macs, match, width_search
from graph2nn.graphs import ws_flex
from graph2nn.graphs.catalogues import catalogue
from graph2nn.models import ARCHITECTURES, architecture, build_model
from graph2nn.wiring import Relational


def median_of_five(task: Callable[[], Any]) -> float:
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        task()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def walk_by_building(name: str, wiring: Relational) -> tuple[float, list[int], int]:
    known = architecture(name)
    candidates = 0

    def cost(widths: Sequence[int]) -> int:
        nonlocal candidates
        candidates += 1
        with torch.device("meta"):
            network = build_model(name, wiring, widths)
        return macs(network, inputs=known.inputs(known.input_size))

    begin = time.perf_counter()
    found = width_search.published(cost, known.widths, match(name).target, known.scalings)
    return time.perf_counter() - begin, found, candidates


def every_mlp() -> dict[str, Any]:
    table = catalogue("n64-3942")
    rows = list(zip(table.n, table.sparsity, table.p, table.seed, strict=True))
    begin = time.perf_counter()
    drawn = [ws_flex(int(n), n * sparsity, p, int(seed)) for n, sparsity, p, seed in rows]
    drawing = time.perf_counter() - begin
    begin = time.perf_counter()
    for graph in drawn:
        match("mlp5", graph, method="published")
    return {
        "graphs": len(rows),
        "drawing_s": round(drawing, 2),
        "matching_s": round(time.perf_counter() - begin, 2),
    }


def main() -> None:
    wide, narrow = ws_flex(64, 64 * 0.168515, 0.342558, 23), ws_flex(16, 16 * 0.30527, 0.858257, 2)
    rows = {}
    for name, known in ARCHITECTURES.items():
        # MobileNet's stem has 32 channels, so a graph has at most 32 nodes.
        graph = wide if min(known.widths) >= 64 and name != "mobilenet-v1" else narrow
        row: dict[str, Any] = {
            "nodes": graph.n,
            "exact_s": median_of_five(partial(match, name, graph, method="exact")),
        }
        if known.scalings:
            row["published_s"] = median_of_five(partial(match, name, graph, method="published"))
        if name in ("mlp5", "cnn6", "resnet34", "resnet34-sep", "resnet50", "efficientnet-b0"):
            building, found, candidates = walk_by_building(name, Relational(graph))
            row |= {
                "by_building_s": building,
                "candidates": candidates,
                "ratio": building / row["published_s"],
                "same_widths": found == match(name, graph, method="published").widths,
            }
        rows[name] = {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}
    result = birth_certificate("bench_match", ["torch", "numpy"])
    write("match", {**result, "all_mlp5_of_n64-3942": every_mlp(), "models": rows})


if __name__ == "__main__":
    main()
