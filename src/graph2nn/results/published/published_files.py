"""Arrays of the published results, from an archive, its unpacked folder, or a download."""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from graph2nn.data.download import download
from graph2nn.errors import UserError
from graph2nn.files import cache_root
from graph2nn.progress import Bar

#: The archive of the published code at the commit the results belong to; they are its folder
#: ``analysis/final_results``. GitHub does not keep archives byte for byte, so the arrays are verified instead.
URL = "https://github.com/facebookresearch/graph2nn/archive/b112eb6c6805a1813e433442b0b1f5cabb4ad1a2.tar.gz"
#: What the word ``published`` may find in a folder of data.
PLACES = ("published/final_results.tar.xz", "final_results.tar.xz", "published/final_results", "final_results")

_NAME = re.compile(r"(?P<kind>names|results)_(?P<stem>.+)_epoch(?P<epoch>\d+)\.npy")
_SUFFIXES = (".tar", ".tar.xz", ".tar.gz", ".txz", ".tgz", ".tar.bz2")
_DAMAGE = (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, OSError, ValueError)
#: The largest published array has 2 MB; what is far beyond is something else.
_LARGEST = 64 * 2**20


class Pair(NamedTuple):
    """One epoch of one set of runs: ``names [graphs, 15]`` of text, ``results [graphs, seeds, 8]``."""

    names: npt.NDArray[np.str_]
    results: npt.NDArray[np.float64]


#: Pairs by name of the set (its folder) and epoch.
Arrays = dict[tuple[str, int], Pair]


def holds_arrays(path: Path) -> bool:
    """Whether a path looks like published raw results: an archive, or a folder with their arrays below it."""
    if path.is_file():
        return path.name.endswith(_SUFFIXES)
    return any(_NAME.fullmatch(file.name) for file in path.rglob("*.npy"))


def folder(cache: Path | str | None = None) -> Path:
    """Where downloaded results are kept."""
    return cache_root(cache) / "published"


def find_published(cache: Path | str | None = None, *, progress: bool = True) -> Path:
    """Find the published results on this machine, or download them into the cache.

    Looked for in the folder that GRAPH2NN_DATA names, then in the cache.

    Raises:
        UserError: they are nowhere and cannot be downloaded.
    """
    kept = folder(cache)
    if (kept / URL.rsplit("/", 1)[-1]).exists():
        return kept / URL.rsplit("/", 1)[-1]
    for root in (os.environ.get("GRAPH2NN_DATA"), kept):
        for place in PLACES if root else ():
            if (Path(str(root)) / place).exists():
                return Path(str(root)) / place
    # No checksum of the archive can be pinned; the digest of the arrays guards them.
    return download(URL, None, kept, progress=progress)


def read_arrays(path: Path, *, progress: bool = True) -> Arrays:
    """Read every pair of arrays below a folder or inside an archive.

    Raises:
        UserError: nothing there, a damaged archive or array, or a file of a pair without the other.
    """
    if not path.exists():
        raise UserError(f"analyze: {path} does not exist; name a folder of runs or the published results.")
    loose: dict[tuple[str, int], dict[str, npt.NDArray[Any]]] = {}
    for name, content in _folder(path, progress) if path.is_dir() else _archive(path, progress):
        match = _NAME.fullmatch(name.rsplit("/", 1)[-1])
        assert match is not None  # both walks give matching names only
        group = name.split("/")[-2] if "/" in name else match["stem"]
        loose.setdefault((group, int(match["epoch"])), {})[match["kind"]] = _array(name, content)
    if not loose:
        raise UserError(
            f"analyze: {path} holds no published results (names_*_epochN.npy, results_*_epochN.npy)."
        )
    pairs: Arrays = {}
    for key, pair in sorted(loose.items()):
        if len(pair) < 2:
            there, absent = ("names", "results") if "names" in pair else ("results", "names")
            raise UserError(
                f"analyze: {path}: {key[0]}, epoch {key[1]} has {there} without {absent}; "
                "unpack the archive again."
            )
        pairs[key] = _checked(key, pair["names"], pair["results"])
    return pairs


def digest_of_arrays(arrays: Arrays) -> str:
    """SHA-256 of the content of all arrays, whatever they were packed in."""
    total = hashlib.sha256()
    for (group, epoch), pair in sorted(arrays.items()):
        total.update(f"{group}/{epoch}/{pair.names.shape}/{pair.results.shape}".encode())
        total.update("\n".join(pair.names.ravel().tolist()).encode())
        total.update(np.ascontiguousarray(pair.results, dtype="<f8").tobytes())
    return total.hexdigest()


def _folder(folder: Path, progress: bool) -> Iterator[tuple[str, bytes]]:
    files = sorted(file for file in folder.resolve().rglob("*.npy") if _NAME.fullmatch(file.name))
    with Bar(f"reading {folder.name}", len(files), show=progress) as bar:
        for file in files:
            yield file.as_posix(), file.read_bytes()
            bar.update()


def _archive(path: Path, progress: bool) -> Iterator[tuple[str, bytes]]:
    size = path.stat().st_size
    try:
        with (
            path.open("rb") as raw,
            Bar(f"reading {path.name}", size, show=progress) as bar,
            tarfile.open(fileobj=raw, mode="r:*") as tar,
        ):
            for member in tar:
                if (
                    member.isreg()
                    and member.size < _LARGEST
                    and _NAME.fullmatch(member.name.rsplit("/", 1)[-1])
                ):
                    content = tar.extractfile(member)
                    assert content is not None  # a regular member always has content
                    yield member.name, content.read()
                bar.update(raw.tell() - bar.done)
    except UserError:
        raise
    except _DAMAGE as error:
        why = (str(error) or type(error).__name__).splitlines()[0].rstrip(":")
        raise UserError(f"analyze: {path} is not a tar archive, or a damaged one ({why}).") from error


def _array(name: str, content: bytes) -> npt.NDArray[Any]:
    try:
        loaded: npt.NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise UserError(f"analyze: {name} is no NumPy array, or a damaged one ({error}).") from error
    return loaded


def _checked(key: tuple[str, int], names: npt.NDArray[Any], results: npt.NDArray[Any]) -> Pair:
    named = names.ndim == 2 and names.shape[1] == 15 and names.dtype.kind == "U"
    measured = results.ndim == 3 and results.shape[2] == 8 and results.dtype.kind == "f"
    if not (named and measured and len(names) == len(results)):
        raise UserError(
            f"analyze: {key[0]}, epoch {key[1]}: names {names.shape} and results {results.shape}, expected "
            "[graphs, 15] of text and [graphs, seeds, 8] of numbers."
        )
    return Pair(names, results.astype(np.float64))
