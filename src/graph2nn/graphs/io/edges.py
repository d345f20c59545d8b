"""Edge lists: one edge per line, ``reader read [weight]``, nodes as whole numbers or names.

Files written here begin with ``# graph2nn n=64 directed=no name=…``, so that isolated nodes and the
direction survive. Without that line the nodes are the ones named: whole numbers in ascending order, names
in order of appearance; and the graph is undirected, as networkx reads such files.
"""

from __future__ import annotations

import ast

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError

#: Words of a first line that names the columns.
HEADERS = {"source", "target", "from", "to", "u", "v", "reader", "read", "node1", "node2", "src", "dst"}

EXPECTED = "expected two nodes a line, and a weight at most"


def header_line(n: int, directed: bool, name: str) -> str:
    """Return the first line that makes an edge list complete."""
    return f"# graph2nn n={n} directed={'yes' if directed else 'no'} name={' '.join(name.split())}"


def split_edge(line: str) -> list[str]:
    """Cut a line of an edge list; networkx's ``{'weight': 2.0}`` at its end becomes a third column."""
    plain, brace, rest = line.partition("{")
    for separator in (",", ";", "\t"):
        plain = plain.replace(separator, " ")
    cells = [cell.strip('"') for cell in plain.split()]
    if not brace:
        return cells
    try:
        data = ast.literal_eval(brace + rest)
    except (ValueError, SyntaxError) as error:
        raise UserError(f"{line!r} is not an edge; {EXPECTED}.") from error
    return [*cells, str(data["weight"])] if "weight" in data else cells


def edges_to_matrix(
    rows: list[list[str]], header: str | None = None, *, directed: bool | None = None
) -> tuple[npt.NDArray[np.float64], bool, str | None]:
    """Return weights ``[n, n]``, direction and name from the cells of an edge list.

    Without a header, ``directed`` says whether an edge goes one way only. The matrix of an undirected list
    is symmetric. An edge named twice has its larger weight.

    Raises:
        UserError: a row of another length than two or three, a weight that is not a number, no edges at all
            and no header, a node outside the header's n.
    """
    said = _read_header(header)
    for row in rows:
        if len(row) not in (2, 3):
            raise UserError(f"{' '.join(row)!r} is not an edge; {EXPECTED}.")
    if not rows and "n" not in said:
        raise UserError(f"the file is empty; {EXPECTED}.")
    index = _number_nodes(rows, said.get("n"))
    one_way = said["directed"] == "yes" if "directed" in said else bool(directed)
    weights: npt.NDArray[np.float64] = np.zeros((len(index), len(index)))
    for row in rows:
        i, j, weight = index[row[0]], index[row[1]], _weight(row)
        for place in [(i, j)] if one_way else [(i, j), (j, i)]:
            weights[place] = max(weights[place], weight) if weights[place] else weight
    return weights, one_way, said.get("name")


def _read_header(header: str | None) -> dict[str, str]:
    if header is None:
        return {}
    plain, _, name = header.removeprefix("# graph2nn ").partition("name=")
    said = dict(part.split("=", 1) for part in plain.split() if "=" in part)
    return {**said, "name": name} if name else said


def _number_nodes(rows: list[list[str]], n: str | None) -> dict[str, int]:
    """Map the tokens that name nodes to 0 … n−1."""
    seen = list(dict.fromkeys(token for row in rows for token in row[:2]))
    whole = all(token.lstrip("-").isdecimal() for token in seen)
    if n is None:
        ordered = sorted(seen, key=int) if whole else seen
        return {token: i for i, token in enumerate(ordered)}
    if not n.isdecimal():
        raise UserError(f"the first line says n={n}, which is not a whole number.")
    outside = [token for token in seen if not (whole and 0 <= int(token) < int(n))]
    if outside:
        raise UserError(f"the first line says n={n}, but an edge names node {outside[0]!r}.")
    return {str(i): i for i in range(int(n))}


def _weight(row: list[str]) -> float:
    if len(row) == 2:
        return 1.0
    try:
        return float(row[2])
    except ValueError as error:
        raise UserError(f"{' '.join(row)!r}: the weight {row[2]!r} is not a number.") from error
