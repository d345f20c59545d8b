"""Folders that the published code leaves, one per graph: ``config.yaml`` and ``results_epochN.txt``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from graph2nn.errors import UserError
from graph2nn.files import read_text_file
from graph2nn.progress import Bar
from graph2nn.results.published.published_files import Arrays, Pair
from graph2nn.yaml_values import read_yaml

_FILE = re.compile(r"results_epoch(\d+)\.txt")
#: What each line holds: parameters (millions), multiply-adds (billions), seconds, errors, nodes, width, seed.
_NUMBERS = 8
_SEED = 7
#: Task by model, data and a word of the layers' name; the first that fits.
_TASKS = (
    ("mlpnet", "cifar10", "", "mlp_cifar10"),
    ("cnn", "imagenet", "", "cnn6_imagenet"),
    ("resnet", "imagenet", "sep", "resnet34_sep_imagenet"),
    ("resnet", "imagenet", "bottleneck", "resnet50_imagenet"),
    ("resnet", "imagenet", "", "resnet34_imagenet"),
    ("efficientnet", "imagenet", "", "efficientnet_imagenet"),
)


class OutDirs(NamedTuple):
    """Arrays in the form of the published results, and what is to be said about each task."""

    arrays: Arrays
    notes: Mapping[str, tuple[str, ...]]


class _Run(NamedTuple):
    task: str
    names: list[str]


def holds_results(path: Path) -> bool:
    """Whether a folder has ``results_epochN.txt`` below it.

    Example:
        >>> holds_results(Path("nowhere"))
        False
    """
    return path.is_dir() and any(_FILE.fullmatch(file.name) for file in path.rglob("results_epoch*.txt"))


def read_out_dirs(path: Path, *, progress: bool = True) -> OutDirs:
    """Read the results of the published code below a folder as it wrote them, one ``OUT_DIR`` per graph.

    A resumed run wrote some lines twice. Of an epoch that was trained twice the last line counts; of epoch 0,
    the evaluation before training, the first. A note says how many lines were left out.

    Args:
        path: a folder with ``config.yaml`` and ``results_epochN.txt`` in it, or below it.
        progress: show a bar on a terminal.

    Raises:
        UserError: results without the ``config.yaml`` that says which graph they are of, a config that is not
            the published code's, or a line that is not eight numbers.
    """
    rows: dict[tuple[str, int, int], list[tuple[list[str], list[float]]]] = defaultdict(list)
    left_out: dict[str, int] = defaultdict(int)
    files = sorted(file for file in path.rglob("results_epoch*.txt") if _FILE.fullmatch(file.name))
    runs: dict[Path, _Run] = {}
    with Bar(f"reading {path.name}", len(files), show=progress) as bar:
        for file in files:
            folder = file.parent
            run = runs.setdefault(folder, _read_config(folder)) if folder not in runs else runs[folder]
            match = _FILE.fullmatch(file.name)
            assert match is not None  # only such files were listed
            epoch, lines = int(match[1]), _read_lines(file)
            kept = _one_per_seed(lines, first=epoch == 0)
            left_out[run.task] += len(lines) - len(kept)
            for numbers in kept:
                rows[run.task, int(numbers[_SEED]), epoch].append((run.names, numbers))
            bar.update()
    arrays: Arrays = {
        (f"{task}_seed{seed}", epoch): Pair(
            np.array([names for names, _ in pairs]), np.array([[numbers] for _, numbers in pairs])
        )
        for (task, seed, epoch), pairs in sorted(rows.items())
    }
    notes = {
        task: (f"{count} lines of resumed runs that were written again were left out.",)
        for task, count in left_out.items()
        if count
    }
    return OutDirs(arrays, notes)


def _one_per_seed(lines: list[list[float]], *, first: bool) -> list[list[float]]:
    by_seed: dict[float, list[float]] = {}
    for numbers in lines:
        if not (first and numbers[_SEED] in by_seed):
            by_seed[numbers[_SEED]] = numbers
    return list(by_seed.values())


def _read_lines(file: Path) -> list[list[float]]:
    lines = []
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            values = [float(word) for word in line.split(",")]
        except ValueError:
            values = []
        if len(values) != _NUMBERS or not np.isfinite(values).all():
            raise UserError(
                f"analyze: {file}, line {number}: expected eight numbers (parameters, multiply-adds, seconds, "
                "top-1 and top-5 error, nodes, width, seed)."
            )
        lines.append(values)
    return lines


def _read_config(folder: Path) -> _Run:
    """Read which network and graph a folder is of.

    Raises:
        UserError: no ``config.yaml``, or one without the keys of the published code.
    """
    file = folder / "config.yaml"
    try:
        config: Any = read_yaml(read_text_file(file, "analyze"))
        graph, layer = config["RGRAPH"], str(config["RESNET"]["TRANS_FUN"])
        words = {key: str(graph[key]) for key in ("GROUP_NUM", "MESSAGE_TYPE", "SPARSITY", "P", "SEED_GRAPH")}
        model, data = str(config["MODEL"]["TYPE"]), str(config["TRAIN"]["DATASET"])
    except (UserError, yaml.YAMLError, KeyError, TypeError, ValueError):
        raise UserError(
            f"analyze: {file} is not the config that the published code writes next to its results; without it "
            "nothing says which graph they are of."
        ) from None
    if "talk" in layer and words["MESSAGE_TYPE"] != "ws":
        raise UserError(
            f"analyze: {file}: RGRAPH.MESSAGE_TYPE = {words['MESSAGE_TYPE']!r}; only results on the WS-flex "
            "graphs of the published catalogues ('ws') are read."
        )
    names = [""] * 15  # the columns of the published names
    names[0], names[2], names[3] = layer.removesuffix("_transform"), words["GROUP_NUM"], words["MESSAGE_TYPE"]
    names[4], names[5], names[7] = words["SPARSITY"], words["P"], words["SEED_GRAPH"]
    task = next(
        (name for kind, where, word, name in _TASKS if (kind, where) == (model, data) and word in layer),
        f"{model}_{data}",
    )
    return _Run(task, names)
