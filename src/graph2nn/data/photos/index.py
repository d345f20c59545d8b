"""Which photos there are, where their bytes lie, and their classes: made once, then read from the cache."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from graph2nn.data.image_files import NAMES, SUFFIXES, is_clutter
from graph2nn.errors import UserError
from graph2nn.files import replacing
from graph2nn.progress import Bar

#: Format of the saved index; another number makes old ones be forgotten.
VERSION = 2


@dataclass(frozen=True)
class Index:
    """Where each photo of one split lies.

    Attributes:
        files: paths; a photo's own file, or the shard that holds it.
        source: of each photo, its place in ``files``, ``[photos]``.
        offset, size: of its bytes in that file, ``[photos]``; size −1 is the whole file.
        labels: class of each photo, ``[photos]``.
        classes: names in ascending order; for shards, their numbers.
    """

    files: tuple[str, ...]
    source: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, photo: int) -> str:
        """What to call a photo in a message."""
        path = self.files[self.source[photo]]
        return path if self.size[photo] < 0 else f"{path} at byte {self.offset[photo]}"

    def read(self, photo: int) -> bytes:
        """Return the encoded bytes of a photo."""
        with Path(self.files[self.source[photo]]).open("rb") as stream:
            stream.seek(int(self.offset[photo]))
            return stream.read(int(self.size[photo]))


def index_split(folder: Path, cache: Path, *, progress: bool = True) -> Index:
    """Index one split: a folder of class folders, or of tar shards (``key.jpg`` next to ``key.cls``).

    Args:
        folder: of the split.
        cache: folder of the index, which is read from there where it is.
        progress: show a bar on a terminal.

    Returns:
        Where each photo lies, and its class.

    Raises:
        UserError: neither, an empty class, or a damaged shard.
    """
    shards = sorted(folder.glob("*.tar"))
    kept = cache / "photos" / f"{_fingerprint(folder, shards)}.npz"
    if kept.is_file():
        return _load(kept)
    made = _of_shards(shards, progress) if shards else _of_tree(folder, progress)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with replacing(kept) as temporary, temporary.open("wb") as stream:
        np.savez(
            stream, files=np.array(made.files), source=made.source, offset=made.offset, size=made.size,
            labels=made.labels, classes=np.array(made.classes),
        )  # fmt: skip
    return made


def _load(path: Path) -> Index:
    with np.load(path, allow_pickle=False) as saved:
        arrays = {name: saved[name] for name in saved.files}
    files, classes = tuple(arrays.pop("files").tolist()), tuple(arrays.pop("classes").tolist())
    return Index(files=files, classes=classes, **arrays)


def _fingerprint(folder: Path, shards: list[Path]) -> str:
    """Changes when a class folder gains or loses a file, or a shard is another one."""
    digest = hashlib.sha256(os.fsencode(f"{VERSION}\0{folder.resolve()}"))
    for path in shards or _class_folders(folder):
        status = path.stat()
        size = status.st_size if path.is_file() else 0
        digest.update(os.fsencode(f"\0{path.name}\0{size}\0{status.st_mtime_ns}"))
    return digest.hexdigest()[:24]


def _class_folders(folder: Path) -> list[Path]:
    """Folders of classes, without those that systems and editors leave about."""
    folders = (path for path in folder.iterdir() if path.is_dir() and not is_clutter(path.name))
    return sorted(folders, key=lambda path: path.name)


def _of_tree(folder: Path, progress: bool) -> Index:
    folders = _class_folders(folder)
    if not folders and (flat := sum(_is_photo(entry.name) for entry in os.scandir(folder))):
        raise UserError(
            f"data: {folder} holds {flat:,} photos and no class folders, as ImageNet's validation photos are "
            "downloaded; sort them into class folders by the list of their classes "
            "(ILSVRC2012_validation_ground_truth.txt of the development kit)."
        )
    if not folders:
        raise UserError(
            f"data: {folder} holds neither class folders nor tar shards; expected {folder.name}/<class>/…."
        )
    files: list[str] = []
    counts: list[int] = []
    with Bar(f"listing {folder.name}", len(folders), show=progress) as bar:
        for class_folder in folders:
            names = sorted(entry.name for entry in os.scandir(class_folder) if _is_photo(entry.name))
            if not names:
                raise UserError(f"data: the class folder {class_folder} holds no photo ({NAMES}).")
            files += [str(class_folder / name) for name in names]
            counts.append(len(names))
            bar.update()
    count = len(files)
    return Index(
        files=tuple(files),
        source=np.arange(count),
        offset=np.zeros(count, np.int64),
        size=np.full(count, -1, np.int64),
        labels=np.repeat(np.arange(len(folders)), counts),
        classes=tuple(path.name for path in folders),
    )


def _is_photo(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not is_clutter(name)


def _of_shards(shards: list[Path], progress: bool) -> Index:
    rows: list[tuple[int, int, int, int]] = []
    with Bar("indexing shards", len(shards), show=progress) as bar:
        for place, shard in enumerate(shards):
            try:
                rows += [(place, *row) for row in _members(shard)]
            except (tarfile.TarError, OSError, EOFError) as error:
                raise UserError(f"data: the shard {shard} is damaged ({error}); get it again.") from None
            bar.update()
    source, offset, size, labels = np.array(rows, dtype=np.int64).reshape(len(rows), 4).T
    if not len(labels):
        raise UserError(f"data: the {len(shards)} shards in {shards[0].parent} hold no photo.")
    classes = tuple(str(label) for label in range(int(labels.max()) + 1))
    return Index(tuple(map(str, shards)), source, offset, size, labels, classes)


def _members(shard: Path) -> Iterator[tuple[int, int, int]]:
    """Offset, size and label of each photo of an uncompressed tar."""
    photos: dict[str, tuple[int, int]] = {}
    labels: dict[str, int] = {}
    with tarfile.open(shard, mode="r:") as tar:
        for member in tar:
            stem, dot, suffix = member.name.rpartition(".")
            if not member.isreg():
                continue
            if is_clutter(PurePosixPath(member.name).name):
                continue
            if f"{dot}{suffix}".lower() in SUFFIXES:
                photos[stem] = (member.offset_data, member.size)
            elif suffix == "cls":
                content = tar.extractfile(member)
                assert content is not None  # a regular member always has content
                labels[stem] = _label(content.read(), f"{shard}: {member.name}")
    absent = sorted(photos.keys() ^ labels.keys())
    if absent:
        raise UserError(
            f"data: the shard {shard} has {absent[0]} as a photo or as a class (.cls), not as both."
        )
    return ((*place, labels[stem]) for stem, place in photos.items())


def _label(content: bytes, where: str) -> int:
    text = content.decode("ascii", "replace").strip()
    if not text.isdecimal():
        raise UserError(f"data: {where} holds {text[:20]!r}, expected the number of a class.")
    return int(text)
