"""What a null changes besides what it keeps: a table of measures of the graph and of its null."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Longs
from graph2nn.errors import Graph2nnWarning, UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.kernels.jit import compiled
from graph2nn.graphs.measures.degrees import reciprocity
from graph2nn.graphs.quantities import ALONG_EDGES

if TYPE_CHECKING:
    import pandas as pd


#: Arcs followed at most for the mean path from inputs to outputs; beyond, inputs are sampled.
_WORK = 2 * 10**9
#: Change of the direct connections, and of the mean path, that is called a short cut opened or closed.
SHORT_CUT = 0.2
#: Nodes up to which all eigenvalues are computed.
_DENSE = 500


@dataclass(frozen=True)
class NullReport:
    """What changed from a graph to its null.

    Attributes:
        table: one row per measure: ``graph``, ``null`` and ``change`` = null − graph. The name of its index
            says of a directed graph what C and L are.
        warnings: sentences on short cuts that the null opens or closes.
        kind: of the null. name: of the graph.

    Example:
        >>> from graph2nn import null, ws_flex
        >>> report = null(ws_flex(16, 4, 0.1, 1), "degree", seed=0).report()
        >>> report.kind, report.table.columns.tolist()
        ('degree', ['graph', 'null', 'change'])
    """

    table: pd.DataFrame
    warnings: tuple[str, ...]
    kind: str
    name: str

    def __str__(self) -> str:
        lines = [f"{self.kind} null of {self.name}", self.table.to_string(float_format=lambda x: f"{x:,.6g}")]
        return "\n".join([*lines, *self.warnings])


def report_of(
    graph: RelationalGraph, null: RelationalGraph, inputs: Longs | None = None, outputs: Longs | None = None
) -> NullReport:
    """Measure a graph and its null.

    Args:
        graph, null: on the same nodes.
        inputs, outputs: node numbers; their direct connections and paths are measured where both are given.

    Returns:
        The table and its warnings.
    """
    import pandas as pd

    columns = {
        label: {**_measures(one), **(_flow(one, inputs, outputs) if _both(inputs, outputs) else {})}
        for label, one in (("graph", graph), ("null", null))
    }
    table = pd.DataFrame(columns, dtype=np.float64)
    table["change"] = table["null"] - table["graph"]
    table.index.name = _heading(graph)
    return NullReport(table, short_cuts(table), getattr(null, "kind", ""), graph.name)


def null_differences(graph: RelationalGraph, nulls: Sequence[RelationalGraph]) -> pd.DataFrame:
    """Measure how nulls differ from their graph, to be read next to every effect.

    Args:
        graph: directed or not; its nulls must be the same, or C, L and edges would be those of two kinds of
            graphs.
        nulls: one or more nulls of it.

    Returns:
        One row per measure (edges, C, L, share of pairs with a path, reciprocity, spectral radius): ``graph``,
        ``null_mean``, ``null_sd``, ``change`` = null_mean − graph, and ``changes``, whether the change exceeds
        one per cent of the graph's value. Nulls with no such row leave an effect nothing to be explained by.

    Raises:
        UserError: no null, or a graph symmetrised and its nulls not, or the other way round.

    Example:
        >>> import graph2nn as g
        >>> graph = g.ws_flex(32, 6, 0.1, seed=1)
        >>> table = null_differences(graph, g.ensemble(graph, "degree", 5))
        >>> bool(table.loc["clustering", "change"] < 0), bool(table.loc["edges", "changes"])
        (True, False)
    """
    import pandas as pd

    if not nulls:
        raise UserError("null_differences: there is no null to compare the graph with.")
    if any(bool(one.directed) != bool(graph.directed) for one in nulls):
        raise UserError(
            f"null_differences: graph {graph.name!r} is {'' if graph.directed else 'un'}directed and a null is "
            "not; symmetrise both arms, or neither."
        )
    drawn = pd.DataFrame([_measures(one) for one in nulls], dtype=np.float64)
    table = pd.DataFrame({"graph": pd.Series(_measures(graph), dtype=np.float64), "null_mean": drawn.mean()})
    table["null_sd"] = drawn.std(ddof=1) if len(drawn) > 1 else math.nan
    table["change"] = table["null_mean"] - table["graph"]
    table["changes"] = table["change"].abs() > 0.01 * table["graph"].abs()
    table.index.name = _heading(graph)
    return table


def _heading(graph: RelationalGraph) -> str:
    """Name the column of measures, which says what C and L are where the graph is directed."""
    return f"measure ({ALONG_EDGES})" if graph.directed else "measure"


def short_cuts(table: pd.DataFrame) -> tuple[str, ...]:
    """Return a sentence for each short cut from inputs to outputs that a null opens or closes."""
    if "direct_connections" not in table.index:
        return ()
    sentences = []
    before, after = map(float, table.loc["direct_connections", ["graph", "null"]])
    chance = 2 * math.sqrt(max(before, after, 1.0))
    if abs(after - before) > max(SHORT_CUT * before, chance):
        sentences.append(
            f"The null {'opens' if after > before else 'closes'} short cuts: {after:,.0f} direct connections "
            f"from inputs to outputs, {before:,.0f} in the graph. An effect may be that of the short cuts."
        )
    before, after = map(float, table.loc["mean_path", ["graph", "null"]])
    if math.isfinite(before) and math.isfinite(after) and abs(after - before) > SHORT_CUT * before:
        sentences.append(
            f"The mean path from inputs to outputs is {after:.3g} steps, {before:.3g} in the graph."
        )
    return tuple(sentences)


def _both(inputs: Longs | None, outputs: Longs | None) -> bool:
    return inputs is not None and outputs is not None


def _measures(graph: RelationalGraph) -> dict[str, float]:
    with warnings.catch_warnings():  # the share of pairs with a path has its own row
        warnings.simplefilter("ignore", Graph2nnWarning)
        length = graph.path_length
    return {
        "edges": graph.edges,
        "clustering": graph.clustering,
        "path_length": length,
        "reachable": graph.reachable,
        "reciprocity": reciprocity(graph),
        "spectral_radius": spectral_radius(graph),
    }


def spectral_radius(graph: RelationalGraph) -> float:
    """Largest absolute eigenvalue of the matrix of signed weights, or of the adjacency where there are none.

    NaN where the iteration does not converge.
    """
    from scipy import sparse
    from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, eigs

    values: npt.NDArray[np.float64] = np.ones(graph.edge_index.shape[1])
    for factor in (graph.weights, graph.signs):
        values = values if factor is None else values * factor
    source, target = graph.edge_index
    matrix = sparse.csr_array((values, (target, source)), shape=(graph.n, graph.n))
    if not values.any():
        return 0.0
    if graph.n <= _DENSE:
        return float(np.abs(np.linalg.eigvals(matrix.toarray())).max())
    start = np.random.default_rng(0).random(graph.n)
    try:
        return float(np.abs(eigs(matrix, k=1, which="LM", v0=start, return_eigenvectors=False, tol=1e-6)[0]))
    except (ArpackError, ArpackNoConvergence):
        return math.nan


def _flow(graph: RelationalGraph, inputs: Longs | None, outputs: Longs | None) -> dict[str, float]:
    assert inputs is not None
    assert outputs is not None
    source, target = graph.edge_index
    entry, exits = np.zeros(graph.n, dtype=np.bool_), np.zeros(graph.n, dtype=np.bool_)
    entry[inputs], exits[outputs] = True, True
    order = np.argsort(source, kind="stable")
    start = np.zeros(graph.n + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=graph.n), out=start[1:])
    most = max(16, _WORK // max(1, len(source)))
    if len(inputs) > most:
        inputs = np.sort(np.random.default_rng(0).choice(inputs, most, replace=False))
    steps, pairs = walk(target[order].astype(np.int32), start, inputs, exits)
    possible = len(inputs) * len(outputs) - np.intersect1d(inputs, outputs).size
    return {
        "direct_connections": int((entry[source] & exits[target] & (source != target)).sum()),
        "mean_path": steps / pairs if pairs else math.nan,
        "reached": pairs / possible if possible else math.nan,
    }


@compiled
def walk(
    target: npt.NDArray[np.int32], start: Longs, inputs: Longs, exits: npt.NDArray[np.bool_]
) -> tuple[int, int]:
    """Return the steps from inputs to the exits they reach, summed over the pairs, and the number of these.

    Args:
        target, start: targets of the arcs, sorted by source; where each source's arcs begin.
        inputs: node numbers to start from.
        exits: which nodes are exits, ``[n]``.

    Returns:
        Sum of the steps, and number of pairs with a path.
    """
    n = len(exits)
    distance = np.full(n, -1, np.int64)
    queue = np.empty(n, np.int64)
    total, pairs = 0, 0
    for first in inputs:
        distance[:] = -1
        distance[first] = 0
        queue[0] = first
        head, tail = 0, 1
        while head < tail:
            node = queue[head]
            head += 1
            if exits[node] and node != first:
                total += distance[node]
                pairs += 1
            for slot in range(start[node], start[node + 1]):
                other = target[slot]
                if distance[other] < 0:
                    distance[other] = distance[node] + 1
                    queue[tail] = other
                    tail += 1
    return total, pairs
