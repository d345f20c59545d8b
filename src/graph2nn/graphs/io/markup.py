"""GraphML and GEXF: nodes, edges and their attributes out of XML; attributes that nobody needs never matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.io.source import EdgeList, names_or_none

Element = ElementTree.Element


def read_graphml(content: bytes) -> EdgeList:
    """Read GraphML; keys may be declared anywhere and hold text that is not of their type.

    Raises:
        UserError: not XML, no graph or several, nested graphs or hyperedges.
    """
    root = _parse(content, "graphml")
    graphs = [child for child in root.iter() if _tag(child) == "graph"]
    if len(graphs) != 1:
        raise UserError(f"holds {len(graphs)} graphs (nested ones included); expected one.")
    graph = graphs[0]
    if any(_tag(child) == "hyperedge" for child in graph):
        raise UserError("holds hyperedges, which join more than two nodes; expected a graph.")
    declared = [child for child in root.iter() if _tag(child) == "key"]
    keys: dict[str | None, str] = {}
    defaults: dict[str, str | None] = {}
    for key in (child for child in declared if child.get("for") in ("edge", "all", None)):
        title = key.get("attr.name") or key.get("id") or ""
        keys[key.get("id")] = title
        for default in (child for child in key if _tag(child) == "default"):
            defaults[title] = default.text
    node_keys = {key.get("id"): key.get("attr.name") for key in declared if key.get("for") in ("node", "all")}
    nodes = [(_need(child, "id"), _label(child, node_keys)) for child in graph if _tag(child) == "node"]
    edges, ways, rows = [], [], []
    default_way = graph.get("edgedefault", "undirected") == "directed"
    for edge in (child for child in graph if _tag(child) == "edge"):
        edges.append((_need(edge, "source"), _need(edge, "target")))
        way = (edge.get("directed") or "").strip().lower()
        ways.append(way == "true" if way in ("true", "false") else default_way)
        row: dict[str, str | None] = dict(defaults)
        for data in (child for child in edge if _tag(child) == "data"):
            row[keys.get(data.get("key"), data.get("key") or "")] = data.text
        rows.append(row)
    graph_keys = {key.get("id") for key in declared if key.get("attr.name") == "name"}
    name = next(
        (child.text for child in graph if _tag(child) == "data" and child.get("key") in graph_keys), None
    )
    return _edge_list(nodes, edges, rows, ways, name, default_way)


def read_gexf(content: bytes) -> EdgeList:
    """Read GEXF of any version; the weight is an attribute of an edge or one of its values.

    Raises:
        UserError: not XML, or no graph.
    """
    root = _parse(content, "gexf")
    graph = next((child for child in root.iter() if _tag(child) == "graph"), None)
    if graph is None:
        raise UserError("holds no graph.")
    titles: dict[str | None, str | None] = {}
    for block in graph:
        if _tag(block) == "attributes" and block.get("class") == "edge":
            titles.update({child.get("id"): child.get("title") or child.get("id") for child in block})
    nodes = [(_need(child, "id"), child.get("label")) for child in graph.iter() if _tag(child) == "node"]
    default_way = graph.get("defaultedgetype", "undirected") == "directed"
    edges, ways, rows = [], [], []
    for edge in (child for child in graph.iter() if _tag(child) == "edge"):
        edges.append((_need(edge, "source"), _need(edge, "target")))
        kind = (edge.get("type") or "").strip().lower()
        ways.append(default_way if kind not in ("directed", "undirected", "mutual") else kind == "directed")
        values = [child for child in edge.iter() if _tag(child) == "attvalue"]
        row: dict[str | None, str | None] = {}
        for value in values:
            row[titles.get(value.get("for") or value.get("id"), value.get("for"))] = value.get("value")
        if edge.get("weight") is not None:
            row["weight"] = edge.get("weight")
        rows.append(row)
    return _edge_list(nodes, edges, rows, ways, None, default_way)


def named_nodes(nodes: list[tuple[str, str | None]]) -> tuple[tuple[str, ...] | None, list[str]]:
    """Return a name for each node, its label where all have one: a repeated label stands with its id.

    Returns:
        The names, or ``None`` where ids only count from 0; and notes.
    """
    labels = [(label or "").strip() for _, label in nodes]
    if not nodes or not all(labels):
        return names_or_none([node for node, _ in nodes]), []
    counts = pd.Series(labels).value_counts()
    if counts.max() == 1:
        return names_or_none(labels), []
    repeated = f"label {str(counts.index[0])!r} names {counts.iloc[0]} nodes"
    if len(counts) <= len(nodes) / 2:  # a class of nodes, not a name
        return names_or_none([node for node, _ in nodes]), [f"{repeated}; ids are the names"]
    pairs = zip(labels, nodes, strict=True)
    names = [label if counts[label] == 1 else f"{label} ({node})" for label, (node, _) in pairs]
    return names_or_none(names), [f"{repeated}; their ids are added to it"]


def _edge_list(
    nodes: list[tuple[str, str | None]],
    edges: list[tuple[str, str]],
    rows: Sequence[Mapping[Any, Any]],
    ways: list[bool],
    name: str | None,
    default_way: bool,
) -> EdgeList:
    nodes = list(nodes)
    position: dict[str, int] = {}
    for node, _ in nodes:
        if node in position:
            raise UserError(f"node {node!r} is declared twice.")
        position[node] = len(position)
    for end in (end for edge in edges for end in edge):
        if end not in position:  # allowed in practice: an edge may name a node that is not declared
            position[end] = len(position)
            nodes.append((end, None))
    ends = np.array([(position[one], position[other]) for one, other in edges], dtype=np.int64).reshape(-1, 2)
    columns = pd.DataFrame(rows, index=range(len(edges)), dtype=object)
    one_way = np.array(ways, dtype=np.bool_)
    mixed = len(edges) > 0 and one_way.any() and not one_way.all()
    names, notes = named_nodes(nodes)
    return EdgeList(
        ends[:, 0],
        ends[:, 1],
        len(nodes),
        names,
        columns.where(columns.notna(), None),
        directed=bool(one_way.any()) if len(edges) else default_way,
        said="the file",
        one_way=one_way if mixed else None,
        name=name,
        notes=notes,
    )


def _parse(content: bytes, kind: str) -> Element:
    try:
        return ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise UserError(f"cannot be read as {kind} (not well-formed XML: {error}).") from None
    except (ValueError, LookupError) as error:  # an encoding that is declared and not known
        raise UserError(f"cannot be read as {kind} ({error}).") from None


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _need(element: Element, attribute: str) -> str:
    value = element.get(attribute)
    if value is None or not value.strip():
        raise UserError(f"a <{_tag(element)}> has no {attribute!r}.")
    return value.strip()


def _label(node: Element, keys: dict[str | None, str | None]) -> str | None:
    """Return the text of a node's ``name`` or ``label``, whichever it has."""
    texts = {
        (keys.get(child.get("key")) or "").lower(): " ".join("".join(child.itertext()).split())
        for child in node
        if _tag(child) == "data"
    }
    return texts.get("label") or texts.get("name") or None
