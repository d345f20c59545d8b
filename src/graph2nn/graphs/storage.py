"""How a graph is stored: a boolean matrix up to a few thousand nodes, a compressed sparse one above."""

from __future__ import annotations

import hashlib
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import plain_array
from graph2nn.errors import UserError

#: A boolean ``scipy.sparse.csr_array`` with sorted indices, row reads column.
CSR: TypeAlias = Any
#: A :data:`BoolMatrix` up to :data:`DENSE_LIMIT` nodes, a :data:`CSR` above.
Adjacency: TypeAlias = Any

#: Largest number of nodes whose adjacency matrix is stored densely: 16 MiB of booleans.
DENSE_LIMIT = 4096
#: Largest dense array, in bytes, that is made of a graph stored sparsely. Beyond it the work is refused.
DENSE_BYTES = 2**30


def stored(matrix: Any, *, self_loops: str = "all") -> Adjacency:
    """Check and copy a 0/1 matrix, dense or sparse, into the storage that its size asks for; read-only.

    Raises:
        UserError: not a square matrix of 0 and 1, fewer than two nodes, or stored self-loops where
            ``self_loops`` is ``"all"``.
    """
    from scipy import sparse

    is_sparse = sparse.issparse(matrix)
    array: Any = matrix if is_sparse else as_array(matrix)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise UserError(f"adjacency: shape {array.shape} is not square; expected [n, n], row reads column.")
    if array.shape[0] < 2:
        raise UserError(f"adjacency: n = {array.shape[0]}, expected at least 2 nodes.")
    _check_binary(array.data if is_sparse else array)
    binary: Adjacency
    if array.shape[0] <= DENSE_LIMIT:
        dense = array.toarray() if is_sparse else array
        binary = dense.astype(np.bool_, copy=True, order="C")
        loops = np.flatnonzero(np.diagonal(binary))
    else:
        binary = _compressed(array)
        loops = np.flatnonzero(binary.diagonal())
    if loops.size and self_loops == "all":
        raise UserError(
            f"adjacency: node {loops[0]} has a self-loop. Every node reads itself already; "
            'clear the diagonal, pass drop_self_loops=True, or keep the given ones with self_loops="given".'
        )
    freeze(binary)
    return binary


def _check_binary(values: npt.NDArray[Any]) -> None:
    if values.dtype == np.bool_:
        return
    odd = values[(values != 0) & (values != 1)]
    if odd.size:
        raise UserError(
            f"adjacency: entry {odd.flat[0]!s} is neither 0 nor 1; threshold a weighted graph first, "
            "for example with matrix > 0."
        )


def _compressed(matrix: Any) -> CSR:
    """Return a copy as a canonical boolean CSR array with 32-bit indices wherever they suffice."""
    from scipy import sparse

    csr = sparse.csr_array(matrix, copy=True)
    if csr.dtype != np.bool_:
        csr = csr.astype(np.bool_)
    csr.sum_duplicates()
    csr.eliminate_zeros()
    csr.sort_indices()
    if csr.indices.dtype != np.int32 and max(csr.nnz, csr.shape[0]) < 2**31:
        csr.indices, csr.indptr = csr.indices.astype(np.int32), csr.indptr.astype(np.int32)
    return csr


def canonical(adjacency: Adjacency) -> Adjacency:
    """Return a matrix whose entries are sorted, as slices of sparse matrices need not be."""
    return adjacency if isinstance(adjacency, np.ndarray) else _compressed(adjacency)


def freeze(adjacency: Adjacency) -> None:
    """Make the arrays of an adjacency matrix read-only."""
    arrays = (adjacency,) if isinstance(adjacency, np.ndarray) else arrays_of(adjacency)
    for array in arrays:
        array.setflags(write=False)


def arrays_of(csr: CSR) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return data, indices and row pointers."""
    return csr.data, csr.indices, csr.indptr


def any_matrix(matrix: Any) -> Any:
    """Return a CSR array of anything sparse, a plain array of anything else."""
    from scipy import sparse

    make: Any = sparse.csr_array  # the stubs know no matrix of unknown kind
    return make(matrix) if sparse.issparse(matrix) else as_array(matrix)


def as_array(matrix: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return a plain array; masked entries are not edges."""
    return plain_array(matrix, "adjacency", "[n, n], row reads column", masked=0)


def to_csr(adjacency: Adjacency) -> CSR:
    """Return the CSR form of either storage."""
    if not isinstance(adjacency, np.ndarray):
        return adjacency
    csr = _compressed(adjacency)
    freeze(csr)
    return csr


def is_symmetric(adjacency: Adjacency) -> bool:
    """Whether every node is read by the nodes that it reads."""
    if isinstance(adjacency, np.ndarray):
        return bool((adjacency == adjacency.T).all())
    turned = adjacency.T.tocsr()
    turned.sort_indices()
    return bool(
        np.array_equal(turned.indptr, adjacency.indptr) and np.array_equal(turned.indices, adjacency.indices)
    )


def rows_of(csr: CSR) -> npt.NDArray[np.int64]:
    """Row of each entry, ``[arcs]``, in the order in which they are stored."""
    return np.repeat(np.arange(csr.shape[0], dtype=np.int64), np.diff(csr.indptr))


def without_loops(adjacency: Adjacency) -> Adjacency:
    """Return a square matrix with a zero diagonal; the same object where it has one already."""
    if not adjacency.diagonal().any():
        return adjacency
    if isinstance(adjacency, np.ndarray):
        array = adjacency.copy()
        np.fill_diagonal(array, 0)
        return array
    csr = adjacency.copy()
    csr.data = np.where(csr.indices == rows_of(csr), csr.dtype.type(0), csr.data)
    csr.eliminate_zeros()
    return csr


def either_way(adjacency: Adjacency) -> Adjacency:
    """Return the adjacency matrix with every edge in both directions."""
    return (
        adjacency | adjacency.T if isinstance(adjacency, np.ndarray) else _compressed(adjacency + adjacency.T)
    )


def both_ways(adjacency: Adjacency) -> Adjacency:
    """Return the edges that stand in both directions."""
    if isinstance(adjacency, np.ndarray):
        return adjacency & adjacency.T
    return _compressed(adjacency.multiply(adjacency.T.tocsr()))


def adjacency_digest(adjacency: Adjacency) -> str:
    """SHA-256 of a dense matrix as C-order uint8, or of a sparse one's row pointers and indices as int64."""
    if isinstance(adjacency, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(adjacency, dtype=np.uint8).tobytes()).hexdigest()
    total = hashlib.sha256(b"csr")
    for array in (adjacency.indptr, adjacency.indices):
        total.update(array.astype("<i8").tobytes())
    return total.hexdigest()


def refuse_dense(name: str, n: int, purpose: str, bytes_per_pair: float = 1.0) -> None:
    """Refuse what needs dense arrays over all pairs of nodes where they would be too large.

    Args:
        name: of the graph.
        n: number of nodes.
        purpose: what the arrays are for, for the message.
        bytes_per_pair: bytes per pair of nodes.

    Raises:
        UserError: more than :data:`DENSE_BYTES`, with the estimate.
    """
    needed = n * n * bytes_per_pair
    if needed > DENSE_BYTES:
        raise UserError(
            f"graph {name!r}: {purpose} needs a dense matrix of {n:,} × {n:,} entries, about "
            f"{needed / 1e9:,.1f} GB (limit {DENSE_BYTES / 1e9:.1f} GB). Take a subgraph with .select(…) or "
            ".largest_component(), or what works on .csr or .edge_index."
        )
