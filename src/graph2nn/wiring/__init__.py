"""Wirings: where a model gets its layers from. A model never knows which graph it runs on."""

from graph2nn.layers.engines import Engine
from graph2nn.wiring.base import Dense, Wiring
from graph2nn.wiring.grouped import Grouped
from graph2nn.wiring.relational import Relational, wiring_of
from graph2nn.wiring.varying import Layerwise, Staged, at_stage, begin, next_layer

__all__ = [
    "Dense",
    "Engine",
    "Grouped",
    "Layerwise",
    "Relational",
    "Staged",
    "Wiring",
    "at_stage",
    "begin",
    "next_layer",
    "wiring_of",
]
