"""Residual blocks: basic, separable and bottleneck, each with its layers as the budget sees them."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.layers.norm_relu import NormedSequential
from graph2nn.models.conv_parts import Sides, after, conv_shape, depthwise, norm_relu
from graph2nn.models.layer_shapes import LayerShape, Shape
from graph2nn.wiring import Dense, Wiring, next_layer


class ZeroNorm(nn.BatchNorm2d):
    """Batch norm that starts at zero: the block it ends begins as its shortcut (published ImageNet ResNets)."""

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Forget the statistics; scale and shift start at zero."""
        super().reset_parameters()
        self.weight.zero_()


class ResidualBlock(nn.Module):
    """Residual block: ReLU(shortcut(x) + path(x)); the kinds of block differ by their path.

    The shortcut is a 1×1 convolution where the image or its channels change, which only the first block of a
    stage may do; else the identity.
    Shapes: ``[batch, in_channels, H, W]`` to ``[batch, out_channels, H′, W′]``.

    Args:
        in_channels: channels before the block.
        out_channels: channels after it.
        stride: step over the image.
        first: whether the block begins a stage.
        wiring: makes the wired layers: the shortcut's, then the path's.
        zero: whether the last norm starts at zero.
    """

    wired_shortcut: ClassVar[bool] = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        first: bool = False,
        wiring: Wiring,
        zero: bool = False,
    ) -> None:
        super().__init__()
        last = ZeroNorm(out_channels) if zero else nn.BatchNorm2d(out_channels)
        self.shortcut = self._shortcut(in_channels, out_channels, stride, wiring) if first else nn.Identity()
        self.path = self.make_path(in_channels, out_channels, stride, wiring, last)

    @staticmethod
    @abstractmethod
    def make_path(
        in_channels: int, out_channels: int, stride: int, wiring: Wiring, last: nn.Module
    ) -> nn.Sequential:
        """Return the layers next to the shortcut; ``last`` is the norm that ends them.

        Args:
            in_channels: before.
            out_channels: after.
            stride: of the first convolution.
            wiring: that makes the layers.
            last: the norm that ends them.

        Returns:
            The layers.
        """

    @staticmethod
    @abstractmethod
    def path_shapes(
        in_channels: int, out_channels: int, before: Sides, behind: Sides, stage: int
    ) -> list[Shape]:
        """Return the layers of :meth:`make_path`, on images with sides ``before`` and ``behind`` the block.

        Args:
            in_channels: before.
            out_channels: after.
            before, behind: height and width before and behind the block.
            stage: number of the width.

        Returns:
            The layers.
        """

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, in_channels, H, W]`` to ``[batch, out_channels, H′, W′]``."""
        return F.relu(self.shortcut(x) + self.path(x), inplace=True)

    @classmethod
    def shapes(
        cls,
        in_channels: int,
        out_channels: int,
        before: Sides,
        *,
        stride: int = 1,
        first: bool = False,
        stage: int,
    ) -> list[Shape]:
        """Return the layers of the block as the budget sees them, on an image with sides ``before``.

        Args:
            in_channels: before.
            out_channels: after.
            before: height and width before the block.
            stride: of the block.
            first: whether it is the first block of its stage.
            stage: number of the width.

        Returns:
            The layers, those of the shortcut included.
        """
        behind, wired = after(before, 3, stride), cls.wired_shortcut
        path = cls.path_shapes(in_channels, out_channels, before, behind, stage)
        if not first:
            return path
        if in_channels != out_channels or stride != 1:
            return [conv_shape(in_channels, out_channels, behind, wired=wired, stage=stage), *path]
        # Costs nothing, but keeps its place: wirings that differ by layer must not shift with the widths.
        place = LayerShape(in_channels, out_channels, 0, kernel=0, wired=wired, stage=stage, norm=False)
        return [place, *path]

    def _shortcut(self, in_channels: int, out_channels: int, stride: int, wiring: Wiring) -> nn.Module:
        here = wiring if self.wired_shortcut else Dense()
        if in_channels != out_channels or stride != 1:
            conv = here.conv2d(in_channels, out_channels, 1, stride=stride)
            return NormedSequential(conv, nn.BatchNorm2d(out_channels))
        next_layer(here)  # see shapes: the identity takes the projection's place in the order
        return nn.Identity()


class Basic(ResidualBlock):
    """Two wired 3×3 convolutions (ResNet-18 and 34, and those of CIFAR)."""

    @staticmethod
    def make_path(
        in_channels: int, out_channels: int, stride: int, wiring: Wiring, last: nn.Module
    ) -> nn.Sequential:
        """Return 3×3, norm, ReLU, 3×3, norm.

        Args:
            in_channels, out_channels, stride, wiring, last: as for :meth:`Block.make_path`.

        Returns:
            The layers.
        """
        return NormedSequential(
            norm_relu(wiring.conv2d(in_channels, out_channels, 3, stride=stride, padding=1), out_channels),
            wiring.conv2d(out_channels, out_channels, 3, padding=1),
            last,
        )

    @staticmethod
    def path_shapes(
        in_channels: int, out_channels: int, before: Sides, behind: Sides, stage: int
    ) -> list[Shape]:
        """Return both convolutions.

        Args:
            in_channels, out_channels, before, behind, stage: as for :meth:`Block.path_shapes`.

        Returns:
            The layers.
        """
        return [
            conv_shape(i, out_channels, behind, 3, wired=True, stage=stage) for i in (in_channels, out_channels)
        ]


class Separable(ResidualBlock):
    """Twice a dense depthwise 3×3 and a wired 1×1; norms follow the 1×1 alone, as published."""

    @staticmethod
    def make_path(
        in_channels: int, out_channels: int, stride: int, wiring: Wiring, last: nn.Module
    ) -> nn.Sequential:
        """Return depthwise, 1×1, norm, ReLU, depthwise, 1×1, norm.

        Args:
            in_channels, out_channels, stride, wiring, last: as for :meth:`Block.make_path`.

        Returns:
            The layers.
        """
        return NormedSequential(
            depthwise(in_channels, stride),
            norm_relu(wiring.conv2d(in_channels, out_channels, 1), out_channels),
            depthwise(out_channels, 1),
            wiring.conv2d(out_channels, out_channels, 1),
            last,
        )

    @staticmethod
    def path_shapes(
        in_channels: int, out_channels: int, before: Sides, behind: Sides, stage: int
    ) -> list[Shape]:
        """Return all four convolutions.

        Args:
            in_channels, out_channels, before, behind, stage: as for :meth:`Block.path_shapes`.

        Returns:
            The layers.
        """
        layers: list[Shape] = []
        for i in (in_channels, out_channels):
            layers.append(conv_shape(i, i, behind, 3, groups=i, norm=False))
            layers.append(conv_shape(i, out_channels, behind, wired=True, stage=stage))
        return layers


class Bottleneck(ResidualBlock):
    """Wired 1×1, 3×3 (which takes the stride) and 1×1, a quarter as wide inside; dense shortcuts."""

    wired_shortcut = False

    @staticmethod
    def make_path(
        in_channels: int, out_channels: int, stride: int, wiring: Wiring, last: nn.Module
    ) -> nn.Sequential:
        """Return 1×1, norm, ReLU, 3×3, norm, ReLU, 1×1, norm.

        Args:
            in_channels, out_channels, stride, wiring, last: as for :meth:`Block.make_path`.

        Returns:
            The layers.
        """
        inner = round(out_channels / 4)
        return NormedSequential(
            norm_relu(wiring.conv2d(in_channels, inner, 1), inner),
            norm_relu(wiring.conv2d(inner, inner, 3, stride=stride, padding=1), inner),
            wiring.conv2d(inner, out_channels, 1),
            last,
        )

    @staticmethod
    def path_shapes(
        in_channels: int, out_channels: int, before: Sides, behind: Sides, stage: int
    ) -> list[Shape]:
        """Return all three convolutions.

        Args:
            in_channels, out_channels, before, behind, stage: as for :meth:`Block.path_shapes`.

        Returns:
            The layers.
        """
        inner = round(out_channels / 4)
        return [
            conv_shape(in_channels, inner, before, wired=True, stage=stage),
            conv_shape(inner, inner, behind, 3, wired=True, stage=stage),
            conv_shape(inner, out_channels, behind, wired=True, stage=stage),
        ]
