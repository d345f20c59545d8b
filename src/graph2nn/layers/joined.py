"""Layers of one input, called as one layer, again and again: the gates of a recurrent network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.layers.bf16_support import emulated_here
from graph2nn.layers.block import BlockLinear
from graph2nn.layers.block.geometry import geometry
from graph2nn.layers.block.layout import blocks_of
from graph2nn.layers.block.product import multiply, supported
from graph2nn.layers.dense import DenseLinear
from graph2nn.layers.masked import RelationalLinear
from graph2nn.layers.norm_relu import unwatched

Call = Callable[[Tensor], Sequence[Tensor]]
Linear = nn.Linear | RelationalLinear


def joined(layers: Iterable[nn.Module]) -> Call:
    """Return a function that calls every layer, in one product where that gives the same.

    Weights are put one above the other, and masked, once for all calls: it is for one pass through a network.
    Layers of one kind and one shape are joined; others, and those that somebody watches by hooks, by a counter
    of operations, a trace or a compiler, are called one by one.

    Args:
        layers: linear layers that read the same ``[…, in]``.

    Returns:
        A function of the input that gives what each layer makes of it.

    Example:
        >>> import torch
        >>> layers = [nn.Linear(3, 2), nn.Linear(3, 2)]
        >>> x = torch.randn(4, 3)
        >>> all(torch.allclose(y, layer(x)) for y, layer in zip(joined(layers)(x), layers))
        True
    """
    every = list(layers)
    linear = _alike(every)
    call = None
    if linear:
        biases: list[Tensor] = [layer.bias for layer in linear if layer.bias is not None]
        bias = torch.cat(biases) if biases else None
        blocks = [layer for layer in linear if isinstance(layer, BlockLinear)]
        call = _joined_blocks(blocks, bias) if blocks else _joined_dense(linear, bias)
    return call or (lambda x: [layer(x) for layer in every])


def _alike(layers: Sequence[nn.Module]) -> list[Linear]:
    """These layers if they are linear, of one kind, and nobody watches them; else none."""
    if torch.compiler.is_compiling() or not unwatched(*layers):
        return []
    # A mode of torch counts operations or changes them.
    if torch._C._len_torch_dispatch_stack() or torch._C._is_torch_function_mode_enabled():
        return []
    kinds = {type(layer) for layer in layers}
    if DenseLinear in kinds and emulated_here():  # each alone is computed in float32
        return []
    if len(kinds) > 1 or not kinds <= {nn.Linear, DenseLinear, RelationalLinear, BlockLinear}:
        return []
    linear = [layer for layer in layers if isinstance(layer, nn.Linear | RelationalLinear)]
    forms = {
        (layer.in_features, layer.bias is None, layer.weight.dtype, layer.weight.device) for layer in linear
    }
    return linear if len(forms) == 1 else []


def _joined_dense(layers: Sequence[Linear], bias: Tensor | None) -> Call:
    weights = [x.effective_weight() if isinstance(x, RelationalLinear) else x.weight for x in layers]
    weight, widths = torch.cat(weights), [len(each) for each in weights]
    return lambda x: torch.split_with_sizes(F.linear(x, weight, bias), widths, dim=-1)


def _joined_blocks(layers: Sequence[BlockLinear], bias: Tensor | None) -> Call | None:
    """The same for block layers; None where the kernels cannot, or where there is one layer."""
    first = layers[0]
    weights: list[Tensor] = [layer.weight for layer in layers]
    same = {(layer.graph, layer.in_features, layer.out_features, layer.weight.dtype) for layer in layers}
    if len(layers) < 2 or len(same) > 1 or not supported(*weights):
        return None
    blocks = blocks_of(first.graph, first.in_features, len(layers) * first.out_features, len(layers))
    weight = torch.cat(weights)

    def call(x: Tensor) -> Sequence[Tensor]:
        if x.shape[-1] != first.in_features or not supported(x, weight):
            return [layer(x) for layer in layers]
        *leading, features = x.shape
        rows = x.reshape(x.numel() // features, features, 1, 1)
        y = multiply(rows, weight, geometry(blocks, 1, 1, 0, len(rows), 1, 1, x.element_size()))
        y = y.reshape(*leading, blocks.out_features)
        y = y if bias is None else y + bias
        return torch.split_with_sizes(y, [first.out_features] * len(layers), dim=-1)

    return call
