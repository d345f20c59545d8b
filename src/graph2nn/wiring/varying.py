"""Wirings that differ along the network, per layer or per stage.

A model calls :func:`begin` once, :func:`at_stage` where a stage begins, and then asks for its wired layers in
order. The budget walks the layers' shapes in the same order; no wiring keeps a position between two networks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from graph2nn.arguments import checked_arguments
from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.wiring.base import Dense, Wiring
from graph2nn.wiring.relational import Relational

Choice = RelationalGraph | Wiring


class _Delegate(ABC):
    """A wiring that hands each layer on to another one."""

    @abstractmethod
    def take(self) -> Wiring:
        """Return the wiring of the next layer."""

    @property
    def nodes(self) -> int:
        """Smallest width of the next layer."""
        return self.take().nodes

    def linear(self, in_features: int, out_features: int, *, bias: bool = False) -> nn.Module:
        """Return the next layer."""
        return self.take().linear(in_features, out_features, bias=bias)

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
        """Return the next layer."""
        return self.take().conv2d(
            in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=bias
        )

    def weights_on(self, in_features: int, out_features: int) -> int:
        """Count the next layer."""
        return self.take().weights_on(in_features, out_features)

    def free_weights(self, in_features: int, out_features: int) -> int:
        """Count the next layer."""
        return self.take().free_weights(in_features, out_features)


@checked_arguments
@dataclass(frozen=True)
class Layerwise(_Delegate):
    """Another wiring in each wired layer, as when the published code drew a new seed per layer.

    Args:
        choose: graphs or wirings in the order of the layers, as many as the network has wired ones; or a
            function of depth (0, 1, 2, …), for example ``lambda depth: ws_flex(64, 8, 0.1, seed=depth)``.

    Raises:
        UserError: on use, when the network has more layers than the sequence has graphs.

    Example:
        >>> from graph2nn import build_model, ws_flex
        >>> model = build_model("mlp5", Layerwise(lambda depth: ws_flex(64, 8, 0.1, seed=depth)))
    """

    choose: Sequence[Choice] | Callable[[int], Choice]

    def at(self, depth: int) -> Wiring:
        """Return the wiring of one layer."""
        if callable(self.choose):
            return as_wiring(self.choose(depth))
        return as_wiring(_pick(self.choose, depth, "wired layers", "layer"))

    def take(self) -> Wiring:
        """Return the wiring of the first layer; :func:`begin` starts a walk over all of them."""
        return self.at(0)


@checked_arguments
@dataclass(frozen=True)
class Staged(_Delegate):
    """Another wiring in each stage of the network, for example fewer nodes where it is narrow.

    Args:
        stages: graphs or wirings, one per stage; a stage may itself be :class:`Layerwise`, which then counts
            the layers of that stage alone.

    Raises:
        UserError: on use, when the network has more stages.

    Example:
        >>> from graph2nn import build_model, ws_flex
        >>> graphs = [ws_flex(n, 4, 0.1, seed=1) for n in (16, 16, 32, 64)]
        >>> model = build_model("resnet20-cifar", Staged(graphs[:3]))
    """

    stages: Sequence[Choice]

    def at(self, stage: int) -> Wiring:
        """Return the wiring of one stage."""
        return as_wiring(_pick(self.stages, stage, "stages", "stage"))

    def take(self) -> Wiring:
        """Return a layer's wiring in the first stage."""
        return self.at(0)


class _Walk(_Delegate):
    """A walk over the layers of one network."""

    def __init__(self, layers: Layerwise) -> None:
        self._layers = layers
        self._depth = 0

    def take(self) -> Wiring:
        self._depth += 1
        return self._layers.at(self._depth - 1)


def begin(wiring: Wiring | None) -> Wiring:
    """Return what a model takes its layers from: a walk from the first layer, or the dense wiring.

    Example:
        >>> begin(None)
        Dense()
    """
    if isinstance(wiring, Layerwise):
        return _Walk(wiring)
    if isinstance(wiring, Staged):
        return Staged([begin(as_wiring(stage)) for stage in wiring.stages])
    return Dense() if wiring is None else wiring


def at_stage(wiring: Wiring, stage: int) -> Wiring:
    """Return the wiring of a stage (0, 1, …), as a model or a list of shapes enters it.

    Example:
        >>> at_stage(begin(None), 2)
        Dense()
    """
    return wiring.at(stage) if isinstance(wiring, Staged) else wiring


def next_layer(wiring: Wiring) -> Wiring:
    """Return the plain wiring of the next wired layer, and step past it.

    Example:
        >>> from graph2nn import ws_flex
        >>> walk = begin(Layerwise(lambda depth: ws_flex(16, 4, 0.0, seed=depth)))
        >>> [next_layer(walk).graph.name for _ in range(2)]
        ['ws(16,4,0,0)', 'ws(16,4,0,1)']
    """
    while isinstance(wiring, _Delegate):
        wiring = wiring.take()
    return wiring


def as_wiring(choice: Choice) -> Wiring:
    """Return a wiring as it is, and a graph as :class:`Relational`."""
    return Relational(choice) if isinstance(choice, RelationalGraph) else choice


def _pick(choices: Sequence[Choice], index: int, what: str, one: str) -> Choice:
    if index >= len(choices):
        raise UserError(
            f"wiring: the network has more than {len(choices)} {what}, yet only {len(choices)} graphs or "
            f"wirings were given; give one a {one}."
        )
    return choices[index]
