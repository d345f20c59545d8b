"""Dense linear layer of our own models: torch's, by the fastest exact product."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

from graph2nn.layers.bf16_support import emulated_here
from graph2nn.layers.dense_products import PLAIN, SMALLEST_BATCH, ProductChoice, choose, multiply

if TYPE_CHECKING:
    from graph2nn.layers.block.geometry import Geometry
    from graph2nn.layers.block.norm import RunningStatistics

Gradients: TypeAlias = tuple[Tensor | None, ...]


class DenseLinear(nn.Linear):
    """``nn.Linear`` with the same parameters and numbers to float32 rounding, computed as fast as it can be.

    Shapes: ``[…, in_features]`` to ``[…, out_features]``. On the CPU in float32 its three products (output,
    gradients of input and weight) are those that ``graph2nn bench engines`` found fastest on this machine, and
    torch's own if it has not been run. Elsewhere, under autocast, ``torch.compile``, ``torch.export``, tracing
    and ``torch.func``, it computes as ``nn.Linear``; but under autocast on a CPU without instructions for
    bfloat16 in float32, and only the output is rounded. Derivatives of any order exist.

    Example:
        >>> DenseLinear(3, 2, bias=False).weight.shape
        torch.Size([2, 3])
    """

    # torch.jit.script evaluates the annotations of a class, which are text here.
    if TYPE_CHECKING:
        choice: ProductChoice | None
    #: Products to use whatever the table says; None: by the table.
    choice = None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[…, in_features]`` to ``[…, out_features]``."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return F.linear(x, self.weight, self.bias)
        else:  # noqa: RET505 - a scripted layer compiles what follows a return
            return self._compute(x)

    def _compute(self, x: Tensor) -> Tensor:
        if not torch.compiler.is_compiling() and x.device.type == "cpu" and emulated_here():
            with torch.autocast("cpu", enabled=False):
                return self._compute(x.to(self.weight.dtype)).to(torch.bfloat16)
        choice = self._choice(x)
        if choice.plain or x.dtype != torch.float32 or not plain_tensors(x, self.weight):
            return F.linear(x, self.weight, self.bias)
        flat = x.reshape(-1, self.in_features)
        y = cast(Tensor, _Product.apply(flat, self.weight, choice))  # type: ignore[no-untyped-call]
        y = y.reshape(*x.shape[:-1], self.out_features)
        return y if self.bias is None else y + self.bias

    def _choice(self, x: Tensor) -> ProductChoice:
        """The products for an input; torch's own where it is small, misshapen, traced or compiled."""
        if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
            return PLAIN
        if x.ndim < 2 or x.shape[-1] != self.in_features or x.numel() < SMALLEST_BATCH * self.in_features:
            return PLAIN
        return choose(self.in_features, self.out_features) if self.choice is None else self.choice

    def normed_relu(self, x: Tensor, norm: nn.BatchNorm1d) -> Tensor | None:
        """Return what ``norm`` in training and ReLU make of this layer; None where that takes them one by one.

        Args:
            x: ``[batch, in_features]``; 16 samples at least, and no more than the kernels keep next to
                each other.
            norm: batch norm of the outputs; its running averages move.

        Returns:
            ``[batch, out_features]``, each feature's samples contiguous; or None.
        """
        choice = self._choice(x)
        if not choice.fused:
            return None
        numbers = [norm.weight, norm.bias, norm.running_mean, norm.running_var]
        present = [number for number in numbers if number is not None]
        if (
            cast(Tensor | None, self.bias) is not None
            or not norm.training
            or not norm.track_running_stats
            or len(present) < 4
        ):
            return None
        if x.ndim != 2 or x.shape[1] != self.in_features or norm.num_features != self.out_features:
            return None
        if not plain_tensors(x, self.weight, *present):
            return None
        if x.dtype != torch.float32:
            choice = ProductChoice(fused=True)
        g = _geometry(self.in_features, self.out_features, len(x), x.element_size())
        return self._normed_relu(x, norm, g, choice) if g.groups == 1 else None

    def _normed_relu(self, x: Tensor, norm: nn.BatchNorm1d, g: Geometry, choice: ProductChoice) -> Tensor:
        from graph2nn.layers.block.norm import running

        arguments = x, self.weight, norm.weight, norm.bias, running(norm), g, choice
        return cast(Tensor, _NormedProduct.apply(*arguments))  # type: ignore[no-untyped-call]


def plain_tensors(*tensors: Tensor) -> bool:
    """Whether these are ordinary tensors on the CPU, of one type, with nothing that intercepts operations."""
    dtype = tensors[0].dtype
    if dtype not in (torch.float32, torch.float64) or torch.is_autocast_enabled("cpu"):
        return False
    if torch._C._are_functorch_transforms_active():
        return False
    ordinary = (Tensor, nn.Parameter)
    return all(type(t) in ordinary and t.device.type == "cpu" and t.dtype == dtype for t in tensors)


