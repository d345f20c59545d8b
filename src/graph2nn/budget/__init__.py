"""The budget: multiply-adds, parameters, and the widths that meet a target. Pure functions."""

from graph2nn.budget.matching import Match, match, match_widths
from graph2nn.budget.trace import macs, parameters

__all__ = ["Match", "macs", "match", "match_widths", "parameters"]
