"""Published arrays to the tidy table: rows joined to the catalogues, gaps filled as published, all of it said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from graph2nn.errors import UserError, unknown
from graph2nn.experiments.config import GraphSpec
from graph2nn.experiments.evaluations import COLUMNS, FILLED, RESUMED, Evaluations
from graph2nn.experiments.published import archive, decode
from graph2nn.graphs.catalogues import PUBLISHED, catalogue

#: Network and data of each published task.
MODELS = {
    "mlp_cifar10": ("mlp5", "CIFAR-10"),
    "cnn6_imagenet": ("cnn6", "ImageNet"),
    "resnet34_imagenet": ("resnet34", "ImageNet"),
    "resnet34_sep_imagenet": ("resnet34-sep", "ImageNet"),
    "resnet50_imagenet": ("resnet50", "ImageNet"),
    "efficientnet_imagenet": ("efficientnet-b0", "ImageNet"),
}
#: Of all arrays of the published results; what was downloaded must have it.
SHA256 = "c2743f844d37aa452fb41dfcdce501fa2a0611d541fdedb614019d7d63c0f4b0"
#: An error (%) below which an evaluation of epoch 0 cannot be of an untrained network.
_TRAINED = 95.0


def is_published(path: Path | str) -> bool:
    """Whether ``path`` is the word ``published``, or holds published raw results."""
    return str(path) == "published" or archive.holds_arrays(Path(path))


def read_published(
    path: Path | str = "published",
    *,
    tasks: Sequence[str] = (),
    cache: Path | str | None = None,
    progress: bool = True,
) -> Evaluations:
    """Read the published raw results.

    A graph that a later training seed lacks at an epoch is filled from seed 1, as the published analysis
    does; the row says so in ``remark``, as does an evaluation of epoch 0 that was made after a resume. MACs
    and parameters are as stored: three digits of billions and of millions.

    Args:
        path: the archive, the folder it unpacks to, or the word ``published``: then it is looked for in the
            folder that GRAPH2NN_DATA names and in the cache, and else downloaded.
        tasks: these only, such as ``mlp_cifar10``; all there are when empty.
        cache: root of the cache.
        progress: show a bar on a terminal.

    Raises:
        UserError: nothing there, damaged files, an unknown task, a graph that no catalogue holds.
    """
    source = archive.find(cache, progress=progress) if str(path) == "published" else Path(path)
    arrays = archive.read_arrays(source, progress=progress)
    if source.parent == archive.folder(cache) and archive.digest(arrays) != SHA256:
        raise UserError(f"analyze: {source} does not hold the published results; delete it and run again.")
    return collect(arrays, tasks)


def collect(arrays: archive.Arrays, tasks: Sequence[str] = ()) -> Evaluations:
    """Do what :func:`read_published` does on arrays that are already read."""
    found = list(dict.fromkeys(task_of(group) for group, _ in arrays))
    for task in tasks:
        if task not in found:
            raise unknown("analyze: task", task, found)
    specs: dict[str, GraphSpec] = {}
    frames, notes = [], {}
    for task in sorted(tasks or found, key=lambda name: _place(name, found)):
        parts = {key: pair for key, pair in arrays.items() if task_of(key[0]) == task}
        frame, said = _task(task, parts, specs)
        frames.append(frame)
        notes[task] = said
    return Evaluations(pd.concat(frames, ignore_index=True), specs, notes)


def task_of(group: str) -> str:
    """Task of a set of runs: the name of its folder less the training seed."""
    return re.sub(r"_seed\d+$", "", group)


def _place(task: str, found: Sequence[str]) -> int:
    known = list(MODELS)
    return known.index(task) if task in known else len(known) + found.index(task)


def _task(
    task: str, arrays: archive.Arrays, specs: dict[str, GraphSpec]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    frames = [
        decode.decode(pair, where=f"{group}, epoch {epoch}").assign(epoch=epoch)
        for (group, epoch), pair in arrays.items()
    ]
    rows = pd.concat(frames, ignore_index=True)
    doubled = rows.duplicated(["kind", "key", "seed", "epoch"])
    if doubled.any():
        row = rows[doubled].iloc[0]
        raise UserError(
            f"analyze: {task} has graph {row['key']}, seed {row['seed']}, epoch {row['epoch']} twice."
        )
    rows["remark"] = ""
    rows.loc[(rows["epoch"] == 0) & (rows["test_error"] < _TRAINED), "remark"] = RESUMED
    rows, notes = _filled(rows)
    name, joined = _joined(task, rows)
    graphs = joined.drop_duplicates("graph")
    for graph in graphs[graphs["kind"] == "relational"].itertuples():
        specs[str(graph.graph)] = GraphSpec.of_ws_flex(graph.n, graph.sparsity, graph.p, int(graph.graph_seed))
    model, data = MODELS.get(task, (task, "unknown"))
    joined = joined.assign(
        task=task, model=model, data=data, catalogue=name, widths=joined["width"].astype(str)
    )
    joined.loc[joined["kind"] == "baseline", "catalogue"] = None
    joined = joined.sort_values(["epoch", "index", "seed"], na_position="first", kind="stable")
    return joined.reindex(columns=list(COLUMNS)).reset_index(drop=True), (*notes, *_resumed(rows))


@dataclass(frozen=True)
class _Gap:
    kind: str
    key: str
    seed: int
    epochs: tuple[int, ...]

    def said(self, filled: bool) -> str:
        span = f"epoch{'s' if len(self.epochs) > 1 else ''} {min(self.epochs)}"
        span += f"–{max(self.epochs)}" if len(self.epochs) > 1 else ""
        how = (
            "filled from seed 1, as the published analysis does"
            if filled
            else "left empty: seed 1 lacks it too"
        )
        return f"Graph {self.key} (sparsity_p_seed), training seed {self.seed}, has no {span}; {how}."


def _filled(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Fill evaluations that a seed lacks and seed 1 has, and say so."""
    notes, fills = [], []
    at = ["kind", "key", "epoch"]
    everything = rows.drop_duplicates(at)[at]
    for seed, own in rows.groupby("seed"):
        missing = everything.merge(own[at], how="left", indicator=True)
        # An epoch that the seed lacks for every graph was not stored, which is no gap.
        missing = missing[(missing["_merge"] == "left_only") & missing["epoch"].isin(own["epoch"])][at]
        first = missing.merge(rows[rows["seed"] == 1], on=at, how="inner").assign(seed=seed, remark=FILLED)
        fills.append(first)
        for (kind, key), gap in missing.groupby(["kind", "key"], sort=False):
            epochs = tuple(sorted(int(epoch) for epoch in gap["epoch"]))
            notes.append(
                _Gap(str(kind), str(key), int(str(seed)), epochs).said(filled=len(first) >= len(epochs))
            )
    return pd.concat([rows, *fills], ignore_index=True), notes


