"""Results tables made by hand, for the tests of the analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

import graph2nn as g


def table(
    errors: Mapping[str, Sequence[float]], places: Mapping[str, tuple[float, float]] | None = None
) -> pd.DataFrame:
    """One row per run from errors by label; the label "baseline" is the baseline."""
    rows = []
    for index, (label, values) in enumerate(errors.items()):
        own = label == "baseline"
        clustering, path_length = (
            (1.0, 1.0) if own else (places or {}).get(label, (0.1 + index / 50, 2.0 + index / 20))
        )
        for seed, value in enumerate(values, start=1):
            rows.append(
                {
                    "run": f"{label}-seed{seed}",
                    "kind": "baseline" if own else "relational",
                    "graph": label,
                    "n": 64,
                    "sparsity": 1.0 if own else 0.2,
                    "p": np.nan if own else 0.1,
                    "graph_seed": np.nan if own else 4,
                    "clustering": clustering,
                    "path_length": path_length,
                    "model": "mlp5",
                    "data": "CIFAR-10 (JPEG copy)",
                    "widths": "512" if own else "1522",
                    "macs": 2_364_416,
                    "params": 2_375_000,
                    "seed": seed,
                    "epochs": 200,
                    "test_error": value,
                    "train_error": value / 3,
                    "seconds": 60.0,
                }
            )
    return pd.DataFrame(rows)


def sweep(
    graphs: int, seeds: int, *, noise: float = 0.15, draw: int = 0
) -> tuple[pd.DataFrame, dict[str, g.RelationalGraph]]:
    """A believable sweep: real WS-flex graphs, errors that follow a bowl over (C, L)."""
    rng = np.random.default_rng(draw)
    drawn: dict[str, g.RelationalGraph] = {}
    while len(drawn) < graphs:
        k, p = float(rng.uniform(3, 10) ** 2 / 4 + 2), float(rng.uniform() ** 2)
        graph = g.ws_flex(n=32, k=min(k, 31.0), p=p, seed=len(drawn))
        drawn[graph.name] = graph
    errors = {"baseline": rng.normal(33.3, noise, seeds).tolist()}
    for label, graph in drawn.items():
        mean = 32 + 6 * (graph.clustering - 0.45) ** 2 + 0.9 * (graph.path_length - 2.2) ** 2
        errors[label] = rng.normal(mean, noise, seeds).tolist()
    places = {label: (graph.clustering, graph.path_length) for label, graph in drawn.items()}
    return table(errors, places), drawn


def curves(runs: pd.DataFrame, epochs: int) -> pd.DataFrame:
    """Learning curves that end at each run's error."""
    rows = []
    for run, error in zip(runs["run"], runs["test_error"], strict=True):
        for epoch in range(1, epochs + 1):
            rest = 40 * (1 - epoch / epochs)
            rows.append((run, epoch, 0.1 + rest / 20, error / 3 + rest, error + rest))
    return pd.DataFrame(rows, columns=["run", "epoch", "train_loss", "train_error", "test_error"])
