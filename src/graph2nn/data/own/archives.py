"""Files of arrays: ``.npz`` with ``x, y`` or one pair of arrays per split."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError

#: Names that arrays of samples and of targets go by, in lower case.
_X = ("x", "images", "image", "data", "features", "inputs")
_Y = ("y", "labels", "label", "target", "targets")
_PARTS = {
    "train": "train",
    "test": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}

Pair = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def read_npz(file: Path) -> tuple[dict[str, Pair], tuple[str, ...]]:
    """Read samples and targets from an ``.npz`` file.

    Args:
        file: with ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test``, ``y_test`` and perhaps ``x_val``,
            ``y_val``; ``classes`` may name the classes. Samples are also found as images, data or features,
            targets as labels or target.

    Returns:
        Samples and targets by split (``"train"`` where there are no splits), and names of classes, if any.

    Raises:
        UserError: not such a file, arrays of Python objects, samples without targets, no training part.
    """
    try:
        with np.load(file, allow_pickle=False) as opened:
            arrays = {name: opened[name] for name in opened.files}
    except (OSError, ValueError, EOFError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        line = " ".join(str(error).split())
        why = "it holds Python objects; save plain arrays" if "pickle" in line else line[:100]
        raise UserError(f"data: {file} cannot be read as arrays ({why}).") from None
    names = arrays.pop("classes", np.array([]))
    if names.ndim != 1:
        raise UserError(f"data: {file} has classes of shape {list(names.shape)}; give a list of names.")
    classes = tuple(map(str, names.tolist()))
    arrays_of: dict[str, dict[str, npt.NDArray[Any]]] = {}
    for name, array in arrays.items():
        place = _place(name)
        if place is None or place[1] in arrays_of.get(place[0], {}):
            raise UserError(
                f"data: {file} has an array {name!r}, which is not understood; expected x and y, or x_train, "
                "y_train, x_test, y_test and perhaps x_val, y_val."
            )
        arrays_of.setdefault(place[0], {})[place[1]] = array
    for split, pair in arrays_of.items():
        if len(pair) < 2:
            lacking = "samples (x)" if "y" in pair else "targets (y)"
            raise UserError(f"data: {file} has no {lacking} for {split}; it has {', '.join(arrays)}.")
    if "train" not in arrays_of:
        raise UserError(
            f"data: {file} has no x and y of a training part; it has {', '.join(arrays) or 'nothing'}."
        )
    return {split: (pair["x"], pair["y"]) for split, pair in arrays_of.items()}, classes


def _place(name: str) -> tuple[str, str] | None:
    """Split and role of an array by its name: ``x_train``, ``train_images``, ``X``."""
    words = name.lower().replace("-", "_").split("_")
    split = next((_PARTS[word] for word in words if word in _PARTS), "train")
    rest = [word for word in words if word not in _PARTS]
    if len(rest) != 1 or len(words) > 2:
        return None
    role = "x" if rest[0] in _X else "y" if rest[0] in _Y else None
    return None if role is None else (split, role)
