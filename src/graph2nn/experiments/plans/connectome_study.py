"""Draft of the plan of a connectome study: a connectome against its ladder of nulls and dense networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graph2nn.errors import UserError
from graph2nn.experiments.plans.schema import (
    Arm,
    ExperimentPlan,
    Network,
    Null,
    NullKind,
    PlannedTest,
    Rules,
    Settings,
)
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.nulls.node_selection import node_labels, node_positions

#: The ladder, from the null that keeps least to the one that keeps most.
LADDER: tuple[NullKind, ...] = (
    "density", "degree", "spatial", "reciprocal", "block", "boundary", "weights", "signs",
)  # fmt: skip
#: Dense networks and their cells; the width makes as many recurrent weights as the connectome has connections.
DENSE = {"dense RNN": ("rnn", 1), "dense GRU": ("gru", 3)}

_RULES = (
    "Primary: the connectome against each of its nulls on each task, paired by seed, Holm over all of them.",
    "Secondary: equivalence with each null within the margin of its task, and the dense networks; Holm.",
    "Descriptive: the same differences of the training loss after the last epoch.",
    "An advantage of the wiring is claimed on a task only for those rungs of the ladder whose null the "
    "connectome beats; a null that beats the connectome, or is equivalent to it, is reported in the same "
    "sentence.",
)
_NOTES = (
    "Run s of every arm has training seed s, which fixes the frozen encoder, the read-out's start and the "
    "order of the data; the null of run s is drawn with seed s, so that no null is used twice.",
    "Weights start as synapse counts with {}, scaled so that the squares of each neuron's weights "
    "add up to the square of init_gain. The page of the comparison measures the root mean squares of weights "
    "and activity that each arm starts from.",
)
_OWN_SIGNS = "the signs of the connectome, random ones where it has none"


def draft_connectome_plan(
    graph: str,
    *,
    connections: int,
    inputs: str,
    outputs: str,
    data: Mapping[str, str],
    margins: Mapping[str, float],
    groups: str | None = None,
    positions: Sequence[str] | None = None,
    signs: bool = False,
    seeds: int = 10,
    settings: Settings | None = None,
) -> ExperimentPlan:
    """Return the plan, not frozen.

    Args:
        graph: the connectome, as ``--graph`` takes it.
        connections: of it, for the widths of the dense networks.
        inputs, outputs: expressions on its table of neurons.
        data: label of the data set of each task, by a name for the task.
        margins: of equivalence on each task, in the unit of its score.
        groups: column of cell types for block nulls; without one they are left out.
        positions: columns of positions for spatial nulls; without them these are left out.
        signs: the connectome has connections of both signs (:func:`has_both_signs`): plan signs nulls, too.
        seeds: runs per arm, each with a null of its own.
        settings: values of the config common to all arms; they win over those of the draft.

    Returns:
        The plan.

    Raises:
        UserError: a task without a margin, no task, or fewer than two seeds.

    Example:
        >>> plan = draft_connectome_plan(
        ...     "worm", connections=2000, inputs="cell == 'S'", outputs="cell == 'M'",
        ...     data={"memory": "memory-capacity"}, margins={"memory": 0.2},
        ... )
        >>> plan.count(), len(plan.tests), plan.arms[-1].set["model.options.baseline_width"]
        (80, 21, 26)
    """
    if not data or seeds < 2:
        raise UserError("plan: name at least one task with --data NAME=DATA, and at least two seeds.")
    if lacking := [task for task in data if task not in margins]:
        raise UserError(
            f"plan: task {lacking[0]!r} has no margin of equivalence; give --margin {lacking[0]}=X."
        )
    options: dict[NullKind, dict[str, Any] | None] = {
        "block": None if groups is None else {"groups": groups},
        "spatial": None if positions is None else {"positions": list(positions)},
        "boundary": {"inputs": inputs, "outputs": outputs},
        "signs": {} if signs else None,
    }
    nulls = {kind: given for kind in LADDER if (given := options.get(kind, {})) is not None}
    kinds = list(nulls)
    arms, tests = [], []
    for task in data:
        arms += _arms(task, graph, nulls, connections, seeds)
        tests += _tests(task, kinds, margins[task])
    common: Settings = {
        "model.options.inputs": inputs,
        "model.options.outputs": outputs,
        "model.options.spectral_radius": None,
        "model.options.init": "scaled_synapses",
        "model.options.init_gain": 0.8,
        "model.options.train_encoder": False,
        **(settings or {}),
    }
    return ExperimentPlan(
        title=f"Does the wiring of {graph} matter?",
        hypotheses=tuple(
            f"{task}: the connectome has another error than its {kind} nulls."
            for task in data
            for kind in kinds
        ),
        preset="connectome-rnn",
        set=common,
        part_data=dict(data),
        order=tuple(data),
        arms=tuple(arms),
        tests=tuple(tests),
        rules=Rules(text=_RULES),
        notes=tuple(note.format(_OWN_SIGNS if signs else "random signs") for note in _NOTES),
    )


def has_both_signs(graph: RelationalGraph) -> bool:
    """Whether a connectome has excitatory and inhibitory connections, so that its signs can be shuffled."""
    return graph.signs is not None and {-1, 1} <= set(np.unique(graph.signs).tolist())


def check_columns(graph: RelationalGraph, groups: str | None, positions: Sequence[str] | None) -> None:
    """Check the columns that nulls of a plan read, before the plan is written and frozen.

    Args:
        graph: the connectome.
        groups, positions: as for :func:`draft_connectome_plan`.

    Raises:
        UserError: no such column, or positions that are not numbers or missing.
    """
    if groups is not None:
        node_labels(graph, groups, "groups")
    if positions is not None:
        node_positions(graph, positions)


def _arms(
    task: str, graph: str, nulls: Mapping[NullKind, Mapping[str, Any]], connections: int, seeds: int
) -> list[Arm]:
    numbers = tuple(range(1, seeds + 1))
    made = [Arm(name=f"{task}: connectome", part=task, networks=(Network(graph=graph, seeds=numbers),))]
    for kind, options in nulls.items():
        networks = tuple(
            Network(
                graph=graph,
                rewired=Null.model_validate({"kind": kind, **options, "seed": seed}),
                seeds=(seed,),
            )
            for seed in numbers
        )
        made.append(Arm(name=f"{task}: {kind} nulls", part=task, networks=networks))
    for name, (cell, gates) in DENSE.items():
        width = round((connections / gates) ** 0.5)
        changes: Settings = {"model.options.baseline_cell": cell, "model.options.baseline_width": width}
        dense = (Network(graph="baseline", seeds=numbers),)
        made.append(Arm(name=f"{task}: {name}", part=task, set=changes, networks=dense))
    return made


def _tests(task: str, kinds: Sequence[NullKind], margin: float) -> list[PlannedTest]:
    connectome = f"{task}: connectome"
    tests = []
    for kind in kinds:
        arms = (f"{task}: {kind} nulls", connectome)
        named = f"{task}: connectome against {kind} nulls"
        tests += [
            PlannedTest(name=named, kind="paired_t_by_seed", part=task, arms=arms, family="primary"),
            PlannedTest(
                name=f"{named}, equivalence", kind="tost", part=task, arms=arms, family="secondary",
                margin=margin,
            ),
            PlannedTest(
                name=f"{named}, training loss", kind="paired_t_by_seed", part=task, arms=arms,
                family="descriptive", measure="train_loss",
            ),
        ]  # fmt: skip
    for name in DENSE:
        arms = (f"{task}: {name}", connectome)
        named = f"{task}: connectome against {name}"
        tests += [
            PlannedTest(name=named, kind="paired_t_by_seed", part=task, arms=arms, family="secondary"),
            PlannedTest(
                name=f"{named}, training loss", kind="paired_t_by_seed", part=task, arms=arms,
                family="descriptive", measure="train_loss",
            ),
            PlannedTest(
                name=f"{named}, equivalence", kind="tost", part=task, arms=arms, family="secondary",
                margin=margin,
            ),
        ]  # fmt: skip
    return tests
