"""Plain convolutional network: dense stem, three stages of wired 3×3 convolutions (paper, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from graph2nn.errors import UserError
from graph2nn.models.architecture import Architecture, Size, check_widths
from graph2nn.models.conv_parts import Stem, after, conv_shape, head_shape, image, norm_relu, pooled_head
from graph2nn.models.layer_shapes import Shape
from graph2nn.wiring import Wiring, at_stage, begin


class CNN(nn.Module):
    """Plain convolutional network whose 3×3 convolutions, all but the stem, follow a wiring.

    Each stage halves the image in its first convolution.
    Shapes: ``[batch, in_channels, H, W]`` to ``[batch, num_classes]``.

    Args:
        widths: channels of each stage.
        convs: convolutions per stage.
        num_classes: outputs of the dense head.
        entry: the stem.
        stem: channels behind the stem, at least the number of nodes of the wiring.
        in_channels: channels of the image.
        wiring: makes the convolutions of the stages.

    Raises:
        UserError: a width smaller than the number of nodes.

    Example:
        >>> from graph2nn import build_model
        >>> type(build_model("cnn6")).__name__
        'CNN'
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
    """Return the layers of :class:`CNN` as the budget sees them.

    Args:
        widths, convs, num_classes, input_size, entry, stem: as for :class:`CNN`.

    Returns:
        The layers in the order in which they run.
    """
    channels, sides = image("cnn", input_size)
    layers: list[Shape] = [entry.shape(channels, stem, sides)]
    sides = entry.after(sides)
    for stage, (i, o) in enumerate(pairwise([stem, *widths])):
        sides = after(sides, 3, 2)
        reads = [i, *[o] * (convs - 1)]
        layers += [conv_shape(read, o, sides, 3, wired=True, stage=stage) for read in reads]
    return [*layers, head_shape(widths[-1], num_classes)]


def _stem(cifar: bool, downsample: bool) -> Stem:
    return Stem(3, 1 if cifar else 2, pool=downsample)


def cnn(layers: int, *, cifar: bool = False) -> Architecture:
    """Return the network of ``layers`` wired convolutions in three stages, a multiple of 3.

    The stem is a 3×3 convolution, of stride 2 on ImageNet. The option ``downsample`` follows it by a max-pool:
    by default on ImageNet alone, on CIFAR it is the published ``STEM_MODE: downsample``.

    Raises:
        UserError: another number of layers.
    """
    name, (convs, rest) = f"cnn{layers}{'-cifar' if cifar else ''}", divmod(layers, 3)
    if convs < 1 or rest:
        raise UserError(f"model: {name} is not known; a CNN has 3, 6, 9, … wired convolutions in three stages.")

    def build(
        wiring: Wiring,
        widths: Sequence[int],
        num_classes: int,
        input_size: Size,
        *,
        stem: int = 64,
        downsample: bool = not cifar,
    ) -> nn.Module:
        widths, (channels, _) = check_widths(name, widths, 3), image(name, input_size)
        return CNN(
            widths,
            convs,
            num_classes,
            entry=_stem(cifar, downsample),
            stem=stem,
            in_channels=channels,
            wiring=wiring,
        )

    def shapes(
        widths: Sequence[int],
        num_classes: int,
        input_size: Size,
        *,
        stem: int = 64,
        downsample: bool = not cifar,
    ) -> list[Shape]:
        widths = check_widths(name, widths, 3)
        entry = _stem(cifar, downsample)
        return cnn_shapes(widths, convs, num_classes, input_size, entry=entry, stem=stem)

    return Architecture(
        about=f"plain CNN, {layers} wired 3×3 convolutions ({'CIFAR-10' if cifar else 'ImageNet'})",
        build=build,
        shapes=shapes,
        widths=(64, 128, 256),
        num_classes=10 if cifar else 1000,
        input_size=(3, 32, 32) if cifar else (3, 224, 224),
        scalings=15 if cifar else 9,
    )
