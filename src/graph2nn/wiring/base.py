"""Interface of wirings, and the dense wiring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import nn

from graph2nn.layers.dense import DenseLinear


class Wiring(Protocol):
    """Makes the layers a model asks for, and says how many of their weights are in use.

    Example:
        >>> isinstance(Dense().linear(8, 4), nn.Linear)
        True
    """

    @property
    def nodes(self) -> int:
        """Smallest width a wired layer may have."""
        ...

    def linear(self, in_features: int, out_features: int, *, bias: bool = False) -> nn.Module:
        """Return a layer ``[…, in_features]`` to ``[…, out_features]``.

        Args:
            in_features: features before the layer.
            out_features: features after it.
            bias: add a learnt bias.

        Returns:
            The layer, ``[…, in_features]`` to ``[…, out_features]``.
        """
        ...

    def conv2d(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        bias: bool = False,
    ) -> nn.Module:
        """Return a layer ``[batch, in_channels, H, W]`` to ``[batch, out_channels, H′, W′]``.

        Args:
            in_channels: channels before the layer.
            out_channels: channels after it.
            kernel_size: side of the square kernel.
            stride: step of the kernel.
            padding: zeros added on each side.
            bias: add a learnt bias.

        Returns:
            The layer, ``[batch, in_channels, H, W]`` to ``[batch, out_channels, H′, W′]``.
        """
        ...

    def weights_on(self, in_features: int, out_features: int) -> int:
        """Return how many (output, input) pairs are connected, without building a layer.

        This is what a layer computes with; :meth:`free_weights` is what it learns.
        """
        ...

    def free_weights(self, in_features: int, out_features: int) -> int:
        """Return how many of the connected pairs have a weight of their own (tied weights count once)."""
        ...


@dataclass(frozen=True)
class Dense:
    """Everything reads everything: torch's own layers. The baseline, and the complete graph.

    Example:
        >>> Dense().linear(8, 4, bias=True)
        DenseLinear(in_features=8, out_features=4, bias=True)
    """

    @property
    def nodes(self) -> int:
        """1: any width will do."""
        return 1

    def linear(self, in_features: int, out_features: int, *, bias: bool = False) -> nn.Module:
        """Return ``nn.Linear``, computed by the fastest exact product (:class:`DenseLinear`).

        Args:
            in_features: features before the layer.
            out_features: features after it.
            bias: add a learnt bias.

        Returns:
            torch's own linear layer.
        """
        return DenseLinear(in_features, out_features, bias=bias)

    def conv2d(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        bias: bool = False,
    ) -> nn.Module:
        """Return ``nn.Conv2d``.

        Args:
            in_channels: channels before the layer.
            out_channels: channels after it.
            kernel_size: side of the square kernel.
            stride: step of the kernel.
            padding: zeros added on each side.
            bias: add a learnt bias.

        Returns:
            torch's own convolution.
        """
        return nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=bias)

    def weights_on(self, in_features: int, out_features: int) -> int:
        """Return in × out."""
        return in_features * out_features

    def free_weights(self, in_features: int, out_features: int) -> int:
        """Return in × out."""
        return in_features * out_features
