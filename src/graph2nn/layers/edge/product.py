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
from torch.utils.weak import WeakIdKeyDictionary

from graph2nn.errors import UserError
from graph2nn.layers.block.product import is_batched
from graph2nn.layers.block.threads import share
from graph2nn.layers.block.transposing import transpose
from graph2nn.layers.block.vectors import VECTOR_BYTES
from graph2nn.layers.edge.by_source import BySource
from graph2nn.layers.edge.kernels import dot_rows, sum_and_dot_rows, sum_rows
from graph2nn.layers.edge.sparse_rows import Tables

Gradients: TypeAlias = tuple[Tensor | None, ...]

#: Activations of more bytes than this do not stay in a core's own cache, and are fetched ahead.
NEAR = 1 << 19
#: Weights of more bytes than this do not stay in any cache, and are sorted rather than looked up.
FAR = 1 << 23
#: Both gradients are taken in one walk; with the 16 registers of AVX2 two walks were faster (docs/log.md).
ONE_WALK = VECTOR_BYTES == 64

#: Types of activations and weights that fit together.
_TYPES = (
    (torch.float32, torch.float32),
    (torch.float64, torch.float64),
    (torch.bfloat16, torch.float32),
)


def supported(x: Tensor, weight: Tensor) -> bool:
    """Whether the kernels can compute with these: on the CPU, plain tensors, of types that fit together."""
    if (x.dtype, weight.dtype) not in _TYPES or not (x.is_cpu and weight.is_cpu):
        return False
    if torch.compiler.is_compiling():
        # Fake tensors stand for plain ones; ONNX has no operator for the kernels.
        return not torch.onnx.is_in_onnx_export()
    if torch._C._are_functorch_transforms_active() or torch._C._is_tracing():
        return False
    return all(type(tensor) in (Tensor, nn.Parameter) for tensor in (x, weight))


class _Views:
    """NumPy views of tables, which take longer to make than a small product, and the rows of each thread."""

    def __init__(self, tables: Tables) -> None:
        self.at, self.source, self.at_source, self.target, self.order = (table.numpy() for table in tables)
        self.outputs, self.inputs, self.connections = (
            len(self.at) - 1,
            len(self.at_source) - 1,
            len(self.source),
        )
        #: Of the memory that these show: a module's tables can be moved elsewhere.
        self.address = tables.source.data_ptr()
        self._ranges: dict[tuple[bool, int], Any] = {}
        self._by_source: BySource | None = None

    def by_source(self) -> BySource:
        """How the weights are sorted by what they read; found at the first call."""
        if self._by_source is None:
            self._by_source = BySource(self.source, self.at_source, self.order)
        return self._by_source

    def ranges(self, turned: bool, threads: int) -> Any:
        """Cut the rows into ranges of about as many connections, int64 ``[parts, 2]``, none empty."""
        if (turned, threads) not in self._ranges:
            starts = self.at_source if turned else self.at
            cuts = [0, len(starts) - 1]
            cuts[1:1] = np.searchsorted(starts, starts[-1] * np.arange(1, threads) / threads).tolist()
            spans = [(low, high) for low, high in pairwise(cuts) if low < high]
            self._ranges[turned, threads] = np.array(spans, dtype=np.int64).reshape(-1, 2)
        return self._ranges[turned, threads]


#: By the tensor ``tables.at``, for as long as somebody holds it.
_VIEWS: Any = WeakIdKeyDictionary()


def _views(tables: Tables) -> _Views:
    views: _Views | None = _VIEWS.get(tables.at)
    if views is None or views.address != tables.source.data_ptr():
        views = _VIEWS[tables.at] = _Views(tables)
    return views


def sums(x: Tensor, weight: Tensor, tables: Tables, turned: bool, by_source: Tensor | None) -> Tensor:
    """Return ``[outputs, batch]``, or if ``turned`` ``[inputs, batch]``, contiguous; no gradients.

    Args:
        x: ``[inputs, batch]``, or if ``turned`` ``[outputs, batch]``; float32, float64 or bfloat16.
        weight: ``[connections]``, float32 or float64; sums are of this type.
        tables: of the connections.
        turned: sum over what reads an input rather than over what an output reads.
        by_source: the weights in the order of ``tables.target``, which saves looking for them; ``turned`` only.

    Returns:
        The sums, of the type of ``x``.
    """
    views = _views(tables)
    into, rows = (views.outputs, views.inputs) if turned else (views.inputs, views.outputs)
    _check(x, weight, views, into)
    columns = _Columns(x, weight)
    if turned and by_source is None and _far(weight):
        by_source = weights_by_source(weight, tables)
    values = weight if by_source is None or not turned else by_source
    out = x.new_empty(rows, columns.step)
    at, index = (views.at_source, views.target) if turned else (views.at, views.source)
    _share(
        sum_rows, views.ranges(turned, torch.get_num_threads()), at, index, views.order,
        turned and by_source is None, values.detach().contiguous().numpy(), columns.array(x), columns.half,
        columns.step, columns.fetch(into), columns.bits(out),
    )  # fmt: skip
    return columns.cut(out)


