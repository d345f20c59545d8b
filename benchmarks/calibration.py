"""Coverage of 95 % intervals and false positives, before and after, by simulation with known truth.

``python -m benchmarks.calibration --repeats 400`` writes ``benchmarks/results/calibration.json`` and prints the
table of docs/statistics.md; designs that the file has with as many tables are not simulated again. Every
difference is truly 0, so a test that rejects is a false positive, except where graphs truly differ (best of
graphs, search) or where a region is meant (fit_surface).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.held_out_designs import LEADS, SCORES, one_lead, one_score
from benchmarks.mean_designs import MEANS, one_mean
from benchmarks.plane_designs import (
    AGREEMENT,
    ALL_SEARCHES,
    ALL_SURFACES,
    OPTIMUM,
    RANKS,
    SEARCH,
    WIDTHS,
    one_agreement,
    one_optimum,
    one_search,
)
from benchmarks.planned_designs import BANDS, PLANNED, held, one_band, one_planned
from graph2nn.analysis import compare_arms, compare_nulls, split_seed_gain
from graph2nn.analysis.mixed_model import student
from graph2nn.analysis.significance import holm, welch
from graph2nn.analysis.table import Gap
from graph2nn.analysis.verdict import judge
from graph2nn.errors import UserError

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from run_tables import Spread, arms_table, labels, nulls_table

RESULTS = Path(__file__).parent / "results" / "calibration.json"
Interval = tuple[float, float]

#: Arms: (networks, seeds) of each, then how the table is drawn.
ARMS: Mapping[str, Mapping[str, Any]] = {
    "one graph, 5 seeds shared": {"arms": [(1, range(5)), (1, range(5))]},
    "one graph, 5 seeds, others than the baseline's": {"arms": [(1, range(5)), (1, range(5, 10))]},
    "one graph, 5 of the baseline's 30 seeds": {"arms": [(1, range(30)), (1, range(5))]},
    "10 graphs, 5 seeds": {"arms": [(1, range(5)), (10, range(5))]},
    "10 graphs, 5 seeds, seed × arm": {"arms": [(1, range(5)), (10, range(5))], "family": 0.3},
    "10 graphs, 2 seeds": {"arms": [(1, range(2)), (10, range(2))]},
    "10 graphs, 5 seeds, others than the baseline's": {"arms": [(1, range(5)), (10, range(5, 10))]},
    "30 graphs, one seed each; baseline the same 30": {
        "arms": [(1, range(30)), (30, range(30))],
        "own_seeds": True,
    },
    "20 graphs, one seed each; baseline 10 of them and 20 more": {
        "arms": [(1, range(10, 40)), (20, range(20))],
        "own_seeds": True,
    },
    "30 graphs, one seed for all; baseline 10": {"arms": [(1, range(10)), (30, [1])]},
    "the same, all scatter is due to seeds of one arm": {
        "arms": [(1, range(10)), (30, [1])],
        "spread": Spread(seed=0.0, family=0.42, run=0.05),
    },
    "12 graphs, 6 seeds, 30 % missing": {"arms": [(1, range(6)), (12, range(6))], "missing": 0.3},
    "6 against 6 graphs, 4 seeds": {"arms": [(6, range(4)), (6, range(4))]},
    "12 against 3 graphs, 4 seeds, 30 % missing": {"arms": [(12, range(4)), (3, range(4))], "missing": 0.3},
}
NULLS: Mapping[str, Mapping[str, Any]] = {
    "1 graph, 5 nulls, 7 seeds": {"graphs": 1, "nulls": 5, "seeds": range(7)},
    "the same, seeds move nulls together": {"graphs": 1, "nulls": 5, "seeds": range(7), "together": True},
    "4 graphs, 5 nulls, 7 seeds": {"graphs": 4, "nulls": 5, "seeds": range(7)},
    "4 graphs, 5 nulls, 7 seeds, a seed moves graph and nulls": {
        "graphs": 4, "nulls": 5, "seeds": range(7), "shared_family": True,
    },
    "6 graphs, 5 nulls, one seed for all": {"graphs": 6, "nulls": 5, "seeds": [0]},
    "12 graphs, 3 nulls, one seed each": {"graphs": 12, "nulls": 3, "seeds": [0], "own_seeds": True},
    "4 graphs, one null each, 5 seeds": {"graphs": 4, "nulls": 1, "seeds": range(5)},
    "1 graph, 10 nulls, one seed for all": {"graphs": 1, "nulls": 10, "seeds": [0]},
    "20 graphs, one null and one seed each": {"graphs": 20, "nulls": 1, "seeds": [0], "own_seeds": True},
    "3 graphs with 30 seeds, 5 nulls with one": {
        "graphs": 3, "nulls": 5, "seeds": range(30), "null_seeds": [0],
    },
    "3 graphs, 4 nulls with other seeds": {
        "graphs": 3, "nulls": 4, "seeds": range(5), "null_seeds": range(5, 10),
    },
    "3 graphs, 4 nulls, 5 seeds, 30 % missing": {
        "graphs": 3, "nulls": 4, "seeds": range(5), "missing": 0.3,
    },
}  # fmt: skip
#: Mean effect over all graphs, of the same designs.
NULL_MEANS: Mapping[str, Mapping[str, Any]] = {
    **{name: {**design, "mean": True} for name, design in NULLS.items() if design["graphs"] > 1},
    "4 graphs, 5 nulls, 7 seeds, seeds move nulls together": {
        "graphs": 4, "nulls": 5, "seeds": range(7), "together": True, "mean": True,
    },
    "2 graphs, 5 nulls, 7 seeds": {"graphs": 2, "nulls": 5, "seeds": range(7), "mean": True},
}  # fmt: skip
#: The best of 52 graphs against five nulls; no graph differs from another.
PICKED: Mapping[str, Mapping[str, Any]] = {
    "best of 52 graphs, judged by the seeds that picked it": {"chosen_on": None},
    "best of 52 graphs, picked by seeds 0 to 2 of 6": {"chosen_on": (0, 1, 2)},
}
#: One baseline and 52 graphs with five seeds.
JUDGED: Mapping[str, Mapping[str, Any]] = {
    "is any graph better? no graph differs": {"gain": 0.0, "network": 0.0},
    "is any graph better? none differs, seed × arm": {"gain": 0.0, "network": 0.0, "family": 0.3},
    "is any graph better? none differs, two of five seeds shared": {
        "gain": 0.0,
        "network": 0.0,
        "seeds": range(3, 8),
    },
    "power: graphs better by 0.5 ± 0.2 points": {"gain": 0.5, "network": 0.2},
    "power: graphs better by 1.0 ± 0.2 points": {"gain": 1.0, "network": 0.2},
}
BEST: Mapping[str, Mapping[str, Any]] = {
    "best of 52 graphs, 5 seeds, no graph differs": {"graphs": 52, "seeds": range(5), "network": 0.0},
    "the same, seeds move nothing": {"graphs": 52, "seeds": range(5), "network": 0.0, "seed": 0.0},
    "best of 52 graphs, 5 seeds": {"graphs": 52, "seeds": range(5), "network": 0.2},
    "best of 52 graphs, 3 seeds": {"graphs": 52, "seeds": range(3), "network": 0.2},
    "best of 30 graphs, baseline with other seeds": {
        "graphs": 30, "seeds": range(4), "network": 0.2, "baseline": range(4, 8),
    },
    "best of 40 graphs, one seed each; baseline 10": {
        "graphs": 40, "seeds": range(40), "network": 0.2, "own_seeds": True, "baseline": range(10),
    },
}  # fmt: skip


def one_arms(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """True difference, interval before (Welch over runs), and now."""
    design = dict(design)
    spread = design.pop("spread", None) or Spread(family=design.pop("family", 0.0))
    table = arms_table(rng, spread=spread, **design)
    a, b = (table.loc[table["arm"] == arm, "test_error"].to_numpy() for arm in (0, 1))
    before = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    found = compare_arms(table, labels(table, 0), labels(table, 1))
    return 0.0, (before.low, before.high), (found.low, found.high)


def one_nulls(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """True effect, interval before (spread of the nulls' means alone, or of the effects), and now."""
    design = dict(design)
    together, mean_effect = design.pop("together", False), design.pop("mean", False)
    spread = (
        Spread(network=0.03, family=0.25, run=0.1) if together else Spread(network=0.1, family=0.2, run=0.25)
    )
    table, pairs = nulls_table(rng, spread=spread, **design)
    if mean_effect:
        compared = compare_nulls(table, pairs)
        effects = compared.graphs["estimate"]
        by_spread = student(effects.mean(), effects.var() / len(effects), len(effects) - 1.0)
        return 0.0, (by_spread.low, by_spread.high), (compared.low, compared.high)
    mean = table.groupby("graph")["test_error"].mean()
    groups = [mean[own["null"]].to_numpy() for _, own in pairs.groupby("graph", sort=False)]
    freedom = sum(len(group) - 1 for group in groups)
    before = (float("nan"), float("nan"))
    if freedom:
        squares = sum(((group - group.mean()) ** 2).sum() for group in groups)
        reach = stats.t.ppf(0.975, freedom) * np.sqrt(squares / freedom * (1 + 1 / len(groups[0])))
        effect = groups[0].mean() - mean["g0"]
        before = (effect - reach, effect + reach)
    row = compare_nulls(table, pairs).graphs.iloc[0]
    return 0.0, before, (row["low"], row["high"])


def one_best(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """True gain of the best graph, interval before (resampled as if it had not been picked), and now."""
    arms = [(1, design.get("baseline", design["seeds"])), (design["graphs"], design["seeds"])]
    spread = Spread(network=design["network"], seed=design.get("seed", 0.3))
    table = arms_table(rng, arms, spread=spread, own_seeds=design.get("own_seeds", False))
    found = split_seed_gain(table)
    baseline = table.loc[table["kind"] == "baseline", "test_error"].to_numpy()
    best = table[table["graph"] == found.graph]
    errors = best["test_error"].to_numpy()
    before = (float("nan"), float("nan"))
    if len(errors) > 1:
        above, below = (
            each[rng.integers(0, len(each), (2000, len(each)))].mean(axis=1) for each in (baseline, errors)
        )
        low, high = np.quantile(above - below, [0.025, 0.975])
        before = (float(low), float(high))
    return 33.0 - float(best["true_mean"].iloc[0]), before, (found.low, found.high)


def one_picked(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """True effect 0 of a graph that was picked by its runs; interval of the same model before, and now."""
    seeds = range(6)
    table = arms_table(rng, [(1, seeds), (57, seeds)], spread=Spread(network=0.0))
    graphs = labels(table, 1)
    chosen_on = design["chosen_on"]
    picks = table if chosen_on is None else table[table["seed"].isin(chosen_on)]
    best = str(picks[picks["graph"].isin(graphs[:52])].groupby("graph")["test_error"].mean().idxmin())
    pairs = pd.DataFrame({"graph": best, "null": graphs[52:]})
    before = compare_nulls(table, pairs, chosen_on=()).graphs.iloc[0]
    ends = (float("nan"), float("nan"))
    try:
        now = compare_nulls(table, pairs, chosen_on=chosen_on).graphs.iloc[0]
        ends = (float(now["low"]), float(now["high"]))
    except UserError:  # refused: the runs that picked it cannot judge it
        pass
    return 0.0, (float(before["low"]), float(before["high"])), ends


def one_judged(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """Whether any graph, or their mean, is called better: before by Welch and Holm, and now."""
    arms = [(1, range(5)), (52, design.get("seeds", range(5)))]
    spread = Spread(network=design["network"], family=design.get("family", 0.0))
    table = arms_table(rng, arms, spread=spread, means=(33.0, 33.0 - design["gain"]))
    errors = {graph: rows.to_numpy() for graph, rows in table.groupby("graph")["test_error"]}
    baseline = errors.pop("baseline")
    p = holm(welch(list(errors.values()), baseline))
    before = any((p <= 0.05) & (np.array([each.mean() for each in errors.values()]) < baseline.mean()))
    judged = judge(table)
    best, every = judged.best, judged.all_graphs
    now = bool(judged.count(0.05)) or (not isinstance(best, Gap) and best.low > 0)
    now = now or (every is not None and every.low > 0)
    return float("nan"), held(not before), held(not now)


#: Functions and designs whose true value is not 0.
TRUE_EFFECTS = (
    "per_graph, a mean",
    "fit_surface",
    "search",
    "predict, R²",
    *(name for name, design in BEST.items() if design["network"]),
)
KINDS: Mapping[str, tuple[Mapping[str, Mapping[str, Any]], Callable[..., tuple[float, Interval, Interval]]]] = {
    "per_graph, a mean": (MEANS, one_mean),
    "compare_arms": (ARMS, one_arms),
    "compare_nulls": (NULLS, one_nulls),
    "compare_nulls, all graphs": (NULL_MEANS, one_nulls),
    "split_seed_gain": (BEST, one_best),
    "verdict": (JUDGED, one_judged),
    "compare_nulls of a picked graph": (PICKED, one_picked),
    "against": (AGREEMENT, one_agreement),
    "against, ranks": (RANKS, one_agreement),
    "against, given_width": (WIDTHS, one_agreement),
    "fit_surface": (OPTIMUM, one_optimum),
    "search": (SEARCH, one_search),
    "predict, R²": (SCORES, one_score),
    "predict, lead": (LEADS, one_lead),
    "planned_tests": (PLANNED, one_planned),
    "gain_by_epoch": (BANDS, one_band),
}


def calibrate(kind: str, name: str, repeats: int) -> dict[str, Any]:
    """Simulate one design.

    Args:
        kind: function, a key of ``KINDS``.
        name: design.
        repeats: simulated tables, each with its own seed.

    Returns:
        For the method before and now: the share of the tables that get an interval (``given``), and of these
        the ``coverage`` of the truth and the share that excludes 0 (``rejected``), each with the Monte-Carlo
        error; None where no table gets an interval.
    """
    designs, one = KINDS[kind]
    drawn = [one(np.random.default_rng([17, repeat]), designs[name]) for repeat in range(repeats)]
    row: dict[str, Any] = {"function": kind, "design": name, "repeats": repeats}
    before = [(truth, *interval) for truth, interval, _ in drawn]
    now = [(truth, *interval) for truth, _, interval in drawn]
    for when, intervals in (("before", before), ("now", now)):
        ends = [each for each in intervals if not np.isnan(each[1])]
        row[f"given_{when}"] = len(ends) / repeats
        row[f"coverage_{when}"] = _share([low <= truth <= high for truth, low, high in ends if truth == truth])
        row[f"rejected_{when}"] = _share([not low <= 0 <= high for _, low, high in ends])
    return row


#: Too wide, as the page says: how much of a difference one seed makes is unknown; nulls that do not differ at
#: all are judged as if they might; Welch's test ignores that arms share seeds; one level serves shallow, rough
#: and deep surfaces, and searches of all kinds, so these are meant to cover what they say over all in turn.
CONSERVATIVE = (
    "30 graphs, one seed for all; baseline 10",
    "best of 52 graphs, picked by seeds 0 to 2 of 6",
    "welch, 30 graphs, one seed each; baseline the same",
)
CONSERVATIVE_KINDS = ("fit_surface", "search")


def fault(row: Mapping[str, Any]) -> str | None:
    """Say what is wrong with a row of :func:`calibrate`, if anything.

    Coverage belongs in [0.92, 0.98] and rejections of a true null below 7 %, up to two Monte-Carlo errors;
    intervals that the page calls too wide may cover more.
    """
    kind, name = row["function"], row["design"]
    in_turn = name in (ALL_SURFACES, ALL_SEARCHES) or name.endswith(ALL_SURFACES)
    wide = (name in CONSERVATIVE or kind in CONSERVATIVE_KINDS) and not in_turn
    if covered := row["coverage_now"]:
        mean, error = covered["mean"], covered["error"]
        if mean < 0.92 - 2 * error or (mean > 0.98 + 2 * error and not wide):
            return f"covers {mean:.3f} ± {error:.3f}"
    if rejected := row["rejected_now"]:
        mean, error = rejected["mean"], rejected["error"]
        if name.startswith("power"):
            if mean < max(0.9, row["rejected_before"]["mean"]):
                return f"finds {mean:.3f} of the differences"
        elif kind not in TRUE_EFFECTS and name not in TRUE_EFFECTS and mean > 0.07 + 2 * error:
            return f"rejects {mean:.3f} ± {error:.3f}"
    return None


def _share(hits: Sequence[bool]) -> dict[str, float] | None:
    """A share and its Monte-Carlo error; of none or all hits, that of half a hit more or less."""
    if not hits:
        return None
    share = sum(hits) / len(hits)
    safe = (sum(hits) + 0.5) / (len(hits) + 1)
    return {"mean": share, "error": float(np.sqrt(safe * (1 - safe) / len(hits)))}


def main() -> None:
    """Simulate every design that the file lacks and write the results after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--only", default="", help="part of 'function: design'; the others keep their rows")
    parser.add_argument("--out", type=Path, default=RESULTS, help="file of the results")
    options = parser.parse_args()
    kept = {}
    if options.out.exists():
        rows = json.loads(options.out.read_text("utf-8"))
        kept = {(row["function"], row["design"]): row for row in rows}
    for kind, (designs, _) in KINDS.items():
        for name in designs:
            done = kept.get((kind, name), {"repeats": 0})["repeats"]
            if options.only not in f"{kind}: {name}" or done >= options.repeats:
                continue
            kept[kind, name] = calibrate(kind, name, options.repeats)
            order = [(k, n) for k, (all_of, _) in KINDS.items() for n in all_of]
            text = json.dumps([kept[key] for key in order if key in kept], indent=1, ensure_ascii=False)
            options.out.write_text(text + "\n", encoding="utf-8")
    print("\n".join(table([kept[key] for key in kept])))


#: Head of the table of docs/statistics.md.
HEAD = (
    "| function | design | tables | coverage before | coverage now | rejected before | rejected now |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of the table of docs/statistics.md."""
    return [*HEAD, *map(line, rows)]


def line(row: Mapping[str, Any]) -> str:
    """Write a row of the table of docs/statistics.md."""

    def share(value: Mapping[str, float] | None) -> str:
        return "–" if value is None else f"{value['mean']:.3f} ± {value['error']:.3f}"

    # The gain of the best of graphs that differ, and an error, are not 0: excluding 0 is no false positive.
    false = row["function"] not in TRUE_EFFECTS and row["design"] not in TRUE_EFFECTS
    rejected = [share(row[f"rejected_{when}"]) if false else "–" for when in ("before", "now")]
    return (
        f"| {row['function']} | {row['design']} | {row['repeats']} | {share(row['coverage_before'])} | "
        f"{share(row['coverage_now'])} | {rejected[0]} | {rejected[1]} |"
    )


if __name__ == "__main__":
    main()
