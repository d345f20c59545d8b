"""From a results table to statements about graphs, figures and a report.

Rooms inside the room: ``table`` checks the runs, ``summary`` turns them into statements, ``findings`` gathers
the statements once, ``figures`` draws them, ``page`` writes them, ``report`` puts all of it in a folder.
``mixed_model`` is behind every comparison: ``arms``, ``null_comparison``, ``split_seed`` and ``plan_tests``.
"""

from graph2nn.analysis.arms import ArmComparison, compare_arms
from graph2nn.analysis.beyond.nulls import NullComparison, compare_nulls
from graph2nn.analysis.report import write_report
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
    "write_report",
]
