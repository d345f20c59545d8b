"""The same graphs trained elsewhere: do errors here follow the errors there, graph by graph.

Neighbours on the plane have similar errors, so 52 graphs are far fewer independent ones: two unrelated smooth
surfaces over ``n64-52`` give an interval without 0 in half of all cases if graphs are resampled. Intervals and
p-values therefore come from surface-preserving permutations: the slope and the curvature of the errors over the
plane are turned into random directions, their sizes kept, and what is left of the errors is permuted (a coarse
form of Moran spectral randomisation, Wagner and Dray 2015, doi:10.1111/2041-210X.12407); each side in turn and
both at once, of which the widest counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graph2nn.analysis.beyond.noise import paired, seed_noise
from graph2nn.analysis.evidence import trained
from graph2nn.analysis.table import checked_results
from graph2nn.arrays import Floats

#: Graphs that two experiments must share for a correlation to mean anything.
FEWEST = 8
#: Unrelated surfaces; resamples of the graphs, where these have no place on the plane.
SURROGATES, DRAWS = 10_000, 10_000
#: What makes a WS-flex graph the same elsewhere: its four arguments, to six digits, as published.
_KEY = ["n", "sparsity", "p", "graph_seed"]
PLANE = ("clustering", "path_length")
#: Where Fisher's transform of a correlation is cut off.
_ALMOST_ONE = 1 - 1e-12


@dataclass(frozen=True)
class Agreement:
    """Errors of the same graphs in two experiments.

    Attributes:
        graphs: ``graph, one, other``: mean error (%) of each shared graph here and there.
        runs: runs behind the means here, and there.
        pearson: correlation of the means; ``pearson_low, pearson_high``, its interval, and ``pearson_p``, the
            p-value of unrelated surfaces, by surface-preserving permutations. Where the graphs have no place
            on the plane, the interval is by resampling them, and there is no p-value.
        spearman: the same of their ranks, with ``spearman_low, spearman_high, spearman_p``.
        given_width: Pearson's correlation of what is left of both means after a quadratic in the logarithm of
            the matched width, with ``given_width_low, given_width_high, given_width_p``; None where widths are
            not given or do not vary.
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
    pearson_p: float | None = None
    spearman_p: float | None = None
    given_width_p: float | None = None

    @property
    def surrogates(self) -> bool:
        """True if intervals come from surface-preserving permutations, False if from resampled graphs."""
        return self.pearson_p is not None


def against(
    table: pd.DataFrame, others: Mapping[str, pd.DataFrame], *, seed: int = 0, confidence: float = 0.95
) -> dict[str, Agreement]:
    """Compare a results table with others, over the WS-flex graphs that both have.

    Args:
        table: one row per run; runs that were filled in from another seed are left out.
        others: results tables by name, likewise; those that share fewer than eight graphs, or have no spread,
            are left out.
        seed: of the resampling.
        confidence: of the intervals.

    Returns:
        Agreement by name of the other table.

    Raises:
        UserError: a malformed table.
    """
    means = _means(table)
    agreements = {}
    for name, other in others.items():
        both = means.merge(_means(other), on=_KEY, suffixes=("", "_other"))
        if len(both) >= FEWEST and both["mean"].nunique() > 1 and both["mean_other"].nunique() > 1:
            agreements[name] = _agreement(both, seed, confidence)
    return agreements


def agreement_record(agreement: Mapping[str, Agreement]) -> dict[str, Any]:
    """What summary.json holds of it."""
    left_out = ("graphs", "runs")
    return {
        name: {
            "graphs": len(each.graphs),
            "runs": each.runs[0],
            "runs_there": each.runs[1],
            **{key: value for key, value in vars(each).items() if key not in left_out},
        }
        for name, each in agreement.items()
    }


def _means(table: pd.DataFrame) -> pd.DataFrame:
    """Mean error of each WS-flex graph, its runs, and the variance that their scatter leaves in the mean."""
    runs = checked_results(trained(table)).runs
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
    plane = [first[name].to_numpy(dtype=np.float64) for name in PLANE if name in first]
    if len(plane) == len(PLANE):
        keys = keys.assign(**dict(zip(PLANE, plane, strict=True)))
    return keys.assign(width=width, mean=[group.mean() for group in groups], runs=sizes, variance=variance)


