"""How fast graphs are drawn and measured, against other libraries on the same graphs, in one run.

    python -m benchmarks.bench_graphs            # ratios per graph
    python -m benchmarks.bench_graphs --full     # and the two published sweeps, all cores

Contenders take turns, several rounds, so that what else the machine does falls on all of them; times are
medians over the rounds, ratios medians of the ratios within a round. Every C and L is compared with ours.
"""

from __future__ import annotations

import argparse
import importlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from benchmarks.record import birth_certificate, write
from graph2nn.graphs import kernels
from graph2nn.graphs.catalogues import make_catalogues
from graph2nn.graphs.ws_flex_sweep import default_degrees, default_probabilities, sweep

Arguments = tuple[int, float, float, int]


def networkx_flex(n: int, k: float, p: float, seed: int) -> nx.Graph[int]:
    """WS-flex as a networkx program: the same stream of random numbers, edge by edge on its graph object."""
    rng = random.Random(seed)
    edges = round(k * n / 2)
    own, extra = divmod(edges, n)
    while True:
        graph: nx.Graph[int] = nx.Graph()
        graph.add_nodes_from(range(n))
        ring = [(i, (i + s) % n) for i in range(n) for s in range(1, own + (i < extra) + 1)]
        graph.add_edges_from(ring)
        for u, v in ring:
            if rng.random() >= p:
                continue
            w = rng.choice(range(n))
            while w == u or graph.has_edge(u, w):
                w = rng.choice(range(n))
                if graph.degree(u) >= n - 1:
                    break
            else:
                graph.remove_edge(u, v)
                graph.add_edge(u, w)
        if nx.is_connected(graph):
            return graph


def with_networkx(graph: nx.Graph[int]) -> tuple[float, float]:
    return nx.average_clustering(graph), nx.average_shortest_path_length(graph)


def with_igraph(graph: Any) -> tuple[float, float]:
    return graph.transitivity_avglocal_undirected(mode="zero"), graph.average_path_length()


def with_networkit(graph: Any) -> tuple[float, float]:
    import networkit as nk

    local = nk.centrality.LocalClusteringCoefficient(graph)
    local.run()
    pairs = nk.distance.APSP(graph)
    pairs.run()
    n = graph.numberOfNodes()
    return float(np.mean(local.scores())), float(np.sum(pairs.getDistances(asarray=True))) / (n * (n - 1))


def with_rustworkx(graph: Any) -> float:
    # rustworkx has global transitivity but no mean local clustering: L alone is compared with it.
    import rustworkx as rx

    return float(rx.graph_unweighted_average_shortest_path_length(graph))


def sample(n: int, count: int) -> list[Arguments]:
    """Arguments spread evenly at random over the published grid."""
    rng = random.Random(0)
    k, p = default_degrees(n).tolist(), default_probabilities().tolist()
    return [(n, rng.choice(k), rng.choice(p), rng.randrange(30)) for _ in range(count)]


def grid_seconds(arguments: list[Arguments]) -> float:
    """Seconds a graph of our drawing and measuring as in a sweep, one core, over these degrees."""
    n = arguments[0][0]
    edges = [round(k * n / 2) for _, k, _, _ in arguments]
    p = default_probabilities(60)
    grid = kernels.Grid(n, p.tolist(), range(30), max(edges))
    grid(edges[0])
    start = time.perf_counter()
    for m in edges:
        grid(m)
    return (time.perf_counter() - start) / (len(edges) * len(p) * 30)


def timed(function: Callable[[Any], Any], items: list[Any]) -> tuple[float, list[Any]]:
    """Seconds an item, and what came out."""
    start = time.perf_counter()
    results = [function(item) for item in items]
    return (time.perf_counter() - start) / len(items), results


def summary(times: dict[str, list[float]], base: str) -> dict[str, dict[str, float]]:
    """Medians, in microseconds a graph, and median ratio to ours within a round."""
    return {
        name: {
            "us_per_graph": round(1e6 * statistics.median(seconds), 2),
            "best_us_per_graph": round(1e6 * min(seconds), 2),
            "times_ours": round(statistics.median(s / b for s, b in zip(seconds, times[base], strict=True)), 1),
        }
        for name, seconds in times.items()
    }


