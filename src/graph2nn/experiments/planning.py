"""The list of runs of a preset and a selection of graphs, and their cost."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from graph2nn.data.dataset import Dataset
from graph2nn.errors import GraphNote, UserError, unknown
from graph2nn.experiments.connectome_networks import CONNECTOME_RNN
from graph2nn.experiments.network import build
from graph2nn.experiments.presets import Preset
from graph2nn.experiments.stored_graphs import named_spec, stored_nulls
from graph2nn.graphs.nulls import NullOptions
from graph2nn.results.config import GraphSpec, RunConfig, override

_Graph = TypeVar("_Graph")


#: What every run of a preset takes over from it.
_OF_PRESET = ("model", "recipe", "match", "symmetric", "groups", "shuffle", "shrink", "init", "start")


def plan(
    preset: Preset,
    graphs: Sequence[GraphSpec | None],
    seeds: Iterable[int],
    *,
    data: str,
    settings: Iterable[str] = (),
) -> list[RunConfig]:
    """List the runs of ``graphs`` × ``seeds``, seed by seed, so that a sweep cut short is still balanced.

    Args:
        preset: supplies model, recipe, match and the form of the wired layers.
        graphs: None stands for the dense baseline.
        seeds: training seeds.
        data: label of the loaded data set.
        settings: ``key=value`` changes, see :func:`override`.

    Returns:
        One config per run.

    Raises:
        UserError: no graph, no seed, or a setting that is wrong.

    Example:
        >>> from graph2nn.experiments import preset
        >>> digits = preset("mlp-digits")
        >>> configs = plan(digits, select(digits, ["n16-48:0", "baseline"]), [1, 2], data="digits")
        >>> [(config.seed, config.graph_name) for config in configs][1::2]
        [(1, 'baseline'), (2, 'baseline')]
    """
    seeds = list(seeds)
    if not graphs or not seeds:
        raise UserError("plan: nothing to run; select at least one graph and one seed.")
    shared = {name: getattr(preset, name) for name in _OF_PRESET}
    base = override(RunConfig(preset=preset.name, data=data, **shared), settings)
    named = _tell_apart(graphs)
    return [base.model_copy(update={"graph": graph, "seed": seed}) for seed in seeds for graph in named]


def select(preset: Preset, selection: Sequence[str], *, data: Path | None = None) -> list[GraphSpec | None]:
    """Turn words into graphs: ``baseline``, ``best``, ``all``, a catalogue, or anything that names a graph.

    A catalogue, or ``all`` without the baseline, may be followed by a row or a slice of rows: ``n64-52:7``,
    ``all:0:10``, ``all:::100`` (every hundredth).

    Args:
        preset: says what ``best`` and ``all`` are; ``all`` includes the baseline.
        selection: the words; doubles are dropped.
        data: folder that may hold connectomes.

    Returns:
        The graphs; None is the dense baseline.

    Raises:
        UserError: a word that names nothing.

    Example:
        >>> from graph2nn.experiments import preset
        >>> len(select(preset("mlp-digits"), ["n64-52:0:10", "baseline"]))
        11
    """
    return list(dict.fromkeys(graph for word in selection for graph in _select(preset, word, data)))


def with_nulls(
    graphs: Sequence[GraphSpec | None],
    count: int,
    kind: str | Sequence[str] = "degree",
    options: NullOptions | None = None,
) -> list[GraphSpec | None]:
    """Return the graphs and after them ``count`` nulls of each kind of each but the baseline.

    Args:
        graphs: None stands for the dense baseline.
        count: nulls per graph and kind.
        kind: one kind or several; see :func:`graph2nn.experiments.null_selection.plan_nulls`.
        options: of the kinds, ``groups`` for one.

    Returns:
        Graphs, then nulls.

    Raises:
        UserError: no graph besides the baseline, an unknown kind, or a graph with too few nulls.
    """
    from graph2nn.experiments.null_selection import plan_nulls

    if any(spec is not None and spec.stored is not None for spec in graphs):
        kinds = [kind] if isinstance(kind, str) else list(kind)
        drawn = [stored_nulls(graphs, range(count), each, options) for each in kinds]
        return [*graphs, *(spec for each in drawn for spec in each)]
    named = {spec.name: spec.build() for spec in graphs if spec is not None}
    return [*graphs, *plan_nulls(named, count, null=kind, options=options).specs]


def fresh_nulls(
    graphs: Sequence[GraphSpec | None],
    seeds: Iterable[int],
    kinds: Sequence[str],
    options: NullOptions | None = None,
) -> dict[int, list[GraphSpec | None]]:
    """Draw one null of each kind and graph per training seed, with that seed.

    No null is trained twice, so that the runs of a kind differ by null and by seed at once, as the connectome's
    own runs would if its wiring were drawn each time.

    Args:
        graphs: connectomes of neurons; None, the dense baseline, is passed over.
        seeds: of training.
        kinds: of :func:`graph2nn.null`.
        options: of the kinds, ``groups`` for one.

    Returns:
        Nulls by seed.

    Raises:
        UserError: as :func:`graph2nn.experiments.stored_graphs.stored_nulls`.
    """
    return {
        seed: [null for kind in kinds for null in stored_nulls(graphs, [seed], kind, options)] for seed in seeds
    }


def _select(preset: Preset, word: str, data: Path | None) -> list[GraphSpec | None]:
    from graph2nn.graphs.catalogue_files import holds_catalogue
    from graph2nn.graphs.catalogues import PUBLISHED
    from graph2nn.graphs.connectomes import NAMES
    from graph2nn.graphs.spec import parse_graph

    if word == "baseline":
        return [None]
    if word == "all":
        return [None, *(graph for each in preset.graphs for graph in _select(preset, each, data))]
    if word == "best":
        if preset.best is None:
            raise UserError(f"{preset.name}: has no published best graph. Select a catalogue or name a graph.")
        return [preset.best]
    if word in NAMES:
        return [named_spec(parse_graph(word, data=data), word)]
    name, colon, row = word.partition(":")
    if name == "all" and colon:
        return list(
            _rows([graph for each in preset.graphs for graph in _select(preset, each, data)], name, row)
        )
    if name in PUBLISHED or name.endswith(".parquet") or holds_catalogue(name):
        specs = catalogue_specs(name)
        return list(_rows(specs, name, row)) if colon else list(specs)
    if not colon and not Path(word).suffix and not Path(word).exists():
        raise unknown("--select", word, ["all", "baseline", "best", *PUBLISHED, *NAMES])
    if preset.model.name == CONNECTOME_RNN:
        return [_connectome_spec(word, data)]
    return [named_spec(parse_graph(word, data=data), word)]


def _connectome_spec(word: str, data: Path | None) -> GraphSpec:
    """Describe the graph of a connectome network: a table of connections keeps weights and own self-loops.

    What was read as another graph, without them, is said.
    """
    from graph2nn.graphs.io.connectome.connectome_spec import connectome_text
    from graph2nn.graphs.spec import parse_graph, split_options

    path, written = split_options(word)
    text = None if path is None else connectome_text(path, written)
    graph = parse_graph(text or word, data=data)
    if text is not None:
        warnings.warn(
            f"{graph.name}: read as a connectome: the second column reads the first, weights are kept, and a "
            "neuron reads itself only where the table says so.",
            GraphNote,
            stacklevel=2,
        )
    elif path is not None and graph.self_loops == "all":
        lost = "" if graph.weights is not None else ", weights are left out"
        warnings.warn(
            f"{graph.name}: read as a general graph: every neuron reads itself{lost}. A table of connections "
            f"is read as a connectome, with {path}:pre=COLUMN,post=COLUMN where the columns have other names.",
            GraphNote,
            stacklevel=2,
        )
    return named_spec(graph, text or word)


def _rows(specs: Sequence[_Graph], name: str, rows: str) -> Sequence[_Graph]:
    """Return what ``7``, ``0:10`` or ``::100`` picks of a list, as Python counts."""
    parts = rows.split(":")
    chosen: Sequence[_Graph] = []
    if all(re.fullmatch(r"-?\d+", part) or (not part and len(parts) > 1) for part in parts) and len(parts) <= 3:
        numbers = [int(part) if part else None for part in parts]
        if len(parts) == 1:
            chosen = specs[int(rows) : int(rows) + 1] if int(rows) >= 0 else ()
        elif len(parts) < 3 or numbers[2] != 0:
            chosen = specs[slice(*numbers)]
    if not chosen:
        raise UserError(
            f"--select: {name}:{rows} names no row; {name} has rows 0 to {len(specs) - 1}, "
            f"and takes slices such as {name}:0:10."
        )
    return chosen


def catalogue_specs(name: str) -> list[GraphSpec]:
    """Return the graphs of a catalogue.

    Raises:
        UserError: no such catalogue.
    """
    from graph2nn.graphs.catalogues import catalogue

    return GraphSpec.of_rows(catalogue(name))


def _tell_apart(graphs: Sequence[GraphSpec | None]) -> list[GraphSpec | None]:
    """Number graphs that share a name: tables and figures know a graph by its name."""
    seen: dict[str, int] = {"baseline": 1}
    named: list[GraphSpec | None] = []
    for graph in graphs:
        if graph is not None:
            seen[graph.name] = seen.get(graph.name, 0) + 1
            if seen[graph.name] > 1:
                graph = graph.model_copy(update={"name": f"{graph.name} #{seen[graph.name]}"})
        named.append(graph)
    return named


def spread(name: str, count: int) -> list[GraphSpec]:
    """Return ``count`` graphs of a catalogue that lie as far apart on the (C, L) plane as they can.

    Farthest first from the catalogue's densest graph, both axes scaled to the catalogue's range; in the
    order of the catalogue.

    Raises:
        UserError: no such catalogue, or one with fewer graphs.
    """
    import numpy as np

    from graph2nn.graphs.catalogues import catalogue
    from graph2nn.graphs.cover import farthest_first

    table = catalogue(name)
    if not 1 <= count <= len(table):
        raise UserError(f"plan: {count} graphs asked of {name}, which has {len(table)}.")
    points = table[["clustering", "path_length"]].to_numpy()
    points = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    chosen = farthest_first(points, count, first=int(table["sparsity"].to_numpy().argmax()))
    return GraphSpec.of_rows(table.iloc[np.sort(chosen)])


def costs_of(configs: Sequence[RunConfig], data: Dataset) -> list[int]:
    """Return the multiply-adds per sample of each run's network; equal networks are matched once.

    Args:
        configs: the runs.
        data: their data set, which sets the sizes of inputs and outputs.

    Raises:
        UserError: a graph, an architecture or a budget that cannot be.

    Example:
        >>> from graph2nn import load_dataset
        >>> from graph2nn.experiments import plan, preset
        >>> configs = plan(preset("mlp-digits"), [None], [1, 2], data="digits")
        >>> costs_of(configs, load_dataset("digits"))
        [58624, 58624]
    """
    cost_by_network: dict[str, int] = {}
    costs = []
    for config in configs:
        network = config.model_copy(update={"seed": 0, "recipe": type(config.recipe)()}).digest
        if network not in cost_by_network:
            cost_by_network[network] = build(config, data, engine="masked").match.macs
        costs.append(cost_by_network[network])
    return costs
