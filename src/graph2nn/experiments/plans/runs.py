"""Runs of a plan: the networks of each arm, with their own seeds and the recipe of the arm."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from graph2nn.errors import UserError
from graph2nn.experiments.planning import select
from graph2nn.experiments.plans.schema import Arm, ExperimentPlan, Network, Settings
from graph2nn.experiments.presets import Preset, preset
from graph2nn.experiments.stored_graphs import stored_null
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.nulls import NullOptions, degree_null
from graph2nn.results.config import GraphSpec, RunConfig, override


@dataclass(frozen=True)
class PlannedRun:
    """One run, and the arm and part that it belongs to.

    Example:
        >>> from graph2nn.experiments.plans import Arm, ExperimentPlan, Network
        >>> arm = Arm(name="dense", part="A", networks=(Network(graph="baseline", seeds=(1,)),))
        >>> plan = ExperimentPlan(title="Dense", preset="mlp-digits", order=("A",), arms=(arm,))
        >>> run, = planned_runs(plan, data="digits")
        >>> run.arm, run.part, run.config.graph_name
        ('dense', 'A', 'baseline')
    """

    arm: str
    part: str
    config: RunConfig


def planned_runs(plan: ExperimentPlan, *, data: str, folder: Path | None = None) -> list[PlannedRun]:
    """List the runs of a plan in its order: part by part, inside a part seed by seed.

    Args:
        plan: the plan.
        data: label of the loaded data set; own data have the label that the plan was frozen with; where the
            plan names the data of each part, that is taken instead.
        folder: folder that may hold connectomes.

    Returns:
        One value per run, all different.

    Raises:
        UserError: a preset, graph or setting that does not exist, or one run in two arms.

    Example:
        >>> from graph2nn.experiments.plans import Arm, ExperimentPlan, Network
        >>> arm = Arm(name="dense", part="A", networks=(Network(graph="baseline", seeds=(3, 1)),))
        >>> plan = ExperimentPlan(title="Dense", preset="mlp-digits", order=("A",), arms=(arm,))
        >>> [run.config.seed for run in planned_runs(plan, data="digits")]
        [1, 3]
    """
    plan_preset = preset(plan.preset)
    graphs = _Graphs(plan_preset, folder)
    runs = [run for arm in plan.arms for run in _runs_of(plan, arm, plan_preset, data, graphs)]
    place = {part: number for number, part in enumerate(plan.order)}
    runs.sort(key=lambda run: (place[run.part], run.config.seed))
    arms: dict[str, str] = {}
    for run in runs:
        if (name := run.config.folder) in arms:
            raise UserError(f"plan: run {name} is in arm {arms[name]!r} and in arm {run.arm!r}; leave one out.")
        arms[name] = run.arm
    return runs


def _runs_of(
    plan: ExperimentPlan, arm: Arm, plan_preset: Preset, data: str, graphs: _Graphs
) -> Iterable[PlannedRun]:
    fitting = {} if plan.as_read is None else plan.as_read.set
    label = data if plan.as_read is None else plan.as_read.label
    base = override(
        RunConfig(
            preset=plan_preset.name,
            model=plan_preset.model,
            data=plan.part_data.get(arm.part, label),
            recipe=plan_preset.recipe,
            match=plan_preset.match,
        ),
        _assignments({**fitting, **plan.set, **arm.set}),
    )
    for network in arm.networks:
        graph = graphs.of(network)
        for seed in network.seeds:
            yield PlannedRun(arm.name, arm.part, base.model_copy(update={"graph": graph, "seed": seed}))


def _assignments(settings: Settings) -> list[str]:
    # Values of --set are YAML, to which JSON is JSON: a text keeps its quotes and colons.
    return [f"{key}={json.dumps(value) if _quoted(value) else value}" for key, value in settings.items()]


def _quoted(value: object) -> bool:
    """Whether a value must be written as JSON; a text that is a list, such as ``[64]``, is YAML already."""
    return value is None or isinstance(value, bool | list) or (isinstance(value, str) and value[:1] != "[")


class _Graphs:
    """The graphs of a plan, each with one name of its own: tables and figures know a graph by its name."""

    def __init__(self, plan_preset: Preset, folder: Path | None) -> None:
        self._preset, self._folder = plan_preset, folder
        self._kept: dict[Network, GraphSpec | None] = {}
        self._names: dict[str, GraphSpec] = {}

    def of(self, network: Network) -> GraphSpec | None:
        """Return the graph of a network; None for the baseline."""
        key = network.model_copy(update={"seeds": (0,)})
        if key not in self._kept:
            self._kept[key] = self._find(key)
        return self._kept[key]

    def _find(self, network: Network) -> GraphSpec | None:
        if network.rewired is not None:
            original = self.of(network.model_copy(update={"rewired": None}))
            assert original is not None  # the schema has refused a null of the baseline
            if original.stored is not None:
                drawn = network.rewired
                return stored_null(original, drawn.kind, drawn.seed, cast(NullOptions, drawn.options))
            if network.rewired.kind != "degree" or network.rewired.options:
                raise UserError(
                    f"plan: {original.name}: nulls of kind {network.rewired.kind!r} and options of nulls are "
                    "for connectomes of neurons, such as larva; leave them out."
                )
            null = degree_null(original.build(), network.rewired.seed, connected=True)
            return self._named(GraphSpec.of(null).model_copy(update={"null_of": original.name}))
        if network.ws_flex is not None:
            arguments = network.ws_flex
            spec = GraphSpec.of_ws_flex(arguments.n, arguments.sparsity, arguments.p, arguments.seed)
        else:
            selected = select(self._preset, [str(network.graph)], data=self._folder)
            if len(selected) != 1:
                raise UserError(f"plan: {network.graph!r} is {len(selected)} graphs, expected one per network.")
            if selected[0] is None:
                return None
            spec = selected[0]
        if network.symmetrise:
            spec = GraphSpec.of(_renamed(spec.build().symmetrised(), f"{spec.name} symmetrised"))
        return self._named(spec)

    def _named(self, spec: GraphSpec) -> GraphSpec:
        """Number graphs that differ and share a name."""
        name, number = spec.name, 1
        while name in self._names and self._names[name] != spec.model_copy(update={"name": name}):
            number += 1
            name = f"{spec.name} #{number}"
        spec = spec.model_copy(update={"name": name})
        return self._names.setdefault(name, spec)


def _renamed(graph: RelationalGraph, name: str) -> RelationalGraph:
    return graph.renamed(name)
