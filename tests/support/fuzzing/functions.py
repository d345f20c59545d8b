"""Wrong values for every argument of every public function, one at a time."""

from __future__ import annotations

import inspect
import os
import random
import traceback
import warnings
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import torch
from torch import nn

import graph2nn as g
from fuzzing.harness import Input

#: Public names that are not called: values, and records that functions return.
NOT_CALLED = ("UserError", "Wiring", "__version__", "Cost", "LayerCost", "Match", "Epoch", "NullGraph")
#: What an argument may turn out to be. Each is made afresh, as a function may change it.
WRONG: dict[str, Callable[[], Any]] = {
    "None": lambda: None, "a word": lambda: "x", "-1": lambda: -1, "0": lambda: 0, "1.5": lambda: 1.5,
    "nan": lambda: float("nan"), "inf": lambda: float("inf"), "an empty list": list, "an empty dict": dict,
    "an object": object, "True": lambda: True, "an array": lambda: np.array([1.0, 2.0]),
    "a tensor": lambda: torch.ones(2), "10**12": lambda: 10**12, "bytes": lambda: b"q",
    "a tuple": lambda: (1, 2, 3), "a list of None": lambda: [None], "a module": lambda: inspect,
    "a generator": lambda: (x for x in "ab"), "10**400": lambda: 10**400, "a complex number": lambda: 1j,
    "a frame": lambda: pd.DataFrame({"a": [1.0]}), "an empty array": lambda: np.zeros(0),
    "a list of words": lambda: ["x", "y"],
}  # fmt: skip


def _net() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16))


def _scaled(scale: float) -> nn.Module:
    width = round(16 * scale)
    return nn.Sequential(nn.Linear(8, width), nn.Linear(width, width), nn.Linear(width, 4))


class _Pairs(torch.utils.data.Dataset[Any]):
    def __len__(self) -> int:
        return 24

    def __getitem__(self, at: int) -> tuple[torch.Tensor, int]:
        return torch.arange(4.0) + at, at % 3


def _graphs(graph: g.RelationalGraph) -> dict[str, tuple[Any, dict[str, Any]]]:
    nodes = pd.DataFrame({"pre": ["a", "b"], "post": ["b", "c"], "weight": [1, 2]})
    return {
        "RelationalGraph": (g.RelationalGraph, {"adjacency": np.eye(4, k=1, dtype=bool)}),
        "RelationalGraph.from_adjacency": (g.RelationalGraph.from_adjacency, {"matrix": [[0, 1], [1, 0]]}),
        "RelationalGraph.from_edges": (g.RelationalGraph.from_edges, {"edges": [(0, 1)], "n": 3}),
        "RelationalGraph.from_edge_index": (
            g.RelationalGraph.from_edge_index,
            {"edge_index": [[0, 1], [1, 0]], "n": 2},
        ),
        "RelationalGraph.from_networkx": (g.RelationalGraph.from_networkx, {"graph": nx.path_graph(4)}),
        "RelationalGraph.permuted": (graph.permuted, {"order": list(range(8))}),
        "RelationalGraph.subgraph": (graph.subgraph, {"nodes": [0, 1, 2]}),
        "RelationalGraph.select": (graph.select, {"expression": "a > 0"}),
        "RelationalGraph.renamed": (graph.renamed, {"name": "a"}),
        "catalogue": (g.catalogue, {"name": "n64-52"}),
        "connectome": (g.connectome, {"name": "none-of-them"}),  # a real one would be downloaded
        "ensemble": (g.ensemble, {"graph": graph, "null": "degree", "count": 2}),
        "measure_all": (g.measure_all, {"graph": graph, "names": ["density"]}),
        "measured": (g.measured, {"what": {"a": graph}, "slow": False, "afresh": True}),
        "motif_table": (g.motif_table, {"graph": graph, "count": 2}),
        "null": (g.null, {"graph": graph, "kind": "degree", "seed": 1}),
        "parse_graph": (g.parse_graph, {"text": "ws_flex:n=8,k=4,p=.2,seed=1"}),
        "read_connectome": (g.read_connectome, {"edges": nodes}),
        "read_graph": (g.read_graph, {"path": [[0, 1], [1, 0]]}),
        "small_world": (g.small_world, {"graph": graph, "count": 4}),
        "small_world_omega": (g.small_world_omega, {"graph": graph, "count": 4}),
        "small_world_sigma": (g.small_world_sigma, {"graph": graph, "count": 4}),
        "triad_census": (g.triad_census, {"graph": graph}),
        "write_graph": (g.write_graph, {"graph": graph, "path": "graph.graphml"}),
        "ws_flex": (g.ws_flex, {"n": 8, "k": 4, "p": 0.2, "seed": 1}),
        **{f"MEASURES[{name}]": (g.MEASURES[name], {"graph": graph}) for name in ("clustering", "diameter")},
    }


