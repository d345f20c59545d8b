"""Simulated tables of runs with known truth, for the calibration of the statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Spread:
    """Standard deviations, in points: true means, seed effects of all networks and of a family, one run."""

    network: float = 0.2
    seed: float = 0.3
    family: float = 0.0
    run: float = 0.3


class Draws:
    """Seed effects drawn once per seed, and per seed and family."""

    def __init__(self, rng: np.random.Generator, spread: Spread) -> None:
        self.rng, self.spread = rng, spread
        self._drawn: dict[object, float] = {}

    def error(self, mean: float, seed: int, family: object) -> float:
        """Error of one run of a network of this mean."""
        shared = self.spread.seed * self._of(seed) + self.spread.family * self._of((seed, family))
        return mean + shared + float(self.rng.normal(0, self.spread.run))

    def _of(self, key: object) -> float:
        if key not in self._drawn:
            self._drawn[key] = float(self.rng.normal())
        return self._drawn[key]


def arms_table(
    rng: np.random.Generator,
    arms: Sequence[tuple[int, Sequence[int]]],
    *,
    spread: Spread,
    means: Sequence[float] = (33.0, 33.0),
    own_seeds: bool = False,
    missing: float = 0.0,
) -> pd.DataFrame:
    """Runs of arms of networks; a first arm of one network is the baseline.

    Args:
        rng: draws everything.
        arms: number of networks and seeds of each arm.
        spread: of the errors; a lone network has the arm's mean.
        means: true mean of each arm.
        own_seeds: network i of an arm has its i-th seed alone.
        missing: share of the runs of later seeds that are not there.
    """
    draws, rows = Draws(rng, spread), []
    for place, (count, seeds) in enumerate(arms):
        for number in range(count):
            mean = means[place] + (rng.normal(0, spread.network) if count > 1 else 0.0)
            lone = count == 1 and place == 0
            label = "baseline" if lone else f"arm{place} g{number}"
            used = [seeds[number]] if own_seeds and count > 1 else seeds
            for seed in used:
                if missing and seed != used[0] and rng.random() < missing:
                    continue
                kind = "baseline" if lone else "relational"
                rows.append((label, kind, place, seed, draws.error(mean, seed, place), mean))
    return pd.DataFrame(rows, columns=["graph", "kind", "arm", "seed", "test_error", "true_mean"])


def labels(table: pd.DataFrame, arm: int) -> list[str]:
    """Labels of an arm."""
    return list(dict.fromkeys(table.loc[table["arm"] == arm, "graph"]))


def nulls_table(
    rng: np.random.Generator,
    *,
    graphs: int,
    nulls: int,
    seeds: Sequence[int],
    spread: Spread,
    effect: float = 0.0,
    null_seeds: Sequence[int] | None = None,
    own_seeds: bool = False,
    shared_family: bool = False,
    missing: float = 0.0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs of graphs and of their nulls, and the pairs; a graph is one more draw from its nulls.

    Args:
        rng: draws everything.
        graphs, nulls: how many, and of each.
        seeds: of the graphs, and of the nulls unless ``null_seeds`` says otherwise.
        spread: of the errors; ``network`` among the nulls of a graph.
        effect: how much lower the error of the graphs is.
        null_seeds: of the nulls.
        own_seeds: graph i and its nulls have seed i alone.
        shared_family: a seed moves a graph with its nulls, rather than the nulls alone.
        missing: share of the runs of later seeds that are not there.
    """
    draws, rows, pairs = Draws(rng, spread), [], []
    for number in range(graphs):
        middle = rng.normal(32, 0.4)
        for place in range(nulls + 1):
            label = f"g{number}" if place == 0 else f"null{number}.{place}"
            mean = middle + rng.normal(0, spread.network) - (effect if place == 0 else 0.0)
            used = [number] if own_seeds else seeds if place == 0 or null_seeds is None else null_seeds
            for seed in used:
                if missing and seed != used[0] and rng.random() < missing:
                    continue
                family = number if shared_family else (number, place > 0)
                rows.append((label, "relational", seed, draws.error(mean, seed, family)))
            if place:
                pairs.append((f"g{number}", label))
    columns = ["graph", "kind", "seed", "test_error"]
    return pd.DataFrame(rows, columns=columns), pd.DataFrame(pairs, columns=["graph", "null"])


def plane_table(
    rng: np.random.Generator, rows: pd.DataFrame, means: Sequence[float], *, seeds: int
) -> pd.DataFrame:
    """Runs of the graphs of a catalogue with these true means; a run scatters by 0.3 points."""
    parts = []
    for seed in range(seeds):
        graph = rows.rename(columns={"seed": "graph_seed"}).assign(seed=seed, kind="relational")
        parts.append(graph.assign(test_error=np.asarray(means) + rng.normal(0, 0.3, len(rows))))
    table = pd.concat(parts, ignore_index=True)
    labels = table["p"].astype(str) + "," + table["graph_seed"].astype(str)
    fixed = {"widths": "9", "macs": 1, "params": 1, "model": "mlp5", "data": "d", "epochs": 5}
    return table.assign(
        graph="ws(64," + table["sparsity"].astype(str) + "," + labels + ")", run=range(len(table)), **fixed
    )
