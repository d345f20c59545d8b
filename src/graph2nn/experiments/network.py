"""Network of a run: built from its config, at the budget of its dense baseline on the same data."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import nn

from graph2nn.budget.matching import Match, match
from graph2nn.data.dataset import Dataset
from graph2nn.experiments.connectome_networks import CONNECTOME_RNN, connectome_network
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.models.registry import build_model
from graph2nn.results.config import RunConfig, wiring_of_config
from graph2nn.training.batch_norm import set_norms
from graph2nn.wiring import Engine


class Network(NamedTuple):
    """A network as a config asks for it, the graph it runs on, and how its widths were found.

    C and L of a directed graph are quoted on the symmetrised one, as in the paper; the baseline's are those
    of the complete graph. Where ``reachable``, the share of pairs of nodes with a path, is below 1, the graph
    falls into parts and is off the (C, L) plane; its L is then over these pairs.
    """

    model: nn.Module
    graph: RelationalGraph | None
    match: Match
    clustering: float
    path_length: float
    reachable: float


def build(config: RunConfig, data: Dataset, *, engine: Engine = "auto") -> Network:
    """Build the network of a run, at the budget of its dense baseline on the same data, layers by ``engine``.

    Args:
        config: the run.
        data: its data set.
        engine: how relational layers compute; see :class:`graph2nn.Relational`.

    Returns:
        The network with its widths and its cost.

    Raises:
        UserError: a graph, an architecture or a budget that cannot be.

    Example:
        >>> from graph2nn.data import load_dataset
        >>> from graph2nn.experiments import plan, preset, select
        >>> data, digits = load_dataset("digits"), preset("mlp-digits")
        >>> config, = plan(digits, select(digits, ["baseline"]), [1], data=data.label)
        >>> network = build(config, data)
        >>> network.match.macs == network.match.target
        True
    """
    graph = None if config.graph is None else config.graph.build()
    if config.model.name == CONNECTOME_RNN:
        network, cost = connectome_network(
            graph, tuple(data.image_shape), data.num_classes, config.model.options
        )
        return Network(network, graph, cost, *quoted_measures(graph))
    wiring = wiring_of_config(config, graph, engine)
    spec = config.model
    shape: dict[str, Any] = {"num_classes": data.num_classes, "input_size": data.image_shape, **spec.options}
    found = match(spec.name, wiring, method=config.match, widths=spec.widths or None, **shape)
    model = build_model(spec.name, wiring, found.widths, **shape)
    set_norms(model, config.recipe)
    return Network(model, graph, found, *quoted_measures(graph))


def quoted_measures(graph: RelationalGraph | None) -> tuple[float, float, float]:
    """Return C, L and the share of pairs with a path as tables quote them.

    They are those of the symmetrised graph, and of the complete one for the baseline. L is the mean over the
    pairs that have a path.
    """
    quoted = graph.symmetrised() if graph and graph.directed else graph
    return (quoted.clustering, quoted.paths.mean, quoted.reachable) if quoted else (1.0, 1.0, 1.0)
