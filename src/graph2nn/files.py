"""Files: the cache folder, atomic replacement, writes that name what failed, and values that JSON can hold."""

from __future__ import annotations

import glob
import hashlib
import io
import math
import os
import re
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from graph2nn.errors import UserError, WriteError

if TYPE_CHECKING:
    import pandas as pd


def cache_root(given: str | Path | None = None) -> Path:
    """Return the cache folder: ``given``, else ``$GRAPH2NN_CACHE``, else the platform's place for caches."""
    named = given or os.environ.get("GRAPH2NN_CACHE")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("graph2nn", appauthor=False))


#: Folders inside each other from which on Python may fail to make the next: it calls itself for each.
DEEPEST = 100


@contextmanager
def unwritable_refused(folder: Path, room: str, advice: str = "name another --out") -> Iterator[None]:
    """Turn an ``OSError`` of the block into one line for the user.

    Args:
        folder: that the block creates or writes to.
        room: first word of the line: the command or the part of the library.
        advice: what the user can do, ending the line.

    Returns:
        A context.

    Raises:
        UserError: in place of any ``OSError``, and where the folder lies deeper than Python makes folders.
    """
    try:
        yield
    except OSError as error:
        raise WriteError(f"{room}: {folder} cannot be written to ({why_not(error)}); {advice}.") from None
    except RecursionError:
        if len(folder.parts) < DEEPEST:
            raise
        raise UserError(f"{room}: {folder} lies {len(folder.parts):,} folders deep; {advice}.") from None


def why_not(error: BaseException) -> str:
    """Return why a file could not be read or written, in the system's words and without the file's name."""
    if isinstance(error, OSError) and error.errno is not None and error.strerror is not None:
        # pyarrow gives the number of the error, and a text of its own that names the file.
        return os.strerror(error.errno)
    text = " ".join(str(error).split())
    if number := re.search(r"os error (\d+)|[Ee]rrno (\d+)", text):  # safetensors; pyarrow
        return os.strerror(int(number[1] or number[2]))
    if short := _SHORT_WRITE.fullmatch(text):
        return f"{short[2]} of {short[1]} values were written; the disk is full, or a quota is used up"
    return text or type(error).__name__


#: What NumPy says of a file that took less than it was given, without the number of the error.
_SHORT_WRITE = re.compile(r"(\d+) requested and (\d+) written")


@contextmanager
def writing_to(file: Path) -> Iterator[None]:
    """Turn a failed write of the block, as on a full disk, into one line that names the file.

    Raises:
        WriteError: in place of any ``OSError``, and of the errors that libraries raise for one.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not _is_of_the_disk(error):
            raise
        raise WriteError(f"{file}: cannot be written ({why_not(error)}).") from error


def _is_of_the_disk(error: Exception) -> bool:
    """Whether the operating system refused something, told by an ``OSError`` or by a library's own error."""
    return isinstance(error, OSError) or re.search(r"os error \d+|[Ee]rrno \d+", str(error)) is not None


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Lend a temporary path next to ``target`` that takes its place once the block is left without an error.

    What is at ``target`` stays whole whatever happens. What killed processes left behind is removed.

    Raises:
        UserError: the folder does not exist, or is not to be written to; the disk is full; a pipe or a device.
    """
    if not target.parent.is_dir():
        raise UserError(f"{target}: the folder {target.parent} does not exist; make it first.")
    if target.is_dir():
        raise UserError(f"{target}: is a folder; name a file.")
    if target.exists() and not target.is_file():
        raise UserError(f"{target}: is a pipe or a device, which would be replaced; name a file.")
    temporary = temporary_of(target)
    try:
        with writing_to(target):
            yield temporary
            temporary.replace(target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    remove_leftovers(target)


def temporary_of(target: Path) -> Path:
    """Return the path next to ``target`` at which this process writes what is to take its place.

    It is absolute: pyarrow would take a relative folder such as ``run:1`` for the scheme of an address.
    """
    return target.absolute().with_name(f".{_tag()}-{os.getpid()}-{target.name}")


@contextmanager
def path_in_utf8(file: Path) -> Iterator[Path]:
    """Lend a path that is UTF-8, as safetensors and pyarrow open no other: a file's own, or a link's to it."""
    try:
        os.fspath(file).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory() as folder:
            link = Path(folder) / f"file{file.suffix}"
            link.symlink_to(file.absolute())
            yield link
    else:
        yield file


def write_parquet(
    frame: pd.DataFrame, file: Path, *, compression: Literal["snappy", "zstd"] = "snappy"
) -> None:
    """Write a table as Parquet to a path of any name.

    pandas hands pyarrow the name of an open file, and pyarrow takes UTF-8 alone: the bytes are made first.

    Args:
        frame: the table; its index is not written.
        file: a path, of :func:`replacing` say.
        compression: of its columns.
    """
    stream = io.BytesIO()
    frame.to_parquet(stream, index=False, compression=compression)
    file.write_bytes(stream.getbuffer())


def read_parquet(file: str | Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a table of any name, by its whole path: pandas 3 takes ``run:1/runs.parquet`` for an address.

    Args:
        file: Parquet.
        columns: to read; None for all.

    Returns:
        The table.
    """
    import pandas as pd

    with path_in_utf8(Path(file).absolute()) as path:
        return pd.read_parquet(path, columns=columns)


