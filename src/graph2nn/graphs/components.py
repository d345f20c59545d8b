"""Connected components of a graph of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.storage import Adjacency, to_csr, without_loops


def component_labels(
    adjacency: Adjacency, connection: Literal["weak", "strong"] = "weak"
) -> npt.NDArray[np.int64]:
    """Number of the component of each node, ``[n]``, from 0.

    Args:
        adjacency: row reads column, dense or sparse.
        connection: ``weak`` forgets directions; ``strong`` asks for a path each way.

    Returns:
        Labels; nodes of one component share one.
    """
    from scipy.sparse import csgraph

    _, labels = csgraph.connected_components(to_csr(adjacency), directed=True, connection=connection)
    return np.asarray(labels, dtype=np.int64)


def component_sizes(adjacency: Adjacency, connection: Literal["weak", "strong"] = "weak") -> list[int]:
    """Sizes of the connected components, largest first; arguments as of :func:`component_labels`."""
    sizes: list[Any] = np.sort(np.bincount(component_labels(adjacency, connection)))[::-1].tolist()
    return sizes


def isolated_nodes(adjacency: Adjacency, names: Sequence[str] | None = None) -> list[str]:
    """Names, or numbers as text, of the nodes that neither read another node nor are read by one.

    Args:
        adjacency: row reads column, dense or sparse; a node that reads itself alone is isolated.
        names: of the nodes; their numbers where None.
    """
    csr = without_loops(to_csr(adjacency))
    reads = np.diff(csr.indptr) > 0
    reads[csr.indices] = True
    return [str(node) if names is None else names[node] for node in np.flatnonzero(~reads)]
