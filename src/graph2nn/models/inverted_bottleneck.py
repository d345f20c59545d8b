"""Inverted bottlenecks, whose two 1×1 convolutions follow a wiring: their channels, modules and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graph2nn.errors import UserError
from graph2nn.layers.depthwise import DepthwiseConv2d
from graph2nn.layers.norm_relu import NormedSequential
from graph2nn.models.layer_shapes import LayerShape
from graph2nn.models.shrinking import is_dense
from graph2nn.models.squeeze_excite import Activation, SqueezeExcite, activation_of, squeeze_excite_shapes
from graph2nn.wiring import Wiring


class StochasticDepth(nn.Module):
    """Zero whole samples with probability ``rate`` while training, and scale the others by 1/(1 − rate).

    Shapes: ``[batch, …]`` to the same. Random numbers are torch's own.

    Raises:
        UserError: a rate outside [0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise UserError(
                f"stochastic depth: rate {rate:g} lies outside [0, 1); it is the share of samples left out."
            )
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Drop samples of ``x`` while training."""
        if not self.training or self.rate == 0:
            return x
        keep = torch.rand(x.shape[0], *[1] * (x.dim() - 1), device=x.device) >= self.rate
        return x * keep / (1 - self.rate)

    def extra_repr(self) -> str:
        """Rate, for ``print(model)``."""
        return f"rate={self.rate:g}"


@dataclass(frozen=True)
class Stage:
    """What the blocks of a stage share; ``stride`` is that of the first."""

    expansion: int
    kernel: int
    stride: int
    depth: int


@dataclass(frozen=True)
class BlockSpec:
    """One inverted bottleneck: channels, kernel, stride.

    ``expands`` says whether it begins by a 1×1 convolution; ``squeezed`` = 0 leaves squeeze-excite out.
    """

    stage: int
    before: int
    expands: bool
    expanded: int
    after: int
    kernel: int
    stride: int
    squeezed: int


def blocks(
    widths: Sequence[int], *, baseline: Sequence[int] | None, stages: Sequence[Stage], stem: int, se: float
) -> list[BlockSpec]:
    """Return the blocks of a network of these widths.

    Args:
        widths: channels after each stage.
        baseline: the widths whose multiples the expanded widths of each stage are; ``None`` takes the width
            before each block instead, as the dense network does.
        stages: kernel, stride, depth and expansion of each stage.
        stem: channels before the first stage.
        se: squeezed width as a share of the width before the block.

    Returns:
        The blocks in the order in which they run.
    """
    listed, before = [], stem
    for index, (stage, width) in enumerate(zip(stages, widths, strict=True)):
        for block in range(stage.depth):
            base = before if baseline is None else baseline[index]
            expands = stage.expansion > 1
            # Without a convolution to expand them, the channels stay as many as they are.
            expanded = base * stage.expansion if expands else before
            stride = stage.stride if block == 0 else 1
            squeezed = max(1, int(before * se)) if se else 0
            listed.append(BlockSpec(index, before, expands, expanded, width, stage.kernel, stride, squeezed))
            before = width
    return listed


def norm_act(layer: nn.Module, channels: int, activation: Activation = "swish") -> nn.Sequential:
    """Follow a convolution by batch norm and an activation.

    Args:
        layer: the convolution.
        channels: that it gives.
        activation: after the norm.

    Returns:
        The three in a row.
    """
    return NormedSequential(layer, nn.BatchNorm2d(channels), activation_of(activation))


class InvertedBottleneck(nn.Module):
    """1×1 expansion, depthwise convolution, squeeze-excite, 1×1 projection; skipped over where shapes allow.

    The two 1×1 convolutions follow the wiring; the rest is dense.

    Shapes: ``[batch, before, H, W]`` to ``[batch, after, ⌈H/stride⌉, ⌈W/stride⌉]``.

    Args:
        block: channels, kernel, stride.
        wiring: makes the two wired layers.
        drop: share of samples for which the branch is left out while training.
        activation: after each norm but the last, and in squeeze-excite.
        linear: leave the last norm without an activation.
    """

    def __init__(
        self,
        block: BlockSpec,
        wiring: Wiring,
        *,
        drop: float = 0.0,
        activation: Activation = "swish",
        linear: bool = True,
    ) -> None:
        super().__init__()
        wide, kernel = block.expanded, block.kernel
        layers: list[nn.Module] = []
        if block.expands:
            layers.append(norm_act(wiring.conv2d(block.before, wide, 1), wide, activation))
        layers.append(norm_act(DepthwiseConv2d(wide, kernel, stride=block.stride), wide, activation))
        if block.squeezed:
            layers.append(SqueezeExcite(wide, block.squeezed, activation))
        layers += [wiring.conv2d(wide, block.after, 1), nn.BatchNorm2d(block.after)]
        if not linear:
            layers.append(activation_of(activation))
        self.branch = NormedSequential(*layers)
        self.residual = block.stride == 1 and block.before == block.after
        self.drop = StochasticDepth(drop)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, before, H, W]`` to ``[batch, after, H′, W′]``."""
        y: Tensor = self.branch(x)
        return x + self.drop(y) if self.residual else y


@dataclass(frozen=True)
class _Either(LayerShape):
    """A wired layer and the dense ones that share its width, in two versions.

    Which of the two it is is known only with the wiring, when the bill is drawn up. Taken as a
    :class:`LayerShape`, it is the wired layer of ``wide``.
    """

    wide: tuple[LayerShape, ...] = ()
    dense: tuple[LayerShape, ...] = ()

    def macs(self, wiring: Wiring) -> int:
        """Multiply-adds per sample of all its layers."""
        return sum(layer.macs(wiring) for layer in self.parts(wiring))

    def published_macs(self, wiring: Wiring) -> int:
        """Multiply-adds of all its layers as the published code counts them."""
        return sum(layer.published_macs(wiring) for layer in self.parts(wiring))

    def parameters(self, wiring: Wiring) -> int:
        """Learnt parameters of all its layers."""
        return sum(layer.parameters(wiring) for layer in self.parts(wiring))

    def parts(self, wiring: Wiring) -> tuple[LayerShape, ...]:
        """Return the layers there are under a wiring, the wired one among them."""
        return self.dense if is_dense(wiring) else self.wide


def either(wide: Sequence[LayerShape], dense: Sequence[LayerShape]) -> LayerShape:
    """Return one wired entry of the bill for ``wide``, or for ``dense`` in a network dense as a whole.

    Args:
        wide: one wired layer first, then dense ones.
        dense: the same layers at other widths.
    """
    return _Either(**vars(wide[0]), wide=tuple(wide), dense=tuple(dense))


def block_shapes(block: BlockSpec, size: tuple[int, int], after: tuple[int, int]) -> list[LayerShape]:
    """Return the layers of a block that maps images of ``size`` to images of size ``after``.

    Args:
        block: channels, kernel, stride.
        size: height and width of its input.
        after: height and width of its output.

    Returns:
        The layers in the order in which they run.
    """
    here, there, wide = size[0] * size[1], after[0] * after[1], block.expanded
    layers = []
    if block.expands:
        layers.append(LayerShape(block.before, wide, positions=here, wired=True, stage=block.stage, conv=True))
    layers.append(LayerShape(wide, wide, positions=there, kernel=block.kernel**2, groups=wide, conv=True))
    if block.squeezed:
        layers += squeeze_excite_shapes(wide, block.squeezed)
    return [*layers, LayerShape(wide, block.after, positions=there, wired=True, stage=block.stage, conv=True)]
