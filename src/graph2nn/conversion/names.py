"""Selection of weights by name patterns, with an error for a pattern that matches nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TypeVar

from graph2nn.conversion.weight_sources import Trained
from graph2nn.conversion.weights import Weight
from graph2nn.errors import UserError
from graph2nn.layers.weight_layout import Layout

Named = TypeVar("Named", Weight, Trained)


def around(name: str) -> list[str]:
    """Names of the modules around a weight, the outermost first: ``a.b.weight`` is inside ``a`` and ``a.b``."""
    path = name.split(".")[:-1]
    return [".".join(path[:depth]) for depth in range(1, len(path) + 1)]


def named(name: str, pattern: str) -> bool:
    """Whether a pattern means a weight: by its name, or by that of a module around it."""
    return any(fnmatchcase(each, pattern) for each in (name, *around(name)))


def no_match(what: str, pattern: str, names: Iterable[str]) -> UserError:
    """Build the error for a pattern that means no weight, with the nearest name.

    Args:
        what: the pattern is for, beginning the message.
        pattern: that matches nothing.
        names: there are.

    Returns:
        The error, to be raised.
    """
    candidates = {each for name in names for each in (name, *around(name))}
    near = difflib.get_close_matches(pattern, sorted(candidates), n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else f". Names are like {min(candidates, default='none')!r}."
    return UserError(f"{what} {pattern!r} matches no weight{hint}")


def rejoined(weights: Sequence[Named], stacked_inputs: Mapping[str, int | Sequence[int]]) -> list[Named]:
    """Split the inputs of layers that read a concatenation: ``{"up.*": 2}``, or their widths ``(64, 32)``.

    Raises:
        UserError: a pattern that matches nothing, or inputs that the parts do not make up.
    """
    split = list(weights)
    for pattern, inputs in stacked_inputs.items():
        meant = [i for i, weight in enumerate(split) if named(weight.name, pattern)]
        if not meant:
            raise no_match("stacked_inputs:", pattern, (weight.name for weight in split))
        for i in meant:
            layout = split[i].layout
            if isinstance(layout, Layout):
                try:
                    split[i] = replace(split[i], layout=layout.joining(inputs))
                except ValueError as error:
                    raise UserError(f"stacked_inputs: {split[i].name} {error}.") from None
    return split


def restacked(weights: Sequence[Named], stacked: Mapping[str, int]) -> list[Named]:
    """Split the outputs of fused layers: ``{"*.qkv": 3}`` makes three weights of each qkv layer's one.

    Raises:
        UserError: a pattern that matches nothing, or outputs that the number of parts does not divide.
    """
    named_weights = list(weights)
    for pattern, parts in stacked.items():
        meant = [i for i, weight in enumerate(named_weights) if named(weight.name, pattern)]
        if not meant:
            raise no_match("stacked:", pattern, (weight.name for weight in named_weights))
        for i in meant:
            layout = named_weights[i].layout
            if isinstance(layout, Layout):
                if parts < 1 or layout.out_features % parts:
                    name = named_weights[i].name
                    raise UserError(
                        f"stacked: {name} gives {layout.out_features} features, which {parts} does not divide."
                    )
                named_weights[i] = replace(named_weights[i], layout=layout.stacked(parts))
    return named_weights
