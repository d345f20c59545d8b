"""From what a file held to a graph: rows, weights, direction, repeated pairs, components, in that order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.io.edge_weights import edge_weights, where_mask
from graph2nn.graphs.io.matrices import pairs_of_matrix
from graph2nn.graphs.io.options import ReadOptions
from graph2nn.graphs.io.pairs import EdgePairs, choose_edges, combined, repeated_keys
from graph2nn.graphs.io.source import MOST_NODES, EdgeList, Matrix, Source


@dataclass(frozen=True)
class Reading:
    """A graph that was read.

    Args:
        graph: the graph.
        notes: what was left aside or decided where the file left it open, one line each.
        how: one line that says how it was read, for a command to print.

    Example:
        >>> from graph2nn import ws_flex
        >>> Reading(ws_flex(16, 4, 0.1, 1), how="drawn").notes
        ()
    """

    graph: RelationalGraph
    notes: tuple[str, ...] = ()
    how: str = ""


def assemble(source: Source, options: ReadOptions, *, label: str) -> Reading:
    """Apply the options to what a file held.

    Args:
        source: edges or a matrix.
        options: of :func:`graph2nn.read_graph`.
        label: name of a graph that has none of its own.

    Returns:
        The graph, and what should be said about it.

    Raises:
        UserError: whatever the file and the options leave open, named with the option that decides.
    """
    pairs = pairs_of_matrix(source, options) if isinstance(source, Matrix) else _pairs_of_edges(source, options)
    if pairs.n < 2:
        raise UserError(f"adjacency: n = {pairs.n}, expected at least 2 nodes.")
    if pairs.n > MOST_NODES:
        raise UserError(f"adjacency: n = {pairs.n:,}, expected at most {MOST_NODES:,} nodes.")
    choose_edges(pairs, options)
    if options.transpose:
        pairs.reader, pairs.read = pairs.read, pairs.reader
    if options.largest_component:
        _largest_component(pairs)
    graph = _graph(pairs, options, options.name or pairs.name or label)
    return Reading(graph, tuple(dict.fromkeys(pairs.notes)), _line(pairs, graph, options))


def _pairs_of_edges(edges: EdgeList, options: ReadOptions) -> EdgePairs:
    directed = _direction(edges, options)
    if options.where:
        _select(edges, where_mask(edges.columns, options))
    weights, weight_name = edge_weights(edges, options)
    first, second = edges.first, edges.second
    if directed and edges.one_way is not None:  # an edge that goes both ways is two arcs
        both = ~edges.one_way & (first != second)
        first, second = np.concatenate([first, second[both]]), np.concatenate([second, first[both]])
        weights = None if weights is None else np.concatenate([weights, weights[both]])
    if edges.second_reads and directed:
        reader, read = second, first
    else:
        reader, read = first, second
    pairs = EdgePairs(
        edges.n, reader, read, weights, edges.names, directed, edges.name, _said(edges, directed), weight_name
    )
    pairs.notes, pairs.self_loops = edges.notes, edges.self_loops
    if options.drop_self_loops and (loops := pairs.reader == pairs.read).any():
        pairs.notes.append(f"{int(loops.sum())} self-loop{'s were' if loops.sum() > 1 else ' was'} dropped")
        pairs.kept(~loops)
    _merge(pairs, edges, options)
    return pairs


def _select(edges: EdgeList, mask: npt.NDArray[np.bool_]) -> None:
    """Keep the rows that ``where`` asks for, and the nodes that they name."""
    edges.first, edges.second = edges.first[mask], edges.second[mask]
    edges.columns = edges.columns[mask].reset_index(drop=True)
    if edges.one_way is not None:
        edges.one_way = edges.one_way[mask]
    if edges.table or edges.numbered:  # the nodes of a table are those of its rows
        used = np.unique(np.concatenate([edges.first, edges.second]))
        names = edges.names if edges.names is not None else tuple(str(i) for i in range(edges.n))
        edges.first, edges.second = np.searchsorted(used, edges.first), np.searchsorted(used, edges.second)
        if len(used) < edges.n:
            edges.names = tuple(names[int(i)] for i in used)
        edges.n = len(used)


def _direction(edges: EdgeList, options: ReadOptions) -> bool:
    """Decide whether the graph is directed: the user's word, the file's, else undirected, which is noted."""
    if options.directed is not None:
        return options.directed
    if edges.directed is not None:
        return edges.directed
    edges.notes.append(
        f"read as undirected: nothing says a direction ({options.say('directed', True)}: {edges.rule})"
    )
    edges.said = ""
    return False


def _said(edges: EdgeList, directed: bool) -> str:
    if not directed:
        return edges.said
    return f"{edges.said}; {edges.rule}" if edges.said else edges.rule


def _merge(pairs: EdgePairs, edges: EdgeList, options: ReadOptions) -> None:
    """Make one edge of each pair that is listed more than once.

    Raises:
        UserError: a pair with different weights, and no option that says what to do with them.
    """
    one, other = pairs.reader, pairs.read
    if not pairs.directed:
        one, other = np.minimum(one, other), np.maximum(one, other)
    keys = one * pairs.n + other
    repeats = len(keys) - len(np.unique(keys))
    if not repeats:
        return
    weights = pairs.weights
    if weights is None and options.combine == "sum":
        weights, pairs.weight_name = np.ones(len(keys)), "number of edges"
    if options.combine is None and weights is not None and (i := repeated_keys(keys, weights)) is not None:
        raise UserError(_repeated(pairs, edges, keys, i, options))
    values = np.ones(len(keys)) if weights is None else weights
    unique, merged = combined(keys, values, options.combine or "first")
    places = {int(key): i for i, key in reversed(list(enumerate(keys.tolist())))}
    order = np.array([places[int(key)] for key in unique], dtype=np.int64)
    pairs.reader, pairs.read = pairs.reader[order], pairs.read[order]
    pairs.weights = None if weights is None else merged
    if options.combine is not None and weights is not None:
        pairs.notes.append(
            f"{repeats} repeated {'pair was' if repeats == 1 else 'pairs were'} combined by {options.combine}"
        )
    else:
        pairs.notes.append(f"parallel edges merged: {len(keys)} rows name {len(unique)} different pairs")


def _repeated(
    pairs: EdgePairs, edges: EdgeList, keys: npt.NDArray[np.int64], i: int, options: ReadOptions
) -> str:
    """Name a pair that stands more than once, what tells its rows apart, and the options that decide."""
    weights = pairs.weights
    assert weights is not None
    rows = np.flatnonzero(keys == keys[i])
    same_way = rows[(pairs.reader[rows] == pairs.reader[rows[0]])]
    if len(set(weights[same_way].tolist())) > 1:
        rows = same_way
    pair = f"{pairs.label(int(pairs.reader[rows[0]]))}, {pairs.label(int(pairs.read[rows[0]]))}"
    often = "twice" if len(rows) == 2 else f"{len(rows)} times"
    shown = " and ".join(f"{weights[row]:g}" for row in rows[:3])
    options_ = [f"{options.say('combine', 'sum')} adds them"]
    kinds = ""
    if len(edges.columns) == len(keys):
        for name in edges.columns:
            entries = [str(edges.columns[name].iloc[int(row)]).strip() for row in rows]
            numeric = str(name) == pairs.weight_name or all(
                entry.replace(".", "", 1).isdigit() for entry in entries
            )
            if len(set(entries)) > 1 and not numeric:
                kinds = f", with {name} {' and '.join(dict.fromkeys(entries))}"
                options_.insert(0, f"{options.say('where', (str(name), entries[0]))} takes one kind")
                break
    both_ways = len({int(pairs.reader[row]) for row in rows}) > 1
    if both_ways and not pairs.directed and options.directed is None:
        options_.append(f"{options.say('directed', True)} keeps the two directions apart")
    return f"the pair {pair} stands {often}{kinds} (weights {shown}): {', '.join(options_)}."


def _largest_component(pairs: EdgePairs) -> None:
    """Keep the largest part that is connected when every edge is taken both ways."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(pairs.reader), dtype=np.int8)
    matrix = sparse.coo_matrix((ones, (pairs.reader, pairs.read)), shape=(pairs.n, pairs.n))
    number, part = connected_components(matrix, directed=False)
    if number == 1:
        return
    sizes = np.bincount(part)
    inside = part == int(np.argmax(sizes))
    place = np.cumsum(inside) - 1
    pairs.kept(inside[pairs.reader])
    pairs.reader, pairs.read = place[pairs.reader], place[pairs.read]
    names = pairs.names if pairs.names is not None else tuple(str(i) for i in range(pairs.n))
    pairs.notes.append(f"the largest of {number} components has {sizes.max()} of {pairs.n} nodes")
    pairs.names = tuple(names[i] for i in np.flatnonzero(inside).tolist())
    pairs.n = int(sizes.max())


