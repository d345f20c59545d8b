"""Simulated errors over the plane of C and L: agreement of two results, the lowest point, and searches."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.planned_designs import held
from benchmarks.simulated_surfaces import SURFACES, bowl
from graph2nn import catalogue
from graph2nn.analysis.beyond.agreement import Agreement, against
from graph2nn.analysis.beyond.noise import Noise
from graph2nn.analysis.beyond.surface import Surface, fit_surface
from graph2nn.analysis.table import Gap
from graph2nn.experiments.search import Problem, Proposal, Space, fit_error, search, strategy

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from run_tables import plane_table

Interval = tuple[float, float]
#: Unrelated errors of the 52 graphs of ``n64-52``: two smooth surfaces of these kinds, and noise.
AGREEMENT: Mapping[str, Mapping[str, Any]] = {
    "two unrelated surfaces, length scale 0.5": {"length": 0.5},
    "two unrelated surfaces, length scale 1": {"length": 1.0},
    "two unrelated planes": {"length": None},
}
#: The same errors, by their ranks.
RANKS = {name: {**design, "ranks": True} for name, design in AGREEMENT.items()}
#: Correlation that is left at equal width, of unrelated errors of graphs whose widths match one budget.
WIDTHS: Mapping[str, Mapping[str, Any]] = {
    name: {**AGREEMENT[name], "widths": True}
    for name in ("two unrelated surfaces, length scale 0.5", "two unrelated surfaces, length scale 1")
}
#: Surfaces over ``n64-52``. Asked of each: the region of the lowest point, then the intervals of its C and L;
#: and of all surfaces in turn, over which these are meant to cover 95 %.
ALL_SURFACES = "all of these surfaces in turn"
OPTIMUM: Mapping[str, Mapping[str, Any]] = {
    f"{what}, {name}": {"surface": name, "what": what}
    for what in ("region", "interval of C", "interval of L")
    for name in (*SURFACES, ALL_SURFACES)
}
ALL_SEARCHES = "all of these searches in turn"
SEARCH: Mapping[str, Mapping[str, Any]] = {
    **{
        f"{budget} training runs, {what}": {"budget": budget, "depth": depth}
        for what, depth in (
            ("bowl of 1 point", 1.0),
            ("bowl of 0.2 points", 0.2),
            ("graphs hardly differ", 0.0),
        )
        for budget in (20, 40)
    },
    ALL_SEARCHES: {},
}


def one_agreement(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """True correlation 0 of unrelated surfaces, interval before (resampled graphs), and now."""
    # One pair of tables answers for values, ranks and equal width.
    found = _agreement(design["length"], _repeat(rng))
    if design.get("widths"):
        low, high = found.given_width_low, found.given_width_high
        nan = float("nan")
        return 0.0, (nan, nan), (nan, nan) if low is None or high is None else (low, high)
    one, other = (found.graphs[name].to_numpy() for name in ("one", "other"))
    if ranks := design.get("ranks", False):
        one, other = stats.rankdata(one), stats.rankdata(other)
    picks = rng.integers(0, len(one), (2000, len(one)))
    drawn = [np.corrcoef(one[pick], other[pick])[0, 1] for pick in picks]
    low, high = np.quantile(drawn, [0.025, 0.975])
    now = (found.spearman_low, found.spearman_high) if ranks else (found.pearson_low, found.pearson_high)
    return 0.0, (float(low), float(high)), now


@cache
def _agreement(length: float | None, repeat: int) -> Agreement:
    """Agreement of two tables of unrelated errors; widths match one budget."""
    rng, rows = np.random.default_rng([17, repeat]), catalogue("n64-52")
    points = rows[["clustering", "path_length"]].to_numpy()
    z = (points - points.mean(axis=0)) / np.ptp(points, axis=0)
    # Equal budgets: a graph of half the density is wider by the root of two.
    widths = [str(round(512 / np.sqrt(share))) for share in rows["sparsity"]]
    tables = []
    for _ in range(2):
        if length is None:
            surface = z @ rng.standard_normal(2)
        else:
            distance = ((z[:, None] - z) ** 2).sum(axis=-1) / (2 * length**2)
            covariance = np.exp(-distance) + 1e-6 * np.eye(len(z))
            surface = np.linalg.cholesky(covariance) @ rng.standard_normal(len(z))
        table = plane_table(rng, rows, 33 + 0.3 * surface / surface.std(), seeds=5)
        tables.append(table.assign(widths=widths * 5))
    return against(tables[0], {"other": tables[1]})["other"]


def _repeat(rng: np.random.Generator) -> int:
    """Number of the simulated table that this generator draws."""
    return int(rng.bit_generator.seed_seq.entropy[1])  # type: ignore[attr-defined]


def one_optimum(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """Whether the region, or an interval, of the lowest point holds it; nothing where nothing is said of it."""
    repeat, name = _repeat(rng), design["surface"]
    if name == ALL_SURFACES:
        every = list(SURFACES)
        repeat, name = repeat // len(every), every[repeat % len(every)]
    # One surface answers for its region and both intervals.
    found = _surface(name, 1000 + repeat)
    nothing = (float("nan"), float("nan"))
    if found is None:
        return 0.0, nothing, nothing
    cells = found.map
    place = int(np.argmin(SURFACES[name].at(cells, 1000 + repeat)))
    if design["what"] == "region":
        return 0.0, nothing, held(bool(cells["credible"][place]))
    best = found.optimum
    if design["what"] == "interval of C":
        return float(cells["clustering"][place]), nothing, (best.C_low, best.C_high)
    return float(cells["path_length"][place]), nothing, (best.L_low, best.L_high)


@cache
def _surface(name: str, seed: int) -> Surface | None:
    """Surface through five simulated runs of each graph of ``n64-52``; None where none is drawn."""
    rng, rows = np.random.default_rng(seed), catalogue("n64-52")
    truth = SURFACES[name].at(rows, seed) + rng.normal(0, 0.05, len(rows))
    means = truth + rng.normal(0, 0.3 / np.sqrt(5), len(rows))
    noise = Noise(sd=0.3, freedom=200, residuals=np.array([-0.3, 0.3]))
    found = fit_surface(rows.assign(mean=means, seeds=5), noise, draws=1000, seed=seed)
    return None if isinstance(found, Gap) else found


def one_search(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """True expected error of the graph recommended, interval before (the surface's own), and now."""
    if not design:
        every = [each for each in SEARCH.values() if each]
        design = every[_repeat(rng) % len(every)]
    space = Space.of("n64-52")
    truth = bowl(space.table, design["depth"]) + rng.normal(0, 0.05, len(space))
    problem = Problem(space, (100,), tuple(range(1, 6)))

    class Simulated:
        """Trains nothing: an error is the truth and noise."""

        def __init__(self) -> None:
            self.problem = problem

        def __call__(self, proposals: Sequence[Proposal]) -> list[float]:
            return [float(truth[each.row] + rng.normal(0, 0.3)) for each in proposals]

    found = search(Simulated(), strategy("gp"), budget=design["budget"], seed=int(rng.integers(1 << 30)))
    best = found.recommended
    mean, sd = fit_error(space, found.trials).band(np.array([int(best["row"])]))
    before = (float(mean[0] - 1.96 * sd[0]), float(mean[0] + 1.96 * sd[0]))
    return float(truth[int(best["row"])]), before, (best["low"], best["high"])
