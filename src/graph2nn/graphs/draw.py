"""Pictures of a graph: on a circle, spread by springs component by component, or as its adjacency matrix.

Nodes are coloured by degree. A directed edge is a wedge, wide at the node that reads and pointed at the node
it reads (of the usual styles the one read most surely: Holten and van Wijk 2009); edges that go both ways are
plain lines. Figures are values: nothing here touches pyplot or its global state.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError, unknown
from graph2nn.files import replacing
from graph2nn.graphs import layouts
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.layouts import Points
from graph2nn.graphs.storage import either_way, without_loops

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LAYOUTS = ("circular", "spring", "matrix")
ENDINGS = (".png", ".svg", ".pdf")

_LINE, _WEDGE, _INK = "#5b6b7d", "#c2571a", "#1d2733"
#: Up to this many nodes there is room for their numbers.
_LABELLED = 32
#: Longer names of nodes are cut.
_LONGEST = 16
#: More edges than this are drawn as a random sample: ink upon ink would hide them all.
_MOST_EDGES = 20_000
#: Larger matrices are drawn as densities of this many rows and columns.
_PIXELS = 1024


def graph(graph: RelationalGraph, layout: str = "circular", *, seed: int = 0) -> Figure:
    """Draw ``graph`` in one layout, or side by side in all.

    Args:
        graph: any graph; to be read with ease, up to a few hundred nodes. Very many edges become a sample.
        layout: ``circular``, ``spring``, ``matrix`` or ``all``.
        seed: of the spring layout.

    Returns:
        The figure.

    Raises:
        UserError: an unknown layout.
    """
    import matplotlib as mpl

    if layout not in (*LAYOUTS, "all"):
        raise unknown("layout", layout, [*LAYOUTS, "all"])
    # A $ in a name is a dollar, not the start of a formula.
    with mpl.rc_context({"text.parse_math": False}):
        return _drawn(graph, layout, seed)


def _drawn(graph: RelationalGraph, layout: str, seed: int) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    shown = LAYOUTS if layout == "all" else (layout,)
    room = ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.12)
    figure = Figure(figsize=(6.2 * len(shown), 7.0), layout=room)
    for axes, kind in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        if kind == "matrix":
            _matrix(axes, graph)
        else:
            points = layouts.circle(graph.n) if kind == "circular" else layouts.springs(graph, seed)
            _network(axes, graph, points, outwards=kind == "circular")
    figure.suptitle(_title(graph, network=shown != ("matrix",)), fontsize=11, color=_INK)
    return figure


def _title(graph: RelationalGraph, *, network: bool) -> str:
    kind = "directed edges" if graph.directed else "edges"
    lines = [drawable(graph.name), f"n = {graph.n}, {graph.edges} {kind}"]
    if network and graph.directed:
        lines.append("wedges point from the reader to the read, lines go both ways")
    if network and graph.edges > _MOST_EDGES:
        lines.append(f"{_MOST_EDGES:,} of the edges are drawn, chosen at random")
    return "\n".join(lines)


def drawable(text: str) -> str:
    r"""Write what no font can show, bytes of a file name that are no text, as the terminal does.

    >>> drawable("ring\udcff")
    'ring\\udcff'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


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
    # Made in memory: on a full disk matplotlib's writers fail in ways of their own.
    drawn = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "graph2nn", "svg.fonttype": "none"}):
        figure.savefig(drawn, format=kind[1:], dpi=160, metadata=undated)
    with replacing(target) as temporary:
        temporary.write_bytes(drawn.getbuffer())
    return target


def _network(axes: Axes, graph: RelationalGraph, points: Points, *, outwards: bool) -> None:
    from matplotlib.collections import LineCollection, PolyCollection

    both, one_way = _drawn_edges(graph)
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
    _nodes(axes, graph, points, outwards=outwards)
    margin = 1.12 if graph.node_names is None or graph.n > _LABELLED else 1.3
    axes.set(xlim=(-margin, margin), ylim=(-margin, margin), aspect="equal")
    axes.axis("off")


