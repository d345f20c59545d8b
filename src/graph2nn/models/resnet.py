"""Residual networks for ImageNet and CIFAR (paper, section 3.2): dense stem and head, blocks on a wiring."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from graph2nn.errors import UserError
from graph2nn.models.architecture import Architecture, Size, check_widths
from graph2nn.models.conv_parts import Stem, after, head_shape, image, pooled_head
from graph2nn.models.layer_shapes import Shape
from graph2nn.models.resnet_blocks import Basic, Bottleneck, ResidualBlock, Separable
from graph2nn.wiring import Wiring, at_stage, begin

Kind = Literal["basic", "sep", "bottleneck"]
_KINDS: dict[Kind, type[ResidualBlock]] = {"basic": Basic, "sep": Separable, "bottleneck": Bottleneck}

#: Layers of the ImageNet networks to blocks per stage.
_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


class ResNet(nn.Module):
    """Residual network whose blocks follow a wiring.

    Every stage but the first halves the image in its first block.
    Shapes: ``[batch, in_channels, H, W]`` to ``[batch, num_classes]``.

    Args:
        block: the kind of block.
        blocks: how many, one number per stage.
        widths: channels behind each stage.
        num_classes: outputs of the dense head.
        entry: the stem.
        stem: channels behind the stem, at least the number of nodes of the wiring.
        in_channels: channels of the image.
        zero: whether the last norm of each block starts at zero.
        wiring: makes the wired layers of the blocks.

    Raises:
        UserError: a width smaller than the number of nodes.

    Example:
        >>> from graph2nn import build_model, parameters
        >>> parameters(build_model("resnet20-cifar"))
        289514
    """

    def __init__(
        self,
        block: type[ResidualBlock],
        blocks: Sequence[int],
        widths: Sequence[int],
        num_classes: int,
        *,
        entry: Stem,
        stem: int = 64,
        in_channels: int = 3,
        zero: bool = False,
        wiring: Wiring | None = None,
    ) -> None:
        super().__init__()
        wiring = begin(wiring)
        self.stem = entry.build(in_channels, stem)
        self.stages = nn.Sequential()
        for stage, (i, o) in enumerate(pairwise([stem, *widths])):
            here = at_stage(wiring, stage)
            first = block(i, o, stride=_stride(stage), first=True, wiring=here, zero=zero)
            rest = (block(o, o, wiring=here, zero=zero) for _ in range(blocks[stage] - 1))
            self.stages.append(nn.Sequential(first, *rest))
        self.head = pooled_head(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, in_channels, H, W]`` to class scores ``[batch, num_classes]``."""
        scores: Tensor = self.head(self.stages(self.stem(x)))
        return scores


def resnet_shapes(
    block: type[ResidualBlock],
    blocks: Sequence[int],
    widths: Sequence[int],
    num_classes: int,
    input_size: Size,
    *,
    entry: Stem,
    stem: int = 64,
) -> list[Shape]:
    """Return the layers of :class:`ResNet` as the budget sees them.

    Args:
        block, blocks, widths, num_classes, input_size, entry, stem: as for :class:`ResNet`.

    Returns:
        The layers in the order in which they run.
    """
    channels, sides = image("resnet", input_size)
    layers: list[Shape] = [entry.shape(channels, stem, sides)]
    sides = entry.after(sides)
    for stage, (i, o) in enumerate(pairwise([stem, *widths])):
        layers += block.shapes(i, o, sides, stride=_stride(stage), first=True, stage=stage)
        sides = after(sides, 3, _stride(stage))
        layers += block.shapes(o, o, sides, stage=stage) * (blocks[stage] - 1)
    return [*layers, head_shape(widths[-1], num_classes)]


def _stride(stage: int) -> int:
    return 2 if stage else 1


