"""Figure of a catalogue: the part of the (C, L) plane that graphs reach, and the chosen ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graph2nn.errors import UserError
from graph2nn.graphs.catalogue_files import make_folder
from graph2nn.graphs.cover import SIDE, Binning
from graph2nn.graphs.draw import ENDINGS, save

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def save_planes(
    chosen: Mapping[str, pd.DataFrame],
    path: str | Path,
    *,
    covered: pd.DataFrame | None = None,
    binning: Binning | None = None,
) -> Path:
    """Draw catalogues on the plane, side by side, and write the figure.

    Args:
        chosen: the catalogues, columns as of :func:`graph2nn.catalogue`, by their headings.
        path: the file; its ending (.png, .svg, .pdf) decides the format.
        covered: graphs that show which fine bins can be reached: the fine catalogue of the same sweep.
        binning: how the plane was cut, for the grid lines and the reachable bins.

    Returns:
        The path of the figure.

    Raises:
        UserError: another ending.
    """
    from matplotlib.figure import Figure

    target = Path(path)
    if target.suffix.lower() not in ENDINGS:
        raise UserError(f"plot: {target} ends in {target.suffix!r}; expected {', '.join(ENDINGS)}.")
    # A figure of its own: pyplot would keep it open, and would want a display.
    figure = Figure(figsize=(6.0 * len(chosen), 5.0), dpi=160, layout="constrained")
    for position, (title, frame) in enumerate(chosen.items(), start=1):
        axes = figure.add_subplot(1, len(chosen), position)
        draw_plane(axes, frame, covered=covered, binning=binning)
        axes.set_title(title, parse_math=False)
    make_folder(target.parent)
    return save(figure, target)


def draw_plane(
    axes: Axes, chosen: pd.DataFrame, *, covered: pd.DataFrame | None = None, binning: Binning | None = None
) -> None:
    """Draw the reachable fine bins in grey, coarse bins as lines, each chosen graph in its sparsity's colour.

    Arguments are those of :func:`save_planes`.

    Args:
        axes: to draw into.
        chosen: one catalogue.
        covered, binning: as for :func:`save_planes`.
    """
    if binning is not None:
        _draw_bins(axes, covered, binning)
        axes.set(xlim=(0, 1), ylim=(1, binning.l_max))
    points = axes.scatter(
        chosen["clustering"],
        chosen["path_length"],
        c=chosen["sparsity"],
        s=float(np.clip(2000 / max(1, len(chosen)), 3, 36)),
        cmap="viridis",
        vmin=0,
        vmax=1,
        linewidths=0,
        zorder=3,
        label=f"{len(chosen)} chosen graphs",
    )
    figure = axes.get_figure()
    if figure is not None:
        figure.colorbar(points, ax=axes, label="sparsity k/n")
    axes.set(xlabel="clustering coefficient C", ylabel="average path length L")
    axes.legend(loc="upper left", frameon=False, fontsize="small")


def _draw_bins(axes: Axes, covered: pd.DataFrame | None, binning: Binning) -> None:
    c_edges, l_edges = binning.c_edges, binning.l_edges
    for edges, line in ((c_edges, axes.axvline), (l_edges, axes.axhline)):
        for at in edges[::SIDE]:
            line(at, color="0.92", linewidth=0.6, zorder=0.5)
    if covered is None:
        return
    count, _, _ = np.histogram2d(covered["clustering"], covered["path_length"], bins=[c_edges, l_edges])
    shade = np.where(count.T > 0, 1.0, np.nan)
    axes.pcolormesh(c_edges, l_edges, shade, cmap="Greys", vmin=0, vmax=5, rasterized=True)
    axes.plot([], [], "s", color="0.85", label="reached by the sweep")
