"""Mask on the weight of any module, registered as one of ``torch.nn.utils.parametrize``.

The module keeps its class's forward, its hooks and its parameter object; who reads ``module.weight`` gets that
parameter, zero off its mask (see :mod:`stored_weight`). Only ``state_dict`` tells: there ``weight`` is
``parametrizations.weight.original`` and ``parametrizations.weight.0.mask``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.masked_class import dress, own_class
from graph2nn.layers.stored_weight import StoredWeight
from graph2nn.layers.weight_layout import Layout
from graph2nn.layers.weight_mask import WeightMask

Keep = Literal["masked", "original"]


def masked_weights(module: nn.Module) -> Iterator[tuple[nn.Module, str, WeightMask]]:
    """Yield every weight inside ``module`` that :func:`mask_weight` was applied to."""
    for owner in module.modules():
        if parametrize.is_parametrized(owner):
            for tensor, chain in owner.parametrizations.items():  # type: ignore[union-attr, operator]
                for step in chain:
                    if isinstance(step, WeightMask):
                        yield owner, tensor, step


def stored_weight(module: nn.Module, tensor: str) -> Tensor:
    """Return the parameter behind ``module.<tensor>``, parametrised or not."""
    if parametrize.is_parametrized(module, tensor):
        original: Tensor = module.parametrizations[tensor].original  # type: ignore[union-attr, index]
        return original
    parameter: Tensor = getattr(module, tensor)
    return parameter


def make_mask(
    graph: RelationalGraph, layout: Layout, weight: Tensor, *, rescale: bool, remember: bool
) -> WeightMask:
    """Make the parametrisation for ``weight``, multiplying it by 1/√density if ``rescale``, in place.

    Args:
        graph: that the weight is to follow.
        layout: of the weight.
        weight: the parameter.
        rescale: keep the variance of what a layer gives although it reads less.
        remember: keep a copy of the values that are switched off, in main memory.

    Returns:
        The parametrisation.
    """
    mask = layout.mask(graph)
    on = mask.to(weight.device)
    scale = (mask.numel() / float(mask.sum())) ** 0.5 if rescale else 1.0
    off = None
    if remember and not weight.is_meta:
        off = weight.detach()[~on.expand_as(weight)].cpu()
    if rescale:
        with torch.no_grad():
            weight.mul_(scale)
    return WeightMask(graph, on, layout, scale=scale, off=off)


def register(
    module: nn.Module, tensor: str, step: WeightMask, stored: type[StoredWeight] = StoredWeight
) -> None:
    """Parametrise ``module.<tensor>``; the parameter object stays the same, so optimisers keep it.

    Args:
        module: that holds the weight.
        tensor: its name there.
        step: the parametrisation.
        stored: base class of modules with a weight of this kind.
    """
    if parametrize.is_parametrized(module):
        own_class(module)
    order = tuple(module._parameters)
    parametrize.register_parametrization(module, tensor, step)
    chain: Any = module.parametrizations[tensor]  # type: ignore[index]
    chain.__class__ = stored
    chain.adopt()
    module.__dict__.setdefault("_order_before_masks", order)
    dress(type(module), [tensor])


def mask_weight(module: nn.Module, tensor: str, step: WeightMask) -> None:
    """Parametrise ``module.<tensor>`` by a mask; the parameter object stays the same.

    Args:
        module: that holds the weight.
        tensor: its name there.
        step: the parametrisation.
    """
    register(module, tensor, step)
    if isinstance(module, nn.RNNBase):
        _copy_recurrent_by_parameters(module)


def unmask(module: nn.Module, *, keep: Keep = "masked") -> int:
    """Remove every :class:`WeightMask` inside ``module`` and return how many there were.

    Raises:
        UserError: the values off the mask are wanted back but were not remembered, or something else was
            parametrised on top of a mask.
    """
    masked = list(masked_weights(module))
    for owner, tensor, step in masked:
        if len(owner.parametrizations[tensor]) > 1:  # type: ignore[index]
            raise UserError(
                f"densify: {tensor} has another parametrisation on top of its mask; remove that first."
            )
        if keep == "original" and step.off is None:
            raise UserError(
                "densify: the values off the mask were not kept (remember=False, or weights without memory); "
                "use keep='masked'."
            )
    for owner, tensor, _ in masked:
        _remove(owner, tensor)
    if keep == "original":
        # Last, and once a mask: weights that share a parameter share the mask.
        for owner, tensor, step in {id(step): (owner, tensor, step) for owner, tensor, step in masked}.values():
            _put_back(stored_weight(owner, tensor), step)
    return len(masked)


@torch.no_grad()
def _put_back(weight: Tensor, step: WeightMask) -> None:
    assert step.off is not None
    weight.div_(step.scale)
    weight[~step.mask.expand_as(weight)] = step.off.to(weight)


def _remove(module: nn.Module, tensor: str) -> None:
    own_class(module)
    chain: Any = module.parametrizations[tensor]  # type: ignore[index]
    gradient = chain.release(module)
    parametrize.remove_parametrizations(module, tensor, leave_parametrized=True)
    if gradient is not None:
        getattr(module, tensor).grad = gradient
    if not parametrize.is_parametrized(module):
        # Optimisers store their state by position, so the parameters return to theirs.
        order = module.__dict__.pop("_order_before_masks")
        for name in (*order, *(name for name in list(module._parameters) if name not in order)):
            module._parameters[name] = module._parameters.pop(name)


def _copy_recurrent_by_parameters(module: nn.RNNBase) -> None:
    """Let a parametrised RNN be copied at any time.

    Before each forward torch's RNNs look up their weights again, so masks and gradients are right; but they
    keep the products they found, which ``deepcopy`` refuses to copy. The parameters take their place first.
    """
    kind: Any = type(module)
    default = kind.__deepcopy__

    def deepcopy(self: nn.RNNBase, memo: dict[int, Any]) -> nn.RNNBase:
        self._flat_weights = [stored_weight(self, name) for name in self._flat_weights_names]
        copied: nn.RNNBase = default(self, memo)
        return copied

    if default.__qualname__ != deepcopy.__qualname__:
        kind.__deepcopy__ = deepcopy