@lru_cache(maxsize=1024)
def _geometry(in_features: int, out_features: int, batch: int, itemsize: int) -> Geometry:
    """Where samples lie, so that block layers before and after take them without a copy."""
    from graph2nn.graphs.graph import RelationalGraph
    from graph2nn.layers.block.geometry import geometry
    from graph2nn.layers.block.layout import blocks_of

    pair = RelationalGraph.from_adjacency([[0, 1], [1, 0]], name="complete", directed=False)
    return geometry(blocks_of(pair, in_features, out_features), 1, 1, 0, batch, 1, 1, itemsize)


class _Product(Function):
    """``x · weightᵀ`` of samples ``[N, in]``, by the chosen products."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, choice: ProductChoice) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.choice = choice
        return multiply(choice.forward, x, weight.t())

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Gradients:
        (dy,), (x, weight) = upstream, ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph: these can be differentiated again
            return dy @ weight, dy.t() @ x, None
        dx = multiply(ctx.choice.input_gradient, dy, weight) if ctx.needs_input_grad[0] else None
        dw = multiply(ctx.choice.weight_gradient, dy.t(), x) if ctx.needs_input_grad[1] else None
        return dx, dw, None


class _NormedProduct(Function):
    """``max(0, norm(x · weightᵀ))``, one row of samples per feature from the product on."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        gamma: Tensor,
        beta: Tensor,
        running: RunningStatistics,
        g: Geometry,
        choice: ProductChoice,
    ) -> Tensor:
        from graph2nn.layers.block.product import as_rows
        from graph2nn.layers.dense_norm import normalise

        z = x.new_empty(g.result.group_step)
        multiply(choice.forward, weight, x.t(), out=_matrix(z, g.images, g.result.channel_step))
        out, mean, scale = normalise(z, g.result, gamma, beta, running)
        ctx.save_for_backward(x, weight, gamma, beta, z, mean, scale)
        ctx.geometry, ctx.choice, ctx.eps = g, choice, running.eps
        return as_rows(out, g.result)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Gradients:
        if torch.is_grad_enabled():
            return *_differentiable(ctx, upstream[0]), None, None, None
        from graph2nn.layers.block.product import lay_out
        from graph2nn.layers.dense_norm import differentiate

        x, weight, gamma, beta, z, mean, scale = ctx.saved_tensors
        g, choice = ctx.geometry, ctx.choice
        laid_out = lay_out(upstream[0], "result", g)
        dz, dgamma, dbeta = differentiate(laid_out, z, g.result, gamma, beta, mean, scale)
        rows = _matrix(dz, g.images, g.result.channel_step)
        dx = _input_gradient(x, weight, rows, g, choice) if ctx.needs_input_grad[0] else None
        dw = multiply(choice.weight_gradient, rows, x) if ctx.needs_input_grad[1] else None
        return dx, dw, dgamma, dbeta, None, None, None


def _matrix(flat: Tensor, images: int, step: int) -> Tensor:
    """The rows of samples ``[features, images]`` in a flat tensor."""
    return flat.as_strided((len(flat) // step, images), (step, 1))


def _input_gradient(x: Tensor, weight: Tensor, rows: Tensor, g: Geometry, choice: ProductChoice) -> Tensor:
    """The gradient of ``x``, laid out as ``x`` is, from that of the product ``[out, N]``."""
    from graph2nn.layers.block.product import as_rows, is_rows

    if not is_rows(x, g.source):
        return multiply(choice.input_gradient, rows.t(), weight)
    whole = g.images % g.lanes == 0  # else kernels read zeros behind the samples
    dx = x.new_empty(g.source.group_step) if whole else x.new_zeros(g.source.group_step)
    multiply(choice.input_gradient, weight.t(), rows, out=_matrix(dx, g.images, g.source.channel_step))
    return as_rows(dx, g.source)


def _differentiable(ctx: Any, upstream: Tensor) -> Gradients:
    """The gradients of input, weight, scale and shift by torch's own operations, to be differentiated again."""
    inputs = ctx.saved_tensors[:4]
    x, weight, gamma, beta = inputs
    normed = F.batch_norm(F.linear(x, weight), None, None, gamma, beta, training=True, eps=ctx.eps)
    wanted = [tensor for tensor, needed in zip(inputs, ctx.needs_input_grad, strict=False) if needed]
    gradients = iter(torch.autograd.grad(normed.relu(), wanted, upstream, create_graph=True))
    return tuple(next(gradients) if needed else None for needed in ctx.needs_input_grad[:4])
