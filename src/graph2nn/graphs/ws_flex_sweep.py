"""The sweep: C and L of every WS-flex graph of a grid, as the published catalogues were picked from."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from graph2nn.arrays import Floats
from graph2nn.errors import UserError, cut
from graph2nn.files import (
    refuse_special,
    remove_leftovers,
    replacing,
    temporary_of,
    unwritable_refused,
    writing_to,
)
from graph2nn.graphs.kernels.grid import Grid
from graph2nn.progress import Bar

COLUMNS = pa.schema(
    [
        ("n", pa.int32()),
        ("sparsity", pa.float64()),
        ("p", pa.float64()),
        ("seed", pa.int64()),
        ("clustering", pa.float64()),
        ("path_length", pa.float64()),
    ]
)
#: About as many rows go into one part: a kill loses a second of work, and memory stays bounded.
PART_ROWS = 100_000
_GRID_FILE = "grid.json"
_METADATA = b"graph2nn.sweep"
_MISSING = b"graph2nn.sweep.missing"


@dataclass(frozen=True)
class SweepResult:
    """What a sweep left behind."""

    path: Path
    #: Rows in the file: degrees × probabilities × seeds.
    rows: int
    #: Rows without C and L, because 100 tries gave no connected graph.
    missing: int


@dataclass(frozen=True)
class SweepPlan:
    """A checked grid, cut into parts of whole degrees."""

    n: int
    k: tuple[float, ...]
    p: tuple[float, ...]
    seeds: tuple[int, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the grid to the last bit: parts are only joined with parts of the same grid."""
        exact = [self.n, [x.hex() for x in self.k], [x.hex() for x in self.p], self.seeds]
        return hashlib.sha256(json.dumps(exact).encode()).hexdigest()

    @property
    def rows(self) -> int:
        """Number of graphs."""
        return len(self.k) * len(self.p) * len(self.seeds)

    @property
    def parts(self) -> list[tuple[float, ...]]:
        """The degrees of each part."""
        step = max(1, PART_ROWS // (len(self.p) * len(self.seeds)))
        return [self.k[i : i + step] for i in range(0, len(self.k), step)]

    def edges(self, k: float) -> int:
        """Number of edges of degree k, rounded half to even as published."""
        return round(k * self.n / 2)


def default_degrees(
    n: int, count: int | None = None, *, low: float | None = None, high: float | None = None
) -> Floats:
    """Average degrees k of the default grid: evenly spaced in √k from √n (at least 2) to n − 2.

    For n = 64 and n = 16 these are the published grids, 300 degrees from 8 to 62 and 200 from 4 to 14; other
    sizes follow the same rule, with 300 from 64 nodes on and 200 below.

    Args:
        n: number of nodes.
        count: how many.
        low: the least, in [2, n].
        high: the greatest, in [2, n].

    Returns:
        The degrees, ascending.

    Raises:
        UserError: n below 2, or bounds outside [2, n].
    """
    if n < 2:
        raise UserError(f"sweep: nodes = {n}, expected at least 2.")
    for value in (low, high):
        if value is not None and not 2 <= value <= n:
            raise UserError(f"sweep: k = {value:g} lies outside [2, {n}] (nodes = {n}).")
    count = (300 if n >= 64 else 200) if count is None else count
    low = max(math.sqrt(n), 2.0) if low is None else low
    high = max(float(n - 2), low) if high is None else high
    return np.clip(np.linspace(np.sqrt(low), np.sqrt(high), count) ** 2, 2, n)


def default_probabilities(count: int = 300) -> Floats:
    """Rewiring probabilities p of the default grid: the squares of evenly spaced numbers from 0 to 1."""
    return np.linspace(0, 1, count, dtype=np.float64) ** 2


def plan_sweep(
    nodes: int,
    *,
    k: npt.ArrayLike | None = None,
    p: npt.ArrayLike | None = None,
    seeds: Sequence[int] = range(30),
) -> SweepPlan:
    """Check a grid; see :func:`sweep` for the arguments.

    Args:
        nodes, k, p, seeds: as for :func:`sweep`.

    Returns:
        The grid.

    Raises:
        UserError: a value outside its range, or an empty list.
    """
    if isinstance(nodes, bool) or not isinstance(nodes, int | np.integer) or nodes < 2:
        raise UserError(f"sweep: nodes = {nodes!r} is not a whole number of at least 2.")
    n = int(nodes)
    degrees = np.atleast_1d(np.asarray(default_degrees(n) if k is None else k, dtype=np.float64))
    probabilities = np.atleast_1d(np.asarray(default_probabilities() if p is None else p, dtype=np.float64))
    for name, values, low, high in (
        ("k", degrees, 2, n),
        ("p", probabilities, 0, 1),
        ("seeds", seeds, 0, 2**63),
    ):
        if len(values) == 0:
            raise UserError(f"sweep: {name} is empty; expected at least one value.")
        odd = [x for x in values if not low <= x <= high]
        if odd:
            raise UserError(f"sweep: {name} = {odd[0]:g} lies outside [{low}, {high:g}] (nodes = {n}).")
    # The graph is drawn from the degree that the written sparsity gives back, so that a row regenerates it.
    written = [min(max(float(x) / n * n, 2.0), float(n)) for x in degrees]
    return SweepPlan(n, tuple(written), tuple(map(float, probabilities)), tuple(map(int, seeds)))


def sweep(
    nodes: int,
    *,
    k: npt.ArrayLike | None = None,
    p: npt.ArrayLike | None = None,
    seeds: Sequence[int] = range(30),
    out: str | Path,
    progress: bool = True,
    workers: int | None = None,
) -> SweepResult:
    """Measure C and L of the WS-flex graphs of a grid and write them to a parquet file (paper, section 2.4).

    Rows are ordered by k, then p, then seed; columns n, sparsity (= k/n), p, seed, clustering, path_length, the
    floats to their last bit. Finished parts lie in ``<out>.parts`` until all are there, so a sweep that was
    killed goes on where it stopped when it is called again, and ends in the same bytes.

    Args:
        nodes: n, at least 2.
        k: average degrees in [2, n]; :func:`default_degrees` if left out (for n = 64 and 16 as published).
        p: rewiring probabilities in [0, 1]; :func:`default_probabilities` if left out.
        seeds: of Python's ``random.Random``, 0 or more each.
        out: the file to write. A file there that holds the same grid is left as it is.
        progress: show a bar on the terminal (never where standard error is not a terminal).
        workers: threads; as many as there are cores if left out. The result does not depend on it.

    Returns:
        Path, number of rows, and how many rows have no C and L (null) because 100 tries gave no connected
        graph: where :func:`~graph2nn.ws_flex` would raise, a sweep goes on.

    Raises:
        UserError: a value outside its range; a file or parts of another grid in the way.
    """
    return run_sweep(plan_sweep(nodes, k=k, p=p, seeds=seeds), out, progress=progress, workers=workers)


def run_sweep(
    plan: SweepPlan, out: str | Path, *, progress: bool = True, workers: int | None = None
) -> SweepResult:
    """Do the work of :func:`sweep` for a plan of :func:`plan_sweep`.

    Args:
        plan: the grid.
        out, progress, workers: as for :func:`sweep`.

    Returns:
        The file and what it holds.
    """
    path = Path(out)
    refuse_special(path, "sweep")
    if path.is_dir() or not path.name:
        raise UserError(f"sweep: {path} is a folder; name a file such as {path / 'sweep.parquet'}.")
    parts = path.with_name(path.name + ".parts")
    if not path.exists():
        try:
            _open_parts(parts, plan)
            _write_parts(parts, plan, progress=progress, workers=workers or os.cpu_count() or 1)
            _join(parts, path, plan)
        except (UserError, OSError):
            # Another process that makes the same file takes the parts away once it has joined them.
            if not path.exists():
                raise
    missing = _check_finished(path, plan)
    shutil.rmtree(parts, ignore_errors=True)
    return SweepResult(path, plan.rows, missing)


def _check_finished(path: Path, plan: SweepPlan) -> int:
    """Return how many rows of a finished sweep have no C and L.

    Raises:
        UserError: a file of something else.
    """
    try:
        with path.open("rb") as stream:
            metadata = pq.ParquetFile(stream).metadata.metadata or {}
        if metadata.get(_METADATA) == plan.digest.encode():
            return int(metadata[_MISSING])
    except (pa.ArrowException, OSError, ValueError, KeyError):
        pass
    raise UserError(f"sweep: {path} exists and holds something else; choose another name, or remove it.")


def _open_parts(parts: Path, plan: SweepPlan) -> None:
    """Make the folder of parts, or check that the one there belongs to this grid."""
    note = parts / _GRID_FILE
    mine = {"grid": plan.digest, "nodes": plan.n, "rows": plan.rows, "parts": len(plan.parts)}
    if not note.exists():
        if parts.exists() and any(entry.name[0] != "." for entry in parts.iterdir()) and not note.exists():
            raise UserError(
                f"sweep: {parts} is in the way and holds no sweep; remove it, or choose another --out."
            )
        with unwritable_refused(parts, "sweep", "choose another --out"):
            parts.mkdir(parents=True, exist_ok=True)
        _write_once(note, json.dumps(mine))
    try:
        theirs = json.loads(note.read_text(encoding="utf-8"))
        if theirs == mine:
            return
        other = f"another grid (n = {theirs['nodes']}, {theirs['rows']} graphs)"
    except (ValueError, KeyError, TypeError, RecursionError):
        other = "a grid that cannot be read"
    raise UserError(
        f"sweep: {parts} holds parts of {cut(other, 100)}. Give the same grid to go on with it, remove the "
        "folder, or choose another --out."
    )


def _write_once(file: Path, text: str) -> None:
    """Write a file whole unless another process was first, whose file then stays: two grids never mix parts."""
    temporary = temporary_of(file)
    try:
        with writing_to(file):
            temporary.write_text(text, encoding="utf-8")
            try:
                os.link(temporary, file)
            except FileExistsError:
                pass
            except OSError:  # a file system without hard links
                temporary.replace(file)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    remove_leftovers(file)


def _part_file(parts: Path, index: int) -> Path:
    return parts / f"{index:06d}.parquet"


def _write_parts(parts: Path, plan: SweepPlan, *, progress: bool, workers: int) -> None:
    """Measure what is not there yet, a few degrees ahead of the writer."""
    todo = [(i, ks) for i, ks in enumerate(plan.parts) if not _part_file(parts, i).exists()]
    if not todo:
        return
    grid = Grid(plan.n, plan.p, plan.seeds, plan.edges(max(plan.k)))
    cell = len(plan.p) * len(plan.seeds)
    done = plan.rows - cell * sum(len(ks) for _, ks in todo)
    # Degrees that round to the same number of edges share their graphs; neighbours in the grid do at small n.
    edges = [plan.edges(k) for _, ks in todo for k in ks]
    distinct = [m for i, m in enumerate(edges) if i == 0 or m != edges[i - 1]]
    bar = Bar(f"graphs on {plan.n} nodes", plan.rows, show=progress, done=done)
    with bar, ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[tuple[Floats, Floats]]] = deque()
        ahead = iter(distinct)
        last, measured = -1, None
        try:
            for index, ks in todo:
                tables = []
                for k in ks:
                    if plan.edges(k) != last or measured is None:
                        while len(waiting) < 3 * workers and (m := next(ahead, None)) is not None:
                            waiting.append(pool.submit(grid, m))
                        last, measured = plan.edges(k), waiting.popleft().result()
                    tables.append(_table(plan, k, *measured))
                    bar.update(cell)
                with replacing(_part_file(parts, index)) as temporary, temporary.open("wb") as stream:
                    pq.write_table(pa.concat_tables(tables), stream, compression="zstd")
        finally:
            for future in waiting:
                future.cancel()


