"""Coverage of 95 % intervals and false positives, before and after, by simulation with known truth.

``python -m benchmarks.calibration --repeats 400`` writes ``benchmarks/results/calibration.json`` and prints the
table of docs/statistics.md. Every difference is truly 0, so a test that rejects is a false
positive, except where graphs truly differ (best of graphs, search) or where a region is meant (fit_surface).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from graph2nn import catalogue
from graph2nn.analysis import compare_arms, compare_nulls, split_seed_gain
from graph2nn.analysis.beyond.agreement import against
from graph2nn.analysis.beyond.noise import Noise
from graph2nn.analysis.beyond.surface import fit_surface
from graph2nn.analysis.table import Gap
from graph2nn.experiments.search import Problem, Proposal, Space, fit, search, strategy

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from run_tables import Spread, arms_table, labels, nulls_table, plane_table

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
BEST: Mapping[str, Mapping[str, Any]] = {
    "best of 52 graphs, 5 seeds, no graph differs": {"graphs": 52, "seeds": range(5), "network": 0.0},
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
    spread = Spread(family=design.pop("family", 0.0))
    table = arms_table(rng, spread=spread, **design)
    a, b = (table.loc[table["arm"] == arm, "test_error"].to_numpy() for arm in (0, 1))
    before = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    found = compare_arms(table, labels(table, 0), labels(table, 1))
    return 0.0, (before.low, before.high), (found.low, found.high)


def one_nulls(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """True effect, interval before (spread of the nulls' means alone), and now."""
    design = dict(design)
    together = design.pop("together", False)
    spread = (
        Spread(network=0.03, family=0.25, run=0.1) if together else Spread(network=0.1, family=0.2, run=0.25)
    )
    table, pairs = nulls_table(rng, spread=spread, **design)
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
    """True gain of the best graph, interval before (as if it had not been picked), and now."""
    arms = [(1, design.get("baseline", design["seeds"])), (design["graphs"], design["seeds"])]
    spread = Spread(network=design["network"])
    table = arms_table(rng, arms, spread=spread, own_seeds=design.get("own_seeds", False))
    found = split_seed_gain(table)
    baseline = table.loc[table["kind"] == "baseline", "test_error"].to_numpy()
    best = table[table["graph"] == found.graph]
    errors = best["test_error"].to_numpy()
    before = (float("nan"), float("nan"))
    if len(errors) > 1:
        interval = stats.ttest_ind(baseline, errors, equal_var=False).confidence_interval()
        before = (interval.low, interval.high)
    return 33.0 - float(best["true_mean"].iloc[0]), before, (found.low, found.high)


#: Unrelated errors of the 52 graphs of ``n64-52``: two smooth surfaces of these kinds, and noise.
AGREEMENT: Mapping[str, Mapping[str, Any]] = {
    "two unrelated surfaces, length scale 0.5": {"length": 0.5},
    "two unrelated surfaces, length scale 1": {"length": 1.0},
    "two unrelated planes": {"length": None},
}
#: Bowls over ``n64-52``: depth in points half a range of C or a unit of L from the lowest point.
OPTIMUM: Mapping[str, Mapping[str, Any]] = {
    "bowl of 0.2 points": {"depth": 0.2},
    "bowl of 0.5 points": {"depth": 0.5},
    "bowl of 1 point": {"depth": 1.0},
    "bowl of 3 points": {"depth": 3.0},
}
SEARCH: Mapping[str, Mapping[str, Any]] = {
    "20 training runs, bowl of 1 point": {"budget": 20, "depth": 1.0},
    "40 training runs, bowl of 1 point": {"budget": 40, "depth": 1.0},
}


def one_agreement(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """True correlation 0 of unrelated surfaces, interval before (resampled graphs), and now."""
    rows = catalogue("n64-52")
    points = rows[["clustering", "path_length"]].to_numpy()
    z = (points - points.mean(axis=0)) / np.ptp(points, axis=0)
    tables = []
    for _ in range(2):
        if design["length"] is None:
            surface = z @ rng.standard_normal(2)
        else:
            distance = ((z[:, None] - z) ** 2).sum(axis=-1) / (2 * design["length"] ** 2)
            covariance = np.exp(-distance) + 1e-6 * np.eye(len(z))
            surface = np.linalg.cholesky(covariance) @ rng.standard_normal(len(z))
        tables.append(plane_table(rng, rows, 33 + 0.3 * surface / surface.std(), seeds=5))
    found = against(tables[0], {"other": tables[1]})["other"]
    one, other = (found.graphs[name].to_numpy() for name in ("one", "other"))
    picks = rng.integers(0, len(one), (2000, len(one)))
    drawn = [np.corrcoef(one[pick], other[pick])[0, 1] for pick in picks]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return 0.0, (float(low), float(high)), (found.pearson_low, found.pearson_high)


def one_optimum(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """Whether the region of the lowest point holds it; where no surface is drawn, nothing is said."""
    rows = catalogue("n64-52")
    truth = bowl(rows, design["depth"]) + rng.normal(0, 0.05, len(rows))
    means = truth + rng.normal(0, 0.3 / np.sqrt(5), len(rows))
    noise = Noise(sd=0.3, freedom=200, residuals=np.array([-0.3, 0.3]))
    found = fit_surface(rows.assign(mean=means, seeds=5), noise, draws=1000, seed=int(rng.integers(1 << 30)))
    nothing = (float("nan"), float("nan"))
    if isinstance(found, Gap):
        return 0.0, nothing, nothing
    cells = found.map
    lowest = int(np.argmin(bowl(cells, design["depth"])))
    # An interval that holds 0 stands for a region that holds the lowest point.
    return 0.0, nothing, _held(bool(cells["credible"][lowest]))


def one_search(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """True expected error of the graph recommended, interval before (the surface's own), and now."""
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
    mean, sd = fit(space, found.trials).band(np.array([int(best["row"])]))
    before = (float(mean[0] - 1.96 * sd[0]), float(mean[0] + 1.96 * sd[0]))
    return float(truth[int(best["row"])]), before, (best["low"], best["high"])


def bowl(rows: pd.DataFrame, depth: float) -> npt.NDArray[np.float64]:
    """A bowl over C and L, lowest at C 0.4 and L 2.3."""
    c, length = (rows[name].to_numpy(dtype=np.float64) for name in ("clustering", "path_length"))
    height: npt.NDArray[np.float64] = 32 + depth * (((c - 0.4) / 0.5) ** 2 + (length - 2.3) ** 2)
    return height


def _held(inside: bool) -> Interval:
    return (-1.0, 1.0) if inside else (1.0, 2.0)


KINDS: Mapping[str, tuple[Mapping[str, Mapping[str, Any]], Callable[..., tuple[float, Interval, Interval]]]] = {
    "compare_arms": (ARMS, one_arms),
    "compare_nulls": (NULLS, one_nulls),
    "split_seed_gain": (BEST, one_best),
    "against": (AGREEMENT, one_agreement),
    "fit_surface": (OPTIMUM, one_optimum),
    "search": (SEARCH, one_search),
}


def calibrate(kind: str, name: str, repeats: int) -> dict[str, Any]:
    """Simulate one design.

    Args:
        kind: function, a key of ``KINDS``.
        name: design.
        repeats: simulated tables, each with its own seed.

    Returns:
        ``coverage`` and ``rejected`` (0 outside the interval) before and now, with the Monte-Carlo error of the
        coverage now.
    """
    designs, one = KINDS[kind]
    rows = []
    for repeat in range(repeats):
        truth, before, now = one(np.random.default_rng([17, repeat]), designs[name])
        for when, (low, high) in (("before", before), ("now", now)):
            inside, zero = low <= truth <= high, low <= 0 <= high
            rows.append(
                (when, float("nan") if np.isnan(low) else inside, float("nan") if np.isnan(low) else not zero)
            )
    table = pd.DataFrame(rows, columns=["when", "covered", "rejected"]).astype(
        {"covered": float, "rejected": float}
    )
    means = table.groupby("when")[["covered", "rejected"]].mean()
    now = float(means.loc["now", "covered"])
    return {
        "function": kind,
        "design": name,
        "repeats": repeats,
        "coverage_before": float(means.loc["before", "covered"]),
        "coverage": now,
        "monte_carlo_error": float(np.sqrt(now * (1 - now) / repeats)),
        "rejected_before": float(means.loc["before", "rejected"]),
        "rejected": float(means.loc["now", "rejected"]),
    }


def main() -> None:
    """Simulate every design and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--only", default="", help="part of 'function: design'; the others keep their rows")
    parser.add_argument("--out", type=Path, default=RESULTS, help="file of the results")
    options = parser.parse_args()
    kept = (
        {(row["function"], row["design"]): row for row in json.loads(options.out.read_text("utf-8"))}
        if (options.out.exists())
        else {}
    )
    for kind, (designs, _) in KINDS.items():
        for name in designs:
            if options.only in f"{kind}: {name}":
                row = calibrate(kind, name, options.repeats)
                kept[kind, name] = row
                print(line(row), flush=True)
                rows = [
                    kept[key]
                    for key in ((k, n) for k, (all_of, _) in KINDS.items() for n in all_of)
                    if key in kept
                ]
                text = json.dumps(rows, indent=1, ensure_ascii=False).replace("NaN", "null")
                options.out.write_text(text + "\n", encoding="utf-8")


def line(row: Mapping[str, Any]) -> str:
    """Write a row of the table of docs/statistics.md."""

    def share(value: float | None) -> str:
        return "–" if value is None or np.isnan(value) else f"{value:.2f}"

    return (
        f"| {row['function']} | {row['design']} | {row['repeats']} | {share(row['coverage_before'])} | "
        f"{row['coverage']:.3f} ± {row['monte_carlo_error']:.3f} | {share(row['rejected_before'])} | "
        f"{share(row['rejected'])} |"
    )


if __name__ == "__main__":
    main()
