"""Statistics on tables of runs. Knows no files, no figures and no pages.

``table`` checks a table of runs, ``summary`` computes one row per graph, ``findings`` and ``tasks`` gather
everything that is stated about one task and about several. ``mixed_model`` is behind every comparison:
``arms``, ``null_comparison``, ``split_seed`` and ``plan_tests``.
:mod:`graph2nn.report` draws and writes the findings.
"""

from graph2nn.analysis.arms import ArmComparison, compare_arms
from graph2nn.analysis.beyond.null_effects import NullComparison, compare_nulls
from graph2nn.analysis.split_seed import SplitSeedGain, split_seed_gain
from graph2nn.analysis.summary import Quadratic, SweetSpot, per_graph, quadratic_fit, sweet_spot

__all__ = [
    "ArmComparison",
    "NullComparison",
    "Quadratic",
    "SplitSeedGain",
    "SweetSpot",
    "compare_arms",
    "compare_nulls",
    "per_graph",
    "quadratic_fit",
    "split_seed_gain",
    "sweet_spot",
]
