"""Which engine computes each weight of a module that is made relational."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from torch import nn

from graph2nn.conversion.plan import Step
from graph2nn.layers.engines import Kind, choose

ModuleEngine = Literal["auto", "masked", "block"]
StepEngine = Literal["masked", "block"]


def choose_engines(module: nn.Module, steps: Sequence[Step], engine: ModuleEngine) -> list[StepEngine]:
    """Return the engine of each step.

    Args:
        module: the whole; a parameter that two of its modules share stays masked.
        steps: what is about to change.
        engine: as :func:`graph2nn.relationalize` takes it.
    """
    if engine == "masked":
        return ["masked"] * len(steps)
    uses = Counter(id(parameter) for part in module.modules() for parameter in part.parameters(recurse=False))
    return [_engine(step, engine) if uses[id(step.weight.parameter)] == 1 else "masked" for step in steps]


def _engine(step: Step, engine: ModuleEngine) -> StepEngine:
    from graph2nn.layers.block.parametrisation import blocks_fit

    weight, layout = step.weight, step.layout
    if not blocks_fit(weight.module, weight.tensor, layout):
        return "masked"
    kind: Kind = "linear" if not layout.kernel else "conv1x1" if layout.kernel == (1, 1) else "conv3x3"
    into, out = layout.in_features, layout.out_features
    density = step.layout.weights_on(step.graph) / (into * out * math.prod(layout.kernel))
    return "block" if choose(engine, kind, into, out, density) == "block" else "masked"
