"""Read a graph from a file or from another library's object."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from graph2nn.arguments import checked_arguments
from graph2nn.errors import GraphNote, UserError
from graph2nn.files import refuse_special
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.io import array_files, sheets
from graph2nn.graphs.io.archive import load_graph
from graph2nn.graphs.io.assembly import Reading, assemble
from graph2nn.graphs.io.dot import read_dot
from graph2nn.graphs.io.formats import content_of, read_format, refuse_foreign, sniffed, stem_of, text_of
from graph2nn.graphs.io.markup import read_gexf, read_graphml
from graph2nn.graphs.io.netfiles import read_gml, read_pajek
from graph2nn.graphs.io.objects import source_of_object
from graph2nn.graphs.io.options import ReadOptions, parse_share
from graph2nn.graphs.io.source import Source
from graph2nn.graphs.io.text_files import source_of_text

_BINARY: dict[str, Callable[[bytes, ReadOptions], Source]] = {
    "npy": array_files.read_npy,
    "npz": array_files.read_npz,
    "mat": array_files.read_mat,
    "mtx": array_files.read_mtx,
    "excel": sheets.read_excel,
    "feather": sheets.read_feather,
    "parquet": sheets.read_parquet,
}
_XML: dict[str, Callable[[bytes], Source]] = {"graphml": read_graphml, "gexf": read_gexf}
_NET: dict[str, Callable[[str], Source]] = {"gml": read_gml, "pajek": read_pajek, "dot": read_dot}


@checked_arguments
def read_graph(
    path: Any,
    format: str | None = None,  # noqa: A002 - the word that numpy, pandas and networkx users expect
    directed: bool | None = None,
    weight: str | None = None,
    threshold: float | None = None,
    keep_strongest: float | str | None = None,
    transpose: bool = False,
    largest_component: bool = False,
    drop_self_loops: bool = False,
    where: Mapping[str, Any] | None = None,
    combine: str | None = None,
    absolute: bool = False,
    variable: str | None = None,
    keep_weights: bool = False,
    name: str | None = None,
) -> RelationalGraph:
    """Make a relational graph from a file, or from an object of another library.

    A matrix says that its rows read its columns. In a list of edges without a header, in a networkx ``DiGraph``
    and in GraphML, the first node reads the second; in a table with columns from/to, pre/post or source/target
    the second reads the first. Where nothing says whether edges are directed they are not, and a
    :class:`GraphNote` says so.

    In a list of edges every nonzero weight makes an edge, with a note. A matrix with more than half of its
    entries filled, negative weights, and missing values off the diagonal need ``threshold`` or
    ``keep_strongest``.

    Args:
        path: a file (.npy .npz .mtx .csv .tsv .txt .tab .edgelist .edges .adjlist .graphml .gml .gexf .net
            .dot .mat .xlsx .xls .feather .parquet, each also compressed as .gz, .bz2 or .xz); or a networkx or
            igraph graph, a torch ``edge_index`` or matrix, a scipy sparse matrix, a data frame, an array.
        format: what the file holds, where its ending does not say (``matrix``, ``edges``, ``graphml``, …).
        directed: whether edges go one way. ``None`` goes by what the file says, and by a matrix's symmetry.
        weight: the column or attribute that holds the weights. Default: the one named weight, or the only
            column of numbers of a table.
        threshold: an edge is kept where its weight is greater.
        keep_strongest: keep this share of all possible pairs, the strongest first: ``0.1`` or ``"10%"``.
        transpose: let the node that is read read instead. Connectomes often run from row to column.
        largest_component: keep only the largest part that is connected.
        drop_self_loops: leave self-loops out instead of refusing them.
        where: rows of a table to read, ``{"Type": "chemical"}``.
        combine: what becomes of a pair that stands more than once: ``sum``, ``max`` or ``first``.
        absolute: compare weights without their sign.
        variable: which array of a .mat or .npz file, or which sheet of an Excel file.
        keep_weights: keep the weights as ``graph.weights`` (and ``graph.signs`` where some are negative).
        name: a short label; else the file's own, else its stem.

    Returns:
        The graph, with the names of its nodes as ``graph.node_names``.

    Raises:
        UserError: a file that is missing, damaged, or leaves open which graph it holds. The line names what is
            wrong and the option that decides.

    Example:
        >>> read_graph([[0, 1, 0], [1, 0, 1], [0, 1, 0]], name="path")
        RelationalGraph('path', n=3, edges=2, undirected)
    """
    options = ReadOptions(
        format=format,
        directed=directed,
        weight=weight,
        threshold=threshold,
        keep_strongest=parse_share(keep_strongest),
        transpose=transpose,
        largest_component=largest_component,
        drop_self_loops=drop_self_loops,
        where=dict(where or {}),
        combine=combine,
        absolute=absolute,
        variable=variable,
        keep_weights=keep_weights,
        name=name,
    )
    reading = read_with(path, options)
    warn_of(reading, stacklevel=4)
    return reading.graph


def warn_of(reading: Reading, *, stacklevel: int = 2) -> None:
    """Issue the notes of a reading as warnings.

    Example:
        >>> from graph2nn import ws_flex
        >>> warn_of(Reading(ws_flex(16, 4, 0.1, 1)))  # no notes, so no warning
    """
    for note in reading.notes:
        warnings.warn(f"{reading.graph.name}: {note}.", GraphNote, stacklevel=stacklevel)


def read_with(source: Any, options: ReadOptions) -> Reading:
    """Read a graph and return it with what should be said about it; see :func:`read_graph`.

    Example:
        >>> from graph2nn.graphs.io.options import ReadOptions
        >>> read_with([[0, 1], [1, 0]], ReadOptions()).graph.edges
        1
    """
    if not isinstance(source, str | os.PathLike):
        if options.format not in (None, "matrix", "edges", "edge_index"):
            raise UserError(
                f"{options.say('format', options.format)} is for files; expected matrix, edges or edge_index."
            )
        return assemble(source_of_object(source, options), options, label="graph")
    path = Path(source)
    refuse_special(path, "graph")
    if not path.is_file():
        raise UserError(f"{path}: no such file.")
    kind = read_format(path, options)
    if options.variable is not None and kind not in ("npz", "npy", "mtx", "mat", "excel"):
        raise UserError(
            f"{path}: {options.say('variable', options.variable)} is for .mat, .npz and Excel files."
        )
    try:
        if path.stat().st_size == 0:
            raise UserError("the file is empty.")
        if kind == "graph":
            return _whole_graph(path, options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what parsers say in passing; ours is said in notes and errors
            return assemble(_load(path, kind, options), options, label=stem_of(path))
    except UserError as error:
        said = " ".join(str(error).splitlines()).removeprefix(f"{path}: ")  # which load_graph names itself
        raise UserError(f"{path}: {said}") from None


def _whole_graph(path: Path, options: ReadOptions) -> Reading:
    """Read a graph saved with all that it carries: it leaves nothing open for options to decide."""
    default = ReadOptions(side=options.side)
    for field in fields(ReadOptions):
        value = getattr(options, field.name)
        if field.name not in ("name", "format", "side") and value != getattr(default, field.name):
            raise UserError(f"{options.say(field.name)} is for other files; a .graph file holds a whole graph.")
    graph = load_graph(path)
    return Reading(graph if options.name is None else graph.renamed(options.name))


def _load(path: Path, kind: str, options: ReadOptions) -> Source:
    content = content_of(path)
    try:
        if kind in _BINARY:
            return _BINARY[kind](content, options)
        if kind in _XML:
            return _XML[kind](content)
        text = text_of(content, kind)
        if kind == "text" and options.format is None:
            kind = sniffed(text, kind)
            if kind in _BINARY or kind in _XML:
                encoded = text.encode()
                return _BINARY[kind](encoded, options) if kind in _BINARY else _XML[kind](encoded)
        if kind in _NET:
            return _NET[kind](text)
        refuse_foreign(text)
        return source_of_text(text, kind, options)
    except UserError:
        raise
    except Exception as error:  # parsers meet garbage in ways of their own; the user needs one line
        reason = " ".join(str(error).split())[:120]
        raise UserError(
            f"cannot be read as {kind} ({reason or type(error).__name__}). "
            f"Check the file, or say which format it is with {options.say('format')}."
        ) from error
