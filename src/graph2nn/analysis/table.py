"""The results table, one row per finished run, and the checks that it must pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn.arrays import Floats
from graph2nn.errors import UserError
from graph2nn.tasks import TOP1, Score

#: Properties of a graph's network; every run of the graph must agree on them.
OF_GRAPH = (
    "kind",
    "n",
    "sparsity",
    "p",
    "graph_seed",
    "clustering",
    "path_length",
    "widths",
    "macs",
    "params",
)
#: Properties that all runs of one table share, or their errors may not be compared.
OF_TABLE = ("model", "data", "epochs")
#: Columns a table of results must have. ``train_error`` (%) and ``seconds`` are used where they are there.
COLUMNS = ("run", "graph", *OF_GRAPH, *OF_TABLE, "seed", "test_error")
#: What is needed to place graphs on the (C, L) map.
MAP_COLUMNS = ("graph", "kind", "clustering", "path_length", "test_error")

_NUMBERS = {"n", "sparsity", "p", "graph_seed", "clustering", "path_length", "macs", "params", "seed"}
_NUMBERS |= {"epochs", "test_error"}
_KINDS = ("baseline", "relational")


@dataclass(frozen=True)
class Results:
    """A checked table.

    Attributes:
        runs: the runs with a finite error, in the order given; numeric columns are float64.
        diverged: label of each graph with runs that were dropped for a NaN or infinite error, and how many.
    """

    runs: pd.DataFrame
    diverged: dict[str, int]

    @property
    def score(self) -> Score:
        """The score that the runs minimise: top-1 error in percent, unless they name another."""
        return score_of(self.runs)

    @property
    def validated(self) -> bool:
        """Whether every run has a score on a validation part, so that graphs are chosen there."""
        return "validation_error" in self.runs and bool(self.runs["validation_error"].notna().all())

    @property
    def lost(self) -> list[str]:
        """Graphs of which no run is left."""
        left = set(self.runs["graph"])
        return [label for label in self.diverged if label not in left]

    def errors(self) -> dict[str, Floats]:
        """Test errors (%) of each graph in table order, graphs in order of first appearance."""
        values = self.runs["test_error"].to_numpy(dtype=np.float64)
        rows = self.runs.groupby("graph", sort=False).indices
        return {str(label): values[np.sort(index)] for label, index in rows.items()}

    def first_rows(self) -> pd.DataFrame:
        """The first run of each graph, in order of first appearance."""
        return self.runs.drop_duplicates("graph").reset_index(drop=True)


def score_of(table: pd.DataFrame) -> Score:
    """Return the score of a table of runs or evaluations.

    Args:
        table: perhaps with ``score_name`` and ``score_unit``; without them, or where they are empty, the score
            is the top-1 error in percent.

    Raises:
        UserError: runs of different scores.

    Example:
        >>> score_of(pd.DataFrame({"score_name": ["RMSE"], "score_unit": ["units of price"]})).label
        'RMSE (units of price)'
    """
    if "score_name" not in table:
        return TOP1
    names = table["score_name"].fillna(TOP1.name)
    units = table["score_unit"].where(table["score_name"].notna(), TOP1.unit).fillna("")
    scores = list(dict.fromkeys(Score(str(name), str(unit)) for name, unit in zip(names, units, strict=True)))
    if len(scores) > 1:
        raise UserError(
            f"results: the table mixes {' and '.join(score.label for score in scores[:3])}, which cannot be "
            "compared. Select the runs of one."
        )
    return scores[0] if scores else TOP1


def on_plane(graphs: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have a place on the (C, L) plane.

    A graph that falls into parts (``reachable`` below 1) has none: its L is over the pairs that have a path.
    Tables without the column were written before such graphs could be trained.
    """
    if "reachable" not in graphs:
        return graphs
    return graphs[~(pd.to_numeric(graphs["reachable"]) < 1)]


def order_by_mean(graphs: pd.DataFrame, mean: Floats) -> npt.NDArray[np.intp]:
    """Order graphs by mean error; equal means as the published analysis orders its rows.

    That is by the columns that name a configuration: sparsity, then p, then the seed of the graph. Graphs
    without these columns, or with gaps in them, come last among equals and keep their order.

    Args:
        graphs: one row per graph, ``[graphs]``.
        mean: mean test error of each, ``[graphs]``.

    Returns:
        Positions of the rows, lowest mean first, ``[graphs]``.
    """
    names = [name for name in ("graph_seed", "p", "sparsity") if name in graphs.columns]
    keys = [
        pd.to_numeric(graphs[name], errors="coerce").fillna(np.inf).to_numpy(dtype=np.float64) for name in names
    ]
    order: npt.NDArray[np.intp] = np.lexsort((*keys, mean))
    return order


