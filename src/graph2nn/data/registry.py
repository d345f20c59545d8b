"""The datasets by name, and where decoded copies are kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from graph2nn.arguments import checked_arguments
from graph2nn.data.cifar10 import load_cifar10
from graph2nn.data.dataset import Dataset
from graph2nn.data.digits import load_digits
from graph2nn.data.own.reader import Options, load_own
from graph2nn.data.own.well_known import load_format
from graph2nn.data.photos.imagenet import load_imagenet
from graph2nn.data.sequence_sets import load_sequences, names_sequences
from graph2nn.data.sequence_tasks import SEQUENCE_TASKS
from graph2nn.data.text.translation_files import load_translation
from graph2nn.errors import UserError, unknown
from graph2nn.files import cache_root, refuse_special


class Loader(Protocol):
    """Loads one data set; one that takes ``size`` too can be named ``imagenet@160``."""

    def __call__(self, path: Path | str | None, cache: Path, *, progress: bool) -> Dataset:
        """Load it from the user's copy at ``path``, or from the cache or a download."""


def _bundled_digits(path: Path | str | None, cache: Path, *, progress: bool) -> Dataset:
    if path is not None:
        raise UserError(f"data: digits come with scikit-learn and take no path ({path}); leave it out.")
    return load_digits()


def _format(name: str) -> Loader:
    def load(path: Path | str | None, cache: Path, *, progress: bool) -> Dataset:
        if path is None:
            return load_own(name, Options(), cache=cache, progress=progress)
        return load_format(name, Path(path), cache, progress=progress)

    return load


#: The loader of each data set, by name. Data of the user's own have the name "own" and options besides.
DATASETS: dict[str, Loader] = {
    "cifar10": load_cifar10,
    "cifar100": _format("cifar100"),
    "digits": _bundled_digits,
    "fashion-mnist": _format("fashion-mnist"),
    "imagenet": load_imagenet,
    "mnist": _format("mnist"),
    "multi30k": load_translation,
}


@checked_arguments
def load_dataset(
    name: str,
    *,
    path: Path | str | None = None,
    cache: Path | str | None = None,
    progress: bool = True,
    options: Options | None = None,
) -> Dataset:
    """Load a dataset by name.

    Args:
        name: "digits" (bundled), "cifar10", "cifar100", "mnist", "fashion-mnist", "multi30k", or "imagenet";
            ``imagenet@160`` shows the network squares of 160. ``"own"`` reads what lies at ``path``. Sequences
            with known answers are named as :func:`graph2nn.data.sequence_sets.load_sequences` has it.
        path: where the user's copy lies; without it the cache or a download is used, for ImageNet the folder
            that GRAPH2NN_DATA names.
        cache: folder of decoded copies; :func:`graph2nn.files.cache_root` when not given.
        progress: show bars on a terminal.
        options: how ``"own"`` data are read.

    Returns:
        The data set, on the CPU.

    Raises:
        UserError: the name is not known, or the source is missing, damaged or of another kind.

    Example:
        >>> data = load_dataset("digits")
        >>> data.label, len(data.classes), tuple(data.train.images.shape)
        ('digits (scikit-learn)', 10, (1442, 1, 8, 8))
    """
    if path is not None:
        refuse_special(Path(path).expanduser(), "data")
    if name == "own":
        if path is None:
            raise UserError(
                "data: this preset is for data of your own; name them with --data PATH: class folders of "
                "images, .npz, .csv, .tsv, .parquet or .txt, or the word mnist, fashion-mnist or cifar100."
            )
        return load_own(path, options or Options(), cache=cache, progress=progress)
    if names_sequences(name):
        if path is not None:
            raise UserError(f"data: {name} is drawn and takes no path ({path}); leave it out.")
        return load_sequences(name)
    plain, at, size = name.partition("@")
    load: Callable[..., Dataset] | None = DATASETS.get(plain)
    if load is None or (at and "size" not in inspect.signature(load).parameters):
        raise unknown("data: dataset", name, [*DATASETS, *SEQUENCE_TASKS])
    if at and not (size.isdecimal() and int(size) >= 8):
        raise UserError(f"data: {name}: {size!r} is not a side of an image in pixels; write {plain}@160.")
    if at:
        load = partial(load, size=int(size))
    return load(path, cache_root(cache), progress=progress)
