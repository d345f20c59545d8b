"""The edge engine against scipy's and torch's sparse products, and against masked and dense layers.

    python -m benchmarks.bench_edges --larva FOLDER    # a few minutes; FOLDER has edges.csv.xz
    python -m benchmarks.bench_edges --quick           # small graphs, seconds; its times say nothing

``forward + backward`` of a layer is divided by three times scipy's CSR product of the same matrix, in turns in
one run: a layer without its own kernels would take three such products. scipy's product has one thread. Without
``--larva`` a random graph of that size takes its place, and the result says so. The large graph has 139,000
neurons and 15 million connections whose in- and out-degrees are log-normal (σ = 1). The training step of the
whole fly (batch 32, 8 rounds, Adam) runs in a process of its own, so that its peak memory is its own, and is
divided by 24 products of scipy.

Layers are timed on one thread, in CPU seconds of the process, which other work on the machine disturbs less
than the clock; the whole fly's step by the clock. Ratios are medians of the ratios within a round, with
quartiles; ``of_fastest`` is the ratio of the shortest times. Freed memory is kept, as training runs do.

``mbyte`` is what a sparse product must move at least: indices, weights and activations read once, results
written once; forward + backward is three such products. ``share_of_bandwidth`` is the rate at which it moves
them, as a share of the bandwidth that :mod:`benchmarks.peak` measures in the same run on one thread. Above 1
the activations were in the cache.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sparse
import torch
from torch import nn

from benchmarks.peak import QUICK_VALUES, VALUES, bandwidth
from benchmarks.record import birth_certificate, write
from benchmarks.timing import Work, ratios
from graph2nn import ConnectomeRNN, RelationalGraph
from graph2nn.layers.dense import DenseLinear
from graph2nn.layers.edge import EdgeLinear, edge_product, tables_of
from graph2nn.layers.edge.sparse_rows import Tables
from graph2nn.layers.masked import RelationalLinear
from graph2nn.training.acceleration import keep_memory

LARVA, FLY = (2952, 110_677), (139_000, 15_000_000)


def main() -> None:
    options = arguments()
    if options.part == "whole-fly":
        print(json.dumps(whole_fly(options)))
        return
    keep_memory()
    result = birth_certificate("bench_edges", ("torch", "numba", "numpy", "scipy"))
    if options.larva:  # where the data lies says something of the machine, and nothing of the result
        result["command"] = result["command"].replace(str(options.larva), "FOLDER")
    result |= {"rounds": options.rounds, "quick": options.quick, "threads": 1}
    os.environ.setdefault("FLYDNET_THREADS", "1")
    result["flydnet"] = metadata.version("flydnet") if find_spec("flydnet") else "not installed"
    torch.set_num_threads(1)
    rate = bandwidth(QUICK_VALUES if options.quick else VALUES, 5)
    result["bandwidth_gbyte_per_s"] = rate
    graph, result["larva"] = larva(options)
    for batch in (32, 128):
        result[f"larva, batch {batch}"] = layers(graph, batch, options.rounds, rate, dense=True)
        print(json.dumps(result[f"larva, batch {batch}"], indent=1), flush=True)
    if not options.small:
        edges, n = made(*sizes(options))
        result["made fly, batch 32"] = layers((edges, n), 32, options.big_rounds, rate, dense=False)
        print(json.dumps(result["made fly, batch 32"], indent=1), flush=True)
        del edges
        again = [sys.executable, "-m", "benchmarks.bench_edges", "--part", "whole-fly"]
        again += ["--quick"] * options.quick + ["--big-rounds", str(options.big_rounds)]
        for precision in ("float32", "bf16"):
            command = [*again, "--precision", precision]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            result[f"whole fly, {precision}"] = json.loads(done.stdout.splitlines()[-1])
            print(done.stdout, flush=True)
    write("edges", result, options.out, quick=options.quick)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--larva", type=Path, help="folder with edges.csv.xz (pre, post, …)")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--big-rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="leave the large graph out")
    parser.add_argument("--quick", action="store_true", help="small graphs, few rounds: is everything there?")
    parser.add_argument("--out", type=Path, help="folder of the result; --quick writes nowhere without it")
    parser.add_argument("--part", choices=["whole-fly"], help=argparse.SUPPRESS)
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.rounds = options.big_rounds = 2
    return options


def sizes(options: argparse.Namespace) -> tuple[int, int]:
    return (2000, 50_000) if options.quick else FLY


def larva(options: argparse.Namespace) -> tuple[tuple[Any, int], str]:
    """Return the connections of the larva and how many neurons they join, or of a graph of its size."""
    if options.larva is None:
        return made(*((500, 5000) if options.quick else LARVA)), "random graph of that size"
    table = pd.read_csv(options.larva / "edges.csv.xz")
    names = pd.unique(pd.concat([table.iloc[:, 0], table.iloc[:, 1]]))
    place = pd.Index(names)
    edges = np.stack([place.get_indexer(table.iloc[:, 0]), place.get_indexer(table.iloc[:, 1])])
    return (edges, len(names)), f"{len(names)} neurons, {edges.shape[1]} connections"


def made(n: int, count: int, seed: int = 0) -> tuple[Any, int]:
    """Draw connections with log-normal in- and out-degrees, none twice: a few fewer than ``count``."""
    numbers = np.random.default_rng(seed)
    ends = []
    for _ in range(2):
        share = numbers.lognormal(0.0, 1.0, n)
        ends.append(numbers.choice(n, count, p=share / share.sum()))
    key = np.unique(ends[1] * np.int64(n) + ends[0])
    return np.stack([key % n, key // n]), n


def layers(graph: tuple[Any, int], batch: int, rounds: int, rate: float, *, dense: bool) -> dict[str, Any]:
    """Time one layer: kernels, forward + backward of the layer, and what it is compared with.

    Args:
        graph: connections and number of neurons.
        batch: columns of the activations.
        rounds: in which the contenders take turns.
        rate: bandwidth of the memory in gigabytes per second.
        dense: also time dense and masked layers.

    Returns:
        One row per contender.
    """
    edges, n = graph
    tables = tables_of(edges, n)
    weight = torch.randn(len(tables.source))
    csr = sparse.csr_array((weight.numpy(), tables.source.numpy(), tables.at.numpy()), shape=(n, n))
    x = torch.randn(n, batch)
    x_rows = x.numpy()
    torch_csr = torch.sparse_csr_tensor(tables.at, tables.source.long(), weight, (n, n))
    works: dict[str, Work] = {
        "scipy CSR, forward": lambda: csr @ x_rows,
        "torch CSR, forward": lambda: torch_csr @ x,
        **flydnets(csr, x_rows),
        "edge, forward": lambda: edge_product(x, weight, tables),
        "edge, forward + backward": forward_backward(x, weight, tables),
        "edge bf16 activations, forward": lambda: edge_product(x.bfloat16(), weight, tables),
        "edge bf16 activations, forward + backward": forward_backward(x.bfloat16(), weight, tables),
    }
    gflop = 2e-9 * len(weight) * batch
    times = take_turns(works, rounds, 10 if dense else 1)
    result = {name: row(name, values, times, gflop) for name, values in times.items()}
    if dense:
        # Apart from the others: what they leave in the caches is not what a sparse product finds there.
        wired = RelationalGraph.from_edge_index(edges, n)
        scipys = "scipy CSR, forward"
        slow = {
            scipys: lambda: [csr @ x_rows for _ in range(10)],
            "edge, layer of graph2nn, forward + backward": module(EdgeLinear(wired, n, n), batch),
            "dense, forward + backward": module(DenseLinear(n, n, bias=False), batch),
            "masked, forward + backward": module(RelationalLinear(wired, n, n), batch),
        }
        times = take_turns(slow, max(2, rounds // 3), 1)
        times[scipys] = [seconds / 10 for seconds in times[scipys]]
        result |= {name: row(name, values, times, gflop) for name, values in times.items() if name != scipys}
    for name, entry in result.items():
        if not name.startswith(("dense", "masked")):
            entry |= moved(name, entry["ms"], tables, batch, rate)
    return result


def flydnets(csr: Any, x: Any) -> dict[str, Work]:
    """The products of flydnet, by its C kernel on one thread; its gradient of the weights is NumPy's.

    Its matrices hold int64 rows, int32 columns and float32 values, as ``csr`` is given here. The transposed
    matrix is gathered anew in each step, as its training does.

    Args:
        csr: matrix of scipy, ``[n, n]``.
        x: activations, ``[n, batch]``.

    Returns:
        Works by name; none where flydnet is not installed.
    """
    if not find_spec("flydnet"):
        return {}
    from flydnet.ganglion.csr import CSR, backend
    from flydnet.ganglion.kernels import edge_dot

    if backend() != "c":
        raise RuntimeError(f"flydnet has no C kernel on this machine: its products are those of {backend()}.")
    values, sources, at = csr.data, csr.indices.astype(np.int32), csr.indptr.astype(np.int64)
    matrix = CSR(values, sources, at, csr.shape)
    targets = np.repeat(np.arange(csr.shape[0]), np.diff(at))
    gradient = np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
    assert np.allclose(matrix @ x, csr @ x, rtol=1e-4, atol=1e-4)

    def step() -> Any:
        return matrix @ x, matrix.T @ gradient, edge_dot(gradient, x, at, targets, sources)

    return {"flydnet, forward": lambda: matrix @ x, "flydnet, forward + backward": step}


def moved(name: str, ms: float, tables: Tables, batch: int, rate: float) -> dict[str, float]:
    """Return the megabytes that a sparse product must move at least, and its share of the bandwidth.

    Args:
        name: of the contender: whether it is three products, and whether activations are bfloat16.
        ms: milliseconds.
        tables: connections of the layer.
        batch: columns of the activations.
        rate: bandwidth in gigabytes per second.
    """
    inputs, connections = len(tables.at_source) - 1, len(tables.source)
    value = 2 if "bf16" in name else 4
    # Of each connection the weight and the source (int32), of each neuron where its row begins (int64).
    product = 8 * connections + 8 * len(tables.at) + value * batch * (inputs + tables.outputs)
    total = 1e-6 * product * (3 if "backward" in name else 1)
    return {"mbyte": round(total, 3), "share_of_bandwidth": round(total / ms / rate, 3)}


def take_turns(works: dict[str, Work], rounds: int, repeats: int) -> dict[str, list[float]]:
    """Return CPU seconds per call of each work, one value per round; a first round warms up."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            work()
            begin = time.process_time()
            for _ in range(repeats):
                work()
            if turn:
                times[name].append((time.process_time() - begin) / repeats)
    return times