def _agreement(both: pd.DataFrame, seed: int, confidence: float) -> Agreement:
    means: Floats = both[["mean", "mean_other"]].to_numpy(dtype=np.float64)
    rng = np.random.default_rng([seed, len(both)])
    drawn = _surrogates(both, means, rng)
    picks = rng.integers(0, len(both), (DRAWS, len(both))) if drawn is None else None
    values: dict[str, float] = {}
    for name, prepare in _views(both).items():
        one, other = prepare(means[:, 0], 0), prepare(means[:, 1], 1)
        if drawn is not None:
            values |= _permuted(
                name, one, other, [prepare(each, side) for side, each in enumerate(drawn)], confidence
            )
        elif picks is not None:
            ends = [(1 - confidence) / 2, (1 + confidence) / 2]
            low, high = np.nanquantile(_rowwise(one[picks], other[picks]), ends)
            value = float(np.corrcoef(one, other)[0, 1])
            values |= {name: value, f"{name}_low": float(low), f"{name}_high": float(high)}
    reliable = _reliability(means[:, 0], both["variance"]) * _reliability(means[:, 1], both["variance_other"])
    return Agreement(
        graphs=pd.DataFrame({"graph": both["graph"], "one": means[:, 0], "other": means[:, 1]}),
        runs=(int(both["runs"].sum()), int(both["runs_other"].sum())),
        ceiling=None if np.isnan(reliable) else float(np.sqrt(reliable)),
        confidence=confidence,
        **values,
    )


def _views(both: pd.DataFrame) -> dict[str, Callable[[Floats, int], Floats]]:
    """What is correlated, by name: a function of errors ``[..., graphs]`` and of their side."""
    from scipy import stats

    views: dict[str, Callable[[Floats, int], Floats]] = {
        "pearson": lambda errors, side: errors,
        "spearman": lambda errors, side: np.asarray(stats.rankdata(errors, axis=-1), dtype=np.float64),
    }
    widths = both[["width", "width_other"]].to_numpy(dtype=np.float64)
    if np.isfinite(widths).all() and (np.ptp(widths, axis=0) > 0).all():
        logs = np.log(widths)
        bases = [np.linalg.qr(np.vander(column - column.mean(), 3))[0] for column in logs.T]
        views["given_width"] = lambda errors, side: errors - (errors @ bases[side]) @ bases[side].T
    return views


def _surrogates(both: pd.DataFrame, means: Floats, rng: np.random.Generator) -> list[Floats] | None:
    """Errors of unrelated surfaces as smooth as each side's, ``[draws, graphs]`` each."""
    if not set(PLANE) <= set(both):
        return None
    points = both[list(PLANE)].to_numpy(dtype=np.float64)
    if not np.isfinite(points).all() or (np.ptp(points, axis=0) == 0).any():
        return None
    return [turned(points, error, SURROGATES, rng) for error in means.T]


def turned(points: Floats, error: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Errors whose slope and curvature point elsewhere, what is left of them permuted, ``[draws, graphs]``.

    The sizes of slope and curvature stay, so that a smooth surface keeps its few degrees of freedom.

    Args:
        points: C and L, ``[graphs, 2]``.
        error: mean errors, ``[graphs]``.
        draws: how many.
        rng: random numbers.

    Returns:
        The errors.
    """
    scaled = (points - points.mean(axis=0)) / points.std(axis=0)
    c, length = scaled.T
    terms = np.stack([np.ones_like(c), c, length, c**2, c * length, length**2], axis=1)
    basis = np.linalg.qr(terms)[0]
    size = basis.T @ error
    rest = error - basis @ size
    drawn = rest[np.argsort(rng.random((draws, len(error))), axis=1)]
    for part in (slice(1, 3), slice(3, 6)):
        direction = rng.standard_normal((draws, len(size[part])))
        direction *= np.linalg.norm(size[part]) / np.linalg.norm(direction, axis=1, keepdims=True)
        drawn = drawn + direction @ basis[:, part].T
    return np.asarray(drawn, dtype=np.float64)


def _permuted(
    name: str, one: Floats, other: Floats, drawn: list[Floats], confidence: float
) -> dict[str, float]:
    """Correlation, interval on Fisher's scale and p-value from the widest of these null distributions."""
    value = float(np.corrcoef(one, other)[0, 1])
    centre = np.arctanh(np.clip(value, -_ALMOST_ONE, _ALMOST_ONE))
    p, reach = 0.0, 0.0
    for x, y in ((drawn[0], drawn[1]), (one[None], drawn[1]), (drawn[0], other[None])):
        null = np.abs(np.arctanh(np.clip(_rowwise(x, y), -_ALMOST_ONE, _ALMOST_ONE)))
        p = max(p, float(((null >= abs(centre)).sum() + 1) / (len(null) + 1)))
        reach = max(reach, float(np.quantile(null, confidence)))
    ends = (float(np.tanh(centre - reach)), float(np.tanh(centre + reach)))
    return {name: value, f"{name}_low": ends[0], f"{name}_high": ends[1], f"{name}_p": p}


def _rowwise(x: Floats, y: Floats) -> Floats:
    """Correlation of each row; NaN where a row does not vary."""
    x, y = (values - values.mean(axis=-1, keepdims=True) for values in (x, y))
    with np.errstate(invalid="ignore"):
        correlations: Floats = (x * y).sum(axis=-1) / np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
    return correlations


def _reliability(means: Floats, variance: pd.Series) -> float:
    """Share of the means' variance that is not the scatter of seeds."""
    # Not max(), which makes 0 of the NaN of an unknown scatter.
    return float(np.maximum(0.0, 1 - variance.mean() / means.var(ddof=1)))
