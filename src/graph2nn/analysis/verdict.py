"""What the runs say about graphs against the baseline: the best, the mean of all, and each graph by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graph2nn.analysis import significance
from graph2nn.analysis.arms import ArmComparison, compare_arms
from graph2nn.analysis.beyond.noise import paired, seed_noise
from graph2nn.analysis.beyond.selection import Selection, gain_of_the_best
from graph2nn.analysis.evidence import trained
from graph2nn.analysis.table import Gap, checked_results
from graph2nn.arrays import Floats
from graph2nn.errors import UserError


@dataclass(frozen=True)
class Judgement:
    """Tests of the relational graphs against the baseline.

    Attributes:
        all_graphs: gain of the mean of all graphs; None without a baseline or a spread to judge by.
        best: gain of the graph that looks best, its selection accounted for; a gap where there is none.
        pooled: one row per graph: ``graph, p, p_holm, p_bh, gain``; the test uses the noise of a run pooled
            over all networks, seeds paired. Empty where no network has two runs.
        filled: runs left out because they were filled in from another seed.
    """

    all_graphs: ArmComparison | None
    best: Selection | Gap
    pooled: pd.DataFrame
    filled: int

    def count(self, level: float, *, better: bool = True, column: str = "p_holm") -> int:
        """Number of graphs that are better (or worse) than the baseline at a level after correction.

        Args:
            level: of the tests.
            better: count the better ones, or the worse ones.
            column: of p-values, which says how they are corrected.

        Returns:
            A number of graphs.
        """
        side = self.pooled["gain"] > 0 if better else self.pooled["gain"] < 0
        return int(((self.pooled[column] <= level) & side).sum())


def judge(runs: pd.DataFrame, *, seed: int = 0, confidence: float = 0.95) -> Judgement:
    """Test the relational graphs of a checked table against its baseline.

    Args:
        runs: one row per run, nulls apart; runs filled in from another seed are left out here.
        seed: of the simulated repetitions behind the best graph's interval.
        confidence: of the intervals.

    Returns:
        The tests.

    Example:
        >>> import pandas as pd
        >>> errors = {"baseline": [33.4, 33.1, 33.6], "a": [32.3, 32.2, 32.6], "b": [33.0, 32.6, 33.1]}
        >>> rows = [
        ...     {"graph": g, "kind": g if g == "baseline" else "relational", "seed": s, "test_error": e}
        ...     for g, values in errors.items()
        ...     for s, e in enumerate(values)
        ... ]
        >>> judge(pd.DataFrame(rows)).count(0.05)
        2
    """
    kept = trained(runs)
    results = checked_results(kept, columns=("graph", "kind", "seed", "test_error"))
    names = {kind: list(dict.fromkeys(kept.loc[kept["kind"] == kind, "graph"])) for kind in set(kept["kind"])}
    every = None
    if names.get("baseline") and names.get("relational"):
        try:
            every = compare_arms(kept, names["baseline"], names["relational"], confidence=confidence)
        except UserError:  # one run in each arm: the page says that nothing can be told
            every = None
    best = gain_of_the_best(results, seed=seed, confidence=confidence)
    return Judgement(every, best, _pooled(results.runs), len(runs) - len(kept))


def _pooled(runs: pd.DataFrame) -> pd.DataFrame:
    """Each graph against the baseline by a t-test with the noise of all networks."""
    from scipy import stats

    empty = pd.DataFrame(columns=["graph", "gain", "p", "p_holm", "p_bh"]).astype(
        {"gain": float, "p_holm": float}
    )
    noise = seed_noise(runs)
    baseline = runs["kind"] == "baseline"
    if noise is None or not baseline.any() or baseline.all():
        return empty
    # Where graphs and baseline share their seeds, what a seed does to all of them is taken off.
    shared = set(runs.loc[baseline, "seed"]) & set(runs.loc[~baseline, "seed"])
    level = paired(runs) if shared else runs
    errors = level[~baseline].groupby("graph", sort=False)["test_error"]
    gain = float(level.loc[baseline, "test_error"].mean()) - errors.mean()
    error = noise.sd * np.sqrt(1 / errors.size() + 1 / int(baseline.sum()))
    p: Floats = 2 * stats.t.sf(np.abs(gain / error), noise.freedom)
    return pd.DataFrame(
        {
            "graph": gain.index,
            "gain": gain.to_numpy(),
            "p": p,
            "p_holm": significance.holm(p),
            "p_bh": significance.benjamini_hochberg(p),
        }
    )
