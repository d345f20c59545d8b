"""The two original layouts of CIFAR-10: five training batches and a test batch, pickled or binary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from graph2nn.data.cifar_layouts import TRAIN_BATCHES
from graph2nn.data.samples import Split
from graph2nn.data.unpickle import unpickle
from graph2nn.errors import UserError

PIXELS = 3 * 32 * 32

Batch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


def read_python(files: Mapping[str, bytes], per_batch: int) -> tuple[Split, Split]:
    """Train and test splits of ``cifar-10-batches-py``.

    Args:
        files: content by relative path; files of other layouts are ignored.
        per_batch: images in each batch, 10,000 in the original.

    Raises:
        UserError: a batch is missing, damaged, of another size, or asks to run code.
    """
    batches = _by_name(files, "")
    return _join([_python_batch(*item, per_batch) for item in batches.items()])


def read_binary(files: Mapping[str, bytes], per_batch: int) -> tuple[Split, Split]:
    """Train and test splits of ``cifar-10-batches-bin``; arguments and errors as ``read_python``."""
    batches = _by_name(files, ".bin")
    return _join([_binary_batch(*item, per_batch) for item in batches.items()])


def _by_name(files: Mapping[str, bytes], suffix: str) -> dict[str, bytes]:
    """The six batches in order, whichever folder they lie in."""
    paths: dict[str, list[str]] = {}
    for path in files:
        paths.setdefault(PurePosixPath(path).name, []).append(path)
    wanted = [f"{name}{suffix}" for name in (*TRAIN_BATCHES, "test_batch")]
    if missing := [name for name in wanted if name not in paths]:
        raise UserError(f"data: CIFAR-10 lacks {', '.join(missing)}; get the whole set of six batches again.")
    for name in wanted:
        if len(paths[name]) > 1:
            raise UserError(f"data: {name} is there twice ({', '.join(paths[name])}); keep one.")
    return {name: files[paths[name][0]] for name in wanted}


def _python_batch(name: str, content: bytes, per_batch: int) -> Batch:
    batch = unpickle(content, name)
    pixels, labels = _entry(batch, "data"), _entry(batch, "labels")
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape[1:] != (PIXELS,):
        raise UserError(f"data: {name} holds no uint8 array 'data' of {PIXELS} columns; it is not CIFAR-10.")
    whole = isinstance(labels, list) and all(type(label) is int and 0 <= label <= 9 for label in labels)
    if not whole or not len(labels) == len(pixels) == per_batch:
        raise UserError(
            f"data: {name} must hold {per_batch:,} images and as many labels 0..9; get the file again."
        )
    return pixels, np.array(labels, dtype=np.int64)


def _entry(batch: Any, key: str) -> Any:
    # Keys are bytes when Python 2 wrote the pickle, as in the original, and text when Python 3 did.
    return batch.get(key.encode(), batch.get(key)) if isinstance(batch, dict) else None


def _binary_batch(name: str, content: bytes, per_batch: int) -> Batch:
    row = 1 + PIXELS
    if len(content) != per_batch * row:
        raise UserError(
            f"data: {name} has {len(content):,} bytes where CIFAR-10 has {per_batch * row:,}; "
            "it is truncated or another file: get it again."
        )
    rows = np.frombuffer(content, np.uint8).reshape(per_batch, row)
    if rows[:, 0].max() > 9:
        raise UserError(f"data: {name} has the label {rows[:, 0].max()} where CIFAR-10 has 0..9; get it again.")
    return rows[:, 1:], rows[:, 0].astype(np.int64)


def _join(batches: list[Batch]) -> tuple[Split, Split]:
    return _split(batches[:-1]), _split(batches[-1:])


def _split(batches: list[Batch]) -> Split:
    pixels = np.concatenate([pixels for pixels, _ in batches]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([labels for _, labels in batches])
    return Split(torch.from_numpy(pixels), torch.from_numpy(labels))
