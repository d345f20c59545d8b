"""EfficientNet: inverted bottlenecks whose 1×1 convolutions follow a wiring (paper, section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor, nn

from graph2nn.errors import UserError
from graph2nn.models.architecture import Architecture, Size, check_widths
from graph2nn.models.conv_parts import image
from graph2nn.models.inverted_bottleneck import (
    InvertedBottleneck,
    Stage,
    block_shapes,
    blocks,
    either,
    norm_act,
)
from graph2nn.models.layer_shapes import LayerShape, Shape
from graph2nn.models.shrinking import is_dense, shrinking
from graph2nn.models.squeeze_excite import Activation, activation_of
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

#: A dense 1×1 convolution before pooling, or a dense linear layer after it; both with norm and activation.
HeadType = Literal["conv", "linear"]
#: How the share of dropped samples runs over the blocks: from 0 upwards, or the same in all (published).
DropSchedule = Literal["linear", "constant"]


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
        head: width of the dense layer before the classifier; 0 for none.
        head_type: ``"conv"`` puts that layer before the pooling, ``"linear"`` after it.
        se: squeezed width of squeeze-excite as a share of the width before the block; 0 for none.
        dropout: share of the classifier's inputs zeroed while training.
        drop_connect: share of samples for which a residual branch is left out while training.
        drop_schedule: ``"linear"`` grows that share from 0 in the first block, ``"constant"`` is published.
        activation: ``"swish"`` or ``"relu"``.
        linear_projection: leave the projections without an activation.

    Raises:
        UserError: as many widths as stages are wanted; a rate outside [0, 1).

    Example:
        >>> from graph2nn import build_model
        >>> type(build_model("efficientnet-b0")).__name__
        'EfficientNet'
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
        head_type: HeadType = "conv",
        se: float = 0.25,
        dropout: float = 0.0,
        drop_connect: float = 0.0,
        drop_schedule: DropSchedule = "linear",
        activation: Activation = "swish",
        linear_projection: bool = True,
    ) -> None:
        super().__init__()
        widths, fixed = _checked(widths, baseline, stages, se)
        dense = wiring is None or is_dense(wiring)
        wiring = begin(shrinking(Dense() if wiring is None else wiring))
        planned = blocks(widths, baseline=None if dense else fixed, stages=stages, stem=stem, se=se)
        entry = nn.Conv2d(in_channels, stem, 3, stride=2, padding=1, bias=False)
        self.stem = norm_act(entry, stem, activation)
        self.blocks = nn.Sequential()
        for index, block in enumerate(planned):
            share = 1.0 if drop_schedule == "constant" else index / len(planned)
            self.blocks.append(
                InvertedBottleneck(
                    block,
                    at_stage(wiring, block.stage),
                    drop=drop_connect * share,
                    activation=activation,
                    linear=linear_projection,
                )
            )
        self.head: nn.Module = nn.Identity()
        before: list[nn.Module] = []
        if head and head_type == "conv":
            self.head = norm_act(nn.Conv2d(widths[-1], head, 1, bias=False), head, activation)
        elif head:
            layer = nn.Linear(widths[-1], head, bias=False)
            before = [layer, nn.BatchNorm1d(head), activation_of(activation)]
        last = nn.Linear(head or widths[-1], num_classes)
        self.classifier = nn.Sequential(*before, nn.Dropout(dropout), last)

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
    depths: Sequence[int] | None = None,
    kernels: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    expansions: Sequence[int] | None = None,
    stem: int = 32,
    head: int = 1280,
    head_type: HeadType = "conv",
    se: float = 0.25,
    dropout: float = 0.0,
    drop_connect: float = 0.0,
    drop_schedule: DropSchedule = "linear",
    activation: Activation = "swish",
    linear_projection: bool = True,
) -> list[Shape]:
    """Return the layers of :class:`EfficientNet` as the budget sees them, under either rule of expansion.

    ``depths``, ``kernels``, ``strides`` and ``expansions`` replace those of ``stages``, one number per stage.

    Args:
        widths, num_classes, input_size, baseline, stages, depths, kernels, strides, expansions, stem, head,
            head_type, se, dropout, drop_connect, drop_schedule, activation, linear_projection: as for
            :class:`EfficientNet`.

    Returns:
        The layers in the order in which they run.
    """
    stages = with_numbers(stages, depths=depths, kernels=kernels, strides=strides, expansions=expansions)
    widths, fixed = _checked(widths, baseline, stages, se)
    channels, sides = image("efficientnet", input_size)
    size = _halved(sides, 2)
    layers: list[Shape] = [LayerShape(channels, stem, positions=size[0] * size[1], kernel=9, conv=True)]
    plans = (blocks(widths, baseline=base, stages=stages, stem=stem, se=se) for base in (tuple(fixed), None))
    for wired, dense in zip(*plans, strict=True):
        after = _halved(size, wired.stride)
        wired_shapes, dense_shapes = block_shapes(wired, size, after), block_shapes(dense, size, after)
        # As many entries at any widths, even where both rules happen to agree.
        split = [either(wired_shapes[:-1], dense_shapes[:-1]), either(wired_shapes[-1:], dense_shapes[-1:])]
        layers += split if wired.expands else wired_shapes
        size = after
    if head and head_type == "linear":
        layers.append(LayerShape(widths[-1], head))
    elif head:
        layers.append(LayerShape(widths[-1], head, positions=size[0] * size[1], conv=True))
    return [*layers, LayerShape(head or widths[-1], num_classes, bias=True, norm=False)]


def _halved(size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Size of the image after a convolution padded to keep it, or to halve it rounding up."""
    return -(-size[0] // stride), -(-size[1] // stride)


def with_numbers(
    stages: Sequence[Stage],
    *,
    depths: Sequence[int] | None = None,
    kernels: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    expansions: Sequence[int] | None = None,
) -> tuple[Stage, ...]:
    """Return stages with other depths, kernels, strides or expansions; what is left out stays.

    Args:
        stages: to start from.
        depths: blocks per stage.
        kernels: odd sides of the depthwise kernels.
        strides: of the first block of each stage.
        expansions: widening of the blocks; 1 leaves the expanding convolution out.

    Returns:
        The stages.

    Raises:
        UserError: lists of different lengths, a number below 1, an even kernel.
    """
    given = {"depth": depths, "kernel": kernels, "stride": strides, "expansion": expansions}
    lists = {name: list(numbers) for name, numbers in given.items() if numbers is not None}
    lengths = {len(numbers) for numbers in lists.values()} or {len(stages)}
    count = max(lengths)
    if len(lengths) > 1 or (len(lists) < len(given) and count != len(stages)):
        raise UserError(
            "model: depths, kernels, strides and expansions of efficientnet take one number per stage each, "
            f"got {', '.join(f'{len(numbers)} of {name}' for name, numbers in lists.items())}."
        )
    for name, numbers in lists.items():
        if odd := [number for number in numbers if number < 1 or (name == "kernel" and number % 2 == 0)]:
            wanted = "odd numbers" if name == "kernel" else "numbers of at least 1"
            raise UserError(f"model: efficientnet: {name} {odd[0]}, expected {wanted}.")
    base: list[dict[str, int]] = [vars(stage) for stage in stages] if count == len(stages) else [{}] * count
    return tuple(
        Stage(**{**base[index], **{name: numbers[index] for name, numbers in lists.items()}})
        for index in range(count)
    )


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
    """Return EfficientNet-B0, whose options are those of :func:`efficientnet_shapes`."""

    def build(
        wiring: Wiring, widths: Sequence[int], num_classes: int, input_size: Size, **options: Any
    ) -> nn.Module:
        stages = with_numbers(
            options.pop("stages", B0),
            depths=options.pop("depths", None),
            kernels=options.pop("kernels", None),
            strides=options.pop("strides", None),
            expansions=options.pop("expansions", None),
        )
        channels = image("efficientnet", input_size)[0]
        return EfficientNet(widths, num_classes, in_channels=channels, wiring=wiring, stages=stages, **options)

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
