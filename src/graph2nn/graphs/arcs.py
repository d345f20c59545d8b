"""Arcs: directed connections as two rows of node numbers, the node read (from) above the reader (to)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import plain_array
from graph2nn.errors import UserError
from graph2nn.graphs.storage import CSR, rows_of
from graph2nn.memory import refuse_memory


def arcs_of_pairs(
    edges: Iterable[tuple[int, int]], n: int, name: str, *, directed: bool
) -> npt.NDArray[np.int64]:
    """Return the arcs of pairs ``(reader, read)``, each once and, unless ``directed``, both ways.

    Args:
        edges: pairs (reader, read) of node numbers.
        n: number of nodes.
        name: of the graph, for messages.
        directed: whether a pair is one arc; otherwise it is two.

    Returns:
        The arcs ``[2, arcs]``: from (read), to (reader).

    Raises:
        UserError: something that is not a pair of whole numbers, or a node number outside 0 … n−1.
    """
    if not _whole(n) or n < 2:
        raise UserError(f"graph {name!r}: n = {n!r}, expected a whole number of at least 2 nodes.")
    pairs = set()
    for edge in edges:
        if not isinstance(edge, Iterable) or len(pair := tuple(edge)) != 2 or not all(map(_whole, pair)):
            raise UserError(
                f"graph {name!r}: edge {edge!r} is not a pair of node numbers; "
                "for named or weighted nodes go through networkx or a file."
            )
        reader, read = pair
        if not (0 <= reader < n and 0 <= read < n):
            raise UserError(
                f"graph {name!r}: edge ({reader}, {read}) names a node outside 0…{n - 1}. "
                "Number the nodes from 0, or raise n."
            )
        pairs.add((int(read), int(reader)))
        if not directed:
            pairs.add((int(reader), int(read)))
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2).T


def node_count(edges: Sequence[object]) -> int:
    """Return one more than the largest node number; what is not a pair, :func:`arcs_of_pairs` refuses.

    >>> node_count([(0, 1), (4, 2)])
    5
    """
    numbers = (node for edge in edges if isinstance(edge, Iterable) for node in edge if _whole(node))
    return 1 + max((int(node) for node in numbers), default=-1)


def _whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def sorted_arcs(edge_index: npt.ArrayLike, n: int, name: str) -> tuple[CSR, npt.NDArray[np.int64] | None]:
    """Return the CSR matrix of arcs given as (from, to), and the order that sorts them by to, then from.

    The order is None where they are sorted already.

    Args:
        edge_index: ``[2, arcs]``, from and to.
        n: number of nodes.
        name: of the graph, for messages.

    Returns:
        The matrix, row = the node that reads, and the order ``[arcs]`` or None.

    Raises:
        UserError: another shape, numbers outside 0 … n−1, or an arc given twice.
    """
    from scipy import sparse

    array = plain_array(edge_index, f"graph {name!r}: edge_index", "two rows of whole numbers [2, arcs]")
    if array.size == 0:
        array = array.reshape(2, 0).astype(np.int64) if array.shape in ((0,), (2, 0)) else array
    if array.ndim != 2 or array.shape[0] != 2 or array.dtype.kind not in "iu":
        raise UserError(
            f"graph {name!r}: edge_index of shape {array.shape} and type {array.dtype}; expected whole numbers "
            "[2, arcs]: row 0 the nodes read (from), row 1 the readers (to)."
        )
    if array.size and (int(array.min()) < 0 or int(array.max()) >= n):
        raise UserError(
            f"graph {name!r}: edge_index names nodes outside 0…{n - 1}; number them from 0, or raise n."
        )
    keys = array[1].astype(np.int64) * n + array[0].astype(np.int64)
    order = None if bool((np.diff(keys) > 0).all()) else np.argsort(keys, kind="stable")
    keys = keys if order is None else keys[order]
    twice = np.flatnonzero(np.diff(keys) == 0)
    if twice.size:
        reader, read = divmod(int(keys[twice[0]]), n)
        raise UserError(
            f"graph {name!r}: the arc from {read} to {reader} is given twice; add such arcs up first."
        )
    refuse_memory(f"graph {name!r}: n = {n:,}", 16.0 * n, "lower n")
    pointers = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(keys // n, minlength=n), out=pointers[1:])
    return sparse.csr_array((np.ones(len(keys), dtype=np.bool_), keys % n, pointers), shape=(n, n)), order


def positions(csr: CSR, rows: npt.NDArray[Any], columns: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Where the arcs (row, column) are stored, −1 for those that are not there.

    Args:
        csr: matrix of arcs, columns ascending within a row.
        rows, columns: the arcs to look for, ``[arcs]`` each.

    Returns:
        Index of each arc in ``csr.indices``, ``[arcs]``.
    """
    n = csr.shape[0]
    keys = rows_of(csr) * n + csr.indices
    wanted = rows.astype(np.int64) * n + columns
    at = np.searchsorted(keys, wanted)
    at[at == len(keys)] = 0
    present = keys[at] == wanted if len(keys) else np.zeros(len(wanted), dtype=np.bool_)
    return np.where(present, at, -1)
