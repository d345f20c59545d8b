"""Simulated runs of networks whose true means are known, for the intervals of these means."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graph2nn.analysis.mean_intervals import mean_intervals

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from run_tables import Spread, arms_table

Interval = tuple[float, float]
#: Arms as in ``calibration.ARMS``; the interval is that of the last network.
MEANS: Mapping[str, Mapping[str, Any]] = {
    "one network, 3 seeds": {"arms": [(1, range(3))]},
    "one network, 5 seeds": {"arms": [(1, range(5))]},
    "11 networks, 2 seeds": {"arms": [(1, range(2)), (10, range(2))]},
    "11 networks, 5 seeds": {"arms": [(1, range(5)), (10, range(5))]},
    "11 networks, 5 seeds, seeds move nothing": {"arms": [(1, range(5)), (10, range(5))], "seed": 0.0},
    "11 networks, 5 seeds, seeds move networks more than noise": {
        "arms": [(1, range(5)), (10, range(5))],
        "seed": 0.6,
    },
    "53 networks, 3 seeds": {"arms": [(1, range(3)), (52, range(3))]},
    "12 networks, 6 seeds, 30 % missing": {"arms": [(1, range(6)), (11, range(6))], "missing": 0.3},
}


def one_mean(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """True mean of the last network, interval before (percentile bootstrap of its runs), and now."""
    spread = Spread(seed=design.get("seed", 0.3))
    table = arms_table(rng, design["arms"], spread=spread, missing=design.get("missing", 0.0))
    last = str(table["graph"].iloc[-1])
    runs = table[table["graph"] == last]
    errors = runs["test_error"].to_numpy()
    drawn = errors[rng.integers(0, len(errors), (2000, len(errors)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    now = mean_intervals(table, [last], confidence=0.95)[0]
    before = (float(low), float(high)) if len(errors) > 1 else (float("nan"), float("nan"))
    return float(runs["true_mean"].iloc[0]), before, (float(now[0]), float(now[1]))
