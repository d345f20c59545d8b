"""RelationalGraph from and to networkx: node names, weights and signs come along."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from graph2nn.arguments import got
from graph2nn.errors import Graph2nnWarning, UserError, WrongTypeError, unknown

if TYPE_CHECKING:
    import networkx as nx

Combine = Literal["sum", "max", "first"]
SelfLoops = Literal["all", "given"]

_COMBINE: dict[str, Callable[[list[float]], float]] = {"sum": math.fsum, "max": max, "first": lambda w: w[0]}
#: Memory of one edge of a networkx graph, measured: three dictionaries share an edge's attributes.
_BYTES_PER_EDGE, _MOST_BYTES = 400, 4e9


def networkx_arguments(
    graph: nx.Graph[Any],
    *,
    name: str | None,
    drop_self_loops: bool,
    weight: str,
    threshold: float | None,
    combine: Combine | None,
    self_loops: SelfLoops,
) -> dict[str, Any]:
    """Return the arguments of :meth:`RelationalGraph.from_edge_index` for a networkx graph.

    The arguments are those of :meth:`RelationalGraph.from_networkx`.

    Args:
        graph: of networkx, directed or not, simple or multiple.
        name, drop_self_loops, weight, threshold, combine, self_loops: as for
            :meth:`RelationalGraph.from_networkx`.

    Returns:
        Keywords by name.
    """
    import networkx as nx

    if not isinstance(graph, nx.Graph):
        raise WrongTypeError(f"from_networkx: graph: expected a graph of networkx, got {got(graph)}.")
    position = {node: i for i, node in enumerate(graph.nodes)}
    label = name or str(getattr(graph, "name", "") or "graph")
    if combine is not None and combine not in _COMBINE:
        raise unknown("from_networkx: combine", combine, _COMBINE)
    if len(position) < 2:
        raise UserError(f"adjacency: n = {len(position)}, expected at least 2 nodes.")
    pairs = _weighted_pairs(graph, weight, threshold, label)
    values = {pair: _combined(pair, numbers, combine, label) for pair, numbers in pairs.items()}
    loop = next((u for u, v in values if u == v), None)
    if loop is not None and not drop_self_loops and self_loops == "all":
        raise UserError(
            f"adjacency: node {loop!r} has a self-loop. Every node reads itself already; "
            'remove it, pass drop_self_loops=True, or keep the given ones with self_loops="given".'
        )
    kept = [(position[u], position[v], w) for (u, v), w in values.items() if u != v or not drop_self_loops]
    if not graph.is_directed():
        kept += [(v, u, w) for u, v, w in kept if u != v]
    arcs = np.array([(read, reader) for reader, read, _ in kept], dtype=np.int64).reshape(-1, 2).T
    weights = np.array([w for _, _, w in kept], dtype=np.float64)
    carried = bool(np.isfinite(weights).all()) and len(weights) > 0
    ends = list(position)
    signs = _signs(graph, [(ends[u], ends[v]) for u, v, _ in kept])
    if signs is None and carried and (weights < 0).any():
        signs = np.sign(weights).astype(np.int8)
    return {
        "edge_index": arcs,
        "n": len(position),
        "weights": np.abs(weights) if carried else None,
        "signs": signs,
        "node_names": _names(position, label),
        "name": label,
        "directed": graph.is_directed(),
        "self_loops": self_loops,
    }


def _names(position: dict[Any, int], label: str) -> list[str] | None:
    """Return the names of the nodes; None where they are just 0 … n−1 in order."""
    if list(position) == list(range(len(position))):
        return None
    names = [str(node) for node in position]
    if len(set(names)) < len(names):
        raise UserError(
            f"graph {label!r}: two nodes have the same name as text (for example 1 and '1'); rename one."
        )
    return names


def _signs(graph: nx.Graph[Any], pairs: list[tuple[Any, Any]]) -> npt.NDArray[np.int8] | None:
    """Return the attribute ``sign`` of the edges, where every one has −1, 0 or +1 there."""
    if graph.is_multigraph() or not pairs:
        return None
    signs = [graph.edges[pair].get("sign") for pair in pairs]
    if not all(isinstance(sign, int | np.integer) and sign in (-1, 0, 1) for sign in signs):
        return None
    return np.array(signs, dtype=np.int8)


def _weighted_pairs(
    graph: nx.Graph[Any], attribute: str, threshold: float | None, label: str
) -> dict[tuple[Any, Any], list[float]]:
    """Collect the weights of each pair of nodes; NaN throughout where the edges carry none."""
    edges: list[tuple[Any, Any, Any]] = list(graph.edges(data=attribute))
    given = [value for _, _, value in edges if value is not None]
    textual = next((value for value in given if isinstance(value, str)), None)
    if textual is not None:
        if threshold is not None:
            raise UserError(f"graph {label!r}: the weight {textual!r} is text, so a threshold cannot apply.")
        warnings.warn(
            f"graph {label!r}: the attribute {attribute!r} of its edges is text and was ignored.",
            Graph2nnWarning,
            stacklevel=4,
        )
        given = []
    if threshold is not None and not given:
        raise UserError(f"graph {label!r}: no edge has the attribute {attribute!r} that the threshold is for.")
    pairs: dict[tuple[Any, Any], list[float]] = {}
    for u, v, value in edges:
        weight = _number(1.0 if value is None else value, (u, v), label) if given else math.nan
        if threshold is None and weight == 0:
            raise UserError(
                f"graph {label!r}: the edge {u!r}, {v!r} has weight 0; remove it, or pass threshold=0 to keep "
                "only weights above 0."
            )
        if threshold is None or weight > threshold:
            key = (v, u) if not graph.is_directed() and (v, u) in pairs else (u, v)
            pairs.setdefault(key, []).append(weight)
    return pairs


def _number(value: Any, edge: tuple[Any, Any], label: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"graph {label!r}: the weight {value!r} of the edge {edge!r} is not a finite number.")
    return number


def _combined(pair: tuple[Any, Any], weights: list[float], combine: Combine | None, label: str) -> float:
    if len(weights) == 1 or math.isnan(weights[0]):
        return weights[0]
    if combine is not None:
        return _COMBINE[combine](weights)
    if len(set(weights)) > 1:
        raise UserError(
            f"graph {label!r}: the edge {pair[0]!r}, {pair[1]!r} stands {len(weights)} times with different "
            'weights; pass combine="sum", "max" or "first".'
        )
    return weights[0]


def networkx_of_graph(graph: Any) -> nx.Graph[Any]:
    """Return a networkx graph of a :class:`RelationalGraph`; see :meth:`RelationalGraph.to_networkx`."""
    import networkx as nx

    if graph.edges * _BYTES_PER_EDGE > _MOST_BYTES:
        raise UserError(
            f"graph {graph.name!r}: a networkx graph of {graph.edges:,} edges takes about "
            f"{graph.edges * _BYTES_PER_EDGE / 1e9:.0f} GB; use .csr or .edge_index, or a subgraph."
        )
    result: nx.Graph[Any] = nx.DiGraph() if graph.directed else nx.Graph()
    result.name = graph.name
    labels: list[Any] = list(graph.node_names or range(graph.n))
    result.add_nodes_from(labels)
    read, readers = graph.edge_index.tolist()
    ends = [(labels[u], labels[v]) for u, v in zip(readers, read, strict=True)]
    if graph.weights is None and graph.signs is None:
        result.add_edges_from(ends)
        return result
    for i, (u, v) in enumerate(ends):
        weight = {} if graph.weights is None else {"weight": float(graph.weights[i])}
        sign = {} if graph.signs is None else {"sign": int(graph.signs[i])}
        result.add_edge(u, v, **weight, **sign)
    return result
