"""Gain of the best graph without selection bias: some seeds choose the graph, the others judge it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.analysis.arms import contrast_arms
from graph2nn.analysis.beyond.noise import Noise, paired, seed_noise
from graph2nn.analysis.beyond.repetitions import Repetitions, repeat
from graph2nn.analysis.beyond.seed_splits import gains_held_out, splits
from graph2nn.analysis.significance import moments
from graph2nn.analysis.table import Gap, Results, order_by_mean
from graph2nn.arrays import Floats, Longs
from graph2nn.errors import UserError


@dataclass(frozen=True)
class Selection:
    """What the best graph gains over the baseline, and how much of it is luck.

    Attributes:
        best: the graph with the lowest mean over all seeds; :func:`order_by_mean` decides ties.
        naive: the baseline's mean minus its mean (points): what a reader would quote.
        honest: mean gain, on the seeds left out, of the graph that the other seeds choose.
        low, high: interval of the true gain of ``best``, with the choice accounted for; ``p_value``, two-sided,
            of a gain of 0.
        optimism: naive − honest.
        chosen: ``graph``; ``splits``, share of the splits that choose it; ``repeats``, share of simulated
            repetitions of the whole experiment that choose it; ``p_best``, probability that no graph is truly
            better. Most often chosen first; graphs that nothing chose are left out.
        seeds: training seeds. choose: seeds that a split chooses on. splits: their number.
        noise: standard deviation of a run about its graph's mean (points).
        spread: standard deviation of the graphs' true means (points).
        confidence: of the interval. draws: simulated repetitions.
    """

    best: str
    naive: float
    honest: float
    low: float
    high: float
    p_value: float
    optimism: float
    chosen: pd.DataFrame
    seeds: int
    choose: int
    splits: int
    noise: float
    spread: float
    confidence: float
    draws: int


def gain_of_the_best(
    results: Results,
    *,
    choose: int | None = None,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Selection | Gap:
    """Estimate the gain of the best graph over the baseline with its selection accounted for.

    The lowest of many noisy means is low partly by luck. So the training seeds are split: some choose the
    best graph, the others judge it, over all splits; the mean of the judgements is ``honest``.

    The interval comes from a bootstrap over runs. Resampling three seeds would put one seed on both sides of
    a split and cannot tell their spread, so whole experiments are simulated instead: true means of the graphs
    from their empirical-Bayes posterior (normal), runs about them from the pooled residuals of all graphs and
    the baseline (resampled, and rescaled by a χ² draw as their number is finite), and in each the distance of
    the split estimate from the true gain of the graph that all its seeds choose. ``honest`` minus the
    quantiles of that distance is the interval: it corrects for choosing on fewer seeds as well.

    Args:
        results: the checked runs.
        choose: seeds to choose on; all but one if left out.
        draws: simulated repetitions, at least 100.
        seed: of the simulation.
        confidence: of the interval.

    Returns:
        A gap without a baseline, with one seed, or if no run differs from another of its graph.

    Raises:
        UserError: ``choose``, ``draws`` or ``confidence`` out of range.
    """
    if draws < 100 or not 0 < confidence < 1:
        raise UserError(
            f"selection: draws = {draws}, confidence = {confidence:g}; expected at least 100, within (0, 1)."
        )
    labels, errors, baseline = _matrix(results.runs)
    seeds = errors.shape[1]
    if len(baseline) == 0:
        return Gap("there is no baseline to gain on")
    if seeds < 2:
        return Gap("one training seed cannot both choose a graph and judge it; train a second")
    if choose is not None and not 0 < choose < seeds:
        raise UserError(f"selection: choose = {choose} lies outside 1…{seeds - 1} ({seeds} seeds).")
    choose = seeds - 1 if choose is None else choose
    noise = seed_noise(results.runs)
    if noise is None:
        return Gap("no run differs from another of its graph, so there is no noise to account for")
    error = baseline_error(results.runs)
    best = _best(results.runs, labels, errors)
    return _estimated(
        labels, errors, best, baseline, noise, choose, error, draws=draws, seed=seed, confidence=confidence
    )


def baseline_error(runs: pd.DataFrame) -> tuple[float, float]:
    """Standard error and degrees of freedom of the baseline's mean minus that of all these graphs."""
    arms = [list(dict.fromkeys(runs.loc[runs["kind"] == kind, "graph"])) for kind in ("baseline", "relational")]
    compared = contrast_arms(runs, arms, [1.0, -1.0])
    return compared.own_error, compared.own_freedom


def held_out_gain(results: Results) -> float | None:
    """Gain (points) of the graph that looks best without a seed, judged on that seed, averaged over seeds.

    The ``honest`` of :func:`gain_of_the_best` alone.

    Returns:
        None without a baseline, or when no seed can be left out.
    """
    _, errors, baseline = _matrix(results.runs)
    if len(baseline) == 0 or errors.shape[1] < 2:
        return None
    subsets = list(splits(errors.shape[1], errors.shape[1] - 1))
    judged, picked = gains_held_out(errors, np.isfinite(errors), subsets)
    return float(baseline.mean() - judged) if picked.size else None


