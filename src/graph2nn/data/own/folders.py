"""Folders of images: class folders with or without splits, decoded to squares of one size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from graph2nn.data.dataset import Dataset, TaskName
from graph2nn.data.image_files import NAMES, is_photo, open_image, plain, upright_size
from graph2nn.data.own.from_arrays import dataset_of_arrays
from graph2nn.data.own.members import SPLITS, Members, opened
from graph2nn.data.own.splits import refuse_shares
from graph2nn.data.photos.transforms import Pixels, central_box
from graph2nn.errors import UserError
from graph2nn.progress import Bar

if TYPE_CHECKING:
    from PIL.Image import Image

Channels = Literal["grey", "rgb", "rgba"]
#: Images that all have one size keep it up to this side; larger and mixed ones are scaled to SIZE.
KEEP, SIZE = 96, 64
#: Most bytes that decoded images may take: beyond, they are photos to stream from disk.
MOST = 8 * 2**30
_MODES: dict[str, Channels] = {"1": "grey", "L": "grey", "LA": "rgba", "RGBA": "rgba", "PA": "rgba"}
_PILLOW: dict[Channels, str] = {"grey": "L", "rgb": "RGB", "rgba": "RGBA"}
LAYOUT = f"expected <class>/*, or train/<class>/* and test/<class>/*, with {NAMES} images"


@dataclass(frozen=True)
class Photo:
    """Where one image lies in the layout: its path, its split (empty where there are none) and its class."""

    path: str
    split: str
    label: str


def dataset_of_folder(
    path: Path,
    *,
    size: int | None,
    channels: Channels | None,
    test: float,
    validation: float,
    task: TaskName | None,
    name: str,
    seed: int,
    progress: bool,
) -> Dataset:
    """Read images in class folders; see :meth:`graph2nn.Dataset.from_folder`.

    Args:
        path: the folder.
        size, channels, test, validation, task, name, seed, progress: as there.

    Returns:
        The data set.

    Raises:
        UserError: as there.
    """
    if task == "regression":
        raise UserError("data: class folders are a classification; for numbers give a table or arrays.")
    if size is not None and size < 4:
        raise UserError(
            f"data: images of {size} pixels are not possible; give 4 or more, e.g. --image-size 64."
        )
    with opened(path) as (members, clutter):
        notes = _left_out(members, clutter)
        photos = _photos(members, path)
        images, sizes = _decode(photos, members, size, channels, progress)
    if sizes != {(images.shape[3], images.shape[2])}:
        (low, high), side = (min(sizes), max(sizes)), images.shape[-1]
        span = (
            f"{low[0]}×{low[1]}"
            if len(sizes) == 1
            else f"{len(sizes)} sizes ({low[0]}×{low[1]} to {high[0]}×{high[1]})"
        )
        notes.append(f"images of {span} became {side}×{side}: shorter side scaled, middle taken.")
    labels = np.array([photo.label for photo in photos])
    splits = np.array([photo.split for photo in photos])
    parts = {
        split: (images[torch.from_numpy(splits == split)], labels[splits == split])
        for split in dict.fromkeys(splits)
    }
    refuse_shares(parts, test=test, validation=validation, seed=seed)
    x, y = parts.pop("" if "" in parts else "train")
    return dataset_of_arrays(
        x, y, test=parts.get("test", test), validation=parts.get("validation", validation),
        task=task or "classification", name=name, seed=seed, notes=notes,
    )  # fmt: skip


def _left_out(members: Members, clutter: Sequence[str]) -> list[str]:
    """Say which files are not images of the data, and why."""
    notes = []
    if clutter:
        notes.append(f"{len(clutter)} hidden and system files left out ({clutter[0]}).")
    others = [name for name in members if not is_photo(name)]
    if others:
        endings = Counter(Path(name).suffix.lower() or "none" for name in others)
        shown = ", ".join(f"{count} {ending}" for ending, count in endings.most_common(4))
        notes.append(f"{len(others)} files are not {NAMES} and were left out ({shown}).")
    return notes


def _photos(members: Members, path: Path) -> list[Photo]:
    """Sort the images into splits and classes.

    Raises:
        UserError: no images, images outside class folders, one class, an empty class folder, a missing split.
    """
    names = [name for name in members if is_photo(name)]
    if not names:
        raise UserError(f"data: {path} holds no images; {LAYOUT}.")
    tops = {name.partition("/")[0] for name in names}
    split = {
        top.lower() in SPLITS for top in tops if "/" in next(n for n in names if n.partition("/")[0] == top)
    }
    depth = 2 if split == {True} else 1
    if depth == 1:
        _refuse_half_split([name for name in names if "/" in name], path)
    flat = [name for name in names if name.count("/") < depth]
    if flat:
        where = flat[0].rpartition("/")[0]
        raise UserError(
            f"data: {len(flat)} images in {path / where} lie outside a class folder (the first is {flat[0]}); "
            f"{LAYOUT}."
        )
    photos = [
        Photo(name, SPLITS[name.split("/")[0].lower()] if depth == 2 else "", name.split("/")[depth - 1])
        for name in names
    ]
    _check_classes(photos, path)
    return photos


def _refuse_half_split(names: Sequence[str], path: Path) -> None:
    """Refuse folders of which some are splits of class folders and others are something else.

    A class may be called train: its images lie in it, or in subfolders that no other class has.

    Raises:
        UserError: such folders.
    """
    inside: dict[str, set[str]] = {}
    for name in names:
        parts = name.split("/")
        inside.setdefault(parts[0], set()).add(parts[1] if len(parts) > 2 else "")
    nested = {top: there for top, there in inside.items() if "" not in there}
    for split in sorted(top for top in nested if top.lower() in SPLITS):
        others = [there for top, there in inside.items() if top != split]
        if all("" not in there and not there & nested[split] for there in others):
            continue
        neither = next((top for top in sorted(inside) if top.lower() not in SPLITS), None)
        if neither is None:
            continue
        raise UserError(
            f"data: {path} has the folder {split}, a split with class folders, and {neither}, which is "
            f"neither train, val nor test; move {neither} away or rename it, or rename {split} if it "
            "is a class."
        )


def _check_classes(photos: Sequence[Photo], path: Path) -> None:
    classes: dict[str, set[str]] = {}
    for photo in photos:
        classes.setdefault(photo.split, set()).add(photo.label)
    if "" not in classes and "train" not in classes:
        raise UserError(f"data: {path} has no folder train; {LAYOUT}.")
    if "" not in classes and "test" not in classes and "validation" not in classes:
        return  # train alone: the other parts are drawn from it
    if "train" in classes:
        for split, there in classes.items():
            if lacking := sorted(there - classes["train"]):
                raise UserError(
                    f"data: the class {lacking[0]!r} is in {split} and not in train; training must see every "
                    "class."
                )


def _decode(
    photos: Sequence[Photo], members: Members, size: int | None, channels: Channels | None, progress: bool
) -> tuple[torch.Tensor, set[tuple[int, int]]]:
    """Decode all images to one size and one kind of pixels, uint8 ``[N, C, side, side]``."""
    kinds: dict[Channels, str] = {}
    sizes: set[tuple[int, int]] = set()
    with Bar("looking at images", len(photos), show=progress) as bar:
        for photo in photos:
            image = _open(photo, members, load=False)
            sizes.add(upright_size(image))
            kinds.setdefault(_kind(image), photo.path)
            bar.update()
    if channels is None and len(kinds) > 1:
        shown = "; ".join(f"{kind}: {path}" for kind, path in kinds.items())
        raise UserError(
            f"data: images have different channels ({shown}); make all of one kind with --channels rgb "
            "(channels='rgb' in Python)."
        )
    kind: Channels = next(iter(kinds)) if channels is None else channels
    height, width = _sides(sizes, size)
    shape = (len(photos), len(_PILLOW[kind]), height, width)
    if (total := prod(shape)) > MOST:
        raise UserError(
            f"data: {len(photos):,} images of {height}×{width} take {total / 2**30:.0f} GiB decoded, too much "
            "to hold; choose a smaller --image-size, or a preset for imagenet, which streams photos."
        )
    pixels = np.empty(shape, np.uint8)
    with Bar("decoding images", len(photos), show=progress) as bar:
        for row, photo in enumerate(photos):
            pixels[row] = _pixels(_open(photo, members), kind, height, width)
            bar.update()
    return torch.from_numpy(pixels), sizes


def _open(photo: Photo, members: Members, *, load: bool = True) -> Image:
    try:
        image = open_image(members[photo.path]())
        if load or image.mode not in ("1", "L", "RGB"):
            image.load()
        return plain(image) if load else image
    except Exception as error:  # a damaged image may fail anywhere in its decoder
        why = f"no {NAMES}" if "BytesIO" in str(error) else " ".join(str(error).split())[:80]
        raise UserError(
            f"data: {photo.path} is not a readable image ({why}); replace it or delete it."
        ) from None


def _kind(image: Image) -> Channels:
    """Grey, colour, or with an alpha channel that does something."""
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    kind = "grey" if image.mode.startswith("I") else _MODES.get(image.mode, "rgb")
    if kind != "rgba":
        return kind
    opaque = image.getchannel("A").getextrema()[0] == 255
    return ("grey" if image.mode == "LA" else "rgb") if opaque else "rgba"


def _sides(sizes: set[tuple[int, int]], size: int | None) -> tuple[int, int]:
    if size is not None:
        return size, size
    if len(sizes) == 1 and max(next(iter(sizes))) <= KEEP:
        width, height = next(iter(sizes))
        return height, width
    return SIZE, SIZE


def _pixels(image: Image, kind: Channels, height: int, width: int) -> Pixels:
    from PIL import Image as Pillow

    one = image.convert(_PILLOW[kind])
    if one.size != (width, height):
        box = central_box(*one.size, resize=height, size=height)
        one = one.resize((width, height), Pillow.Resampling.BILINEAR, box=box)
    pixels = np.asarray(one)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
