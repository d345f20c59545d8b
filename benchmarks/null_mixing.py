"""How many proposals per edge a null needs: what is left of the graph after each number of them.

    python -m benchmarks.null_mixing --edges EDGES.csv.xz --neurons NEURONS.csv.xz

One row per kind and number of proposals, means over ``--draws`` nulls: the share of edges that are where they
were, C, reciprocity, and the direct connections between sensory and output neurons. The last row of each kind
has ten times as many proposals as the product uses.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import graph2nn
from benchmarks.record import birth_certificate, write
from graph2nn import RelationalGraph
from graph2nn.graphs.measures.degrees import reciprocity

PROPOSALS = (0.5, 1, 2, 3, 5, 10, 20, 100)
SENSORY, OUTPUT = "celltype == 'sensory'", "celltype in ['DN-SEZ', 'DN-VNC', 'RGN']"
KINDS: dict[str, dict[str, Any]] = {
    "degree": {},
    "reciprocal": {},
    "block": {"groups": "celltype"},
    "boundary": {},
    "spatial": {"positions": ["x", "y", "z"]},  # drawn at random in a cube
}


def read(edges: Path, neurons: Path) -> RelationalGraph:
    table, nodes = pd.read_csv(edges), pd.read_csv(neurons)
    nodes[["x", "y", "z"]] = np.random.default_rng(0).random((len(nodes), 3))
    place = pd.Series(np.arange(len(nodes)), index=nodes["id"])
    arcs = np.stack([place[table["pre"]].to_numpy(), place[table["post"]].to_numpy()])
    return RelationalGraph.from_edge_index(arcs, len(nodes), nodes=nodes, name=edges.parent.name)


def measure(graph: RelationalGraph, kind: str, proposals: float, draws: int) -> dict[str, Any]:
    rows = []
    for seed in range(draws):
        drawn = graph2nn.null(
            graph, kind, seed, inputs=SENSORY, outputs=OUTPUT, proposals=proposals, **KINDS[kind]
        )
        source, target = drawn.edge_index
        assert drawn.inputs is not None
        assert drawn.outputs is not None
        direct = np.isin(source, drawn.inputs) & np.isin(target, drawn.outputs)
        in_place = (drawn.adjacency & graph.adjacency).sum() / graph.edges
        rows.append([in_place, drawn.clustering, reciprocity(drawn), direct.sum()])
    names = ["edges_in_place", "C", "reciprocity", "direct"]
    means, spreads = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1)
    values = {name: round(float(mean), 4) for name, mean in zip(names, means, strict=True)}
    return {"kind": kind, "proposals": proposals, **values, "sd_of_C": round(float(spreads[1]), 5)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=Path, required=True)
    parser.add_argument("--neurons", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--out", type=Path, help="folder for null_mixing.json")
    arguments = parser.parse_args()
    result = birth_certificate("null_mixing", ["numpy", "numba"])
    graph = read(arguments.edges, arguments.neurons)
    result["rows"] = [
        measure(graph, kind, proposals, arguments.draws) for kind in KINDS for proposals in PROPOSALS
    ]
    write("null_mixing", result, arguments.out)


if __name__ == "__main__":
    main()
