"""Read the published arrays into the table of evaluations, joined to the catalogues, gaps filled and noted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from graph2nn.errors import UserError, unknown
from graph2nn.files import refuse_special
from graph2nn.results.config import GraphSpec
from graph2nn.results.evaluations import COLUMNS, Evaluations
from graph2nn.results.published import published_files
from graph2nn.results.published.out_dirs import holds_results, read_out_dirs
from graph2nn.results.published.rows import decode_rows, joined, repaired

#: Network and data of each published task.
MODELS = {
    "mlp_cifar10": ("mlp5", "CIFAR-10"),
    "cnn6_imagenet": ("cnn6", "ImageNet"),
    "resnet34_imagenet": ("resnet34", "ImageNet"),
    "resnet34_sep_imagenet": ("resnet34-sep", "ImageNet"),
    "resnet50_imagenet": ("resnet50", "ImageNet"),
    "efficientnet_imagenet": ("efficientnet-b0", "ImageNet"),
}
#: The published notebook takes the third of a stable sort by mean error for this task's best graph.
RANKS = {"mlp_cifar10": 2}
#: Of all arrays of the published results; what was downloaded must have it.
SHA256 = "c2743f844d37aa452fb41dfcdce501fa2a0611d541fdedb614019d7d63c0f4b0"


def is_published(path: Path | str) -> bool:
    """Whether ``path`` is the word ``published``, or holds results of the published code.

    Example:
        >>> is_published("published"), is_published("runs")
        (True, False)
    """
    return str(path) == "published" or published_files.holds_arrays(Path(path)) or holds_results(Path(path))


def read_published(
    path: Path | str = "published",
    *,
    tasks: Sequence[str] = (),
    cache: Path | str | None = None,
    progress: bool = True,
) -> Evaluations:
    """Read the published raw results, or what a run of the published code left.

    A graph that a later training seed lacks at an epoch is filled from seed 1, as the published analysis
    does; the row says so in ``remark``, as does an evaluation of epoch 0 that was made after a resume. MACs
    and parameters are as stored: three digits of billions and of millions.

    Args:
        path: the archive, the folder it unpacks to, or the word ``published``: then it is looked for in the
            folder that GRAPH2NN_DATA names and in the cache, and else downloaded. Or a folder with the
            ``config.yaml`` and ``results_epochN.txt`` of single runs in it or below it.
        tasks: these only, such as ``mlp_cifar10``; all there are when empty.
        cache: root of the cache.
        progress: show a bar on a terminal.

    Returns:
        The evaluations of all tasks.

    Raises:
        UserError: nothing there, damaged files, an unknown task, a graph that no catalogue holds.

    Example:
        >>> published = read_published(tasks=["mlp_cifar10"])  # doctest: +SKIP
    """
    source = (
        published_files.find_published(cache, progress=progress) if str(path) == "published" else Path(path)
    )
    refuse_special(source, "analyze")
    if source.is_dir() and not published_files.holds_arrays(source) and holds_results(source):
        single = read_out_dirs(source, progress=progress)
        table = collect(single.arrays, tasks)
        noted = {task: (*notes, *single.notes.get(task, ())) for task, notes in table.notes.items()}
        return replace(table, notes=noted, ranks={})
    arrays = published_files.read_arrays(source, progress=progress)
    if source.parent == published_files.folder(cache) and published_files.digest_of_arrays(arrays) != SHA256:
        raise UserError(f"analyze: {source} does not hold the published results; delete it and run again.")
    return collect(arrays, tasks)


def collect(arrays: published_files.Arrays, tasks: Sequence[str] = ()) -> Evaluations:
    """Do what :func:`read_published` does on arrays that are already read."""
    names = list(dict.fromkeys(task_of(group) for group, _ in arrays))
    for task in tasks:
        if task not in names:
            raise unknown("analyze: task", task, names)
    specs: dict[str, GraphSpec] = {}
    frames, notes = [], {}
    for task in sorted(tasks or names, key=lambda name: _place(name, names)):
        parts = {key: pair for key, pair in arrays.items() if task_of(key[0]) == task}
        frame, said = _task(task, parts, specs)
        frames.append(frame)
        notes[task] = said
    return Evaluations(pd.concat(frames, ignore_index=True), specs, notes, RANKS)


def task_of(group: str) -> str:
    """Task of a set of runs: the name of its folder less the training seed."""
    return re.sub(r"_seed\d+$", "", group)


def _place(task: str, task_name: Sequence[str]) -> int:
    order = list(MODELS)
    return order.index(task) if task in order else len(order) + task_name.index(task)


def _task(
    task: str, arrays: published_files.Arrays, specs: dict[str, GraphSpec]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    frames = [
        decode_rows(pair, where=f"{group}, epoch {epoch}").assign(epoch=epoch)
        for (group, epoch), pair in arrays.items()
    ]
    rows = pd.concat(frames, ignore_index=True)
    doubled = rows.duplicated(["kind", "key", "seed", "epoch"])
    if doubled.any():
        row = rows[doubled].iloc[0]
        raise UserError(
            f"analyze: {task} has graph {row['key']}, seed {row['seed']}, epoch {row['epoch']} twice."
        )
    rows, notes = repaired(rows)
    name, table, graphs = joined(rows, task=task)
    specs |= {label: graphs[label] for label in table["graph"].unique() if label in graphs}
    model, data = MODELS.get(task, (task, "unknown"))
    table = table.assign(task=task, model=model, data=data, catalogue=name, widths=table["width"].astype(str))
    table.loc[table["kind"] == "baseline", "catalogue"] = None
    table = table.sort_values(["epoch", "index", "seed"], na_position="first", kind="stable")
    return table.reindex(columns=list(COLUMNS)).reset_index(drop=True), tuple(notes)
