"""MobileNetV1 at width 1: depthwise convolutions stay dense, the 1×1 convolutions follow a wiring.

Source: Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications"
(2017), table 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from graph2nn.models.architecture import Architecture, Size, check_widths
from graph2nn.models.conv_parts import (
    Stem,
    after,
    conv_shape,
    depthwise,
    head_shape,
    image,
    norm_relu,
    pooled_head,
)
from graph2nn.models.layer_shapes import Shape
from graph2nn.wiring import Wiring, at_stage, begin

#: Blocks a stage; a stage is one width, and all but the first begin with stride 2.
_BLOCKS = (1, 2, 2, 6, 2)

_ENTRY = Stem(3, 2)


class MobileNetV1(nn.Module):
    """MobileNetV1 whose 1×1 convolutions follow a wiring; stem, depthwise convolutions and head are dense.

    A stage is one width of the published table: 1, 2, 2, 6 and 2 blocks of 64, 128, 256, 512 and 1024 channels.
    Shapes: ``[batch, in_channels, H, W]`` to ``[batch, num_classes]``.

    Args:
        widths: channels of each of the five stages.
        num_classes: outputs of the dense head.
        stem: channels behind the stem, which the first wired layer reads: at least as many as the wiring has
            nodes. The published 32 are too few for a graph of 64.
        in_channels: channels of the image.
        wiring: makes the 1×1 convolutions.

    Raises:
        UserError: a width smaller than the number of nodes.

    Example:
        >>> from graph2nn import build_model
        >>> type(build_model("mobilenet-v1")).__name__
        'MobileNetV1'
    """

    def __init__(
        self,
        widths: Sequence[int],
        num_classes: int,
        *,
        stem: int = 32,
        in_channels: int = 3,
        wiring: Wiring | None = None,
    ) -> None:
        super().__init__()
        wiring = begin(wiring)
        self.stem = _ENTRY.build(in_channels, stem)
        self.stages = nn.Sequential()
        for stage, (i, o) in enumerate(pairwise([stem, *widths])):
            here = at_stage(wiring, stage)
            first = _block(i, o, 2 if stage else 1, here)
            rest = (_block(o, o, 1, here) for _ in range(_BLOCKS[stage] - 1))
            self.stages.append(nn.Sequential(first, *rest))
        self.head = pooled_head(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, in_channels, H, W]`` to class scores ``[batch, num_classes]``."""
        scores: Tensor = self.head(self.stages(self.stem(x)))
        return scores


def _block(in_channels: int, out_channels: int, stride: int, wiring: Wiring) -> nn.Sequential:
    return nn.Sequential(
        norm_relu(depthwise(in_channels, stride), in_channels),
        norm_relu(wiring.conv2d(in_channels, out_channels, 1), out_channels),
    )


def mobilenet_v1_shapes(
    widths: Sequence[int], num_classes: int, input_size: Size, *, stem: int = 32
) -> list[Shape]:
    """Return the layers of :class:`MobileNetV1` as the budget sees them.

    Args:
        widths, num_classes, input_size, stem: as for :class:`MobileNetV1`.

    Returns:
        The layers in the order in which they run.
    """
    channels, sides = image("mobilenet-v1", input_size)
    layers: list[Shape] = [_ENTRY.shape(channels, stem, sides)]
    sides = _ENTRY.after(sides)
    for stage, (i, o) in enumerate(pairwise([stem, *widths])):
        sides = after(sides, 3, 2 if stage else 1)
        for reads in (i, *[o] * (_BLOCKS[stage] - 1)):
            layers.append(conv_shape(reads, reads, sides, 3, groups=reads))
            layers.append(conv_shape(reads, o, sides, wired=True, stage=stage))
    return [*layers, head_shape(widths[-1], num_classes)]


def mobilenet_v1() -> Architecture:
    """Return MobileNetV1 of width 1."""
    name = "mobilenet-v1"

    def build(
        wiring: Wiring, widths: Sequence[int], num_classes: int, input_size: Size, *, stem: int = 32
    ) -> nn.Module:
        widths, (channels, _) = check_widths(name, widths, 5), image(name, input_size)
        return MobileNetV1(widths, num_classes, stem=stem, in_channels=channels, wiring=wiring)

    def shapes(widths: Sequence[int], num_classes: int, input_size: Size, *, stem: int = 32) -> list[Shape]:
        return mobilenet_v1_shapes(check_widths(name, widths, 5), num_classes, input_size, stem=stem)

    return Architecture(
        about=f"MobileNetV1, {sum(_BLOCKS)} wired 1×1 convolutions (ImageNet)",
        build=build,
        shapes=shapes,
        widths=(64, 128, 256, 512, 1024),
        num_classes=1000,
        input_size=(3, 224, 224),
    )
