"""The block engine's product as torch sees it: an autograd function over compact weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NoReturn, TypeAlias, cast

import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.autograd import Function

from graph2nn.errors import UserError
from graph2nn.layers.block import copying, kernels, weight_grad
from graph2nn.layers.block.geometry import Geometry
from graph2nn.layers.block.layout import Planes
from graph2nn.layers.block.recomputed import Origin, kept_image, lay_out_normed, to_keep
from graph2nn.layers.block.threads import share

Gradients: TypeAlias = tuple[Tensor | None, ...]


def supported(*tensors: Tensor) -> bool:
    """Whether the kernels can compute with these: on the CPU, all float64, or float32 without autocast."""
    dtype = tensors[0].dtype
    # Autocast leaves float64 alone; what it makes of float32 is in autocast.py.
    if dtype == torch.float32 and torch.is_autocast_enabled("cpu"):
        return False
    if dtype not in (torch.float32, torch.float64):
        return False
    if torch.compiler.is_compiling():
        # Fake tensors stand for plain ones; ONNX has no operator for the kernels.
        plain_device = all(t.device.type == "cpu" and t.dtype == dtype for t in tensors)
        return plain_device and not torch.onnx.is_in_onnx_export()
    if torch._C._are_functorch_transforms_active() or torch._C._is_tracing():
        return False
    plain = (Tensor, nn.Parameter)
    return all(type(t) in plain and t.device.type == "cpu" and t.dtype == dtype for t in tensors)


def multiply(x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """Return the layer's output ``[N, out, H′, W′]``, differentiable once in both arguments.

    Args:
        x: ``[N, in, H, W]``, contiguous or not.
        weight: compact weights ``[out, pitch]``, contiguous or not.
        geometry: of the layer on inputs of this shape.

    Returns:
        The output.

    Raises:
        UserError: weights of another shape.
    """
    return cast(Tensor, _Multiply.apply(x, checked_weight(weight, geometry), geometry))  # type: ignore[no-untyped-call]


def checked_weight(weight: Tensor, g: Geometry) -> Tensor:
    """Return weights that the kernels can read row by row: these, or a contiguous copy of them.

    Raises:
        UserError: weights of another shape, which the kernels would read past their end.
    """
    shape = (g.blocks.out_features, g.blocks.pitch * g.kernel**2)
    if weight.shape != shape:
        raise UserError(
            f"block engine: the weight has shape {list(weight.shape)} where {list(shape)} is stored; "
            "layer.compact(weight) makes it from [out, in, …]."
        )
    return weight.contiguous()


class _Multiply(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, g: Geometry) -> Tensor:
        source = lay_out(x, "source", g)
        out = product(source, weight, g)
        # Whoever made an image usually keeps it, and laying it out costs little: it is not kept twice.
        ctx.save_for_backward(weight, *((source,) if g.rowwise else to_keep(x)))
        ctx.geometry = g
        return out

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Gradients:
        g, wanted = ctx.geometry, ctx.needs_input_grad[:2]

        def differentiate(upstream: Tensor, weight: Tensor, *kept: Tensor) -> Gradients:
            return gradients(lay_out(upstream, "result", g), kept_image(kept), weight, g, wanted)

        return *once(differentiate, upstream[0], *ctx.saved_tensors), None


def product(source: Tensor, weight: Tensor, g: Geometry) -> Tensor:
    """Return the output ``[N, out, H′, W′]`` for an input that is laid out.

    Args:
        source: input that is laid out, flat.
        weight: compact weights.
        g: geometry of the layer.

    Returns:
        The output.
    """
    out = source.new_empty(g.images, g.blocks.out_features, g.out_height, g.out_width)
    _run("forward", weight, source, g, out)
    return out


def once(differentiate: Callable[..., Gradients], *tensors: Tensor) -> Gradients:
    """Return gradients that can be differentiated in no tensor, and where somebody may try, that say so.

    Raises:
        UserError: torch asks for several gradients at once, of which the kernels know nothing.
    """
    if any(map(is_batched, tensors)):
        raise UserError(
            "block engine: batched gradients (is_grads_batched, jacobian(vectorize=True)) are not available; "
            "ask for one gradient at a time, use torch.func.jacrev on the whole call, or engine='masked'."
        )
    # Grad mode is on in a backward only with create_graph; a function less a layer is worth the branch.
    if torch.is_grad_enabled():
        return cast(Gradients, _Once.apply(differentiate, *tensors))  # type: ignore[no-untyped-call]
    return differentiate(*tensors)


def is_batched(tensor: Tensor) -> bool:
    """Whether it is one of vmap's, by the transforms of torch.func or by those of autograd itself."""
    return torch._C._functorch.is_batchedtensor(tensor) or torch._C._functorch.is_legacy_batchedtensor(tensor)


