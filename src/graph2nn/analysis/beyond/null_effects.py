"""Graphs against their own nulls: is a graph better than rewirings of itself, and how many runs show it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from graph2nn.analysis.beyond.noise import paired
from graph2nn.analysis.evidence import evidence_of
from graph2nn.analysis.mixed_model import Contrast
from graph2nn.analysis.null_comparison import FEWEST_EFFECTS, GROUP, NETWORK, NOISE, Effects, null_effects
from graph2nn.analysis.significance import holm
from graph2nn.arrays import Floats
from graph2nn.errors import UserError

#: Label of the row over all graphs.
ALL = "all graphs"
#: A graph with the lowest mean among this many others or more counts as picked for it.
FEWEST_RIVALS = 4


@dataclass(frozen=True)
class NullComparison:
    """What runs of graphs and of their nulls say.

    Attributes:
        rows: one row per graph, then one of all graphs (``all graphs``): ``graph``; ``nulls``, null graphs;
            ``runs``; ``own``, its mean error; ``null_mean, null_low, null_high``, mean, lowest and highest of
            its nulls' means; ``effect``, the nulls' mean error minus its own (points; positive: better than its
            nulls) with ``low, high``; ``p``, its test; ``p_holm``, after Holm's correction over the graphs.
        members: one row per network: ``graph, label, null, mean, seeds``.
        null_sd: standard deviation of true means among nulls of one graph. seed_sd: of runs of one network;
            None if no network has two.
        confidence: of the intervals.
        effects: what the rows were made from.
        refused: graphs without interval and test, and why.
        uninformative: graphs whose nulls hardly differ from them, which are in no mean over graphs.
        note: what the design leaves open, as a sentence; empty where it leaves nothing open.

    Example:
        >>> errors = {"cat": [32.1, 32.3], "n1": [32.9, 33.2], "n2": [33.0, 32.7], "n3": [33.1, 33.3]}
        >>> rows = [(g, "relational", s, e) for g, values in errors.items() for s, e in enumerate(values)]
        >>> runs = pd.DataFrame(rows, columns=["graph", "kind", "seed", "test_error"])
        >>> pairs = pd.DataFrame({"graph": "cat", "null": ["n1", "n2", "n3"]})
        >>> comparison = compare_nulls(runs, pairs, chosen_on=())
        >>> comparison.graphs[["graph", "estimate"]].round(2).values.tolist()
        [['cat', 0.83]]
    """

    rows: pd.DataFrame
    members: pd.DataFrame
    null_sd: float
    seed_sd: float | None
    confidence: float
    effects: Effects
    refused: Mapping[str, str] = field(default_factory=dict)
    uninformative: tuple[str, ...] = ()
    note: str = ""

    @property
    def counted(self) -> tuple[str, ...]:
        """Graphs in the mean over graphs: neither refused nor uninformative."""
        return tuple(
            str(label)
            for label in self.rows["graph"].iloc[:-1]
            if label not in self.refused and label not in self.uninformative
        )

    def without(self, uninformative: Collection[str]) -> NullComparison:
        """Leave graphs whose nulls hardly differ from them out of the mean over graphs.

        Args:
            uninformative: their labels.

        Returns:
            The comparison, its rows of single graphs as they are; the mean of no graph is NaN.
        """
        graphs = list(self.rows["graph"].iloc[:-1])
        here = tuple(str(label) for label in graphs if label in uninformative)
        if not here:
            return self
        left = replace(self, uninformative=here)
        places = [place for place, label in enumerate(graphs) if label in left.counted]
        mean = self.effects.mean(places, confidence=self.confidence)
        rows = pd.concat([self.rows.iloc[:-1], _overall(self.rows, mean, places)], ignore_index=True)
        return replace(left, rows=rows)

    @property
    def graphs(self) -> pd.DataFrame:
        """One row per graph, in order of appearance: ``graph, estimate, low, high, p_value``, then the rest.

        ``estimate`` is the mean error of its nulls minus its own, in points.
        """
        named = self.rows.iloc[:-1].rename(columns={"effect": "estimate", "p": "p_value"})
        first = ["graph", "estimate", "low", "high", "p_value", "p_holm", "nulls", "runs"]
        return named[first].reset_index(drop=True)

    @property
    def estimate(self) -> float:
        """Mean effect over the graphs; ``low``, ``high`` and ``p_value`` belong to it."""
        return float(self.rows.iloc[-1]["effect"])

    @property
    def low(self) -> float:
        """Low end of the interval of the mean effect."""
        return float(self.rows.iloc[-1]["low"])

    @property
    def high(self) -> float:
        """High end of the interval of the mean effect."""
        return float(self.rows.iloc[-1]["high"])

    @property
    def p_value(self) -> float:
        """Two-sided p-value of the mean effect."""
        return float(self.rows.iloc[-1]["p"])


def compare_nulls(
    table: pd.DataFrame,
    pairs: pd.DataFrame,
    *,
    confidence: float = 0.95,
    chosen_on: Sequence[int] | None = None,
) -> NullComparison:
    """Compare each graph with its own nulls.

    The hypothesis tested is that the graph is one more draw from its nulls. A graph's interval and p-value come
    from the mixed model of :mod:`graph2nn.analysis.null_comparison`. With several seeds and several nulls of a
    graph its error is never below seed noise; with one seed or one null per graph it is how the effects of the
    other graphs differ. The mean effect is judged by how effects differ from graph to graph, to which the
    model adds what a seed does to all networks where graphs and nulls were trained with other seeds. Swapping a
    graph with its nulls is not a valid test: a seed that moves the nulls together makes the graph stand out.

    A graph that was picked because its runs have the lowest error is lower than its nulls by luck (30 to 58 %
    false positives in simulation). If the table has other graphs and this one has the lowest mean of all, it
    gets no interval and no test, unless ``chosen_on`` says on which seeds it was picked.

    Args:
        table: one row per run, with ``graph, kind, seed, test_error``; the runs of graphs, of nulls and, where
            there are such, of other networks, which inform about the scatter of seeds.
        pairs: ``graph, null``: labels, one row per null.
        confidence: of the intervals.
        chosen_on: training seeds whose runs chose the graphs; these are left out. Empty: the graphs were chosen
            without these runs. None: refuse a graph that has the lowest mean of all.

    Returns:
        The comparison; its ``graphs`` are in order of appearance in ``pairs``.

    Raises:
        UserError: columns missing, a label without runs, no spread to judge by, or nothing but graphs that
            were picked for their own runs.

    Example:
        >>> errors = {"cat": [32.1, 32.3], "n1": [32.9, 33.2], "n2": [33.0, 32.7], "n3": [33.1, 33.3]}
        >>> rows = [(g, "relational", s, e) for g, values in errors.items() for s, e in enumerate(values)]
        >>> runs = pd.DataFrame(rows, columns=["graph", "kind", "seed", "test_error"])
        >>> pairs = pd.DataFrame({"graph": "cat", "null": ["n1", "n2", "n3"]})
        >>> compare_nulls(runs, pairs, chosen_on=()).members["label"].tolist()
        ['cat', 'n1', 'n2', 'n3']
    """
    kept = evidence_of(table)
    if chosen_on:
        kept = kept[~kept["seed"].isin(list(chosen_on))].reset_index(drop=True)
    errors = _errors(paired(kept))
    members = _members(errors, pairs)
    groups = [rows for _, rows in members.groupby("graph", sort=False)]
    families = {str(rows["graph"].iloc[0]): list(rows.loc[rows["null"], "label"]) for rows in groups}
    refused = _picked(kept, families) if chosen_on is None else {}
    if len(refused) == len(families):
        raise UserError(next(iter(refused.values())))
    effects = null_effects(kept, families, confidence=confidence)
    if not effects.one_seed and not any(np.isfinite(each.p_value) for each in effects.contrasts):
        raise UserError(
            "nulls: no network has two seeds and no graph has two nulls with runs, so there is no spread "
            "to judge an effect by. Train more nulls or more seeds."
        )
    nulls = [rows.loc[rows["null"], "mean"].to_numpy(dtype=np.float64) for rows in groups]
    graph_means = np.array([float(rows.loc[~rows["null"], "mean"].iloc[0]) for rows in groups])
    rows = pd.DataFrame(
        {
            "graph": list(families),
            "nulls": [len(sample) for sample in nulls],
            "runs": [int(rows["seeds"].sum()) for rows in groups],
            "own": graph_means,
            "null_mean": [sample.mean() for sample in nulls],
            "null_low": [sample.min() for sample in nulls],
            "null_high": [sample.max() for sample in nulls],
            "effect": [each.estimate for each in effects.contrasts],
            "low": [each.low for each in effects.contrasts],
            "high": [each.high for each in effects.contrasts],
            "p": [each.p_value for each in effects.contrasts],
        }
    )
    rows.loc[rows["graph"].isin(list(refused)), ["low", "high", "p"]] = np.nan
    rows = rows.assign(p_holm=holm(rows["p"].to_numpy(dtype=np.float64)))
    judged = [place for place, label in enumerate(families) if label not in refused]
    total = _overall(rows, effects.mean(judged, confidence=confidence), judged)
    noise = effects.variances.get(NOISE, 0.0) + effects.variances.get(GROUP, 0.0)
    return NullComparison(
        rows=pd.concat([rows, total], ignore_index=True),
        members=members,
        null_sd=float(np.sqrt(max(0.0, effects.variances.get(NETWORK, 0.0)))),
        seed_sd=float(np.sqrt(max(0.0, noise))) if GROUP in effects.variances else None,
        confidence=confidence,
        effects=effects,
        refused=refused,
        note=_left_open(kept, families),
    )


def _left_open(runs: pd.DataFrame, families: Mapping[str, Sequence[str]]) -> str:
    """Say that every network of a comparison has one training seed."""
    labels = {*families, *(null for nulls in families.values() for null in nulls)}
    if runs[runs["graph"].isin(labels)].groupby("graph")["seed"].nunique().max() > 1:
        return ""
    if len(families) > FEWEST_EFFECTS:
        return (
            "nulls: each network has one training seed, so the interval of one graph comes from how the "
            "effects of the other graphs differ, and is wide for few graphs."
        )
    return (
        "nulls: each network has one training seed, and a seed that moves the nulls of a graph together cannot "
        "be told from an effect, so no interval is given. Train a second seed, or nulls of three graphs."
    )


def _picked(runs: pd.DataFrame, families: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Graphs with the lowest mean of all that have no nulls here, which is what picking the best leaves."""
    relational = runs[runs["kind"] == "relational"]
    nulls = {null for members in families.values() for null in members}
    rivals = set(relational["graph"]) - nulls - set(families)
    if len(rivals) < FEWEST_RIVALS:
        return {}
    mean = paired(relational).groupby("graph")["test_error"].mean()
    lowest = mean[list(rivals)].min()
    return {
        graph: f"nulls: {graph} has the lowest mean error of {len(rivals) + 1:,} graphs, so runs that picked "
        "it cannot also judge it. Name the seeds that picked it with --chosen-on SEED (chosen_on=[1] in "
        "Python), or say that it was chosen without these runs with --chosen-on none (chosen_on=[])."
        for graph in families
        if graph in mean and mean[graph] <= lowest
    }


