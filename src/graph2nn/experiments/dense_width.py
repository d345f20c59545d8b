"""Width of the dense networks next to a connectome: as many recurrent weights as it has connections."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from math import sqrt

from graph2nn.errors import Graph2nnWarning
from graph2nn.experiments.connectome_networks import CONNECTOME_RNN
from graph2nn.layers.edge.sparse_rows import arcs
from graph2nn.results.config import RunConfig

#: Of the presets: the root of the 110,677 connections of the larva.
LARVA_WIDTH = 333
_OPTION = "model.options.baseline_width"
#: Connectomes that a warning names one by one.
_NAMED = 3


def fit_dense_widths(configs: Sequence[RunConfig], settings: Sequence[str] = ()) -> list[RunConfig]:
    """Give the dense networks of a sweep as many recurrent weights as its connectome has connections.

    Runs of graphs stay as they are, and so do widths that the user has set, here or in a preset of their own.
    Warns if the sweep has no connectome, or several that differ in their number of connections.

    Args:
        configs: all runs of a sweep; those of other models pass.
        settings: ``key=value`` changes that the user gave.

    Returns:
        The runs, in their order.

    Example:
        >>> fit_dense_widths([])
        []
    """
    cells = {
        _cell(config): config.model.options.get("baseline_width") for config in configs if _is_dense(config)
    }
    is_set = any(setting.partition("=")[0].strip() == _OPTION for setting in settings)
    if is_set or all(width != _width(LARVA_WIDTH**2, cell) for cell, width in cells.items()):
        return list(configs)
    specs = {config.graph for config in configs if config.graph is not None and not config.graph.null_of}
    connections = {spec.name: arcs(spec.build()).shape[1] for spec in specs}
    if len(set(connections.values())) != 1:
        _warn(connections, next(iter(cells)))
        return list(configs)
    (count,) = set(connections.values())
    return [_widened(config, count) if _is_dense(config) else config for config in configs]


def _is_dense(config: RunConfig) -> bool:
    return config.model.name == CONNECTOME_RNN and config.graph is None


def _cell(config: RunConfig) -> str:
    return str(config.model.options.get("baseline_cell", "rnn"))


def _width(connections: int, cell: str) -> int:
    """Return the width whose recurrent weights are as many, as near as a whole number comes."""
    gates = 3 if cell == "gru" else 1
    return max(1, round(sqrt(connections / gates)))


def _widened(config: RunConfig, connections: int) -> RunConfig:
    options = {**config.model.options, "baseline_width": _width(connections, _cell(config))}
    return config.model_copy(update={"model": config.model.model_copy(update={"options": options})})


def _warn(connections: dict[str, int], cell: str) -> None:
    if connections:
        each = sorted(connections.items(), key=lambda pair: pair[1])[:_NAMED]
        fits = ", ".join(f"{_width(count, cell)} fits {name}" for name, count in each)
        hint = f"the connectomes differ in their connections: --set {_OPTION}=N, where {fits}."
    else:
        hint = f"for another connectome select it, too, or --set {_OPTION}=N, the root of its connections."
    width = _width(LARVA_WIDTH**2, cell)
    warnings.warn(
        f"connectome-rnn: the dense network has a width of {width}, that of the larva; {hint}",
        Graph2nnWarning,
        stacklevel=3,
    )
