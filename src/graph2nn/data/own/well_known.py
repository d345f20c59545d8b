"""Well-known data sets in the file formats of their publishers: CIFAR-100, MNIST, Fashion-MNIST."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from graph2nn.data.dataset import Dataset
from graph2nn.data.download import download
from graph2nn.data.own.from_arrays import digest_of_samples
from graph2nn.data.samples import Split
from graph2nn.data.unpickle import unpickle
from graph2nn.errors import UserError

Arrays = dict[str, tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]

_IDX = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_CIFAR = ("train", "test", "meta")


@dataclass(frozen=True)
class Format:
    """A data set that can be downloaded.

    Args:
        label: its name in reports.
        url: folder of the files.
        checksums: of each file, as pooch takes them.
        classes: names; empty where the files have them.
        read: from the files by name, without ``.gz``, to arrays by split and the names of classes.
    """

    label: str
    url: str
    checksums: Mapping[str, str]
    classes: tuple[str, ...]
    read: Callable[[Mapping[str, bytes]], tuple[Arrays, tuple[str, ...]]]


def _read_idx(files: Mapping[str, bytes]) -> tuple[Arrays, tuple[str, ...]]:
    arrays: Arrays = {}
    for split, start in (("train", "train"), ("test", "t10k")):
        images = _idx(files, f"{start}-images-idx3-ubyte", 3)
        labels = _idx(files, f"{start}-labels-idx1-ubyte", 1)
        if len(images) != len(labels):
            raise UserError(f"data: {start} has {len(images)} images and {len(labels)} labels; get both again.")
        arrays[split] = images[:, None], labels.astype(np.int64)
    return arrays, ()


def _idx(files: Mapping[str, bytes], name: str, dimensions: int) -> npt.NDArray[np.uint8]:
    """Read an IDX file of bytes: 0, 0, 8 (bytes), the number of dimensions, their sizes, the values."""
    content, head = files[name], 4 + 4 * dimensions
    sizes = np.frombuffer(content[4:head], ">u4").astype(np.int64)
    if content[:4] != bytes((0, 0, 8, dimensions)) or len(content) != head + int(np.prod(sizes)):
        raise UserError(f"data: {name} is truncated or not an IDX file of bytes; get it again.")
    return np.frombuffer(content, np.uint8, offset=head).reshape(sizes)


def _read_cifar100(files: Mapping[str, bytes]) -> tuple[Arrays, tuple[str, ...]]:
    read: dict[str, Any] = {name: unpickle(files[name], name) for name in _CIFAR}
    values = {name: {_text(key): value for key, value in entry.items()} for name, entry in read.items()}
    try:
        classes = tuple(_text(name) for name in values["meta"]["fine_label_names"])
        arrays: Arrays = {
            split: (
                np.asarray(values[split]["data"], np.uint8).reshape(-1, 3, 32, 32),
                np.array(values[split]["fine_labels"], np.int64),
            )
            for split in ("train", "test")
        }
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"data: these files are not CIFAR-100 ({error}); get them again.") from None
    for images, labels in arrays.values():
        if len(images) != len(labels) or not 0 <= labels.min() <= labels.max() < len(classes):
            raise UserError("data: the images and labels of CIFAR-100 do not fit together; get them again.")
    return arrays, classes


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


FORMATS = {
    "mnist": Format(
        "MNIST",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        dict(
            zip(
                _IDX,
                (
                    "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873", "md5:d53e105ee54ea40749a09fcbcd1e9432",
                    "md5:9fb629c4189551a2d022fa330f9573f3", "md5:ec29112dd5afa0611ce80d1b7f02629c",
                ),
                strict=True,
            )
        ),
        tuple(str(digit) for digit in range(10)),
        _read_idx,
    ),
    "fashion-mnist": Format(
        "Fashion-MNIST",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        dict(
            zip(
                _IDX,
                (
                    "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d", "md5:25c81989df183df01b3e8a0aad5dffbe",
                    "md5:bef4ecab320f06d8554ea6380940ec79", "md5:bb300cfdad3c16e7a12a480ee83cd310",
                ),
                strict=True,
            )
        ),
        (
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
            "Ankle boot",
        ),
        _read_idx,
    ),
    "cifar100": Format(
        "CIFAR-100",
        "https://www.cs.toronto.edu/~kriz/",
        {"cifar-100-python.tar.gz": "md5:eb9058c3a382ffc7106e4002c42a8d85"},
        (),
        _read_cifar100,
    ),
}  # fmt: skip


def format_in(path: Path) -> str | None:
    """Return the format of a folder or archive, by the names of its files; None for another one.

    Fashion-MNIST has the file names of MNIST: its folder's name tells it apart, which decides on the names of
    classes. Files without the published checksums are labelled as of the format, not as the data set.
    """
    if path.is_file():
        return "cifar100" if path.name.startswith("cifar-100-python") else None
    names = {entry.name.removesuffix(".gz") for entry in path.iterdir()} if path.is_dir() else set()
    if set(_IDX) <= names:
        return "fashion-mnist" if "fashion" in path.resolve().name.lower() else "mnist"
    return "cifar100" if set(_CIFAR) <= names or "cifar-100-python.tar.gz" in names else None


def load_format(name: str, path: Path | None, folder: Path, *, progress: bool = True) -> Dataset:
    """Read a well-known data set from its own files, or download them.

    Args:
        name: one of :data:`FORMATS`.
        path: folder or archive with the files; None takes those of the cache, or downloads them.
        folder: of the cache.
        progress: show bars on a terminal.

    Returns:
        The data set.

    Raises:
        UserError: files are missing or damaged, or cannot be downloaded.
    """
    source = FORMATS[name]
    if path is None:
        path = folder / name
        for file, checksum in source.checksums.items():
            suffix = "" if file.endswith(".gz") else ".gz"
            download(f"{source.url}{file}{suffix}", checksum, path, progress=progress)
    arrays, classes = source.read(_files(path, _CIFAR if name == "cifar100" else _IDX))
    splits = {split: Split(torch.from_numpy(x.copy()), torch.from_numpy(y)) for split, (x, y) in arrays.items()}
    pixels = splits["train"].images.numpy()
    mean: list[float] = np.asarray(np.mean(pixels, axis=(0, 2, 3), dtype=np.float64)).tolist()
    sd: list[float] = np.asarray(np.std(pixels, axis=(0, 2, 3), dtype=np.float64)).tolist()
    dataset = Dataset(
        name, source.label, splits["train"], splits["test"], source.classes or classes, tuple(mean), tuple(sd)
    )
    if _is_original(path, source):
        return dataset
    # A report must not pass off other files, or a part of a data set, as the original.
    sizes = f"{len(dataset.train):,} + {len(dataset.test):,}"
    return replace(dataset, label=f"{source.label} format, {sizes} ({digest_of_samples(dataset)})")


def _is_original(path: Path, source: Format) -> bool:
    """Whether the files have the published checksums, which are those of the packed ones."""
    folder = path.parent if path.is_file() else path
    for name, checksum in source.checksums.items():
        file = folder / (name if name.endswith(".gz") else f"{name}.gz")
        if not file.is_file() or hashlib.md5(file.read_bytes()).hexdigest() != checksum.removeprefix("md5:"):
            return False
    return True


def _files(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Contents of the files of a format, unpacked."""
    archive = path if path.is_file() else path / "cifar-100-python.tar.gz"
    try:
        if archive.is_file():
            with tarfile.open(archive) as tar:
                inside = {Path(member.name).name: member for member in tar.getmembers() if member.isreg()}
                streams = {name: tar.extractfile(inside[name]) for name in names if name in inside}
                files = {name: stream.read() for name, stream in streams.items() if stream is not None}
        else:
            there = {name: path / name for name in names if (path / name).is_file()}
            packed = {name: path / f"{name}.gz" for name in names if (path / f"{name}.gz").is_file()}
            files = {name: gzip.decompress(file.read_bytes()) for name, file in packed.items()}
            files |= {name: file.read_bytes() for name, file in there.items()}
    except (tarfile.TarError, EOFError, zlib.error, OSError, pickle.UnpicklingError) as error:
        raise UserError(f"data: {path} is damaged ({error}); get it again.") from None
    if lacking := [name for name in names if name not in files]:
        raise UserError(f"data: {path} lacks {', '.join(lacking)}; get the files again.")
    return files