#: Arguments of each family with which it draws a small graph.
FAMILIES: dict[str, dict[str, Any]] = {
    "ws_flex": {"n": 8, "k": 4, "p": 0.2, "seed": 1}, "ws_flex_directed": {"n": 8, "k": 4, "p": 0.2, "seed": 1},
    "watts_strogatz": {"n": 8, "k": 4, "p": 0.2}, "ring": {"n": 8, "k": 4}, "gnm_random": {"n": 8, "m": 9},
    "gnp_random": {"n": 8, "p": 0.5}, "erdos_renyi": {"n": 8, "p": 0.5}, "random_directed": {"n": 8, "m": 9},
    "random_tree": {"n": 8}, "barabasi_albert": {"n": 8, "m": 2}, "configuration": {"degrees": [2, 2, 2, 2]},
    "scale_free": {"n": 8}, "stochastic_block": {"sizes": [4, 4], "p": [[0.9, 0.1], [0.1, 0.9]]},
    "planted_partition": {"l": 2, "k": 4, "p_in": 0.9, "p_out": 0.1}, "random_regular": {"d": 3, "n": 8},
    "ramanujan": {"d": 3, "n": 8}, "hypercube": {"n": 3}, "grid": {"m": 2, "n": 3}, "cycle": {"n": 5},
    "balanced_tree": {"r": 2, "h": 2}, "star": {"n": 4}, "path": {"n": 4}, "complete": {"n": 4},
}  # fmt: skip


def _networks(graph: g.RelationalGraph) -> dict[str, tuple[Any, dict[str, Any]]]:
    rows = {"x": np.arange(120.0).reshape(30, 4), "y": np.arange(30) % 3}
    net, ends = _net(), {"inputs": [0, 1], "outputs": [6, 7]}
    table = pd.DataFrame({"a": range(30), "b": [0.5, 1.5, 2.5] * 10, "y": ["u", "v", "w"] * 10})
    digits = g.load_dataset("digits")
    mlp = g.build_model("mlp3", graph, [16], input_size=(1, 8, 8), stem=16)
    member = {"network": mlp, "recipe": g.Recipe(epochs=1), "seed": 1}
    history = [{"train_loss": 1.0, "test_error": 50.0}]
    return {
        "ConnectomeRNN": (g.ConnectomeRNN, {"graph": graph, "in_features": 3, "out_features": 2, **ends}),
        "Dataset.from_arrays": (g.Dataset.from_arrays, rows),
        "Dataset.from_folder": (g.Dataset.from_folder, {"path": "images"}),
        "Dataset.from_table": (g.Dataset.from_table, {"path": table, "target": "y"}),
        "Dataset.from_torch": (g.Dataset.from_torch, {"train": _Pairs()}),
        "Dense": (g.Dense, {}),
        "Grouped": (g.Grouped, {"groups": 4}),
        "Layerwise": (g.Layerwise, {"choose": [graph, graph]}),
        "MLP": (g.MLP, {"in_features": 8, "stem": 16, "hidden": [16, 16], "num_classes": 3}),
        "Member": (g.Member, member),
        "Recipe": (g.Recipe, {"epochs": 1, "batch_size": 8, "lr": 0.1}),
        "Relational": (g.Relational, {"graph": graph}),
        "RelationalConv2d": (
            g.RelationalConv2d,
            {"graph": graph, "in_channels": 8, "out_channels": 16, "kernel_size": 3},
        ),
        "RelationalLinear": (g.RelationalLinear, {"graph": graph, "in_features": 8, "out_features": 16}),
        "Staged": (g.Staged, {"stages": [graph, graph]}),
        "build_model": (g.build_model, {"name": "mlp5", "wiring": graph, "widths": [16], "stem": 16}),
        "cost": (g.cost, {"model": "mlp5", "graph": graph, "widths": [64]}),
        "densify": (g.densify, {"module": net}),
        "evaluate": (g.evaluate, {"model": mlp, "data": digits}),
        "from_pretrained": (g.from_pretrained, {"kind": _Net, "folder": "pretrained"}),
        "layer_costs": (g.layer_costs, {"model": net, "input_size": (8,)}),
        "load_dataset": (g.load_dataset, {"name": "digits"}),
        "load_run": (g.load_run, {"folder": "run"}),
        "macs": (g.macs, {"model": net, "input_size": (8,)}),
        "mask": (g.mask, {"graph": graph, "in_features": 8, "out_features": 16}),
        "match": (g.match, {"model": "mlp5", "graph": graph}),
        "match_scale": (g.match_scale, {"build": _scaled, "graph": graph, "inputs": torch.ones(2, 8)}),
        "match_widths": (g.match_widths, {"model": "mlp5", "graph": graph}),
        "model_card": (g.model_card, {"module": net}),
        "parameters": (g.parameters, {"model": net}),
        "record": (g.record, {"out": "runs", "model": mlp, "data": digits, "history": history}),
        "recover": (g.recover, {"source": {"w": torch.ones(16, 16)}, "n": 8, "density": 0.4}),
        "recover_table": (g.recover_table, {"paths": "weights.pt", "n": 8, "density": 0.4}),
        "relationalize": (g.relationalize, {"module": net, "graph": graph, "include": "*"}),
        "save_pretrained": (g.save_pretrained, {"model": net, "folder": "pretrained"}),
        "train": (g.train, {"model": mlp, "data": digits, "recipe": g.Recipe(epochs=1), "seed": 1}),
        "train_population": (g.train_population, {"members": [g.Member(**member)], "data": digits}),
    }


