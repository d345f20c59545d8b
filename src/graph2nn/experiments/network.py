"""Network of a run: built from its config, at the budget of its dense baseline on the same data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graph2nn.budget.matching import Match, match
from graph2nn.data.dataset import Dataset
from graph2nn.errors import TooNarrowError, UserError
from graph2nn.experiments.connectome_networks import CONNECTOME_RNN, connectome_network, refuse_init
from graph2nn.experiments.start import starting_weights
from graph2nn.models.registry import architecture, build_model, refuse_large
from graph2nn.results.config import RunConfig, wiring_of_config
from graph2nn.results.row import NetworkOfRun, quoted_measures
from graph2nn.training.batch_norm import set_norms
from graph2nn.training.loop import check_recipe
from graph2nn.training.optimiser import optimiser_of
from graph2nn.wiring import Engine, Wiring


def build(config: RunConfig, data: Dataset, *, engine: Engine = "auto") -> NetworkOfRun:
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
        refuse_init(config)
        shape, tokens = tuple(data.image_shape), data.task == "language"
        network, cost = connectome_network(graph, shape, data.num_classes, config.model.options, tokens=tokens)
        return NetworkOfRun(network, graph, cost, *quoted_measures(graph))
    if data.sequences:
        raise UserError(
            f"{config.model.name}: does not read sequences, and {data.label} is one; use preset connectome-rnn."
        )
    wiring = wiring_of_config(config, graph, engine)
    matched = _matched(config, wiring, data)
    model = build_model(
        config.model.name, wiring, matched.widths, data.num_classes, input_size=data.image_shape,
        **config.model.options,
    )  # fmt: skip
    set_norms(model, config.recipe)
    return NetworkOfRun(model, graph, matched, *quoted_measures(graph))


def _matched(config: RunConfig, wiring: Wiring, data: Dataset) -> Match:
    """Find the widths of a run's network."""
    spec = config.model
    options: dict[str, Any] = dict(spec.options)  # of the architecture, which checks them
    return match(
        spec.name, wiring, method=config.match, widths=spec.widths or None, num_classes=data.num_classes,
        input_size=data.image_shape, **options,
    )  # fmt: skip


def check_networks(configs: Sequence[RunConfig], data: Dataset, *, engine: Engine = "auto") -> None:
    """Refuse what no network of these runs can survive, before the first of them is trained.

    Every recipe is tried on one batch. Of each kind of network one on a graph and one without are built; of
    the others only the widths are matched. Of WS-flex graphs the sparsest and the densest of each size stand
    for the others, and one null of each kind for the other nulls of its graph.

    Args:
        configs: of a sweep.
        data: their data set.
        engine: of relational layers.

    Raises:
        UserError: graphs with more nodes than the layers can have features, a budget that no widths meet,
            directed graphs with symmetric weights, graphs without the weights that they are to start from,
            networks that would not fit into memory, weights to start from that cannot be read, a batch that
            exceeds the data, a recipe that is not for these data.

    Example:
        >>> from graph2nn import load_dataset, ws_flex
        >>> from graph2nn.experiments import GraphSpec, plan, preset
        >>> large = GraphSpec.of(ws_flex(900, 4, 0.1, 1).renamed("large"))
        >>> configs = plan(preset("mlp-digits"), [large], [1], data="digits")
        >>> check_networks(configs, load_dataset("digits"))
        Traceback (most recent call last):
        graph2nn.errors.TooNarrowError: match: the graph 'large' has 900 nodes ...
    """
    for recipe in dict.fromkeys(config.recipe for config in configs):
        check_recipe(recipe, data)
    for config in _representatives(configs):
        with _of_graph(config):
            _check_size(config, data, engine)
    for config in {(_kind(config), config.graph is None): config for config in reversed(configs)}.values():
        with _of_graph(config):
            network = build(config, data, engine=engine).model
            optimiser_of(network, config.recipe)
            if config.start is not None:
                starting_weights(Path(config.start), network)


def _check_size(config: RunConfig, data: Dataset, engine: Engine) -> None:
    """Match the widths of a network without building it, and refuse those that would not fit into memory."""
    wiring = wiring_of_config(config, None if config.graph is None else config.graph.build(), engine)
    widths = _matched(config, wiring, data).widths
    sizes = widths, data.num_classes, tuple(data.image_shape)
    refuse_large(architecture(config.model.name), wiring, sizes, config.model.options)


@contextmanager
def _of_graph(config: RunConfig) -> Iterator[None]:
    """Name the graph of a run in the errors of the block."""
    try:
        yield
    except UserError as error:
        said = str(error) if repr(config.graph_name) in str(error) else f"graph {config.graph_name!r}: {error}"
        raise type(error)(said + _shrinking(config, error)) from None


def _shrinking(config: RunConfig, error: UserError) -> str:
    """Name the option that fits a WS-flex graph into layers narrower than it has nodes."""
    spec = config.graph
    drawn = spec is not None and spec.ws_flex is not None and not spec.directed
    if not drawn or config.shrink or not isinstance(error, TooNarrowError):
        return ""
    return " Or --set shrink=true: narrow layers take the WS-flex graph of the same sparsity on fewer nodes."


def _representatives(configs: Sequence[RunConfig]) -> list[RunConfig]:
    chosen: dict[tuple[object, ...], RunConfig] = {}
    for config in configs:
        spec = config.graph
        if config.model.name == CONNECTOME_RNN:  # has no widths to match; its own check looks at the graph
            continue
        rest = _kind(config)
        if spec is None:
            chosen.setdefault((rest,), config)
        elif spec.null_of is not None:
            chosen.setdefault((rest, spec.null_of, spec.name.partition(" ")[0]), config)
        elif spec.ws_flex is None:
            chosen.setdefault((rest, spec), config)
        else:
            size = (rest, spec.ws_flex.n, spec.directed)
            for end, better in (("sparsest", min), ("densest", max)):
                other = chosen.get((*size, end), config)
                chosen[(*size, end)] = better(config, other, key=_sparsity)
    return list(chosen.values())


def _kind(config: RunConfig) -> tuple[object, ...]:
    """What a network and its training depend on besides graph and seed."""
    choices = config.match, config.symmetric, config.shrink, config.init, config.start
    return (repr(config.model), config.recipe, *choices)


def _sparsity(config: RunConfig) -> float:
    assert config.graph is not None
    assert config.graph.ws_flex is not None
    return config.graph.ws_flex.sparsity
