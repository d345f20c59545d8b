"""Edge lists written here: a first line with n, direction and name, so that nothing is lost on the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.io.source import MOST_NODES, EdgeList

#: How a file written by :func:`graph2nn.write_graph` begins.
HEADER = "# graph2nn "


def header_line(graph: RelationalGraph) -> str:
    """Return the first line of an edge list: ``# graph2nn n=4 directed=yes names=["a", …] name=mouse``."""
    names = ""
    if graph.node_names is not None:  # without spaces, as a space ends an entry of this line
        listed = json.dumps(list(graph.node_names), ensure_ascii=False, separators=(",", ":"))
        names = " names=" + listed.replace(" ", "\\u0020")
    loops = " self_loops=given" if graph.self_loops == "given" else ""
    directed = "yes" if graph.directed else "no"
    return f"{HEADER}n={graph.n} directed={directed}{loops}{names} name={' '.join(graph.name.split())}"


def native_edges(header: str, lines: list[str]) -> EdgeList:
    """Read ``reader read [weight]`` lines below the first line of a file written here.

    Raises:
        UserError: a first line or an edge that does not fit it.
    """
    said, names = _read_header(header)
    if not (said.get("n", "").isdecimal() and len(said["n"]) <= 10 and int(said["n"]) <= MOST_NODES):
        raise UserError(
            f"the first line says n={said.get('n')}, which is not a whole number up to {MOST_NODES:,}."
        )
    n = int(said["n"])
    if names is not None and len(names) != n:
        raise UserError(f"the first line says n={n} and has {len(names)} names.")
    rows = [line.split() for line in lines]
    width = len(rows[0]) if rows else 2
    for row in rows:
        if len(row) != width or width not in (2, 3):
            raise UserError(
                f"{' '.join(row)!r} is not an edge; expected two nodes per line and at most a weight."
            )
        outside = [cell for cell in row[:2] if not (cell.isascii() and cell.isdecimal() and int(cell) < n)]
        if outside:
            raise UserError(f"the first line says n={n}, but an edge names node {outside[0]!r}.")
    ends = np.array([row[:2] for row in rows], dtype=np.int64).reshape(-1, 2)
    columns = pd.DataFrame({"weight": [row[2] for row in rows]} if width == 3 else None, index=range(len(rows)))
    return EdgeList(
        ends[:, 0],
        ends[:, 1],
        n,
        names,
        columns,
        directed=_either(said, "directed", {"yes": True, "no": False}),
        said="its first line",
        name=said.get("name"),
        self_loops=_either(said, "self_loops", {"given": "given", "all": "all"}) or "all",
    )


def _either(said: dict[str, str], key: str, words: Mapping[str, Any]) -> Any:
    """Read a word of the first line; None where it is not there.

    Raises:
        UserError: another word.
    """
    word = said.get(key)
    if word is not None and word not in words:
        raise UserError(f"the first line says {key}={word}; expected {' or '.join(words)}.")
    return None if word is None else words[word]


def _read_header(header: str) -> tuple[dict[str, str], tuple[str, ...] | None]:
    plain, _, name = header.removeprefix(HEADER).partition(" name=")
    names = None
    plain, has_names, listed = plain.partition(" names=")
    if has_names:
        try:
            names = tuple(str(entry) for entry in json.loads(listed))
        except ValueError:
            raise UserError("the names in the first line cannot be read.") from None
    said = dict(part.split("=", 1) for part in plain.split() if "=" in part)
    return {**said, "name": name.strip()} if name else said, names
