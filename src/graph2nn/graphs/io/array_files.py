"""Files of arrays: NumPy, Matrix Market, MATLAB; several matrices in one file are told apart by their names."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from graph2nn.errors import UserError
from graph2nn.graphs.io.formats import text_of
from graph2nn.graphs.io.options import ReadOptions
from graph2nn.graphs.io.source import Matrix, names_or_none
from graph2nn.graphs.io.sparse_files import read_arrays, refuse_large_array, refuse_large_matrix, sparse_matrix

#: Arrays that :func:`graph2nn.write_graph` adds to a sparse matrix.
NAMES_KEY, DIRECTED_KEY = "graph2nn_names", "graph2nn_directed"


def read_npy(content: bytes, options: ReadOptions) -> Matrix:
    """Read one array; pickles may run code when they are opened, so none is."""
    _no_variable(options, "a .npy file")
    refuse_large_array(io.BytesIO(content), "of the file")
    return Matrix(np.load(io.BytesIO(content), allow_pickle=False))


def read_npz(content: bytes, options: ReadOptions) -> Matrix:
    """Read a scipy sparse matrix, or one array of an archive.

    Raises:
        UserError: several arrays and none named.
    """
    files = read_arrays(content)
    if "format" in files and "shape" in files:
        _no_variable(options, "a scipy sparse matrix")
        names = tuple(map(str, files[NAMES_KEY].reshape(-1))) if NAMES_KEY in files else None
        directed = bool(files[DIRECTED_KEY].all()) if DIRECTED_KEY in files else None
        return Matrix(sparse_matrix(files), names, directed)
    return Matrix(_chosen(files, options, "arrays"))


def read_mtx(content: bytes, options: ReadOptions) -> Matrix:
    """Read a Matrix Market file; one that stores a symmetric matrix is undirected.

    Raises:
        UserError: complex numbers, or a matrix that is not square.
    """
    from scipy.io import mminfo, mmread

    _no_variable(options, "a Matrix Market file")
    if not content.startswith(b"%%"):  # scipy reads neither a byte order mark nor UTF-16
        content = text_of(content, "mtx").encode()
    rows, columns, _, layout, field, symmetry = mminfo(io.BytesIO(content))
    if field == "complex":
        raise UserError("the matrix holds complex numbers; take their absolute values first.")
    if rows != columns:
        raise UserError(f"adjacency: shape ({rows}, {columns}) is not square; expected [n, n].")
    if layout == "array":
        refuse_large_matrix(rows, columns)
    with warnings.catch_warnings():
        # scipy 1.17 and later announce another sparse class; either will do here.
        warnings.simplefilter("ignore", DeprecationWarning)
        values = mmread(io.BytesIO(content))
    return Matrix(values, directed=False if symmetry == "symmetric" else None)


def read_mat(content: bytes, options: ReadOptions) -> Matrix:
    """Read a square matrix out of a MATLAB file, with the cell array of names next to it.

    Raises:
        UserError: a file of version 7.3, no square matrix, or several and none named.
    """
    from scipy.io import loadmat

    try:
        file: Any = io.BytesIO(content)  # which loadmat takes, whatever its stubs say
        loaded = loadmat(file, simplify_cells=True)
    except NotImplementedError:
        raise UserError("a MATLAB file of version 7.3, which is HDF5; save it with -v7 in MATLAB.") from None
    variables = _flattened({name: value for name, value in loaded.items() if not name.startswith("__")})
    values = _chosen(variables, options, "variables")
    n = values.shape[0] if len(values.shape) == 2 else 0
    lists = [entry for value in variables.values() if (entry := _words(value)) is not None and len(entry) == n]
    if n and len(lists) == 1 and len(set(lists[0])) == n:
        return Matrix(values, names_or_none(lists[0]))
    return Matrix(values)


def _flattened(variables: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name the fields of structures ``Problem.A``."""
    flat: dict[str, Any] = {}
    for name, value in variables.items():
        if isinstance(value, Mapping):
            flat.update(_flattened(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _words(value: Any) -> list[str] | None:
    """Return a variable that lists names as names."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "OU" and value.ndim == 1:
        entries = list(value)
        if entries and all(isinstance(entry, str) for entry in entries):
            return [str(entry).strip() for entry in entries]
    return None


def _chosen(variables: dict[str, Any], options: ReadOptions, what: str) -> Any:
    """Return the variable named, or the only square matrix there is."""
    if options.variable is not None:
        if options.variable not in variables:
            raise UserError(
                f"{options.say('variable', options.variable)}: the file has no such entry; "
                f"it holds {', '.join(sorted(variables))}."
            )
        return variables[options.variable]
    squares = [name for name, value in variables.items() if _is_square(value)]
    if len(squares) == 1:
        return variables[squares[0]]
    shapes = ", ".join(f"{name} {_shape(value)}" for name, value in list(variables.items())[:12])
    if not squares:
        raise UserError(f"holds {len(variables)} {what} and none is a square matrix of numbers: {shapes}.")
    raise UserError(
        f"holds {len(variables)} arrays, of which {', '.join(squares)} are square; "
        f"name one with {options.say('variable', squares[0])}."
    )


def _is_square(value: Any) -> bool:
    shape: tuple[int, ...] = getattr(value, "shape", ())
    kind = getattr(getattr(value, "dtype", None), "kind", "O")
    return len(shape) == 2 and shape[0] == shape[1] and shape[0] > 1 and kind in "biufc"


def _shape(value: Any) -> str:
    return "×".join(map(str, getattr(value, "shape", ()))) or "(one value)"


def _no_variable(options: ReadOptions, what: str) -> None:
    if options.variable is not None:
        raise UserError(f"{options.say('variable', options.variable)}: {what} holds only one matrix.")
