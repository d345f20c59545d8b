"""Architectures, each written once against a wiring."""

from graph2nn.models.architecture import Architecture
from graph2nn.models.initialise import initialise
from graph2nn.models.mlp import MLP
from graph2nn.models.registry import ARCHITECTURES, architecture, build_model
from graph2nn.models.shapes import FixedShape, LayerShape, Shape

__all__ = [
    "ARCHITECTURES",
    "MLP",
    "Architecture",
    "FixedShape",
    "LayerShape",
    "Shape",
    "architecture",
    "build_model",
    "initialise",
]