def weights_by_source(weight: Tensor, tables: Tables) -> Tensor:
    """Return the weights in the order of ``tables.target``, a copy without gradients.

    Args:
        weight: ``[connections]``, on any device.
        tables: of the connections, on the same device.

    Returns:
        ``weight[tables.order]``.
    """
    if not (supported(weight, weight) and _far(weight)):
        return weight.detach().index_select(0, tables.order)
    values = weight.detach().contiguous().numpy()
    return torch.from_numpy(_views(tables).by_source().sort(values, torch.get_num_threads()))


def _far(weight: Tensor) -> bool:
    return weight.numel() * weight.element_size() > FAR


def dots(y: Tensor, x: Tensor, weight: Tensor, tables: Tables) -> Tensor:
    """Return ``Σ_batch y[to] · x[from]`` of each connection, as ``weight``; no gradients.

    Args:
        y: ``[outputs, batch]``.
        x: ``[inputs, batch]``, of the same type.
        weight: gives the shape and the type of the result.
        tables: of the connections.

    Returns:
        One number per connection.
    """
    views = _views(tables)
    _check(x, weight, views, views.inputs)
    _check(y, weight, views, views.outputs)
    columns = _Columns(x, weight)
    out = weight.new_zeros(weight.shape) if columns.count == 0 else weight.new_empty(weight.shape)
    _share(
        dot_rows, views.ranges(False, torch.get_num_threads()), views.at, views.source, out.numpy(),
        columns.array(x), columns.half, columns.step, columns.fetch(views.inputs), columns.array(y),
    )  # fmt: skip
    return out


def both_gradients(gradient: Tensor, x: Tensor, weight: Tensor, tables: Tables) -> tuple[Tensor, Tensor]:
    """Return the gradients of ``sums(x, weight, tables, turned=False)``, in one walk over the connections.

    Each row of ``gradient`` is then read once for both. Weights and their gradients are looked up where they
    lie, so this is for weights that stay in a cache.

    Args:
        gradient: ``[outputs, batch]``, upstream.
        x: ``[inputs, batch]``, of the same type.
        weight: ``[connections]``.
        tables: of the connections.

    Returns:
        ``sums(gradient, weight, tables, turned=True)`` and ``dots(gradient, x, weight, tables)``.
    """
    views = _views(tables)
    _check(x, weight, views, views.inputs)
    _check(gradient, weight, views, views.outputs)
    columns = _Columns(x, weight)
    dx = x.new_empty(views.inputs, columns.step)
    dw = weight.new_zeros(weight.shape) if columns.count == 0 else weight.new_empty(weight.shape)
    _share(
        sum_and_dot_rows, views.ranges(True, torch.get_num_threads()), views.at_source, views.target,
        views.order, weight.detach().contiguous().numpy(), columns.array(gradient), columns.half, columns.step,
        columns.fetch(views.outputs), columns.array(x), columns.bits(dx), dw.numpy(),
    )  # fmt: skip
    return columns.cut(dx), dw


