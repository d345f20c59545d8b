"""Graphs against their own nulls in one mixed model, whose errors hold the noise of seeds.

Nulls of one graph share its degrees and so its widths, and a training seed moves them together. How far their
means lie apart therefore says less than the noise of seeds (0.05 against 0.11 points in our five-epoch runs),
and an error made from it alone finds effects where there are none. The components of the model: the noise of a
run; what a seed does to all networks; what it does to a family (a graph and its nulls), and to one group of it
(the graph alone, or its nulls); how the nulls of a graph differ. They are pooled over all graphs. With several
seeds and several nulls of a graph no error lies below seed noise; with less, the noise of seeds is not known by
itself, and how the effects of graphs differ, which seeds add to, is the error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.analysis.mixed_model import (
    Contrast,
    Fit,
    SumOfSquares,
    contrast_of,
    fit_mixed_model,
    kenward_roger,
    student,
)
from graph2nn.arrays import Floats

NOISE, SEED, FAMILY, GROUP, NETWORK = "noise", "seed", "seed in family", "seed in group", "network"
#: With one seed per network, effects of more graphs than this tell their own error; of fewer, the nulls do.
FEWEST_EFFECTS = 2


@dataclass(frozen=True)
class Effects:
    """Effects of graphs against their nulls.

    Attributes:
        contrasts: one per graph, in the order of ``families``.
        variances: estimates of the variance components, by name.
        one_seed: each network has one training seed; what that did to the nulls of a graph together is unknown,
            and only effects of three graphs or more of one design have an interval.
        model: fitted model, if it knows the noise of seeds.
        seeds: of each graph, the weight of the errors of each seed in its effect by the model.
    """

    contrasts: tuple[Contrast, ...]
    variances: dict[str, float]
    one_seed: bool = False
    model: Fit | None = None
    seeds: tuple[Mapping[int, float], ...] = ()

    def mean(self, places: Sequence[int], *, confidence: float = 0.95) -> Contrast:
        """Average the effects of some graphs, which count alike.

        The error is how effects differ from graph to graph, which runs, nulls and seeds add to. What this does
        not show is what a seed does to all networks alike, and that is 0 unless graphs and nulls were trained
        with other seeds; then the model's estimate of it is added (the spread alone covered 0.84 to 0.89).

        Args:
            places: of the graphs, in the order of ``contrasts``.
            confidence: of the interval.

        Returns:
            The mean; of a lone graph, its effect.
        """
        if not places:
            return student(float("nan"), float("nan"), 0.0)
        if len(places) == 1:
            return self.contrasts[places[0]]
        effects = np.array([self.contrasts[place].estimate for place in places])
        spread, count = float(effects.var(ddof=1)) / len(places), len(places)
        shared, uncertainty = self._shared_by_all(places)
        variance = spread + shared
        known = 2 * spread**2 / (count - 1) + uncertainty
        freedom = 2 * variance**2 / known if known > 0 else 0.0
        return student(float(effects.mean()), variance, freedom, confidence)

    def _shared_by_all(self, places: Sequence[int]) -> tuple[float, float]:
        """Part of the variance of the mean effect that all graphs share, and the variance of that estimate."""
        if self.model is None or SEED not in self.model.names:
            return 0.0, 0.0
        weights: dict[int, float] = {}
        for place in places:
            for seed, weight in self.seeds[place].items():
                weights[seed] = weights.get(seed, 0.0) + weight / len(places)
        slope, component = sum(weight**2 for weight in weights.values()), self.model.names.index(SEED)
        if slope < 1e-9:  # every seed is on both sides alike
            return 0.0, 0.0
        shared = slope * max(0.0, float(self.model.theta[component]))
        return shared, slope**2 * float(self.model.covariance[component, component])


@dataclass(frozen=True)
class _Part:
    """Networks of one group that were trained with the same seeds: errors ``[networks, seeds]``."""

    seeds: tuple[int, ...]
    errors: Floats


#: Parts of each group of a family: the graph and its nulls, or a network that has no nulls.
_Family = tuple[tuple[_Part, ...], ...]


@dataclass(frozen=True)
class _Rows:
    """Rows of a model: means over networks by seed, each of one group and one part of it."""

    y: Floats
    seed: npt.NDArray[np.int64]
    family: npt.NDArray[np.int64]
    group: npt.NDArray[np.int64]
    part: npt.NDArray[np.int64]
    count: Floats
    units: Floats

    def components(self) -> dict[str, Floats]:
        """Matrices of the variance components; ``units`` groups may be averaged in a row."""

        def same(values: npt.NDArray[np.int64]) -> Floats:
            equal: Floats = (values[:, None] == values).astype(np.float64)
            return equal

        return {
            NOISE: np.diag(1 / (self.count * self.units)),
            SEED: same(self.seed),
            FAMILY: same(self.seed) * same(self.family) / self.units,
            GROUP: same(self.seed) * same(self.group) / self.units,
            NETWORK: same(self.part) / (self.count * self.units),
        }


def null_effects(
    runs: pd.DataFrame, families: Mapping[str, Sequence[str]], *, confidence: float = 0.95
) -> Effects:
    """Estimate the mean error of each graph's nulls minus its own.

    The hypothesis is that the graph is one more draw from its nulls (Crawford and Howell 1998), so their
    spread counts once for the graph and once for the mean of its nulls. Where nothing tells that spread (one
    null per graph) or the scatter of seeds (one seed), how the effects differ from graph to graph bounds both.
    One seed per network and one or two graphs give effects without intervals.

    Args:
        runs: ``graph, seed, test_error``, one row per run, checked. Networks in no family inform about the
            scatter of seeds.
        families: labels of its nulls, by graph.
        confidence: of the intervals.

    Returns:
        The effects; the interval's ends are NaN where no spread can be estimated.
    """
    table = runs.pivot_table("test_error", "graph", "seed", sort=False)
    taken = {*families, *(null for nulls in families.values() for null in nulls)}
    pairs = [(_parts(table, [graph]), _parts(table, nulls)) for graph, nulls in families.items()]
    others: list[_Family] = [(_parts(table, [label]),) for label in table.index if label not in taken]
    rows, x, squares = _reduced([*pairs, *others])
    parts = rows.components()
    used = {NOISE: parts[NOISE]}
    if any(len(_seeds(group)) > 1 for family in [*pairs, *others] for group in family):
        used |= {SEED: parts[SEED], GROUP: parts[GROUP]}
    if any(len(_seeds(of_graph) & _seeds(nulls)) > 1 for of_graph, nulls in pairs):
        used[FAMILY] = parts[FAMILY]
    several = any(part.errors.shape[0] > 1 for _, nulls in pairs for part in nulls)
    if GROUP not in used and len(pairs) > FEWEST_EFFECTS:
        # What one seed does to the nulls of a graph together shows in the spread of the effects alone.
        squares = _spread_of_effects(pairs) or squares
    elif not (several and GROUP in used):
        squares += _spread_of_effects(pairs)
    if several or len(pairs) > 1:
        used[NETWORK] = parts[NETWORK]
    if len(rows.y) <= x.shape[1] and not squares:
        return Effects(tuple(_nothing(pair) for pair in pairs), {})
    held = fit_mixed_model(rows.y, x, used, squares, bounded=tuple(used))
    free = fit_mixed_model(rows.y, x, used, squares)
    judged = {} if several and GROUP in used else _by_the_others(pairs, confidence)
    # Nothing tells what one seed did to the nulls of a graph together; their own spread covers .86, not .95.
    blind = GROUP not in used and several
    modelled = [] if blind else [_contrast(pair, held, free, several, confidence) for pair in pairs]
    contrasts = tuple(
        judged.get(place) or (_nothing(pair) if blind else modelled[place][0])
        for place, pair in enumerate(pairs)
    )
    variances = dict(zip(free.names, free.theta.tolist(), strict=True))
    if GROUP not in used:
        return Effects(contrasts, variances, one_seed=blind)
    return Effects(contrasts, variances, model=free, seeds=tuple(seeds for _, seeds in modelled))


def _nothing(pair: _Family) -> Contrast:
    """Return an effect without an interval."""
    return student(_difference(*pair), float("nan"), 0.0)


def _seeds(group: Sequence[_Part]) -> set[int]:
    return {seed for part in group for seed in part.seeds}


def _parts(table: pd.DataFrame, labels: Sequence[str]) -> tuple[_Part, ...]:
    values = table.loc[list(labels)].to_numpy(dtype=np.float64)
    patterns, member = np.unique(np.isfinite(values), axis=0, return_inverse=True)
    return tuple(
        _Part(tuple(np.flatnonzero(here).tolist()), values[member.ravel() == number][:, here])
        for number, here in enumerate(patterns)
    )


def _rows(families: Sequence[_Family]) -> _Rows:
    """One row per group, part and seed."""
    made: list[tuple[float, int, int, int, int, int]] = []
    groups = parts = 0
    for place, family in enumerate(families):
        for group in family:
            for part in group:
                means = zip(part.seeds, part.errors.mean(axis=0), strict=True)
                made += [(float(mean), seed, place, groups, parts, len(part.errors)) for seed, mean in means]
                parts += 1
            groups += 1
    y, seed, family_of, group_of, part_of, count = (np.array(column) for column in zip(*made, strict=True))
    counts = count.astype(np.float64)
    return _Rows(y.astype(np.float64), seed, family_of, group_of, part_of, counts, np.ones(len(y)))


def _reduced(families: Sequence[_Family]) -> tuple[_Rows, Floats, list[SumOfSquares]]:
    """Rows of all families, their groups' means (``x``), and sums of squares; families of one design are
    averaged.

    A contrast between families of one design holds no seed effect of all networks, so what the average leaves
    out are sums of squares: of the differences between nulls and graph, or of the errors of a network alone.
    """
    designs: dict[tuple[tuple[tuple[int, tuple[int, ...]], ...], ...], list[_Family]] = {}
    for family in families:
        design = tuple(tuple((len(part.errors), part.seeds) for part in group) for group in family)
        designs.setdefault(design, []).append(family)
    kept: list[_Family] = []
    units: list[int] = []
    squares = [square for family in families for group in family for part in group for square in _within(part)]
    for design, members in designs.items():
        seeds = {part[1] for group in design for part in group}
        if len(members) == 1 or len(seeds) > 1 or any(len(group) > 1 for group in design):
            kept += members
            units += [1] * len(members)
            continue
        means = np.stack([[group[0].errors.mean(axis=0) for group in family] for family in members])
        middle = means.mean(axis=0)
        (shared,) = seeds
        kept.append(
            tuple(
                (_Part(shared, np.broadcast_to(mean, (group[0][0], len(shared)))),)
                for group, mean in zip(design, middle, strict=True)
            )
        )
        units.append(len(members))
        squares += _between(means, [group[0][0] for group in design])
    rows = _rows(kept)
    rows = replace(rows, units=np.array(units, dtype=np.float64)[rows.family])
    x = (rows.group[:, None] == np.unique(rows.group)).astype(np.float64)
    return rows, x, squares


def _between(means: Floats, counts: Sequence[int]) -> list[SumOfSquares]:
    """Two-way residuals over families of errors ``[families, groups, seeds]``, or of differences."""
    one = means[:, -1] - means[:, 0] if len(counts) == 2 else means[:, 0]
    freedom = (one.shape[0] - 1) * (one.shape[1] - 1)
    if not freedom:
        return []
    rest = one - one.mean(axis=0) - one.mean(axis=1, keepdims=True) + one.mean()
    weights = {NOISE: sum(1 / count for count in counts), GROUP: float(len(counts))}
    if len(counts) == 1:
        weights[FAMILY] = 1.0
    return [SumOfSquares(float((rest**2).sum()), freedom, weights)]


def _within(part: _Part) -> list[SumOfSquares]:
    """Two-way sums of squares among the nulls of a part."""
    size, width = part.errors.shape
    if size < 2:
        return []
    centred = part.errors - part.errors.mean(axis=0)
    between = width * float((centred.mean(axis=1) ** 2).sum())
    made = [SumOfSquares(between, size - 1, {NETWORK: width, NOISE: 1.0})]
    if width > 1:
        rest = max(0.0, float((centred**2).sum()) - between)
        made.append(SumOfSquares(rest, (size - 1) * (width - 1), {NOISE: 1.0}))
    return made


def _by_the_others(pairs: Sequence[_Family], confidence: float) -> dict[int, Contrast]:
    """Judge each effect by how those of the other graphs of its design differ, its own left out.

    For one seed per network, or one null per graph: nothing else tells the error of an effect. With its own
    effect in the spread that judges it, a graph could hardly stand out among few (coverage 1.000 among six).
    """
    designs: dict[tuple[int, int], list[int]] = {}
    for place, (graph, nulls) in enumerate(pairs):
        # Other seeds for the nulls than for the graphs would move all effects alike, which no spread shows.
        if len(graph) == len(nulls) == 1 and graph[0].seeds == nulls[0].seeds:
            designs.setdefault((len(nulls[0].errors), len(graph[0].seeds)), []).append(place)
    judged: dict[int, Contrast] = {}
    for places in designs.values():
        if len(places) > FEWEST_EFFECTS:
            effects = np.array([_difference(*pairs[place]) for place in places])
            for number, place in enumerate(places):
                spread = float(np.delete(effects, number).var(ddof=1))
                judged[place] = student(float(effects[number]), spread, len(places) - 2.0, confidence)
    return judged


def _spread_of_effects(pairs: Sequence[_Family]) -> list[SumOfSquares]:
    """How effects differ between graphs of one design; an upper bound of their error if true effects differ."""
    designs: dict[tuple[int, int], list[float]] = {}
    for of_graph, nulls in pairs:
        if len(of_graph) == len(nulls) == 1 and of_graph[0].seeds == nulls[0].seeds:
            key = (len(nulls[0].errors), len(of_graph[0].seeds))
            designs.setdefault(key, []).append(_difference(of_graph, nulls))
    made = []
    for (count, seeds), effects in designs.items():
        if len(effects) > 1:
            share = 1 + 1 / count
            weights = {NETWORK: share, NOISE: share / seeds, GROUP: 2 / seeds}
            made.append(SumOfSquares(float(np.var(effects) * len(effects)), len(effects) - 1, weights))
    return made


def _difference(of_graph: Sequence[_Part], nulls: Sequence[_Part]) -> float:
    each = [float(np.mean(errors)) for part in nulls for errors in part.errors]
    return float(np.mean(each)) - float(np.mean(of_graph[0].errors))


def _contrast(
    pair: _Family, held: Fit, free: Fit, given: bool, confidence: float
) -> tuple[Contrast, dict[int, float]]:
    """Estimate the effect of one graph, and what each seed's errors weigh in it."""
    rows = _rows([pair])
    parts = rows.components()
    held_parts = {name: parts[name] for name in held.names}
    v = sum(
        (value * held_parts[name] for name, value in zip(held.names, held.theta, strict=True)), np.zeros(())
    )
    v = v + 1e-9 * np.trace(v) / len(v) * np.eye(len(v))
    x = (rows.group[:, None] == np.arange(2)).astype(np.float64)
    vx = np.linalg.solve(v, x)
    local = replace(held, v=v, beta_weights=np.linalg.solve(x.T @ vx, vx.T))
    side = np.array([-1.0, 1.0])
    weights = side @ local.beta_weights
    # Where the noise of a run is known by itself (from several nulls), no error lies below it.
    floor = [GROUP] if given else []
    estimate, variance, freedom = contrast_of(
        weights, rows.y, free, held_parts, never_negative=[NETWORK], floor=floor
    )
    variance += kenward_roger(side, x, local, held_parts)
    seeds = {int(seed): float(weights[rows.seed == seed].sum()) for seed in np.unique(rows.seed)}
    return student(estimate, variance if variance > 1e-16 else float("nan"), freedom, confidence), seeds
