"""Which measures of a graph predict its error: held-out scores of single and joint models against rivals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.analysis.beyond import cell_groups
from graph2nn.analysis.beyond.folds import HeldOut, Predictor, held_out
from graph2nn.analysis.beyond.learners import curve, ridge, smooth, trees
from graph2nn.analysis.beyond.noise import Noise
from graph2nn.analysis.beyond.surface import MOST_POINTS, Surface
from graph2nn.analysis.cells import binning_of
from graph2nn.analysis.table import Gap
from graph2nn.arrays import Floats

#: Fewer graphs than this tell no measure from another.
FEWEST_GRAPHS = 20
#: Rivals that a measure has to beat: how full the graph is, and how wide its network became for it.
RIVALS = ("density", "width")


@dataclass(frozen=True)
class Predictors:
    """Held-out scores of models that predict a graph's mean error.

    Attributes:
        scores: best first. ``model``; ``kind`` (``alone``: a parabola in one measure; ``rival``: the same in
            density or width; ``plane``: in C and L; ``together``: all measures); ``r2, low, high``, held-out R²
            and its spread over resampled cells, which is not a confidence interval (in simulations it held the
            expected score in 60 to 93 % of cases); ``over_density, over_density_low, over_density_high``, its
            lead over density alone (a spread above 0 was wrong in at most 3 %), and the same ``over_width``
            (NaN without widths); ``rank, rank_low, rank_high, first`` among single measures: place, its spread,
            and share of resamples in which it comes first.
        ceiling, ceiling_low, ceiling_high: R² that a perfect predictor would reach against means of so few
            runs; None if the noise is unknown.
        left_out: measures that could not be used, and why.
        graphs, groups, folds, repeats: of the cross-validation; a group is a coarse cell.
        confidence: share of the resamples that a spread holds.
    """

    scores: pd.DataFrame
    ceiling: float | None
    ceiling_low: float | None
    ceiling_high: float | None
    left_out: Mapping[str, str]
    graphs: int
    groups: int
    folds: int
    repeats: int
    confidence: float

    @property
    def over_ceiling(self) -> list[str]:
        """Models that score above the ceiling's interval.

        Impossible if the runs of a graph are independent: then the seeds scatter more than their means do.
        """
        if self.ceiling_high is None:
            return []
        return [str(name) for name in self.scores.loc[self.scores["r2"] > self.ceiling_high, "model"]]


def predict(
    graphs: pd.DataFrame,
    measures: Sequence[str],
    noise: Noise | None,
    *,
    surface: Surface | Gap | None = None,
    folds: int = 10,
    repeats: int | None = None,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Predictors | Gap:
    """Score every measure, and all together, at predicting the mean error of graphs not seen.

    Cross-validated over coarse cells of the plane: graphs of one cell are near-duplicates and never on both
    sides. Every measure alone is given a parabola, as in the paper's fits; all together are given to a ridge
    regression (with squares) and to boosted trees, and C and L alone to a quadratic, to the same trees and to
    the Gaussian process of ``surface``.
    Spreads come from resampling cells; see :meth:`folds.HeldOut.resampled`.

    Args:
        graphs: relational graphs, one row each: ``n, clustering, path_length, mean, seeds``, one column per
            measure, and ``width`` where known.
        measures: columns to use.
        noise: scatter of runs, for the ceiling.
        surface: of the same graphs; its process is then scored next to the others.
        folds, repeats: of the cross-validation; 3 repeats if left out, 1 with more than 400 graphs.
        draws: resamples behind the spreads.
        seed: of folds, resamples and trees.
        confidence: share of the resamples that a spread holds.

    Returns:
        A gap if graphs, cells or measures are too few.
    """
    if len(graphs) < FEWEST_GRAPHS:
        return Gap(f"{len(graphs)} graphs tell no measure from another; it takes {FEWEST_GRAPHS}")
    graphs = graphs.reset_index(drop=True)
    points = graphs[["clustering", "path_length"]].to_numpy(dtype=np.float64)
    groups = cell_groups.cell_numbers(points, binning_of(graphs), cell_groups.COARSE)
    if len(np.unique(groups)) < 5:
        return Gap(f"the graphs lie in {len(np.unique(groups))} coarse cells; it takes 5 to hold some out")
    y = graphs["mean"].to_numpy(dtype=np.float64)
    if np.ptp(y) == 0:
        return Gap("all graphs have the same error")
    used, left_out = _usable(graphs, measures)
    if not used:
        return Gap("no measure varies over these graphs")
    if repeats is None:
        repeats = 1 if len(graphs) > MOST_POINTS else 3
    models, kinds = _models(graphs, used, y, seed)
    if isinstance(surface, Surface):
        runs = graphs["seeds"].to_numpy(dtype=np.float64)
        models["C and L, Gaussian process"] = smooth(points, y, runs, surface)
        kinds["C and L, Gaussian process"] = "plane"
    scored = held_out(models, y, groups, folds=folds, repeats=repeats, seed=seed)
    ends = ((1 - confidence) / 2, (1 + confidence) / 2)
    ceiling = _ceiling(y, graphs["seeds"].to_numpy(dtype=np.float64), groups, noise, ends, draws, seed)
    return Predictors(
        scores=_table(scored, kinds, scored.resampled(draws, seed), ends),
        ceiling=ceiling[0],
        ceiling_low=ceiling[1],
        ceiling_high=ceiling[2],
        left_out=left_out,
        graphs=len(graphs),
        groups=len(scored.total),
        folds=min(folds, len(scored.total)),
        repeats=repeats,
        confidence=confidence,
    )


def predictors_record(predictors: Predictors | Gap) -> dict[str, Any] | None:
    """What summary.json holds of it."""
    if isinstance(predictors, Gap):
        return None
    return {
        "score": "held-out R², grouped by coarse cell",
        "graphs": predictors.graphs,
        "groups": predictors.groups,
        "folds": predictors.folds,
        "repeats": predictors.repeats,
        "confidence": predictors.confidence,
        "ceiling": predictors.ceiling,
        "ceiling_low": predictors.ceiling_low,
        "ceiling_high": predictors.ceiling_high,
        "over_ceiling": predictors.over_ceiling,
        "models": predictors.scores.to_dict("records"),
        "left_out": dict(predictors.left_out),
    }


def _usable(graphs: pd.DataFrame, measures: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    used: list[str] = []
    left_out: dict[str, str] = {}
    for name in measures:
        values = graphs[name].to_numpy(dtype=np.float64)
        finite = values[np.isfinite(values)]
        if len(finite) < 0.9 * len(values):
            left_out[name] = f"{len(values) - len(finite)} of {len(values)} graphs have no value"
        elif np.ptp(finite) <= 1e-9 * max(1.0, float(np.abs(finite).max())):
            left_out[name] = "the same for all graphs"
        elif twin := next((other for other in used if _tied(values, graphs[other].to_numpy(np.float64))), None):
            left_out[name] = f"a linear function of {twin}"
        else:
            used.append(name)
    return used, left_out


def _tied(x: Floats, y: Floats) -> bool:
    """Whether one is a linear function of the other, as mean degree is of density."""
    both = np.isfinite(x) & np.isfinite(y)
    return bool(1 - abs(np.corrcoef(x[both], y[both])[0, 1]) < 1e-9)


def _models(
    graphs: pd.DataFrame, used: Sequence[str], y: Floats, seed: int
) -> tuple[dict[str, Predictor], dict[str, str]]:
    def columns(*names: str) -> Floats:
        return graphs[list(names)].to_numpy(dtype=np.float64)

    models: dict[str, Predictor] = {name: curve(columns(name), y) for name in used}
    kinds = {name: "rival" if name in RIVALS else "alone" for name in used}
    if "width" in graphs and graphs["width"].notna().all() and graphs["width"].nunique() > 1:
        models["width"], kinds["width"] = curve(columns("width"), y), "rival"
    plane = ("clustering", "path_length")
    models["C and L, quadratic"] = curve(columns(*plane), y)
    models["C and L, boosted trees"] = trees(columns(*plane), y, seed)
    kinds["C and L, quadratic"] = kinds["C and L, boosted trees"] = "plane"
    if len(used) > 2:
        models["all measures, ridge"] = ridge(columns(*used), y)
        models["all measures, boosted trees"] = trees(columns(*used), y, seed)
        kinds["all measures, ridge"] = kinds["all measures, boosted trees"] = "together"
    return models, kinds


def _ceiling(
    y: Floats,
    seeds: Floats,
    groups: npt.NDArray[np.int64],
    noise: Noise | None,
    ends: tuple[float, float],
    draws: int,
    seed: int,
) -> tuple[float | None, float | None, float | None]:
    """1 − variance of a mean's noise / variance of the means, and its spread over resampled cells."""
    if noise is None:
        return None, None, None
    noise_of_mean = noise.variance / seeds
    _, at = np.unique(groups, return_inverse=True)
    size = int(at.max()) + 1
    # Sums a cell of 1, y, y² and noise: enough for the ratio in any resample of cells.
    sums = np.stack(
        [np.bincount(at, values, minlength=size) for values in (np.ones(len(y)), y, y**2, noise_of_mean)]
    )
    rng = np.random.default_rng([seed, size])
    counts = rng.multinomial(size, np.full(size, 1 / size), size=draws).T.astype(np.float64)
    resampled = [_explainable(*(sums @ counts)), *_explainable(*sums.sum(axis=1, keepdims=True))]
    low, high = np.quantile(resampled[0], ends)
    return float(resampled[1]), float(low), float(high)


