"""One text names one graph: what every command takes where it asks for a graph.

A file (``my.graphml``), a file with options of :func:`graph2nn.read_graph`
(``edges.csv:weight=count,threshold=5,where=Type=chemical``) or of :func:`graph2nn.read_connectome`
(``edges.csv:neurons=neurons.csv,min_weight=5``), a connectome (``cat``, ``cat:symmetrised``), or a family with
its arguments (``ws_flex:n=64,sparsity=0.128,p=0.1,seed=4``, ``barabasi_albert:n=64,m=4``,
``stochastic_block:sizes=20/30,p=0.5/0.1/0.1/0.5``).
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from graph2nn.arguments import checked_arguments
from graph2nn.errors import UserError, unknown
from graph2nn.graphs.connectomes import NAMES, connectome
from graph2nn.graphs.generators import GENERATORS
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.io import ENDINGS, Reading, ReadOptions, ending_of, parse_share, read_with, warn_of
from graph2nn.graphs.io.connectome.connectome_spec import read_spec
from graph2nn.graphs.neuron_connectomes import NEURONS

#: Behind the name of a connectome: an edge wherever there is one in either direction.
_SYMMETRISED = ":symmetrised"


@checked_arguments
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
        text: a path, ``path:option=value,…``, the name of a connectome (followed by ``:symmetrised`` for an
            edge wherever there is one in either direction), or ``family:argument=value,…``. Lists are written
            with slashes. ``ws_flex`` takes ``sparsity`` (k/n) in place of ``k``.
        data: a folder that may hold the connectomes.
        threshold, directed, drop_self_loops: for files, as in :func:`read_graph`.

    Returns:
        The graph. What a file leaves open is said in a :class:`~graph2nn.graphs.io.GraphNote`.

    Raises:
        UserError: nothing of that name, or a wrong argument.

    Example:
        >>> parse_graph("ws_flex:n=64,k=8,p=0.1,seed=1").edges
        256
        >>> parse_graph("grid:m=3,n=4").n
        12
    """
    options = ReadOptions(threshold=threshold, directed=directed, drop_self_loops=drop_self_loops, side="spec")
    reading = find_graph(text, options, data=data)
    warn_of(reading, stacklevel=4)
    return reading.graph


def find_graph(
    text: str,
    options: ReadOptions,
    *,
    data: str | Path | None = None,
    neurons: Sequence[Path] = (),
    min_weight: float | None = None,
) -> Reading:
    """Return the graph that ``text`` names with what should be said about it; see :func:`parse_graph`.

    Args:
        text: as for :func:`parse_graph`.
        options: for files; those written behind the file's name win.
        data: a folder that may hold the connectomes.
        neurons, min_weight: of a table of connections, as in :func:`graph2nn.read_connectome`, which also reads
            the tables whose columns are those of a published connectome.

    Returns:
        The graph, and what should be said about it.

    Raises:
        UserError: nothing of that name, a wrong argument, or options of files for another graph.
    """
    path, written = split_options(text)
    if path is not None:
        _refuse_twice(path, written)
        connections = read_spec(path, written, options, neurons=neurons, min_weight=min_weight)
        if connections is not None:
            return connections
        return read_with(path, replace(options, **_file_options(path, written)))
    _refuse_file_options(text, options)
    if neurons or min_weight is not None:
        raise UserError(f"graph {text!r} is not a file: tables of neurons and smallest weights are for files.")
    source = ""
    if text in NAMES:
        graph = connectome(text, data=data)
        source = f"{NEURONS[text].citation}; {NEURONS[text].licence}" if text in NEURONS else ""
    elif text.endswith(_SYMMETRISED) and text.removesuffix(_SYMMETRISED) in NAMES:
        name = text.removesuffix(_SYMMETRISED)
        graph = replace(connectome(name, symmetrised=True, data=data), name=f"{name}-symmetrised")
    elif text.partition(":")[0] in NAMES:
        name = text.partition(":")[0]
        raise UserError(
            f"graph {text!r}: a connectome takes one word, {name}{_SYMMETRISED}; {name} alone is directed."
        )
    elif (family := text.partition(":")[0]) in GENERATORS:
        graph = _generate(family, text.partition(":")[2])
    else:
        raise unknown("graph", text, [*GENERATORS, *NAMES])
    return Reading(graph if options.name is None else replace(graph, name=options.name), how=source)


def _given(options: ReadOptions) -> list[str]:
    default = ReadOptions(side=options.side)
    return [o.name for o in fields(ReadOptions) if getattr(options, o.name) != getattr(default, o.name)]


def _refuse_file_options(text: str, options: ReadOptions) -> None:
    for option in _given(options):
        if option != "name":
            raise UserError(f"graph {text!r} is not a file: {options.say(option)} is for files.")


def split_options(text: str) -> tuple[str | None, str]:
    """Cut ``path:option=value,…`` into the path and its options; the path is ``None`` for another graph."""
    head, colon, tail = text.rpartition(":")
    if Path(text).is_file() or (not colon and _looks_like_a_path(text)):
        return text, ""
    if colon and (Path(head).is_file() or _looks_like_a_path(head)):
        return head, tail
    if _looks_like_a_path(text) and text.partition(":")[0] not in GENERATORS:
        return text, ""
    return None, ""


def _looks_like_a_path(text: str) -> bool:
    return ending_of(Path(text)) in ENDINGS or (len(Path(text).parts) > 1 and "=" not in text)


#: Options of files that may be given more than once.
_REPEATED = ("where", "neurons")


def _refuse_twice(path: str, written: str) -> None:
    """Refuse an option that stands twice behind a file's name, where the last one would win."""
    keys = [part.partition("=")[0].strip() for part in written.split(",")]
    for i, key in enumerate(keys):
        if key and key in keys[:i] and key not in _REPEATED:
            raise UserError(f"{path}: {key} is given twice; give it once.")


def _file_options(path: str, written: str) -> dict[str, Any]:
    """Read the options behind a file's name.

    Raises:
        UserError: an option that is not known, or a value that it does not take.
    """
    kinds = typing.get_type_hints(ReadOptions)
    options: dict[str, Any] = {}
    where: dict[str, list[str]] = {}
    for part in filter(None, written.split(",")):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key not in kinds or key == "side":
            raise unknown(f"{path}: option", key, [name for name in kinds if name != "side"])
        if not equals or not value:
            raise UserError(f"{path}: {part!r} is not option=value, for example {path}:threshold=0.")
        if key == "where":
            column, _, entry = value.partition("=")
            where.setdefault(column.strip(), []).append(entry.strip())
        elif key == "keep_strongest":
            options[key] = parse_share(value)
        elif key == "threshold":
            options[key] = _value(f"{path}: {key}", value, float)
        else:
            boolean = kinds[key] in (bool, bool | None)
            options[key] = _value(f"{path}: {key}", value, bool) if boolean else value
    return {**options, "where": where} if where else options


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
