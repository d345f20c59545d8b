"""A user's own data by path: what kind it is, decoded once into the cache, then read from there."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from graph2nn.data import store
from graph2nn.data.dataset import Dataset, TaskName
from graph2nn.data.own import feature_tables
from graph2nn.data.own.archives import read_npz
from graph2nn.data.own.feature_tables import dataset_of_table, read_frame
from graph2nn.data.own.folders import Channels, dataset_of_folder
from graph2nn.data.own.from_arrays import dataset_of_arrays
from graph2nn.data.own.members import ARCHIVES, SPLITS
from graph2nn.data.own.sequence_arrays import SEQUENCE_TARGETS
from graph2nn.data.own.splits import TEST, VALIDATION, check_share, refuse_shares
from graph2nn.data.own.targets import TASKS
from graph2nn.data.own.texts import SUFFIXES as TEXTS
from graph2nn.data.own.texts import dataset_of_text
from graph2nn.data.own.well_known import FORMATS, format_in, load_format
from graph2nn.data.sequence_sets import load_sequences, names_sequences
from graph2nn.data.sequence_tasks import SEQUENCE_TASKS
from graph2nn.errors import UserError, unknown
from graph2nn.files import cache_root, refuse_special

Kind = Literal["images", "arrays", "table", "text", "mnist", "fashion-mnist", "cifar100"]
#: Format of the decoded copies; another number makes old ones be forgotten.
VERSION = 3
_KINDS = (
    "a folder or archive of images, .npz, .csv, .tsv, .parquet, .txt, the files of MNIST or CIFAR-100, or two "
    "line-aligned texts as SRC,TGT (preset transformer-multi30k)"
)


@dataclass(frozen=True)
class Options:
    """How own data are read: what the command's options and the keywords of ``Dataset.from_*`` say.

    Args:
        target: columns of a table.
        task: None decides by the targets.
        test, validation: shares to draw where splits are not given.
        seed: of the draw.
        split: column of a table that names splits.
        missing: of a table's features: refuse or impute.
        drop: columns of a table to leave out.
        most_values: of a column of text.
        size: side of images; None keeps small equal sizes.
        channels: of images; None wants all to have the same.
        context: bytes of a text that are read at a time.
        name: what reports call the data; the name of the file or folder if left out.
    """

    target: tuple[str, ...] = ()
    task: TaskName | None = None
    test: float = TEST
    validation: float = VALIDATION
    seed: int = 0
    split: str | None = None
    missing: Literal["refuse", "impute"] = "refuse"
    drop: tuple[str, ...] = ()
    most_values: int = 20
    size: int | None = None
    channels: Channels | None = None
    context: int = 128
    name: str | None = None


#: Options that only one kind of data understands, and what they are called by the command.
_OF_TABLES = {"target": "--target", "split": "--split-column", "missing": "--impute", "drop": "--drop"}
_OF_TABLES |= {"most_values": "--most-values"}
_SAID = {"table": "a table", "text": "a text", "images": "images in folders"}
_OF_IMAGES = {"size": "--image-size", "channels": "--channels"}
_OF_TEXTS = {"context": "--context"}


def is_word(text: str) -> bool:
    """Whether a text names data by a word: a well-known data set, or a task of sequences; files win.

    Example:
        >>> is_word("mnist"), is_word("n-back:back=3"), is_word("table.csv")
        (True, True, False)
    """
    return (text in FORMATS or names_sequences(text)) and not Path(text).exists()


def load_own(
    path: Path | str, options: Options, *, cache: Path | str | None = None, progress: bool = True
) -> Dataset:
    """Read own data of any kind; the name of a well-known data set stands for its download.

    Args:
        path: folder, archive or file; or ``mnist``, ``fashion-mnist``, ``cifar100``; or a task of sequences, as
            :func:`graph2nn.data.sequence_sets.load_sequences` takes it.
        options: how to read it.
        cache: folder of decoded copies.
        progress: show bars on a terminal.

    Returns:
        The data set.

    Raises:
        UserError: no such path, a kind that is not known, options for another kind, or as
            ``Dataset.from_folder`` and ``Dataset.from_table``.
    """
    source, root = Path(path).expanduser(), cache_root(cache)
    if is_word(str(path)) and str(path) not in FORMATS:
        _only(options, str(path), ())
        return load_sequences(str(path))
    if str(path) in FORMATS and not source.exists():
        _only(options, str(path), ())
        _only_as_published(options)
        return _cached(
            root / "own" / f"{path}.safetensors", lambda: load_format(str(path), None, root, progress=progress)
        )
    if not source.exists():
        words = ", ".join([*FORMATS, *SEQUENCE_TASKS])
        parts = str(source).split(",")
        if len(parts) == 2 and all(Path(part).is_file() for part in parts):
            raise UserError(
                f"data: {source} is a pair of texts; use preset transformer-multi30k, which translates."
            )
        raise UserError(f"data: {source} does not exist; give {_KINDS}; or a word of {words}.")
    refuse_special(source, "data")
    kind = kind_of(source)
    _only(options, kind, {"table": _OF_TABLES, "images": _OF_IMAGES, "text": _OF_TEXTS}.get(kind, ()))
    for option, share in (("test", options.test), ("validation", options.validation)):
        check_share(option, share)
    file = root / "own" / f"{_fingerprint(source, options)}.safetensors"
    return _cached(file, lambda: _read(source, kind, options, root, progress))


def kind_of(path: Path) -> Kind:
    """Return what kind of data a path holds.

    Raises:
        UserError: none that is known.
    """
    name = path.name.lower()
    if format_name := format_in(path):
        return format_name  # type: ignore[return-value]
    if path.is_dir():
        inside = [entry.name.lower() for entry in path.iterdir() if not entry.name.startswith(".")]
        stems = {each.partition(".")[0]: each for each in inside}
        if any(stems.get(split, "").endswith(feature_tables.SUFFIXES) for split in SPLITS):
            return "table"
        if any(stems.get(split, "").endswith(".npz") for split in SPLITS):
            return "arrays"
        return "images"
    if name.endswith(".npz"):
        return "arrays"
    if name.endswith(feature_tables.SUFFIXES):
        return "table"
    if name.endswith(ARCHIVES):
        return "images"
    if name.endswith(TEXTS):
        return "text"
    raise UserError(f"data: {path} is of no known kind; give {_KINDS}.")


def load_table(path: Path | str | pd.DataFrame, options: Options, *, cache: Path | str | None) -> Dataset:
    """Read a table; see :meth:`graph2nn.Dataset.from_table`.

    Args:
        path: a file, several by split, or a data frame.
        options: how to read it.
        cache: folder of decoded copies.

    Returns:
        The data set.

    Raises:
        UserError: not a table, and as :func:`load_own`.
    """
    if isinstance(path, pd.DataFrame):
        frame = path.set_axis([str(column) for column in path.columns], axis=1)
        return _of_table({"train": frame.reset_index(drop=True)}, options, options.name or "table")
    source = Path(path)
    if source.exists() and kind_of(source) != "table":
        raise UserError(f"data: {source} is not a table; give .csv, .tsv or .parquet.")
    return load_own(source, options, cache=cache)


def _of_table(
    parts: Mapping[str, pd.DataFrame], options: Options, name: str, notes: Sequence[str] = ()
) -> Dataset:
    return dataset_of_table(
        parts, options.target, test=options.test, validation=options.validation, task=options.task, name=name,
        seed=options.seed, split=options.split, missing=options.missing, drop=options.drop,
        most_values=options.most_values, notes=notes,
    )  # fmt: skip


def _only(options: Options, kind: str, understood: Mapping[str, str] | Sequence[str]) -> None:
    """Refuse options that are for another kind of data."""
    plain = asdict(Options())
    for field, flag in {**_OF_TABLES, **_OF_IMAGES, **_OF_TEXTS}.items():
        if field not in understood and getattr(options, field) != plain[field]:
            what = "tables" if field in _OF_TABLES else "texts" if field in _OF_TEXTS else "images in folders"
            raise UserError(
                f"data: {flag} is for {what}, and these data are {_SAID.get(kind, kind)}; leave it out."
            )
    if options.task is not None and options.task not in (*TASKS, *SEQUENCE_TARGETS):
        raise unknown("data: task", options.task, (*TASKS, *SEQUENCE_TARGETS))
    if options.task in SEQUENCE_TARGETS and kind != "arrays":
        raise UserError(
            f"data: --task {options.task} is for arrays of sequences [N, time, features] (.npz), and these "
            f"data are {_SAID.get(kind, kind)}; leave it out."
        )
    if options.task is not None and kind == "text":
        raise UserError("data: --task is for classes and numbers, and these data are a text; leave it out.")


def _only_as_published(options: Options) -> None:
    """Refuse options that would change a well-known data set, which is read as it was published."""
    refuse_shares(("test",), test=options.test, validation=VALIDATION, seed=0)
    for flag, given in (
        ("--validation", options.validation != VALIDATION),
        ("--split-seed", options.seed),
        ("--task", options.task not in (None, "classification")),
    ):
        if given:
            raise UserError(
                f"data: {flag} is for your own data, and these are read as they were published; leave it out."
            )


def _read(path: Path, kind: Kind, options: Options, root: Path, progress: bool) -> Dataset:
    notes: list[str] = []
    name = options.name or (path.resolve().name if path.is_dir() else path.name.partition(".")[0])
    if kind in FORMATS:
        _only_as_published(options)
        return load_format(kind, path, root, progress=progress)
    if kind == "text":
        if options.seed:
            raise UserError("data: --split-seed is of a draw, and texts are cut in order; leave it out.")
        return dataset_of_text(
            path, context=options.context, test=options.test, validation=options.validation, name=name
        )
    if kind == "images":
        return dataset_of_folder(
            path, size=options.size, channels=options.channels, progress=progress, test=options.test,
            validation=options.validation, task=options.task, seed=options.seed, name=name,
        )  # fmt: skip
    if kind == "table":
        files = _by_split(path, feature_tables.SUFFIXES, notes)
        return _of_table({split: read_frame(file) for split, file in files.items()}, options, name, notes)
    parts, classes = read_npz(path) if path.is_file() else _pairs(path, notes)
    refuse_shares(parts, test=options.test, validation=options.validation, seed=options.seed)
    x, y = parts["train"]
    return dataset_of_arrays(
        x, y, classes=classes, test=parts.get("test", options.test),
        validation=parts.get("validation", options.validation), task=options.task, seed=options.seed, name=name,
        notes=notes,
    )  # fmt: skip


def _pairs(path: Path, notes: list[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Read a folder of one ``.npz`` per split."""
    parts: dict[str, Any] = {}
    classes: tuple[str, ...] = ()
    for split, file in _by_split(path, (".npz",), notes).items():
        pairs, named = read_npz(file)
        if set(pairs) not in ({"train"}, {split}):
            raise UserError(f"data: {file} has splits of its own; expected x and y alone.")
        parts[split], classes = next(iter(pairs.values())), named or classes
    return parts, classes


