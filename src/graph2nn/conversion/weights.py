"""Weights of any module: their owner, layout and existing masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from graph2nn.errors import UserError
from graph2nn.layers.masked import RelationalConv2d, RelationalLinear
from graph2nn.layers.parametrisation import stored_weight
from graph2nn.layers.weight_layout import Layout, layout_of
from graph2nn.layers.weight_mask import WeightMask

#: Why a weight that follows a graph cannot be given another one.
RELATIONAL = "relational already"


@dataclass(frozen=True, eq=False)
class Weight:
    """One parameter of two axes or more.

    Args:
        module_name: of the module that holds it, ``""`` for the outermost one.
        module: that module.
        tensor: its attribute, for example ``"weight"`` or ``"in_proj_weight"``.
        parameter: what is learnt; with a parametrisation, not what the module computes with.
        layout: or the reason why a graph cannot be laid over it.
        mask: of a weight that follows a graph already.
        nodes: how many nodes that graph has.
        taken: why it cannot be given a mask although it has a layout; empty if it can.
    """

    module_name: str
    module: nn.Module
    tensor: str
    parameter: Tensor
    layout: Layout | str
    mask: Tensor | None = None
    nodes: int | None = None
    taken: str = ""

    @property
    def name(self) -> str:
        """Name of the weight: that of its module, a dot, that of the tensor."""
        return f"{self.module_name}.{self.tensor}".lstrip(".")

    @property
    def kind(self) -> str:
        """Type of its module as torch names it, even where a subclass or a parametrisation is used."""
        kinds = type(self.module).__mro__
        layers = (
            kind.__name__
            for kind in kinds
            if getattr(nn, kind.__name__, None) is kind and kind is not nn.Module
        )
        return next(layers, parametrize.type_before_parametrizations(self.module).__name__)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight."""
        return self.layout.shape if isinstance(self.layout, Layout) else tuple(self.parameter.shape)

    @property
    def reason(self) -> str:
        """Why it cannot be given a mask; empty if it can."""
        return self.layout if isinstance(self.layout, str) else self.taken

    def value(self) -> Tensor:
        """What the module computes with."""
        if isinstance(self.module, RelationalLinear | RelationalConv2d):
            return self.module.effective_weight()
        parameter: Tensor = getattr(self.module, self.tensor)
        return parameter


def weights_of(module: nn.Module) -> list[Weight]:
    """List the parameters of two axes or more inside ``module``, in order of registration.

    A module that is registered twice is listed once, under its first name; two modules that share a parameter
    are both listed.

    Raises:
        UserError: a lazy module that has not been run yet.
    """
    return [
        weight
        for name, owner in module.named_modules()
        if not isinstance(owner, parametrize.ParametrizationList | WeightMask)
        for weight in _of(name, owner)
    ]


def _of(name: str, owner: nn.Module) -> Iterator[Weight]:
    if parametrize.is_parametrized(owner):
        for tensor, chain in owner.parametrizations.items():  # type: ignore[union-attr, operator]
            masked = any(isinstance(step, WeightMask) for step in chain)
            if hasattr(chain, "original") and (masked or chain.original.ndim >= 2):
                yield _parametrised(name, owner, tensor, list(chain))
            elif (
                hasattr(chain, "original0") and max(part.ndim for part in chain.parameters(recurse=False)) >= 2
            ):
                # Several tensors make the weight (weight_norm); the largest stands for it.
                largest = max(chain.parameters(recurse=False), key=torch.numel)
                weight = Weight(name, owner, tensor, largest, layout_of(owner, tensor, getattr(owner, tensor)))
                yield replace(weight, taken=f"parametrised by {type(chain[0]).__name__} already")
    if isinstance(owner, RelationalLinear | RelationalConv2d):
        # Whatever the engine stores, the weight is that of the masked one.
        out, inputs, *kernel = owner.shape
        layout = Layout(out, inputs, kernel=tuple(kernel))
        yield _following(Weight(name, owner, "weight", owner.weight, layout), owner)
        return
    for tensor, parameter in owner._parameters.items():
        if parameter is None:
            continue
        if nn.parameter.is_lazy(parameter):
            raise UserError(f"{name}.{tensor} has no shape yet; run the module once on an example first.")
        if parameter.ndim >= 2:
            yield Weight(name, owner, tensor, parameter, layout_of(owner, tensor, parameter))


def _parametrised(name: str, owner: nn.Module, tensor: str, steps: list[nn.Module]) -> Weight:
    parameter = stored_weight(owner, tensor)
    for step in steps:
        if isinstance(step, WeightMask):
            # Whatever the engine stores, the weight is that of the masked one.
            dense = parameter.new_empty(step.dense_shape(parameter), device="meta")
            layout = layout_of(owner, tensor, dense)
            if isinstance(layout, Layout) and step.layout is not None:
                layout = replace(layout, joined=step.layout.joined)
            return _following(Weight(name, owner, tensor, parameter, layout), step)
    weight = Weight(name, owner, tensor, parameter, layout_of(owner, tensor, parameter))
    return replace(weight, taken=f"parametrised by {type(steps[0]).__name__} already")


def _following(weight: Weight, wired: WeightMask | RelationalLinear | RelationalConv2d) -> Weight:
    return replace(weight, mask=wired.mask, nodes=wired.graph.n, taken=RELATIONAL)
