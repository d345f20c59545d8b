"""The edge engine's product as operators of torch, for ``torch.compile`` and ``torch.export``.

Compilers see ``graph2nn::edge_sums`` and ``graph2nn::edge_dots`` as single steps of their graph, with gradients
made of the same two. The tables of the connections are arguments: a process that imports
``graph2nn.layers.edge`` can load and run an exported program.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from graph2nn.errors import UserError
from graph2nn.layers.edge import product
from graph2nn.layers.edge.sparse_rows import Tables

_HALVES = (torch.bfloat16, torch.float16)


@torch.library.custom_op("graph2nn::edge_sums", mutates_args=(), device_types="cpu")
def edge_sums(
    x: Tensor,
    weight: Tensor,
    at: Tensor,
    source: Tensor,
    at_source: Tensor,
    target: Tensor,
    order: Tensor,
    turned: bool,
) -> Tensor:
    """Return ``[outputs, batch]``, or if ``turned`` ``[inputs, batch]``; see :func:`product.sums`.

    Args:
        x: ``[inputs, batch]``, or if ``turned`` ``[outputs, batch]``.
        weight: ``[connections]``.
        at, source, at_source, target, order: fields of :class:`Tables`.
        turned: sum over what reads an input rather than over what an output reads.

    Returns:
        The sums.
    """
    return product.sums(x, weight, Tables(at, source, at_source, target, order), turned, None)


@torch.library.custom_op("graph2nn::edge_dots", mutates_args=(), device_types="cpu")
def edge_dots(
    y: Tensor,
    x: Tensor,
    weight: Tensor,
    at: Tensor,
    source: Tensor,
    at_source: Tensor,
    target: Tensor,
    order: Tensor,
) -> Tensor:
    """Return the dot product of both ends of each connection; see :func:`product.dots`.

    Args:
        y: ``[outputs, batch]``.
        x: ``[inputs, batch]``.
        weight: gives shape and type of the result.
        at, source, at_source, target, order: fields of :class:`Tables`.

    Returns:
        One number per connection.
    """
    return product.dots(y, x, weight.contiguous(), Tables(at, source, at_source, target, order))


def _shape_of_sums(x: Tensor, weight: Tensor, *tables: Any) -> Tensor:
    at, _, at_source, *_, turned = tables
    return x.new_empty((at_source if turned else at).shape[0] - 1, x.shape[1])


def _shape_of_dots(y: Tensor, x: Tensor, weight: Tensor, *tables: Tensor) -> Tensor:
    return weight.new_empty(weight.shape)


def _keep_sums(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, *tables, turned = inputs
    ctx.save_for_backward(x, weight, *tables)
    ctx.turned = turned


def _differentiate_sums(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
    x, weight, *tables = ctx.saved_tensors
    gradient = upstream.contiguous()
    dx = dw = None
    if ctx.needs_input_grad[0]:
        dx = edge_sums(gradient, weight, *tables, not ctx.turned)
    if ctx.needs_input_grad[1]:
        y, read = (x, gradient) if ctx.turned else (gradient, x)
        dw = edge_dots(y, read, weight, *tables)
    return dx, dw, *([None] * 6)


def _keep_dots(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    y, x, _, *tables = inputs
    ctx.save_for_backward(y, x, *tables)


def _differentiate_dots(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
    y, x, *tables = ctx.saved_tensors
    of_y, of_x = ctx.needs_input_grad[:2]
    dy = edge_sums(x, upstream, *tables, False) if of_y else None
    dx = edge_sums(y, upstream, *tables, True) if of_x else None
    return dy, dx, *([None] * 6)


@register_flop_formula(torch.ops.graph2nn.edge_sums)
def _flops(x: torch.Size, weight: torch.Size, *tables: Any, out_val: Any = None, **rest: Any) -> int:
    """Count a multiply-add per connection and sample as two operations, for torch's counter and for ours."""
    return 2 * weight[0] * x[1]


