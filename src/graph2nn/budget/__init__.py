"""Budgets: multiply-adds, parameters, and the widths that meet a target."""

from graph2nn.budget.costing import Cost, baselines, cost
from graph2nn.budget.matching import Match, match, match_widths
from graph2nn.budget.trace import LayerCost, layer_costs, macs, parameters

__all__ = [
    "Cost",
    "LayerCost",
    "Match",
    "baselines",
    "cost",
    "layer_costs",
    "macs",
    "match",
    "match_widths",
    "parameters",
]
