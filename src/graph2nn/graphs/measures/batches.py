"""Measure many graphs in worker processes, each graph once: its values are kept on disk."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, nullcontext
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from graph2nn.errors import UserError
from graph2nn.files import cache_root
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.measures.registry import VERSION, measure_all

Values = dict[str, float]

#: A process needs seconds to begin: fewer graphs than this for each are not worth it.
_WORTH_A_PROCESS = 20
#: Graphs measured between two writes to disk: what a kill may lose.
_AT_ONCE = 50


def measure_many(
    graphs: Sequence[RelationalGraph],
    names: Sequence[str],
    *,
    workers: int = 1,
    progress: bool = True,
    cache: str | Path | None = None,
    keep: bool = True,
    label: str = "measuring",
) -> list[Values]:
    """Measure graphs that have no values yet; see :func:`graph2nn.graphs.measures.measure_tables.measured`.

    Args:
        graphs: any graphs; equal ones are measured once.
        names: of measures.
        workers: processes at most.
        progress: show a bar on a terminal.
        cache: root of the cache.
        keep: look numbers up on disk, and leave new ones there.
        label: of the bar.

    Returns:
        Values by name, one mapping per graph.

    Raises:
        UserError: processes that cannot begin, or a cache that cannot be used.
    """
    with _opened(cache_file(cache)) if keep else nullcontext() as kept:
        distinct = list(dict.fromkeys(graphs))
        measured = {} if kept is None else {g: row for g in distinct if (row := kept.of(g, names)) is not None}
        missing = [graph for graph in distinct if graph not in measured]
        for graph, row in _bar(_measure(missing, names, workers), len(missing), label if progress else None):
            measured[graph] = row
            if kept is not None:
                kept.add(graph, row)
    return [measured[graph] for graph in graphs]


def cache_file(cache: str | Path | None = None) -> Path:
    """Where measured numbers are kept: a file a version of the measures, and of networkx (for Louvain)."""
    return cache_root(cache) / "measures" / f"v{VERSION}-networkx-{version('networkx')}.sqlite"


@contextmanager
def _opened(path: Path) -> Iterator[_Kept]:
    """Open the file of kept numbers; what was added is there afterwards, however the block is left."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=60)) as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS measures (graph TEXT, name TEXT, value REAL, "
                "PRIMARY KEY (graph, name)) WITHOUT ROWID"
            )
            try:
                yield _Kept(database)
            finally:
                database.commit()
    except (sqlite3.Error, FileExistsError, PermissionError) as error:
        raise UserError(
            f"measures: {path} cannot be used ({error}). Delete it, or name another cache with GRAPH2NN_CACHE."
        ) from error


class _Kept:
    """Numbers by the content of the graph, one row per graph and measure. Processes may share the file."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self.added = 0

    def of(self, graph: RelationalGraph, names: Sequence[str]) -> Values | None:
        """The values of a graph, if all are there."""
        rows = self.database.execute("SELECT name, value FROM measures WHERE graph = ?", (_key(graph),))
        # SQLite has no NaN and keeps null instead.
        there = {name: float("nan") if value is None else value for name, value in rows}
        return {name: there[name] for name in names} if set(names) <= set(there) else None

    def add(self, graph: RelationalGraph, row: Values) -> None:
        self.database.executemany(
            "INSERT OR REPLACE INTO measures VALUES (?, ?, ?)",
            [(_key(graph), name, value) for name, value in row.items()],
        )
        self.added += 1
        if self.added % _AT_ONCE == 0:
            self.database.commit()


def _key(graph: RelationalGraph) -> str:
    return f"{'directed' if graph.directed else 'undirected'} {graph.digest}"


def _measure(
    graphs: Sequence[RelationalGraph], names: Sequence[str], workers: int
) -> Iterator[tuple[RelationalGraph, Values]]:
    """Give each graph with its values, in whatever order they are done."""
    workers = min(workers, len(graphs) // _WORTH_A_PROCESS)
    if workers < 2:
        yield from ((graph, measure_all(graph, names)) for graph in graphs)
        return
    # Spawned, not forked: the threads of BLAS and numba do not survive a fork.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_ignore_interrupts)
    try:
        futures = {pool.submit(measure_all, graph, names): graph for graph in graphs}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise UserError(
            "measured: a worker process ended. In a script, what measures with several workers must stand "
            "under if __name__ == '__main__':, as each process imports the script; or memory ran out. "
            "What was measured is kept; use workers=1."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    """Ctrl-C is sent to every process; the parent hears it and ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _bar(
    done: Iterable[tuple[RelationalGraph, Values]], total: int, label: str | None
) -> Iterator[tuple[RelationalGraph, Values]]:
    """Pass things on and count them on a terminal; silent elsewhere."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    silent = not (label and console.is_terminal and total)
    yield from track(done, label or "", total, console=console, transient=True, disable=silent)
