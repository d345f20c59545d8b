"""CIFAR-10 from the user's copy, the cache or a download: decoded once, then read from the cache."""

from __future__ import annotations

from pathlib import Path

from graph2nn.data import store
from graph2nn.data.batch_files import read_binary, read_python
from graph2nn.data.cifar_layouts import detect
from graph2nn.data.dataset import Dataset
from graph2nn.data.download import download
from graph2nn.data.file_container import fingerprint, locate, read_files
from graph2nn.data.image_tree import read_tree
from graph2nn.data.samples import Split
from graph2nn.errors import UserError

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
# The publisher gives the MD5 of this file, c58f30108f718f92721af3b95e74349a; this is its SHA-256.
CHECKSUM = "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
# Per channel (red, green, blue), in 0..255: the constants of the published implementation.
MEAN = (125.3, 123.0, 113.9)
SD = (63.0, 62.1, 66.7)


def load_cifar10(
    path: Path | str | None,
    cache: Path,
    *,
    progress: bool = True,
    url: str = URL,
    checksum: str = CHECKSUM,
    per_batch: int = 10_000,
) -> Dataset:
    """Load CIFAR-10 (Krizhevsky, 2009): 50,000 training and 10,000 test images.

    Args:
        path: a folder or tar in any of the accepted layouts; None takes the original, from the cache or
            by download.
        cache: decoded copies lie in its folder ``cifar10``, as does the downloaded archive.
        progress: show bars on a terminal.
        url: where the original is downloaded from.
        checksum: what pooch checks the download against.
        per_batch: images in a batch of the original layouts.

    Shapes: images uint8 ``[N, 3, 32, 32]`` RGB, labels int64 ``[N]``.

    Returns:
        The data set.

    Raises:
        UserError: the source is missing, damaged, not CIFAR-10, or cannot be downloaded; nothing is kept.
    """
    folder = cache / "cifar10"
    try:
        if path is None:
            return _original(folder, url, checksum, per_batch, progress)
        source = locate(Path(path).expanduser())
        file = folder / f"{fingerprint(source)}.safetensors"
        return store.load_stored(file) or _decode_and_keep(source, file, per_batch, progress)
    except OSError as error:
        unread, reason = error.filename or path, error.strerror or error
        raise UserError(f"data: {unread} cannot be read ({reason}).") from error


def _original(folder: Path, url: str, checksum: str, per_batch: int, progress: bool) -> Dataset:
    file = folder / "original.safetensors"
    kept = store.load_stored(file)
    if kept is not None:
        return kept
    archive = download(url, checksum, folder, progress=progress)
    return _decode_and_keep(archive, file, per_batch, progress)


def _decode_and_keep(source: Path, file: Path, per_batch: int, progress: bool) -> Dataset:
    dataset = decode_cifar10(source, per_batch=per_batch, progress=progress)
    store.save_stored(dataset, file)
    return dataset


def decode_cifar10(source: Path, *, per_batch: int = 10_000, progress: bool = True) -> Dataset:
    """Read and decode a folder or tar, without the cache. Errors as ``load_cifar10``.

    Args:
        source: the folder or tar.
        per_batch: images in a batch of the original layouts.
        progress: show bars on a terminal.

    Returns:
        The data set.
    """
    files = read_files(source, progress=progress)
    layout = detect(files)
    try:
        if layout == "tree":
            tree = read_tree(files, progress=progress)
            label = _tree_label(tree.classes, tree.lossy, tree.train, tree.test)
            return _dataset(label, tree.train, tree.test, tree.classes)
        read = read_python if layout == "python" else read_binary
        train, test = read(files, per_batch)
    except UserError as error:
        raise UserError(f"data: {source}: {str(error).removeprefix('data: ')}") from error
    return _dataset("CIFAR-10", train, test, CLASSES)


def _dataset(label: str, train: Split, test: Split, classes: tuple[str, ...]) -> Dataset:
    return Dataset("cifar10", label, train, test, classes, MEAN, SD)


def _tree_label(classes: tuple[str, ...], lossy: bool, train: Split, test: Split) -> str:
    # A report must not pass off other images, or a part of them, as CIFAR-10.
    notes = ["JPEG copy" if lossy else "image folder"]
    if (len(train), len(test)) != (50_000, 10_000):
        notes.append(f"{len(train):,} + {len(test):,} images")
    name = "CIFAR-10" if classes == CLASSES else "ten other classes"
    return f"{name} ({', '.join(notes)})"
