"""Text files: comments, separators and quoting; then a matrix, a list of edges, or lists of neighbours."""

from __future__ import annotations

import ast
import csv
import io
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.io.edge_weights import to_numbers
from graph2nn.graphs.io.headers import find_ends
from graph2nn.graphs.io.labels import align
from graph2nn.graphs.io.native import HEADER, native_edges
from graph2nn.graphs.io.notations import refuse_adjacency_lists, refuse_arrow, split_colons
from graph2nn.graphs.io.options import ReadOptions
from graph2nn.graphs.io.source import EdgeList, Matrix, Source, edge_list
from graph2nn.graphs.io.text_cells import EXPECTED, source_of_cells

#: Lines that decide the separator.
_SAMPLE = 200
#: Tables at least this wide can only be matrices; they are parsed as numbers and never as text cells.
_WIDE = 40

_UNDIRECTED = re.compile(r"\b(undirected|non-directed|not directed)\b", re.IGNORECASE)
_DIRECTED = re.compile(r"(?<!un)(?<!non-)(?<!not )\bdirected\b", re.IGNORECASE)
_KONECT = re.compile(r"^%\s*(sym|asym|bip)\b")
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+")
#: A dictionary at the end of a line, or the beginning of one.
_ATTRIBUTES = re.compile(r"\s\{\s*(\}|['\"][^{}]*\}?)\s*$")
_NUMPY = re.compile(r"\bnp\.\w+\(([^()]*)\)")


@dataclass(frozen=True)
class _Comments:
    """What the comments of a file say."""

    directed: bool | None = None
    said: str = ""
    columns: tuple[str, ...] = ()


def source_of_text(text: str, kind: str, options: ReadOptions) -> Source:
    """Read a text file's content.

    Args:
        text: the content.
        kind: ``matrix``, ``edges``, ``adjlist``, or ``text`` to look and decide.
        options: of the reader.

    Returns:
        Edges or a matrix.

    Raises:
        UserError: an empty file, ragged rows, entries that are not numbers, or no shape of a graph.
    """
    lines = text.split("\n")
    body = [line for line in lines if (start := line.lstrip()[:1]) and start not in "#%"]
    header = next((line for line in lines if line.startswith(HEADER)), None)
    if header is not None and kind != "matrix":
        return native_edges(header, body)
    body = [line for line in body if not line.lstrip().startswith("//")]
    if not body:
        raise UserError(f"the file is empty; {'expected two nodes per line' if kind == 'edges' else EXPECTED}.")
    comments = _read_comments([line for line in lines if line.lstrip()[:1] in ("#", "%") and line.strip()])
    if kind == "adjlist":
        source: Source = _adjacency_lists(body, options)
    elif kind != "edges" and all(set(line.strip()) <= {"0", "1"} for line in body):
        source = _characters([line.strip() for line in body])
    else:
        if kind != "matrix":
            refuse_adjacency_lists(body, options)
        source = _table(body, kind, comments, options)
        source.notes += _comments_like_rows(lines, body)
    if isinstance(source, EdgeList) and comments.directed is not None:
        source.directed = comments.directed
        source.said = comments.said + (f" and {source.said}" if source.said else "")
    return source


def _comments_like_rows(lines: list[str], body: list[str]) -> list[str]:
    """Note comments below the first row that look like rows: names of nodes may begin with # as well."""
    marked = [line for line in lines[lines.index(body[0]) + 1 :] if re.match(r"\s*[#%][^\s#%]", line)]
    if not marked:
        return []
    separator = _separator(body[:_SAMPLE])
    width = len(_split_line(body[0], separator))
    alike = [line.strip() for line in marked if len(_split_line(line, separator)) == width > 1]
    if not alike:
        return []
    lines_were = "one line was" if len(alike) == 1 else f"{len(alike)} lines were"
    return [
        f"{lines_were} left out as comments and may be rows ({alike[0][:40]!r}); a name that begins with # or "
        "% stands in quotes"
    ]


def _read_comments(lines: list[str]) -> _Comments:
    words: set[bool] = set()
    said = ""
    for line in lines[:100]:
        if konect := _KONECT.match(line):
            if konect[1] == "bip":
                raise UserError(
                    "the first line says that the network is bipartite: its two columns number "
                    "different nodes, so equal numbers are not one node. Give the nodes of the two columns "
                    "different names."
                )
            words.add(konect[1] == "asym")
            said = f"its comment {line.strip()[:60]!r}"
            continue
        for pattern, directed in ((_UNDIRECTED, False), (_DIRECTED, True)):
            if pattern.search(line):
                words.add(directed)
                said = f"its comment {line.strip()[:60]!r}"
    columns: tuple[str, ...] = ()
    if lines:
        line = lines[-1].lstrip("#% \t").strip()
        last = line.split("\t") if "\t" in line else re.split(r"[\s,;]+", line)
        columns = tuple(last) if len(last) >= 2 and find_ends(last) else ()
    return _Comments(words.pop(), said, columns) if len(words) == 1 else _Comments(columns=columns)