def _graph(pairs: EdgePairs, options: ReadOptions, name: str) -> RelationalGraph:
    if pairs.n < 2:
        raise UserError(f"adjacency: n = {pairs.n}, expected at least 2 nodes.")
    reader, read, weights = pairs.reader, pairs.read, pairs.weights
    if not pairs.directed:
        one_way = reader != read
        reader, read = np.concatenate([reader, read[one_way]]), np.concatenate([read, reader[one_way]])
        weights = None if weights is None else np.concatenate([weights, weights[one_way]])
    if not options.keep_weights:
        weights = None
    elif weights is None:
        weights = np.ones(len(reader))
    return RelationalGraph.from_edge_index(
        np.stack([read, reader]),
        pairs.n,
        weights=None if weights is None else np.abs(weights),
        signs=None if weights is None or not (weights < 0).any() else np.sign(weights).astype(np.int8),
        node_names=pairs.names,
        name=name,
        directed=pairs.directed,
        self_loops=pairs.self_loops,
    )


def _line(pairs: EdgePairs, graph: RelationalGraph, options: ReadOptions) -> str:
    kind = "directed" if graph.directed else "undirected"
    said = f" ({pairs.said})" if pairs.said and (graph.directed or options.directed is None) else ""
    turned = ", transposed" if options.transpose else ""
    turn = f"; {options.say('transpose', True)} turns it" if graph.directed and not options.transpose else ""
    return f"read as {kind}{said}{turned}: {graph.n} nodes, {graph.edges} edges{turn}"
