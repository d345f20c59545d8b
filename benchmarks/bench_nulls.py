"""How fast nulls are drawn: ten swaps per edge, against igraph's rewire of the same graph, in turns.

    python -m benchmarks.bench_nulls                         # a made graph of two million edges
    python -m benchmarks.bench_nulls --edges EDGES.csv.xz    # and a connectome: a table with two columns of ids
    python -m benchmarks.bench_nulls --whole-brain           # and the peak memory of 15 million edges

The whole of ``graph2nn.null`` is timed: rows, swaps, the graph that comes out, and the check of what it keeps.
igraph's time is that of ``rewire`` alone, on a graph that is already built.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import graph2nn
from benchmarks.record import birth_certificate, write
from benchmarks.timing import take_turns
from graph2nn import RelationalGraph

KINDS = ["degree", "reciprocal", "block", "boundary", "spatial", "density"]


def made_graph(n: int, edges: int, seed: int = 0) -> RelationalGraph:
    """A directed graph of heavy-tailed in- and out-degrees (lognormal, sd 1), without weights."""
    rng = np.random.default_rng(seed)
    shares = [np.cumsum(draw / draw.sum()) for draw in np.exp(rng.normal(0, 1, (2, n)))]
    keys = np.empty(0, dtype=np.int64)
    while len(keys) < edges:
        source, target = (np.searchsorted(share, rng.random(edges)) for share in shares)
        other = source != target
        keys = np.unique(np.concatenate([keys, target[other] * n + source[other]]))
    keys = np.sort(rng.choice(keys, edges, replace=False))
    return RelationalGraph.from_edge_index(np.stack([keys % n, keys // n]), n, name=f"made {edges:,}")


def connectome(path: Path) -> RelationalGraph:
    """A graph from the first two columns of a table: presynaptic and postsynaptic id."""
    import pandas as pd

    table = pd.read_csv(path)
    pre, post = table.iloc[:, 0].to_numpy(), table.iloc[:, 1].to_numpy()
    ids, numbers = np.unique(np.concatenate([pre, post]), return_inverse=True)
    return RelationalGraph.from_edge_index(numbers.reshape(2, -1), len(ids), name=path.parent.name)


def options(kind: str, graph: RelationalGraph) -> dict[str, Any]:
    """Twenty groups, a tenth of the nodes on the boundary, or random positions in a cube."""
    if kind == "spatial":
        return {"positions": np.random.default_rng(0).random((graph.n, 3))}
    if kind == "block":
        return {"groups": np.random.default_rng(0).integers(20, size=graph.n)}
    return {"inputs": np.arange(graph.n // 10)} if kind == "boundary" else {}


def compare(graph: RelationalGraph, rounds: int) -> dict[str, Any]:
    """Median seconds and ratios to igraph within a round."""
    works: dict[str, Callable[[], Any]] = {
        kind: partial(graph2nn.null, graph, kind, 1, **options(kind, graph)) for kind in KINDS
    }
    try:
        import igraph
    except ImportError:
        print("igraph is not installed (pip install igraph): no ratios")
    else:
        other = graph.edge_index[0] != graph.edge_index[1]
        theirs = igraph.Graph(n=graph.n, edges=graph.edge_index[:, other].T, directed=True)
        works = {"igraph": lambda: theirs.rewire(n=10 * graph.edges)} | works
    times = take_turns(works, rounds, 1)
    rows = {}
    for name, seconds in times.items():
        rows[name] = {"seconds": round(statistics.median(seconds), 3)}
        if "igraph" in times:
            each = [ours / theirs for ours, theirs in zip(seconds, times["igraph"], strict=True)]
            rows[name]["times_igraph"] = round(statistics.median(each), 3)
    return {"nodes": graph.n, "edges": graph.edges, "rounds": rounds, "nulls": rows}


def whole_brain(kind: str, edges: int) -> dict[str, Any]:
    """Peak memory and seconds of one null of a made network of 139,000 neurons, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_whole_brain, (kind, edges))


def _whole_brain(kind: str, edges: int) -> dict[str, Any]:
    graph = made_graph(139_000, edges)
    before = _peak()
    start, busy = time.perf_counter(), time.process_time()
    drawn = graph2nn.null(graph, kind, 1, **options(kind, graph))
    return {
        "edges": drawn.edges,
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_seconds": round(time.process_time() - busy, 1),
        "peak_gb": round(_peak(), 2),
        "peak_gb_of_making_the_graph": round(before, 2),
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=Path, help="table of a connectome")
    parser.add_argument("--made", type=int, default=2_000_000, help="edges of the made graph; 0: none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole-brain", action="store_true")
    parser.add_argument("--out", type=Path, help="folder for nulls.json")
    arguments = parser.parse_args()
    result = birth_certificate("bench_nulls", ["numpy", "numba", "scipy", "igraph"])
    if arguments.edges:  # where the table lies says something of the machine, and nothing of the result
        result["command"] = result["command"].replace(str(arguments.edges), "EDGES.csv.xz")
    result["graphs"] = {}
    if arguments.edges:
        graph = connectome(arguments.edges)
        result["graphs"][graph.name] = compare(graph, max(arguments.rounds, 5))
    if arguments.made:
        graph = made_graph(50_000, arguments.made)
        result["graphs"][graph.name] = compare(graph, arguments.rounds)
    if arguments.whole_brain:
        result["whole brain"] = {kind: whole_brain(kind, 15_000_000) for kind in KINDS}
    write("nulls", result, arguments.out)


if __name__ == "__main__":
    main()
