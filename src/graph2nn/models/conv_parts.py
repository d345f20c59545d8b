"""Parts that the convolutional networks share: sizes of feature maps, norm and ReLU, stem, head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from graph2nn.errors import UserError
from graph2nn.layers.depthwise import DepthwiseConv2d
from graph2nn.layers.max_pool import MaxPool2d
from graph2nn.layers.norm_relu import NormReLU
from graph2nn.models.layer_shapes import LayerShape

#: Height and width of a feature map.
Sides = tuple[int, int]


def image(name: str, input_size: Sequence[int]) -> tuple[int, Sides]:
    """Return channels and sides of an input size.

    Raises:
        UserError: not three positive numbers.
    """
    if len(input_size) != 3 or min(input_size) < 1:
        raise UserError(
            f"model: {name} reads images, got input size {tuple(input_size)}; "
            "give (channels, height, width), for example (3, 224, 224)."
        )
    channels, height, width = input_size
    return channels, (height, width)


def after(sides: Sides, kernel: int, stride: int = 1) -> Sides:
    """Return the sides behind a convolution or pooling padded by ``kernel // 2``, as all are here.

    Args:
        sides: height and width before.
        kernel: odd side of the kernel.
        stride: step.

    Returns:
        Height and width.
    """
    height, width = ((side + 2 * (kernel // 2) - kernel) // stride + 1 for side in sides)
    return height, width


def conv_shape(
    in_channels: int,
    out_channels: int,
    sides: Sides,
    kernel: int = 1,
    *,
    groups: int = 1,
    wired: bool = False,
    stage: int = 0,
    bias: bool = False,
    norm: bool = True,
) -> LayerShape:
    """Return the shape of a convolution whose output has ``sides``.

    Args:
        in_channels: before.
        out_channels: after.
        sides: height and width of the output.
        kernel: side of the kernel.
        groups: of channels.
        wired: whether the graph decides what reads what.
        stage: number of the width, from 0.
        bias: whether there is one.
        norm: whether a batch norm follows.

    Returns:
        The shape.
    """
    return LayerShape(
        in_channels,
        out_channels,
        positions=sides[0] * sides[1],
        kernel=kernel**2,
        groups=groups,
        wired=wired,
        stage=stage,
        conv=True,
        bias=bias,
        norm=norm,
    )


def norm_relu(layer: nn.Module, channels: int) -> NormReLU:
    """Follow a convolution by batch norm and ReLU."""
    return NormReLU(layer, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def depthwise(channels: int, stride: int) -> nn.Conv2d:
    """Return a 3×3 convolution of each channel by itself: dense under every wiring."""
    return DepthwiseConv2d(channels, 3, stride=stride)


@dataclass(frozen=True)
class Stem:
    """The dense layers that read the image: a convolution, norm, ReLU, perhaps a 3×3 max-pool of stride 2.

    Args:
        kernel: side of the convolution's kernel.
        stride: of the convolution.
        pool: whether to pool.
    """

    kernel: int
    stride: int
    pool: bool = False

    def build(self, in_channels: int, out_channels: int) -> nn.Sequential:
        """Return the layers ``[batch, in_channels, H, W]`` to ``[batch, out_channels, H′, W′]``."""
        conv = nn.Conv2d(
            in_channels, out_channels, self.kernel, stride=self.stride, padding=self.kernel // 2, bias=False
        )
        layers = norm_relu(conv, out_channels)
        if self.pool:
            layers.append(MaxPool2d(3, stride=2, padding=1))
        return layers

    def shape(self, in_channels: int, out_channels: int, sides: Sides) -> LayerShape:
        """Return the shape of the convolution on an image of ``sides``.

        Args:
            in_channels: of the image.
            out_channels: after.
            sides: height and width of the image.

        Returns:
            The shape.
        """
        return conv_shape(in_channels, out_channels, after(sides, self.kernel, self.stride), self.kernel)

    def after(self, sides: Sides) -> Sides:
        """Return the sides behind the stem."""
        behind = after(sides, self.kernel, self.stride)
        return after(behind, 3, 2) if self.pool else behind


def pooled_head(channels: int, num_classes: int) -> nn.Sequential:
    """Average over the image, then a dense layer: ``[batch, channels, H, W]`` to ``[batch, num_classes]``."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))


def head_shape(features: int, num_classes: int) -> LayerShape:
    """Return the shape of a dense layer with bias and without norm."""
    return LayerShape(features, num_classes, bias=True, norm=False)
