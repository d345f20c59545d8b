"""What the runs say about graphs against the baseline: the best, the mean of all, and each graph by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graph2nn.analysis import significance
from graph2nn.analysis.arms import ArmComparison, compare_arms
from graph2nn.analysis.beyond.noise import Noise, paired, seed_noise
from graph2nn.analysis.beyond.selection import Selection, gain_of_the_best
from graph2nn.analysis.evidence import trained
from graph2nn.analysis.table import Gap, checked_results
from graph2nn.arrays import Floats
from graph2nn.errors import UserError

#: Level of the F-test by which graphs and baseline are taken to be moved alike by training seeds. Set by
#: simulation: a stricter one overlooks seeds that move them apart (false positives in 8 to 15 %), a laxer one
#: gives power away where they do not.
ALIKE = 0.2


@dataclass(frozen=True)
class Judgement:
    """Tests of the relational graphs against the baseline.

    Attributes:
        all_graphs: gain of the mean of all graphs; None without a baseline or a spread to judge by.
        best: gain of the graph that looks best, its selection accounted for; a gap where there is none.
        pooled: one row per graph: ``graph, p, p_holm, p_bh, gain``; the test uses the noise of a run pooled
            over all networks, seeds paired, and where a seed moves the graphs and the baseline differently
            the error of all graphs' gain besides. Empty where no network has two runs.
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
    return Judgement(every, best, _pooled(results.runs, every), len(runs) - len(kept))


def _pooled(runs: pd.DataFrame, every: ArmComparison | None) -> pd.DataFrame:
    """Each graph against the baseline by a t-test with the noise of all networks.

    Args:
        runs: of graphs and baseline.
        every: gain of the mean of all graphs.
    """
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
    of_graph: Floats = noise.sd**2 / errors.size().to_numpy(dtype=np.float64)
    variance: Floats = of_graph + noise.sd**2 / int(baseline.sum())
    freedom: Floats = np.full(len(of_graph), float(noise.freedom))
    if every is not None and not _moved_alike(runs, noise):
        if not every.own_error > 0:
            return empty
        # The gain of all graphs, and how a graph differs from their mean, which no seed moves.
        apart = of_graph * (1 - 1 / len(of_graph))
        variance = every.own_error**2 + apart
        parts = every.own_error**4 / every.own_freedom + np.square(apart) / noise.freedom
        freedom = np.asarray(np.square(variance) / parts, dtype=np.float64)
    statistic = np.abs(gain.to_numpy()) / np.sqrt(variance)
    p: Floats = np.asarray(2 * stats.t.sf(statistic, freedom), dtype=np.float64)
    return pd.DataFrame(
        {
            "graph": gain.index,
            "gain": gain.to_numpy(),
            "p": p,
            "p_holm": significance.holm(p),
            "p_bh": significance.benjamini_hochberg(p),
        }
    )


def _moved_alike(runs: pd.DataFrame, noise: Noise) -> bool:
    """Whether graphs and baseline share their seeds, and no seed is found to move them differently (F-test)."""
    from scipy import stats

    is_baseline = runs["kind"] == "baseline"
    graphs = runs[~is_baseline]
    about = graphs["test_error"] - graphs.groupby("graph")["test_error"].transform("mean")
    moved = about.groupby(graphs["seed"]).agg(["mean", "size"])
    baseline = runs[is_baseline].groupby("seed")["test_error"].agg(["mean", "size"])
    if set(moved.index) != set(baseline.index) or len(moved) < 2:
        return False
    expected = float((1 / moved["size"] + 1 / baseline["size"]).mean())
    ratio = float((baseline["mean"] - moved["mean"]).var(ddof=1)) / (noise.sd**2 * expected)
    return bool(stats.f.sf(ratio, len(moved) - 1, noise.freedom) > ALIKE)