def draw_and_measure(n: int, count: int, rounds: int) -> dict[str, Any]:
    """Generate + C + L, ours as in a sweep and one by one, against networkx."""
    arguments = sample(n, count)

    def one(item: Arguments) -> tuple[float, float]:
        adjacency = kernels.ws_flex_adjacency(*item)
        assert adjacency is not None
        return kernels.clustering_and_path_length(adjacency)

    def theirs(item: Arguments) -> tuple[float, float]:
        return with_networkx(networkx_flex(*item))

    one(arguments[0])
    times: dict[str, list[float]] = {"graph2nn, sweep": [], "graph2nn, one by one": [], "networkx": []}
    worst = 0.0
    for _ in range(rounds):
        times["graph2nn, sweep"].append(grid_seconds(arguments))
        seconds, ours = timed(one, arguments)
        times["graph2nn, one by one"].append(seconds)
        seconds, others = timed(theirs, arguments)
        times["networkx"].append(seconds)
        # networkx sums in another order, so C may differ in its last bits; L may not.
        worst = max(worst, *(abs(a[0] - b[0]) for a, b in zip(ours, others, strict=True)))
        assert all(a[1] == b[1] for a, b in zip(ours, others, strict=True))
    return {
        "graphs": count,
        "rounds": rounds,
        "largest_difference_C": worst,
        **summary(times, "graph2nn, sweep"),
    }


def contenders(adjacencies: list[np.ndarray[Any, Any]]) -> dict[str, tuple[list[Any], Callable[[Any], Any]]]:
    """Each library that can be imported: the graphs in its own form, and its C and L."""
    found: dict[str, tuple[list[Any], Callable[[Any], Any]]] = {
        "graph2nn": (adjacencies, kernels.clustering_and_path_length),
        "networkx": ([nx.from_numpy_array(a) for a in adjacencies], with_networkx),
    }
    for name in ("igraph", "networkit", "rustworkx"):
        try:
            library = importlib.import_module(name)
        except ImportError:
            print(f"{name}: not installed, left out", file=sys.stderr)
            continue
        if name == "igraph":
            made = [library.Graph.Adjacency(a.astype(int), mode="undirected") for a in adjacencies]
            found[name] = (made, with_igraph)
        elif name == "networkit":
            library.setNumberOfThreads(1)
            found[name] = ([library.nxadapter.nx2nk(g) for g in found["networkx"][0]], with_networkit)
        else:
            made = [library.PyGraph.from_adjacency_matrix(a.astype(float)) for a in adjacencies]
            found["rustworkx, L alone"] = (made, with_rustworkx)
    return found


def measure_only(n: int, count: int, rounds: int) -> dict[str, Any]:
    """C + L of graphs that are there already, each library from its own graph object, one core."""
    drawn = [kernels.ws_flex_adjacency(*item) for item in sample(n, count)]
    found = contenders([a for a in drawn if a is not None])
    times: dict[str, list[float]] = {name: [] for name in found}
    for graphs, function in found.values():
        function(graphs[0])
    for _ in range(rounds):
        results = {}
        for name, (graphs, function) in found.items():
            seconds, results[name] = timed(function, graphs)
            times[name].append(seconds)
        for name, values in results.items():
            ours = [x[1] for x in results["graph2nn"]] if "alone" in name else results["graph2nn"]
            assert np.allclose(values, ours, rtol=1e-12, atol=0), name
    return {"graphs": count, "rounds": rounds, **summary(times, "graph2nn")}


def full_sweep(n: int, rounds: int) -> dict[str, Any]:
    """The published sweep on all cores, written to parquet; then its catalogues."""
    kernels.Grid(n, [0.5], [0], 2 * n)(2 * n)  # compiled beforehand
    seconds, processor = [], []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds):
            out = Path(folder) / f"{turn}.parquet"
            wall, cpu = time.perf_counter(), time.process_time()
            rows = sweep(n, out=out, progress=False).rows
            seconds.append(time.perf_counter() - wall)
            processor.append(time.process_time() - cpu)
        made, _ = make_catalogues(out)
    return {
        "graphs": rows,
        "seconds": [round(s, 2) for s in seconds],
        "processor_seconds": [round(s, 2) for s in processor],
        "best_seconds": round(min(seconds), 2),
        "catalogue_rows": [len(frame) for frame in made.values()],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="also time the two published sweeps")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--graphs", type=int, default=40, help="graphs a round")
    options = parser.parse_args()
    libraries = ("numpy", "numba", "networkx", "igraph", "rustworkx", "networkit")
    result = birth_certificate("bench_graphs", libraries)
    for n in (64, 16):
        result[f"draw + C + L, n={n}"] = draw_and_measure(n, options.graphs, options.rounds)
        result[f"C + L, n={n}"] = measure_only(n, options.graphs, options.rounds)
    if options.full:
        for n in (16, 64):
            result[f"full sweep, n={n}"] = full_sweep(n, rounds=2)
    write("graphs", result)


if __name__ == "__main__":
    main()
