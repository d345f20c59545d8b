"""One text names one graph: what every command takes where it asks for a graph.

A file (``my.graphml``), a connectome (``cat``, ``cat:symmetrised``), or a family with its arguments
(``ws_flex:n=64,sparsity=0.128,p=0.1,seed=4``, ``barabasi_albert:n=64,m=4``,
``stochastic_block:sizes=20/30,p=0.5/0.1/0.1/0.5``).
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graph2nn.errors import UserError, unknown
from graph2nn.graphs.connectomes import SHA256, connectome
from graph2nn.graphs.generators import GENERATORS
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.io import FORMATS, read_graph


def parse_graph(
    text: str,
    *,
    data: str | Path | None = None,
    threshold: float | None = None,
    directed: bool | None = None,
    drop_self_loops: bool = False,
) -> RelationalGraph:
    """Return the graph that ``text`` names.

    Args:
        text: a path, the name of a connectome (followed by ``:symmetrised`` for an edge wherever there is one
            in either direction), or ``family:argument=value,…``. Lists are written with
            slashes. ``ws_flex`` takes ``sparsity`` (k/n) in place of ``k``.
        data: a folder that may hold the connectomes.
        threshold, directed, drop_self_loops: for files, as in :func:`read_graph`.

    Raises:
        UserError: nothing of that name, or a wrong argument.
    """
    family, colon, arguments = text.partition(":")
    if Path(text).is_file() or (not colon and _looks_like_a_path(text)):
        return read_graph(text, threshold=threshold, directed=directed, drop_self_loops=drop_self_loops)
    if threshold is not None or directed is not None or drop_self_loops:
        raise UserError(f"graph {text!r} is not a file: thresholds, directions and self-loops are for files.")
    if text in SHA256:
        return connectome(text, data=data)
    if family in SHA256:
        if arguments != "symmetrised":
            raise UserError(
                f"graph {text!r}: a connectome takes one word, {family}:symmetrised; "
                f"{family} alone is directed."
            )
        graph = connectome(family, symmetrised=True, data=data)
        return RelationalGraph(graph.adjacency, name=f"{family}-symmetrised", directed=False)
    if family in GENERATORS:
        return _generate(family, arguments)
    raise unknown("graph", text, [*GENERATORS, *SHA256])


def _looks_like_a_path(text: str) -> bool:
    return Path(text).suffix.lower() in FORMATS or len(Path(text).parts) > 1


def _generate(family: str, arguments: str) -> RelationalGraph:
    function = GENERATORS[family]
    given = _pairs(family, arguments)
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters
    extra = {"sparsity"} if family.startswith("ws_flex") else set()
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in parameters and key not in extra:
            raise unknown(f"{family}: argument", key, [*parameters, *extra])
        values[key] = _value(f"{family}: {key}", value, hints.get(key, float))
    if "sparsity" in values:
        values = _with_degree(values)
    missing = [p.name for p in parameters.values() if p.default is p.empty and p.name not in values]
    if missing:
        raise UserError(f"{family}: {', '.join(missing)} missing; write {_usage(family, function)}.")
    return function(**values)


def _pairs(family: str, arguments: str) -> dict[str, str]:
    pairs = {}
    usage = _usage(family, GENERATORS[family])
    for part in filter(None, arguments.split(",")):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise UserError(f"{family}: {part!r} is not argument=value; write {usage}.")
        if key in pairs:
            raise UserError(f"{family}: {key} is given twice.")
        pairs[key] = value
    return pairs


def _with_degree(values: dict[str, Any]) -> dict[str, Any]:
    """Turn the sparsity of the published tables into the degree k = n · sparsity."""
    if "k" in values:
        raise UserError("ws_flex: k and sparsity say the same thing (k = n · sparsity); give one of them.")
    if "n" not in values:
        return values
    rest = {key: value for key, value in values.items() if key != "sparsity"}
    return {**rest, "k": values["n"] * values["sparsity"]}


_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_KINDS = {int: "a whole number", float: "a number", bool: "yes or no"}


def _value(what: str, text: str, hint: Any) -> Any:
    """Read one value as the type its argument is annotated with; other types are lists of numbers."""
    try:
        if hint is bool:
            return _WORDS[text.lower()]
        if hint in (int, float):
            return hint(text)
        return [float(item) if "." in item else int(item) for item in text.split("/")]
    except (KeyError, ValueError):
        wanted = _KINDS.get(hint, "a list of numbers such as 20/30")
        raise UserError(f"{what} = {text!r} is not {wanted}.") from None


def _usage(family: str, function: Callable[..., RelationalGraph]) -> str:
    return f"{family}:" + ",".join(f"{name}=…" for name in inspect.signature(function).parameters)
