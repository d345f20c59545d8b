"""Archives of NumPy arrays and of scipy's sparse matrices, checked before anything is made of their numbers."""

from __future__ import annotations

import io
import math
import zipfile
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError, shown
from graph2nn.memory import refuse_memory

#: Bytes beyond which a dense matrix is refused on any machine: that of 28,000 nodes as float64 takes this much.
_MOST_BYTES = 12 * 2**30
#: Layouts of scipy and the arrays of indices that each has.
_LAYOUTS = {
    "csr": ("indices", "indptr"),
    "csc": ("indices", "indptr"),
    "bsr": ("indices", "indptr"),
    "coo": ("row", "col"),
    "dia": ("offsets", "offsets"),
}


def read_arrays(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an ``.npz`` archive; their sizes are looked at before they are unpacked.

    Raises:
        UserError: more than fits into memory, however small the archive is: zeros compress a thousandfold.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        for entry in zipped.infolist():
            with zipped.open(entry) as stream:
                refuse_large_array(stream, entry.filename.removesuffix(".npy"))
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def refuse_large_array(stream: IO[bytes], name: str) -> None:
    """Refuse a stored array by its header if reading a graph from it would need too much memory.

    Raises:
        UserError: it would, with the estimate.
    """
    headers: Any = np.lib.format  # whose functions have no types
    plain = headers.read_magic(stream) == (1, 0)
    shape, _, dtype = (headers.read_array_header_1_0 if plain else headers.read_array_header_2_0)(stream)
    refuse_large_matrix(*shape, itemsize=dtype.itemsize, name=name)


def refuse_large_matrix(*shape: int, itemsize: int = 8, name: str = "of the file") -> None:
    """Refuse a dense array if reading a graph from it would need too much memory.

    Raises:
        UserError: it would, with the estimate.
    """
    # A matrix is read, becomes float64, and its entries are compared with 0.
    refuse_memory(
        f"the array {name} of {' × '.join(f'{side:,}' for side in shape)} entries",
        float(math.prod(shape)) * (itemsize + 9),
        "save it as a scipy sparse matrix (scipy.sparse.save_npz), which is read as it is",
        most=_MOST_BYTES,
    )


def sparse_matrix(arrays: dict[str, npt.NDArray[Any]]) -> Any:
    """Return the scipy matrix that the arrays of ``scipy.sparse.save_npz`` describe.

    scipy trusts them: a number outside the matrix makes its routines read and write where they must not.

    Raises:
        UserError: a layout that is not read, or arrays that do not fit together.
    """
    from scipy import sparse

    layout = arrays["format"].item() if arrays["format"].ndim == 0 else None
    layout = layout.decode("ascii", "replace") if isinstance(layout, bytes) else layout
    if layout not in _LAYOUTS:
        raise UserError(
            f"the sparse matrix is stored as {shown(layout)}; expected {', '.join(_LAYOUTS)}: "
            "save it again as matrix.tocsr()."
        )
    names = _LAYOUTS[layout]
    for name in (*names, "data"):
        if name not in arrays:
            raise UserError(
                f"the sparse matrix has no array {name!r}; save it again with scipy.sparse.save_npz."
            )
    shape = arrays["shape"]
    if shape.shape != (2,) or shape.dtype.kind not in "iu" or (shape < 0).any() or (shape >= 2**31).any():
        raise UserError(
            f"the sparse matrix says its shape is {shown(shape.tolist())}; expected two whole numbers."
        )
    rows, columns = int(shape[0]), int(shape[1])
    data = arrays["data"]
    if data.ndim != {"bsr": 3, "dia": 2}.get(layout, 1) or data.dtype.kind not in "biufc":
        raise UserError("the data of the sparse matrix are not a list of numbers.")
    one, other = (_whole(arrays[name], name) for name in names)
    if layout == "dia":
        if len(one) != len(data) or len(np.unique(one)) != len(one):
            raise UserError("the offsets and data of the sparse matrix do not fit together.")
        return sparse.dia_array((data, one), shape=(rows, columns))
    if layout == "coo":
        _inside(one, rows, "row")
        _inside(other, columns, "col")
        if not len(one) == len(other) == len(data):
            raise UserError("row, col and data of the sparse matrix differ in length.")
        return sparse.coo_array((data, (one, other)), shape=(rows, columns))
    if len(one) != len(data):
        raise UserError("indices and data of the sparse matrix differ in length.")
    high, wide = data.shape[1:] if layout == "bsr" else (1, 1)
    if 0 in (high, wide) or rows % high or columns % wide:
        raise UserError(f"blocks of {high} × {wide} do not cut the sparse matrix evenly.")
    outer, inner = (columns, rows) if layout == "csc" else (rows // high, columns // wide)
    _check(one, other, outer, inner)
    make: Any = {"csr": sparse.csr_array, "csc": sparse.csc_array, "bsr": sparse.bsr_array}[layout]
    return make((data, one, other), shape=(rows, columns))


def check_csr(indices: npt.NDArray[Any], pointers: npt.NDArray[Any], n: int) -> None:
    """Check indices and row pointers of a square matrix of ``n`` rows before scipy trusts them.

    Args:
        indices: column of each entry.
        pointers: where each row begins, ``[n + 1]``.
        n: number of rows.

    Raises:
        UserError: numbers outside the matrix, or pointers that do not count up to the number of indices.
    """
    _check(_whole(indices, "indices"), _whole(pointers, "indptr"), n, n)


def _check(indices: npt.NDArray[Any], pointers: npt.NDArray[Any], outer: int, inner: int) -> None:
    _inside(indices, inner, "indices")
    counts_up = len(pointers) == outer + 1 and pointers[0] == 0 and pointers[-1] == len(indices)
    if not counts_up or (np.diff(pointers.astype(np.int64)) < 0).any():
        raise UserError(
            f"indptr of the sparse matrix does not lead from 0 to its {len(indices):,} entries in "
            f"{outer + 1:,} ascending numbers; the file is damaged."
        )


def _whole(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise UserError(f"{name} of the sparse matrix is not a list of whole numbers.")
    return array


def _inside(array: npt.NDArray[Any], size: int, name: str) -> None:
    if array.size and (array.min() < 0 or array.max() >= size):
        odd = array.min() if array.min() < 0 else array.max()
        raise UserError(
            f"{name} of the sparse matrix holds {odd}, outside 0 … {size - 1}; the file is damaged."
        )