def selection_record(selection: Selection | Gap) -> dict[str, Any] | None:
    """What summary.json holds of it; the gap's reason is told elsewhere."""
    if isinstance(selection, Gap):
        return None
    return {
        "best": selection.best,
        "naive_gain": selection.naive,
        "honest_gain": selection.honest,
        "low": selection.low,
        "high": selection.high,
        "p_value": selection.p_value,
        "optimism": selection.optimism,
        "confidence": selection.confidence,
        "seeds": selection.seeds,
        "choose": selection.choose,
        "splits": selection.splits,
        "noise_sd": selection.noise,
        "graph_sd": selection.spread,
        "repetitions": selection.draws,
        "chosen": selection.chosen.head(10).to_dict("records"),
    }


def _estimated(
    labels: npt.NDArray[np.object_],
    errors: Floats,
    best: int,
    baseline: Floats,
    noise: Noise,
    choose: int,
    error: tuple[float, float],
    *,
    draws: int,
    seed: int,
    confidence: float,
) -> Selection | Gap:
    """As :func:`gain_of_the_best`, on errors ``[graphs, seeds]`` and on the baseline's, all checked."""
    there = np.isfinite(errors)
    samples = [row[is_run] for row, is_run in zip(errors, there, strict=True)]
    subsets = list(splits(errors.shape[1], choose))
    judged, picked = gains_held_out(errors, there, subsets)
    if not picked.size:
        return Gap("no graph has seeds on both sides of any split")
    mean = moments(samples)[1]
    again = repeat(errors, there, mean, error[0], noise, subsets, draws, seed)
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    top = float(baseline.mean())
    honest, naive = top - float(judged), top - float(mean[best])
    # The distance of an estimate from the truth, turned round: a basic, not a percentile, interval.
    misses = _widened(again.misses, error)
    high, low = honest - np.quantile(misses, ends)
    tail = min((misses >= honest).sum(), (misses <= honest).sum()) + 1
    return Selection(
        best=str(labels[best]),
        naive=naive,
        honest=honest,
        low=float(low),
        high=float(high),
        p_value=min(1.0, 2 * float(tail) / (draws + 1)),
        optimism=naive - honest,
        chosen=_chosen(labels, picked, again),
        seeds=errors.shape[1],
        choose=choose,
        splits=len(subsets),
        noise=noise.sd,
        spread=again.spread,
        confidence=confidence,
        draws=draws,
    )


def _best(runs: pd.DataFrame, labels: npt.NDArray[np.object_], errors: Floats) -> int:
    """Row of the graph with the lowest mean error; among equals the one that every table puts first."""
    relational = runs[runs["kind"] == "relational"]
    graphs = relational.drop_duplicates("graph").set_index("graph", drop=False).loc[labels.tolist()]
    given = {label: rows.to_numpy() for label, rows in relational.groupby("graph")["test_error"]}
    # Taking off what a seed does leaves equal means that differ in the last bit, which is not an order.
    raw = moments([given[label] for label in labels])[1]
    _, rank = np.unique(np.stack([np.round(np.nanmean(errors, axis=1), 9), raw]), axis=1, return_inverse=True)
    return int(order_by_mean(graphs, rank.ravel().astype(np.float64))[0])


def _widened(misses: Floats, error: tuple[float, float]) -> Floats:
    """Stretch simulated misses to a t distribution, as few seeds leave the baseline's error uncertain.

    The degrees of freedom are Welch and Satterthwaite's: those of the baseline's error, for its share of the
    variance.
    """
    from scipy import stats

    share = min(1.0, error[0] ** 2 / float(misses.var()))
    freedom = error[1] / share**2 if share > 0 else float("inf")
    if freedom > 1e6:
        return misses
    middle = float(np.median(misses))
    ranks = (stats.rankdata(misses) - 0.5) / len(misses)
    normal = stats.norm.ppf(ranks)
    ratio = np.divide(stats.t.ppf(ranks, freedom), normal, out=np.ones_like(normal), where=normal != 0)
    stretched: Floats = middle + (misses - middle) * ratio
    return stretched


def _matrix(runs: pd.DataFrame) -> tuple[npt.NDArray[np.object_], Floats, Floats]:
    """Labels and errors ``[graphs, seeds]`` of the relational graphs (NaN: no such run); the baseline's.

    Seeds are taken off all networks alike where they pair baseline and graphs, else off the graphs alone.
    """
    is_baseline = runs["kind"] == "baseline"
    pairs = set(runs.loc[is_baseline, "seed"]) == set(runs.loc[~is_baseline, "seed"])
    runs = paired(runs) if pairs else pd.concat([runs[is_baseline], paired(runs[~is_baseline])])
    baseline = runs.loc[runs["kind"] == "baseline", "test_error"].to_numpy(dtype=np.float64)
    relational = runs.loc[runs["kind"] == "relational"]
    table = relational.pivot_table("test_error", "graph", "seed", sort=False)
    return table.index.to_numpy(dtype=object), table.to_numpy(dtype=np.float64), baseline


def _chosen(labels: npt.NDArray[np.object_], picked: Longs, again: Repetitions) -> pd.DataFrame:
    def share(of: Longs) -> Floats:
        return np.bincount(of.ravel(), minlength=len(labels)) / of.size

    table = pd.DataFrame(
        {
            "graph": labels,
            "splits": share(picked),
            "repeats": share(again.chosen),
            "p_best": share(again.first),
        }
    )
    table = table[(table[["splits", "repeats", "p_best"]] > 0).any(axis=1)]
    return table.sort_values("repeats", ascending=False, kind="stable").reset_index(drop=True)
