"""Pictures of a graph: on a circle, spread by springs, or as its adjacency matrix.

Nodes are coloured by degree. A directed edge is a wedge, wide at the node that reads and pointed at the node
it reads (of the usual styles the one read most surely: Holten and van Wijk 2009); edges that go both ways are
plain lines. Figures are values: nothing here touches pyplot or its global state.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError, unknown
from graph2nn.files import replacing
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.storage import DENSE_LIMIT, either_way, without_loops

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LAYOUTS = ("circular", "spring", "matrix")
ENDINGS = (".png", ".svg", ".pdf")

_LINE, _WEDGE, _INK = "#5b6b7d", "#c2571a", "#1d2733"
#: Up to this many nodes there is room for their numbers.
_LABELLED = 32

Points = npt.NDArray[np.float64]


def graph(graph: RelationalGraph, layout: str = "circular", *, seed: int = 0) -> Figure:
    """Draw ``graph`` in one layout, or side by side in all.

    Args:
        graph: any graph; to be read with ease, up to a few hundred nodes.
        layout: ``circular``, ``spring``, ``matrix`` or ``all``.
        seed: of the spring layout.

    Raises:
        UserError: an unknown layout.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if layout not in (*LAYOUTS, "all"):
        raise unknown("layout", layout, [*LAYOUTS, "all"])
    shown = LAYOUTS if layout == "all" else (layout,)
    if graph.n > DENSE_LIMIT and shown != ("matrix",):
        raise UserError(
            f"graph {graph.name!r}: {graph.n:,} nodes and {graph.edges:,} edges are too many to draw singly "
            f"(limit {DENSE_LIMIT:,} nodes); take the layout matrix, which shows densities, or a subgraph."
        )
    room = ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.12)
    figure = Figure(figsize=(6.2 * len(shown), 7.0), layout=room)
    for axes, kind in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        if kind == "matrix":
            _matrix(axes, graph)
        else:
            _network(axes, graph, _positions(graph, kind, seed))
    figure.suptitle(_title(graph, wedges=shown != ("matrix",)), fontsize=11, color=_INK)
    return figure


def _title(graph: RelationalGraph, *, wedges: bool) -> str:
    if not graph.directed:
        return f"{graph.name}\nn = {graph.n}, {graph.edges} edges"
    legend = "\nwedges point from the reader to the read, lines go both ways" if wedges else ""
    return f"{graph.name}\nn = {graph.n}, {graph.edges} directed edges{legend}"