def _errors(runs: pd.DataFrame) -> dict[str, Floats]:
    groups = runs.groupby("graph", sort=False)["test_error"]
    return {str(label): values.to_numpy(dtype=np.float64) for label, values in groups}


def null_effects_record(comparison: NullComparison) -> dict[str, Any]:
    """What summary.json holds of it."""
    return {
        "null_sd": comparison.null_sd,
        "seed_sd": comparison.seed_sd,
        "confidence": comparison.confidence,
        "refused": dict(comparison.refused),
        "uninformative": list(comparison.uninformative),
        "note": comparison.note,
        "graphs": comparison.rows.iloc[:-1].to_dict("records"),
        "all": comparison.rows.iloc[-1].to_dict(),
    }


def power_of_nulls(
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

    Returns:
        A probability.

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
    """Power of every design, cheapest first: ``graphs, nulls, seeds, runs, power``. See :func:`power_of_nulls`.

    Args:
        difference, null_sd, seed_sd, level: as for :func:`power_of_nulls`.
        graphs: how many.
        nulls: numbers of nulls to try.
        seeds: numbers of seeds to try.

    Returns:
        One row per design.
    """
    rows = [
        {
            "graphs": graphs,
            "nulls": m,
            "seeds": s,
            "runs": graphs * (m + 1) * s,
            "power": power_of_nulls(
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
    for graph, nulls in pairs.groupby("graph", sort=False)["null"]:
        for label, null in ((graph, False), *((label, True) for label in dict.fromkeys(nulls))):
            if label not in errors:
                raise UserError(f"nulls: the table has no finished run of {label!r}, which the pairs name.")
            mean, seeds = float(np.mean(errors[label])), len(errors[label])
            rows.append({"graph": graph, "label": label, "null": null, "mean": mean, "seeds": seeds})
    if not rows:
        raise UserError("nulls: there are no pairs of a graph and its null.")
    return pd.DataFrame(rows)


def _overall(rows: pd.DataFrame, mean: Contrast, places: Sequence[int]) -> pd.DataFrame:
    """Row of the mean effect over the graphs at these places."""
    some = rows.iloc[list(places)]
    means = some[["own", "null_mean"]].mean()
    ends = {"effect": mean.estimate, "low": mean.low, "high": mean.high, "p": mean.p_value}
    counts = some[["nulls", "runs"]].sum().astype(np.int64)
    return pd.DataFrame([{"graph": ALL, **counts, **means, **ends}])
