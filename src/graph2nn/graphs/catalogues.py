"""Catalogues: a few graphs that cover the (C, L) plane evenly, picked from a sweep (paper, section 4.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError, unknown

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.floating]
Level = Literal["coarse", "medium", "fine"]

#: The published catalogues, shipped with the package, and how finely each covers the plane.
PUBLISHED: Mapping[str, Level] = {
    "n64-52": "coarse",
    "n64-449": "medium",
    "n64-3942": "fine",
    "n16-48": "coarse",
    "n16-326": "medium",
    "n16-2698": "fine",
}
COLUMNS = ["n", "sparsity", "p", "seed", "clustering", "path_length"]
#: Fine bins along each side of a coarse one.
SIDE = 9


def catalogue(name: str | Path) -> pd.DataFrame:
    """Load a catalogue: one graph a row.

    Args:
        name: one of :data:`PUBLISHED`, or the path of a catalogue written by ``graph2nn graphs catalogue``
            (``.parquet`` or ``.csv``).

    Returns:
        Columns n, sparsity (k/n), p, seed, clustering, path_length, in the published order. A row's graph is
        ``ws_flex(n, sparsity * n, p, seed)``.

    Raises:
        UserError: no such catalogue, or a file that lacks one of these columns.
    """
    if str(name) in PUBLISHED:
        with as_file(files("graph2nn.graphs") / "catalogue_data" / f"{name}.parquet") as path:
            return _read(path)
    path = Path(name)
    if path.suffix in (".parquet", ".csv") and path.exists():
        return _read(path)
    raise unknown("catalogue", str(name), PUBLISHED)


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    frame = pd.read_csv(path, float_precision="round_trip") if path.suffix == ".csv" else pd.read_parquet(path)
    absent = [column for column in COLUMNS if column not in frame]
    if absent:
        raise UserError(f"catalogue: {path} has no column {absent[0]!r}; expected {', '.join(COLUMNS)}.")
    return frame[COLUMNS].astype({"n": np.int64, "seed": np.int64})


@dataclass(frozen=True)
class Binning:
    """How the plane is cut: ``bins`` coarse bins a side, each 9 × 9 fine ones; C in [0, 1], L in [1, l_max].

    A coarse bin that is empty in its middle borrows a graph from beside it where C lies above ``fill_above``, a
    medium one where C lies above 0.75 (as published).
    """

    bins: int = 15
    l_max: float = 4.5
    fill_above: float = 0.75

    def __post_init__(self) -> None:
        if self.bins < 1:
            raise UserError(f"catalogue: bins = {self.bins}, expected at least 1 coarse bin a side.")
        if not self.l_max > 1:
            raise UserError(f"catalogue: l_max = {self.l_max:g}, expected more than 1, the least path length.")

    @property
    def c_edges(self) -> Floats:
        """Edges of the fine bins of C, ``[9·bins + 1]``."""
        return np.linspace(0, 1, SIDE * self.bins + 1)

    @property
    def l_edges(self) -> Floats:
        """Edges of the fine bins of L, ``[9·bins + 1]``."""
        return np.linspace(1, self.l_max, SIDE * self.bins + 1)


def default_binning(
    n: int,
    longest: float,
    *,
    bins: int | None = None,
    l_max: float | None = None,
    fill_above: float | None = None,
) -> Binning:
    """Complete a binning as the published ones are: for n = 64 and n = 16 it is the published one.

    Args:
        n: number of nodes. From 64 on: 15 bins, empty ones filled above C = 0.75; below: 12, filled everywhere.
        longest: the greatest L of the sweep; rounded up to a multiple of 0.5 it is ``l_max``.
        bins: in place of the default.
        l_max: in place of the default.
        fill_above: in place of the default.
    """
    return Binning(
        bins=(15 if n >= 64 else 12) if bins is None else bins,
        l_max=max(1.5, math.ceil(2 * longest) / 2) if l_max is None else l_max,
        fill_above=(0.75 if n >= 64 else 0.0) if fill_above is None else fill_above,
    )


def cover(
    clustering: npt.ArrayLike, path_length: npt.ArrayLike, binning: Binning = Binning()
) -> dict[Level, npt.NDArray[np.int64]]:
    """Pick graphs that cover the plane, by the published rule (paper, section 4.1).

    The graphs are shuffled; the first to land in a fine bin represents it. Bins in the middle of each 3 × 3
    block make the medium catalogue, those in the middle of each 9 × 9 block the coarse one; gaps are then
    filled from beside the middle, so a graph may stand for two medium bins.

    Args:
        clustering: C of each graph, ``[N]``.
        path_length: L of each graph, ``[N]``.
        binning: how the plane is cut.

    Returns:
        Numbers of the picked graphs for each level, in the published order.
    """
    c, l = np.asarray(clustering), np.asarray(path_length)  # noqa: E741
    order = np.random.RandomState(1).permutation(len(c))
    at = np.stack([np.digitize(c, binning.c_edges), np.digitize(l, binning.l_edges)], axis=1)[order]
    _, first = np.unique(at, axis=0, return_index=True)
    fine = {(int(at[row, 0]), int(at[row, 1])): int(order[row]) for row in np.sort(first)}
    medium = [graph for (i, j), graph in fine.items() if i % 3 == 2 and j % 3 == 2]
    coarse = [graph for (i, j), graph in fine.items() if i % SIDE == 5 and j % SIDE == 5]
    # Only middles can be borrowed for, and every middle is 2 modulo 3: scan those, C outside, L inside.
    edges = binning.c_edges
    for i in range(2, len(edges), 3):
        for j in range(2, len(edges), 3):
            if (i, j) in fine:
                continue
            if i % SIDE == 5 and j % SIDE == 5:
                if edges[i] > binning.fill_above:
                    borrowed = _first_of(fine, range(i - 1, i + 2), range(j - 3, j + 4))
                    coarse += borrowed
                    medium += borrowed
            elif edges[i] > 0.75:
                medium += _first_of(fine, range(i, i + 1), range(j - 1, j + 2))
    return {
        "coarse": np.array(coarse, np.int64),
        "medium": np.array(medium, np.int64),
        "fine": np.array([*fine.values()], np.int64),
    }


def _first_of(fine: Mapping[tuple[int, int], int], rows: range, columns: range) -> list[int]:
    """The graph of the first represented bin of a window, or none."""
    return [fine[i, j] for i in rows for j in columns if (i, j) in fine][:1]


def make_catalogues(
    sweep: str | Path | pd.DataFrame,
    *,
    bins: int | None = None,
    l_max: float | None = None,
    fill_above: float | None = None,
) -> tuple[dict[Level, pd.DataFrame], Binning]:
    """Make the three catalogues of a sweep, and tell the binning that was used.

    Args:
        sweep: the file that :func:`graph2nn.graphs.sweep.sweep` wrote, or its table.
        bins: of :class:`Binning`; see :func:`default_binning` for what is left out.
        l_max: likewise. Graphs with a longer path, or without C and L, are left aside.
        fill_above: likewise.

    Raises:
        UserError: no such file, not a sweep, or nothing left to choose from.
    """
    import pandas as pd

    if isinstance(sweep, pd.DataFrame):
        frame = sweep
    elif Path(sweep).exists():
        frame = _read(Path(sweep))
    else:
        raise UserError(
            f"catalogue: there is no sweep {sweep}; make it with graph2nn graphs sweep --out {sweep}."
        )
    frame = frame[frame["clustering"].notna()]
    if l_max is not None:
        frame = frame[frame["path_length"] <= l_max]
    if frame.empty:
        raise UserError("catalogue: the sweep holds no connected graph within l_max to choose from.")
    binning = default_binning(
        int(frame["n"].iloc[0]),
        float(frame["path_length"].max()),
        bins=bins,
        l_max=l_max,
        fill_above=fill_above,
    )
    picked = cover(frame["clustering"], frame["path_length"], binning)
    return {level: frame.iloc[rows].reset_index(drop=True) for level, rows in picked.items()}, binning