class _Columns:
    """How a batch is laid out for the kernels: as many columns as fill whole vectors."""

    def __init__(self, x: Tensor, weight: Tensor) -> None:
        self.count = x.shape[1]
        self.size = x.element_size()
        self.half = 1 if x.dtype == torch.bfloat16 else None
        lanes = VECTOR_BYTES // weight.element_size() * (2 if self.half else 1)
        self.step = -(-self.count // lanes) * lanes

    def array(self, x: Tensor) -> Any:
        """Return activations ``[rows, step]`` as the kernels take them: these, or a copy with more columns."""
        x = x.detach()
        if self.step == self.count:
            return self.bits(x.contiguous())
        padded = x.new_zeros(x.shape[0], self.step)
        padded[:, : self.count] = x
        return self.bits(padded)

    def bits(self, x: Tensor) -> Any:
        """Return a contiguous tensor as an array; NumPy has no bfloat16."""
        return (x.view(torch.int16) if self.half else x).numpy()

    def fetch(self, rows: int) -> bool:
        return rows * self.step * self.size > NEAR

    def cut(self, out: Tensor) -> Tensor:
        return out if self.step == self.count else out[:, : self.count].contiguous()


def _check(x: Tensor, weight: Tensor, views: _Views, rows: int) -> None:
    """Raise a UserError for shapes that the kernels would read past their end."""
    if weight.shape != (views.connections,):
        raise UserError(
            f"edge engine: the weight has shape {list(weight.shape)}; there are {views.connections} "
            "connections, and one weight for each."
        )
    if x.ndim != 2 or x.shape[0] != rows:
        raise UserError(f"edge engine: activations of shape {list(x.shape)}, expected [{rows}, batch].")


def _share(kernel: Any, ranges: Any, *arguments: object) -> None:
    """Run a kernel on as many threads as there are ranges."""
    if len(ranges) == 1:
        kernel(0, ranges, *arguments)
    else:
        share(kernel, ranges, *arguments)


def multiply(
    x: Tensor, weight: Tensor, tables: Tables, *, turned: bool = False, by_source: Tensor | None = None
) -> Tensor:
    """Return :func:`sums`, differentiable any number of times in ``x`` and ``weight``.

    Args:
        x, weight, tables, turned, by_source: as for :func:`sums`.

    Returns:
        The sums.
    """
    if not x.is_contiguous():
        x = cast(Tensor, _BatchInnermost.apply(x))  # type: ignore[no-untyped-call]
    return cast(Tensor, _Sums.apply(x, weight, tables, turned, by_source))  # type: ignore[no-untyped-call]


def batch_innermost(x: Tensor) -> Tensor:
    """Return a contiguous copy of ``[features, batch]``, or ``x`` where it is contiguous; no gradients.

    The transpose of a contiguous tensor, which is what a layer gets from others, is copied four times as fast
    as torch does.
    """
    rows, columns = x.shape
    if x.is_contiguous() or not x.t().is_contiguous() or x.dtype not in (torch.float32, torch.float64):
        return x.contiguous()
    x = x.detach()
    out = x.new_empty(rows, columns)
    transpose(columns, rows, x.t().view(-1).numpy(), 0, rows, out.view(-1).numpy(), 0, columns)
    return out


def contiguous(x: Tensor) -> Tensor:
    """Return ``[batch, features]`` contiguous, differentiable; copied as :func:`batch_innermost` does.

    Args:
        x: a matrix, on which the kernels can compute.

    Returns:
        ``x``, or a copy of it.
    """
    if x.is_contiguous() or torch.compiler.is_compiling():
        return x.contiguous()
    return cast(Tensor, _BatchInnermost.apply(x))  # type: ignore[no-untyped-call]


class _BatchInnermost(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return batch_innermost(x)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Tensor:
        return upstream[0]


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
        dx = dw = None
        if is_batched(upstream[0]):
            dx, dw = _gradients_anywhere(upstream[0], x, weight, tables, turned, ctx.needs_input_grad)
            return dx, dw, None, None, None
        if not torch.is_grad_enabled():
            gradient = batch_innermost(upstream[0])
            if ONE_WALK and all(ctx.needs_input_grad[:2]) and not turned and not _far(weight):
                return *both_gradients(gradient, x, weight, tables), None, None, None
            # Nobody differentiates these: without a function each, a small layer's backward is a third shorter.
            if ctx.needs_input_grad[0]:
                dx = sums(gradient, weight, tables, not turned, by_source)
            if ctx.needs_input_grad[1]:
                dw = dots(x, gradient, weight, tables) if turned else dots(gradient, x, weight, tables)
            return dx, dw, None, None, None
        gradient = upstream[0]
        if ctx.needs_input_grad[0]:
            dx = multiply(gradient, weight, tables, turned=not turned, by_source=by_source)
        if ctx.needs_input_grad[1]:
            y, read = (x, gradient) if turned else (gradient, x)
            dw = cast(Tensor, _Dots.apply(y, read, weight, tables))  # type: ignore[no-untyped-call]
        return dx, dw, None, None, None


def _gradients_anywhere(
    gradient: Tensor, x: Tensor, weight: Tensor, tables: Tables, turned: bool, needed: Any
) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients of :func:`sums` by operations of torch, of several upstream gradients at once."""
    ends = tables.by_reader(), tables.source.long()
    to, read = ends[::-1] if turned else ends
    arriving = gradient.index_select(0, to)
    dx = dw = None
    if needed[0]:
        share_of_each = arriving * weight[:, None]
        dx = torch.zeros_like(x).index_add(0, read, share_of_each)
    if needed[1]:
        dw = (arriving * x.index_select(0, read)).sum(1)
    return dx, dw


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

    Returns:
        ``[outputs, batch]``.
    """
    read = x.index_select(0, tables.source) * weight[:, None]
    out = read.new_zeros(tables.outputs, x.shape[1])
    return out.index_add(0, tables.by_reader(), read)
