"""The same graphs trained elsewhere: do errors here follow the errors there, graph by graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.analysis.beyond.noise import paired, seed_noise
from graph2nn.analysis.table import checked
from graph2nn.arrays import Floats

#: Graphs that two experiments must share for a correlation to mean anything.
FEWEST = 8
#: Resamples of the graphs.
DRAWS = 10_000
#: Of these, the resamples in which width is taken off again.
RESIDUAL_DRAWS = 2_000
#: What makes a WS-flex graph the same elsewhere: its four arguments, to six digits, as published.
_KEY = ["n", "sparsity", "p", "graph_seed"]


@dataclass(frozen=True)
class Agreement:
    """Errors of the same graphs in two experiments.

    Attributes:
        graphs: ``graph, one, other``: mean error (%) of each shared graph here and there.
        runs: runs behind the means here, and there.
        pearson: correlation of the means; ``pearson_low, pearson_high`` by resampling the graphs.
        spearman: the same of their ranks, with ``spearman_low, spearman_high``.
        given_width: Pearson's correlation of what is left of both means after a quadratic in the logarithm of
            the matched width, with ``given_width_low, given_width_high`` by resampling the graphs; None where
            widths are not given or do not vary.
        ceiling: correlation that the scatter of seeds would leave if true errors agreed perfectly: the root of
            the product of both reliabilities (Spearman 1904); None where one side has one run per graph.
        confidence: of the intervals.
    """

    graphs: pd.DataFrame
    runs: tuple[int, int]
    pearson: float
    pearson_low: float
    pearson_high: float
    spearman: float
    spearman_low: float
    spearman_high: float
    ceiling: float | None
    confidence: float
    given_width: float | None = None
    given_width_low: float | None = None
    given_width_high: float | None = None


def against(
    table: pd.DataFrame, others: Mapping[str, pd.DataFrame], *, seed: int = 0, confidence: float = 0.95
) -> dict[str, Agreement]:
    """Compare a results table with others, over the WS-flex graphs that both have.

    Args:
        table: one row per run.
        others: results tables by name; those that share fewer than eight graphs, or have no spread, are left
            out.
        seed: of the resampling.
        confidence: of the intervals.

    Raises:
        UserError: a malformed table.
    """
    own = _means(table)
    found = {}
    for name, other in others.items():
        both = own.merge(_means(other), on=_KEY, suffixes=("", "_other"))
        if len(both) >= FEWEST and both["mean"].nunique() > 1 and both["mean_other"].nunique() > 1:
            found[name] = _agreement(both, seed, confidence)
    return found


def record(found: Mapping[str, Agreement]) -> dict[str, Any]:
    """What summary.json holds of it."""
    left_out = ("graphs", "runs")
    return {
        name: {
            "graphs": len(each.graphs),
            "runs": each.runs[0],
            "runs_there": each.runs[1],
            **{key: value for key, value in vars(each).items() if key not in left_out},
        }
        for name, each in found.items()
    }


def _means(table: pd.DataFrame) -> pd.DataFrame:
    """Mean error of each WS-flex graph, its runs, and the variance that their scatter leaves in the mean."""
    runs = checked(table).runs
    runs = runs[(runs["kind"] == "relational") & runs["p"].notna()]
    noise, runs = seed_noise(runs), paired(runs)
    groups = [rows["test_error"].to_numpy(dtype=np.float64) for _, rows in runs.groupby("graph", sort=False)]
    keys = runs.drop_duplicates("graph")[["graph", *_KEY]].reset_index(drop=True)
    keys[_KEY] = keys[_KEY].astype(np.float64).round(6)
    sizes = np.array([len(group) for group in groups])
    variance = np.full(len(groups), np.nan) if noise is None else noise.variance / np.maximum(sizes, 1)
    first = runs.drop_duplicates("graph")
    width = (
        pd.to_numeric(first["widths"].str.extract(r"(\d+)", expand=False)).to_numpy(dtype=np.float64)
        if "widths" in first
        else np.full(len(groups), np.nan)
    )
    return keys.assign(width=width, mean=[group.mean() for group in groups], runs=sizes, variance=variance)


def _agreement(both: pd.DataFrame, seed: int, confidence: float) -> Agreement:
    from scipy import stats

    one, other = (both[name].to_numpy(dtype=np.float64) for name in ("mean", "mean_other"))
    picks = np.random.default_rng([seed, len(both)]).integers(0, len(both), (DRAWS, len(both)))
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    found: dict[str, float] = {}
    for name, x, y in (("pearson", one, other), ("spearman", stats.rankdata(one), stats.rankdata(other))):
        found[name] = float(np.corrcoef(x, y)[0, 1])
        low, high = np.nanquantile(_rowwise(x[picks], y[picks]), ends)
        found |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    reliable = _reliability(one, both["variance"]) * _reliability(other, both["variance_other"])
    return Agreement(
        graphs=pd.DataFrame({"graph": both["graph"], "one": one, "other": other}),
        runs=(int(both["runs"].sum()), int(both["runs_other"].sum())),
        ceiling=None if np.isnan(reliable) else float(np.sqrt(reliable)),
        confidence=confidence,
        **found,
        **_given_width(both, picks[:RESIDUAL_DRAWS], ends),
    )


def _given_width(both: pd.DataFrame, picks: npt.NDArray[np.int64], ends: list[float]) -> dict[str, float]:
    """Correlation of the means at equal width: width follows density, and may carry all of the agreement."""
    widths = both[["width", "width_other"]].to_numpy(dtype=np.float64)
    if not np.isfinite(widths).all() or (np.ptp(widths, axis=0) == 0).any():
        return {}
    logs = np.log(widths)
    means = both[["mean", "mean_other"]].to_numpy(dtype=np.float64)

    def correlation(rows: npt.NDArray[np.int64]) -> float:
        rest = []
        for side in (0, 1):
            design = np.vander(logs[rows, side] - logs[:, side].mean(), 3)
            fitted = design @ np.linalg.lstsq(design, means[rows, side], rcond=None)[0]
            rest.append(means[rows, side] - fitted)
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(np.corrcoef(*rest)[0, 1])

    low, high = np.nanquantile([correlation(rows) for rows in picks], ends)
    value = correlation(np.arange(len(both)))
    return {"given_width": value, "given_width_low": float(low), "given_width_high": float(high)}


def _rowwise(x: Floats, y: Floats) -> Floats:
    """Correlation of each row; NaN where a resample holds one graph alone."""
    x, y = (values - values.mean(axis=1, keepdims=True) for values in (x, y))
    with np.errstate(invalid="ignore"):
        found: Floats = (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return found


def _reliability(means: Floats, variance: pd.Series) -> float:
    """Share of the means' variance that is not the scatter of seeds."""
    # Not max(), which makes 0 of the NaN of an unknown scatter.
    return float(np.maximum(0.0, 1 - variance.mean() / means.var(ddof=1)))
