"""Which column of an edge list holds the weights, and which rows of a typed table are read."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.arrays import Floats
from graph2nn.errors import UserError
from graph2nn.graphs.io.headers import ID_WORDS, TIME_WORDS, is_endpoint, words_of
from graph2nn.graphs.io.options import ReadOptions
from graph2nn.graphs.io.source import EdgeList

_MISSING = {"", "nan", "na", "n/a", "null", "none"}
_WORDS = {"true": "1", "false": "0"}
_COMMA = re.compile(r"[+-]?\d+(,\d+)?([eE][+-]?\d+)?")
#: Commas that may as well part thousands: 1,200 but not 0,125.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}:\d{2}")
#: A column of weights; pandas numbers the second of that name.
_WEIGHT = re.compile(r"weight(\.\d+)?", re.IGNORECASE)
#: Seconds since 1970 in the years 1973 to 2096, and the same in milliseconds.
_UNIX_TIME = ((1e8, 4e9), (1e11, 4e12))


def to_numbers(column: pd.Series[Any]) -> tuple[Floats, str | None]:
    """Read a column as numbers: decimal commas, ``true`` and ``false`` included; missing entries are NaN.

    Returns:
        The numbers ``[rows]``, and the first entry that is not one.

    Raises:
        UserError: complex numbers.
    """
    if np.issubdtype(getattr(column.dtype, "type", np.object_), np.complexfloating):
        raise UserError(f"column {str(column.name)!r} holds complex numbers; take their absolute values first.")
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan), None
    texts = pd.Series(["" if _absent(entry) else str(entry).strip() for entry in column], dtype=object)
    lower = texts.str.lower()
    texts = lower.map(_WORDS).fillna(texts)
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    missing = lower.isin(_MISSING).to_numpy()
    bad = np.isnan(numbers) & ~missing
    commas = [text for text in texts[~missing] if "," in text] if bad.any() else []
    decimal = bool(commas) and not all(_THOUSANDS.fullmatch(text) for text in commas)
    if decimal and all(_COMMA.fullmatch(text) for text in texts[~missing]):
        numbers = pd.to_numeric(texts.str.replace(",", "."), errors="coerce").to_numpy(dtype=np.float64)
        bad = np.isnan(numbers) & ~missing
    return numbers, str(texts[int(np.flatnonzero(bad)[0])]) if bad.any() else None


def where_mask(columns: pd.DataFrame, options: ReadOptions) -> npt.NDArray[np.bool_]:
    """Return which rows satisfy every ``where`` condition, ``[rows]``.

    Raises:
        UserError: a column that is not there, or a condition that no row satisfies.
    """
    mask = np.ones(len(columns), dtype=np.bool_)
    for wanted, values in options.where.items():
        name = _column(columns, str(wanted), "where", options)
        entries = columns[name].map(_text)
        allowed = [values] if isinstance(values, str) or not np.iterable(values) else list(values)
        chosen = entries.isin([_text(value) for value in allowed]).to_numpy()
        if not chosen.any():
            there = ", ".join(sorted(set(entries))[:8])
            raise UserError(
                f"{options.say('where', (wanted, '/'.join(map(str, allowed))))}: no edge has that value; "
                f"column {name!r} holds {there}."
            )
        mask &= chosen
    if not mask.any():
        raise UserError("no edge satisfies every condition of where.")
    return mask


def edge_weights(edges: EdgeList, options: ReadOptions) -> tuple[Floats | None, str | None]:
    """Choose the column of weights and read it; what was left aside is added to the notes.

    Returns:
        Weights ``[edges]`` and the name of their column; ``None`` twice for an unweighted list.

    Raises:
        UserError: a named column that is not there or does not hold numbers, or a threshold where several
            columns could be meant.
    """
    columns = edges.columns
    if options.weight is not None:
        name = _column(columns, options.weight, "weight", options)
        return _read(edges, name), name
    usual = [str(column) for column in columns if str(column).strip().lower() == "weight"]
    doubles = [str(column) for column in columns if _WEIGHT.fullmatch(str(column).strip())]
    if usual and len(doubles) > 1:
        raise UserError(
            f"{len(doubles)} columns could hold the weights ({_listed(doubles)}; a name that stands twice is "
            f"numbered); name the one to use with {options.say('weight', doubles[-1])}."
        )
    if usual:
        return _usual(edges, usual[0], options)
    candidates = [str(column) for column in columns if _is_candidate(columns[column], edges.numbered)]
    if edges.numbered and len(columns.columns) and str(columns.columns[0]) not in candidates:
        _check_third(edges)
    if len(candidates) == 1 and (edges.table or edges.numbered):
        if edges.table:
            edges.notes.append(f"weights are taken from {candidates[0]!r}, the only column of numbers")
        return _read(edges, candidates[0]), candidates[0]
    if not candidates and edges.table and options.chooses and len(columns.columns):
        raise UserError(
            f"no column of the table holds numbers that {options.say('threshold')} or "
            f"{options.say('keep_strongest')} could choose by; the edges carry "
            f"{_listed(list(map(str, columns)))}."
        )
    if not candidates and options.keep_weights and len(columns.columns):
        edges.notes.append(
            f"no column looks like weights, so every edge weighs 1; the edges carry "
            f"{_listed(list(map(str, columns)))}, of which {options.say('weight', 'NAME')} takes one"
        )
    if candidates and (options.chooses or options.keep_weights):
        raise UserError(
            f"the edges carry {_listed(candidates)}, and none is named 'weight'; "
            f"name the one to use with {options.say('weight', candidates[0])}."
        )
    if candidates:
        edges.notes.append(
            f"edges carry {_listed(candidates)}, not used as weights; "
            f"name it with {options.say('weight', candidates[0])}"
        )
    return None, None


def _usual(edges: EdgeList, name: str, options: ReadOptions) -> tuple[Floats | None, str | None]:
    """Read the column named weight; text there is ignored with a note unless a threshold needs it."""
    _, bad = to_numbers(edges.columns[name])
    if bad is None:
        return _read(edges, name), name
    if edges.table or options.chooses or options.keep_weights:
        raise UserError(
            f"the weight {bad!r} is not a number; name another column with {options.say('weight')}."
        )
    edges.notes.append(f"{name} is text and was ignored (an edge has {bad!r})")
    return None, None


def _read(edges: EdgeList, name: str) -> Floats:
    column = edges.columns[name]
    numbers, bad = to_numbers(column)
    if bad is not None:
        raise UserError(f"the weight {bad!r} is not a number; column {name!r} was expected to hold weights.")
    if not edges.table:  # as networkx does: an edge without the attribute weighs 1
        absent = np.array([_absent(entry) and not isinstance(entry, float) for entry in column], dtype=np.bool_)
        if absent.any():
            numbers = np.where(absent, 1.0, numbers)
            edges.notes.append(f"{absent.sum()} of {len(column)} edges have no {name!r} and count as 1")
    return numbers


def _check_third(edges: EdgeList) -> None:
    """Say what the third column of a list without a header is, where it is not a weight."""
    column = edges.columns.iloc[:, 0]
    if is_time(column):
        edges.notes.append("the third column holds time stamps and was not read as weights")
        return
    bad = to_numbers(column)[1]
    if bad is not None:
        raise UserError(
            f"the weight {bad!r} is not a number; expected two nodes per line and at most a weight, "
            "or a first line that names the columns, for example source target type."
        )


def _is_candidate(column: pd.Series[Any], numbered: bool) -> bool:
    words = set(words_of(str(column.name)))
    if not numbered and (words & (ID_WORDS | TIME_WORDS) or is_endpoint(str(column.name))):
        return False
    if is_time(column) or column.dtype.kind in "Mm":
        return False
    try:
        numbers, bad = to_numbers(column)
    except UserError:
        return False
    return bad is None and not bool(np.isnan(numbers).all())


def is_time(column: pd.Series[Any]) -> bool:
    """True for a column of dates, times, or seconds since 1970."""
    texts = [str(entry).strip() for entry in column if not _absent(entry)]
    if texts and all(_DATE.match(text) for text in texts):
        return True
    numbers, bad = to_numbers(column)
    present = numbers[~np.isnan(numbers)]
    if bad is not None or not len(present):
        return False
    return any(bool((present >= low).all() and (present <= high).all()) for low, high in _UNIX_TIME)


def _column(columns: pd.DataFrame, wanted: str, option: str, options: ReadOptions) -> str:
    there = [str(column) for column in columns]
    matches = [name for name in there if name == wanted] or [
        name for name in there if name.strip().lower() == wanted.strip().lower()
    ]
    if len(matches) != 1:
        listed = f"the edges carry {_listed(there)}" if there else "the edges carry no attributes"
        raise UserError(f"{options.say(option)}: there is no column {wanted!r}; {listed}.")
    return matches[0]


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:6])
    return f"{shown}, …" if len(names) > 6 else shown


def _text(entry: object) -> str:
    if _absent(entry):
        return ""
    if isinstance(entry, float) and entry.is_integer():
        return str(int(entry))
    return str(entry).strip()


def _absent(entry: object) -> bool:
    return entry is None or entry is pd.NA or (isinstance(entry, float) and entry != entry)
