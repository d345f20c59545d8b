"""Mask on the weight of any module, through ``torch.nn.utils.parametrize``.

The module keeps its class's forward, its hooks and its parameter object; who reads ``module.weight`` gets the
product of weight and mask. Only ``state_dict`` tells: there ``weight`` is ``parametrizations.weight.original``
and ``parametrizations.weight.0.mask``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.layout import Layout

Keep = Literal["masked", "original"]


class WeightMask(nn.Module):
    """Parametrisation of a weight by a graph: ``weight × mask``.

    Args:
        graph: what the mask was made from.
        mask: bool, broadcastable to the weight; a buffer, so part of ``state_dict``.
        layout: of the weight; lets the mask be made again where its memory was not kept (``to_empty``).
        scale: what the kept weights were multiplied by when the mask was laid over them.
        off: values of the weights that the mask switches off, in order, to be put back by
            :func:`unmask`; not part of ``state_dict``.
    """

    mask: Tensor
    #: Which engine the stored weight belongs to.
    engine = "masked"

    def __init__(
        self,
        graph: RelationalGraph,
        mask: Tensor,
        layout: Layout | None = None,
        *,
        scale: float = 1.0,
        off: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("mask", mask)
        self.graph = graph
        self.layout = layout
        self.scale = scale
        # A plain attribute: buffers are broadcast by DDP at every step, and exported.
        self.off = off

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight with zeros where the mask is off."""
        return weight * self.mask

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return what is stored for a weight: zeros off the mask, so that weight decay has nothing to move."""
        return weight * self.mask

    def dense_shape(self, stored: Tensor) -> torch.Size:
        """Shape of the weight that the module reads, from the tensor that is stored for it."""
        return stored.shape

    def reset_mask(self) -> None:
        """Make the mask from the graph again."""
        if self.layout is not None and not self.mask.is_meta:
            self.mask.copy_(self.layout.mask(self.graph))

    def _apply(self, fn: Callable[..., Tensor], recurse: bool = True) -> WeightMask:
        without_memory = self.mask.is_meta
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if without_memory:
            self.reset_mask()
        return self

    def extra_repr(self) -> str:
        """Graph and density, for ``print(model)``."""
        density = "?" if self.mask.is_meta else f"{float(self.mask.sum()) / self.mask.numel():.4f}"
        return f"graph={self.graph.name} (n={self.graph.n}), density={density}"


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
    found: Tensor = getattr(module, tensor)
    return found


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


def register(module: nn.Module, tensor: str, step: WeightMask) -> None:
    """Parametrise ``module.<tensor>``; the parameter object stays the same, so optimisers keep it."""
    if parametrize.is_parametrized(module):
        own_class(module)
    order = tuple(module._parameters)
    parametrize.register_parametrization(module, tensor, step)
    module.__dict__.setdefault("_order_before_masks", order)
    if isinstance(module, nn.Linear | nn.modules.conv._ConvNd):
        kind: Any = type(module)
        kind.reset_parameters = _resetting(kind.__bases__[0])


def _resetting(kind: Any) -> Callable[[nn.Linear], None]:
    """Return a ``reset_parameters`` for a masked ``kind``, whose own would fill a product and lose it."""

    def reset_parameters(self: nn.Linear) -> None:
        """Draw the parameters as the class of the module does, and make the mask from its graph again."""
        if not parametrize.is_parametrized(self, "weight"):
            kind.reset_parameters(self)
            return
        for step in self.parametrizations["weight"]:  # type: ignore[index]
            if isinstance(step, WeightMask):
                step.reset_mask()
        with torch.no_grad(), parametrize.cached():
            # Inside, the weight is one tensor, which torch's functions fill in place.
            drawn = self.weight
            kind.reset_parameters(self)
            self.weight = drawn

    return reset_parameters


def mask_weight(module: nn.Module, tensor: str, step: WeightMask) -> None:
    """Parametrise ``module.<tensor>`` by a mask; the parameter object stays the same."""
    register(module, tensor, step)
    if isinstance(module, nn.RNNBase):
        _copy_recurrent_by_parameters(module)


def unmask(module: nn.Module, *, keep: Keep = "masked") -> int:
    """Remove every :class:`WeightMask` inside ``module`` and return how many there were.

    Raises:
        UserError: the values off the mask are wanted back but were not remembered, or something else was
            parametrised on top of a mask.
    """
    found = list(masked_weights(module))
    for owner, tensor, step in found:
        if len(owner.parametrizations[tensor]) > 1:  # type: ignore[index]
            raise UserError(
                f"densify: {tensor} has another parametrisation on top of its mask; remove that first."
            )
        if keep == "original" and step.off is None:
            raise UserError(
                "densify: the values off the mask were not kept (remember=False, or weights without memory); "
                "use keep='masked'."
            )
    for owner, tensor, _ in found:
        _remove(owner, tensor)
    if keep == "original":
        # Last, and once a mask: weights that share a parameter share the mask.
        for owner, tensor, step in {id(step): (owner, tensor, step) for owner, tensor, step in found}.values():
            _put_back(stored_weight(owner, tensor), step)
    return len(found)


@torch.no_grad()
def _put_back(weight: Tensor, step: WeightMask) -> None:
    assert step.off is not None
    weight.div_(step.scale)
    weight[~step.mask.expand_as(weight)] = step.off.to(weight)


def _remove(module: nn.Module, tensor: str) -> None:
    own_class(module)
    # The block engine's list of parametrisations has a forward of its own to take back.
    release: Any = getattr(module.parametrizations[tensor], "release", None)  # type: ignore[index]
    gradient = None if release is None else release(module)
    parametrize.remove_parametrizations(module, tensor, leave_parametrized=True)
    if gradient is not None:
        getattr(module, tensor).grad = gradient
    if not parametrize.is_parametrized(module):
        # Optimisers store their state by position, so the parameters return to theirs.
        order = module.__dict__.pop("_order_before_masks")
        for name in (*order, *(name for name in list(module._parameters) if name not in order)):
            module._parameters[name] = module._parameters.pop(name)


def own_class(module: nn.Module) -> None:
    """Give a parametrised module a class that no copy of it shares.

    torch makes one class per parametrised module and keeps the properties there, but ``deepcopy`` lets the
    copy share it: removing the parametrisation of one would break the other.
    """
    kind = type(module)
    body = {key: value for key, value in vars(kind).items() if key not in ("__dict__", "__weakref__")}
    module.__class__ = type(kind.__name__, kind.__bases__, body)


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
