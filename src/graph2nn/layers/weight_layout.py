"""Layout of a module's weight: its input axis, its output axis, and what is stacked in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graph2nn.arrays import BoolMatrix
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.grouped_linear import GroupedLinear
from graph2nn.layers.partition import mask, weights_on


@dataclass(frozen=True)
class Layout:
    """A weight as a graph sees it: ``[parts·out, in, *kernel]``, or ``[in, parts·out, *kernel]``.

    Args:
        out_features: features that one part gives.
        in_features: features it reads.
        parts: weights stacked along the outputs that each follow the graph: the gates of an LSTM, the query,
            key and value projections of an attention.
        transposed: inputs come first, as in a transposed convolution.
        kernel: sizes of the axes behind; they are all on or all off together.
        joined: widths of the inputs that are read one behind the other, each spread over the nodes by itself:
            the two halves of a UNet's concatenation, the two directions of an LSTM. Empty: one input.
    """

    out_features: int
    in_features: int
    parts: int = 1
    transposed: bool = False
    kernel: tuple[int, ...] = ()
    joined: tuple[int, ...] = ()

    @property
    def inputs(self) -> tuple[int, ...]:
        """Widths of the inputs that are spread over the nodes, one by one."""
        return self.joined or (self.in_features,)

    @property
    def narrowest(self) -> int:
        """The smallest number of features that is spread over the nodes."""
        return min(self.out_features, *self.inputs)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight."""
        pair = self.parts * self.out_features, self.in_features
        return (*(pair[::-1] if self.transposed else pair), *self.kernel)

    def stacked(self, parts: int) -> Layout:
        """Return the same weight, its outputs read as ``parts`` weights one after the other."""
        return replace(self, out_features=self.out_features // parts, parts=self.parts * parts)

    def joining(self, inputs: int | Sequence[int]) -> Layout:
        """Return the same weight, its inputs read as several one behind the other: how many, or their widths.

        Raises:
            ValueError: they do not make up the width that is read.
        """
        if isinstance(inputs, int):
            if inputs < 1 or self.in_features % inputs:
                raise ValueError(f"reads {self.in_features} features, which {inputs} does not divide")
            inputs = [self.in_features // inputs] * inputs
        if sum(inputs) != self.in_features or min(inputs, default=0) < 1:
            raise ValueError(f"reads {self.in_features} features, not {' + '.join(map(str, inputs))}")
        return replace(self, joined=tuple(inputs))

    def mask(self, graph: RelationalGraph) -> Tensor:
        """Mask of the weight, bool, broadcastable over it: 1 along the kernel.

        Raises:
            UserError: a width smaller than the number of nodes.
        """
        each = np.concatenate([mask(graph, width, self.out_features) for width in self.inputs], axis=1)
        full: BoolMatrix = np.tile(each, (self.parts, 1))
        on = np.ascontiguousarray(full.T if self.transposed else full)
        return torch.from_numpy(on.reshape(*on.shape, *(1 for _ in self.kernel)))

    def weights_on(self, graph: RelationalGraph) -> int:
        """Number of weights in use, counted without building the mask."""
        each = sum(weights_on(graph, width, self.out_features) for width in self.inputs)
        return each * self.parts * int(np.prod(self.kernel))

    def split(self, weight: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the weight as ``[parts, out, in, kernel positions]``."""
        first_out = weight.swapaxes(0, 1) if self.transposed else weight
        return first_out.reshape(self.parts, self.out_features, self.in_features, -1)


def layout_of(module: nn.Module, tensor: str, weight: Tensor) -> Layout | str:
    """Return the layout of one parameter of ``module``, or the reason why a graph cannot be laid over it.

    Args:
        module: that holds the parameter.
        tensor: its name there.
        weight: the parameter.

    Returns:
        The layout, or one sentence.
    """
    rule = next((rule for kinds, rule in _RULES if isinstance(module, kinds)), None)
    if _is_transformers_conv1d(module):
        rule = _conv1d_of_transformers
    if rule is None:
        return f"no rule for the parameters of {type(module).__name__}"
    layout = rule(module, tensor, tuple(weight.shape))
    if isinstance(layout, Layout) and (layout.shape != tuple(weight.shape) or not weight.is_floating_point()):
        return f"a {weight.dtype} {list(weight.shape)}, not the floats {list(layout.shape)} a graph needs"
    return f"no rule for {tensor} of {type(module).__name__}" if layout is None else layout


Shape = tuple[int, ...]
Found = Layout | str | None


def _linear(module: Any, tensor: str, shape: Shape) -> Found:
    return Layout(module.out_features, module.in_features) if tensor == "weight" else None


def _convolution(module: Any, tensor: str, shape: Shape) -> Found:
    if tensor != "weight":
        return None
    if module.groups > 1:
        return f"grouped convolution (groups={module.groups}): its channels are cut already"
    return Layout(
        module.out_channels,
        module.in_channels,
        transposed=module.transposed,
        kernel=tuple(module.kernel_size),
    )


def _attention(module: Any, tensor: str, shape: Shape) -> Found:
    read = {
        "in_proj_weight": module.embed_dim,
        "q_proj_weight": module.embed_dim,
        "k_proj_weight": module.kdim,
        "v_proj_weight": module.vdim,
    }
    if tensor not in read:
        return None
    return Layout(module.embed_dim, read[tensor], parts=3 if tensor == "in_proj_weight" else 1)


def _recurrent(module: Any, tensor: str, shape: Shape) -> Found:
    if tensor.startswith("weight_hr"):
        return Layout(shape[0], shape[1])
    if tensor.startswith(("weight_ih", "weight_hh")):
        return Layout(module.hidden_size, shape[1], parts=shape[0] // module.hidden_size)
    return None


def _table(module: Any, tensor: str, shape: Shape) -> Found:
    return "a table of embeddings, not a projection"


def _grouped(module: Any, tensor: str, shape: Shape) -> Found:
    return "grouped already"


def _conv1d_of_transformers(module: Any, tensor: str, shape: Shape) -> Found:
    return Layout(shape[1], shape[0], transposed=True) if tensor == "weight" else None


def _is_transformers_conv1d(module: nn.Module) -> bool:
    """GPT-2's linear layer, ``[in, out]``: known by name, so that transformers need not be installed."""
    return any(
        kind.__name__ == "Conv1D" and kind.__module__ == "transformers.pytorch_utils"
        for kind in type(module).__mro__
    )


_RULES: tuple[tuple[tuple[type[nn.Module], ...], Callable[[Any, str, Shape], Found]], ...] = (
    ((nn.Linear,), _linear),
    ((nn.modules.conv._ConvNd,), _convolution),
    ((nn.MultiheadAttention,), _attention),
    ((nn.RNNBase, nn.RNNCellBase), _recurrent),
    ((nn.Embedding, nn.EmbeddingBag), _table),
    ((GroupedLinear,), _grouped),
)
