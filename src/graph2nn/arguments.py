"""Arguments of public functions, held against their annotations before a function works with them.

Without it a wrong argument is an accident from inside: an ``AttributeError`` ten calls deep, or a loop over
something that only looks like a number.
"""

from __future__ import annotations

import builtins
import difflib
import functools
import inspect
import os
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union

from graph2nn.errors import UserError, WrongTypeError, cut, shown, whole_number

if TYPE_CHECKING:
    from pydantic import BaseModel

F = TypeVar("F", bound=Callable[..., Any])

#: Items of a list that are looked at: one of edges has millions, and its reader looks at them all.
_LOOKED_AT = 100
_WORDS: dict[Any, str] = {
    None: "None", type(None): "None", int: "a whole number", float: "a number", bool: "True or False",
    str: "text", Path: "a path",
}  # fmt: skip
#: How a user gets what most functions take.
_MAKE = "RelationalGraph.from_networkx and read_graph make one."
_UNIONS = (Union, types.UnionType)


def checked_arguments(function: F) -> F:
    """Refuse arguments of another type than their annotations, and pass whole floats on as integers.

    Of literals only the type is checked: which words there are, a function says best itself. Annotations that
    cannot be told at run time, such as array-likes, are left to the function. A warning of a checked function
    needs one more ``stacklevel``.

    Args:
        function: a function, a method, or a class, whose ``__init__`` is checked.

    Returns:
        The same, checked.

    Raises:
        WrongTypeError: on a call, for an argument of another type.
        UserError: on a call, for a number with a fraction where a whole one is expected.

    Example:
        >>> @checked_arguments
        ... def double(number: int) -> int:
        ...     return 2 * number
        >>> double(2.0)
        4
        >>> double("x")
        Traceback (most recent call last):
        graph2nn.errors.WrongTypeError: double: number: expected a whole number, got 'x'.
    """
    if isinstance(function, type):
        cls: Any = function
        cls.__init__ = checked_arguments(cls.__init__)
        return function
    signature, hints = inspect.signature(function), functools.cache(lambda: _hints(function))
    # The __init__ that a dataclass is given does not name its class.
    name = (
        ""
        if function.__name__ in ("__init__", "__call__")
        else function.__qualname__.rpartition("<locals>.")[2]
    )

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # Python says which argument is missing or too many
        for argument, hint in hints().items():
            if argument in bound.arguments:
                value = bound.arguments[argument]
                bound.arguments[argument] = _checked(value, hint, name or type(args[0]).__name__, argument)
        return function(*bound.args, **bound.kwargs)

    return typing.cast("F", checked)


def _checked(value: Any, hint: Any, where: str, argument: str) -> Any:
    if not fits(value, hint):
        if fits(1, hint) and not isinstance(value, bool) and isinstance(value, Real):
            raise UserError(f"{where}: {argument} = {shown(value)} is not a whole number.")
        advice = f" {_MAKE}" if "RelationalGraph" in words(hint) else ""
        raise WrongTypeError(f"{where}: {argument}: expected {words(hint)}, got {got(value)}.{advice}")
    if isinstance(value, int) and value.bit_length() > 63 and argument != "seed":
        raise UserError(f"{where}: {argument} = {shown(value)} is too large.")
    if isinstance(value, str) and (device := _device_among(hint)):
        try:
            device(value)
        except RuntimeError:
            raise UserError(
                f"{where}: {argument} = {shown(value)} is not a device of torch, such as cpu or cuda:0."
            ) from None
    return _converted(value, hint)


def _device_among(hint: Any) -> Any:
    """``torch.device`` where an annotation has it; torch itself is not imported here."""
    return next((kind for kind in typing.get_args(hint) if repr(kind) == "<class 'torch.device'>"), None)


