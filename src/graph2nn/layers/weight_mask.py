"""Mask of one weight of any module: where it is on, and the gradient that is zero where it is off."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import torch
from torch import Tensor, nn

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.weight_layout import Layout


def times_mask(weight: Tensor, mask: Tensor) -> Tensor:
    """``weight × mask``. Exporters get a mask of numbers: those of torch 2.8 know no product with booleans."""
    return weight * (mask.to(weight.dtype) if torch.compiler.is_exporting() else mask)


class WeightMask(nn.Module):
    """Parametrisation of a weight by a graph: ``weight × mask``.

    Args:
        graph: what the mask was made from.
        mask: bool, broadcastable to the weight; a buffer, so part of ``state_dict``.
        layout: of the weight; lets the mask be made again where its memory was not kept (``to_empty``).
        scale: what the kept weights were multiplied by when the mask was laid over them.
        off: values of the weights that the mask switches off, in order, to be put back by
            :func:`graph2nn.layers.parametrisation.unmask`; not part of ``state_dict``.
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
        return times_mask(weight, self.mask)

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
        keep_boolean(self)
        if without_memory:
            self.reset_mask()
        return self

    def extra_repr(self) -> str:
        """Graph and density, for ``print(model)``."""
        density = "?" if self.mask.is_meta else f"{float(self.mask.sum()) / self.mask.numel():.4f}"
        return f"graph={self.graph.name} (n={self.graph.n}), density={density}"


def keep_boolean(module: nn.Module) -> None:
    """Give the buffer ``mask`` its type back, which ``module.type(torch.float64)`` converts like all others."""
    mask = module._buffers.get("mask")  # the edge engine's mask is its list of edges
    if mask is not None and mask.dtype != torch.bool:
        module._buffers["mask"] = mask.bool()


class GradientMask:
    """Hook on a stored weight: its gradient times the mask of ``step``, wherever that mask lies by then."""

    #: Whoever copies or sends the parameter makes the hook again, so torch need not warn that it is not saved.
    __torch_unserializable__ = True

    def __init__(self, step: WeightMask) -> None:
        # Weak: who removes the parametrisation by torch's own function gets a dense weight that learns as one.
        self._step = weakref.ref(step)

    def belongs_to(self, step: WeightMask) -> bool:
        """Whether this is the hook for the mask ``step``."""
        return self._step() is step

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the gradient with zeros where the mask is off."""
        step = self._step()
        return gradient if step is None else gradient * step.mask


def same_mask(mask: Tensor, this_mask: Tensor) -> bool:
    """Whether a mask, of a checkpoint perhaps, is that of a layer."""
    if mask.shape != this_mask.shape:
        return False
    return mask.is_meta or this_mask.is_meta or torch.equal(mask.to(this_mask.device), this_mask)


def other_mask(name: str, graph: RelationalGraph, shape: torch.Size, engine: str) -> str:
    """Return what is said of a checkpoint whose mask is not that of the layer.

    Args:
        name: of the mask in the checkpoint.
        graph: of the layer.
        shape: of the layer's weight, ``[out, in, …]``.
        engine: of the layer.

    Returns:
        The sentence.
    """
    return (
        f"{name} is not that of {graph.name!r} on {shape[1]} → {shape[0]} features; "
        f"a layer of the {engine} engine computes with the graph it was made for."
    )