def row(name: str, values: list[float], times: dict[str, list[float]], gflop: float) -> dict[str, Any]:
    """Return milliseconds, GFLOP/s of useful multiply-adds, and the ratio to one or three products of scipy."""
    seconds = statistics.median(values)
    products = 3 if "backward" in name else 1
    ratio, quartiles = ratios(values, [products * base for base in times["scipy CSR, forward"]])
    return {
        "ms": round(1e3 * seconds, 3),
        "gflops": round(products * gflop / seconds, 2),
        f"times_{products}_scipy": ratio,
        "quartiles": quartiles,
        "of_fastest": round(min(values) / products / min(times["scipy CSR, forward"]), 3),
        "n": len(values),
    }


def forward_backward(x: torch.Tensor, weight: torch.Tensor, tables: Tables) -> Work:
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    gradient = torch.randn(tables.outputs, x.shape[1]).to(x.dtype)
    return lambda: torch.autograd.grad(edge_product(x, weight, tables), [x, weight], gradient)


def module(layer: nn.Module, batch: int) -> Work:
    x = torch.randn(batch, layer.in_features, requires_grad=True)  # type: ignore[call-overload]
    gradient = torch.randn_like(layer(x))
    return lambda: torch.autograd.grad(layer(x), [x, *layer.parameters()], gradient)


