"""Places of nodes in a drawing: on a circle, or by springs within each component, components side by side."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.errors import Graph2nnWarning
from graph2nn.graphs.components import component_labels
from graph2nn.graphs.graph import RelationalGraph

#: Components of more nodes than this are laid out by eigenvectors: springs take time of order n² per step.
SPRINGS = 1000
#: Work of springs (squares of sizes, and a constant per component), and of products with a matrix (entries),
#: that take about thirty seconds on one core.
_SPRING_WORK, _PER_COMPONENT, _MATRIX_WORK = 2 * 10**6, 400, 5 * 10**9

Points = npt.NDArray[np.float64]


def circle(n: int) -> Points:
    """Return ``n`` places ``[n, 2]`` on the unit circle, from the top and clockwise."""
    angle = np.pi / 2 - 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def springs(graph: RelationalGraph, seed: int) -> Points:
    """Return places ``[n, 2]`` in [−1, 1]: springs within each component, components packed in rows.

    Springs alone would drive separate parts far from each other and squeeze each into a dot. Parts for which
    half a minute does not suffice lie on circles, the smaller ones first, and a warning says so.
    """
    labels = component_labels(graph.csr)
    sizes = np.bincount(labels)
    order = np.argsort(-sizes, kind="stable")
    nodes = np.argsort(np.argsort(order)[labels], kind="stable")
    both = (graph.csr + graph.csr.T).tocsr()[nodes][:, nodes]
    corners, extent = _packed((2 * np.sqrt(sizes[order])).tolist())
    placed, start, round_ones, room = np.zeros((graph.n, 2)), 0, 0, _SPRING_WORK
    for size, corner in zip(sizes[order].tolist(), corners, strict=True):
        part, side = slice(start, start + size), 2 * math.sqrt(size)
        if 2 < size <= SPRINGS:
            room -= size**2 + _PER_COMPONENT
        points = _component(both[part][:, part], seed) if room >= 0 or not 2 < size <= SPRINGS else None
        round_ones += points is None
        placed[part] = corner + side / 2 + 0.42 * side * (circle(size) if points is None else points)
        start += size
    if round_ones:
        warnings.warn(
            f"graph {graph.name!r}: {round_ones:,} of its {len(sizes):,} parts are drawn on circles: springs "
            "for all would take more than half a minute.",
            Graph2nnWarning,
            stacklevel=3,
        )
    points = np.empty_like(placed)
    points[nodes] = placed
    return np.asarray((points - extent / 2) / (extent.max() / 2), dtype=np.float64)


def _packed(sides: list[float]) -> tuple[list[Points], Points]:
    """Put squares, largest first, into rows of about the width that makes the whole a square."""
    width = max(sides[0], 1.1 * math.sqrt(sum(side**2 for side in sides)))
    corners, x, y, height = [], 0.0, 0.0, sides[0]
    widest = 0.0
    for side in sides:
        if x > 0 and x + side > width * (1 + 1e-9):
            x, y, height = 0.0, y - height, side
        corners.append(np.array([x, y - side]))
        x += side
        widest = max(widest, x)
    bottom = y - height
    return [corner - np.array([0.0, bottom]) for corner in corners], np.array([widest, -bottom])


def _component(both: Any, seed: int) -> Points | None:
    """Lay out one component in [−1, 1]; None where its eigenvectors would take too long.

    Args:
        both: its edges, either way.
        seed: of the springs.
    """
    size = both.shape[0]
    if size == 1:
        return np.zeros((1, 2))
    if size == 2:
        return np.array([[-0.7, 0.0], [0.7, 0.0]])
    points = _eigenvectors(both) if size > SPRINGS else _spring_layout(both, seed)
    if points is None:
        return None
    points -= points.mean(axis=0)
    return np.asarray(points / max(float(np.abs(points).max()), 1e-9), dtype=np.float64)


def _spring_layout(adjacency: Any, seed: int) -> Points:
    import networkx as nx

    places = nx.spring_layout(nx.from_scipy_sparse_array(adjacency), seed=seed, iterations=100)
    return np.array([places[node] for node in range(len(places))], dtype=np.float64)


def _eigenvectors(adjacency: Any) -> Points | None:
    """Place nodes by the second and third eigenvectors of the random walk, ranks in place of values.

    Values of a large graph bunch up at a few outliers; ranks spread them over the square.
    """
    from scipy import sparse
    from scipy.sparse.linalg import ArpackNoConvergence, eigsh

    matrix: Any = sparse.csr_array(adjacency, dtype=np.float64)
    scale: Any = sparse.dia_array((1 / np.sqrt(matrix.sum(axis=1))[None, :], [0]), shape=matrix.shape)
    start = np.random.RandomState(0).standard_normal(matrix.shape[0])
    products = 20  # of one restart
    most = int(np.clip(_MATRIX_WORK // (products * matrix.nnz), 1, 10 * matrix.shape[0]))
    try:
        _, vectors = eigsh(scale @ matrix @ scale, k=3, which="LA", v0=start, tol=1e-3, maxiter=most)
    except ArpackNoConvergence:
        return None
    ranks = np.argsort(np.argsort(vectors[:, :2], axis=0, kind="stable"), axis=0, kind="stable")
    return np.asarray(2 * ranks / (matrix.shape[0] - 1) - 1, dtype=np.float64)
