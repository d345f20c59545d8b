"""Notes of a report: what a graph over a weight does not mean by itself, with the option that changes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from torch import nn

from graph2nn.conversion.conversion_plan import Step
from graph2nn.conversion.probe import can_probe, own_forward

#: Names of layers that compute several things at once, and how many.
_FUSED = (
    (re.compile(r"qkv|query_key_value|c_attn|in_proj"), 3),
    (re.compile(r"to_kv|kv_proj|\bkv$|gate_up"), 2),
)
_ATTENTION = re.compile(r"att(n|ention)")


def notes_of(steps: Sequence[Step], joined: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    """List what a reader of the report should know about the weights that change.

    Args:
        steps: the weights, with their layouts and graphs.
        joined: widths of the concatenation that a module reads, by its name, where a run showed one.
    """
    notes: dict[str, list[str]] = {}
    for step in steps:
        for note in (_fused(step), _concatenated(step, joined), _unprobed(step)):
            if note:
                notes.setdefault(note, []).append(step.weight.name)
    return tuple(f"{_names(names)}: {note}" for note, names in notes.items())


def _names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _pattern(step: Step, tensor: str = "") -> str:
    """A pattern that means this weight and its like in other blocks."""
    name = step.weight.module_name
    last = name.rpartition(".")[2] if "." in name else ""
    path = f"*.{last}" if last and not last.isdigit() else name
    return f"{path}.{tensor}".lstrip(".") if tensor else path


def _fused(step: Step) -> str | None:
    layout, name = step.layout, step.weight.module_name
    last = name.rpartition(".")[2]
    parts = next((parts for pattern, parts in _FUSED if pattern.search(last)), None)
    if parts is None and layout.out_features == 3 * layout.in_features and _ATTENTION.search(name):
        parts = 3
    if (
        parts is None
        or layout.parts != 1
        or layout.out_features % parts
        or isinstance(step.weight.module, nn.RNNBase)
    ):
        return None
    by_head = " if they lie one behind the other (GPT-NeoX and BLOOM mix them head by head)"
    return (
        f"{layout.out_features} outputs look like {parts} fused parts, which one graph cuts "
        f"across; stacked={{{_pattern(step)!r}: {parts}}} lets each part follow it"
        + (by_head if last == "query_key_value" else "")
    )


def _concatenated(step: Step, joined: Mapping[str, Sequence[int]]) -> str | None:
    layout, weight = step.layout, step.weight
    if layout.joined:
        return None
    if (
        isinstance(weight.module, nn.RNNBase)
        and weight.module.bidirectional
        and weight.tensor.startswith("weight_ih")
    ):
        if not weight.tensor.startswith("weight_ih_l0"):
            return _identity(step, "both directions of the layer below", _pattern(step, "weight_ih_l[1-9]*"), 2)
        return None
    widths = joined.get(weight.module_name)
    if widths is None or sum(widths) != layout.in_features or min(widths) < step.graph.n:
        return None
    value = len(widths) if len(set(widths)) == 1 else tuple(widths)
    return _identity(
        step, f"a concatenation of {' + '.join(map(str, widths))} features", weight.module_name, value
    )


def _identity(step: Step, what: str, pattern: str, value: int | tuple[int, ...]) -> str:
    return (
        f"reads {what}, spread over the nodes as one; "
        f"stacked_inputs={{{pattern!r}: {value}}} spreads each by itself"
    )


def _unprobed(step: Step) -> str | None:
    name = own_forward(step.weight.module)
    if name is None:
        return None
    if can_probe(step.weight.module):
        return f"{name} was probed on a small input, and the mask holds"
    return f"{name} is not torch's own and was not probed"
