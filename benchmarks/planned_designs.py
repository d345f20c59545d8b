"""Simulated runs of plans: planned tests, families of them after Holm, and the band of the gain per epoch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from graph2nn.analysis.best_recipe import at_best_recipes
from graph2nn.analysis.plan_tests import gain_by_epoch, planned_tests
from graph2nn.experiments.plans.schema import Arm, ExperimentPlan, Network, Null, PlannedTest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from run_tables import Draws, Spread

Interval = tuple[float, float]
NOTHING = (float("nan"), float("nan"))
#: Of a run, a network, a seed, and a seed with an arm, in points.
SPREAD = Spread(network=0.2, seed=0.3, family=0.1, run=0.3)
#: Margin of equivalence, in points.
MARGIN = 0.3

#: Arms as (networks, seeds, whether network i has its i-th seed alone), the test of the first two (or of all),
#: and by how much the true mean of the first arm (``difference``), or of all recipes but the first of a side
#: (``worse``), is higher.
PLANNED: Mapping[str, Mapping[str, Any]] = {
    "paired_t_by_seed, 3 seeds": {"arms": [(1, 3, False), (1, 3, False)]},
    "paired_t_by_seed, 30 graphs, one seed each; baseline the same": {
        "arms": [(1, 30, False), (30, 30, True)],
    },
    "welch, 30 graphs, one seed each; baseline the same": {
        "arms": [(1, 30, False), (30, 30, True)], "kind": "welch",
    },
    "paired_t_over_graphs, 20 graphs, one null and one seed each": {
        "arms": [(20, 20, True), (20, 20, True)], "kind": "paired_t_over_graphs",
    },
    "contrast, 10 seeds": {"arms": [(1, 10, False), (1, 10, False)], "kind": "contrast"},
    "contrast, noise pooled over three pairs of arms, 3 seeds": {
        "arms": [(1, 3, False)] * 6, "kind": "contrast",
    },
    "contrast of four arms with weights, 6 seeds": {
        "arms": [(1, 6, False)] * 4, "kind": "contrast", "weights": (1.0, -1.0, -1.0, 1.0),
    },
    **{
        f"best_recipe, 5 recipes a side, {what}, {seeds} seeds": {
            "arms": [(1, seeds, False)] * 10, "kind": "best_recipe", "worse": worse,
        }
        for what, worse in (("all alike", 0.0), ("one better by 1 point", 1.0))
        for seeds in (3, 6, 12)
    },
    "tost, a true difference as large as the margin, 8 seeds": {
        "arms": [(1, 8, False), (1, 8, False)], "kind": "tost", "difference": MARGIN,
    },
    "tost, a true difference as large as the margin, 30 graphs with a null": {
        "arms": [(30, 30, True), (30, 30, True)], "kind": "tost", "difference": MARGIN,
    },
    "any of 6 tests of one family after Holm, 5 seeds": {"arms": [(1, 5, False)] * 12, "any": True},
}  # fmt: skip
#: Seeds of two arms whose errors differ by nothing, or by a curve, over 40 epochs.
BANDS: Mapping[str, Mapping[str, Any]] = {
    f"the whole curve of 40 epochs, {pairs} pairs": {"pairs": pairs} for pairs in (4, 6, 12, 30)
}
EPOCHS = np.arange(5, 205, 5)


def _plan(design: Mapping[str, Any]) -> ExperimentPlan:
    """The plan of a design: graph i of an arm and, where pairs of graphs are compared, its null."""
    kind = design.get("kind", "paired_t_by_seed")
    graphs = _over_graphs(design)
    arms = []
    for place, (count, seeds, own) in enumerate(design["arms"]):
        networks = tuple(
            Network(
                graph=f"n64-3942:{1 + number + (0 if graphs else 100 * place)}",
                rewired=Null(seed=number) if graphs and place == 0 else None,
                seeds=(number,) if own else tuple(range(seeds)),
            )
            for number in range(count)
        )
        arms.append(Arm(name=f"a{place}", part="A", networks=networks))
    names = [arm.name for arm in arms]
    whole = kind == "best_recipe" or "weights" in design
    sides = [names] if whole else [names[place : place + 2] for place in range(0, len(names), 2)]
    tests = tuple(
        PlannedTest(
            name=f"test {place}",
            kind=kind,
            part="A",
            arms=tuple(side),
            family="primary",
            margin=MARGIN if kind == "tost" else None,
            weights=design.get("weights", ()),
        )
        for place, side in enumerate(sides)
    )
    return ExperimentPlan(title=kind, preset="mlp-cifar10", order=("A",), arms=tuple(arms), tests=tests)


def _over_graphs(design: Mapping[str, Any]) -> bool:
    """Whether the first arm holds nulls of the graphs of the second."""
    return all(count > 1 for count, _, _ in design["arms"])


def _runs(rng: np.random.Generator, design: Mapping[str, Any]) -> pd.DataFrame:
    draws, rows, graphs = Draws(rng, SPREAD), [], _over_graphs(design)
    for place, (count, seeds, own) in enumerate(design["arms"]):
        for number in range(count):
            mean = 33.0 + (rng.normal(0, SPREAD.network) if count > 1 else 0.0)
            mean += design.get("difference", 0.0) if place == 0 else 0.0
            mean += design.get("worse", 0.0) if place % 5 else 0.0
            label, original = f"a{place} g{number}", f"a1 g{number}" if graphs and place == 0 else None
            for seed in [number] if own else range(seeds):
                rows.append((f"a{place}", label, original, seed, draws.error(mean, seed, place)))
    return pd.DataFrame(rows, columns=["arm", "graph", "null_of", "seed", "test_error"])


def one_planned(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """True difference, for ``best_recipe`` the t-test's interval before, and that of the first test now.

    Of equivalence and of a family: whether it is found.
    """
    runs = _runs(rng, design)
    results = planned_tests(_plan(design), runs)
    first, before = results[0], NOTHING
    if first.kind == "best_recipe":
        differences, _ = at_best_recipes([rows for _, rows in runs.groupby("arm", sort=False)])
        plain = stats.ttest_1samp(differences, 0.0).confidence_interval()
        before = (float(plain.low), float(plain.high))
    if first.kind == "tost" or design.get("any"):
        return float("nan"), NOTHING, held(not any(each.decided for each in results))
    return 0.0, before, (first.low, first.high)


def one_band(rng: np.random.Generator, design: Mapping[str, Any]) -> tuple[float, Interval, Interval]:
    """Whether intervals of single epochs, then the band, hold the whole true curve, which is 0."""
    pairs, rows = design["pairs"], []
    # Neighbouring epochs of one run have similar errors, and errors scatter less when the rate is low.
    steps = np.abs(np.subtract.outer(EPOCHS, EPOCHS)) / 20
    root = np.linalg.cholesky(np.exp(-steps) + 1e-9 * np.eye(len(EPOCHS)))
    sd = np.linspace(0.8, 0.3, len(EPOCHS))
    for arm in ("a", "b"):
        for seed in range(pairs):
            errors = 33 + sd * (root @ rng.standard_normal(len(EPOCHS)))
            rows.append(pd.DataFrame({"arm": arm, "seed": seed, "epoch": EPOCHS, "test_error": errors}))
    table = pd.concat(rows, ignore_index=True)
    band = gain_by_epoch(table, "a", "b", draws=2000)
    by_seed = table.pivot_table("test_error", ["seed", "epoch"], "arm")
    error = (by_seed["a"] - by_seed["b"]).groupby("epoch").std() / np.sqrt(pairs)
    reach = stats.t.ppf(0.975, pairs - 1) * error.to_numpy()
    single = bool((band["gain"].abs() <= reach).all())
    whole = bool(((band["low"] <= 0) & (band["high"] >= 0)).all())
    return 0.0, held(single), held(whole)


def held(inside: bool) -> Interval:
    """An interval that holds 0, or one that does not."""
    return (-1.0, 1.0) if inside else (1.0, 2.0)
