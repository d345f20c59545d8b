"""graph2nn: turn any graph into a neural network.

The names below are the whole public surface. Each is imported when it is first used, so that
``import graph2nn`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from graph2nn.budget import Cost, LayerCost, Match, cost, layer_costs, macs, match, match_widths, parameters
    from graph2nn.conversion import (
        densify,
        from_pretrained,
        match_scale,
        model_card,
        recover,
        recover_table,
        relationalize,
        save_pretrained,
    )
    from graph2nn.data import Dataset, load_dataset
    from graph2nn.errors import UserError
    from graph2nn.experiments.trained import load_run
    from graph2nn.graphs.catalogues import catalogue
    from graph2nn.graphs.connectomes import connectome
    from graph2nn.graphs.generators import GENERATORS
    from graph2nn.graphs.graph import RelationalGraph
    from graph2nn.graphs.io import read_graph, write_graph
    from graph2nn.graphs.io.connectome import read_connectome
    from graph2nn.graphs.measures.measure_tables import measured
    from graph2nn.graphs.measures.registry import MEASURES, measure_all
    from graph2nn.graphs.motifs import motif_table, triad_census
    from graph2nn.graphs.nulls import (
        NullGraph,
        ensemble,
        null,
        small_world,
        small_world_omega,
        small_world_sigma,
    )
    from graph2nn.graphs.spec import parse_graph
    from graph2nn.graphs.ws_flex import ws_flex
    from graph2nn.layers import RelationalConv2d, RelationalLinear, mask
    from graph2nn.models import MLP, ConnectomeRNN, build_model
    from graph2nn.results.recording import record
    from graph2nn.training import Epoch, Member, Recipe, evaluate, train, train_population
    from graph2nn.wiring import Dense, Grouped, Layerwise, Relational, Staged, Wiring

#: Where each name lives, room by room.
_ROOMS = {
    "graphs.graph": ("RelationalGraph",),
    "graphs.ws_flex": ("ws_flex",),
    "graphs.catalogues": ("catalogue",),
    "graphs.connectomes": ("connectome",),
    "graphs.io": (
        "read_graph",
        "write_graph",
    ),
    "graphs.io.connectome": ("read_connectome",),
    "graphs.spec": ("parse_graph",),
    "graphs.generators": ("GENERATORS",),
    "graphs.measures.registry": (
        "MEASURES",
        "measure_all",
    ),
    "graphs.measures.measure_tables": ("measured",),
    "graphs.motifs": (
        "motif_table",
        "triad_census",
    ),
    "graphs.nulls": (
        "NullGraph",
        "ensemble",
        "null",
        "small_world",
        "small_world_omega",
        "small_world_sigma",
    ),
    "layers": (
        "RelationalConv2d",
        "RelationalLinear",
        "mask",
    ),
    "wiring": (
        "Dense",
        "Grouped",
        "Layerwise",
        "Relational",
        "Staged",
        "Wiring",
    ),
    "models": (
        "ConnectomeRNN",
        "MLP",
        "build_model",
    ),
    "budget": (
        "Cost",
        "LayerCost",
        "Match",
        "cost",
        "layer_costs",
        "macs",
        "match",
        "match_widths",
        "parameters",
    ),
    "conversion": (
        "densify",
        "from_pretrained",
        "match_scale",
        "model_card",
        "recover",
        "recover_table",
        "relationalize",
        "save_pretrained",
    ),
    "experiments.trained": ("load_run",),
    "data": (
        "Dataset",
        "load_dataset",
    ),
    "training": (
        "Epoch",
        "Member",
        "Recipe",
        "evaluate",
        "train",
        "train_population",
    ),
    "errors": ("UserError",),
    "results.recording": ("record",),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "GENERATORS",
    "MEASURES",
    "MLP",
    "ConnectomeRNN",
    "Cost",
    "Dataset",
    "Dense",
    "Epoch",
    "Grouped",
    "LayerCost",
    "Layerwise",
    "Match",
    "Member",
    "NullGraph",
    "Recipe",
    "Relational",
    "RelationalConv2d",
    "RelationalGraph",
    "RelationalLinear",
    "Staged",
    "UserError",
    "Wiring",
    "__version__",
    "build_model",
    "catalogue",
    "connectome",
    "cost",
    "densify",
    "ensemble",
    "evaluate",
    "from_pretrained",
    "layer_costs",
    "load_dataset",
    "load_run",
    "macs",
    "mask",
    "match",
    "match_scale",
    "match_widths",
    "measure_all",
    "measured",
    "model_card",
    "motif_table",
    "null",
    "parameters",
    "parse_graph",
    "read_connectome",
    "read_graph",
    "record",
    "recover",
    "recover_table",
    "relationalize",
    "save_pretrained",
    "small_world",
    "small_world_omega",
    "small_world_sigma",
    "train",
    "train_population",
    "triad_census",
    "write_graph",
    "ws_flex",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'graph2nn' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"graph2nn.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
