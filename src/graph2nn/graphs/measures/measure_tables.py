"""Tables of measures: shipped for the published catalogues, kept on disk for all other graphs.

The shipped tables lie next to the catalogues. Remake them whenever
:data:`~graph2nn.graphs.measures.registry.VERSION` is raised, by::

    graph2nn graphs measure n64-3942 --afresh --out src/graph2nn/graphs/catalogue_data/measures-n64.parquet
    graph2nn graphs measure n16-2698 --afresh --out src/graph2nn/graphs/catalogue_data/measures-n16.parquet

The coarse and medium catalogues are parts of the fine ones and need no table of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graph2nn.arguments import checked_arguments, got
from graph2nn.errors import UserError, WrongTypeError
from graph2nn.files import replacing
from graph2nn.graphs.catalogues import catalogue
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.measures.batches import measure_many
from graph2nn.graphs.measures.registry import MEASURES
from graph2nn.graphs.ws_flex import ws_flex

if TYPE_CHECKING:
    import pandas as pd

#: Arguments of a WS-flex graph: n, sparsity (k/n), p, seed.
Key = tuple[int, float, float, int]
Values = Mapping[str, float]

_SHIPPED = (16, 64)
#: Graphs held in memory at a time: those of a whole sweep would need gigabytes.
_AT_ONCE = 5000


@checked_arguments
def measured(
    what: str | Path | pd.DataFrame | Mapping[str, RelationalGraph],
    *,
    slow: bool = True,
    afresh: bool = False,
    workers: int = 1,
    progress: bool = True,
    cache: str | Path | None = None,
) -> pd.DataFrame:
    """Give a table of graphs one column per measure of the registry.

    Graphs of the published catalogues are looked up in tables that ship with the package; measures that the
    tables lack, and other graphs, are measured (about 0.3 s per graph of 64 nodes, 0.04 s without the slow
    measures) and kept on disk, so that each graph is measured once; interrupted, the same call goes on.

    Args:
        what: a catalogue or a file of one, as :func:`graph2nn.catalogue` takes it (a sweep is one, too); a
            table with columns ``n, sparsity, p`` and ``graph_seed`` or, where there is none, ``seed``; or
            graphs by their labels. Rows of a table may repeat a graph. Rows of the baseline (``kind``), and
            rows of a sweep without C and L, have no graph: NaN in every measure.
        slow: also the slow measures (σ, ω, betweenness).
        afresh: measure every graph, and neither look up nor keep anything.
        workers: processes that measure. With more than one, a script must call this under
            ``if __name__ == "__main__":``.
        progress: show a bar on a terminal.
        cache: root of the cache; else GRAPH2NN_CACHE, else the platform's own place.

    Returns:
        The table (columns as given; for a mapping ``graph, n``) with the measures it has no column of yet,
        in the order of :data:`~graph2nn.graphs.measures.registry.MEASURES`.

    Raises:
        UserError: no such catalogue, a table without the columns that say which graph a row is, a row that is
            no WS-flex graph, a cache that cannot be used.

    Example:
        >>> measured("n64-52", slow=False)[["transitivity", "global_efficiency"]].shape
        (52, 2)
    """
    import pandas as pd

    names = [name for name, measure in MEASURES.items() if slow or measure.cost == "fast"]
    if isinstance(what, str | Path):
        what = catalogue(what)
    if isinstance(what, pd.DataFrame):
        frame = what.reset_index(drop=True)
        keys: list[Key | RelationalGraph | None] = [*_keys(what)]
    elif not isinstance(what, Mapping) or not all(isinstance(each, RelationalGraph) for each in what.values()):
        raise WrongTypeError(
            f"measured: what: expected a catalogue, a table, or graphs by their labels, got {got(what)}."
        )
    else:
        frame = pd.DataFrame({"graph": list(what), "n": [graph.n for graph in what.values()]})
        keys = list(what.values())
    wanted = list(dict.fromkeys(key for key in keys if key is not None))
    values_of: dict[Key | RelationalGraph, Values] = {key: {} for key in wanted}
    if not afresh:
        values_of |= {key: row for key in wanted if (row := _shipped_row(key)) is not None}
    # A shipped table lacks the measures that were added after it was made: those are measured like any others.
    lacking: dict[tuple[str, ...], list[Key | RelationalGraph]] = {}
    for key, row in values_of.items():
        if missing := tuple(name for name in names if name not in row):
            lacking.setdefault(missing, []).append(key)
    for missing, rest in lacking.items():
        for start in range(0, len(rest), _AT_ONCE):
            part = rest[start : start + _AT_ONCE]
            label = f"measuring from {start:,} of {len(rest):,}" if len(rest) > _AT_ONCE else "measuring"
            graphs = [_graph(key) for key in part]
            values = measure_many(
                graphs, missing, label=label, workers=workers, progress=progress, cache=cache, keep=not afresh
            )
            for key, row in zip(part, values, strict=True):
                values_of[key] = {**values_of[key], **row}
    absent = dict.fromkeys(names, float("nan"))
    rows = [absent if key is None else values_of[key] for key in keys]
    added = {name: np.array([row[name] for row in rows], dtype=np.float64) for name in names}
    new = pd.DataFrame({name: values for name, values in added.items() if name not in frame})
    return pd.concat([frame, new], axis=1)


def write_measured(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a table of measures as .parquet or .csv, floats to their last bit, whole or not at all.

    Raises:
        UserError: as :func:`writable`.
    """
    target = writable(path)
    with replacing(target) as temporary:
        if target.suffix == ".csv":
            frame.to_csv(temporary, index=False)
            return target
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(frame, preserve_index=False)
        floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
        # Split by byte, the alike first bytes of floats lie side by side and compress.
        with temporary.open("wb") as stream:
            pq.write_table(
                table, stream, compression="zstd", use_dictionary=False, use_byte_stream_split=floats
            )
    return target


