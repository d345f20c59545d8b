"""Places of nodes in a drawing: on a circle, or by springs within each component, components side by side."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.components import component_labels
from graph2nn.graphs.graph import RelationalGraph

#: Components of more nodes than this are laid out by eigenvectors: springs take time of order n² per step.
SPRINGS = 1000

Points = npt.NDArray[np.float64]


def circle(n: int) -> Points:
    """Return ``n`` places ``[n, 2]`` on the unit circle, from the top and clockwise."""
    angle = np.pi / 2 - 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def springs(graph: RelationalGraph, seed: int) -> Points:
    """Return places ``[n, 2]`` in [−1, 1]: springs within each component, components packed in rows.

    Springs alone would drive separate parts far from each other and squeeze each into a dot.
    """
    labels = component_labels(graph.csr)
    sizes = np.bincount(labels)
    order = np.argsort(-sizes, kind="stable")
    members = [np.flatnonzero(labels == part) for part in order]
    sides = [2 * math.sqrt(len(nodes)) for nodes in members]
    corners, extent = _packed(sides)
    points = np.zeros((graph.n, 2))
    for nodes, side, corner in zip(members, sides, corners, strict=True):
        points[nodes] = corner + side / 2 + 0.42 * side * _component(graph, nodes, seed)
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


def _component(graph: RelationalGraph, nodes: npt.NDArray[np.int64], seed: int) -> Points:
    """Lay out one component in [−1, 1]."""
    if len(nodes) == 1:
        return np.zeros((1, 2))
    if len(nodes) == 2:
        return np.array([[-0.7, 0.0], [0.7, 0.0]])
    part = graph.csr[nodes][:, nodes]
    both = part + part.T
    points = _eigenvectors(both) if len(nodes) > SPRINGS else _spring_layout(both, seed)
    points -= points.mean(axis=0)
    return np.asarray(points / max(float(np.abs(points).max()), 1e-9), dtype=np.float64)


def _spring_layout(adjacency: npt.NDArray[np.bool_], seed: int) -> Points:
    import networkx as nx

    places = nx.spring_layout(nx.from_scipy_sparse_array(adjacency), seed=seed, iterations=100)
    return np.array([places[node] for node in range(len(places))], dtype=np.float64)


def _eigenvectors(adjacency: npt.NDArray[np.bool_]) -> Points:
    """Place nodes by the second and third eigenvectors of the random walk, ranks in place of values.

    Values of a large graph bunch up at a few outliers; ranks spread them over the square.
    """
    from scipy import sparse
    from scipy.sparse.linalg import eigsh

    matrix: Any = sparse.csr_array(adjacency, dtype=np.float64)
    scale: Any = sparse.dia_array((1 / np.sqrt(matrix.sum(axis=1))[None, :], [0]), shape=matrix.shape)
    start = np.random.RandomState(0).standard_normal(matrix.shape[0])
    _, vectors = eigsh(scale @ matrix @ scale, k=3, which="LA", v0=start, tol=1e-3)
    ranks = np.argsort(np.argsort(vectors[:, :2], axis=0, kind="stable"), axis=0, kind="stable")
    return np.asarray(2 * ranks / (matrix.shape[0] - 1) - 1, dtype=np.float64)
