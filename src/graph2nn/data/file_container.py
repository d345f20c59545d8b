"""A folder or a tar seen as one thing: the files of a known layout, by name. Nothing is unpacked to disk."""

from __future__ import annotations

import hashlib
import lzma
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from graph2nn.data.cifar_layouts import ACCEPTED, ARCHIVES, SPLITS, detect, layout_of, size_limit
from graph2nn.errors import UserError
from graph2nn.progress import Bar

Files = dict[str, bytes]

_DAMAGE = (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, OSError, ValueError, OverflowError)


def locate(path: Path) -> Path:
    """The folder or archive to read for what the user named: itself, or an archive inside the folder.

    Raises:
        UserError: there is nothing at the path, or the folder holds nothing that looks like CIFAR-10.
    """
    if not path.exists():
        raise UserError(f"data: {path} does not exist; {ACCEPTED}.")
    if not path.is_dir() or next(_walk(path), None) is not None:
        return path
    for archive in ARCHIVES:
        if (path / archive).is_file():
            return path / archive
    empty = "is empty" if not any(path.iterdir()) else "holds no CIFAR-10"
    raise UserError(f"data: the folder {path} {empty}; {ACCEPTED}.")


def fingerprint(path: Path) -> str:
    """Hexadecimal digest that changes with the resolved path and the names, sizes and times inside."""
    path = path.resolve()
    digest = hashlib.sha256(os.fsencode(path))
    names = sorted(_walk(path)) if path.is_dir() else [""]
    for name in names:
        status = (path / name).stat()
        digest.update(os.fsencode(f"\0{name}\0{status.st_size}\0{status.st_mtime_ns}"))
    return digest.hexdigest()[:24]


def read_files(path: Path, *, progress: bool) -> Files:
    """Read every file of a known layout, in ascending order of name.

    Args:
        path: a folder, or a tar with any compression that Python reads.
        progress: show a bar on a terminal.

    Raises:
        UserError: the source cannot be read to its end, is not a tar, or holds no file of a known layout.
    """
    files = _read_folder(path, progress) if path.is_dir() else _read_tar(path, progress)
    if not files:
        raise UserError(f"data: {path} holds no CIFAR-10; {ACCEPTED}.")
    return dict(sorted(files.items()))


def _walk(folder: Path, parts: tuple[str, ...] = ()) -> Iterator[str]:
    """Relative names of known files. Looks one folder deep, deeper only along train/<class>/."""
    with os.scandir(folder.joinpath(*parts)) as entries:
        for entry in entries:
            name = "/".join((*parts, entry.name))
            if entry.is_dir():
                leads_on = len(parts) == 0 or parts[-1] in SPLITS
                if leads_on or (len(parts) == 1 and entry.name in SPLITS):
                    yield from _walk(folder, (*parts, entry.name))
            elif layout_of(name):
                yield name


def _read_folder(folder: Path, progress: bool) -> Files:
    names = list(_walk(folder))
    layout, files = detect(names), {}
    with Bar(f"reading {folder.name}", len(names), show=progress) as bar:
        for name in names:
            if layout_of(name) == layout:
                file = folder / name
                _check_size(file, name, file.stat().st_size)
                files[name] = file.read_bytes()
            bar.update()
    return files


def _read_tar(path: Path, progress: bool) -> Files:
    size = path.stat().st_size
    files: Files = {}
    try:
        # Sequential reads of a seekable file: mode "r|*" would take a truncated .xz for a whole one.
        with (
            path.open("rb") as raw,
            Bar(f"reading {path.name}", size, show=progress) as bar,
            tarfile.open(fileobj=raw, mode="r:*") as tar,
        ):
            for member in tar:
                if member.isreg() and layout_of(member.name):
                    _check_size(path, member.name, member.size)
                    content = tar.extractfile(member)
                    assert content is not None  # a regular member always has content
                    files[member.name] = content.read()
                bar.update(raw.tell() - bar.done)
            _check_end(tar)
    except (UserError, PermissionError):
        raise
    except _DAMAGE as error:
        if not files and isinstance(error, tarfile.ReadError):
            empty = "is empty" if size == 0 else "is not a tar archive, or a damaged one"
            raise UserError(f"data: {path} {empty}; {ACCEPTED}.") from error
        raise UserError(f"data: {path} is truncated or damaged ({error}); get it again.") from error
    return files


def _check_end(tar: tarfile.TarFile) -> None:
    # tarfile stops without a word at a cut or broken header. A whole archive ends in a block of zeros,
    # then nothing but zeros; reading to the end also makes gzip and xz verify their checksums.
    stream = tar.fileobj
    assert stream is not None
    whole = stream.tell() >= tar.offset + tarfile.BLOCKSIZE
    while rest := stream.read(2**20):
        whole = whole and not any(rest)
    if not whole:
        raise tarfile.ReadError("the end-of-archive mark is missing")


def _check_size(path: Path, name: str, size: int) -> None:
    layout = layout_of(name)
    if layout and size > size_limit(layout):
        raise UserError(
            f"data: {name} in {path} has {size:,} bytes, too many for a CIFAR-10 file "
            f"(at most {size_limit(layout):,}); {ACCEPTED}."
        )