def _characters(rows: list[str]) -> Matrix:
    """Read rows of 0/1 characters."""
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise UserError(
                f"row {number} has {len(row)} entries and row 1 has {len(rows[0])}; {EXPECTED}, "
                "all rows of the same length."
            )
    characters = np.frombuffer("".join(rows).encode("ascii"), np.uint8)
    return Matrix(characters.reshape(len(rows), len(rows[0])) == ord("1"))


def _adjacency_lists(lines: list[str], options: ReadOptions) -> EdgeList:
    """Read one node per line and its neighbours, as ``networkx.write_adjlist`` does, colons in between or not.

    Raises:
        UserError: arrows between nodes, or a colon behind some nodes and not behind others.
    """
    lines = [line.partition("#")[0] for line in lines]
    parted = split_colons(lines)
    rests = lines if parted is None else [rest for _, rest in parted]
    separator = _separator([line for line in rests if line][:_SAMPLE] or [""], lists=True)
    first, second, alone = [], [], []
    for i, rest in enumerate(rests):
        cells = [cell.strip() for cell in _split_line(rest, separator)] if rest else []
        node, *neighbours = cells if parted is None else [parted[i][0].strip('"'), *cells]
        refuse_arrow(neighbours, lines[i], options)
        first += [node] * len(neighbours)
        second += neighbours
        alone.append(node)
    # Lines also name nodes without neighbours: number all nodes, then drop the loops that stand for them.
    edges = edge_list([*alone, *first], [*alone, *second])
    edges.first, edges.second = edges.first[len(alone) :], edges.second[len(alone) :]
    return edges


def _table(lines: list[str], kind: str, comments: _Comments, options: ReadOptions) -> Source:
    if any("{" in line and _has_attributes(line) for line in lines):
        return _attributed(lines)
    separator = _separator(lines[:_SAMPLE])
    if separator in (None, "\t"):
        lines = _without_comments(lines, separator)
    elif any(" #" in line for line in lines):
        lines = [_COMMENT_BEHIND.sub(_unless_quoted, line) for line in lines]
    width = max(len(_split_line(line, separator)) for line in lines[:_SAMPLE])
    if width >= _WIDE and not find_ends(_split_line(lines[0], separator)):
        return _wide(lines, separator)
    cells = _parse(lines, separator, width)
    return source_of_cells(cells, kind, options, columns=comments.columns or None)


#: What stands between columns, where it is not white space.
_SEPARATORS = ("\t", ";", ",", "|")
#: A comment behind a number or a quoted name.
_COMMENT_BEHIND = re.compile(r"(?<=[\d\"])\s+#.*$")


def _unless_quoted(comment: re.Match[str]) -> str:
    """Cut a comment, unless an odd number of quotes before it says that it is part of a quoted name."""
    return comment.group() if comment.string[: comment.start()].count('"') % 2 else ""


def _without_comments(lines: list[str], separator: str | None) -> list[str]:
    """Cut comments behind an edge; among tabs only those behind a tab, as names may hold spaces and #."""
    pattern = re.compile(r"\t\s*(#|//).*$" if separator == "\t" else r"\s(#|//).*$")
    return [pattern.sub("", line) if "#" in line or "//" in line else line for line in lines]


def _separator(lines: list[str], *, lists: bool = False) -> str | None:
    """Return the separator of a sample of lines; ``None`` is any white space."""
    for separator in _SEPARATORS:
        if any(_breaks_quotes(line, separator) for line in lines):
            continue
        counts = [len(_split_line(line, separator)) for line in lines]
        if lists and max(counts) > 1:
            return separator
        even = len(set(counts[1:] or counts)) == 1 and counts[0] in (counts[-1], counts[-1] - 1)
        if min(counts[1:] or counts) >= 2 and even and not (separator == "," and _decimal_commas(lines)):
            return separator
    if lists:
        return None
    blank = [len(_split_line(line, None)) for line in lines]
    if min(blank) >= 2 and len(set(blank)) == 1:
        return None
    for separator in _SEPARATORS:
        if sum(separator in line for line in lines) > len(lines) / 2:
            return separator
    return None


def _breaks_quotes(line: str, separator: str) -> bool:
    """True if a quoted cell would go on behind its closing quote: the separator stands inside quoted names."""
    try:
        next(csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True))
    except csv.Error:
        return True
    return False


def _decimal_commas(lines: list[str]) -> bool:
    """True for columns split by spaces whose commas only stand inside numbers (``a b 0,5``)."""
    rows = [line.split() for line in lines]
    if len(rows[0]) < 3 or len({len(row) for row in rows}) != 1:
        return False
    return all(_COMMA_NUMBER.fullmatch(cell) for row in rows for cell in row if "," in cell)


def _split_line(line: str, separator: str | None) -> list[str]:
    try:
        if separator is None:
            squeezed = " ".join(line.split())
            return next(csv.reader([squeezed], delimiter=" "))
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True))
    except csv.Error as error:
        raise UserError(f"{line[:60]!r} cannot be split into columns ({error}).") from None


