"""Read a graph from a file or from another library's object."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.io.formats import format_of
from graph2nn.graphs.io.text import Loaded, parse_text


def read_graph(
    source: Any,
    *,
    format: str | None = None,  # noqa: A002 - the word that numpy, pandas and networkx users expect
    threshold: float | None = None,
    directed: bool | None = None,
    drop_self_loops: bool = False,
    name: str | None = None,
) -> RelationalGraph:
    """Make a relational graph from a file, a networkx graph, a sparse matrix or anything like an array.

    Args:
        source: a path ending in .npy, .npz, .mtx, .csv, .tsv, .txt, .edgelist, .edges, .graphml or .gml; or
            an object. In a matrix, rows read columns; in an edge list, the first node reads the second.
        format: what the file holds, where its ending does not say: npy, npz, mtx, text, matrix, edges,
            graphml, gml.
        threshold: for weighted graphs: an edge is kept where its weight is greater. At least 0.
        directed: ``None`` goes by the file or object, a bare matrix by its symmetry, an edge list without
            graph2nn's first line is undirected.
        drop_self_loops: forget the diagonal instead of refusing it.
        name: a short label; else the file's own, else its stem.

    Raises:
        UserError: no such file, an unknown ending, an empty, ragged, non-square or unreadable file, weights
            without a threshold, self-loops. The line names the file.
    """
    if threshold is not None and not threshold >= 0:
        raise UserError(
            f"threshold = {threshold:g} is negative: pairs without an edge weigh 0 and would all be on."
        )
    if isinstance(source, str | Path):
        path = Path(source)
        loaded, where = _load_file(path, format, directed), f"{path}: "
        label = name or loaded.name or path.stem
    else:
        loaded, where = _load_object(source), ""
        label = name or loaded.name or "graph"
    try:
        return RelationalGraph.from_adjacency(
            _binary(loaded.weights, threshold),
            name=label,
            directed=loaded.directed if directed is None else directed,
            drop_self_loops=drop_self_loops,
        )
    except UserError as error:
        raise UserError(f"{where}{error}") from None


def _binary(weights: npt.NDArray[Any], threshold: float | None) -> npt.NDArray[Any]:
    """Apply the threshold, or check that none is needed."""
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        return weights  # RelationalGraph says what is wrong with it
    try:
        numbers = weights.astype(np.float64)
    except (TypeError, ValueError):
        raise UserError("adjacency: the entries are not numbers; expected 0 and 1.") from None
    if np.isnan(numbers).any():
        raise UserError("adjacency: some entries are NaN; expected 0 and 1, or weights.")
    if threshold is not None:
        return numbers > threshold
    odd = numbers[(numbers != 0) & (numbers != 1)]
    if odd.size:
        raise UserError(
            f"the graph is weighted (an entry is {odd.flat[0]:g}). Say which weights make an edge, for example "
            "threshold=0 to keep all above 0 (on the command line: graph2nn graphs show FILE --threshold 0 "
            "--out NEW.graphml, and use NEW.graphml)."
        )
    return numbers


def _load_file(path: Path, given: str | None, directed: bool | None) -> Loaded:
    if not path.is_file():
        raise UserError(f"{path}: no such file.")
    kind = format_of(path, given)
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty.")
    try:
        return _READERS[kind](path) if kind in _READERS else _read_text(path, kind, directed)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:  # parsers meet garbage in ways of their own; the user needs one line
        reason = " ".join(str(error).split())[:120]
        raise UserError(
            f"{path}: cannot be read as {kind} ({reason or type(error).__name__}). "
            "Check the file, or say which format it is with format=…."
        ) from error


def _read_text(path: Path, kind: str, directed: bool | None) -> Loaded:
    try:
        return parse_text(path.read_text(encoding="utf-8-sig"), kind, directed=directed)
    except UnicodeDecodeError:
        raise UserError("the file is not text; expected a 0/1 matrix or an edge list.") from None


def _read_npy(path: Path) -> Loaded:
    # Pickles may run code when they are opened, so none is.
    return Loaded(np.load(path, allow_pickle=False))


def _read_npz(path: Path) -> Loaded:
    with np.load(path, allow_pickle=False) as archive:
        if "format" not in archive.files:
            if len(archive.files) != 1:
                raise UserError(
                    f"holds {len(archive.files)} arrays; expected one adjacency matrix, "
                    "or a scipy sparse matrix."
                )
            return Loaded(archive[archive.files[0]])
    from scipy import sparse

    return _load_object(sparse.load_npz(path))


def _read_mtx(path: Path) -> Loaded:
    import warnings

    from scipy.io import mmread

    with warnings.catch_warnings():
        # scipy 1.17 and later announce another sparse class; either will do here.
        warnings.simplefilter("ignore", DeprecationWarning)
        return _load_object(mmread(path))


def _read_graphml(path: Path) -> Loaded:
    import networkx as nx

    return _load_object(nx.read_graphml(path))


def _read_gml(path: Path) -> Loaded:
    import networkx as nx

    return _load_object(nx.read_gml(path))


_READERS: dict[str, Callable[[Path], Loaded]] = {
    "npy": _read_npy,
    "npz": _read_npz,
    "mtx": _read_mtx,
    "graphml": _read_graphml,
    "gml": _read_gml,
}


def _load_object(source: Any) -> Loaded:
    """Take the weights out of a networkx graph, a sparse matrix or anything array-like."""
    if isinstance(source, RelationalGraph):
        return Loaded(source.adjacency, source.directed, source.name)
    if hasattr(source, "adjacency") and hasattr(source, "is_directed"):
        import networkx as nx

        try:
            weights = nx.to_numpy_array(source, multigraph_weight=max)
        except (TypeError, ValueError):
            raise UserError("the weights of the edges are not numbers.") from None
        return Loaded(weights, source.is_directed(), str(source.name) or None)
    if hasattr(source, "toarray"):
        if len(set(source.shape)) != 1:  # before a large one is laid out in full
            raise UserError(f"adjacency: shape {source.shape} is not square; expected [n, n].")
        return Loaded(source.toarray())
    try:
        return Loaded(np.asarray(source))
    except ValueError:
        raise UserError("adjacency: the rows have different lengths; expected [n, n].") from None
