"""The network of a run of ``connectome-rnn``: one weight per connection, or a dense baseline."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from graph2nn.budget.matching import Match
from graph2nn.errors import UserError, unknown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.edge.sparse_rows import arcs
from graph2nn.models.connectome_rnn import ConnectomeRNN, choose_nodes
from graph2nn.models.connectome_weights import ConnectionWeights
from graph2nn.models.dense_recurrent import DenseRecurrent
from graph2nn.models.initialise import initialise
from graph2nn.results.config import RunConfig
from graph2nn.training.rng import stream

#: Name of the model in presets and configs.
CONNECTOME_RNN = "connectome-rnn"
#: Options of the dense baseline; all others are keywords of :class:`ConnectomeRNN`.
BASELINE_OPTIONS = ("baseline_cell", "baseline_width")
#: Kinds of nulls that keep the wiring, and what they change.
_CHANGED = {"weights": "synapse counts", "signs": "signs"}
_SHARED = ("rounds", "activation", "read", "train_encoder", "init_gain")


def connectome_network(
    graph: RelationalGraph | None,
    features: tuple[int, ...],
    num_classes: int,
    options: Mapping[str, Any],
    *,
    tokens: bool = False,
) -> tuple[nn.Module, Match]:
    """Build the network and count what it costs; nothing is matched: the graph says how many weights there are.

    Args:
        graph: the connectome; None for the dense baseline, of width ``baseline_width``.
        features: shape of one sample. Sequences ``(time, features)`` are read step by step; others are read
            flat and held for all rounds.
        num_classes: outputs.
        options: keywords of :class:`ConnectomeRNN`; ``baseline_width``, ``baseline_cell`` (``rnn``, ``gru``).
        tokens: a sample is ``(time,)`` tokens below ``num_classes``, read step by step.

    Returns:
        The network, and its cost.

    Raises:
        UserError: an unknown option, a missing one, or as the classes.
    """
    keywords = _keywords(graph, options)
    if tokens and options.get("read", "all") != "all":
        raise UserError(
            f"connectome-rnn: read = {options['read']}, and of a text every byte is predicted; leave read out."
        )
    sequence = len(features) == 2 or tokens
    inputs = num_classes if tokens else features[1] if sequence else prod(features)
    rounds = features[0] if sequence else None
    encoded = 0 if tokens else inputs  # a token picks a column, and nothing is multiplied
    if graph is None:
        if "baseline_width" not in options:
            raise UserError(
                "connectome-rnn: the dense baseline needs its width, --set model.options.baseline_width=N; for "
                "as many weights as E connections, about the root of E (RNN) or of E/3 (GRU)."
            )
        shared = {name: options[name] for name in _SHARED if name in options}
        width, cell = int(options["baseline_width"]), options.get("baseline_cell", "rnn")
        dense = DenseRecurrent(inputs, num_classes, width, cell=cell, **shared)
        gates = 3 if cell == "gru" else 1
        read = rounds or 1
        macs = gates * width * (read * encoded + (rounds or dense.rounds) * width) + read * width * num_classes
        return dense, _unmatched(dense, width, macs)
    given = {name: value for name, value in options.items() if name in keywords}
    given |= {name: end_neurons(options, name) for name in ("inputs", "outputs")}
    network = ConnectomeRNN(graph, inputs, num_classes, **given)
    # Of a sequence every step is encoded and read. In the first round the state is zero.
    ends = (rounds or 1) * (len(network.input_nodes) * encoded + len(network.output_nodes) * num_classes)
    macs = ends + ((rounds or network.rounds) - 1) * len(network.recurrent_weight())
    return network, _unmatched(network, graph.n, macs)


@dataclass(frozen=True)
class Start:
    """How a network begins, before any training: what arms of a comparison should share.

    Attributes:
        weight: root mean square of the recurrent weights.
        activity: root mean square of the activity after the last round, of all neurons.
        read: the same of the neurons that are read.
    """

    weight: float
    activity: float
    read: float


@torch.no_grad()
def start_of(config: RunConfig, *, batch: int = 32) -> Start:
    """Measure how the network of a run begins, on standard normal input held for its rounds.

    Args:
        config: of a run of ``connectome-rnn``, whose seed draws the weights.
        batch: samples of the input.

    Returns:
        The measures; those of other runs compare, as the input is the same.

    Raises:
        UserError: as :func:`connectome_network`.
    """
    features = 64
    graph = None if config.graph is None else config.graph.build()
    network = cast(
        ConnectomeRNN | DenseRecurrent, connectome_network(graph, (features,), 2, config.model.options)[0]
    )
    initialise(network, stream(config.seed, "initialise"))
    x = torch.randn(batch, features, generator=torch.Generator().manual_seed(0))
    states = network.activity(x)[:, -1]
    if isinstance(network, ConnectomeRNN):
        weight, read = network.recurrent_weight(), states[:, network.output_nodes]
    else:
        weight, read = network.recurrent.weight, states
    return Start(*(float(values.square().mean().sqrt()) for values in (weight, states, read)))


def check_runs(configs: Sequence[RunConfig]) -> None:
    """Refuse options and expressions that are wrong before the first run starts; other models pass.

    Args:
        configs: of a sweep; graphs that are no nulls are looked at, each once.

    Raises:
        UserError: an unknown option, a missing one, neurons that do not exist, or nulls that train the same
            network as their graph.
    """
    chosen = [config for config in configs if config.model.name == CONNECTOME_RNN]
    for config in chosen:
        refuse_init(config)
    graphs = {config.graph: config for config in chosen if config.graph is None or not config.graph.null_of}
    for spec, config in graphs.items():
        graph, options = (None if spec is None else spec.build()), config.model.options
        _keywords(graph, options)
        if graph is not None:
            for name in ("inputs", "outputs"):
                choose_nodes(graph, end_neurons(options, name), name)
    _refuse_equal_nulls(chosen)


def _refuse_equal_nulls(configs: Sequence[RunConfig]) -> None:
    """Refuse nulls that differ from their graph in nothing that its network is made of, one of each kind."""
    graphs = {config.graph.name: config.graph for config in configs if config.graph}
    of_kind: dict[tuple[str, str, str], RunConfig] = {}
    for config in configs:
        spec = config.graph
        kind = "" if spec is None else spec.name.partition(" ")[0]
        if spec and spec.null_of in graphs and kind in _CHANGED:
            of_kind.setdefault((spec.null_of, kind, repr(config.model.options)), config)
    for (label, kind, _), config in of_kind.items():
        assert config.graph is not None
        options = config.model.options
        start, null = (_start_weights(spec.build(), options) for spec in (graphs[label], config.graph))
        if np.array_equal(start, null):
            used = f"weights = {options.get('weights', 'free')} with init = {options.get('init', 'fan_in')}"
            raise UserError(
                f"nulls: {kind} nulls of {label} would train the same network as {label} itself: {used} does "
                f"not use its {_CHANGED[kind]}. Start from the counts and signs (--set "
                "model.options.init=scaled_synapses), or leave these nulls out."
            )


def _start_weights(graph: RelationalGraph, options: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    """The recurrent weights that one seed starts from, unscaled."""
    names = ("init", "signs", "unsigned", "gain_by")
    keywords = {name: options[name] for name in names if name in options}
    kind = options.get("weights", "free")
    weights = ConnectionWeights(graph, arcs(graph), kind=kind, radius=None, **keywords)
    weights.initialise(stream(0, "initialise"))
    values: npt.NDArray[np.float32] = weights().detach().numpy()
    return values


def end_neurons(options: Mapping[str, Any], name: str) -> str | list[int]:
    """Return the neurons that an option names, as :func:`choose_nodes` takes them.

    Args:
        options: of the model; YAML makes a number of one node number, and numbers of a list.
        name: ``inputs`` or ``outputs``.
    """
    value = options[name]
    return list(value) if isinstance(value, list | tuple) else str(value)


def refuse_init(config: RunConfig) -> None:
    """Raise a UserError for a start that is for layers made of blocks, and not for this network."""
    if config.init != "published":
        raise UserError(
            "connectome-rnn: init = weights is for layers made of blocks; --set model.options.init=synapses "
            "starts this network from the synapse counts."
        )


def _keywords(graph: RelationalGraph | None, options: Mapping[str, Any]) -> list[str]:
    """Return the keywords of :class:`ConnectomeRNN`; all options must be known, and those it needs be there."""
    parameters = inspect.signature(ConnectomeRNN).parameters.values()
    keywords = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    for name in options:
        if name not in (*keywords, *BASELINE_OPTIONS):
            raise unknown("model: option", name, [*keywords, *BASELINE_OPTIONS])
    if graph is None:
        return keywords
    if missing := [name for name in ("inputs", "outputs") if name not in options]:
        raise UserError(
            f"connectome-rnn: which neurons are the {missing[0]}? Give --{missing[0]} node numbers or ids, "
            "such as 0,1,2, or an expression on the table of neurons, such as \"celltype == 'sensory'\"."
        )
    return keywords


def _unmatched(network: nn.Module, width: int, macs: int) -> Match:
    trained = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    return Match(CONNECTOME_RNN, [width], macs, trained, macs, "none")
