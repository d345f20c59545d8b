"""GML (parsed by networkx) and Pajek: formats of network programs, with the liberties people take in them."""

from __future__ import annotations

import re
import shlex
from typing import Any

import numpy as np
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.io.markup import named_nodes
from graph2nn.graphs.io.source import EdgeList, names_or_none

_GRAPH = re.compile(r"(?m)^(\s*(?:.*\s)?)graph(\s*)\[")
_NOT_FINITE = re.compile(r"(?<=\s)([+-]?)(nan|inf(?:inity)?)(?=[\s\]]|$)", re.IGNORECASE)


def read_gml(text: str) -> EdgeList:
    """Read GML with or without labels, with parallel edges, any script, and values that are not finite.

    Raises:
        UserError: text that networkx cannot parse.
    """
    import networkx as nx

    if _GRAPH.search(text) is None:
        raise UserError("cannot be read as gml (there is no 'graph [').")
    quoted = re.split(r'("[^"]*")', text)
    # networkx knows only INF and NAN, and refuses parallel edges that the header does not announce.
    quoted[::2] = [_NOT_FINITE.sub(_spelled, part) for part in quoted[::2]]
    prepared = "".join(quoted)
    if not re.search(r"(?m)^\s*multigraph\s+1\b", prepared):
        prepared = _GRAPH.sub(r"\1graph\2[ multigraph 1 ", prepared, count=1)
    try:
        graph: Any = nx.parse_gml(prepared.splitlines(), label="id")
    except nx.NetworkXError as error:
        raise UserError(f"cannot be read as gml ({' '.join(str(error).split())[:120]}).") from None
    nodes = list(graph.nodes(data=True))
    position = {node: i for i, (node, _) in enumerate(nodes)}
    labels = [
        (str(node), None if (text := data.get("label", data.get("name"))) is None else str(text))
        for node, data in nodes
    ]
    names, notes = named_nodes(labels)
    ends = [(position[one], position[other]) for one, other in graph.edges()]
    rows = [{key: value for key, value in data.items() if key != "key"} for *_, data in graph.edges(data=True)]
    columns = pd.DataFrame(rows, index=range(len(rows)), dtype=object)
    pairs = np.array(ends, dtype=np.int64).reshape(-1, 2)
    name = graph.graph.get("name", graph.graph.get("label"))
    return EdgeList(
        pairs[:, 0],
        pairs[:, 1],
        len(nodes),
        names,
        columns.where(columns.notna(), None),
        directed=bool(graph.is_directed()),
        said="the file",
        name=None if name is None else str(name),
        notes=notes,
    )


def _spelled(match: re.Match[str]) -> str:
    return "NAN" if match[2].lower() == "nan" else f"{match[1]}INF"


def read_pajek(text: str) -> EdgeList:
    """Read a Pajek network: arcs go one way, edges both; lists and matrices of either kind are read, too.

    Raises:
        UserError: a line that names no vertex, two-mode or several networks.
    """
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("%")]
    labels: list[str] = []
    edges: list[tuple[int, int]] = []
    weights: list[str | None] = []
    ways: list[bool] = []
    section, row, name = "", 0, None
    kinds: set[str] = set()
    for line in lines:
        if line.startswith("*"):
            words = _words(line)
            section, row = words[0].lower(), 0
            kinds.add(section)
            if section == "*network":
                name = " ".join(words[1:]) or None
            elif section == "*vertices":
                labels = _vertices(words, labels)
            continue
        words = _words(line)
        if section == "*vertices":
            number = _vertex(words[0], len(labels), line)
            labels[number] = words[1] if len(words) > 1 else words[0]
        elif section not in ("*network", "*partition", "*vector"):
            for first, other, weight in _connections(section, words, row, len(labels), line):
                edges.append((first, other))
                weights.append(weight)
                ways.append(not section.startswith("*edges"))
            row += 1
    if not labels:
        raise UserError("there is no *Vertices line.")
    one_way = np.array(ways, dtype=np.bool_)
    pairs = np.array(edges, dtype=np.int64).reshape(-1, 2)
    mixed = bool(len(one_way) and one_way.any() and not one_way.all())
    unique = len(set(labels)) == len(labels)
    has_weights = any(weight is not None for weight in weights)
    return EdgeList(
        pairs[:, 0],
        pairs[:, 1],
        len(labels),
        names_or_none(labels) if unique else None,
        pd.DataFrame({"weight": weights} if has_weights else None, index=range(len(edges)), dtype=object),
        directed=bool(one_way.any()) if len(edges) else any(kind.startswith("*arcs") for kind in kinds),
        said="its sections " + " and ".join(sorted(kinds - {"*network", "*vertices"})),
        one_way=one_way if mixed else None,
        name=name,
        notes=[] if unique else ["labels of vertices repeat and were left out"],
    )


def _connections(
    section: str, words: list[str], row: int, vertices: int, line: str
) -> list[tuple[int, int, str | None]]:
    """Return the connections of one line of a section: both ends, and the weight where there is one."""
    if section in ("*arcs", "*edges"):
        ends = [_vertex(word, vertices, line) for word in (words[0], words[1] if len(words) > 1 else "")]
        return [(ends[0], ends[1], words[2] if len(words) > 2 else None)]
    if section in ("*arcslist", "*edgeslist"):
        first, *others = (_vertex(word, vertices, line) for word in words)
        return [(first, other, None) for other in others]
    if section == "*matrix":
        if len(words) != vertices:
            raise UserError(f"row {row + 1} of the matrix has {len(words)} entries for {vertices} vertices.")
        return [(row, i, word) for i, word in enumerate(words) if float(word) != 0]
    raise UserError(f"{line[:60]!r} stands in section {section or 'none'}, which is not read.")


def _vertices(words: list[str], labels: list[str]) -> list[str]:
    if labels:
        raise UserError("holds several networks; expected one.")
    if len(words) > 2:
        raise UserError(f"{' '.join(words)}: a two-mode network; expected one kind of vertices.")
    if len(words) < 2 or not words[1].isdecimal() or int(words[1]) < 1:
        raise UserError(f"{' '.join(words)!r} does not say how many vertices there are.")
    return [str(i + 1) for i in range(int(words[1]))]


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a lone apostrophe in a label
        return line.replace('"', " ").split()


def _vertex(word: str, n: int, line: str) -> int:
    if not word.isdecimal() or not 1 <= int(word) <= n:
        raise UserError(f"{line[:60]!r} names no vertex from 1 to {n}.")
    return int(word) - 1
