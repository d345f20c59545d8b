"""The three layouts CIFAR-10 comes in, told apart by the names of the files and not of the archive."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Literal

from graph2nn.data.image_files import is_photo

Layout = Literal["python", "binary", "tree"]

SPLITS = ("train", "test")
TRAIN_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
PYTHON_FILES = (*TRAIN_BATCHES, "test_batch")
BINARY_FILES = tuple(f"{name}.bin" for name in PYTHON_FILES)
ARCHIVES = ("cifar-10-python.tar.gz", "cifar-10-binary.tar.gz")

ACCEPTED = (
    "expected CIFAR-10 as cifar-10-batches-py, cifar-10-batches-bin, train/<class>/ and test/<class>/ with "
    "PNG or JPEG images, or a .tar, .tar.gz or .tar.xz of one of these"
)

# A batch is 31 MB and a 32x32 image some 3 kB: what is far bigger is not such a file, and is not read.
BATCH_LIMIT = 64 * 2**20
IMAGE_LIMIT = 2**20


def layout_of(name: str) -> Layout | None:
    """The layout that a file with this relative path belongs to; None for any other file."""
    path = PurePosixPath(name)
    if path.name in PYTHON_FILES:
        return "python"
    if path.name in BINARY_FILES:
        return "binary"
    in_split = len(path.parts) >= 3 and path.parts[-3] in SPLITS
    if in_split and is_photo("/".join(path.parts[-2:])):
        return "tree"
    return None


def detect(names: Iterable[str]) -> Layout | None:
    """The layout of a source that holds these files: the originals first, then the image tree."""
    layouts = {layout_of(name) for name in names}
    order: tuple[Layout, ...] = ("python", "binary", "tree")
    return next((layout for layout in order if layout in layouts), None)


def size_limit(layout: Layout) -> int:
    """The most bytes a file of this layout may have."""
    return IMAGE_LIMIT if layout == "tree" else BATCH_LIMIT
