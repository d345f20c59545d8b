"""The datasets by name, and where decoded copies are kept."""

from __future__ import annotations

from pathlib import Path

from graph2nn.data.cifar10 import load_cifar10
from graph2nn.data.dataset import Dataset
from graph2nn.data.digits import load_digits
from graph2nn.errors import UserError, unknown
from graph2nn.files import cache_root

DATASETS = ("cifar10", "digits")


def load_dataset(
    name: str,
    *,
    path: Path | str | None = None,
    cache: Path | str | None = None,
    progress: bool = True,
) -> Dataset:
    """Load a dataset by name.

    Args:
        name: "digits" (bundled) or "cifar10".
        path: where the user's copy lies, for "cifar10"; without it the cache or a download is used.
        cache: folder of decoded copies; :func:`graph2nn.files.cache_root` when not given.
        progress: show bars on a terminal.

    Raises:
        UserError: the name is not known, or the source is missing, damaged or of another kind.
    """
    if name == "digits":
        if path is not None:
            raise UserError(f"data: digits come with scikit-learn and take no path ({path}); leave it out.")
        return load_digits()
    if name == "cifar10":
        return load_cifar10(path, cache_root(cache), progress=progress)
    raise unknown("data: dataset", name, DATASETS)
