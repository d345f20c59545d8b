"""Connectomes: how areas of the cortex read each other, as in the published biological networks.

Macaque whole cortex (71 areas), macaque visual cortex (30), cat cortex (52). Each is a text file, one row of
0/1 characters an area; rows read columns, and the graphs are directed. Files are looked for on this machine
before one is downloaded, and none is used whose SHA-256 is not the published one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from graph2nn.errors import UserError, unknown
from graph2nn.files import cache_root
from graph2nn.graphs.graph import RelationalGraph

#: Folder of the published files, at the commit that the results were made with.
URL = "https://raw.githubusercontent.com/facebookresearch/graph2nn/b112eb6c6805a1813e433442b0b1f5cabb4ad1a2/pycls/datasets/"

SHA256 = {
    "mcwhole": "d347964446e362fac2b4edf49c886a575efdc52a4078d342402409dd453b4a69",
    "mcvisual": "93159421630e8b2ba5ca472819275c32e064318511dbe8c38a02a19b9cf45b54",
    "cat": "5fbf7f49afc66420ad63d4956c4d31af71dd3a3dfa8e4003a05371f779310fc2",
}


def connectome(
    name: str,
    symmetrised: bool = False,
    data: str | Path | None = None,
    cache: str | Path | None = None,
) -> RelationalGraph:
    """Return a connectome, directed as published or symmetrised.

    Its file ``<name>.txt`` is looked for in ``data``, in the folder that GRAPH2NN_DATA names (in both also in
    a folder ``connectomes`` inside), then in the cache; if none has it, it is downloaded into the cache.

    Args:
        name: ``mcwhole``, ``mcvisual`` or ``cat``.
        symmetrised: an edge wherever there is one in either direction; the published C and L are of this.
        data: a folder that may hold the file.
        cache: root of the cache; else GRAPH2NN_CACHE, else the platform's own place.

    Raises:
        UserError: an unknown name, a file with other content than published, or no file and no network.
    """
    path = _here(name, data, cache) or _download(name, _cached(name, cache))
    text = _verified(path, SHA256[name])
    rows = [[character == "1" for character in line] for line in text.split()]
    graph = RelationalGraph.from_adjacency(rows, name=name, directed=True)
    return graph.symmetrised() if symmetrised else graph


def on_this_machine(data: str | Path | None = None, cache: str | Path | None = None) -> list[str]:
    """Names of the connectomes that :func:`connectome` would not have to download."""
    return [name for name in SHA256 if _here(name, data, cache)]


def _here(name: str, data: str | Path | None, cache: str | Path | None) -> Path | None:
    if name not in SHA256:
        raise unknown("connectome", name, SHA256)
    return next((path for path in _places(name, data, cache) if path.is_file()), None)


def _places(name: str, data: str | Path | None, cache: str | Path | None) -> Iterator[Path]:
    for folder in (data, os.environ.get("GRAPH2NN_DATA")):
        if folder:
            yield Path(folder) / f"{name}.txt"
            yield Path(folder) / "connectomes" / f"{name}.txt"
    yield _cached(name, cache)


def _cached(name: str, cache: str | Path | None) -> Path:
    return cache_root(cache) / "connectomes" / f"{name}.txt"


def _verified(path: Path, sha256: str) -> str:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(
            f"{path}: not the published connectome (its SHA-256 differs). Delete it and run again, or put "
            f"{URL}{path.name} there."
        )
    return content.decode("ascii")


def _download(name: str, target: Path) -> Path:
    import pooch

    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(
            URL + target.name,
            known_hash=f"sha256:{SHA256[name]}",
            fname=target.name,
            path=target.parent,
            downloader=pooch.HTTPDownloader(timeout=30),
        )
    except ValueError as error:  # pooch's word for a wrong checksum; it keeps nothing
        raise UserError(f"connectome {name!r}: {URL}{target.name} gave another file than published.") from error
    except OSError as error:  # no network, no such page, or a cache that cannot be written
        raise UserError(
            f"connectome {name!r} is not on this machine and could not be downloaded. "
            f"Put {URL}{target.name} at {target}, or name a folder that has it with --data or GRAPH2NN_DATA."
        ) from error
    return target
