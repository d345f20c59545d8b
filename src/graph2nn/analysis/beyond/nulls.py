"""Graphs against their own nulls: is a graph better than rewirings of itself, and how many runs show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.analysis.beyond.noise import paired, seed_noise
from graph2nn.analysis.significance import holm
from graph2nn.analysis.table import checked
from graph2nn.errors import UserError

Floats = npt.NDArray[np.float64]
#: Label of the row over all graphs.
ALL = "all graphs"
#: Relabellings of the permutation test.
PERMUTATIONS = 20_000


@dataclass(frozen=True)
class NullComparison:
    """What runs of graphs and of their nulls say.

    Attributes:
        rows: one row per graph, then one of all graphs (``all graphs``): ``graph``; ``nulls``, null graphs;
            ``runs``; ``own``, its mean error; ``null_mean, null_low, null_high``, mean, lowest and highest of
            its nulls' means; ``effect``, null_mean − own (points; positive: better than its nulls) with
            ``low, high``; ``p``, t-test; ``p_holm``, after Holm's correction over the graphs;
            ``p_permutation``, exact or sampled relabelling of a graph with its own nulls.
        members: a row a network: ``graph, label, null, mean, seeds``.
        null_sd: standard deviation of true means among nulls of one graph. seed_sd: of runs of one network;
            None if no network has two.
        confidence: of the intervals.
    """

    rows: pd.DataFrame
    members: pd.DataFrame
    null_sd: float
    seed_sd: float | None
    confidence: float


def compare_nulls(
    table: pd.DataFrame, pairs: pd.DataFrame, *, seed: int = 0, confidence: float = 0.95
) -> NullComparison:
    """Compare each graph with its own nulls.

    The hypothesis tested is that the graph is one more draw from its nulls. A graph's interval and p-value are
    those of one observation against a sample (Crawford and Howell 1998), the spread of networks pooled over
    all graphs. Over all graphs the mean effect is tested in two ways: by a t-test whose error also holds how
    effects differ from graph to graph (two graphs or more), and by a permutation test that swaps each graph
    with its own nulls, which takes nothing for granted but exchangeability.

    Args:
        table: results table with the runs of both (a baseline is left aside).
        pairs: ``graph, null``: labels, one row per null.
        seed: of the permutations, where there are too many to try all.
        confidence: of the intervals.

    Raises:
        UserError: columns missing, a label without runs, or no graph with two nulls.
    """
    results = checked(table)
    noise = seed_noise(results.runs)
    errors = replace(results, runs=paired(results.runs)).errors()
    members = _members(errors, pairs)
    groups = [rows for _, rows in members.groupby("graph", sort=False)]
    nulls = [rows.loc[rows["null"], "mean"].to_numpy(dtype=np.float64) for rows in groups]
    freedom = sum(len(sample) - 1 for sample in nulls)
    if freedom < 1:
        raise UserError(
            "nulls: no graph has two nulls with runs, so their spread is unknown. Train more nulls."
        )
    own = np.array([float(rows.loc[~rows["null"], "mean"].iloc[0]) for rows in groups])
    spread = float(np.sqrt(sum(((sample - sample.mean()) ** 2).sum() for sample in nulls) / freedom))
    rows = pd.DataFrame(
        {
            "graph": [rows["graph"].iloc[0] for rows in groups],
            "nulls": [len(sample) for sample in nulls],
            "runs": [int(rows["seeds"].sum()) for rows in groups],
            "own": own,
            "null_mean": [sample.mean() for sample in nulls],
            "null_low": [sample.min() for sample in nulls],
            "null_high": [sample.max() for sample in nulls],
        }
    )
    error = spread * np.sqrt(1 + 1 / rows["nulls"].to_numpy(dtype=np.float64))
    rows = _tested(rows.assign(effect=rows["null_mean"] - rows["own"]), error, freedom, confidence)
    alone = [_permuted(own[i : i + 1], nulls[i : i + 1], seed) for i in range(len(own))]
    rows = rows.assign(p_holm=holm(rows["p"].to_numpy(dtype=np.float64)), p_permutation=alone)
    total = _overall(rows, error, freedom, confidence).assign(p_permutation=_permuted(own, nulls, seed))
    luck = 0.0 if noise is None else noise.variance * float((1 / members.loc[members["null"], "seeds"]).mean())
    return NullComparison(
        rows=pd.concat([rows, total], ignore_index=True),
        members=members,
        null_sd=float(np.sqrt(max(0.0, spread**2 - luck))),
        seed_sd=None if noise is None else noise.sd,
        confidence=confidence,
    )


def record(found: NullComparison) -> dict[str, Any]:
    """What summary.json holds of it."""
    return {
        "null_sd": found.null_sd,
        "seed_sd": found.seed_sd,
        "confidence": found.confidence,
        "graphs": found.rows.iloc[:-1].to_dict("records"),
        "all": found.rows.iloc[-1].to_dict(),
    }


def power(
    difference: float,
    *,
    null_sd: float,
    seed_sd: float,
    graphs: int,
    nulls: int,
    seeds: int,
    level: float = 0.05,
) -> float:
    """Probability that the t-test over all graphs finds a common effect, two-sided at ``level``.

    Args:
        difference: true effect (points), the same for all graphs.
        null_sd: standard deviation of true means among nulls of one graph (and of a graph about its nulls).
        seed_sd: of runs of one network.
        graphs, nulls, seeds: graphs, nulls of each, training seeds of each network.
        level: of the test.

    Raises:
        UserError: fewer than one graph or seed or two nulls, or no spread at all.
    """
    from scipy import stats

    if graphs < 1 or seeds < 1 or nulls < 2:
        raise UserError(
            f"power: graphs = {graphs}, nulls = {nulls}, seeds = {seeds}; expected at least 1, 2 and 1."
        )
    network = null_sd**2 + seed_sd**2 / seeds
    if network <= 0:
        raise UserError("power: null_sd and seed_sd are both 0; with no spread any difference shows.")
    error = np.sqrt(network * (1 + 1 / nulls) / graphs)
    # One graph is judged by the spread of its nulls, several by that of their effects.
    freedom = graphs - 1 if graphs > 1 else nulls - 1
    edge = float(stats.t.ppf(1 - level / 2, freedom))
    shift = difference / error
    return float(stats.nct.sf(edge, freedom, shift) + stats.nct.cdf(-edge, freedom, shift))


def plan_power(
    difference: float,
    *,
    null_sd: float,
    seed_sd: float,
    graphs: int,
    nulls: tuple[int, ...] = (2, 3, 5, 8, 12, 20),
    seeds: tuple[int, ...] = (1, 2, 3, 5),
    level: float = 0.05,
) -> pd.DataFrame:
    """Power of every design, cheapest first: ``graphs, nulls, seeds, runs, power``. See :func:`power`."""
    rows = [
        {
            "graphs": graphs,
            "nulls": m,
            "seeds": s,
            "runs": graphs * (m + 1) * s,
            "power": power(
                difference, null_sd=null_sd, seed_sd=seed_sd, graphs=graphs, nulls=m, seeds=s, level=level
            ),
        }
        for m in nulls
        for s in seeds
    ]
    return pd.DataFrame(rows).sort_values(["runs", "power"], ascending=[True, False]).reset_index(drop=True)


def _members(errors: Mapping[str, Floats], pairs: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in ("graph", "null") if name not in pairs]
    if missing:
        raise UserError(f"nulls: the pairs have no column {missing[0]!r}; expected graph and null.")
    rows = []
    for graph, own in pairs.groupby("graph", sort=False)["null"]:
        for label, null in ((graph, False), *((label, True) for label in dict.fromkeys(own))):
            if label not in errors:
                raise UserError(f"nulls: the table has no finished run of {label!r}, which the pairs name.")
            mean, seeds = float(np.mean(errors[label])), len(errors[label])
            rows.append({"graph": graph, "label": label, "null": null, "mean": mean, "seeds": seeds})
    if not rows:
        raise UserError("nulls: there are no pairs of a graph and its null.")
    return pd.DataFrame(rows)


def _tested(rows: pd.DataFrame, error: Floats, freedom: int, confidence: float) -> pd.DataFrame:
    from scipy import stats

    effect = rows["effect"].to_numpy(dtype=np.float64)
    reach = float(stats.t.ppf((1 + confidence) / 2, freedom)) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stats.t.sf(np.abs(effect) / error, freedom)
    return rows.assign(low=effect - reach, high=effect + reach, p=p)


def _overall(rows: pd.DataFrame, error: Floats, freedom: int, confidence: float) -> pd.DataFrame:
    """The mean effect: graphs count alike, and its error is how their effects differ, or that of a lone one."""
    effect = rows["effect"].to_numpy(dtype=np.float64)
    count = len(effect)
    if count > 1:
        error, freedom = np.array([effect.std(ddof=1) / np.sqrt(count)]), count - 1
    sums = rows[["nulls", "runs"]].sum()
    means = rows[["own", "null_mean", "effect"]].mean()
    total = pd.DataFrame([{"graph": ALL, **sums, **means}]).astype({"nulls": np.int64, "runs": np.int64})
    return _tested(total, error, freedom, confidence)


def _permuted(own: Floats, nulls: list[Floats], seed: int) -> float:
    """Two-sided p-value of the mean effect when each graph may change places with any of its nulls."""
    pools = [np.concatenate([[value], sample]) for value, sample in zip(own, nulls, strict=True)]
    # Mean of the others minus the one, for each choice of the one; the first choice is the real one.
    effects = [(pool.sum() - pool) / (len(pool) - 1) - pool for pool in pools]
    # Against its own expectation, 0 under exchangeability.
    real = abs(sum(float(effect[0]) for effect in effects))
    ways = float(np.prod([float(len(effect)) for effect in effects]))
    if ways <= PERMUTATIONS:
        sums = np.zeros(1)
        for effect in effects:
            sums = (sums[:, None] + effect).ravel()
        return float((np.abs(sums) >= real - 1e-12).mean())
    rng = np.random.default_rng([seed, len(effects)])
    sums = np.sum([rng.choice(effect, PERMUTATIONS) for effect in effects], axis=0)
    return float(((np.abs(sums) >= real - 1e-12).sum() + 1) / (PERMUTATIONS + 1))
