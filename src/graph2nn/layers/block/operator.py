"""The block engine's product as an operator of torch, for ``torch.compile`` and ``torch.export``.

Compilers see ``graph2nn::block_multiply`` as one step of their graph: they know the shape of its result and its
gradients, and call the kernels when they run. The graph is an argument, written as text, so that an exported
program is complete: a process that imports ``graph2nn.layers.block`` can load and run it.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.block import product
from graph2nn.layers.block.geometry import Geometry, geometry
from graph2nn.layers.block.layout import blocks_of

Call = tuple[str, int, int, int, int, int]


@lru_cache(maxsize=1024)
def graph_as_text(graph: RelationalGraph) -> str:
    """Return the nodes and edges of a graph as text; :func:`graph_from_text` reads it.

    Args:
        graph: of any number of nodes.

    Returns:
        The number of nodes, ``+`` where self-connections are given rather than implied, a colon, and the bits
        of the adjacency matrix in base 64.

    Example:
        >>> from graph2nn import ws_flex
        >>> graph = ws_flex(8, 3, 0.2, 1)
        >>> graph_from_text(graph_as_text(graph)) == graph
        True
    """
    bits = np.packbits(graph.dense_adjacency("the block engine"))
    given = "+" if graph.self_loops == "given" else ""
    return f"{graph.n}{given}:{base64.b64encode(bits.tobytes()).decode()}"


@lru_cache(maxsize=1024)
def graph_from_text(text: str) -> RelationalGraph:
    """Return the graph that :func:`graph_as_text` wrote."""
    nodes, _, bits = text.partition(":")
    n = int(nodes.removesuffix("+"))
    flat = np.unpackbits(np.frombuffer(base64.b64decode(bits), dtype=np.uint8), count=n * n)
    given: Literal["all", "given"] = "given" if nodes.endswith("+") else "all"
    return RelationalGraph(flat.reshape(n, n).astype(bool), name="exported", self_loops=given)


def _geometry(x: Tensor, call: Call) -> Geometry:
    graph, into, out, kernel, stride, padding = call
    blocks = blocks_of(graph_from_text(graph), into, out)
    images, _, height, width = x.shape
    return geometry(blocks, kernel, stride, padding, images, height, width, x.element_size())


@torch.library.custom_op("graph2nn::block_multiply", mutates_args=(), device_types="cpu")
def block_multiply(
    x: Tensor, weight: Tensor, graph: str, into: int, out: int, kernel: int, stride: int, padding: int
) -> Tensor:
    """Return the product of a layer, ``[N, out, H′, W′]``, differentiable once in ``x`` and ``weight``.

    Args:
        x: ``[N, in, H, W]``.
        weight: compact weights, as the layer stores them.
        graph: what :func:`graph_as_text` makes of the graph.
        into: features that are read.
        out: features that are given.
        kernel: side of the kernel; 1 for a linear layer.
        stride: step of the kernel.
        padding: zeros on each side.

    Returns:
        The output.
    """
    g = _geometry(x, (graph, into, out, kernel, stride, padding))
    return product.multiply(x.detach(), weight.detach(), g)


@block_multiply.register_fake
def _(
    x: Tensor, weight: Tensor, graph: str, into: int, out: int, kernel: int, stride: int, padding: int
) -> Tensor:
    height, width = ((side + 2 * padding - kernel) // stride + 1 for side in x.shape[2:])
    return x.new_empty(x.shape[0], out, height, width)


@torch.library.custom_op("graph2nn::block_input_gradient", mutates_args=(), device_types="cpu")
def block_input_gradient(
    upstream: Tensor,
    x: Tensor,
    weight: Tensor,
    graph: str,
    into: int,
    out: int,
    kernel: int,
    stride: int,
    padding: int,
) -> Tensor:
    """Return the gradient of the input from that of the output.

    Args:
        upstream: gradient of the output, ``[N, out, H′, W′]``.
        x, weight, graph, into, out, kernel, stride, padding: as for :func:`block_multiply`.

    Returns:
        As ``x``.
    """
    g = _geometry(x, (graph, into, out, kernel, stride, padding))
    laid_out = product.lay_out(upstream, "result", g)
    dx, _ = product.gradients(laid_out, laid_out, weight.contiguous(), g, (True, False))
    assert dx is not None
    return dx


@block_input_gradient.register_fake
def _(
    upstream: Tensor,
    x: Tensor,
    weight: Tensor,
    graph: str,
    into: int,
    out: int,
    kernel: int,
    stride: int,
    padding: int,
) -> Tensor:
    return x.new_empty(x.shape)


@torch.library.custom_op("graph2nn::block_weight_gradient", mutates_args=(), device_types="cpu")
def block_weight_gradient(
    upstream: Tensor,
    x: Tensor,
    weight: Tensor,
    graph: str,
    into: int,
    out: int,
    kernel: int,
    stride: int,
    padding: int,
) -> Tensor:
    """Return the gradient of the compact weight from that of the output.

    Args:
        upstream: gradient of the output, ``[N, out, H′, W′]``.
        x, weight, graph, into, out, kernel, stride, padding: as for :func:`block_multiply`.

    Returns:
        As ``weight``.
    """
    g = _geometry(x, (graph, into, out, kernel, stride, padding))
    laid_out = product.lay_out(upstream, "result", g)
    # Images are laid out there.
    source = product.lay_out(x, "source", g) if g.rowwise else x
    _, dw = product.gradients(laid_out, source, weight.contiguous(), g, (False, True))
    assert dw is not None
    return dw


@block_weight_gradient.register_fake
def _(
    upstream: Tensor,
    x: Tensor,
    weight: Tensor,
    graph: str,
    into: int,
    out: int,
    kernel: int,
    stride: int,
    padding: int,
) -> Tensor:
    return weight.new_empty(weight.shape)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, *call = inputs
    ctx.save_for_backward(x, weight)
    ctx.call = call


def _differentiate(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
    x, weight = ctx.saved_tensors
    of_x, of_weight = ctx.needs_input_grad[:2]
    dx = block_input_gradient(upstream, x, weight, *ctx.call) if of_x else None
    dw = block_weight_gradient(upstream, x, weight, *ctx.call) if of_weight else None
    return dx, dw, None, None, None, None, None, None


block_multiply.register_autograd(_differentiate, setup_context=_keep)