def whole_fly(options: argparse.Namespace) -> dict[str, Any]:
    """Time training steps of the whole fly, and the products of scipy, in turns; report this process's peak."""
    torch.set_num_threads(2)
    keep_memory()
    edges, n = made(*sizes(options))
    graph = RelationalGraph.from_edge_index(edges, n, name="made fly")
    del edges
    network = ConnectomeRNN(graph, 64, 10, inputs=range(1000), outputs=range(1000, 2000), rounds=8)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    x, y = torch.randn(32, 64), torch.randint(0, 10, (32,))
    losses = []

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.precision == "bf16"):
            loss = nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())

    step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    tables = network.edges.tables
    csr = sparse.csr_array(
        (network.recurrent_weight().detach().numpy(), tables.source.numpy(), tables.at.numpy()), shape=(n, n)
    )
    state = torch.randn(n, 32).numpy()
    ours, scipys = [], []
    for _ in range(options.big_rounds):
        begin = time.perf_counter()
        step()
        middle = time.perf_counter()
        csr @ state
        ours.append(middle - begin)
        scipys.append(24 * (time.perf_counter() - middle))
    ratio, quartiles = ratios(ours, scipys)
    return {
        "neurons": n,
        "connections": graph.edges,
        "threads": 2,
        "step_s": round(statistics.median(ours), 3),
        "scipy_24_products_s": round(statistics.median(scipys), 3),
        "times_24_scipy": ratio,
        "quartiles": quartiles,
        "of_fastest": round(min(ours) / min(scipys), 3),
        "n": len(ours),
        "peak_gb_until_first_step": round(peak, 2),
        "losses": [round(loss, 4) for loss in losses],
    }


if __name__ == "__main__":
    main()
