"""Cost of an architecture on a wiring, as a function of its widths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graph2nn.models.layer_shapes import Shape
from graph2nn.wiring import Dense, Wiring, at_stage, begin, next_layer

Shapes = Callable[[Sequence[int]], list[Shape]]


class Bill:
    """Multiply-adds and parameters of a network as functions of its widths.

    The wiring of each layer is looked up once: walking to the thirtieth layer of a wiring that differs by
    layer at every step of a search would redraw its graph each time.

    Args:
        shapes: from widths to layers; how many of them are wired, and where, must not depend on the widths.
        wiring: of the whole network.
        widths: any allowed ones, to list the layers.
    """

    def __init__(self, shapes: Shapes, wiring: Wiring, widths: Sequence[int]) -> None:
        self._shapes = shapes
        walk, dense = begin(wiring), Dense()
        self.wirings = [
            next_layer(at_stage(walk, layer.stage)) if layer.wired else dense for layer in shapes(widths)
        ]
        # Blocks repeat within a network and stages stay while others are searched.
        self._known: dict[tuple[Shape, int], int] = {}

    @property
    def smallest(self) -> int:
        """Smallest width every wired layer may have."""
        return max(wiring.nodes for wiring in self.wirings)

    def layers(self, widths: Sequence[int]) -> list[tuple[Shape, Wiring]]:
        """Return each layer with the wiring it follows."""
        return list(zip(self._shapes(widths), self.wirings, strict=True))

    def macs(self, widths: Sequence[int]) -> int:
        """Multiply-adds per sample."""
        counted, total = self._known, 0
        for layer, wiring in self.layers(widths):
            key = layer, id(wiring)
            if key not in counted:
                counted[key] = layer.macs(wiring)
            total += counted[key]
        return total

    def published_macs(self, widths: Sequence[int]) -> int:
        """Multiply-adds per sample as the published code counts them."""
        return sum(layer.published_macs(wiring) for layer, wiring in self.layers(widths))

    def parameters(self, widths: Sequence[int]) -> int:
        """Learnt parameters in use."""
        return sum(layer.parameters(wiring) for layer, wiring in self.layers(widths))
