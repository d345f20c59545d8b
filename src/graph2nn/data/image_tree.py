"""CIFAR-10 as a tree of images: train/<class>/ and test/<class>/, one small PNG or JPEG a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
import torch

from graph2nn.data.cifar_layouts import SPLITS
from graph2nn.data.image_files import open_image, to_rgb
from graph2nn.data.samples import Split
from graph2nn.errors import UserError
from graph2nn.progress import Bar

SIDE = 32
CLASSES = 10


@dataclass(frozen=True)
class Tree:
    """Decoded splits, the classes in order of their labels, and whether any image was a JPEG."""

    train: Split
    test: Split
    classes: tuple[str, ...]
    lossy: bool


def read_tree(files: Mapping[str, bytes], *, progress: bool) -> Tree:
    """Decode a tree.

    Labels number the class folders in ascending order of name: the ten names of CIFAR-10 then get their
    standard labels. (The published code took the folders in the order of the file system.) Samples are
    in ascending order of path.

    Args:
        files: content by relative path, such as ``train/cat/0001.jpg`` below any one folder.
        progress: show a bar on a terminal.

    Raises:
        UserError: a split or class is missing, or an image cannot be read or is not 32×32.
    """
    paths = {name: PurePosixPath(name) for name in sorted(files)}
    _check_one_root(paths)
    groups = {split: [name for name, path in paths.items() if path.parts[-3] == split] for split in SPLITS}
    for split, names in groups.items():
        if not names:
            raise UserError(f"data: the image folder has no {split}/<class>/ images; both splits are needed.")
    classes = _classes({s: {paths[name].parts[-2] for name in names} for s, names in groups.items()})
    splits = {}
    with Bar("decoding images", len(files), show=progress) as bar:
        for split, names in groups.items():
            pixels = np.empty((len(names), 3, SIDE, SIDE), np.uint8)
            for row, name in enumerate(names):
                pixels[row] = _decode(name, files[name])
                bar.update()
            labels = torch.tensor([classes.index(paths[name].parts[-2]) for name in names])
            splits[split] = Split(torch.from_numpy(pixels), labels)
    lossy = any(path.suffix.lower() not in (".png", ".bmp") for path in paths.values())
    return Tree(splits["train"], splits["test"], classes, lossy)


def _check_one_root(paths: Mapping[str, PurePosixPath]) -> None:
    roots = sorted({str(path.parents[2]) for path in paths.values()})
    if len(roots) > 1:
        raise UserError(f"data: there are {len(roots)} image folders ({', '.join(roots[:3])}); name one.")


def _classes(folders: Mapping[str, set[str]]) -> tuple[str, ...]:
    train, test = folders["train"], folders["test"]
    if train != test:
        odd = sorted(train ^ test)
        raise UserError(
            f"data: the class folders of train and test differ ({', '.join(odd[:3])}); both must have the same."
        )
    if len(train) != CLASSES:
        raise UserError(f"data: the image folder has {len(train)} classes where CIFAR-10 has {CLASSES}.")
    return tuple(sorted(train))


def _decode(name: str, content: bytes) -> npt.NDArray[np.uint8]:
    """One image as uint8 ``[3, 32, 32]``, RGB."""
    try:
        # The size is known before the pixels are decoded, so a huge image costs nothing.
        with open_image(content) as image:
            size = image.size
            pixels = np.asarray(to_rgb(image)) if size == (SIDE, SIDE) else None
    except Exception as error:  # a damaged image may fail anywhere in its decoder
        raise UserError(f"data: {name} is not a readable image; get it again.") from error
    if pixels is None:
        raise UserError(f"data: {name} is {size[0]}×{size[1]} pixels where CIFAR-10 has {SIDE}×{SIDE}.")
    return pixels.transpose(2, 0, 1)
