"""Conversion of any PyTorch module: relationalize, densify, and recover graphs from weights."""

from graph2nn.conversion.match_scale import Scale, match_scale
from graph2nn.conversion.recover import Recovered, recover, recover_table
from graph2nn.conversion.relationalize import densify, load_dense, relationalize
from graph2nn.conversion.report import Changed, Relationalized, Skipped

__all__ = [
    "Changed",
    "Recovered",
    "Relationalized",
    "Scale",
    "Skipped",
    "densify",
    "load_dense",
    "match_scale",
    "recover",
    "recover_table",
    "relationalize",
]
