"""Folders in the layout of the published raw results, made of real catalogue graphs and invented errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graph2nn import catalogue


def names(rows: list[tuple[str, float, float, float, int]], seed: int) -> np.ndarray:
    """One row of 15 words a graph; (layer, n, sparsity, p, graph seed)."""
    return np.array(
        [
            [trans, "dense", str(float(n)), "ws", f"{s:.6f}".rstrip("0"), f"{p:.6f}".rstrip("0"), "sum",
             str(float(graph)), str(float(seed)), str(seed + 1.0), "True", "0.0", "True", "True", "3.0"]
            for trans, n, s, p, graph in rows
        ]
    )  # fmt: skip


def graph_rows(name: str, count: int) -> list[tuple[str, float, float, float, int]]:
    """The first graphs of a catalogue, and the baseline, in an order of no meaning."""
    rows = [("groupbasictalk", r.n, r.sparsity, r.p, r.seed) for r in catalogue(name).head(count).itertuples()]
    return [*rows[::-1], ("channelbasic", rows[0][1], 1.0, 0.0, 1)]


def write_set(
    folder: Path, seed: int, epochs: int, rows: list[tuple[str, float, float, float, int]], *, n: int = 64
) -> None:
    """One training seed: a pair of arrays an epoch; the error falls by 10 an epoch, from 99."""
    folder.mkdir(parents=True)
    for epoch in range(epochs + 1):
        results = np.zeros((len(rows), 1, 8))
        results[:, 0, 0], results[:, 0, 1] = 21.8, 3.664
        results[:, 0, 3] = 99 - 10 * epoch + 0.1 * seed + np.arange(len(rows)) % 5 * 0.3
        results[:, 0, 4] = results[:, 0, 3] / 3
        results[:, 0, 5:8] = n, 70, seed
        np.save(folder / f"names_{folder.name}_epoch{epoch}.npy", names(rows, seed))
        np.save(folder / f"results_{folder.name}_epoch{epoch}.npy", results)


def write_task(
    root: Path, task: str = "resnet34_imagenet", *, seeds: int = 3, epochs: int = 3, graphs: int = 8
):
    """A whole task; returns the rows of its files."""
    rows = graph_rows("n64-52", graphs)
    for seed in range(1, seeds + 1):
        write_set(root / f"{task}_seed{seed}", seed, epochs, rows)
    return rows


def write_out_dirs(root: Path, *, seeds: int = 2, epochs: int = 2, graphs: int = 4) -> None:
    """What the published code leaves of a ResNet-34: a folder per graph, in each file a line per seed."""
    rows = graph_rows("n64-52", graphs)
    for number, (layer, n, sparsity, p, seed) in enumerate(rows):
        folder = root / f"out-{number}"
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(
            f"MODEL: {{TYPE: resnet, DEPTH: 34}}\nRESNET: {{TRANS_FUN: {layer}_transform}}\n"
            f"RGRAPH: {{GROUP_NUM: {int(n)}, MESSAGE_TYPE: ws, SPARSITY: {sparsity!r}, P: {p!r}, "
            f"SEED_GRAPH: {seed}}}\n"
            "TRAIN: {DATASET: imagenet}\n"
        )
        for epoch in range(epochs + 1):
            errors = {s: 99 - 10 * epoch + 0.1 * s + number % 5 * 0.3 for s in range(1, seeds + 1)}
            lines = [f"21.8, 3.664, 0.1, {error:.3f}, 33.0, {int(n)}, 70, {s}" for s, error in errors.items()]
            (folder / f"results_epoch{epoch}.txt").write_text("\n".join(lines) + "\n")
