"""Layers of the block engine under ``torch.autocast("cpu")``: result types and choice of kernels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graph2nn.layers.block.bf16_arithmetic import Lowering, lowering_in_use
from graph2nn.layers.block.bf16_norm import multiply_normed_bf16
from graph2nn.layers.block.bf16_product import multiply_bf16
from graph2nn.layers.block.geometry import Geometry
from graph2nn.layers.block.norm import multiply_normed
from graph2nn.layers.block.product import multiply

#: Features of a node, samples, and multiply-adds of the forward pass from which bfloat16 pays.
NARROWEST, FEWEST_SAMPLES, FEWEST_PRODUCTS = 6, 64, 12e6


def autocast_type(x: Tensor, *parameters: Tensor) -> torch.dtype | None:
    """Return the type autocast gives the result of a layer; None if it is off or the kernels cannot compute.

    Args:
        x: float32 or 16 bits, on the CPU.
        parameters: of the layer, float32, on the CPU.
    """
    if not torch.is_autocast_enabled("cpu"):
        return None
    compiling = torch.compiler.is_compiling()
    if torch.onnx.is_in_onnx_export() if compiling else _transformed():
        return None
    if x.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return None
    plain = (Tensor, nn.Parameter)
    # While compiling, fake tensors stand for plain ones.
    fits = all((compiling or type(t) in plain) and t.device.type == "cpu" for t in (x, *parameters))
    fits = fits and all(parameter.dtype == torch.float32 for parameter in parameters)
    return torch.get_autocast_dtype("cpu") if fits else None


def _transformed() -> bool:
    """Whether somebody rewrites what is computed: ``torch.func``, or a trace."""
    return torch._C._are_functorch_transforms_active() or torch._C._is_tracing()


def multiply_autocast(x: Tensor, weight: Tensor, g: Geometry) -> Tensor:
    """Return the product ``[N, out, H′, W′]`` in float32, before autocast rounds it.

    Linear layers under bfloat16 autocast are computed in bfloat16 where the CPU has AVX512_BF16 and it pays
    (:func:`bf16_pays`), and otherwise by the float32 kernels.

    Args:
        x: ``[N, in, H, W]``, float32 or 16 bits.
        weight: compact weights, float32.
        g: geometry of the layer on float32 inputs of this shape.

    Returns:
        The product in float32.
    """
    lowering = _lowering(g)
    if lowering is None:
        return multiply(x.float(), weight, g)
    return multiply_bf16(x.float(), weight, g, lowering)[:, :, None, None]


def multiply_normed_autocast(x: Tensor, weight: Tensor, norm: nn.BatchNorm1d, g: Geometry) -> Tensor:
    """Return ``max(0, norm(x · weightᵀ))`` in float32, the product as :func:`multiply_autocast` computes it.

    Args:
        x: ``[N, in]``, float32 or 16 bits, as for :func:`graph2nn.layers.block.norm.multiply_normed`.
        weight: compact weights, float32.
        norm: in training; float32.
        g: geometry of the layer on float32 samples.

    Returns:
        The result in float32, ``[N, out]``.
    """
    lowering = _lowering(g)
    if lowering is None:
        return multiply_normed(x.float(), weight, norm, g)
    return multiply_normed_bf16(x.float(), weight, norm, g, lowering)


def _lowering(g: Geometry) -> Lowering | None:
    if not g.rowwise or torch.get_autocast_dtype("cpu") != torch.bfloat16:
        return None
    return lowering_in_use(worth_while=bf16_pays(g))


def bf16_pays(g: Geometry) -> bool:
    """Whether products in bfloat16 are expected to save more than it takes to round and pair the numbers.

    Measured with AVX512_BF16 on 16 and 64 nodes: forward and backward of layers beyond these limits take 0.63
    to 1.1 of their time in float32, less where a batch norm follows; below them up to 1.6 times as long.

    Args:
        g: geometry of a linear layer on some samples.
    """
    nodes, blocks = g.blocks.graph.n, g.blocks
    narrow = min(blocks.in_features, blocks.out_features // blocks.copies) < NARROWEST * nodes
    return not narrow and g.images >= FEWEST_SAMPLES and blocks.weights * g.images >= FEWEST_PRODUCTS
