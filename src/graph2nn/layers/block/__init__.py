"""The block engine: relational layers on the CPU at the speed of dense ones of as many multiply-adds."""

from graph2nn.layers.block.conv import BlockConv2d
from graph2nn.layers.block.linear import BlockLinear

__all__ = ["BlockConv2d", "BlockLinear"]