def resnet(layers: int, kind: Kind | None = None) -> Architecture:
    """Return the ImageNet network of 18, 34, 50, 101 or 152 layers.

    The stem is a 7×7 convolution of stride 2 to 64 channels and a max-pool. Networks of 50 layers and more are
    built of bottlenecks, smaller ones of basic blocks, unless ``kind`` says otherwise: the published code lets
    any depth have any kind. The widths of bottlenecks are those behind the stages, 256 to 2048.

    Args:
        layers: fixes the number of blocks per stage.
        kind: ``"basic"``, ``"sep"`` (separable) or ``"bottleneck"``.

    Raises:
        UserError: another number of layers.
    """
    if layers not in _BLOCKS:
        raise UserError(f"model: resnet{layers} is not known; ImageNet's have 18, 34, 50, 101 or 152 layers.")
    usual: Kind = "basic" if layers < 50 else "bottleneck"
    kind = kind or usual
    name = f"resnet{layers}" if kind == usual else f"resnet{layers}-{kind}"
    widths = (256, 512, 1024, 2048) if kind == "bottleneck" else (64, 128, 256, 512)
    return _architecture(name, _KINDS[kind], _BLOCKS[layers], widths)


def resnet_cifar(layers: int, kind: Kind = "basic") -> Architecture:
    """Return the CIFAR network of 6n + 2 layers: three stages of n blocks, 16, 32 and 64 channels.

    The stem is, as published, a 7×7 convolution of stride 1 to 64 channels. Bottlenecks have four times the
    channels behind their stages.

    Args:
        layers: 6n + 2.
        kind: ``"basic"``, ``"sep"`` (separable) or ``"bottleneck"``.

    Raises:
        UserError: the number of layers is not 6n + 2.
    """
    name = f"resnet{layers}-cifar" if kind == "basic" else f"resnet{layers}-cifar-{kind}"
    each, rest = divmod(layers - 2, 6)
    if each < 1 or rest:
        raise UserError(
            f"model: {name} is not known; CIFAR's ResNets have 6n + 2 layers: 20, 32, 44, 56, 110, …"
        )
    widths = (64, 128, 256) if kind == "bottleneck" else (16, 32, 64)
    return _architecture(name, _KINDS[kind], (each,) * 3, widths, cifar=True)


def _architecture(
    name: str,
    block: type[ResidualBlock],
    usual: Sequence[int],
    baseline: tuple[int, ...],
    *,
    cifar: bool = False,
) -> Architecture:
    entry = Stem(7, 1) if cifar else Stem(7, 2, pool=True)

    def depths(blocks: Sequence[int] | None) -> list[int]:
        each = list(usual if blocks is None else blocks)
        if len(each) != len(usual) or min(each) < 1:
            raise UserError(
                f"model: {name} takes {len(usual)} numbers of blocks, got {each}; at least one each."
            )
        return each

    def build(
        wiring: Wiring,
        widths: Sequence[int],
        num_classes: int,
        input_size: Size,
        *,
        stem: int = 64,
        blocks: Sequence[int] | None = None,
        zero_init: bool = not cifar,
    ) -> nn.Module:
        channels, _ = image(name, input_size)
        return ResNet(
            block,
            depths(blocks),
            check_widths(name, widths, len(usual)),
            num_classes,
            entry=entry,
            stem=stem,
            in_channels=channels,
            zero=zero_init,
            wiring=wiring,
        )

    def shapes(
        widths: Sequence[int],
        num_classes: int,
        input_size: Size,
        *,
        stem: int = 64,
        blocks: Sequence[int] | None = None,
        zero_init: bool = not cifar,
    ) -> list[Shape]:
        widths = check_widths(name, widths, len(usual))
        return resnet_shapes(block, depths(blocks), widths, num_classes, input_size, entry=entry, stem=stem)

    kind = block.__name__.lower()
    return Architecture(
        about=f"residual network, {sum(usual)} {kind} blocks ({'CIFAR-10' if cifar else 'ImageNet'})",
        build=build,
        shapes=shapes,
        widths=baseline,
        num_classes=10 if cifar else 1000,
        input_size=(3, 32, 32) if cifar else (3, 224, 224),
        scalings=15 if cifar else 9,
    )
