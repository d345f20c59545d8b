"""Example inputs of a module, and the order in which a forward pass uses its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from graph2nn.budget.trace import Inputs, call_arguments, evaluating
from graph2nn.conversion.weights import Weight
from graph2nn.errors import UserError
from graph2nn.layers.weight_layout import Layout


def example_inputs(input_size: Sequence[int] | None, inputs: Inputs | None, module: nn.Module) -> Inputs | None:
    """Return the arguments for one call of the module, if the caller said enough to know them.

    Args:
        input_size: shape of one sample, without the batch.
        inputs: arguments of a call; wins by being the only one given.
        module: that is called, for the type and the device of the sample.

    Returns:
        The arguments, or None.

    Raises:
        UserError: both an input size and inputs.
    """
    if inputs is not None and input_size is not None:
        raise UserError("relationalize: give input_size or inputs, not both.")
    if inputs is not None:
        return inputs if isinstance(inputs, Tensor | Mapping) else tuple(inputs)
    if input_size is None:
        return None
    like = next(module.parameters())
    return torch.zeros(1, *input_size, device=like.device, dtype=like.dtype)


@dataclass(frozen=True)
class Run:
    """What one call of a module showed.

    Args:
        order: names of the weights in the order in which their modules first ran.
        joined: widths of the concatenation that a module read, by its name.
    """

    order: list[str]
    joined: dict[str, tuple[int, ...]]


class _Concatenations(TorchFunctionMode):
    """Follow the outputs of ``torch.cat`` through what keeps their shape: norms, activations, dropout."""

    def __init__(self) -> None:
        super().__init__()
        # The tensors are kept, so that no other one is given the identity of one that was freed.
        self._widths: dict[int, tuple[Tensor, tuple[int, ...], int]] = {}

    def of(self, value: Any, features: int) -> tuple[int, ...] | None:
        """Widths that were joined along the axis of ``features``, if ``value`` comes from a concatenation."""
        if not isinstance(value, Tensor) or id(value) not in self._widths:
            return None
        _, widths, axis = self._widths[id(value)]
        return widths if axis in (1, value.ndim - 1) and sum(widths) == features else None

    def _of_part(self, part: Tensor, axis: int) -> tuple[int, ...]:
        """Widths of one input of a concatenation, several if it is one itself (DenseNet)."""
        _, widths, joined_axis = self._widths.get(id(part), (part, (), axis))
        return widths if widths and joined_axis == axis else (part.shape[axis],)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a function of torch, and note what it joins or passes on."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if not isinstance(out, Tensor):
            return out
        if func in (torch.cat, torch.concat, torch.concatenate):
            parts = args[0] if args else kwargs["tensors"]
            axis = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis", 0))
            # torch passes over empty tensors of one axis, which caches of keys and values begin with.
            parts = [part for part in parts if part.ndim == out.ndim]
            if isinstance(axis, int) and len(parts) > 1:
                widths = [self._of_part(part, axis % out.ndim) for part in parts]
                self._widths[id(out)] = out, tuple(chain.from_iterable(widths)), axis % out.ndim
        elif func not in _PRODUCTS:
            for value in args[:1]:
                if isinstance(value, Tensor) and id(value) in self._widths and value.shape == out.shape:
                    self._widths[id(out)] = out, *self._widths[id(value)][1:]
        return out


_PRODUCTS = (
    torch.nn.functional.linear, torch.conv1d, torch.conv2d, torch.conv3d, torch.conv_transpose1d,
    torch.conv_transpose2d, torch.conv_transpose3d, torch.matmul, torch.mm, torch.bmm, torch.einsum,
)  # fmt: skip


def example_run(module: nn.Module, weights: Sequence[Weight], inputs: Inputs) -> Run:
    """Run the module once on ``inputs``: the order in which its weights are used, what reads a concatenation.

    The module is run in evaluation mode, without gradients; those that are never called themselves (the output
    projection of an attention) take the place of the module around them.

    Args:
        module: the whole; its mode is put back afterwards.
        weights: of it.
        inputs: arguments of the call.

    Returns:
        What the run showed.
    """
    args, kwargs = call_arguments(inputs)
    called: dict[str, int] = {}
    names = {part: name for name, part in module.named_modules()}

    joined: dict[str, tuple[int, ...]] = {}
    features = {
        weight.module_name: weight.layout.in_features for weight in weights if isinstance(weight.layout, Layout)
    }
    concatenations = _Concatenations()

    def note(part: nn.Module, given: tuple[Any, ...]) -> None:
        name = names[part]
        called.setdefault(name, len(called))
        if given and (widths := concatenations.of(given[0], features.get(name, 0))):
            joined[name] = widths

    hooks = [part.register_forward_pre_hook(note) for part in names]
    try:
        with torch.no_grad(), evaluating(module), concatenations:
            module(*args, **kwargs)
    except Exception as error:  # whatever a module of the user's does
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UserError(f"relationalize: {type(module).__name__} fails on these inputs: {reason}") from error
    finally:
        for hook in hooks:
            hook.remove()
    placed = [
        (place, weight.name) for weight in weights if (place := _place(weight.module_name, called)) is not None
    ]
    return Run([name for _, name in sorted(placed, key=lambda pair: pair[0])], joined)


def _place(name: str, called: dict[str, int]) -> int | None:
    if name in called:
        return called[name]
    parent = name.rpartition(".")[0]
    # Only an attention computes with the weight of a child that it does not call.
    return called.get(parent) if name.endswith("out_proj") else None
