"""Catalogues: the published ones as data, and new ones from a sweep (paper, section 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from graph2nn.arguments import checked_arguments
from graph2nn.errors import UserError, unknown
from graph2nn.graphs import catalogue_figure
from graph2nn.graphs.catalogue_files import make_folder, read_rows, write_catalogue
from graph2nn.graphs.cover import Binning, Level, cover, default_binning

if TYPE_CHECKING:
    import pandas as pd

    from graph2nn.graphs.ws_flex_sweep import SweepPlan

#: The published catalogues, shipped with the package, and how finely each covers the plane.
PUBLISHED: Mapping[str, Level] = {
    "n64-52": "coarse",
    "n64-449": "medium",
    "n64-3942": "fine",
    "n16-48": "coarse",
    "n16-326": "medium",
    "n16-2698": "fine",
}


@checked_arguments
def catalogue(name: str | Path) -> pd.DataFrame:
    """Load a catalogue: one graph per row.

    Args:
        name: one of :data:`PUBLISHED`, or the path of a catalogue written by ``graph2nn graphs catalogue``
            (``.parquet`` or ``.csv``), or an array of the published code (``.npy``: one row per graph, the
            columns below in their order).

    Returns:
        Columns n, sparsity (k/n), p, seed, clustering, path_length, in the published order. A row's graph is
        ``ws_flex(n, sparsity * n, p, seed)``.

    Raises:
        UserError: no such catalogue, or a file that lacks one of these columns.

    Example:
        >>> len(catalogue("n64-52"))
        52
        >>> catalogue("n64-52").columns.tolist()
        ['n', 'sparsity', 'p', 'seed', 'clustering', 'path_length']
    """
    if str(name) in PUBLISHED:
        with as_file(files("graph2nn.graphs") / "catalogue_data" / f"{name}.parquet") as path:
            return read_rows(path)
    path = Path(name)
    if path.suffix in (".parquet", ".csv", ".npy") and path.exists():
        return read_rows(path)
    raise unknown("catalogue", str(name), PUBLISHED)


def make_catalogues(
    sweep: str | Path | pd.DataFrame,
    *,
    bins: int | None = None,
    l_max: float | None = None,
    fill_above: float | None = None,
) -> tuple[dict[Level, pd.DataFrame], Binning]:
    """Make the three catalogues of a sweep, and tell the binning that was used.

    Args:
        sweep: the file that :func:`graph2nn.graphs.ws_flex_sweep.sweep` wrote, or its table.
        bins: of :class:`Binning`; see :func:`default_binning` for what is left out.
        l_max: likewise. Graphs with a longer path, or without C and L, are left aside.
        fill_above: likewise.

    Returns:
        The catalogues by level (fine, medium, coarse), and the binning.

    Raises:
        UserError: no such file, not a sweep, or nothing left to choose from.
    """
    import pandas as pd

    if isinstance(sweep, pd.DataFrame):
        frame = sweep
    elif Path(sweep).exists():
        frame = read_rows(Path(sweep))
    else:
        raise UserError(
            f"catalogue: there is no sweep {sweep}; make it with graph2nn graphs sweep --out {sweep}."
        )
    frame = frame[frame["clustering"].notna() & frame["path_length"].notna()]
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


def plot_catalogue(name: str | Path, path: str | Path) -> Path:
    """Draw a catalogue on the (C, L) plane: a published one over all bins that its sweep reaches.

    Args:
        name: as for :func:`catalogue`.
        path: PNG, SVG or PDF file to write.

    Raises:
        UserError: no such catalogue; another ending.
    """
    frame = catalogue(name)
    if str(name) not in PUBLISHED:
        return catalogue_figure.save_planes({Path(name).stem: frame}, path)
    everything = next(x for x, level in PUBLISHED.items() if level == "fine" and x[:3] == str(name)[:3])
    covered = catalogue(everything)
    binning = default_binning(int(frame["n"].iloc[0]), float(covered["path_length"].max()))
    return catalogue_figure.save_planes({str(name): frame}, path, covered=covered, binning=binning)


def build_catalogues(
    out: str | Path,
    source: SweepPlan | str | Path,
    *,
    bins: int | None = None,
    l_max: float | None = None,
    fill_above: float | None = None,
) -> list[Path]:
    """Make the catalogues of any sweep and write them to a folder, with a picture.

    Args:
        out: the folder. Gets ``n<N>-coarse.parquet``, ``-medium`` and ``-fine``, and ``plane.png``.
        source: a sweep file; or a plan, whose sweep is run first into ``out/sweep.parquet``.
        bins: as for :func:`make_catalogues`, like the two that follow.
        l_max: greatest path length.
        fill_above: C above which empty coarse bins are filled.

    Returns:
        The files written.

    Raises:
        UserError: as for :func:`make_catalogues` and :func:`~graph2nn.graphs.ws_flex_sweep.sweep`.
    """
    folder = Path(out)
    if not isinstance(source, str | Path):
        make_folder(folder)
        from graph2nn.graphs.ws_flex_sweep import run_sweep  # compiles, so only where it is needed

        source = run_sweep(source, folder / "sweep.parquet").path
    made, binning = make_catalogues(source, bins=bins, l_max=l_max, fill_above=fill_above)
    make_folder(folder)
    n = int(made["fine"]["n"].iloc[0])
    files = [write_catalogue(frame, folder / f"n{n}-{level}.parquet") for level, frame in made.items()]
    shown = {f"n{n}-{level}, {len(made[level])} graphs": made[level] for level in ("coarse", "medium")}
    return [
        *files,
        catalogue_figure.save_planes(shown, folder / "plane.png", covered=made["fine"], binning=binning),
    ]
