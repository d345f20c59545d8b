"""Files that are looked for on this machine and downloaded once, each known by its SHA-256."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from graph2nn.errors import UserError
from graph2nn.files import cache_root


def places(names: tuple[str, ...], data: str | Path | None, cache: str | Path | None) -> Iterator[Path]:
    """Yield where a connectome's file may lie: in ``data``, in GRAPH2NN_DATA, in the cache, in that order.

    Args:
        names: file names, relative to such a folder or to a folder ``connectomes`` inside.
        data: a folder that may hold the file.
        cache: root of the cache; else GRAPH2NN_CACHE, else the platform's own place.

    Returns:
        Existing files, the first to be preferred.
    """
    for folder in (data, os.environ.get("GRAPH2NN_DATA")):
        if folder:
            for name in names:
                yield Path(folder) / name
                yield Path(folder) / "connectomes" / name
    for name in names:
        yield cached(name, cache)


def cached(name: str, cache: str | Path | None) -> Path:
    """Return where a downloaded file is kept."""
    return cache_root(cache) / "connectomes" / Path(name).name


def verified(path: Path, sha256: str, address: str) -> bytes:
    """Return the content of a file.

    Args:
        path: of the file.
        sha256: of the published content.
        address: where the published file is, for the message.

    Returns:
        The content.

    Raises:
        UserError: it is not the published file.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(
            f"{path}: not the published connectome (its SHA-256 differs). Delete it and run again, or put "
            f"{address} there."
        )
    return content


def download(what: str, address: str, sha256: str, target: Path) -> Path:
    """Download a file unless it is there, verify it, and return its path.

    Args:
        what: the connectome, for messages.
        address: of the file.
        sha256: of its content.
        target: where it is kept.

    Returns:
        ``target``.

    Raises:
        UserError: another file than published, no network, or a folder that cannot be written.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(
            address,
            known_hash=f"sha256:{sha256}",
            fname=target.name,
            path=target.parent,
            downloader=pooch.HTTPDownloader(timeout=30),
        )
    except ValueError as error:  # pooch's word for a wrong checksum; it keeps nothing
        raise UserError(f"connectome {what!r}: {address} gave another file than published.") from error
    except OSError as error:  # no network, no such page, or a cache that cannot be written
        raise UserError(
            f"connectome {what!r} is not on this machine and could not be downloaded. "
            f"Put {address} at {target}, or name a folder that has it with --data or GRAPH2NN_DATA."
        ) from error
    return target
