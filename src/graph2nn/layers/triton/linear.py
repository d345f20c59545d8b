"""Relational linear layer on Triton kernels, and whether this machine can run them."""

from __future__ import annotations

import importlib.util
import os
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.block.layout import Blocks
from graph2nn.layers.block.linear import BlockLinear
from graph2nn.layers.masked import Init, Symmetric
from graph2nn.layers.triton.index_tables import DEPTH, SAMPLES, Lists, plan


def interpreted() -> bool:
    """Whether Triton runs its kernels as Python, on CPU tensors: slow, and right wherever it is installed.

    Triton reads the variable ``TRITON_INTERPRET`` when kernels are defined, so it is set before the start.
    """
    return os.environ.get("TRITON_INTERPRET") == "1"


def require() -> None:
    """Complain if the engine can compute nothing on this machine.

    Raises:
        UserError: Triton is not installed, or there is neither a CUDA device nor the interpreter.
    """
    if importlib.util.find_spec("triton") is None:
        raise UserError(
            "triton engine: the package triton is not installed; pip install triton (Linux), "
            "or use engine='masked-in-place'."
        )
    if not (torch.cuda.is_available() or interpreted()):
        raise UserError(
            "triton engine: this machine has no CUDA device; use engine='auto', "
            "or set TRITON_INTERPRET=1 before the start to try the kernels slowly on the CPU."
        )


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

    Args:
        x: ``[samples, in]``.
        weight: compact weights.
        blocks: which features each node has and reads.

    Returns:
        ``[samples, out]``.
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


class TritonLinear(BlockLinear):
    """A :class:`BlockLinear` whose kernels are Triton's, for CUDA. Tested under its interpreter, not on a GPU.

    Shapes, arguments and what a compact ``weight`` means are those of :class:`BlockLinear`. The kernels take
    float32, and 16-bit numbers with sums in float32; for other types, and on the CPU without Triton's
    interpreter, the layer computes as the masked one. There are no second derivatives.

    Raises:
        UserError: Triton is not installed, or the machine has no CUDA device and the interpreter is off; and as
            :class:`BlockLinear` does.

    Example:
        >>> from graph2nn import ws_flex
        >>> layer = TritonLinear(ws_flex(16, 4, 0.1, seed=1), 64, 32, device="cuda")  # doctest: +SKIP
    """

    engine = "triton"

    def __init__(
        self,
        graph: RelationalGraph,
        in_features: int,
        out_features: int,
        *,
        bias: bool = False,
        symmetric: Symmetric = False,
        init: Init = "published",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        require()
        super().__init__(
            graph,
            in_features,
            out_features,
            bias=bias,
            symmetric=symmetric,
            init=init,
            device=device,
            dtype=dtype,
        )

    def computes(self, x: Tensor) -> bool:
        """Whether the kernels can compute on ``x``."""
        return supported(x, self.weight)

    def multiply(self, x: Tensor) -> Tensor:
        """Return ``[N, out, 1, 1]`` for ``[N, in, 1, 1]`` by the kernels; compilers break their graph there."""
        return _outside_the_graph(x.flatten(1), self.weight, self.blocks)[:, :, None, None]


# Not torch.compiler.disable, which would load all of torch.compile when this module is imported.
@torch._disable_dynamo  # type: ignore[attr-defined]
def _outside_the_graph(x: Tensor, weight: Tensor, blocks: Blocks) -> Tensor:
    return multiply(x, weight, blocks)
