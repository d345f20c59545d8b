"""EfficientNet-B0: inverted bottlenecks whose 1×1 convolutions follow a wiring (paper, section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from graph2nn.errors import UserError
from graph2nn.models.architecture import Architecture, Size, check_widths
from graph2nn.models.conv import image
from graph2nn.models.inverted_bottleneck import (
    InvertedBottleneck,
    Stage,
    block_shapes,
    blocks,
    either,
    norm_swish,
)
from graph2nn.models.shapes import LayerShape, Shape
from graph2nn.models.shrinking import is_dense, shrinking
from graph2nn.wiring import Dense, Wiring, at_stage, begin

#: The stages of EfficientNet-B0 (Tan and Le, 2019, table 1).
B0 = (
    Stage(1, 3, 1, 1),
    Stage(6, 3, 2, 2),
    Stage(6, 5, 2, 2),
    Stage(6, 3, 2, 3),
    Stage(6, 5, 1, 3),
    Stage(6, 5, 2, 4),
    Stage(6, 3, 1, 1),
)
B0_WIDTHS = (16, 24, 40, 80, 112, 192, 320)


class EfficientNet(nn.Module):
    """EfficientNet whose expanding and projecting 1×1 convolutions follow a wiring.

    A dense network expands each block to a multiple of the width before it. Any other one expands all blocks
    of a stage to that multiple of the stage's width in the *unmatched* network, as published, so that matching
    the budget moves the narrow ends of a block alone. A layer narrower than the graph uses a smaller one; see
    :func:`shrinking`.

    Shapes: ``[batch, in_channels, H, W]`` to ``[batch, num_classes]``.

    Args:
        widths: channels after each stage.
        num_classes: outputs of the dense head.
        in_channels: channels of the image.
        wiring: makes the wired layers.
        baseline: widths of the unmatched network.
        stages: kernel, stride, depth and expansion of each stage.
        stem: channels of the dense 3×3 convolution in front, whose stride is 2.
        head: channels of the dense 1×1 convolution before the classifier; 0 for none.
        se: squeezed width of squeeze-excite as a share of the width before the block; 0 for none.
        dropout: share of the head's features zeroed while training.
        drop_connect: share of samples for which a residual branch is left out while training, growing
            linearly from 0 in the first block.

    Raises:
        UserError: as many widths as stages are wanted; a rate outside [0, 1).
    """

    def __init__(
        self,
        widths: Sequence[int] = B0_WIDTHS,
        num_classes: int = 1000,
        *,
        in_channels: int = 3,
        wiring: Wiring | None = None,
        baseline: Sequence[int] = B0_WIDTHS,
        stages: Sequence[Stage] = B0,
        stem: int = 32,
        head: int = 1280,
        se: float = 0.25,
        dropout: float = 0.0,
        drop_connect: float = 0.0,
    ) -> None:
        super().__init__()
        widths, fixed = _checked(widths, baseline, stages, se)
        dense = wiring is None or is_dense(wiring)
        wiring = begin(shrinking(Dense() if wiring is None else wiring))
        planned = blocks(widths, baseline=None if dense else fixed, stages=stages, stem=stem, se=se)
        self.stem = norm_swish(nn.Conv2d(in_channels, stem, 3, stride=2, padding=1, bias=False), stem)
        self.blocks = nn.Sequential(
            *(
                InvertedBottleneck(block, at_stage(wiring, block.stage), drop=drop_connect * i / len(planned))
                for i, block in enumerate(planned)
            )
        )
        last = head or widths[-1]
        self.head = norm_swish(nn.Conv2d(widths[-1], head, 1, bias=False), head) if head else nn.Identity()
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, in_channels, H, W]`` to class scores ``[batch, num_classes]``."""
        features = self.head(self.blocks(self.stem(x)))
        scores: Tensor = self.classifier(features.mean((2, 3)))
        return scores


def efficientnet_shapes(
    widths: Sequence[int] = B0_WIDTHS,
    num_classes: int = 1000,
    input_size: Size = (3, 224, 224),
    *,
    baseline: Sequence[int] = B0_WIDTHS,
    stages: Sequence[Stage] = B0,
    stem: int = 32,
    head: int = 1280,
    se: float = 0.25,
    dropout: float = 0.0,
    drop_connect: float = 0.0,
) -> list[Shape]:
    """Return the layers of :class:`EfficientNet` as the budget sees them, under either rule of expansion."""
    widths, fixed = _checked(widths, baseline, stages, se)
    channels, sides = image("efficientnet", input_size)
    size = _halved(sides, 2)
    layers: list[Shape] = [LayerShape(channels, stem, positions=size[0] * size[1], kernel=9, conv=True)]
    plans = (blocks(widths, baseline=base, stages=stages, stem=stem, se=se) for base in (tuple(fixed), None))
    for wired, dense in zip(*plans, strict=True):
        after = _halved(size, wired.stride)
        own, other = block_shapes(wired, size, after), block_shapes(dense, size, after)
        # As many entries at any widths, even where both rules happen to agree.
        split = [either(own[:-1], other[:-1]), either(own[-1:], other[-1:])]
        layers += split if wired.expands else own
        size = after
    if head:
        layers.append(LayerShape(widths[-1], head, positions=size[0] * size[1], conv=True))
    return [*layers, LayerShape(head or widths[-1], num_classes, bias=True, norm=False)]


def _halved(size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Size of the image after a convolution padded to keep it, or to halve it rounding up."""
    return -(-size[0] // stride), -(-size[1] // stride)


def _checked(
    widths: Sequence[int], baseline: Sequence[int], stages: Sequence[Stage], se: float
) -> tuple[list[int], list[int]]:
    if not 0 <= se <= 1:
        raise UserError(f"model: se = {se:g} lies outside [0, 1]; 0 leaves squeeze-excite out.")
    return (
        check_widths("efficientnet", widths, len(stages)),
        check_widths("the baseline of efficientnet", baseline, len(stages)),
    )


def efficientnet_b0() -> Architecture:
    """Return EfficientNet-B0, whose options are those of :class:`EfficientNet`."""

    def build(
        wiring: Wiring, widths: Sequence[int], num_classes: int, input_size: Size, **options: Any
    ) -> nn.Module:
        return EfficientNet(
            widths, num_classes, in_channels=image("efficientnet", input_size)[0], wiring=wiring, **options
        )

    return Architecture(
        about="EfficientNet-B0, 1×1 convolutions wired (ImageNet)",
        build=build,
        shapes=efficientnet_shapes,
        widths=B0_WIDTHS,
        num_classes=1000,
        input_size=(3, 224, 224),
        scalings=9,
        prepare=shrinking,
        options=efficientnet_shapes,
    )
