"""ImageNet, or any photos of its layout: ``train/`` and ``val/`` with class folders or tar shards."""

from __future__ import annotations

import os
from pathlib import Path

from graph2nn.data.dataset import Dataset
from graph2nn.data.photos.index import index_split
from graph2nn.data.photos.split import PhotoSplit
from graph2nn.errors import UserError

#: Per channel (red, green, blue), in 0…255: mean and standard deviation of ImageNet's training photos.
MEAN = (123.675, 116.28, 103.53)
SD = (58.395, 57.12, 57.375)
#: Share of photos that may be damaged, in addition to the ten that always may.
DAMAGED = 1 / 1000
_LAYOUT = "expected train/<class>/*.JPEG and val/<class>/*.JPEG, or train/*.tar and val/*.tar"


def load_imagenet(
    path: Path | str | None,
    cache: Path,
    *,
    size: int = 224,
    workers: int | None = None,
    progress: bool = True,
) -> Dataset:
    """Open ImageNet (Russakovsky et al. 2015) or photos in its layout; nothing is decoded yet.

    Classes are the folders in ascending order of name (the published code took the order of the file
    system). The list of photos is kept in the cache, and made again when a folder changes.

    Args:
        path: folder with ``train`` and ``val``; else ``imagenet`` in the folder GRAPH2NN_DATA names.
        cache: where the list of photos is kept.
        size: side of the square the network sees; evaluation scales the shorter side to 8/7 of it first
            (224 of 256, as published).
        workers: processes that decode; by default one per usable core, up to 8.
        progress: show bars on a terminal.

    Returns:
        The data set; its photos are decoded while they are used.

    Raises:
        UserError: no such folder, another layout, splits with different classes, a damaged shard.

    Example:
        >>> data = load_imagenet("imagenet", Path("cache"))  # doctest: +SKIP
    """
    root = _root(path)
    splits = {}
    for name in ("train", "val"):
        folder = root / name
        if not folder.is_dir():
            raise UserError(f"data: {root} has no folder {name}; {_LAYOUT}.")
        splits[name] = index_split(folder, cache, progress=progress)
    train, val = splits["train"], splits["val"]
    if train.classes != val.classes:
        odd = sorted(set(train.classes) ^ set(val.classes))
        raise UserError(
            f"data: the classes of train and val differ ({', '.join(odd[:3])}); both must have the same."
        )
    count = _usable() if workers is None else workers
    made = {
        name: PhotoSplit(index, size, round(size * 8 / 7), count, most_damaged=10 + int(DAMAGED * len(index)))
        for name, index in splits.items()
    }
    label = f"ImageNet layout, {len(train.classes)} classes, {len(train):,} photos, {size} px"
    if (len(train.classes), len(train), len(val)) == (1000, 1_281_167, 50_000):
        label = "ImageNet" if size == 224 else f"ImageNet at {size} px"
    return Dataset("imagenet", label, made["train"], made["val"], train.classes, MEAN, SD)


def _root(path: Path | str | None) -> Path:
    if path is None:
        shared = os.environ.get("GRAPH2NN_DATA")
        if shared and (Path(shared) / "imagenet").is_dir():
            return Path(shared) / "imagenet"
        raise UserError("data: ImageNet may not be downloaded without an account; name your copy with --data.")
    root = Path(path)
    if not root.is_dir():
        raise UserError(f"data: {root} is not a folder; {_LAYOUT}.")
    return root


def _usable() -> int:
    return min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