def _converted(value: Any, hint: Any) -> Any:
    """Return a value that fits as functions take it: whole floats as integers, arrays of numbers as lists."""
    if typing.get_origin(hint) in _UNIONS:
        branches = typing.get_args(hint)
        if float in branches and isinstance(value, float):
            return value
        return _converted(value, next(branch for branch in branches if fits(value, branch)))
    if hint is int:
        return whole_number(value)
    kind, inner = typing.get_origin(hint) or hint, typing.get_args(hint)
    if not inner or inner[0] not in (int, float, str) or not _is_container(kind):
        return value
    listed = value.tolist() if getattr(value, "ndim", 0) == 1 else value
    if inner[0] is int and isinstance(listed, list | tuple) and any(type(item) is not int for item in listed):
        return [whole_number(item) for item in listed]
    return listed


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations that can be told at run time, of all arguments but ``*args`` and ``**kwargs``."""
    inner: Any = inspect.unwrap(function)
    names = _Names(inner.__globals__)
    hints = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            hint = parameter.annotation
            if isinstance(hint, str):
                try:
                    hint = eval(hint, inner.__globals__, names)
                except (AttributeError, NameError, TypeError):
                    continue  # of a module that is imported for the type checker alone
            if hint is not parameter.empty and hint is not Any:
                hints[name] = hint
    return hints


#: Libraries by the names that modules give them; one that is not loaded has made no argument.
_ALIASES = {"pd": "pandas", "nx": "networkx"}


class _Names(dict[str, Any]):
    """Names of annotations that a module imports for the type checker alone: those of the package, or Any."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        super().__init__()
        self._module = module

    def __missing__(self, name: str) -> Any:
        if name in self._module or hasattr(builtins, name):
            raise KeyError(name)
        if (module := sys.modules.get(_ALIASES.get(name, ""))) is not None:
            return module
        package = sys.modules["graph2nn"]
        return getattr(package, name) if name in package.__all__ else Any


def fits(value: Any, hint: Any) -> bool:
    """Return whether a value is of the type that an annotation names; True where that cannot be told.

    Args:
        value: an argument.
        hint: its annotation, evaluated.

    Returns:
        False for another type.

    Example:
        >>> fits(3.0, int), fits(3.5, int), fits([1, "x"], Sequence[int]), fits("ab", Sequence[str])
        (True, False, False, False)
    """
    if hint in (None, type(None)):
        return value is None
    if hint in _SIMPLE:
        return _SIMPLE[hint](value)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in _UNIONS:
        return any(fits(value, one) for one in inner)
    if origin is Literal:
        return isinstance(value, tuple({type(one) for one in inner}))
    kind = origin or hint
    if not isinstance(kind, type):
        return True
    if _is_container(kind):
        return _is_list(value, kind) and _items_fit(value, inner)
    if hasattr(kind, "__required_keys__"):  # a TypedDict
        return isinstance(value, Mapping)
    if repr(kind) == "<class 'numpy.ndarray'>":  # NumPy is not imported here
        return isinstance(value, kind) or _is_list(value, Sequence)
    if getattr(kind, "_is_protocol", False):  # by its methods: properties may compute, or be set by instances
        methods = [name for name, part in vars(kind).items() if name[0] != "_" and callable(part)]
        return all(hasattr(type(value), name) for name in methods)
    return isinstance(value, kind)


def _is_container(kind: Any) -> bool:
    """Whether an annotation means lists, tuples or what can be gone through, and no mapping."""
    plain = isinstance(kind, type) and kind.__module__ in ("builtins", "collections.abc", "typing")
    return plain and issubclass(kind, Iterable) and not issubclass(kind, Mapping)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, Real) or (hasattr(value, "__float__") and getattr(value, "ndim", None) == 0)


_SIMPLE: dict[Any, Callable[[Any], bool]] = {
    int: lambda value: whole_number(value) is not None,
    float: _is_number,
    bool: lambda value: type(value).__name__ in ("bool", "bool_"),  # NumPy's too
    str: lambda value: isinstance(value, str),
    Path: lambda value: isinstance(value, os.PathLike),
    Any: lambda _: True,
}


def _is_list(value: Any, kind: type) -> bool:
    """Whether a value is a list of any kind, such as an array; text, frames and sets are none."""
    if isinstance(value, str | bytes) or getattr(value, "ndim", 1) == 0 or hasattr(value, "columns"):
        return False
    if issubclass(kind, Sequence):
        return hasattr(value, "__len__") and hasattr(value, "__getitem__") and not isinstance(value, Mapping)
    return isinstance(value, Iterable)


