"""The block engine's product as torch sees it: an autograd function over flat compact weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function

from graph2nn.errors import UserError
from graph2nn.layers.block import kernels, moves
from graph2nn.layers.block.geometry import Geometry
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
    def forward(ctx: Any, x: Tensor, weight: Tensor, g: Geometry) -> Tensor:
        x = x.contiguous()
        source = _lay_out(x, "source", g)
        out = x.new_empty(g.images, g.blocks.out_features, g.out_height, g.out_width)
        _run("forward", weight, source, g, out)
        ctx.save_for_backward(source, weight)
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
        laid_out = _lay_out(gradient.contiguous(), "result", g)
        dx = dw = None
        if wanted[0]:
            turned = weight
            if g.kernel > 1:
                turned = torch.empty_like(weight)
                _share(kernels.turn_over, "turn", g, weight, g.forward, g.backward, g.turn, turned)
            shape = (g.images, g.blocks.in_features, g.height, g.width)
            dx = gradient.new_empty(shape) if g.covered else gradient.new_zeros(shape)
            _run("backward", turned, laid_out, g, dx)
        if wanted[1]:
            # One kernel writes, the other adds.
            written = g.rowwise and g.images
            dw = torch.empty_like(weight) if written else torch.zeros_like(weight)
            if written:
                kernel = kernels.differentiate_rows
                _share(kernel, "weights", g, laid_out, g.result, source, g.source, g.forward, g.stretches, dw)
            else:
                # Taps of one channel overlap and are near already; of single ones the next is fetched.
                ahead = 0 if g.kernel > 1 else -(-g.out_columns // g.lanes)
                _share(
                    kernels.differentiate, "weights", g, laid_out, g.result, source, g.source,
                    g.groups, g.out_columns, g.gradient_block, ahead, g.forward, dw,
                )  # fmt: skip
        return dx, dw

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise UserError(
            "block engine: second derivatives are not available; use engine='masked', which has them."
        )


def _share(kernel: Callable[..., None], kind: str, g: Geometry, *arguments: object) -> None:
    """Run a kernel on as many threads as torch would use; tensors are passed as flat arrays."""
    flat = [a.detach().view(-1).numpy() if isinstance(a, Tensor) else a for a in arguments]
    share(kernel, g.shares(kind, torch.get_num_threads()), *flat)


def _lay_out(x: Tensor, kind: Literal["source", "result"], g: Geometry) -> Tensor:
    """Return contiguous activations as the kernels want them; the tensor itself where it lies so already."""
    if g.direct:
        return x
    planes = g.source if kind == "source" else g.result
    out = x.new_empty(g.groups * planes.group_step)
    _share(moves.lay_out_rows if g.rowwise else moves.lay_out_planes, kind, g, x, planes, out)
    return out


def _run(kind: Literal["forward", "backward"], w: Tensor, source: Tensor, g: Geometry, out: Tensor) -> None:
    if kind == "forward":
        read, written, products = g.source, g.result, g.forward
        begin, columns = 0, g.out_columns
    else:
        read, written, products = g.result, g.source, g.backward
        begin, columns = g.in_begin, g.in_columns
    pitch = written.height * written.width if g.direct else 0
    turned = kind == "backward" and g.kernel == 1
    _share(
        kernels.multiply, kind, g, w, source, read.group_step, g.groups, g.block, begin, columns,
        products, g.forward, g.turn, turned, written, g.rowwise, pitch, out,
    )  # fmt: skip