def _resumed(rows: pd.DataFrame) -> list[str]:
    resumed = rows[rows["remark"] == RESUMED]
    return [
        f"Training seed {seed}: {len(part)} of {int(((rows['seed'] == seed) & (rows['epoch'] == 0)).sum())} "
        "evaluations stored as epoch 0 were made after a resume (error below 95 %), so they are not those of "
        "an untrained network."
        for seed, part in resumed.groupby("seed")
    ]


def _joined(task: str, rows: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Find the smallest catalogue that holds every graph, and take sparsity, p, C and L from it in full."""
    relational = rows["kind"] == "relational"
    sizes = rows.loc[relational, "n"].unique()
    wanted = set(rows.loc[relational, "key"])
    absent = ""
    for name in PUBLISHED:
        if len(sizes) != 1 or not name.startswith(f"n{sizes[0]}-"):
            continue
        table = catalogue(name).rename(columns={"seed": "graph_seed"}).drop(columns="n")
        table["key"] = [decode.key(*row) for row in table[["sparsity", "p", "graph_seed"]].to_numpy()]
        absent = next(iter(sorted(wanted - set(table["key"]))), "")
        if not absent:
            table["index"] = range(len(table))
            joined = rows.merge(table, on="key", how="left", validate="many_to_one")
            return name, _labelled(joined)
    raise UserError(
        f"analyze: {task}: graph {absent or sorted(wanted)[0]} (sparsity_p_seed) with n = "
        f"{', '.join(map(str, sizes))} is in no published catalogue ({', '.join(PUBLISHED)})."
    )


def _labelled(rows: pd.DataFrame) -> pd.DataFrame:
    baseline = rows["kind"] == "baseline"
    # The published analysis draws the dense baseline where the complete graph lies.
    rows.loc[baseline, ["clustering", "path_length"]] = 1.0
    rows.loc[baseline, ["index", "p", "graph_seed", "sparsity"]] = float("nan")
    graphs = rows.drop_duplicates("key")
    labels = {
        row.key: GraphSpec.of_ws_flex(row.n, row.sparsity, row.p, int(row.graph_seed)).name
        for row in graphs[graphs["kind"] == "relational"].itertuples()
    }
    rows["graph"] = rows["key"].map(labels).where(~baseline, "baseline")
    rows["n"] = rows["n"].astype(float).where(~baseline)
    return rows