for _operator, _shape, _keep, _differentiate in (
    (edge_sums, _shape_of_sums, _keep_sums, _differentiate_sums),
    (edge_dots, _shape_of_dots, _keep_dots, _differentiate_dots),
):
    _operator.register_fake(_shape)
    _operator.register_autograd(_differentiate, setup_context=_keep)


_IN_BF16: ContextVar[bool] = ContextVar("graph2nn_edge_bf16", default=False)


@contextmanager
def activations_in_bf16() -> Iterator[None]:
    """Round what the products of this block read to bfloat16, on the CPU, with results in float32.

    For processors without instructions for bfloat16: there autocast would emulate every product of the other
    layers, while these gain, as they read half as much.

    Example:
        >>> from graph2nn.layers.edge.sparse_rows import tables_of
        >>> tables = tables_of([[0, 1], [1, 0]], 2)
        >>> with activations_in_bf16():
        ...     edge_product(torch.full((2, 1), 1.001), torch.ones(2), tables).tolist()
        [[1.0], [1.0]]
    """
    token = _IN_BF16.set(True)
    try:
        yield
    finally:
        _IN_BF16.reset(token)


def edge_product(x: Tensor, weight: Tensor, tables: Tables, by_source: Tensor | None = None) -> Tensor:
    """Return ``out[i] = Σ weight · x`` over what each output reads, ``[outputs, batch]``, differentiable.

    The kernels compute it where they can; elsewhere (other devices, other types, ``torch.func``, tracing)
    operations of torch do. Under autocast the activations are rounded to bfloat16 where that is its type, and
    the result is of its type; sums are float32. See also :func:`activations_in_bf16`.

    Args:
        x: ``[inputs, batch]``.
        weight: ``[connections]``, in the order of ``tables``.
        tables: of the connections, on the same device.
        by_source: the weights by what they read, see :func:`product.sums`; one permutation then serves several
            products with the same weights.

    Returns:
        ``[outputs, batch]``.

    Example:
        >>> from graph2nn.layers.edge.sparse_rows import tables_of
        >>> tables = tables_of([[0, 1, 2], [1, 2, 0]], 3)
        >>> edge_product(torch.eye(3), torch.tensor([1.0, 2.0, 3.0]), tables).tolist()
        [[0.0, 0.0, 1.0], [2.0, 0.0, 0.0], [0.0, 3.0, 0.0]]
    """
    if x.is_meta:
        # Whoever counts multiply-adds runs a network on tensors without data.
        return cast(Tensor, edge_sums(x, weight, *tables, False))
    kind = read = x.dtype
    on = x.device.type
    if torch.is_autocast_enabled(on) and x.dtype in (torch.float32, *_HALVES):
        kind = read = torch.get_autocast_dtype(on)
    elif x.dtype != weight.dtype and (x.dtype, weight.dtype) != (torch.bfloat16, torch.float32):
        raise UserError(
            f"edge engine: the input is {x.dtype} and the weight {weight.dtype}; convert one of them."
        )
    elif x.dtype == torch.float32 and not torch.compiler.is_compiling() and _IN_BF16.get():
        read = torch.bfloat16
    # Sums of 16-bit numbers would be 16 bits: weights are widened.
    wide = weight.float() if weight.dtype in _HALVES else weight
    by_source = None if wide is not weight else by_source
    if read == torch.bfloat16 and on == "cpu" and wide.dtype == torch.float32:
        x = x.to(read)
        if not product.supported(x, wide):
            x = x.float()
    elif x.dtype != wide.dtype:
        x = x.to(wide.dtype)
    out = _product(x, wide, tables, by_source)
    return out if out.dtype == kind else out.to(kind)


def _product(x: Tensor, weight: Tensor, tables: Tables, by_source: Tensor | None) -> Tensor:
    if not product.supported(x, weight):
        return product.multiply_anywhere(x, weight, tables)
    if torch.compiler.is_compiling():
        return cast(Tensor, edge_sums(x.contiguous(), weight, *tables, False))
    return product.multiply(x, weight, tables, by_source=by_source)
