"""Width matching of own models: the scale at which a relational network costs what its dense form costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from torch import nn

from graph2nn.arguments import checked_arguments
from graph2nn.budget import macs
from graph2nn.budget.trace import Inputs
from graph2nn.conversion.conversion_plan import Graphs
from graph2nn.conversion.relationalize import RelationalizeOptions, relationalize
from graph2nn.errors import UserError

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: The scale is found to this share of itself; widths are whole numbers, so costs move in steps anyway.
PRECISION = 1e-3
#: Largest scale that is tried: at 64 times the width even a graph with one edge per node costs the target.
LARGEST = 64.0


@dataclass(frozen=True)
class Scale:
    """Result of :func:`match_scale`.

    Attributes:
        scale: the width multiplier to build the network with.
        macs: multiply–adds of the relational network at that scale.
        target: multiply–adds of the dense network at scale 1.

    Example:
        >>> scale = Scale(scale=1.25, macs=1_010_000, target=1_000_000)
        >>> scale.macs / scale.target
        1.01
    """

    scale: float
    macs: int
    target: int

    @property
    def difference(self) -> float:
        """Share by which the cost differs from the target, for example 0.004."""
        return self.macs / self.target - 1


@checked_arguments
def match_scale(
    build: Callable[[float], nn.Module],
    graph: Graphs,
    inputs: Inputs,
    **relationalize_options: Unpack[RelationalizeOptions],
) -> Scale:
    """Find the width multiplier at which a relational network costs what the dense one does.

    The paper compares networks at equal multiply–adds (section 3.3): a relational network leaves out weights,
    and gets wider layers in return.

    Args:
        build: ``build(scale)`` returns the dense module with its widths multiplied by ``scale``, rounded as
            its author likes; it is called about fifteen times.
        graph: as :func:`graph2nn.relationalize` takes it.
        inputs: of one sample: a tensor, a tuple of positional arguments, or a mapping of keyword arguments.
        relationalize_options: ``include``, ``exclude``, ``stacked`` and the like, as for
            :func:`graph2nn.relationalize`.

    Returns:
        The scale whose cost is nearest to the target, with both costs. Build the network with it, then
        relationalize it with the same options.

    Raises:
        UserError: ``build`` does not return a module; the widths do not follow the scale; an error of
            :func:`graph2nn.relationalize` or :func:`graph2nn.macs`.

    Example:
        >>> import graph2nn as g
        >>> import torch
        >>> def build(scale):
        ...     width = round(64 * scale)
        ...     hidden = nn.Linear(width, width)
        ...     return nn.Sequential(nn.Linear(32, width), hidden, nn.ReLU(), nn.Linear(width, 10))
        >>> found = match_scale(build, g.ws_flex(16, 4, 0.2, seed=1), torch.zeros(1, 32))
        >>> found.scale > 1, abs(found.difference) < 0.02
        (True, True)
    """
    options = cast(RelationalizeOptions, {**relationalize_options, "engine": "masked", "remember": False})
    costs: dict[float, int] = {}

    def cost(scale: float) -> int:
        if scale not in costs:
            report = relationalize(_built(build, scale), graph, **options)
            costs[scale] = macs(report.module, inputs=inputs)
        return costs[scale]

    target = macs(_built(build, 1.0), inputs=inputs)
    low, high = _bracket(cost, target)
    while high - low > PRECISION * low and costs[low] != costs[high]:
        middle = (low + high) / 2
        low, high = (middle, high) if cost(middle) < target else (low, middle)
    best = min(sorted(costs), key=lambda scale: abs(costs[scale] - target))
    return Scale(best, costs[best], target)


def _bracket(cost: Callable[[float], int], target: int) -> tuple[float, float]:
    """Two scales whose costs enclose the target."""
    low = high = 1.0
    if cost(high) >= target:
        while cost(low) > target and low > 1 / LARGEST:
            low, high = low / 1.25, low
        return low, high
    while cost(high) < target:
        low, high = high, high * 1.5
        if high > LARGEST:
            raise UserError(
                f"match_scale: at {low:.3g} times the width the relational network costs {cost(low):,} "
                f"multiply-adds, below the target of {target:,}; build(scale) must multiply widths by scale."
            )
    return low, high


def _built(build: Callable[[float], nn.Module], scale: float) -> nn.Module:
    module = build(scale)
    if not isinstance(module, nn.Module):
        raise UserError(f"match_scale: build({scale:.4g}) returned a {type(module).__name__}, not a module.")
    return module
