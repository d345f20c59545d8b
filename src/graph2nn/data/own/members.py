"""The files below a folder, or inside zip and tar archives, by relative path. Nothing is unpacked to disk."""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from graph2nn.data.image_files import is_clutter
from graph2nn.errors import UserError

#: From a relative path to what reads its content.
Members = dict[str, Callable[[], bytes]]

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
#: Names of splits, as folders or archives have them, and what each is here.
SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
SPLITS |= dict.fromkeys(("val", "valid", "validation"), "validation")


def stem(name: str) -> str:
    """Return the name of an archive without its ending, in lower case.

    Example:
        >>> stem("Train.tar.gz")
        'train'
    """
    lower = name.lower()
    return next((lower.removesuffix(ending) for ending in ARCHIVES if lower.endswith(ending)), lower)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Members, list[str]]]:
    """Lend the files of a folder or an archive, by relative path, and the clutter that was left out.

    A folder with archives named like splits (``train.zip``, ``test.zip``) is read as if each were a folder of
    that name. One folder around everything is looked through.

    Raises:
        UserError: no such path, an archive that cannot be read, or one next to splits that is none of them.
    """
    clutter: list[str] = []
    with ExitStack() as stack:
        members = _archive(path, stack) if path.is_file() else _folder(path, stack)
        kept: Members = {}
        for name in sorted(members):
            if any(is_clutter(part) for part in PurePosixPath(name).parts):
                clutter.append(name)
            else:
                kept[name] = members[name]
        yield _unwrapped(kept), clutter


def _folder(path: Path, stack: ExitStack) -> Members:
    members: Members = {}
    for folder, _, names in os.walk(path, followlinks=True):
        for name in names:
            file = Path(folder, name)
            members[file.relative_to(path).as_posix()] = file.read_bytes
    archives = [name for name in sorted(members) if "/" not in name and name.lower().endswith(ARCHIVES)]
    splits = [name for name in archives if stem(name) in SPLITS]
    if not splits:
        return members
    if other := next((name for name in archives if name not in splits and not is_clutter(name)), None):
        raise UserError(
            f"data: {path} has {', '.join(splits)}, which are splits, and {other}, which is neither train, val "
            "nor test; move it away or rename it."
        )
    folders = {name.partition("/")[0] for name in members if "/" in name}
    for name in splits:
        part = SPLITS[stem(name)]
        twins = [
            twin for twin in (*splits, *sorted(folders)) if SPLITS.get(stem(twin)) == part and twin != name
        ]
        if twins:
            raise UserError(f"data: {path} has {name} and {twins[0]}, both the {part} part; keep one of them.")
    for name in splits:
        del members[name]
        inside = _without_split(_archive(path / name, stack), stem(name))
        members |= {f"{stem(name)}/{inner}": read for inner, read in inside.items()}
    return members


def _without_split(members: Members, split: str) -> Members:
    """Drop a folder named like the archive itself: ``train.zip`` often holds ``train/cat/…``."""
    inside = _unwrapped(members)
    if inside and all(name.partition("/")[0].lower() == split for name in inside):
        return {name.partition("/")[2]: read for name, read in inside.items()}
    return inside


def _archive(path: Path, stack: ExitStack) -> Members:
    try:
        if zipfile.is_zipfile(path):
            archive = stack.enter_context(zipfile.ZipFile(path))
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
            return {name.removeprefix("./"): _zipped(archive, name) for name in names}
        tar = stack.enter_context(tarfile.TarFile.open(path))
        files = [member for member in tar.getmembers() if member.isreg()]
        return {member.name.removeprefix("./"): _tarred(tar, member) for member in files}
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        line = " ".join(str(error).split()).removeprefix("file could not be opened successfully: ")
        raise UserError(f"data: {path} is not a readable archive ({line[:80]}); get it again.") from None


def _zipped(archive: zipfile.ZipFile, name: str) -> Callable[[], bytes]:
    return lambda: archive.read(name)


def _tarred(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        stream = tar.extractfile(member)
        assert stream is not None  # a regular member always has content
        return stream.read()

    return read


def _unwrapped(members: Members) -> Members:
    """Look through one folder around everything, unless it is a split."""
    while members:
        tops = {name.partition("/")[0] for name in members}
        deep = all(name.count("/") >= 2 for name in members)
        if len(tops) > 1 or not deep or tops.pop().lower() in SPLITS:
            break
        members = {name.partition("/")[2]: read for name, read in members.items()}
    return members
