"""Arms of networks against each other: the mean error of one minus that of the other, whatever the design.

Many graphs with one seed each against a baseline with many seeds, unbalanced seeds, the same or other seeds on
both sides: one mixed model covers them (:mod:`graph2nn.analysis.mixed_model`). Its components are the noise of
a run, what a training seed does to all networks, what it does to the networks of one arm, and how the networks
of an arm differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from graph2nn.analysis.evidence import evidence_of
from graph2nn.analysis.mixed_model import (
    Contrast,
    SumOfSquares,
    contrast_of,
    fit_mixed_model,
    kenward_roger,
    student,
)
from graph2nn.arrays import Floats, Longs
from graph2nn.errors import UserError, unknown

NOISE, SEED, SEED_IN_ARM = "noise", "seed", "seed in arm"
#: What is said where each arm has one training seed.
BLIND = (
    "All networks of an arm share one training seed. Its effect on one arm cannot be separated from the "
    "difference between the arms, so neither an interval nor a test is given. Train a second seed."
)


@dataclass(frozen=True)
class ArmComparison(Contrast):
    """A difference between arms.

    Attributes:
        variances: estimates of the variance components, by name (a negative one says that the runs of a seed
            are less alike than by chance).
        covariance: of these estimates, in the same order.
        runs: of each arm. networks: of each arm.
        own_error: standard error of the difference between the true means of these very networks, so without
            how the networks of an arm differ; ``own_freedom``, its degrees of freedom.
        note: what the design leaves open, as a sentence; empty where it leaves nothing open.

    Example:
        >>> import pandas as pd
        >>> errors = {"baseline": [33.4, 33.1, 33.6], "sparse": [32.3, 32.2, 32.6]}
        >>> rows = [(g, "relational", s, e) for g, values in errors.items() for s, e in enumerate(values)]
        >>> runs = pd.DataFrame(rows, columns=["graph", "kind", "seed", "test_error"])
        >>> comparison = compare_arms(runs, a=["baseline"], b=["sparse"])
        >>> comparison.runs, comparison.networks
        ((3, 3), (1, 1))
    """

    variances: dict[str, float]
    covariance: Floats
    runs: tuple[int, ...]
    networks: tuple[int, ...]
    own_error: float
    own_freedom: float
    note: str = ""


@dataclass(frozen=True)
class Reduced:
    """Runs reduced to means over the networks that share an arm and their seeds.

    Attributes:
        y: mean error, ``[rows]``.
        arm, seed, group: number of the arm, of the seed, and of the set of networks averaged, ``[rows]``.
        count: networks averaged, ``[rows]``.
        squares: what the averaging leaves out.
        networks, runs: in each arm.
    """

    y: Floats
    arm: Longs
    seed: Longs
    group: Longs
    count: Floats
    squares: tuple[SumOfSquares, ...]
    networks: tuple[int, ...]
    runs: tuple[int, ...]


def compare_arms(
    runs: pd.DataFrame, a: Sequence[str], b: Sequence[str], *, confidence: float = 0.95
) -> ArmComparison:
    """Compare two arms of networks.

    Several labels in an arm are a sample of the networks that the arm stands for, so how they differ is part of
    the error; a single label stands for itself. A seed that trains networks of both arms pairs them as far as
    the variance components say that it moves both alike.

    Args:
        runs: one row per run, with columns ``graph, kind, seed, test_error``; other runs are left aside, and so
            are runs that were filled in from another seed.
        a: labels of the first arm, as in the column ``graph``; ``"baseline"`` is the baseline.
        b: labels of the second arm.
        confidence: of the interval.

    Returns:
        Mean error of ``a`` minus mean error of ``b`` in points: positive means that ``b`` is better; interval,
        p-value and degrees of freedom after Satterthwaite, with the correction of Kenward and Roger (1997) for
        estimated weights. If each arm has only one training seed, the interval and the p-value are NaN and
        ``note`` says why.

    Raises:
        UserError: a malformed table, an unknown or repeated label, or runs without any spread to judge by.

    Example:
        >>> import pandas as pd
        >>> errors = {"baseline": [33.4, 33.1, 33.6], "sparse": [32.3, 32.2, 32.6]}
        >>> rows = [
        ...     {"graph": graph, "kind": "relational", "seed": seed, "test_error": error}
        ...     for graph, values in errors.items()
        ...     for seed, error in enumerate(values)
        ... ]
        >>> found = compare_arms(pd.DataFrame(rows), a=["baseline"], b=["sparse"])
        >>> round(found.estimate, 2), round(found.low, 2), round(found.high, 2)
        (1.0, 0.75, 1.25)
    """
    return contrast_arms(runs, [a, b], [1.0, -1.0], confidence=confidence)


def contrast_arms(
    runs: pd.DataFrame, arms: Sequence[Sequence[str]], weights: Sequence[float], *, confidence: float = 0.95
) -> ArmComparison:
    """Estimate the sum of ``weights`` times the mean errors of ``arms``; see :func:`compare_arms`.

    Args:
        runs: as for :func:`compare_arms`.
        arms: labels of each arm's networks.
        weights: one per arm.
        confidence: of the interval.

    Returns:
        The estimate with its interval.

    Raises:
        UserError: as :func:`compare_arms`.
    """
    if not 0 < confidence < 1:
        raise UserError(f"compare_arms: confidence = {confidence:g} lies outside (0, 1).")
    table = evidence_of(runs)
    data = reduce_runs(table, _labels(table, arms))
    lone, blind = _lone(data), _blind(data)
    data = _unpaired(data, lone)
    parts = _components(data)
    if lone and not any(set(square.weights) == {NOISE} for square in data.squares):
        # The scatter of runs may all be due to their seeds, and one seed does not average it out.
        del parts[NOISE]
    x = (data.arm[:, None] == np.arange(len(arms))).astype(np.float64)
    combination = np.asarray(weights, dtype=np.float64)
    if len(data.y) == len(arms) and not data.squares:
        raise UserError(
            "compare_arms: each arm has one run, so the noise of the difference cannot be estimated. "
            "Train more seeds or more graphs."
        )
    # Weights from components that are variances; the error of the estimate from components that may be
    # negative, which in balanced designs makes it that of the analysis of variance.
    held = fit_mixed_model(data.y, x, parts, data.squares, bounded=tuple(parts))
    free = fit_mixed_model(data.y, x, parts, data.squares)
    rows = combination @ held.beta_weights
    differ = [name for name in parts if name.startswith("network")]
    # Where the noise of a run is known by itself, no error lies below it.
    floor = [SEED_IN_ARM] if any(set(square.weights) == {NOISE} for square in data.squares) else []
    estimate, variance, freedom = contrast_of(rows, data.y, free, parts, never_negative=differ, floor=floor)
    added = kenward_roger(combination, x, held, parts)
    within = {name: np.zeros_like(part) if name.startswith("network") else part for name, part in parts.items()}
    _, own_variance, own_freedom = contrast_of(rows, data.y, free, within, floor=floor)
    variance = float("nan") if blind or variance + added <= 1e-16 else variance + added
    answer = student(estimate, variance, freedom, confidence)
    return ArmComparison(
        **vars(answer),
        variances=dict(zip(free.names, free.theta.tolist(), strict=True)),
        covariance=free.covariance,
        runs=data.runs,
        networks=data.networks,
        own_error=float(np.sqrt(max(own_variance + added, 0.0))),
        own_freedom=float(own_freedom),
        note=BLIND if blind else _left_open(data, lone),
    )


def _blind(data: Reduced) -> bool:
    """Whether each arm has one training seed in all, so that nothing tells its effect from the difference."""
    return all(len(np.unique(data.seed[data.arm == place])) == 1 for place in range(len(data.networks)))


def _lone(data: Reduced) -> list[int]:
    """Arms of several networks with one training seed in all, where another arm has more."""
    seeds = [len(np.unique(data.seed[data.arm == place])) for place in range(len(data.networks))]
    several = [place for place, count in enumerate(data.networks) if count > 1 and seeds[place] == 1]
    return several if max(seeds) > 1 else []


def _unpaired(data: Reduced, lone: Sequence[int]) -> Reduced:
    """Give the runs of lone arms a seed of their own: whether that seed moves other arms alike is unknown."""
    return replace(data, seed=np.where(np.isin(data.arm, lone), data.seed.max() + 1 + data.arm, data.seed))


def _left_open(data: Reduced, lone: Sequence[int]) -> str:
    """Say what one seed for all networks of an arm leaves open."""
    if not lone:
        return ""
    return (
        f"All {data.networks[lone[0]]:,} networks of an arm share one training seed, and what it did to them "
        "cannot be told from the difference. The interval allows for as much as the runs of the other arm "
        "scatter: it is right if that is all due to seeds, else too wide. Train a second seed."
    )


def reduce_runs(runs: pd.DataFrame, arms: Sequence[Sequence[str]]) -> Reduced:
    """Average the runs of the networks of an arm that were trained with the same seeds."""
    seeds = {seed: number for number, seed in enumerate(pd.unique(runs["seed"]))}
    rows: list[tuple[float, int, int, int, int]] = []
    squares: list[SumOfSquares] = []
    networks, counts = [], []
    number = 0
    for place, labels in enumerate(arms):
        table = runs[runs["graph"].isin(set(labels))].pivot_table("test_error", "graph", "seed", sort=False)
        values, present = table.to_numpy(dtype=np.float64), table.notna().to_numpy()
        patterns, member = np.unique(present, axis=0, return_inverse=True)
        for pattern, here in enumerate(patterns):
            block = values[member.ravel() == pattern][:, here]
            means = zip(table.columns[here], block.mean(axis=0), strict=True)
            rows += [(float(value), place, seeds[seed], number, len(block)) for seed, value in means]
            squares += _squares(block, f"network {place}")
            number += 1
        networks.append(len(table))
        counts.append(int(present.sum()))
    y, arm, seed, group, count = (np.array(column) for column in zip(*rows, strict=True))
    return Reduced(
        y.astype(np.float64),
        arm,
        seed,
        group,
        count.astype(np.float64),
        tuple(squares),
        tuple(networks),
        tuple(counts),
    )


def _squares(block: Floats, network: str) -> list[SumOfSquares]:
    """Two-way sums of squares of errors ``[networks, seeds]``: between networks, and what is left."""
    size, width = block.shape
    if size < 2:
        return []
    centred = block - block.mean(axis=0)
    between = width * float((centred.mean(axis=1) ** 2).sum())
    made = [SumOfSquares(between, size - 1, {network: width, NOISE: 1.0})]
    if width > 1:
        rest = max(0.0, float((centred**2).sum()) - between)
        made.append(SumOfSquares(rest, (size - 1) * (width - 1), {NOISE: 1.0}))
    return made


def _components(data: Reduced) -> dict[str, Floats]:
    """Matrices of the components that the design can tell apart, ``[rows, rows]``."""

    def same(values: Longs) -> Floats:
        equal: Floats = (values[:, None] == values).astype(np.float64)
        return equal

    parts = {NOISE: np.diag(1 / data.count)}
    several = len(np.unique(data.seed)) > 1
    if several:
        parts[SEED] = same(data.seed)
        parts[SEED_IN_ARM] = same(data.seed) * same(data.arm)
    if not several and min(data.networks) == 1:
        # One seed, and one network alone: its noise cannot be told from how networks differ, which is larger.
        return parts
    within = same(data.group) / np.sqrt(np.outer(data.count, data.count))
    for place, count in enumerate(data.networks):
        if count > 1:
            parts[f"network {place}"] = within * np.outer(data.arm == place, data.arm == place)
    return parts


def _labels(runs: pd.DataFrame, arms: Sequence[Sequence[str]]) -> list[list[str]]:
    there = set(runs["graph"])
    baseline = runs.loc[runs["kind"] == "baseline", "graph"] if "kind" in runs else runs.loc[[], "graph"]
    alias = {} if baseline.empty or "baseline" in there else {"baseline": str(baseline.iloc[0])}
    named = []
    for arm in arms:
        if isinstance(arm, str):
            raise UserError(f"compare_arms: an arm is a list of labels, not the text {arm!r}; write [{arm!r}].")
        labels = [alias.get(label, label) for label in dict.fromkeys(arm)]
        if not labels:
            raise UserError("compare_arms: an arm has no label; name at least one graph in each.")
        for label in labels:
            if label not in there:
                raise unknown("compare_arms: graph", label, sorted(there))
        named.append(labels)
    seen: set[str] = set()
    for labels in named:
        if both := seen & set(labels):
            raise UserError(f"compare_arms: graph {min(both)!r} is in two arms; leave it in one.")
        seen |= set(labels)
    return named
