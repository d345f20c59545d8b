"""Findings of one table of runs, computed once; figures, page and summary.json read them from here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Literal

import numpy as np
import pandas as pd

from graph2nn.analysis import significance
from graph2nn.analysis.beyond.selection import held_out_gain
from graph2nn.analysis.evidence import trained
from graph2nn.analysis.quadratic import Quadratic, quadratic_fit
from graph2nn.analysis.summary import summarise
from graph2nn.analysis.sweetspot import SweetSpot, sweet_spot
from graph2nn.analysis.table import Gap, Results, checked_results, on_plane, order_by_mean
from graph2nn.analysis.verdict import Judgement, judge
from graph2nn.arrays import Floats
from graph2nn.errors import UserError
from graph2nn.tasks import Score

#: Level of every test in a report, after correction where many graphs are tested.
ALPHA = 0.05

Verdict = Literal["better", "others-better", "not-better", "untested", "no-baseline"]


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of mean error with a measure, over the relational graphs."""

    rho: float
    p_value: float


@dataclass(frozen=True)
class Findings:
    """What a results table says.

    Attributes:
        results: the checked runs.
        graphs: the relational graphs, best first (stable), as rows of :func:`per_graph`; and ``p_value``,
            ``p_holm``, the tests of ``judged.pooled``, by which every table and figure calls a graph better or
            worse.
        baseline: the baseline's row, or None.
        spot: the sweet spot.
        fits: parabola of mean error against ``clustering`` and ``path_length``, or None.
        correlations: Spearman of mean error with the same two, or None; without runs that were filled in.
        judged: tests of the graphs against the baseline: the mean of all, the best with its selection accounted
            for, and each graph by the pooled noise of all networks.
        beating_welch, beating_bh, losing_welch: graphs whose mean lies below (above) the baseline's with an
            adjusted Welch p-value up to ``ALPHA``: after Holm, after Benjamini and Hochberg, after Holm.
        tested: graphs that could be tested against the baseline.
        held_out_gain: gain of the graph that looks best without a seed, on that seed; see
            :func:`graph2nn.analysis.beyond.selection.held_out_gain`.
        confidence: of all intervals.
        rank: place of ``best`` among ``graphs``: 0, the first, unless a published rule says otherwise, or the
            graph was chosen on a validation part.
        highlighted: labels of graphs that figures and tables mark, in the order given.
    """

    results: Results
    graphs: pd.DataFrame
    baseline: pd.Series | None
    spot: SweetSpot
    fits: dict[str, Quadratic | None]
    correlations: dict[str, Correlation | None]
    judged: Judgement
    beating_welch: int
    beating_bh: int
    losing_welch: int
    tested: int
    held_out_gain: float | None
    confidence: float
    rank: int = 0
    highlighted: tuple[str, ...] = ()

    @property
    def evidence(self) -> pd.DataFrame:
        """The runs that intervals and tests are made of: without those filled in from another seed."""
        return trained(self.results.runs)

    @property
    def placed(self) -> pd.DataFrame:
        """The graphs that have a place on the (C, L) plane; see :func:`graph2nn.analysis.table.on_plane`."""
        return on_plane(self.graphs)

    @property
    def symmetrised(self) -> bool:
        """Whether some graphs are directed: C and L are then those of their symmetrised form."""
        return "directed" in self.graphs and bool(self.graphs["directed"].eq(True).any())

    @property
    def score(self) -> Score:
        """The score that the runs minimise, which every mean and gain here is one of."""
        return self.results.score

    @property
    def digits(self) -> int:
        """Digits after the point that the scores of these runs are written with."""
        return self.score.digits(float(self.graphs["mean"].median()))

    @property
    def chosen_on(self) -> Literal["validation", "test"]:
        """The part of the data on which the best graph was chosen."""
        return "validation" if self.results.validated else "test"

    @property
    def best(self) -> pd.Series:
        """Row of the graph with the lowest mean error, or of the one ``rank`` places behind it."""
        return self.graphs.iloc[self.rank]

    @property
    def standing(self) -> dict[str, Literal["better", "worse"]]:
        """The graphs that are better or worse than the baseline after Holm's correction, by their labels."""
        clear = self.judged.pooled[self.judged.pooled["p_holm"] <= ALPHA]
        pairs = zip(clear["graph"], clear["gain"], strict=True)
        return {str(graph): "better" if gain > 0 else "worse" for graph, gain in pairs}

    @property
    def verdict(self) -> Verdict:
        """Whether graphs beat the baseline: the best of them, their mean, or some of them one by one."""
        if self.baseline is None:
            return "no-baseline"
        every, best = self.judged.all_graphs, self.judged.best
        if (not isinstance(best, Gap) and best.low > 0) or (every is not None and every.low > 0):
            return "better"
        if self.beating:
            return "others-better"
        return "untested" if isinstance(best, Gap) else "not-better"

    @property
    def beating(self) -> int:
        """Graphs better than the baseline after Holm's correction, by the pooled noise of all networks."""
        return self.judged.count(ALPHA)

    @property
    def losing(self) -> int:
        """Graphs worse than the baseline after Holm's correction, by the pooled noise of all networks."""
        return self.judged.count(ALPHA, better=False)


