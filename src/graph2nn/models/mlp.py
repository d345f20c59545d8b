"""Multilayer perceptron: dense stem, hidden layers that follow a wiring, dense head (paper, section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from graph2nn.arguments import at_least, checked_arguments
from graph2nn.errors import UserError
from graph2nn.layers.dense import DenseLinear
from graph2nn.layers.norm_relu import NormReLU
from graph2nn.memory import refuse_weights
from graph2nn.models.architecture import Architecture, Size, check_widths
from graph2nn.models.layer_shapes import LayerShape, Shape
from graph2nn.wiring import Wiring, begin


def norm_relu(layer: nn.Module, features: int) -> NormReLU:
    """Follow a layer by batch norm and ReLU, as everywhere in the paper's perceptrons."""
    return NormReLU(layer, nn.BatchNorm1d(features), nn.ReLU(inplace=True))


class MLP(nn.Module):
    """Perceptron whose hidden layers follow a wiring.

    Shapes: ``[batch, …]`` with ``in_features`` values per sample to ``[batch, num_classes]``.

    Args:
        in_features: values per sample, however it is shaped.
        stem: width of the dense layer that reads the input, at least the number of nodes of the wiring.
        hidden: width of each wired hidden layer.
        num_classes: outputs of the dense head.
        wiring: makes the hidden layers.

    Raises:
        UserError: no hidden layer, or a width smaller than the number of nodes.

    Example:
        >>> import torch
        >>> from graph2nn import ws_flex
        >>> from graph2nn.wiring import Relational
        >>> model = MLP(64, 32, (32, 32), 10, wiring=Relational(ws_flex(16, 4, 0.1, seed=1)))
        >>> model(torch.zeros(2, 64)).shape
        torch.Size([2, 10])
    """

    @checked_arguments
    def __init__(
        self,
        in_features: int,
        stem: int,
        hidden: Sequence[int],
        num_classes: int,
        *,
        wiring: Wiring | None = None,
    ) -> None:
        super().__init__()
        if not hidden:
            raise UserError("mlp: no hidden layer; give at least one hidden width.")
        wiring = begin(wiring)
        widths = [stem, *hidden]
        at_least(1, "mlp", in_features=in_features, width=min(widths), num_classes=num_classes)
        refuse_weights("mlp: the network", in_features * stem + widths[-1] * num_classes)
        self.stem = nn.Sequential(nn.Flatten(), norm_relu(DenseLinear(in_features, stem, bias=False), stem))
        self.hidden = nn.Sequential(*(norm_relu(wiring.linear(i, o), o) for i, o in pairwise(widths)))
        self.head = DenseLinear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, …]`` to class scores ``[batch, num_classes]``."""
        # The block engine leaves features side by side, on which torch's product with a thin head is slow.
        scores: Tensor = self.head(self.hidden(self.stem(x)).contiguous())
        return scores


def mlp_shapes(in_features: int, stem: int, hidden: Sequence[int], num_classes: int) -> list[Shape]:
    """Return the layers of :class:`MLP` as the budget sees them.

    Args:
        in_features, stem, hidden, num_classes: as for :class:`MLP`.

    Returns:
        The layers in the order in which they run.
    """
    wired = [LayerShape(i, o, wired=True) for i, o in pairwise([stem, *hidden])]
    head = LayerShape(hidden[-1], num_classes, bias=True, norm=False)
    return [LayerShape(in_features, stem), *wired, head]


def mlp(layers: int) -> Architecture:
    """Return the perceptron with ``layers`` layers of weights: stem, hidden ones, head.

    Raises:
        UserError: no hidden layer.
    """
    name, depth = f"mlp{layers}", layers - 2
    if depth < 1:
        raise UserError(f"model: {name} has no hidden layer; mlp3 is the smallest (stem, hidden, head).")

    def hidden(widths: Sequence[int]) -> list[int]:
        each = check_widths(name, widths, *dict.fromkeys((1, depth)))
        return each * depth if len(each) == 1 else each

    def build(
        wiring: Wiring, widths: Sequence[int], num_classes: int, input_size: Size, *, stem: int = 512
    ) -> nn.Module:
        return MLP(math.prod(input_size), stem, hidden(widths), num_classes, wiring=wiring)

    def shapes(widths: Sequence[int], num_classes: int, input_size: Size, *, stem: int = 512) -> list[Shape]:
        return mlp_shapes(math.prod(input_size), stem, hidden(widths), num_classes)

    return Architecture(
        about=f"perceptron, {depth} wired hidden layers (CIFAR-10)",
        build=build,
        shapes=shapes,
        widths=(512,),
        num_classes=10,
        input_size=(3, 32, 32),
        scalings=15,
    )
