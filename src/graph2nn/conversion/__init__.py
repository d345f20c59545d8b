"""Conversion of any PyTorch module: relationalize, densify, and recover graphs from weights."""

from graph2nn.conversion.conversion_report import Changed, Relationalized, Skipped
from graph2nn.conversion.load_pretrained import from_pretrained
from graph2nn.conversion.match_scale import Scale, match_scale
from graph2nn.conversion.model_card import model_card
from graph2nn.conversion.pretrained import dense_state, save_pretrained
from graph2nn.conversion.recover import Recovered, recover, recover_table
from graph2nn.conversion.relationalize import densify, load_dense, relationalize

__all__ = [
    "Changed",
    "Recovered",
    "Relationalized",
    "Scale",
    "Skipped",
    "dense_state",
    "densify",
    "from_pretrained",
    "load_dense",
    "match_scale",
    "model_card",
    "recover",
    "recover_table",
    "relationalize",
    "save_pretrained",
]