def _by_split(path: Path, endings: tuple[str, ...], notes: list[str]) -> dict[str, Path]:
    """The file of each split in a folder; a file stands for the training part, from which the others are drawn.

    Files of other names are added to the notes.

    Raises:
        UserError: no training file, two of one split, or a name that is nearly that of a split without a file.
    """
    if path.is_file():
        return {"train": path}
    files: dict[str, Path] = {}
    others: list[Path] = []
    for file in sorted(path.iterdir()):
        if file.name.startswith(".") or not file.name.lower().endswith(endings):
            continue
        split = SPLITS.get(file.name.lower().partition(".")[0])
        if split is None:
            others.append(file)
            continue
        if split in files:
            raise UserError(
                f"data: {path} has two files of {split} ({files[split].name}, {file.name}); keep one."
            )
        files[split] = file
    if "train" not in files:
        raise UserError(
            f"data: {path} has no file named train; it has {', '.join(f.name for f in files.values())}."
        )
    for file in others:
        stem, dot, ending = file.name.partition(".")
        near = difflib.get_close_matches(stem.lower(), SPLITS, n=1, cutoff=0.75)
        if near and SPLITS[near[0]] not in files:
            raise UserError(
                f"data: {file} is named like no part of the data; did you mean {near[0]}{dot}{ending}? Rename "
                "it, or move it out of the folder."
            )
    if others:
        names = ", ".join(file.name for file in others[:3])
        notes.append(f"{len(others)} other files left out ({names}); parts are train, validation and test.")
    return {split: files[split] for split in ("train", "validation", "test") if split in files}


def _cached(file: Path, read: Callable[[], Dataset]) -> Dataset:
    kept = store.load_stored(file)
    if kept is None:
        kept = read()
        store.save_stored(kept, file)
    return kept


def _fingerprint(path: Path, options: Options) -> str:
    """Hexadecimal digest that changes with the path, the options, and names, sizes and times of all files."""
    said = json.dumps([VERSION, asdict(options)], sort_keys=True)
    content = hashlib.sha256(os.fsencode(f"{path.resolve()}\0{said}"))
    files = (
        [path]
        if path.is_file()
        else sorted(Path(f, n) for f, _, ns in os.walk(path, followlinks=True) for n in ns)
    )
    for file in files:
        status = file.stat()
        content.update(os.fsencode(f"\0{file}\0{status.st_size}\0{status.st_mtime_ns}"))
    return content.hexdigest()[:24]