def checked_results(table: pd.DataFrame, *, columns: Sequence[str] = COLUMNS) -> Results:
    """Check a results table and drop the runs that diverged.

    Args:
        table: one row per finished run; see :data:`COLUMNS`.
        columns: the columns the caller needs; checks on other columns are left out.

    Raises:
        UserError: no rows, missing columns, text where a number belongs, an unknown kind, several models,
            data sets or numbers of epochs, several baselines, runs of one graph that disagree about their
            network, the same seed twice, errors outside 0…100 %, no place on the map, nothing but
            diverged runs.
    """
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise UserError(f"results: the table has no column {', '.join(missing)}.")
    if table.empty:
        raise UserError("results: the table has no rows. Finish at least one run, then analyse it.")
    runs = _typed(table, columns)
    _one_experiment(runs, columns)
    _one_network_a_graph(runs, columns)
    finite = np.isfinite(runs["test_error"].to_numpy(dtype=np.float64))
    diverged = {str(label): int(count) for label, count in runs.loc[~finite, "graph"].value_counts().items()}
    kept = runs.loc[finite].reset_index(drop=True)
    if kept.empty:
        raise UserError(f"results: all {len(runs)} runs diverged (NaN or infinite test_error).")
    score = score_of(kept)
    most = 100 if score.unit == "%" else np.inf
    wrong = kept.loc[(kept["test_error"] < 0) | (kept["test_error"] > most)]
    if len(wrong):
        raise UserError(
            f"results: test_error {wrong['test_error'].iloc[0]:g} of graph {wrong['graph'].iloc[0]!r} "
            + (f"lies outside 0…100. It is a {score.name} in percent." if score.unit == "%" else "is negative.")
        )
    return Results(kept, diverged)


def _typed(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Copy the table with float64 numbers and text labels."""
    runs = table.reset_index(drop=True).copy()
    for name in columns:
        if name in _NUMBERS:
            try:
                runs[name] = pd.to_numeric(runs[name]).astype(np.float64)
            except (TypeError, ValueError):
                raise UserError(f"results: column {name} holds something that is not a number.") from None
        else:
            if runs[name].isna().any():
                raise UserError(f"results: column {name} is empty in row {int(runs[name].isna().argmax())}.")
            runs[name] = runs[name].astype(str)
    odd = sorted(set(runs["kind"]) - set(_KINDS))
    if odd:
        raise UserError(f"results: kind {odd[0]!r} is not known. Known: {', '.join(_KINDS)}.")
    for name in ("clustering", "path_length", "macs", "params"):  # the dense baseline has no nodes
        if name not in columns:
            continue
        off = ~np.isfinite(runs[name].to_numpy(dtype=np.float64))
        if name == "path_length" and "reachable" in runs:  # a graph without any edge has no L
            off &= ~(pd.to_numeric(runs["reachable"]) == 0).to_numpy()
        if off.any():
            raise UserError(f"results: graph {runs['graph'][int(off.argmax())]!r} has no finite {name}.")
    return runs


def _one_experiment(runs: pd.DataFrame, columns: Sequence[str]) -> None:
    for name in OF_TABLE:
        values = list(dict.fromkeys(runs[name])) if name in columns else []
        if len(values) > 1:
            one = f"{values[0]:g}" if isinstance(values[0], float) else repr(values[0])
            shown = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values[:4])
            raise UserError(
                f"results: the table mixes {len(values)} values of {name} ({shown}), whose errors cannot be "
                f"compared. Select one, for example table[table[{name!r}] == {one}]."
            )
    baselines = list(dict.fromkeys(runs.loc[runs["kind"] == "baseline", "graph"]))
    if len(baselines) > 1:
        raise UserError(
            f"results: the table has {len(baselines)} baselines ({', '.join(baselines[:4])}). "
            "Keep one, for example "
            f"table[(table['kind'] == 'relational') | (table['graph'] == {baselines[0]!r})]."
        )


def _one_network_a_graph(runs: pd.DataFrame, columns: Sequence[str]) -> None:
    """Later seeds trained at other widths would pass unseen into a mean: refuse them."""
    for name in OF_GRAPH:
        if name not in columns:
            continue
        distinct = runs.groupby("graph", sort=False)[name].nunique(dropna=False)
        if (distinct > 1).any():
            label = distinct.index[int((distinct > 1).argmax())]
            raise UserError(
                f"results: runs of graph {label!r} disagree about {name}. "
                "A label stands for one network; give the others a label of their own."
            )
    if "seed" in columns:
        again = runs.duplicated(["graph", "seed"])
        if again.any():
            row = runs.loc[again].iloc[0]
            raise UserError(
                f"results: graph {row['graph']!r} has seed {row['seed']:g} twice. The same run counted again "
                "would look like more evidence; drop one, for example with "
                "table.drop_duplicates(['graph', 'seed'])."
            )


@dataclass(frozen=True)
class Gap:
    """Stands where a result would; ``reason`` is a sentence for the reader."""

    reason: str
