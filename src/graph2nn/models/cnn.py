"""Plain convolutional network: dense stem, three stages of wired 3×3 convolutions (paper, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from graph2nn.models.architecture import Architecture, Size, check_widths
from graph2nn.models.conv import Stem, after, conv_shape, head_shape, image, norm_relu, pooled_head
from graph2nn.models.shapes import Shape
from graph2nn.wiring import Wiring, at_stage, begin


class CNN(nn.Module):
    """Plain convolutional network whose 3×3 convolutions, all but the stem, follow a wiring.

    Each stage halves the image in its first convolution.
    Shapes: ``[batch, in_channels, H, W]`` to ``[batch, num_classes]``.

    Args:
        widths: channels of each stage.
        convs: convolutions a stage.
        num_classes: outputs of the dense head.
        entry: the stem.
        stem: channels behind the stem, at least the number of nodes of the wiring.
        in_channels: channels of the image.
        wiring: makes the convolutions of the stages.

    Raises:
        UserError: a width smaller than the number of nodes.
    """

    def __init__(
        self,
        widths: Sequence[int],
        convs: int,
        num_classes: int,
        *,
        entry: Stem,
        stem: int = 64,
        in_channels: int = 3,
        wiring: Wiring | None = None,
    ) -> None:
        super().__init__()
        wiring = begin(wiring)
        self.stem = entry.build(in_channels, stem)
        self.stages = nn.Sequential()
        for stage, (i, o) in enumerate(pairwise([stem, *widths])):
            here = at_stage(wiring, stage)
            first = norm_relu(here.conv2d(i, o, 3, stride=2, padding=1), o)
            rest = (norm_relu(here.conv2d(o, o, 3, padding=1), o) for _ in range(convs - 1))
            self.stages.append(nn.Sequential(first, *rest))
        self.head = pooled_head(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, in_channels, H, W]`` to class scores ``[batch, num_classes]``."""
        scores: Tensor = self.head(self.stages(self.stem(x)))
        return scores


def cnn_shapes(
    widths: Sequence[int], convs: int, num_classes: int, input_size: Size, *, entry: Stem, stem: int = 64
) -> list[Shape]:
    """Return the layers of :class:`CNN` as the budget sees them."""
    channels, sides = image("cnn", input_size)
    layers: list[Shape] = [entry.shape(channels, stem, sides)]
    sides = entry.after(sides)
    for stage, (i, o) in enumerate(pairwise([stem, *widths])):
        sides = after(sides, 3, 2)
        reads = [i, *[o] * (convs - 1)]
        layers += [conv_shape(read, o, sides, 3, wired=True, stage=stage) for read in reads]
    return [*layers, head_shape(widths[-1], num_classes)]


def cnn(layers: int, *, cifar: bool = False) -> Architecture:
    """Return the network of ``layers`` wired convolutions in three stages, 3 or 6 as published.

    ImageNet's stem is a 3×3 convolution of stride 2 and a max-pool, CIFAR's a 3×3 convolution.
    """
    entry = Stem(3, 1) if cifar else Stem(3, 2, pool=True)
    name, convs = f"cnn{layers}{'-cifar' if cifar else ''}", layers // 3

    def build(
        wiring: Wiring, widths: Sequence[int], num_classes: int, input_size: Size, *, stem: int = 64
    ) -> nn.Module:
        widths, (channels, _) = check_widths(name, widths, 3), image(name, input_size)
        return CNN(widths, convs, num_classes, entry=entry, stem=stem, in_channels=channels, wiring=wiring)

    def shapes(widths: Sequence[int], num_classes: int, input_size: Size, *, stem: int = 64) -> list[Shape]:
        return cnn_shapes(check_widths(name, widths, 3), convs, num_classes, input_size, entry=entry, stem=stem)

    return Architecture(
        about=f"plain CNN, {layers} wired 3×3 convolutions ({'CIFAR-10' if cifar else 'ImageNet'})",
        build=build,
        shapes=shapes,
        widths=(64, 128, 256),
        num_classes=10 if cifar else 1000,
        input_size=(3, 32, 32) if cifar else (3, 224, 224),
        scalings=15 if cifar else 9,
    )
