"""The Triton engine's product as torch sees it: an autograd function over compact weights."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from graph2nn.layers.block.layout import Blocks
from graph2nn.layers.triton.available import interpreted
from graph2nn.layers.triton.tables import DEPTH, SAMPLES, Lists, plan

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def supported(x: Tensor, weight: Tensor) -> bool:
    """Whether the kernels can compute with these: on one CUDA device, or anywhere under the interpreter.

    Both float32, or both of 16 bits, or any of these under autocast.
    """
    where = x.device.type
    if x.device != weight.device or not (where == "cuda" or (where == "cpu" and interpreted())):
        return False
    if torch._C._are_functorch_transforms_active():
        return False
    cast_first = torch.is_autocast_enabled(where)
    return all(
        type(t) in (Tensor, nn.Parameter) and t.dtype in DTYPES and (cast_first or t.dtype == x.dtype)
        for t in (x, weight)
    )


def multiply(x: Tensor, weight: Tensor, blocks: Blocks) -> Tensor:
    """Return ``[samples, out]`` without bias for ``[samples, in]``, differentiable once in both arguments.

    Under autocast both are cast first, as torch does for its own linear layers; sums are float32 all the same.
    """
    where = x.device.type
    if torch.is_autocast_enabled(where):
        dtype = torch.get_autocast_dtype(where)
        x, weight = x.to(dtype), weight.to(dtype)
    return cast(Tensor, _Multiply.apply(x, weight, blocks))  # type: ignore[no-untyped-call]


class _Multiply(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, blocks: Blocks) -> Tensor:
        x, weight = x.contiguous(), weight.contiguous()
        ctx.save_for_backward(x, weight)
        ctx.blocks = blocks
        lists = plan(blocks, x.device).forward
        return _product(x, weight, lists, x.new_empty(len(x), blocks.out_features), turned=False)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        tables, gradient = plan(ctx.blocks, x.device), gradients[0].contiguous()
        dx = dw = None
        if ctx.needs_input_grad[0]:
            dx = _product(gradient, weight, tables.backward, torch.empty_like(x), turned=True)
        if ctx.needs_input_grad[1]:
            dw = _gradient(gradient, x, tables.forward, tables.gradient, torch.zeros_like(weight))
        return dx, dw, None


def _product(x: Tensor, weight: Tensor, lists: Lists, out: Tensor, *, turned: bool) -> Tensor:
    from graph2nn.layers.triton import kernels

    sample_tiles = -(-len(x) // SAMPLES)
    if sample_tiles:
        with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]
            kernels.multiply[(len(lists.tiles) * sample_tiles,)](
                x, weight, out, lists.nodes, lists.taps, lists.weights, lists.tiles,
                len(x), sample_tiles, x.shape[1], out.shape[1], weight.shape[1],
                TURNED=turned, WIDEN=interpreted(), SAMPLES=SAMPLES, SIDE=lists.side, DEPTH=DEPTH,
            )  # fmt: skip
    return out


def _gradient(y: Tensor, x: Tensor, lists: Lists, tiles: Tensor, out: Tensor) -> Tensor:
    from graph2nn.layers.triton import kernels

    with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]
        kernels.differentiate[(len(tiles),)](
            y, x, out, lists.nodes, lists.taps, tiles, len(x), y.shape[1], x.shape[1], out.shape[1],
            WIDEN=interpreted(), SAMPLES=SAMPLES, SIDE=lists.side, DEPTH=DEPTH,
        )  # fmt: skip
    return out
