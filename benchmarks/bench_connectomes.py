"""How long a whole connectome takes to read, measure, save and load, and how much memory.

    python -m benchmarks.bench_connectomes                        # a tenth of the male CNS
    python -m benchmarks.bench_connectomes --rows 150e6 --kept 25.6e6 --neurons 166700
    python -m benchmarks.bench_connectomes --undirected           # 40,000 nodes, 1,000,000 edges

The table is made: rows of the male CNS's layout (Feather: body_pre, body_post, weight), of which some are
between annotated neurons, with heavy-tailed degrees. It is written by a process of its own, so that the peak of
memory is that of reading and measuring.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from benchmarks.record import birth_certificate, write
from graph2nn import RelationalGraph, read_connectome
from graph2nn.graphs.communities import communities
from graph2nn.graphs.components import component_sizes
from graph2nn.graphs.io import read_graph, write_graph
from graph2nn.graphs.measures import degrees

T = TypeVar("T")
#: Segments of the male CNS's volume, of which the annotated neurons are few.
SEGMENTS = 88_000_000
BATCH = 2**20


def make_tables(folder: Path, rows: int, kept: int, neurons: int) -> None:
    """Write ``weights.feather`` and ``annotations.feather``."""
    import pyarrow as pa

    rng = np.random.default_rng(0)
    ids = np.sort(rng.choice(SEGMENTS, neurons, replace=False)).astype(np.int64) + 10_000
    kinds = np.array(["sensory", "intrinsic", "motor", "descending", "ascending"])
    annotations = pd.DataFrame(
        {
            "bodyId": ids,
            "type": [f"T{i}" for i in rng.integers(0, 11_000, neurons)],
            "superclass": kinds[rng.integers(0, len(kinds), neurons)],
            "somaSide": np.array(["L", "R", None], dtype=object)[rng.integers(0, 3, neurons)],
        }
    )
    annotations.to_feather(folder / "annotations.feather")
    out, into = (np.cumsum(rng.lognormal(0, 1, neurons)) for _ in range(2))
    schema = pa.schema([("body_pre", pa.int64()), ("body_post", pa.int64()), ("weight", pa.int32())])
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(str(folder / "weights.feather"), schema, options=options) as writer:
        for start in range(0, rows, BATCH):
            size = min(BATCH, rows - start)
            pre = ids[np.minimum(np.searchsorted(out, rng.random(size) * out[-1]), neurons - 1)]
            post = ids[np.minimum(np.searchsorted(into, rng.random(size) * into[-1]), neurons - 1)]
            outside = rng.random(size) >= kept / rows
            segment = rng.integers(0, SEGMENTS, size) + 10_000
            post = np.where(outside, segment + SEGMENTS, post)  # beyond every annotated body
            weight = rng.geometric(0.3, size).astype(np.int32)
            writer.write_batch(pa.record_batch([pre, post, weight], schema=schema))


def made_undirected(nodes: int, edges: int) -> RelationalGraph:
    """Draw an undirected graph with heavy-tailed degrees."""
    rng = np.random.default_rng(0)
    ladder = np.cumsum(rng.lognormal(0, 1, nodes))
    ends = np.minimum(np.searchsorted(ladder, rng.random((2, int(1.2 * edges))) * ladder[-1]), nodes - 1)
    ends = np.sort(ends[:, ends[0] != ends[1]], axis=0)
    keys = np.unique(ends[0] * nodes + ends[1])
    keys = np.sort(rng.choice(keys, min(edges, len(keys)), replace=False))
    arcs = np.stack([keys // nodes, keys % nodes])
    both = np.concatenate([arcs, arcs[::-1]], axis=1)
    return RelationalGraph.from_edge_index(both, nodes, directed=False, self_loops="all", name="made")


class Phases:
    """Seconds of each phase, on the clock and of the processor, what it gave, and the peak of memory so far."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def run(self, name: str, function: Callable[[], T], show: Callable[[T], Any] = str) -> T:
        begin, used = time.perf_counter(), time.process_time()
        result = function()
        seconds, used = time.perf_counter() - begin, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        self.rows.append(
            {
                "phase": name,
                "seconds": seconds,
                "cpu_seconds": used,
                "peak_gb": peak,
                "result": str(show(result)),
            }
        )
        print(
            f"{name:24} {seconds:8.2f} s ({used:7.2f} s of processor)   peak {peak:5.2f} GB   {show(result)}",
            flush=True,
        )
        return result


def measure(phases: Phases, graph: RelationalGraph, folder: Path) -> None:
    """Measure a graph, save it and load it again."""
    phases.run("clustering C", lambda: graph.clustering)
    phases.run(
        "path length L",
        lambda: graph.paths,
        lambda p: f"{p.mean:.5f} ± {p.standard_error:.1g}, reachable {p.reachable:.4f}, sampled {p.sampled}",
    )
    phases.run("degrees", lambda: degrees.degrees(graph), lambda k: f"mean {k.mean():.1f}, most {k.max()}")
    phases.run("reciprocity", lambda: degrees.reciprocity(graph))
    phases.run("components", lambda: component_sizes(graph.csr), lambda s: f"{len(s)}, largest {s[0]}")
    phases.run(
        "communities",
        lambda: communities(graph),
        lambda c: f"{len(c.sizes)}, modularity {c.modularity:.4f}",
    )
    path = folder / "made.graph"
    phases.run("save", lambda: write_graph(graph, path), lambda p: f"{p.stat().st_size / 1e6:.0f} MB")
    loaded = phases.run("load", lambda: read_graph(path))
    if loaded.digest != graph.digest:
        raise SystemExit("the graph loaded is not the one saved")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=float, default=15e6, help="rows of the table")
    parser.add_argument("--kept", type=float, default=2.56e6, help="rows between annotated neurons")
    parser.add_argument("--neurons", type=int, default=16_670, help="annotated neurons")
    parser.add_argument("--undirected", action="store_true", help="40,000 nodes and 1,000,000 edges instead")
    parser.add_argument("--keep", action="store_true", help="keep the result in benchmarks/results")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    phases = Phases()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if arguments.undirected:
            graph = phases.run("make", lambda: made_undirected(40_000, 1_000_000))
        else:
            sizes = (int(arguments.rows), int(arguments.kept), arguments.neurons)
            process = multiprocessing.get_context("spawn").Process(target=make_tables, args=(folder, *sizes))
            process.start()
            process.join()
            tables = folder / "weights.feather", folder / "annotations.feather"
            graph = phases.run("read", lambda: read_connectome(*tables))
            (folder / "weights.feather").unlink()
        measure(phases, graph, folder)
    if arguments.keep:
        versions = ["numpy", "scipy", "numba", "pandas", "pyarrow"]
        name = "connectomes-undirected" if arguments.undirected else "connectomes"
        write(name, {**birth_certificate("bench_connectomes", versions), "phases": phases.rows})


if __name__ == "__main__":
    main()