def collect_findings(
    table: pd.DataFrame, *, seed: int = 0, confidence: float = 0.95, rank: int = 0
) -> Findings:
    """Work out what a results table says.

    Args:
        table: one row per finished run; columns as in :data:`graph2nn.analysis.table.COLUMNS`.
        seed: of the draws behind the interval of the best graph.
        confidence: of the intervals.
        rank: which graph in the order of means plays the best; see :func:`sweet_spot`. Runs with a score on a
            validation part decide that by themselves: their best graph is the one with the lowest mean there.

    Returns:
        The findings.

    Raises:
        UserError: as :func:`per_graph`, no relational graph finished, or no graph of that rank.
    """
    results = checked_results(table)
    judged = judge(results.runs, seed=seed, confidence=confidence)
    rows = _tested(summarise(results, confidence=confidence), judged)
    relational = rows.loc[rows["kind"] == "relational"]
    if relational.empty:
        raise UserError("results: no relational graph finished, so there is nothing to compare. Train one.")
    order = order_by_mean(relational, relational["mean"].to_numpy(dtype=np.float64))
    graphs = relational.iloc[order].reset_index(drop=True)
    if results.validated:
        rank = _chosen(results, graphs)
    baseline_rows = rows.loc[rows["kind"] == "baseline"]
    placed = on_plane(graphs)
    measures = {name: placed[name].to_numpy(dtype=np.float64) for name in ("clustering", "path_length")}
    placed_mean = placed["mean"].to_numpy(dtype=np.float64)
    evidence = replace(results, runs=trained(results.runs))
    errors = evidence.errors()
    tested_mean = significance.moments([errors.get(label, np.full(1, np.nan)) for label in placed["graph"]])[1]
    gain = graphs["gain"].to_numpy(dtype=np.float64)
    p = graphs["p_welch"].to_numpy(dtype=np.float64)
    clear = significance.holm(p) <= ALPHA
    return Findings(
        results=results,
        graphs=graphs,
        baseline=None if baseline_rows.empty else baseline_rows.iloc[0],
        spot=sweet_spot(results.runs, rank=rank),
        fits={name: quadratic_fit(x, placed_mean) for name, x in measures.items()},
        correlations={name: _spearman(x, tested_mean) for name, x in measures.items()},
        judged=judged,
        beating_welch=int((clear & (gain > 0)).sum()),
        beating_bh=int(((significance.benjamini_hochberg(p) <= ALPHA) & (gain > 0)).sum()),
        losing_welch=int((clear & (gain < 0)).sum()),
        tested=int(np.isfinite(p).sum()),
        held_out_gain=held_out_gain(evidence),
        confidence=confidence,
        rank=rank,
    )


def _tested(rows: pd.DataFrame, judged: Judgement) -> pd.DataFrame:
    """Add the p-values of the verdict to each graph; NaN if it was not tested."""
    tests = judged.pooled.set_index("graph")[["p", "p_holm"]].astype(np.float64).reindex(rows["graph"])
    return rows.assign(p_value=tests["p"].to_numpy(), p_holm=tests["p_holm"].to_numpy())


def _chosen(results: Results, graphs: pd.DataFrame) -> int:
    """Return the row of the graph with the lowest mean score on the validation part.

    The graphs come in the order of the test part, which must not decide between equals.
    """
    means = results.runs.groupby("graph")["validation_error"].mean()
    first = results.first_rows()
    given = first[first["kind"] == "relational"]
    order = order_by_mean(given, given["graph"].map(means).to_numpy(dtype=np.float64))
    return graphs["graph"].tolist().index(given["graph"].iloc[order[0]])


#: Up to this many graphs the p-value of a rank correlation counts all orders.
_EXACT = 7


def _spearman(x: Floats, y: Floats) -> Correlation | None:
    from scipy import stats

    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    test = stats.spearmanr(x.ravel(), y.ravel())
    if len(x) > _EXACT:
        return Correlation(rho=float(test.statistic), p_value=float(test.pvalue))
    # Student's distribution gives p = 0 to three graphs in order, which one in three random orders are.
    ranks = stats.rankdata(x.ravel()) - (len(x) + 1) / 2
    orders = np.array(list(permutations(stats.rankdata(y.ravel()) - (len(y) + 1) / 2)))
    products = np.abs(orders @ ranks)
    extreme = products >= np.abs(ranks @ orders[0]) - 1e-9
    return Correlation(rho=float(test.statistic), p_value=float(extreme.mean()))
