"""Files: the cache folder, atomic replacement, and values that JSON can hold."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graph2nn.errors import UserError


def cache_root(given: str | Path | None = None) -> Path:
    """Return the cache folder: ``given``, else ``$GRAPH2NN_CACHE``, else the platform's place for caches."""
    named = given or os.environ.get("GRAPH2NN_CACHE")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("graph2nn", appauthor=False))


@contextmanager
def unwritable_refused(folder: Path, room: str, advice: str = "name another --out") -> Iterator[None]:
    """Turn an ``OSError`` of the block into one line for the user.

    Args:
        folder: that the block creates or writes to.
        room: first word of the line: the command or the part of the library.
        advice: what the user can do, ending the line.

    Raises:
        UserError: in place of any ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{room}: {folder} cannot be written to ({error.strerror or error}); {advice}."
        ) from None


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Lend a temporary path next to ``target`` that takes its place once the block is left without an error.

    Raises:
        UserError: the folder does not exist, or is not to be written to.
    """
    if not target.parent.is_dir():
        raise UserError(f"{target}: the folder {target.parent} does not exist; make it first.")
    temporary = target.with_name(f".{os.getpid()}-{target.name}")
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror or error}).") from error
    finally:
        temporary.unlink(missing_ok=True)


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
