"""The block engine's product as torch sees it: an autograd function over flat compact weights."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function

from graph2nn.errors import UserError
from graph2nn.layers.block import kernels
from graph2nn.layers.block.layout import Geometry, Planes, Products
from graph2nn.layers.block.pool import share


def supported(*tensors: Tensor) -> bool:
    """Whether the kernels can compute with these tensors: on the CPU, all float32 or all float64."""
    dtype = tensors[0].dtype
    if dtype not in (torch.float32, torch.float64) or torch.is_autocast_enabled("cpu"):
        return False
    if torch._C._are_functorch_transforms_active():
        return False
    plain = (Tensor, nn.Parameter)
    return all(type(t) in plain and t.device.type == "cpu" and t.dtype == dtype for t in tensors)


def multiply(x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """Return the layer's output ``[N, out, H′, W′]``, differentiable once in both arguments.

    Args:
        x: ``[N, in, H, W]``, contiguous or not.
        weight: flat compact weights.
        geometry: of the layer on inputs of this shape.
    """
    return cast(Tensor, _Multiply.apply(x, weight, geometry))  # type: ignore[no-untyped-call]


class _Multiply(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
        g = geometry
        source = _lay_out(x, g.source, g)
        out = x.new_empty(g.images, g.blocks.out_features, g.out_height, g.out_width)
        _run(weight, source, g.source.group_step, g, g.out_columns, g.forward, g.result, out)
        ctx.save_for_backward(x.contiguous() if g.rowwise else source, weight)
        ctx.geometry = g
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        source, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        dx, dw = _Differentiate.apply(gradients[0], source, weight, ctx.geometry, wanted)  # type: ignore[no-untyped-call]
        return dx, dw, None


class _Differentiate(Function):
    """The gradient, as a function of its own so that differentiating it once more can say what is wrong."""

    @staticmethod
    def forward(
        ctx: Any, gradient: Tensor, source: Tensor, weight: Tensor, g: Geometry, wanted: tuple[bool, ...]
    ) -> tuple[Tensor | None, Tensor | None]:
        laid_out = _lay_out(gradient, g.result, g)
        dx = dw = None
        if wanted[0]:
            turned = torch.empty_like(weight)
            readers = g.blocks.readers * g.blocks.inputs[1]
            share(kernels.turn_over, readers, _flat(weight), g.forward, g.backward, g.turn, _flat(turned))
            shape = (g.images, g.blocks.in_features, g.height, g.width)
            dx = gradient.new_empty(shape) if g.covered else gradient.new_zeros(shape)
            _run(turned, laid_out, g.result.group_step, g, g.in_columns, g.backward, g.source, dx)
        if wanted[1]:
            costs = g.forward.rows * g.forward.depth
            dw = torch.zeros_like(weight)
            if g.rowwise:
                x = _wide(source, g)
                share(
                    kernels.differentiate_rows, costs, _flat(laid_out), g.result, _flat(x), x.shape[1],
                    g.forward, g.windows, _flat(dw),
                )  # fmt: skip
                return dx, dw
            share(
                kernels.differentiate, costs, _flat(laid_out), g.result, _flat(source), g.source,
                g.groups, g.out_columns, g.gradient_block, g.forward, _flat(dw),
            )  # fmt: skip
        return dx, dw

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise UserError(
            "block engine: second derivatives are not available; use engine='masked', which has them."
        )


def _flat(tensor: Tensor) -> Any:
    return tensor.detach().view(-1).numpy()


def _lay_out(x: Tensor, planes: Planes, g: Geometry) -> Tensor:
    """Return the activations as the kernels want them; the tensor itself where it lies so already."""
    x = x.detach().contiguous()
    if g.direct:
        return x
    out = x.new_empty(g.groups * planes.group_step)
    if g.rowwise:
        units = np.ones(g.groups * -(-planes.channels // kernels.BUNDLE), dtype=np.int64)
        share(kernels.lay_out_rows, units, _flat(x), planes, _flat(out))
    else:
        units = np.ones(g.groups * planes.channels, dtype=np.int64)
        share(kernels.lay_out_planes, units, _flat(x), planes, _flat(out))
    return out


def _wide(x: Tensor, g: Geometry) -> Tensor:
    """Return samples ``[N, in]`` with at least as many features as a tile has columns."""
    x = x.reshape(g.images, -1)
    missing = g.tile - x.shape[1]
    return x if missing <= 0 else nn.functional.pad(x, (0, missing))


def _run(
    w: Tensor, source: Tensor, group_step: int, g: Geometry, columns: int, products: Products, p: Planes, out: Tensor
) -> None:
    costs = np.tile(products.rows * products.depth, -(-g.groups // g.block))
    share(
        kernels.multiply, costs, _flat(w), _flat(source), group_step, g.groups, g.block, columns, g.tile,
        products, p, g.rowwise, g.direct, _flat(out),
    )  # fmt: skip
