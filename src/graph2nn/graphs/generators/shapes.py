"""Deterministic graphs: ring, cycle, path, star, complete, grid, hypercube, balanced tree."""

from __future__ import annotations

import math

from graph2nn.arguments import checked_arguments
from graph2nn.errors import UserError
from graph2nn.graphs.generators.family_arguments import named, refuse_huge, whole
from graph2nn.graphs.graph import RelationalGraph

#: A dimension above this means 2¹⁵ nodes or more: surely a number of nodes given for a dimension.
HIGHEST_DIMENSION = 14


@checked_arguments
def ring(n: int, k: int) -> RelationalGraph:
    """Ring lattice: each of ``n`` nodes joined to its ``k`` nearest, k even (or k = n−1: complete).

    For an odd or fractional average degree take :func:`ws_flex` at p = 0.

    Raises:
        UserError: k odd, or outside 2 … n−1.

    Example:
        >>> ring(64, 8).clustering
        0.6428571428571433
    """
    import networkx as nx

    whole("ring", "n", n, 3)
    whole("ring", "k", k, 2, n - 1)
    refuse_huge("ring", n, n * k / 2)
    if k % 2 and k != n - 1:
        raise UserError(f"ring: k = {k} is odd; expected an even k. ws_flex with p=0 takes any average degree.")
    return named(nx.circulant_graph(n, list(range(1, (k + 1) // 2 + 1))), "ring", n, k)


@checked_arguments
def cycle(n: int) -> RelationalGraph:
    """One ring of ``n`` ≥ 3 nodes, as ``nx.cycle_graph``.

    Example:
        >>> cycle(8).path_length
        2.2857142857142856
    """
    import networkx as nx

    refuse_huge("cycle", whole("cycle", "n", n, 3), n)
    return named(nx.cycle_graph(n), "cycle", n)


@checked_arguments
def path(n: int) -> RelationalGraph:
    """A line of ``n`` ≥ 2 nodes, as ``nx.path_graph``.

    Example:
        >>> path(4).edge_index.tolist()
        [[1, 0, 2, 1, 3, 2], [0, 1, 1, 2, 2, 3]]
    """
    import networkx as nx

    refuse_huge("path", whole("path", "n", n, 2), n)
    return named(nx.path_graph(n), "path", n)


@checked_arguments
def star(n: int) -> RelationalGraph:
    """Node 0 joined to ``n`` others, so n + 1 nodes, as ``nx.star_graph``.

    Example:
        >>> star(7).n, star(7).edges
        (8, 7)
    """
    import networkx as nx

    refuse_huge("star", whole("star", "n", n, 1), n)
    return named(nx.star_graph(n), "star", n)


@checked_arguments
def complete(n: int) -> RelationalGraph:
    """Every node joined to every other: the dense layer as a graph.

    Example:
        >>> complete(8).clustering, complete(8).path_length
        (1.0, 1.0)
    """
    import networkx as nx

    refuse_huge("complete", whole("complete", "n", n, 2), n * (n - 1) / 2)
    return named(nx.complete_graph(n), "complete", n)


@checked_arguments
def grid(m: int, n: int, periodic: bool = False) -> RelationalGraph:
    """``m`` rows by ``n`` columns of nodes, row after row, as ``nx.grid_2d_graph``; ``periodic`` is a torus.

    Args:
        m: rows.
        n: columns.
        periodic: join the last row to the first and the last column to the first.

    Returns:
        The graph of m·n nodes.

    Example:
        >>> grid(3, 4).edges, grid(3, 4, periodic=True).edges
        (17, 24)
    """
    import networkx as nx

    rows, columns = whole("grid", "m", m, 1), whole("grid", "n", n, 1)
    if rows * columns < 2:
        raise UserError("grid: m = 1 and n = 1 make a single node; expected at least 2.")
    refuse_huge("grid", rows * columns, 2 * rows * columns)
    return named(nx.grid_2d_graph(rows, columns, periodic=periodic), "torus" if periodic else "grid", m, n)


@checked_arguments
def hypercube(n: int) -> RelationalGraph:
    """Corners of a cube of ``n`` dimensions, so 2ⁿ nodes, as ``nx.hypercube_graph``.

    Raises:
        UserError: n below 1 or above 14; it counts dimensions, not nodes.

    Example:
        >>> hypercube(4)
        RelationalGraph('hypercube(4)', n=16, edges=32, undirected)
    """
    import networkx as nx

    if isinstance(n, int) and n > HIGHEST_DIMENSION:
        hint = f" For {n} nodes say n={n.bit_length() - 1}." if n.bit_count() == 1 else ""
        raise UserError(f"hypercube: n = {n} is the dimension and would make 2^{n} nodes.{hint}")
    return named(nx.hypercube_graph(whole("hypercube", "n", n, 1)), "hypercube", n)


@checked_arguments
def balanced_tree(r: int, h: int) -> RelationalGraph:
    """A tree of height ``h`` whose inner nodes have ``r`` children each, as ``nx.balanced_tree``.

    Example:
        >>> balanced_tree(2, 3).n
        15
    """
    import networkx as nx

    whole("balanced_tree", "r", r, 1)
    whole("balanced_tree", "h", h, 1)
    if h > 2**HIGHEST_DIMENSION or h * math.log2(r) > HIGHEST_DIMENSION:
        raise UserError(f"balanced_tree: r = {r}, h = {h} would make more than {r}^{h} nodes.")
    return named(nx.balanced_tree(r, h), "tree", r, h)
