"""VGG with batch norm: five stages of wired 3×3 convolutions with 2×2 max-pools behind them.

Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from torch import Tensor, nn

from graph2nn.errors import UserError, unknown
from graph2nn.layers.max_pool import MaxPool2d
from graph2nn.models.architecture import Architecture, Size, check_widths
from graph2nn.models.conv_parts import Sides, conv_shape, head_shape, image, norm_relu, pooled_head
from graph2nn.models.layer_shapes import Shape
from graph2nn.wiring import Wiring, at_stage, begin

Head = Literal["standard", "pool"]

#: Layers of the network to convolutions per stage; three dense layers follow.
_CONVS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class VGG(nn.Module):
    """VGG whose 3×3 convolutions, all but the first, follow a wiring; the classifier is dense.

    The standard head belongs to the network of Simonyan and Zisserman. Its convolutions have a bias: the batch
    norm behind them takes it away again, but the well-known counts include it (4,224 of the 138,365,992
    parameters of VGG-16). The pooled head belongs to the form of the published code: convolutions without
    bias, no max-pool after the last stage, and a first convolution that keeps ``stem`` channels whatever the
    widths are. (In VGG-11 the first stage has no other convolution: there the first width is the stem's.)
    Shapes: ``[batch, C, H, W]`` to ``[batch, num_classes]``.

    Args:
        convs: convolutions per stage.
        widths: channels of each stage.
        num_classes: outputs of the classifier.
        input_size: of one image, at least 32 × 32 (16 × 16 with the pooled head); the standard head of other
            images sees them averaged to the same size.
        head: ``"standard"``, three dense layers with dropout, or ``"pool"``, the average and one dense layer.
        hidden: width of the standard head's layers.
        dropout: share of the standard head's features that are dropped in training.
        stem: channels of the first convolution with the pooled head.
        wiring: makes the wired convolutions.

    Raises:
        UserError: a width smaller than the number of nodes, an unknown head, an image that is too small.

    Example:
        >>> from graph2nn import build_model
        >>> type(build_model("vgg11")).__name__
        'VGG'
    """

    def __init__(
        self,
        convs: Sequence[int],
        widths: Sequence[int],
        num_classes: int,
        input_size: Size,
        *,
        head: Head = "standard",
        hidden: int = 4096,
        dropout: float = 0.5,
        stem: int = 64,
        wiring: Wiring | None = None,
    ) -> None:
        super().__init__()
        wiring = begin(wiring)
        pooled = _checked(head) == "pool"
        before, sides = image("vgg", input_size)
        last = _last(sides, head)
        self.stages = nn.Sequential()
        for stage, outputs in enumerate(_outputs(convs, widths, head, stem)):
            here, layers = at_stage(wiring, stage), nn.Sequential()
            for index, width in enumerate(outputs):
                if stage == index == 0:
                    conv: nn.Module = nn.Conv2d(before, width, 3, padding=1, bias=not pooled)
                else:
                    conv = here.conv2d(before, width, 3, padding=1, bias=not pooled)
                layers.append(norm_relu(conv, width))
                before = width
            if not pooled or stage < len(convs) - 1:
                layers.append(MaxPool2d(2))
            self.stages.append(layers)
        if pooled:
            self.head = pooled_head(before, num_classes)
        else:
            self.head = _classifier(before, last, hidden, num_classes, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, C, H, W]`` to class scores ``[batch, num_classes]``."""
        scores: Tensor = self.head(self.stages(x))
        return scores


def _outputs(convs: Sequence[int], widths: Sequence[int], head: Head, stem: int) -> list[list[int]]:
    """Output channels of each convolution, by stage."""
    outputs = [[width] * depth for depth, width in zip(convs, widths, strict=True)]
    if head == "pool" and convs[0] > 1:
        outputs[0][0] = stem
    return outputs


def vgg_shapes(
    convs: Sequence[int],
    widths: Sequence[int],
    num_classes: int,
    input_size: Size,
    *,
    head: Head = "standard",
    hidden: int = 4096,
    stem: int = 64,
) -> list[Shape]:
    """Return the layers of :class:`VGG` as the budget sees them.

    Args:
        convs, widths, num_classes, input_size, head, hidden, stem: as for :class:`VGG`.

    Returns:
        The layers in the order in which they run.
    """
    before, (height, width) = image("vgg", input_size)
    pooled = _checked(head) == "pool"
    last = _last((height, width), head)
    layers: list[Shape] = []
    for stage, outputs in enumerate(_outputs(convs, widths, head, stem)):
        for channels in outputs:
            sides, wired = (height, width), bool(layers)
            layers.append(conv_shape(before, channels, sides, 3, wired=wired, stage=stage, bias=not pooled))
            before = channels
        height, width = height // 2, width // 2
    if pooled:
        return [*layers, head_shape(before, num_classes)]
    features = [before * last[0] * last[1], hidden, hidden]
    return [*layers, *(head_shape(i, o) for i, o in zip(features, [hidden, hidden, num_classes], strict=True))]


def _classifier(channels: int, sides: Sides, hidden: int, num_classes: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(sides),
        nn.Flatten(),
        nn.Linear(channels * sides[0] * sides[1], hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Linear(hidden, hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Linear(hidden, num_classes),
    )


def _last(sides: Sides, head: Head) -> Sides:
    """Sides behind the five poolings, or the four of the network with pooled head."""
    times, least = ("four", 16) if head == "pool" else ("five", 32)
    if min(sides) < least:
        raise UserError(
            f"model: vgg halves the image {times} times, {sides[0]} × {sides[1]} is below {least} × {least}."
        )
    return sides[0] // least, sides[1] // least


def _checked(head: Head) -> Head:
    if head not in get_args(Head):
        raise unknown("model: vgg head", head, get_args(Head))
    return head


def vgg(layers: int, *, head: Head = "standard") -> Architecture:
    """Return VGG of 11, 13, 16 or 19 layers, counting the standard head's three.

    Raises:
        UserError: another number of layers.
    """
    if layers not in _CONVS:
        raise UserError(f"model: vgg{layers} is not known; VGG has 11, 13, 16 or 19 layers.")
    convs, usual_head = _CONVS[layers], head
    name = f"vgg{layers}" if head == "standard" else f"vgg{layers}-{head}"

    def build(
        wiring: Wiring,
        widths: Sequence[int],
        num_classes: int,
        input_size: Size,
        *,
        head: Head = usual_head,
        hidden: int = 4096,
        dropout: float = 0.5,
        stem: int = 64,
    ) -> nn.Module:
        widths = check_widths(name, widths, 5)
        return VGG(
            convs,
            widths,
            num_classes,
            input_size,
            head=head,
            hidden=hidden,
            dropout=dropout,
            stem=stem,
            wiring=wiring,
        )

    def shapes(
        widths: Sequence[int],
        num_classes: int,
        input_size: Size,
        *,
        head: Head = usual_head,
        hidden: int = 4096,
        dropout: float = 0.5,
        stem: int = 64,
    ) -> list[Shape]:
        widths = check_widths(name, widths, 5)
        return vgg_shapes(convs, widths, num_classes, input_size, head=head, hidden=hidden, stem=stem)

    return Architecture(
        about=f"VGG with batch norm, {sum(convs) - 1} wired 3×3 convolutions, {usual_head} head (ImageNet)",
        build=build,
        shapes=shapes,
        widths=(64, 128, 256, 512, 512),
        num_classes=1000,
        input_size=(3, 224, 224),
    )
