"""Wirings for narrow layers: graphs redrawn on as many nodes as a layer is wide."""

from __future__ import annotations

from dataclasses import replace

from graph2nn.wiring import Dense, Layerwise, Relational, Staged, Wiring
from graph2nn.wiring.varying import as_wiring


def shrinking(wiring: Wiring) -> Wiring:
    """Return a wiring whose WS-flex graphs are redrawn on fewer nodes where a layer is narrower.

    This is the published treatment of EfficientNets: :class:`Relational` with ``shrink``, also inside
    :class:`Staged` and :class:`Layerwise`. There a :class:`Dense` choice is marked as belonging to a network
    that is not dense as a whole, whose expanded widths stay those of the unmatched one.
    """
    return wiring if is_dense(wiring) else _inside(wiring)


def _inside(wiring: Wiring) -> Wiring:
    if isinstance(wiring, Relational):
        return replace(wiring, shrink=True)
    if isinstance(wiring, Staged):
        return Staged([_inside(as_wiring(stage)) for stage in wiring.stages])
    if isinstance(wiring, Layerwise):
        layers = wiring
        return Layerwise(lambda depth: _inside(layers.at(depth)))
    return _DenseLayer() if isinstance(wiring, Dense) else wiring


class _DenseLayer(Dense):
    """A dense layer of a network that is not dense as a whole."""


def is_dense(wiring: Wiring) -> bool:
    """Whether a wiring that went through :func:`shrinking` is that of a network dense as a whole."""
    return isinstance(wiring, Dense) and not isinstance(wiring, _DenseLayer)
