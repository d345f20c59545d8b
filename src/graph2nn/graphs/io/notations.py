"""Signs between nodes: arrows in lists of edges (``a -> b``), and colons in adjacency lists (``a: b c``)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.io.edge_weights import to_numbers
from graph2nn.graphs.io.headers import find_ends
from graph2nn.graphs.io.options import ReadOptions
from graph2nn.graphs.io.source import EdgeList, Source

#: Whether the edge goes one way, for each arrow that is read.
_ARROWS = {"->": True, "--": False}
#: Arrows that may mean either direction, or both.
_OTHER_ARROWS = {"-->", "--->", "=>", "==>", "~>", "→", "⇒", "<-", "<--", "<=", "←", "<->", "<-->", "<=>", "↔"}
_GLUED = re.compile(r"(?P<first>.*?[^\s<>=-])\s*(?P<arrow>->|--)\s*(?P<second>[^\s<>=-](?:(?!->|--).)*)")
_WRITE = "write -> for directed edges and -- for undirected ones, or leave the arrows out"

#: A node, a colon behind it, and its neighbours; numbers need no space behind the colon.
_COLON = re.compile(r"\s*(?P<node>\"[^\"]*\"|[^:\"]*[^:\"\s])\s*:(?:\s+(?P<rest>.*)|\s*$)")
_NUMBER_COLON = re.compile(r"\s*(?P<node>\d+)\s*:(?P<rest>\s*\d.*|\s*$)")


def without_arrows(cells: pd.DataFrame, *, header: bool) -> tuple[pd.DataFrame, list[str] | None]:
    """Take the arrows from between the two nodes of each edge.

    Args:
        cells: text, one row per edge, with the arrow in a column of its own or glued to the nodes (``a->b``).
        header: whether the first row may name the columns, where it has no arrow itself.

    Returns:
        Two columns of nodes and what followed them, and the arrow of each edge; the cells as they are and
        ``None`` where no arrows stand between nodes.

    Raises:
        UserError: arrows that are not read, or edges of which only some have one.
    """
    if (parted := _parted(cells)) is not None:
        cells = parted
    if cells.shape[1] < 3:
        return cells, None
    first = [str(cell) for cell in cells.iloc[0]]
    header = header and first[1] not in {*_ARROWS, *_OTHER_ARROWS} and find_ends(first) is not None
    column = cells.iloc[int(header) :, 1]
    there = column.isin([*_ARROWS, *_OTHER_ARROWS]).to_numpy()
    # Two hyphens alone are how tables mark a missing value.
    if not there.any() or not (there.all() or column.isin([*_OTHER_ARROWS, "->"]).any()):
        return cells, None
    arrows = [str(cell) for cell in column]
    if other := next((arrow for arrow in arrows if arrow in _OTHER_ARROWS), None):
        raise UserError(f"the arrow {other!r} between two nodes is not read; {_WRITE}.")
    if not there.all():
        row = int(np.flatnonzero(~there)[0]) + int(header)
        line = " ".join(str(cell) for cell in cells.iloc[row] if cell is not None)
        raise UserError(f"row {row + 1} ({line[:60]!r}) has no arrow, and other rows do; {_WRITE}.")
    rest = cells.drop(columns=cells.columns[1])
    return rest.set_axis(range(rest.shape[1]), axis=1), arrows


def _parted(cells: pd.DataFrame) -> pd.DataFrame | None:
    """Cut ``a->b`` in the first column into node, arrow and node; ``None`` where it holds no such edges."""
    last = str(cells.iloc[-1, 0])
    if cells.shape[1] > 2 or ("->" not in last and "--" not in last):
        return None
    matches = [_GLUED.fullmatch(str(cell)) for cell in cells.iloc[:, 0]]
    if not all(matches[1:]) or not matches[-1]:
        return None
    headless = matches[0] is not None
    if cells.shape[1] == 2 and to_numbers(cells.iloc[int(not headless) :, 1])[1] is not None:
        return None
    if not headless:
        raise UserError(
            f"the column {str(cells.iloc[0, 0])!r} holds edges such as {str(cells.iloc[1, 0])!r}; give the two "
            "nodes a column each, named source and target, or leave the header out."
        )
    parts = pd.DataFrame([match.groups() for match in matches if match], dtype=object)
    return parts if cells.shape[1] == 1 else parts.assign(weight=cells.iloc[:, 1].to_numpy(dtype=object))


def refuse_arrows(nodes: Sequence[str], header: str) -> None:
    """Refuse a column of arrows where the second nodes should be.

    Raises:
        UserError: all entries are arrows.
    """
    if len(nodes) and set(nodes) <= {*_ARROWS, *_OTHER_ARROWS}:
        raise UserError(
            f"column {header!r} holds arrows ({nodes[0]!r}) where nodes were expected; leave it out, or "
            "name the two columns of nodes source and target."
        )


def take_arrows(edges: Source, arrows: Sequence[str]) -> Source:
    """Set the direction that the arrow of each edge says; a first row of names has one at most."""
    assert isinstance(edges, EdgeList)
    one_way = np.array([_ARROWS[arrow] for arrow in arrows[len(arrows) - len(edges.first) :]], dtype=np.bool_)
    edges.directed = bool(one_way.any())
    edges.one_way = one_way if one_way.any() and not one_way.all() else None
    edges.said = f"its arrows {' and '.join(dict.fromkeys(arrows))}"
    return edges


def refuse_arrow(neighbours: Sequence[str], line: str, options: ReadOptions) -> None:
    """Refuse an arrow among the neighbours of a node.

    Args:
        neighbours: of the node.
        line: as it stands in the file.
        options: of the reader, which spell the one that helps.

    Raises:
        UserError: the first neighbour is an arrow.
    """
    if neighbours and (neighbours[0] in _OTHER_ARROWS or neighbours[0] in _ARROWS):
        raise UserError(
            f"{line.strip()[:60]!r}: the arrow {neighbours[0]!r} is not a neighbour; "
            f"write node neighbour neighbour, or {options.say('format', 'edges')} for arrows between two nodes."
        )


def split_colons(lines: Sequence[str]) -> list[tuple[str, str]] | None:
    """Cut lines of an adjacency list at the colon behind their node; ``None`` where they have no colons.

    >>> split_colons(["0: 1 2", "1:"])
    [('0', '1 2'), ('1', '')]

    Raises:
        UserError: only some lines have one, and a node stands both with and without it.
    """
    matches = [_COLON.fullmatch(line) or _NUMBER_COLON.fullmatch(line) for line in lines]
    heads = {match["node"].strip('"') for match in matches if match}
    if not heads:
        return None
    rows = [(match["node"], (match["rest"] or "").strip()) for match in matches if match]
    words = {word for _, rest in rows for word in re.split(r"[\s,;|]+", rest)}
    if any(f"{head}:" in words for head in heads):  # the colon belongs to the names
        return None
    if len(rows) == len(lines):
        return rows
    bare = [line for line, match in zip(lines, matches, strict=True) if match is None]
    words.update(word for line in bare for word in re.split(r"[\s,;|]+", line.strip()))
    if heads & words:
        raise UserError(
            f"{bare[0].strip()[:60]!r} has no colon behind its node, and other lines have one; "
            "write node: neighbour neighbour in every line, or no colons."
        )
    return None


def refuse_adjacency_lists(lines: Sequence[str], options: ReadOptions) -> None:
    """Refuse lines ``node: neighbours`` in a file that is read as a list of edges or as a matrix.

    Raises:
        UserError: every line has a colon behind its node, and nodes stand among the neighbours of others.
    """
    if ":" not in lines[0] or ":" not in lines[-1]:
        return
    matches = [_COLON.fullmatch(line) or _NUMBER_COLON.fullmatch(line) for line in lines]
    rows = split_colons(lines) if all(matches) else None
    if rows is None:
        return
    heads = {node.strip('"') for node, _ in rows}
    if any(heads & set(re.split(r"[\s,;|]+", rest)) for _, rest in rows):
        raise UserError(
            f"{lines[0].strip()[:60]!r} and the other lines are a node, a colon and its neighbours: "
            f"{options.say('format', 'adjlist')} reads adjacency lists, {options.say('format', 'matrix')} "
            "a matrix with such labels."
        )