def _items_fit(value: Any, inner: tuple[Any, ...]) -> bool:
    if not inner or not (isinstance(value, list | tuple) or hasattr(value, "ndim")):
        return True
    items = list(value[:_LOOKED_AT])
    hints = [inner[0]] * len(items) if len(inner) == 1 or inner[-1] is Ellipsis else list(inner)
    return all(_item_fits(item, hint) for item, hint in zip(items, hints, strict=False))


def _item_fits(item: Any, hint: Any) -> bool:
    """Whether an item is of its type; what lists in a list hold, their function knows best."""
    kind = typing.get_origin(hint) or hint
    return _is_list(item, kind) if _is_container(kind) and kind is not str else fits(item, hint)


def words(hint: Any) -> str:
    """Say in words what an annotation takes.

    Args:
        hint: an annotation, evaluated.

    Returns:
        Words for the end of "expected …".

    Example:
        >>> words(Sequence[int] | None)
        'a list (each a whole number) or None'
    """
    if hint in _WORDS:
        return _WORDS[hint]
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in _UNIONS:
        return " or ".join(dict.fromkeys(words(one) for one in inner))
    if origin is Literal:
        return " or ".join(repr(one) for one in inner)
    kind = origin or hint
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return "a mapping"
    if _is_container(kind):
        return f"a list (each {words(inner[0])})" if inner else "a list"
    if kind is Callable:
        return "a function"
    return str(getattr(kind, "__name__", kind))


def at_least(least: int, where: str, **numbers: int | None) -> None:
    """Refuse sizes and counts below the least that makes sense.

    Args:
        least: the smallest allowed.
        where: function or class, beginning the line.
        numbers: by the names of the arguments; None is not looked at.

    Raises:
        UserError: a number below it.

    Example:
        >>> at_least(1, "mask", in_features=8, out_features=0)
        Traceback (most recent call last):
        graph2nn.errors.UserError: mask: out_features = 0, expected at least 1.
    """
    for name, number in numbers.items():
        if number is not None and number < least:
            raise UserError(f"{where}: {name} = {shown(number)}, expected at least {least}.")


def got(value: object) -> str:
    """Say what was given in place of something: a plain value as it is, of anything else the type.

    >>> got("x"), got(object())
    ("'x'", 'object')
    """
    plain = value is None or isinstance(value, str | bytes | int | float | list | tuple | dict)
    return shown(value) if plain else type(value).__name__


def first_complaint(error: Exception, model: type[BaseModel]) -> str:
    """Return the first thing that pydantic found wrong, on one line: where, what it is, what was expected.

    Args:
        error: of pydantic; the words of any other are put on one line.
        model: that was validated, whose fields may be what was meant.

    Returns:
        A sentence.
    """
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    first = error.errors()[0]
    *path, last = [str(part) for part in first["loc"]] or ["the config"]
    where = ".".join([*path, last])
    if first["type"] == "missing":
        return f"{where} is missing."
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(cut(last, 100), _fields(model, path), n=1, cutoff=0.5)
        hint = (
            f"did you mean {'.'.join([*path, near[0]])}?"
            if near
            else f"known: {', '.join(_fields(model, path))}."
        )
        return f"unknown key {cut(where, 100)}; {hint}"
    return f"{where} = {shown(first['input'])}: {first['msg'][0].lower()}{first['msg'][1:]}."


def _fields(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    """Names of the fields where ``path`` leads to, from ``model`` on."""
    from pydantic import BaseModel

    for name in path:
        kinds = [kind for kind in _kinds(model, name) if _is_class(kind) and issubclass(kind, BaseModel)]
        if not kinds:
            return []
        model = kinds[0]
    return list(model.model_fields)


def _is_class(kind: Any) -> bool:
    """Whether an annotation is a class: ``tuple[int, ...]`` is not, though Python 3.10 says so."""
    return isinstance(kind, type) and typing.get_origin(kind) is None


def _kinds(model: type[BaseModel], name: str) -> tuple[Any, ...]:
    annotation = model.model_fields[name].annotation if name in model.model_fields else None
    return (annotation, *typing.get_args(annotation))