def _drawn_edges(graph: RelationalGraph) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the edges that go both ways and the others, as rows (reader, read); a sample of very many."""
    read, readers = graph.edge_index
    back = np.isin(readers * graph.n + read, read * graph.n + readers)
    rows = np.stack([readers, read], axis=1)
    both, one_way = rows[back & (readers < read)], rows[~back]
    total = len(both) + len(one_way)
    if total > _MOST_EDGES:
        chosen = np.random.RandomState(0).permutation(total)[:_MOST_EDGES]
        both, one_way = both[chosen[chosen < len(both)]], one_way[chosen[chosen >= len(both)] - len(both)]
    return both, one_way


def _wedges(readers: Points, read: Points, half_width: float) -> npt.NDArray[np.float64]:
    """Triangles ``[edges, 3, 2]`` from a base at the reader to a point at the node read."""
    along = read - readers
    length = np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = along[:, ::-1] * [-1, 1] / length * half_width
    return np.stack([readers + across, readers - across, read], axis=1)


def _nodes(axes: Axes, graph: RelationalGraph, points: Points, *, outwards: bool) -> None:
    either = without_loops(either_way(graph.csr))
    degree = np.asarray(either.astype(np.int64).sum(axis=1)).reshape(-1)
    labelled = graph.n <= _LABELLED
    size = 230 if labelled else float(np.clip(9000 / graph.n, 6 if graph.n < 5000 else 1, 140))
    low, high = int(degree.min()), int(degree.max())
    x, y = points[:, 0], points[:, 1]
    spots = axes.scatter(
        x,
        y,
        s=size,
        c=degree,
        cmap="YlGnBu",
        edgecolors=_INK,
        linewidths=0.6 if graph.n < 5000 else 0,
        zorder=3,
    )
    if labelled and graph.node_names is not None:
        _names(axes, graph.node_names, points, outwards=outwards)
    elif labelled:
        for i in range(graph.n):
            colour = "white" if degree[i] > (low + high) / 2 else _INK
            axes.text(x[i], y[i], str(i), ha="center", va="center", fontsize=7, color=colour, zorder=4)
    if low < high:
        bar = axes.figure.colorbar(spots, ax=axes, orientation="horizontal", shrink=0.4, pad=0.01, aspect=30)
        bar.set_label("degree" if not graph.directed else "neighbours in either direction", fontsize=8)
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_visible(False)


def _names(axes: Axes, names: tuple[str, ...], points: Points, *, outwards: bool) -> None:
    """Write the names of the nodes: around a circle outside it, else above each node."""
    for name, (x, y) in zip(names, points, strict=True):
        shown = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        if outwards:
            side = "left" if x > 0.05 else "right" if x < -0.05 else "center"
            axes.text(1.08 * x, 1.08 * y, shown, ha=side, va="center", fontsize=7, color=_INK, zorder=4)
        else:
            axes.text(x, y + 0.05, shown, ha="center", va="bottom", fontsize=7, color=_INK, zorder=4)


def _matrix(axes: Axes, graph: RelationalGraph) -> None:
    from matplotlib.ticker import MaxNLocator

    if graph.n > _PIXELS:
        _densities(axes, graph)
    else:
        image: Any = graph.csr.toarray().astype(np.float64)
        if graph.self_loops == "all":
            np.fill_diagonal(image, 0.25)  # implied self-loops: seen, but not as edges
        axes.imshow(image, cmap="Blues", vmin=0, vmax=1.25, interpolation="nearest")
    axes.set(xlabel="node that is read", ylabel="node that reads")
    if graph.node_names is not None and graph.n <= _LABELLED:
        axes.set_xticks(range(graph.n), graph.node_names, rotation=90)
        axes.set_yticks(range(graph.n), graph.node_names)
    else:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(8, integer=True))
    axes.tick_params(labelsize=8 if graph.node_names is None else 6)


def _densities(axes: Axes, graph: RelationalGraph) -> None:
    """Draw a large matrix as the share of entries that are on in each of many squares."""
    read, readers = graph.edge_index
    counts, _, _ = np.histogram2d(readers, read, bins=_PIXELS, range=[[0, graph.n], [0, graph.n]])
    share = counts / (graph.n / _PIXELS) ** 2
    top = float(np.quantile(share[share > 0], 0.99)) if share.any() else 1.0
    extent = (-0.5, graph.n - 0.5, graph.n - 0.5, -0.5)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=top, extent=extent, interpolation="nearest")
    bar = axes.figure.colorbar(image, ax=axes, orientation="horizontal", shrink=0.4, pad=0.08, aspect=30)
    bar.set_label("share of entries that are on", fontsize=8)
    bar.ax.tick_params(labelsize=7)