class _Net(nn.Module):
    """Stands for a class of pretrained networks."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 16)


@cache
def calls() -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Return every public function with arguments that it takes."""
    graph = g.ws_flex(8, 4, 0.2, 1)
    families = {f"GENERATORS[{name}]": (g.GENERATORS[name], given) for name, given in FAMILIES.items()}
    return {**_graphs(graph), **families, **_networks(graph)}


def inputs() -> list[tuple[str, str, str]]:
    """Return every function, argument and wrong value."""
    return [(name, argument, value) for name in calls() for argument in _arguments(name) for value in WRONG]


def _arguments(name: str) -> list[str]:
    function, given = calls()[name]
    parameters = inspect.signature(function).parameters.values()
    takes = [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    return list(dict.fromkeys([*given, *takes]))


def deepcopy_networks(given: dict[str, Any]) -> dict[str, Any]:
    """Return arguments whose networks may be changed."""
    return {key: deepcopy(value) if isinstance(value, nn.Module) else value for key, value in given.items()}


class AccidentError(Exception):
    """An error from inside: neither for the user nor raised on purpose."""


def call(name: str, argument: str, value: str, folder: Path) -> int:
    """Call a function with one wrong value in an empty folder: 0 if it takes it, 2 if it refuses.

    Raises:
        AccidentError: any other end.
    """
    function, given = calls()[name]
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)  # what is written by default lands here
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function(**{**deepcopy_networks(given), argument: WRONG[value]()})
        except g.UserError:
            return 2
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            ours = [f"{frame.filename}:{frame.lineno}" for frame in frames if "graph2nn/" in frame.filename]
            raise AccidentError(f"{type(error).__name__}: {error} [{(ours or [''])[-1][-80:]}]") from error
    return 0


def sample(seed: int, folder: Path) -> Callable[[int], Input]:
    """Return what makes input ``index``: all inputs shuffled by the seed, over and over."""

    @cache
    def shuffled() -> list[tuple[str, str, str]]:
        everything = inputs()
        random.Random(seed).shuffle(everything)
        return everything

    def input_of(index: int) -> Input:
        name, argument, value = shuffled()[index % len(shuffled())]
        label = f"{index} {name}({argument}={value})"
        return Input("functions", label, lambda: call(name, argument, value, folder))

    return input_of