def remove_leftovers(target: Path) -> None:
    """Remove the temporary files and folders of processes that were killed while they wrote ``target``.

    Those of this machine at once if their process is gone. Others', and those whose process number is in use
    again, after a day.
    """
    for entry in target.parent.glob(f".*-{glob.escape(target.name)}"):
        if (parts := _TEMPORARY.fullmatch(entry.name.removesuffix(target.name))) is None:
            continue
        gone = parts[1] == _tag() and not _lives(int(parts[2]))
        with suppress(OSError):
            if not gone and time.time() - entry.stat().st_mtime < _DAY:
                continue
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()


_TEMPORARY = re.compile(r"\.([0-9a-f]{8})-(\d{1,10})-")
_DAY = 86400.0


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


@cache
def this_machine() -> str:
    """Tell machines apart, their boots, and the containers in which processes are numbered from 1 again."""
    boot, processes = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts += [boot.read_text(encoding="ascii").strip(), str(processes.readlink())]
    return "/".join(parts)


def _tag() -> str:
    return hashlib.sha256(this_machine().encode()).hexdigest()[:8]


def subfolders(folder: Path) -> set[str]:
    """Return the names of the folders in a folder, but for those with a leading dot; none if it is not there.

    A link that leads nowhere, or back to itself, is not a folder.
    """
    if not folder.is_dir():
        return set()
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries if entry.name[0] != "." and _is_folder(entry)}


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def refuse_special(path: Path, room: str) -> None:
    """Refuse a pipe, a device or a socket, which may never end or never begin.

    Raises:
        UserError: something that is neither a file nor a folder.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # whoever opens it will say why it cannot be
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UserError(f"{room}: {path} is a pipe or a device, not a file; save its content to a file first.")


def read_text_file(path: Path, room: str) -> str:
    """Return the text of a file that a person wrote.

    Args:
        path: of the file, UTF-8.
        room: first word of an error.

    Raises:
        UserError: it cannot be read, is not text, a pipe or a device, or larger than 16 MB.
    """
    refuse_special(path, room)
    try:
        if path.stat().st_size > _MOST_TEXT:
            raise UserError(
                f"{room}: {path} has {path.stat().st_size / 1e6:,.0f} MB; expected a text of a few kB."
            )
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{room}: {path} cannot be read ({why_not(error)}).") from None
    except UnicodeDecodeError:
        raise UserError(f"{room}: {path} cannot be read (it is not text).") from None


#: Bytes of the largest text that a person writes: a preset, a plan, a config.
_MOST_TEXT = 16 * 2**20


def json_value(value: Any) -> Any:
    """Turn numpy scalars into Python ones, and NaN and infinities, which JSON lacks, into None."""
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