def _explainable(count: Floats, total: Floats, squares: Floats, noise_of_mean: Floats) -> Floats:
    variance = (squares - total**2 / count) / (count - 1)
    share: Floats = 1 - noise_of_mean / count / variance
    return share


def _table(
    scored: HeldOut, kinds: Mapping[str, str], resampled: Floats, ends: tuple[float, float]
) -> pd.DataFrame:
    names, r2 = list(scored.names), scored.r2()
    table = pd.DataFrame({"model": names, "kind": [kinds[name] for name in names], "r2": r2})
    table["low"], table["high"] = np.quantile(resampled, ends, axis=1)
    for rival in RIVALS:
        column = f"over_{rival}"
        table[[column, f"{column}_low", f"{column}_high"]] = np.nan
        if rival in names:
            row = names.index(rival)
            table[column] = r2 - r2[row]
            table[f"{column}_low"], table[f"{column}_high"] = np.quantile(
                resampled - resampled[row], ends, axis=1
            )
    single = np.array([kinds[name] in ("alone", "rival") for name in names])
    table[["rank", "rank_low", "rank_high", "first"]] = np.nan
    place = (resampled[single][:, None] < resampled[single][None] - 1e-12).sum(axis=1) + 1
    table.loc[single, "rank"] = (r2[single][:, None] < r2[single][None] - 1e-12).sum(axis=1) + 1
    table.loc[single, ["rank_low", "rank_high"]] = np.quantile(place, ends, axis=1).T
    table.loc[single, "first"] = (place == 1).mean(axis=1)
    return table.sort_values("r2", ascending=False, kind="stable").reset_index(drop=True)
