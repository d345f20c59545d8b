"""Network of a run: built from its config, at the budget of its dense baseline on the same data."""

from __future__ import annotations

from typing import Any

from graph2nn.budget.matching import match
from graph2nn.data.dataset import Dataset
from graph2nn.experiments.connectome_networks import CONNECTOME_RNN, connectome_network
from graph2nn.models.registry import build_model
from graph2nn.results.config import RunConfig, wiring_of_config
from graph2nn.results.row import Network, quoted_measures
from graph2nn.training.batch_norm import set_norms
from graph2nn.wiring import Engine


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
