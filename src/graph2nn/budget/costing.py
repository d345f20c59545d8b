"""Cost of each layer of a named architecture on a graph, computed without allocating weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from graph2nn.arguments import checked_arguments
from graph2nn.budget.bill import Bill
from graph2nn.budget.matching import match
from graph2nn.budget.trace import LayerCost, layer_costs, refuse_large_sample
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.models.architecture import Size
from graph2nn.models.registry import ARCHITECTURES, architecture, build_model
from graph2nn.wiring import Dense, Wiring


@dataclass(frozen=True)
class Cost:
    """The cost of a network: its widths, its layers, and their sums.

    ``target`` is what the dense baseline costs, in multiply-adds.

    Example:
        >>> from graph2nn import cost
        >>> table = cost("mlp5")
        >>> table.widths, table.macs == table.target
        ([512], True)
    """

    model: str
    widths: list[int]
    layers: list[LayerCost]
    target: int

    @property
    def macs(self) -> int:
        """Multiply-adds a sample."""
        return sum(layer.macs for layer in self.layers)

    @property
    def params(self) -> int:
        """Learnt parameters in use."""
        return sum(layer.parameters for layer in self.layers)


@checked_arguments
def cost(
    model: str,
    graph: RelationalGraph | Wiring | None = None,
    *,
    widths: Sequence[int] | None = None,
    num_classes: int | None = None,
    input_size: Size | None = None,
    **options: Any,
) -> Cost:
    """Build a network without memory for its weights, trace it, and list what each layer costs.

    Args:
        model: name of an architecture.
        graph: a graph or wiring; without one, the dense network.
        widths: one per stage; without them, those that :func:`match` finds for the baseline's budget.
        num_classes: outputs; the architecture's own if left out.
        input_size: of one sample; the architecture's own if left out.
        options: of the architecture.

    Returns:
        Widths, layers and the baseline's multiply-adds.

    Raises:
        UserError: unknown model, wrong widths, or an input the network cannot take.

    Example:
        >>> from graph2nn import ws_flex
        >>> table = cost("mlp5", ws_flex(64, 8, 0.1, seed=1))
        >>> table.widths, table.macs, table.target
        ([1539], 2365424, 2364416)
    """
    described = architecture(model)
    size = input_size or described.input_size
    refuse_large_sample(size)
    if widths is None:
        widths = match(model, graph, num_classes=num_classes, input_size=input_size, **options).widths
    with torch.device("meta"):
        network = build_model(model, graph, widths, num_classes, input_size=input_size, **options)
    layers = layer_costs(network, inputs=described.inputs(size))
    return Cost(model, list(widths), layers, _baseline(model, num_classes, size, options)[0])


def baselines() -> dict[str, tuple[int, int]]:
    """Multiply-adds and parameters of the dense baseline of every architecture, by name.

    Example:
        >>> baselines()["mlp5"]  # doctest: +SKIP
        (2364416, 2368522)
    """
    return {name: _baseline(name, None, described.input_size, {}) for name, described in ARCHITECTURES.items()}


def _baseline(model: str, num_classes: int | None, size: Size, options: dict[str, Any]) -> tuple[int, int]:
    described = architecture(model)
    classes = num_classes or described.num_classes
    bill = Bill(lambda widths: described.shapes(widths, classes, size, **options), Dense(), described.widths)
    return bill.macs(described.widths), bill.parameters(described.widths)