def _parse(lines: list[str], separator: str | None, width: int) -> pd.DataFrame:
    """Parse lines into cells of text; a row shorter than the longest ends in ``None``."""
    try:
        cells = pd.read_csv(
            io.StringIO("\n".join(lines)),
            header=None,
            names=list(range(width)),
            sep=r"\s+" if separator is None else separator,
            dtype=str,
            keep_default_na=False,
            na_values=[],
            skipinitialspace=True,
            index_col=False,
            on_bad_lines="error",
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        words = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if words is None:
            raise UserError(f"the table cannot be parsed ({str(error).strip()[:100]}).") from None
        first = len(_split_line(lines[0], separator))
        raise UserError(
            f"row {words[2]} has {words[3]} entries and row 1 has {first}; {EXPECTED}, "
            "all rows of the same length."
        ) from None
    # pandas fills a short row with empty cells; only a second look tells them from cells that are empty.
    for row in np.flatnonzero((cells[width - 1] == "").to_numpy() | cells[width - 1].isna().to_numpy()):
        length = len(_split_line(lines[int(row)], separator))
        if length < width:
            cells.loc[row, list(range(length, width))] = None
    return cells


def _wide(lines: list[str], separator: str | None) -> Matrix:
    """Parse a wide table as numbers, its first row and column as labels if they are not numbers."""
    header, second = (_split_line(line, separator) for line in (lines[0], lines[min(1, len(lines) - 1)]))
    if header[-1] == second[-1] == "":
        header, second = header[:-1], second[:-1]
    has_header = to_numbers(pd.Series(header, dtype=object))[1] is not None or (
        (header[0] == "" and second[0] != "") or len(header) == len(second) - 1
    )
    width = len(second)
    has_index = len(header) < width or (has_header and len(lines) == len(header)) or _is_text(second[0])
    frame = pd.read_csv(
        io.StringIO("\n".join(lines[1:] if has_header else lines)),
        header=None,
        sep=r"\s+" if separator is None else separator,
        dtype={0: str} if has_index else None,
        skipinitialspace=True,
        keep_default_na=True,
        low_memory=False,
        index_col=False,
    ).iloc[:, :width]
    rows = frame.iloc[:, 0].astype(str).tolist() if has_index else None
    frame = frame.iloc[:, 1:] if has_index else frame
    columns = header[width - len(frame.columns) if len(header) == width else 0 :] if has_header else None
    numbers = np.empty(frame.shape, dtype=np.float64)
    for i, column in enumerate(frame.columns):
        numbers[:, i], bad = to_numbers(frame[column])
        if bad is not None:
            row = int(np.flatnonzero(frame[column].astype(str) == bad)[0]) + 1
            raise UserError(f"row {row + has_header}, column {i + 1}: {bad!r} is not a number; {EXPECTED}.")
    if numbers.shape[0] != numbers.shape[1]:
        raise UserError(f"{numbers.shape[0]} rows of {numbers.shape[1]} entries are not a graph; {EXPECTED}.")
    return align(numbers, rows, columns)


def _is_text(cell: str) -> bool:
    return to_numbers(pd.Series([cell], dtype=object))[1] is not None


def _has_attributes(line: str) -> bool:
    """Whether a line ends in a dictionary, and not in a quoted name with a brace in it."""
    match = _ATTRIBUTES.search(line)
    return match is not None and line[: match.start()].count('"') % 2 == 0


def _attributed(lines: list[str]) -> EdgeList:
    """Read edges that end in a dictionary of attributes, as ``networkx.write_edgelist`` writes them."""
    plain, rows = [], []
    for line in lines:
        match = _ATTRIBUTES.search(line)
        at = match.start() + 1 if match and _has_attributes(line) else len(line.partition("{")[0])
        nodes, brace, rest = line[:at], line[at : at + 1], line[at + 1 :]
        plain.append(nodes.rstrip().removesuffix(","))
        rows.append(_dictionary(line, brace + rest.partition("}")[0] + "}") if brace else {})
        if brace and "}" not in rest:
            raise UserError(f"{line.strip()!r} is not an edge; its attributes do not end in a brace.")
    separator = _separator(plain[:_SAMPLE])
    cells = [_split_line(line, separator) for line in plain]
    for line, row in zip(lines, cells, strict=True):
        if len(row) != 2:
            raise UserError(f"{line.strip()!r} is not an edge; expected two nodes and attributes in braces.")
    columns = pd.DataFrame(rows, dtype=object).astype(object)
    columns = columns.where(columns.notna(), None)
    return edge_list([row[0].strip() for row in cells], [row[1].strip() for row in cells], columns=columns)


def _dictionary(line: str, text: str) -> dict[str, object]:
    text = _NUMPY.sub(r"\1", text)
    text = re.sub(r"(?<=[:,\s])([+-]?)(nan|inf)\b", r"\g<1>'\2'", text)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise UserError(f"{line.strip()!r} is not an edge; its attributes are not a dictionary.") from None
    return {str(key): entry for key, entry in value.items()} if isinstance(value, dict) else {}
