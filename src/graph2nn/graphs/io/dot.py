"""DOT, the language of Graphviz: nodes, chains of edges, subgraphs and attributes; layout is left aside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.io.source import EdgeList, names_or_none

_TOKEN = re.compile(
    r"""(?P<skip>\s*\n[ \t]*\#[^\n]*|\s+|//[^\n]*|/\*.*?\*/|(?m:^\#[^\n]*))
      |(?P<string>"(?:\\.|[^"\\])*")
      |(?P<html><)
      |(?P<edge>->|--)
      |(?P<sign>[{}\[\];,=:+])
      |(?P<word>-?(?:\.\d+|\d+(?:\.\d*)?)|[^\W\d]\w*)""",
    re.VERBOSE | re.DOTALL,
)
_KEYWORDS = {"node", "edge", "graph", "digraph", "subgraph", "strict"}


def read_dot(text: str) -> EdgeList:
    """Read one graph in DOT.

    Raises:
        UserError: text that is not DOT, or several graphs.
    """
    return _Parser(list(_tokens(text))).graph()


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    """Give each token, and whether it is a name (quoted text is one, whatever it holds)."""
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise UserError(f"cannot be read as dot ({text[place : place + 20]!r} is not expected).")
        place = match.end()
        if match["html"]:
            depth, start = 1, place
            while depth and place < len(text):
                depth += {"<": 1, ">": -1}.get(text[place], 0)
                place += 1
            yield text[start : place - 1], True
        elif match["string"]:
            yield match["string"][1:-1].replace('\\"', '"').replace("\\\n", ""), True
        elif match["word"]:
            yield match["word"], match["word"].lower() not in _KEYWORDS
        elif not match["skip"]:
            yield match[0], False


class _Parser:
    """A recursive-descent parser of Graphviz' published grammar."""

    def __init__(self, tokens: list[tuple[str, bool]]) -> None:
        self.tokens, self.place = tokens, 0
        self.nodes: dict[str, str | None] = {}
        self.edges: list[tuple[str, str]] = []
        self.rows: list[dict[str, Any]] = []
        self.defaults: dict[str, Any] = {}

    def graph(self) -> EdgeList:
        if self._is("strict"):
            self.place += 1
        kind = self._next()[0].lower()
        if kind not in ("graph", "digraph"):
            raise UserError(f"cannot be read as dot ({kind!r} stands where graph or digraph was expected).")
        name = None if self._is("{") else self._name()
        self.directed = kind == "digraph"
        self._block()
        if self.place < len(self.tokens):
            raise UserError("holds more than one graph; expected one.")
        position = {node: i for i, node in enumerate(self.nodes)}
        ends = np.array([(position[a], position[b]) for a, b in self.edges], dtype=np.int64).reshape(-1, 2)
        columns = pd.DataFrame(self.rows, index=range(len(self.rows)), dtype=object)
        labels = [label if label and label != "\\N" else node for node, label in self.nodes.items()]
        names = labels if len(set(labels)) == len(labels) else list(self.nodes)
        return EdgeList(
            ends[:, 0],
            ends[:, 1],
            len(position),
            names_or_none(names),
            columns.where(columns.notna(), None),
            directed=self.directed,
            said=f"its word {kind!r}",
            name=name or None,
        )

    def _block(self) -> list[str]:
        """Read statements in braces; return the nodes that they name."""
        self._expect("{")
        inside: dict[str, None] = {}
        outer = dict(self.defaults)
        while not self._is("}"):
            if self._is(";") or self._is(","):
                self.place += 1
            else:
                inside.update(dict.fromkeys(self._statement()))
        self.defaults = outer
        self._expect("}")
        return list(inside)

    def _statement(self) -> list[str]:
        token, is_name = self._peek()
        if not is_name and token.lower() in ("graph", "node", "edge"):
            self.place += 1
            attributes = self._attributes()
            if token.lower() == "edge":
                self.defaults.update(attributes)
            return []
        if is_name and self._peek(1) == ("=", False):
            self.place += 2
            self._name()
            return []
        chain = [self._end()]
        while self._peek()[0] in ("->", "--") and not self._peek()[1]:
            arrow = self._next()[0]
            if (arrow == "->") != self.directed:
                raise UserError(
                    f"cannot be read as dot ({arrow!r} in a {'digraph' if self.directed else 'graph'})."
                )
            chain.append(self._end())
        attributes = self._attributes()
        for left, right in pairwise(chain):
            for a in left:
                for b in right:
                    self.edges.append((a, b))
                    self.rows.append({**self.defaults, **attributes})
        if len(chain) == 1 and is_name:
            self.nodes[chain[0][0]] = attributes.get("label", self.nodes[chain[0][0]])
        return [node for group in chain for node in group]

    def _end(self) -> list[str]:
        """Read a node or a subgraph: what an edge joins."""
        if self._is("subgraph"):
            self.place += 1
            if self._peek()[1]:
                self.place += 1
        if self._is("{"):
            return self._block()
        node = self._name()
        while self._is(":"):  # ports
            self.place += 2
        self.nodes.setdefault(node, None)
        return [node]

    def _attributes(self) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        while self._is("["):
            self.place += 1
            while not self._is("]"):
                if self._is(",") or self._is(";"):
                    self.place += 1
                    continue
                key = self._name()
                attributes[key] = "true"
                if self._is("="):
                    self.place += 1
                    attributes[key] = self._name()
            self.place += 1
        return attributes

    def _name(self) -> str:
        token, is_name = self._next()
        if not is_name:
            raise UserError(f"cannot be read as dot ({token!r} stands where a name was expected).")
        while self._is("+"):
            self.place += 1
            token += self._next()[0]
        return token

    def _peek(self, ahead: int = 0) -> tuple[str, bool]:
        if self.place + ahead >= len(self.tokens):
            raise UserError("cannot be read as dot (it ends before its last brace).")
        return self.tokens[self.place + ahead]

    def _next(self) -> tuple[str, bool]:
        token = self._peek()
        self.place += 1
        return token

    def _is(self, sign: str) -> bool:
        token, is_name = self._peek()
        return not is_name and token.lower() == sign

    def _expect(self, sign: str) -> None:
        if not self._is(sign):
            raise UserError(f"cannot be read as dot ({self._peek()[0]!r} stands where {sign!r} was expected).")
        self.place += 1
