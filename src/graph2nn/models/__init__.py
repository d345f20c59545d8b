"""Architectures, each written once against a wiring."""

from graph2nn.models.initialise import initialise
from graph2nn.models.mlp import MLP
from graph2nn.models.registry import Architecture, architecture, build_model
from graph2nn.models.shapes import LayerShape

__all__ = ["MLP", "Architecture", "LayerShape", "architecture", "build_model", "initialise"]
