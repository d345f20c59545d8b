"""The edge engine's product: one weight per connection, activations ``[features, batch]``.

Three computations refer to each other, and derivatives of any order are made of them: the sum over what an
output reads, the sum over what reads an input (its transpose), and the dot product of both ends of each
connection.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function

from graph2nn.errors import UserError
from graph2nn.layers.block.pool import share
from graph2nn.layers.block.vectors import VECTOR_BYTES
from graph2nn.layers.edge.kernels import dot_rows, sum_rows
from graph2nn.layers.edge.tables import Tables

Gradients: TypeAlias = tuple[Tensor | None, ...]

#: Activations of more bytes than this do not stay in a core's own cache, and are fetched ahead.
NEAR = 1 << 19


def supported(x: Tensor, weight: Tensor) -> bool:
    """Whether the kernels can compute with these: on the CPU, plain tensors, of types that fit together."""
    if (x.dtype, weight.dtype) not in (
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
        (torch.bfloat16, torch.float32),
    ):
        return False
    if x.device.type != "cpu" or weight.device.type != "cpu":
        return False
    if torch.compiler.is_compiling():
        # Fake tensors stand for plain ones; ONNX has no operator for the kernels.
        return not torch.onnx.is_in_onnx_export()
    if torch._C._are_functorch_transforms_active() or torch._C._is_tracing():
        return False
    return all(type(tensor) in (Tensor, nn.Parameter) for tensor in (x, weight))


def sums(x: Tensor, weight: Tensor, tables: Tables, turned: bool, by_source: Tensor | None) -> Tensor:
    """Return ``[outputs, batch]``, or if ``turned`` ``[inputs, batch]``, contiguous; no gradients.

    Args:
        x: ``[inputs, batch]``, or if ``turned`` ``[outputs, batch]``; float32, float64 or bfloat16.
        weight: ``[connections]``, float32 or float64; sums are of this type.
        tables: of the connections.
        turned: sum over what reads an input rather than over what an output reads.
        by_source: the weights in the order of ``tables.target``, which saves looking for them; ``turned`` only.
    """
    at, index = (tables.at_source, tables.target) if turned else (tables.at, tables.source)
    _check(x, weight, tables, tables.outputs if turned else tables.inputs)
    columns = _Columns(x, weight)
    values = weight if by_source is None or not turned else by_source
    out = x.new_empty(len(at) - 1, columns.step)
    _share(
        sum_rows, at, index, tables.order, turned and by_source is None, values.detach().contiguous(),
        columns.laid_out(x), columns.half, columns.step, columns.fetch(x), out,
    )  # fmt: skip
    return columns.cut(out)


def dots(y: Tensor, x: Tensor, weight: Tensor, tables: Tables) -> Tensor:
    """Return ``Σ_batch y[to] · x[from]`` of each connection, as ``weight``; no gradients.

    Args:
        y: ``[outputs, batch]``.
        x: ``[inputs, batch]``, of the same type.
        weight: gives the shape and the type of the result.
        tables: of the connections.
    """
    _check(x, weight, tables, tables.inputs)
    _check(y, weight, tables, tables.outputs)
    columns = _Columns(x, weight)
    out = torch.zeros_like(weight) if x.shape[1] == 0 else torch.empty_like(weight)
    _share(
        dot_rows, tables.at, tables.source, out, columns.laid_out(x), columns.half, columns.step,
        columns.fetch(x), columns.laid_out(y),
    )  # fmt: skip
    return out


class _Columns:
    """How a batch is laid out for the kernels: as many columns as fill whole vectors."""

    def __init__(self, x: Tensor, weight: Tensor) -> None:
        self.count = x.shape[1]
        self.half = 1 if x.dtype == torch.bfloat16 else None
        lanes = VECTOR_BYTES // weight.element_size() * (2 if self.half else 1)
        self.step = -(-self.count // lanes) * lanes

    def laid_out(self, x: Tensor) -> Tensor:
        x = x.detach()
        if self.step == self.count:
            return x.contiguous()
        padded = x.new_zeros(len(x), self.step)
        padded[:, : self.count] = x
        return padded

    def fetch(self, x: Tensor) -> bool:
        return len(x) * self.step * x.element_size() > NEAR

    def cut(self, out: Tensor) -> Tensor:
        return out if self.step == self.count else out[:, : self.count].contiguous()


def _check(x: Tensor, weight: Tensor, tables: Tables, rows: int) -> None:
    """Raise a UserError for shapes that the kernels would read past their end."""
    if weight.shape != tables.source.shape:
        raise UserError(
            f"edge engine: the weight has shape {list(weight.shape)}; there are {len(tables.source)} "
            "connections, and one weight for each."
        )
    if x.ndim != 2 or len(x) != rows:
        raise UserError(f"edge engine: activations of shape {list(x.shape)}, expected [{rows}, batch].")


def _share(kernel: Any, at: Tensor, *arguments: object) -> None:
    """Run a kernel on as many threads as torch would use, each on rows of about as many connections."""
    starts = at.numpy()
    rows, parts = len(starts) - 1, torch.get_num_threads()
    cuts = [0, rows]
    if parts > 1:
        wanted = starts[-1] * np.arange(1, parts) / parts
        cuts[1:1] = np.searchsorted(starts, wanted).tolist()
    ranges = [(low, high) for low, high in pairwise(cuts) if low < high]
    flat = [_flat(argument) if isinstance(argument, Tensor) else argument for argument in arguments]
    share(kernel, np.array(ranges, dtype=np.int64).reshape(-1, 2), starts, *flat)


def _flat(tensor: Tensor) -> Any:
    tensor = tensor.detach().reshape(-1)
    return (tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def multiply(
    x: Tensor, weight: Tensor, tables: Tables, *, turned: bool = False, by_source: Tensor | None = None
) -> Tensor:
    """Return :func:`sums`, differentiable any number of times in ``x`` and ``weight``."""
    return cast(Tensor, _Sums.apply(x, weight, tables, turned, by_source))  # type: ignore[no-untyped-call]


class _Sums(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, tables: Tables, turned: bool, by_source: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.call = tables, turned, by_source
        return sums(x, weight, tables, turned, by_source)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Gradients:
        x, weight = ctx.saved_tensors
        tables, turned, by_source = ctx.call
        gradient = upstream[0].contiguous()
        dx = dw = None
        if ctx.needs_input_grad[0]:
            dx = multiply(gradient, weight, tables, turned=not turned, by_source=by_source)
        if ctx.needs_input_grad[1]:
            y, read = (x, gradient) if turned else (gradient, x)
            dw = cast(Tensor, _Dots.apply(y, read, weight, tables))  # type: ignore[no-untyped-call]
        return dx, dw, None, None, None


class _Dots(Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, x: Tensor, weight: Tensor, tables: Tables) -> Tensor:
        ctx.save_for_backward(y, x)
        ctx.tables = tables
        return dots(y, x, weight, tables)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Gradients:
        y, x = ctx.saved_tensors
        of_y, of_x = ctx.needs_input_grad[:2]
        dy = multiply(x, upstream[0], ctx.tables) if of_y else None
        dx = multiply(y, upstream[0], ctx.tables, turned=True) if of_x else None
        return dy, dx, None, None


def multiply_anywhere(x: Tensor, weight: Tensor, tables: Tables) -> Tensor:
    """Return the same by operations of torch, on any device, under any transform: slower, and more memory.

    Args:
        x: ``[inputs, batch]``.
        weight: ``[connections]``.
        tables: of the connections, on the same device.
    """
    read = x.index_select(0, tables.source) * weight[:, None]
    out = read.new_zeros(tables.outputs, x.shape[1])
    return out.index_add(0, tables.by_reader(), read)
