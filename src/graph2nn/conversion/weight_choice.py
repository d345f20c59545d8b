"""Choice of the weights that follow the graph, with the reason for each one that does not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from graph2nn.conversion.names import around, named, no_match
from graph2nn.conversion.weights import Weight
from graph2nn.errors import UserError
from graph2nn.layers.weight_layout import Layout

#: A name with wildcards, a type of module, or a function of name and module.
Selector = str | type[nn.Module] | Callable[[str, nn.Module], bool]
Selection = Selector | Sequence[Selector]

#: Why the first and the last weight stay dense, as in the paper.
STEM = "stem: reads the input"
HEAD = "head: gives the outputs"


@dataclass(frozen=True)
class WeightChoice:
    """The weights chosen, in order, and the reason of every other one by its name."""

    chosen: list[Weight]
    reasons: dict[str, str]


def choose(
    module: nn.Module,
    weights: Sequence[Weight],
    *,
    include: Selection | None,
    exclude: Selection | None,
    order: Sequence[str] | None = None,
) -> WeightChoice:
    """Choose among ``weights``: what is included and not excluded, or all but stem and head.

    Args:
        module: the whole.
        weights: of it.
        include: what to change; all but stem and head if left out.
        exclude: what to leave of that.
        order: names of the weights in the order in which they are run, where that is known.

    Returns:
        The chosen weights, and the reasons for the others.

    Raises:
        UserError: a selector that matches nothing.
    """
    free = [weight for weight in weights if not weight.reason]
    if include is None:
        left = _stem_and_head(_in_order(weights, order), weights)
    else:
        wanted = {weight.name for weight in _matching(module, weights, include, "include")}
        left = {weight.name: "not included" for weight in free if weight.name not in wanted}
    if exclude is not None:
        left |= {weight.name: "excluded" for weight in _matching(module, weights, exclude, "exclude")}
    reasons = left | {weight.name: weight.reason for weight in weights if weight.reason}
    return WeightChoice([weight for weight in free if weight.name not in reasons], reasons)


def check_named(
    weights: Sequence[Weight], include: Selection | None, changed: Collection[str], reasons: dict[str, str]
) -> None:
    """Refuse to pass over what was named in full: a pattern may match what cannot change, a name may not.

    Args:
        weights: all.
        include: selectors that the user gave.
        changed: names of the weights that change.
        reasons: by name, why the others do not.

    Raises:
        UserError: a name of ``include`` of which nothing is changed.
    """
    for name in _selectors(include):
        if isinstance(name, str) and not any(sign in name for sign in "*?["):
            meant = [weight.name for weight in weights if _matches(name, weight, {})]
            if not any(weight in changed for weight in meant):
                raise UserError(f"relationalize: {name!r} cannot change: {meant[0]}: {reasons[meant[0]]}.")


def _stem_and_head(weights: Sequence[Weight], everything: Collection[Weight]) -> dict[str, str]:
    """Find the weights that read the raw input and give the outputs, among ``weights`` in their order.

    The first one is the stem unless it reads features: the first of an attention, or as wide as an embedding.
    The last one is the head unless some weight, other than the stem, reads as many features as it gives.
    """
    weights = [weight for weight in weights if isinstance(weight.layout, Layout)]
    if not weights:
        return {}
    left: dict[str, str] = {}
    first, last = weights[0], weights[-1]
    tables = {w.shape[1] for w in everything if isinstance(w.module, nn.Embedding | nn.EmbeddingBag)}
    if not isinstance(first.module, nn.MultiheadAttention) and _layout(first).in_features not in tables:
        # Both directions of a recurrent layer read the input.
        reading = {first.name, f"{first.name}_reverse"}
        left |= {weight.name: STEM for weight in weights if weight.name in reading}
    read = {_layout(weight).in_features for weight in weights if weight.name not in left}
    if last.name not in left and _layout(last).out_features not in read:
        left[last.name] = HEAD
    return left


def _layout(weight: Weight) -> Layout:
    assert isinstance(weight.layout, Layout)
    return weight.layout


def _in_order(weights: Sequence[Weight], order: Sequence[str] | None) -> list[Weight]:
    if order is None:
        return list(weights)
    position = {name: i for i, name in enumerate(order)}
    return sorted((weight for weight in weights if weight.name in position), key=lambda w: position[w.name])


def _selectors(selection: Selection | None) -> list[Selector]:
    if selection is None:
        return []
    one = isinstance(selection, str | type) or callable(selection)
    return [selection] if one else list(selection)  # type: ignore[list-item, arg-type]


def _matching(module: nn.Module, weights: Sequence[Weight], selection: Selection, what: str) -> list[Weight]:
    ancestors = dict(module.named_modules(remove_duplicate=False))
    chosen: dict[str, Weight] = {}
    for selector in _selectors(selection):
        matched = [weight for weight in weights if _matches(selector, weight, ancestors)]
        if not matched and isinstance(selector, str):
            raise no_match(f"relationalize: {what}", selector, (weight.name for weight in weights))
        if not matched:
            called = getattr(selector, "__name__", repr(selector))
            raise UserError(
                f"relationalize: {what}: no weight of this {type(module).__name__} is chosen by {called}."
            )
        chosen |= {weight.name: weight for weight in matched}
    return list(chosen.values())


def _matches(selector: Selector, weight: Weight, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a selector means this weight: by its name, its module's or that of one around it."""
    if isinstance(selector, str):
        return named(weight.name, selector)
    if isinstance(selector, type):
        return any(isinstance(modules[name], selector) for name in ("", *around(weight.name)))
    return bool(selector(weight.module_name, weight.module))
