"""Plan of a conversion: each weight with its graph and engine, or with the reason why it stays dense."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from torch import nn
from torch.nn.utils import parametrize

from graph2nn.budget.trace import Inputs
from graph2nn.conversion.example import example_run
from graph2nn.conversion.names import rejoined, restacked
from graph2nn.conversion.probe import can_probe, own_forward, probe
from graph2nn.conversion.weight_choice import HEAD, STEM, Selection, check_named, choose
from graph2nn.conversion.weights import RELATIONAL, Weight, weights_of
from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.engines import Kind
from graph2nn.layers.engines import choose as choose_layer_engine
from graph2nn.layers.weight_layout import Layout

#: One graph for all, one for each module in order, or a function of a module's name and the module.
Graphs = RelationalGraph | Sequence[RelationalGraph | None] | Callable[[str, nn.Module], RelationalGraph | None]


#: How many reasons an error gives when nothing would change.
_REASONS_SHOWN = 3


@dataclass(frozen=True)
class Step:
    """One weight that will follow a graph; those that share a parameter share the graph."""

    weight: Weight
    layout: Layout
    graph: RelationalGraph


@dataclass(frozen=True)
class ConversionPlan:
    """The steps, in order, and the weights that stay, each with its reason."""

    steps: list[Step]
    stay: list[tuple[Weight, str]]
    #: Widths of the concatenation that a module reads, by its name, where a run showed one.
    joined: dict[str, tuple[int, ...]] = field(default_factory=dict)


def make_plan(
    module: nn.Module,
    graph: Graphs,
    *,
    include: Selection | None,
    exclude: Selection | None,
    stacked: Mapping[str, int],
    stacked_inputs: Mapping[str, int | Sequence[int]],
    example: Inputs | None,
) -> ConversionPlan:
    """Decide what to do with each weight of ``module``, changing nothing.

    Args:
        module: the whole.
        graph: one, or one per weight, as :func:`graph2nn.relationalize` takes it.
        include, exclude: selectors of weights.
        stacked: weights made of several along the output axis, and how many.
        stacked_inputs: likewise along the input axis.
        example: arguments for one call of the module; None where they are not known.

    Returns:
        One step per weight that changes, and the reason for each one that does not.

    Raises:
        UserError: nothing to do, or something named that cannot be done.
    """
    weights = rejoined(restacked(weights_of(module), stacked), stacked_inputs)
    run = None if example is None else example_run(module, weights, example)
    order = None if run is None else run.order
    choice = choose(module, weights, include=include, exclude=exclude, order=order)
    graphs = _graphs(graph, choice.chosen)
    reasons = dict(choice.reasons)
    steps = []
    for weight in choice.chosen:
        step = _step(weight, graphs[weight.module_name])
        if isinstance(step, str):
            reasons[weight.name] = step
        else:
            steps.append(step)
    steps = _tied(steps, weights, reasons)
    check_named(weights, include, {step.weight.name for step in steps}, reasons)
    if not steps:
        raise _nothing(module, weights, reasons)
    stay = [(weight, reasons[weight.name]) for weight in weights if weight.name in reasons]
    return ConversionPlan(steps, stay, {} if run is None else run.joined)


def _nothing(module: nn.Module, weights: Sequence[Weight], reasons: Mapping[str, str]) -> UserError:
    kind = parametrize.type_before_parametrizations(module).__name__
    wired = [weight.name for weight in weights if reasons[weight.name] == RELATIONAL]
    if wired:
        return UserError(
            f"relationalize: this {kind} is relational already: {len(wired)} of its {len(weights)} weights "
            f"follow a graph (first {wired[0]}), and nothing else would change. Undo that "
            "with densify, or name other weights with include=."
        )
    # Each reason with the first weight that has it, the commonest first; stem and head are what a user expects.
    counts = Counter(reasons[weight.name] for weight in weights)
    first: dict[str, str] = {}
    for weight in weights:
        first.setdefault(reasons[weight.name], weight.name)
    telling = sorted(first, key=lambda reason: (reason in (STEM, HEAD), -counts[reason]))[:_REASONS_SHOWN]
    why = "; ".join(f"{first[reason]}: {reason}" for reason in telling) or "it has no weights"
    return UserError(
        f"relationalize: nothing in this {kind} would change ({why}). Say what should with include=."
    )


def _step(weight: Weight, graph: RelationalGraph | None) -> Step | str:
    assert isinstance(weight.layout, Layout)
    if graph is None:
        return "no graph for it"
    narrowest = weight.layout.narrowest
    if narrowest < graph.n:
        return f"{narrowest} features are fewer than the graph's {graph.n} nodes"
    if own_forward(weight.module) and can_probe(weight.module):
        seen = probe(weight.module, weight.tensor, weight.layout, graph)
        if seen is not None:
            return seen
    return Step(weight, weight.layout, graph)


def _graphs(graph: Any, chosen: Sequence[Weight]) -> dict[str, RelationalGraph | None]:
    """Return the graph of each module by its name.

    Raises:
        UserError: not a graph, or not as many as modules.
    """
    modules = {weight.module_name: weight.module for weight in chosen}
    if isinstance(graph, RelationalGraph):
        return dict.fromkeys(modules, graph)
    by_name: dict[str, RelationalGraph | None]
    if callable(graph):
        by_name = {name: graph(name, module) for name, module in modules.items()}
    elif isinstance(graph, Sequence):
        if len(graph) != len(modules):
            some = ", ".join([*modules][:2])
            raise UserError(
                f"relationalize: {len(graph)} graphs for {len(modules)} modules ({some}, …). "
                "Give one graph for all, one for each, or a function of name and module."
            )
        by_name = dict(zip(modules, graph, strict=True))
    else:
        by_name = dict.fromkeys(modules, graph)
    for name, one in by_name.items():
        if not isinstance(one, RelationalGraph | None):
            raise UserError(
                f"relationalize: {name} got a {type(one).__name__}, not a RelationalGraph; "
                "RelationalGraph.from_networkx and read_graph make one."
            )
    return by_name


def _tied(steps: Sequence[Step], weights: Sequence[Weight], reasons: dict[str, str]) -> list[Step]:
    """Keep the steps whose parameter is masked everywhere it is used; the others get a reason."""
    planned = {step.weight.name: step for step in steps}
    users: dict[int, list[Weight]] = {}
    for weight in weights:
        users.setdefault(id(weight.parameter), []).append(weight)
    kept = []
    for step in steps:
        others = [weight for weight in users[id(step.weight.parameter)] if weight is not step.weight]
        dense = [other.name for other in others if other.name not in planned or other.layout != step.layout]
        if dense:
            reasons[step.weight.name] = f"shares its parameter with {dense[0]}, which stays dense"
        else:
            first = users[id(step.weight.parameter)][0]
            kept.append(replace(step, graph=planned[first.name].graph))
    return kept


ModuleEngine = Literal["auto", "masked", "block", "edge"]
StepEngine = Literal["masked", "block", "edge"]


def choose_engines(module: nn.Module, steps: Sequence[Step], engine: ModuleEngine) -> list[StepEngine]:
    """Return the engine of each step.

    Args:
        module: the whole; a parameter that two of its modules share stays masked.
        steps: what is about to change.
        engine: as :func:`graph2nn.relationalize` takes it.

    Returns:
        One engine per step.
    """
    if engine == "masked":
        return ["masked"] * len(steps)
    uses = Counter(id(parameter) for part in module.modules() for parameter in part.parameters(recurse=False))
    return [_engine(step, engine) if uses[id(step.weight.parameter)] == 1 else "masked" for step in steps]


def _engine(step: Step, engine: ModuleEngine) -> StepEngine:
    from graph2nn.layers.block.block_weight import blocks_fit

    weight, layout = step.weight, step.layout
    if not blocks_fit(weight.module, weight.tensor, layout):
        return "masked"
    kind: Kind = "linear" if not layout.kernel else "conv1x1" if layout.kernel == (1, 1) else "conv3x3"
    into, out = layout.in_features, layout.out_features
    density = step.layout.weights_on(step.graph) / (into * out * math.prod(layout.kernel))
    chosen = choose_layer_engine(engine, kind, into, out, density, nodes=step.graph.n)
    return chosen if chosen in ("block", "edge") else "masked"