def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure as .png, .svg or .pdf, whole or not at all; the same figure gives the same bytes.

    Raises:
        UserError: another ending, or a folder that is not there.
    """
    import matplotlib as mpl

    target = Path(path)
    kind = target.suffix.lower()
    if kind not in ENDINGS:
        ending = repr(kind) if kind else "a name without ending"
        raise UserError(f"{target}: cannot draw into {ending}; expected .png, .svg or .pdf.")
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(kind)
    with replacing(target) as temporary, mpl.rc_context({"svg.hashsalt": "graph2nn", "svg.fonttype": "none"}):
        figure.savefig(temporary, format=kind[1:], dpi=160, metadata=undated)
    return target


def _positions(graph: RelationalGraph, layout: str, seed: int) -> Points:
    """Places of the nodes, ``[n, 2]`` in [−1, 1]; the circle starts at the top and goes clockwise."""
    if layout == "circular":
        angle = np.pi / 2 - 2 * np.pi * np.arange(graph.n) / graph.n
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    import networkx as nx

    places = nx.spring_layout(graph.symmetrised().to_networkx(), seed=seed, iterations=100)
    points = np.array(list(places.values()), dtype=np.float64)
    points -= points.mean(axis=0)
    return np.asarray(points / max(float(np.abs(points).max()), 1e-9), dtype=np.float64)


def _network(axes: Axes, graph: RelationalGraph, points: Points) -> None:
    from matplotlib.collections import LineCollection, PolyCollection

    adjacency = without_loops(graph.dense_adjacency("this drawing"))
    both = np.argwhere(np.triu(adjacency & adjacency.T))
    one_way = np.argwhere(adjacency & ~adjacency.T)
    # Ink per edge falls as edges crowd, so that a dense graph is grey and not black.
    crowd = (len(both) + len(one_way)) / 60
    alpha = float(np.clip(0.9 / max(crowd, 1) ** 0.45, 0.12, 0.9))
    width = float(np.clip(1.6 / max(crowd, 1) ** 0.3, 0.5, 1.6))
    lines = LineCollection(list(points[both]), colors=_LINE, linewidths=width, alpha=alpha, zorder=1)
    axes.add_collection(lines)
    if len(one_way):
        triangles = _wedges(points[one_way[:, 0]], points[one_way[:, 1]], 0.008 * width)
        axes.add_collection(
            PolyCollection(list(triangles), facecolors=_WEDGE, linewidths=0, alpha=alpha, zorder=2)
        )
    _nodes(axes, graph, points)
    axes.set(xlim=(-1.12, 1.12), ylim=(-1.12, 1.12), aspect="equal")
    axes.axis("off")


def _wedges(readers: Points, read: Points, half_width: float) -> npt.NDArray[np.float64]:
    """Triangles ``[edges, 3, 2]`` from a base at the reader to a point at the node read."""
    along = read - readers
    length = np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = along[:, ::-1] * [-1, 1] / length * half_width
    return np.stack([readers + across, readers - across, read], axis=1)


def _nodes(axes: Axes, graph: RelationalGraph, points: Points) -> None:
    degree = either_way(without_loops(graph.dense_adjacency("this drawing"))).sum(axis=1)
    labelled = graph.n <= _LABELLED
    size = 230 if labelled else float(np.clip(9000 / graph.n, 6, 140))
    low, high = int(degree.min()), int(degree.max())
    x, y = points[:, 0], points[:, 1]
    spots = axes.scatter(x, y, s=size, c=degree, cmap="YlGnBu", edgecolors=_INK, linewidths=0.6, zorder=3)
    if labelled:
        for i in range(graph.n):
            colour = "white" if degree[i] > (low + high) / 2 else _INK
            axes.text(x[i], y[i], str(i), ha="center", va="center", fontsize=7, color=colour, zorder=4)
    if low < high:
        bar = axes.figure.colorbar(spots, ax=axes, orientation="horizontal", shrink=0.4, pad=0.01, aspect=30)
        bar.set_label("degree" if not graph.directed else "neighbours in either direction", fontsize=8)
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_visible(False)


def _matrix(axes: Axes, graph: RelationalGraph) -> None:
    from matplotlib.ticker import MaxNLocator

    if graph.n > DENSE_LIMIT:
        _binned_matrix(axes, graph)
        return
    image: Any = np.where(graph.adjacency, 1.0, 0.0)
    if graph.self_loops == "all":
        np.fill_diagonal(image, 0.25)  # implied self-loops: seen, but not as edges
    axes.imshow(image, cmap="Blues", vmin=0, vmax=1.25, interpolation="nearest")
    axes.set(xlabel="node that is read", ylabel="node that reads")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(8, integer=True))
    axes.tick_params(labelsize=8)


def _binned_matrix(axes: Axes, graph: RelationalGraph) -> None:
    """Draw a large matrix as densities of connections between stretches of neighbouring nodes."""
    from matplotlib.colors import LogNorm

    bins = 512
    read, readers = graph.edge_index
    edges = np.linspace(0, graph.n, bins + 1)
    count, _, _ = np.histogram2d(readers, read, bins=[edges, edges])
    density = np.where(count > 0, count / (graph.n / bins) ** 2, np.nan)
    image = axes.imshow(
        density, cmap="Blues", norm=LogNorm(), interpolation="nearest", extent=(0, graph.n, graph.n, 0)
    )
    axes.set(xlabel="node that is read", ylabel="node that reads")
    axes.tick_params(labelsize=8)
    bar = axes.figure.colorbar(image, ax=axes, orientation="horizontal", shrink=0.6, pad=0.02, aspect=40)
    bar.set_label(f"density of connections among {graph.n / bins:.0f} × {graph.n / bins:.0f} nodes", fontsize=8)