def _table(plan: SweepPlan, k: float, clustering: Floats, path_length: Floats) -> pa.Table:
    """Rows of one degree, ordered by p, then seed."""
    p, seeds = len(plan.p), len(plan.seeds)
    arrays = [
        np.full(p * seeds, plan.n),
        np.full(p * seeds, k / plan.n),
        np.repeat(np.array(plan.p), seeds),
        np.tile(np.array(plan.seeds, dtype=np.int64), p),
        clustering.ravel(),
        path_length.ravel(),
    ]
    columns = [pa.array(x, type=field.type, from_pandas=True) for x, field in zip(arrays, COLUMNS, strict=True)]
    return pa.Table.from_arrays(columns, schema=COLUMNS)


def _join(parts: Path, path: Path, plan: SweepPlan) -> None:
    """Copy the parts into one file, one row group each, and note the grid in it."""
    files = [_part_file(parts, index) for index in range(len(plan.parts))]
    missing = sum(_read_part(file)["clustering"].null_count for file in files)
    schema = COLUMNS.with_metadata({_METADATA: plan.digest, _MISSING: str(missing)})
    with (
        replacing(path) as temporary,
        temporary.open("wb") as stream,
        pq.ParquetWriter(stream, schema, compression="zstd") as writer,
    ):
        for file in files:
            writer.write_table(_read_part(file).replace_schema_metadata(schema.metadata))


def _read_part(file: Path) -> pa.Table:
    """Read a part; a damaged one is deleted, so that the next call measures it again.

    Raises:
        UserError: it was damaged.
    """
    try:
        with file.open("rb") as stream:
            return pq.read_table(stream)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        file.unlink(missing_ok=True)
        raise UserError(
            f"sweep: {file} was damaged and has been deleted; run the same command again to go on."
        ) from None
