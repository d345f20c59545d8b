"""Measures of graphs: clustering, path length, and the registry that names every measure and its source."""

from graph2nn.graphs.measures.basic import (
    clustering,
    distances,
    is_connected,
    is_joined,
    local_clustering,
    triangle_counts,
)

__all__ = [
    "clustering",
    "distances",
    "is_connected",
    "is_joined",
    "local_clustering",
    "triangle_counts",
]
