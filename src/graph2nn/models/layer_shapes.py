"""The shape of a layer: enough to count its cost without building it."""

from __future__ import annotations

from dataclasses import dataclass

from graph2nn.wiring import Dense, Wiring


@dataclass(frozen=True)
class LayerShape:
    """A linear layer or a convolution, as the budget sees it.

    Args:
        in_features: features (channels) before the layer.
        out_features: features after it.
        positions: output positions per sample; 1 for a linear layer, H′·W′ for a convolution, the number of
            tokens for a layer applied to each.
        kernel: weights per connected pair of features; 1 for a linear layer, k² for a convolution.
        groups: groups of a dense convolution; a depthwise one has as many as channels.
        wired: whether the layer follows the model's wiring, or is dense in every network (stem, head).
        stage: of a wired layer, which stage it belongs to, from 0; for a wiring that differs by stage.
        conv: whether it is a convolution: its bias costs one multiply-add an output value, as published for
            squeeze-excite, while that of a linear layer is free.
        bias: whether it has a bias.
        norm: whether a norm with two parameters a feature follows it.
    """

    in_features: int
    out_features: int
    positions: int = 1
    kernel: int = 1
    groups: int = 1
    wired: bool = False
    stage: int = 0
    conv: bool = False
    bias: bool = False
    norm: bool = True

    def macs(self, wiring: Wiring) -> int:
        """Multiply-adds per sample, the wiring being the one of this layer."""
        bias = self.out_features if self.conv and self.bias else 0
        return self.positions * (self.kernel * self._pairs(wiring) + bias)

    def published_macs(self, wiring: Wiring) -> int:
        """Multiply-adds as the published code counts them: a float density per layer, then truncated."""
        if not self.wired or isinstance(wiring, Dense):
            return self.macs(wiring)
        pairs = self.in_features * self.out_features
        density = self._pairs(wiring) / pairs
        # The order of the products decides the last digit, and with it the published widths: do not simplify.
        return int(self.kernel * pairs * density * self.positions)

    def parameters(self, wiring: Wiring) -> int:
        """Learnt weights in use, bias and norm."""
        free = wiring.free_weights(self.in_features, self.out_features) if self.wired else self._pairs(wiring)
        return self.kernel * free + self.out_features * (self.bias + 2 * self.norm)

    def _pairs(self, wiring: Wiring) -> int:
        if self.wired:
            return wiring.weights_on(self.in_features, self.out_features)
        return self.in_features * self.out_features // self.groups


@dataclass(frozen=True)
class FixedShape:
    """What costs the same under every wiring: attention products, embeddings, norms on their own.

    Args:
        multiply_adds: per sample.
        weights: learnt parameters.
    """

    multiply_adds: int = 0
    weights: int = 0

    wired = False
    stage = 0

    def macs(self, wiring: Wiring) -> int:
        """Multiply-adds per sample."""
        return self.multiply_adds

    published_macs = macs

    def parameters(self, wiring: Wiring) -> int:
        """Learnt parameters."""
        return self.weights


Shape = LayerShape | FixedShape
