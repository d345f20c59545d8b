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
        positions: output positions per sample; 1 for a linear layer, H′·W′ for a convolution.
        kernel: weights per connected pair of features; 1 for a linear layer, k² for a convolution.
        groups: groups of a dense convolution; a depthwise one has as many as channels.
        wired: whether the layer follows the model's wiring, or is dense in every network (stem, head).
        bias: whether it has a bias.
        norm: whether a batch norm with two parameters a feature follows it.
    """

    in_features: int
    out_features: int
    positions: int = 1
    kernel: int = 1
    groups: int = 1
    wired: bool = False
    bias: bool = False
    norm: bool = True

    def weights(self, wiring: Wiring) -> int:
        """Number of weights in use under a wiring."""
        if self.wired:
            return self.kernel * wiring.weights_on(self.in_features, self.out_features)
        return self.kernel * self.in_features * self.out_features // self.groups

    def macs(self, wiring: Wiring) -> int:
        """Multiply-adds per sample."""
        return self.positions * self.weights(wiring)

    def published_macs(self, wiring: Wiring) -> int:
        """Multiply-adds as the published code counts them: a float density per layer, then truncated."""
        if not self.wired or isinstance(wiring, Dense):
            return self.macs(wiring)
        pairs = self.in_features * self.out_features
        density = wiring.weights_on(self.in_features, self.out_features) / pairs
        # The order of the products decides the last digit, and with it the published widths: do not simplify.
        return int(self.kernel * pairs * density * self.positions)

    def parameters(self, wiring: Wiring) -> int:
        """Weights in use, bias and batch norm."""
        return self.weights(wiring) + self.out_features * (self.bias + 2 * self.norm)
