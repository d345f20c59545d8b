"""Signs of connections: from a column of signs, or from transmitters by a stated rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.io.options import Side

Signs = npt.NDArray[np.int8]

#: The rule for insects: acetylcholine excites; GABA and, through chloride channels, glutamate inhibit
#: (Liu and Wilson 2013, doi 10.1073/pnas.1220560110). Modulators and unknown transmitters have no sign.
INSECT_SIGNS: Mapping[str, int] = {
    "acetylcholine": 1, "ach": 1, "gaba": -1, "glutamate": -1, "glut": -1, "glu": -1,
}  # fmt: skip
_WORDS = {
    "+": 1, "+1": 1, "1": 1, "1.0": 1, "exc": 1, "excitatory": 1, "true": 1,
    "-": -1, "−": -1, "-1": -1, "−1": -1, "-1.0": -1, "inh": -1, "inhibitory": -1, "false": -1,
    "0": 0, "0.0": 0,
}  # fmt: skip


def signs_of(values: Any, rule: Mapping[str, int] | None, where: str) -> tuple[Signs, Counter[str]]:
    """Return −1, 0 or +1 for each entry of a column, and how often each entry occurs.

    Args:
        values: numbers −1, 0, +1; words such as ``excitatory``; or names of transmitters.
        rule: the sign of each transmitter, in any case; those it does not name have 0. None: words, then
            :data:`INSECT_SIGNS`.
        where: table and column, for messages.

    Returns:
        The signs, int8 ``[rows]``, and the number of rows per entry.

    Raises:
        UserError: numbers other than −1, 0, +1, or a rule with other values.
    """
    if rule is not None and not set(rule.values()) <= {-1, 0, 1}:
        raise UserError(f"transmitter_signs: {dict(rule)} has other values than −1, 0 and 1.")
    codes, entries = pd.factorize(pd.Series(values), use_na_sentinel=False)
    words = [_shown(entry) for entry in entries]
    odd = next((word for word in words if _is_number(word) and float(word) not in (-1, 0, 1)), None)
    if odd is not None:
        raise UserError(f"{where} holds {odd}; expected −1, 0 and 1, words or transmitters.")
    meaning = {**_WORDS, **INSECT_SIGNS} if rule is None else {k.strip().lower(): v for k, v in rule.items()}
    of_word = np.array([meaning.get(word.lower(), 0) for word in words], dtype=np.int8)
    counts: Counter[str] = Counter()
    for word, count in zip(words, np.bincount(codes, minlength=len(words)).tolist(), strict=True):
        counts[word] += count
    return of_word[codes], counts


def refuse_unsigned(signs: Signs, counts: Counter[str], where: str, *, side: Side) -> None:
    """Refuse a column that was meant to give signs and gives none.

    Args:
        signs: of all rows.
        counts: rows per entry of the column, for the message.
        where: table and column, for the message.
        side: where the user stands: only Python takes a rule.

    Raises:
        UserError: every sign is 0.
    """
    if len(signs) and not signs.any():
        rule = "give transmitter_signs={'name': 1, …}"
        if side != "python":
            rule = f"read it in Python, where read_connectome takes {rule.removeprefix('give ')}"
        raise UserError(
            f"{where}: none of {', '.join(list(counts)[:6])} has a sign; expected −1, 0, 1, excitatory, "
            f"inhibitory or transmitters, or {rule}."
        )


def _is_number(word: str) -> bool:
    try:
        return float(word) == float(word)
    except ValueError:
        return False


def _shown(entry: object) -> str:
    if isinstance(entry, bool | np.bool_):
        return "+1" if entry else "-1"
    return "unknown" if entry is None or entry != entry or not str(entry).strip() else str(entry).strip()


def counted(counts: Counter[str], limit: int = 8) -> str:
    """Return the counts of some classes as text, most frequent first: ``ACH 120, GABA 30``."""
    shown = [f"{name} {count:,}" for name, count in counts.most_common()]
    return ", ".join(shown[:limit]) + (f", {len(shown) - limit} more" if len(shown) > limit else "")