class _Once(Function):
    """A gradient, as a function of its own so that differentiating it once more can say what is wrong."""

    @staticmethod
    def forward(ctx: Any, differentiate: Callable[..., Gradients], *tensors: Tensor) -> Gradients:
        return differentiate(*tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> NoReturn:
        raise UserError(
            "block engine: second derivatives are not available; use engine='masked', which has them."
        )


def gradients(
    upstream: Tensor,
    source: Tensor | Origin,
    weight: Tensor,
    g: Geometry,
    wanted: tuple[bool, bool],
    *,
    of_rows: bool = False,
) -> Gradients:
    """Return the gradients of the input and of the weight, those that are wanted.

    Args:
        upstream: gradient of the output, laid out.
        source: input, or what it is computed from; laid out already if samples have one pixel.
        weight: compact weights, contiguous.
        g: geometry of the layer.
        wanted: whether the input's is, whether the weight's is.
        of_rows: return the input's as rows of features, see :func:`as_rows`.

    Returns:
        Both gradients, None where not wanted.
    """
    dx = _input_gradient(upstream, weight, g, of_rows) if wanted[0] else None
    if not wanted[1]:
        return dx, None
    return dx, _weight_gradient(upstream, _laid_out_again(source, g), weight, g)


def _laid_out_again(source: Tensor | Origin, g: Geometry) -> Tensor:
    if isinstance(source, Origin):
        out = source.z.new_empty(source.z.numel() if g.direct else g.groups * g.source.group_step)
        run_share(
            lay_out_normed, "source", g, source.z, source.slope, source.shift, g.source, int(g.direct), out
        )
        return out
    return source if g.rowwise else lay_out(source, "source", g)


def _input_gradient(upstream: Tensor, weight: Tensor, g: Geometry, of_rows: bool) -> Tensor:
    turned = weight
    if not g.gathers:
        turned = weight.new_empty(g.blocks.weights * g.kernel**2)
        run_share(kernels.turn_over, "turn", g, weight, g.forward, g.backward, g.turn, turned)
    if of_rows:
        rows = upstream.new_empty(g.source.group_step)
        _run("backward", turned, upstream, g, rows, g.source.channel_step)
        return as_rows(rows, g.source)
    shape = (g.images, g.blocks.in_features, g.height, g.width)
    dx = upstream.new_empty(shape) if g.covered else upstream.new_zeros(shape)
    _run("backward", turned, upstream, g, dx)
    return dx


def _weight_gradient(upstream: Tensor, source: Tensor, weight: Tensor, g: Geometry) -> Tensor:
    dw = torch.empty_like(weight)
    if g.rowwise and g.images and not g.dots:
        run_share(
            kernels.differentiate_rows, "weights", g, upstream, g.result, source, g.source,
            g.forward, g.stretches, dw,
        )  # fmt: skip
        return dw
    # Rows of kernels with many taps are read so slowly that the next are there in time as it is.
    fetch = g.kernel == 1
    run_share(
        weight_grad.differentiate, "weights", g, upstream, g.result, source, g.source,
        g.groups, g.out_columns, g.gradient_block, fetch, g.forward, dw,
    )  # fmt: skip
    return dw


def run_share(kernel: Callable[..., None], kind: str, g: Geometry, *arguments: object) -> None:
    """Run a kernel on as many threads as torch would use; tensors are passed as flat arrays.

    Args:
        kernel: compiled; its first arguments are the part and the ranges.
        kind: name of the ranges that the work is divided by.
        g: geometry of the layer.
    """
    arrays = [flat(a) if isinstance(a, Tensor) else a for a in arguments]
    share(kernel, g.shares(kind, torch.get_num_threads()), *arrays)


def flat(tensor: Tensor) -> npt.NDArray[Any]:
    """Return the memory of a contiguous tensor as a flat array; only what is needed, as a layer has forty."""
    array: npt.NDArray[Any] = (tensor.detach() if tensor.requires_grad else tensor).numpy()
    return array if array.ndim == 1 else array.reshape(-1)


def is_rows(x: Tensor, planes: Planes) -> bool:
    """Whether samples of one pixel lie as the kernels want them, as :func:`as_rows` returns them."""
    room = x.untyped_storage().nbytes() // x.element_size() - x.storage_offset()
    one_group = planes.images <= planes.group
    return one_group and x.stride()[:2] == (1, planes.channel_step) and room >= planes.group_step


def as_rows(flat: Tensor, planes: Planes) -> Tensor:
    """Return samples ``[N, C]`` of one pixel that are laid out in one group, without copying them."""
    size, stride = (planes.images, planes.channels), (1, planes.channel_step)
    # Not a view, which nobody could change in place behind an autograd function.
    return flat.new_empty(0).set_(flat.untyped_storage(), 0, size, stride)


def lay_out(x: Tensor, kind: Literal["source", "result"], g: Geometry) -> Tensor:
    """Return activations as the kernels want them, flat; the same memory where they lie so already.

    Args:
        x: ``[N, C, H, W]``.
        kind: whether ``x`` is the input or the output of the layer.
        g: geometry of the layer.

    Returns:
        The activations, flat.
    """
    if g.direct:
        return x.contiguous()
    planes = g.source if kind == "source" else g.result
    if g.rowwise and is_rows(x, planes):
        return x.detach().as_strided((planes.group_step,), (1,))
    out = x.new_empty(g.groups * planes.group_step)
    run_share(
        copying.lay_out_rows if g.rowwise else copying.lay_out_planes, kind, g, x.contiguous(), planes, out
    )
    return out


def _run(
    kind: Literal["forward", "backward"], w: Tensor, source: Tensor, g: Geometry, out: Tensor, pitch: int = 0
) -> None:
    if kind == "forward":
        read, written, products = g.source, g.result, g.forward
        begin, columns = 0, g.out_columns
    else:
        read, written, products = g.result, g.source, g.backward
        begin, columns = g.in_begin, g.in_columns
    if g.direct:
        pitch = written.height * written.width
    turned = kind == "backward" and g.gathers
    run_share(
        kernels.multiply, kind, g, w, source, read.group_step, g.groups, g.block, begin, columns,
        products, g.forward, g.turn, turned, written, g.rowwise, pitch, out,
    )  # fmt: skip