def writable(path: str | Path) -> Path:
    """Check where a table is to go; worth asking before an hour of measuring.

    Raises:
        UserError: another ending than .parquet and .csv, a folder that is not there.
    """
    target = Path(path)
    if target.suffix not in (".parquet", ".csv"):
        raise UserError(f"measure: {target} ends in {target.suffix!r}; expected .parquet or .csv.")
    if not target.parent.is_dir():
        raise UserError(f"measure: the folder {target.parent} does not exist; make it first.")
    return target


def _keys(frame: pd.DataFrame) -> list[Key | None]:
    """Which graph each row is; None for rows that have none."""
    seed = "graph_seed" if "graph_seed" in frame else "seed"
    columns = ["n", "sparsity", "p", seed]
    absent = [name for name in columns if name not in frame]
    if absent:
        raise UserError(
            f"measured: the table has no column {absent[0]!r}; expected n, sparsity, p, graph_seed (or seed)."
        )
    none = np.zeros(len(frame), dtype=bool)
    if "kind" in frame:
        none |= (frame["kind"] == "baseline").to_numpy()
    if "clustering" in frame:
        none |= frame["clustering"].isna().to_numpy()
    lacking = frame[columns].isna().any(axis=1).to_numpy() & ~none
    if lacking.any():
        row = int(lacking.argmax())
        label = f" ({frame['graph'].iloc[row]})" if "graph" in frame else ""
        raise UserError(
            f"measured: row {row}{label} lacks one of {', '.join(columns)}, so it is no WS-flex graph. "
            "Give the graphs themselves, as a mapping from label to RelationalGraph."
        )
    return [
        None if without else (int(n), float(sparsity), float(p), int(drawn))
        for without, (n, sparsity, p, drawn) in zip(
            none.tolist(), frame[columns].itertuples(index=False, name=None), strict=True
        )
    ]


def _graph(key: Key | RelationalGraph) -> RelationalGraph:
    if isinstance(key, RelationalGraph):
        return key
    n, sparsity, p, seed = key
    return ws_flex(n, sparsity * n, p, seed)


def _shipped_row(key: Key | RelationalGraph) -> Values | None:
    """The row of a shipped table, if one has this graph."""
    if not isinstance(key, RelationalGraph):
        return _shipped(key[0]).get(key)
    if key.origin is None:
        return None
    n, k, p, seed = key.origin
    row = _shipped(n).get((n, k / n, p, seed))
    # An origin is a label; C tells whether the graph is still the one that was drawn.
    return row if row and (key.n, key.clustering) == (n, row["clustering"]) else None


@lru_cache(maxsize=len(_SHIPPED))
def _shipped(n: int) -> dict[Key, Values]:
    import pandas as pd

    if n not in _SHIPPED:
        return {}
    with as_file(files("graph2nn.graphs") / "catalogue_data" / f"measures-n{n}.parquet") as path:
        table = pd.read_parquet(path)
    keys = table[["n", "sparsity", "p", "seed"]].itertuples(index=False, name=None)
    names = [name for name in MEASURES if name in table]
    values = table[names].to_numpy(np.float64).tolist()
    return {key: dict(zip(names, row, strict=True)) for key, row in zip(keys, values, strict=True)}
