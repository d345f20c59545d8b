"""Theme of the figures: colours and fonts, for light and dark pages."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graph2nn.graphs.draw import drawable
from graph2nn.report.phrasing import readable

#: Dots per inch of a page's PNGs: a figure as wide as a sheet of paper's text fills a column of the page.
DPI = 190
#: Widths, inches: of one column of a paper, and of its whole text. Type is sized to be read there as it is.
COLUMN, TEXT = 3.4, 7.0
#: Settings under which a figure whose layout engine was taken away gets no other one.
_LAID_OUT_ONCE: Any = {"figure.autolayout": False, "figure.constrained_layout.use": False}
#: Perceptually uniform, readable in grey and by colour-blind readers.
COLOURS = "viridis"
#: One a task, so that a line is told from another without its colour too.
MARKERS = ("o", "s", "D", "^", "v", "P")


@dataclass(frozen=True)
class Theme:
    """Colours of a page.

    ``rim`` goes around dots; ``good``, ``bad``, ``base`` are best, worst, baseline; ``tasks`` tells tasks
    apart (after Okabe and Ito). Colours of one set stay apart for colour-blind readers. ``spelled``
    names graphs by their parameters, for readers who do not know our labels.
    """

    name: str
    paper: str
    ink: str
    faint: str
    grid: str
    rim: str
    point: str
    fit: str
    base: str
    good: str
    bad: str
    tasks: tuple[str, ...]
    spelled: bool = False

    def graph(self, label: object, limit: int = 30) -> str:
        """Name a graph within a limit of letters; spelled out, WS-flex graphs name their parameters."""
        return short(readable(str(label)), max(limit, 36)) if self.spelled else short(str(label), limit)

    def task(self, index: int) -> tuple[str, str]:
        """Colour and marker of a task; both repeat after six."""
        return self.tasks[index % len(self.tasks)], MARKERS[index % len(MARKERS)]

    def style(self) -> Any:
        """Return matplotlib's settings for this theme."""
        return {
            "figure.facecolor": self.paper,
            "savefig.facecolor": self.paper,
            "axes.facecolor": self.paper,
            "axes.edgecolor": self.faint,
            "axes.labelcolor": self.ink,
            "axes.titlecolor": self.ink,
            "axes.titlesize": 8.5,
            "axes.titlelocation": "left",
            "axes.labelsize": 8.2,
            "axes.linewidth": 0.7,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.unicode_minus": True,
            "grid.color": self.grid,
            "grid.linewidth": 0.55,
            "text.color": self.ink,
            "xtick.color": self.faint,
            "ytick.color": self.faint,
            "xtick.labelcolor": self.ink,
            "ytick.labelcolor": self.ink,
            "xtick.labelsize": 7.5,
            "ytick.labelsize": 7.5,
            "xtick.major.size": 2.8,
            "ytick.major.size": 2.8,
            "xtick.major.width": 0.7,
            "ytick.major.width": 0.7,
            "legend.frameon": False,
            "legend.fontsize": 7.5,
            "font.size": 8,
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans"],
            # Labels come from the user's table: a $ in one is a dollar, not the start of a formula.
            "text.parse_math": False,
            # Publishers refuse the Type 3 fonts that are matplotlib's default.
            "pdf.fonttype": 42,
            # A page shows SVGs as they were drawn; a paper's can be searched and edited as text.
            "svg.fonttype": "none" if self.spelled else "path",
        }


LIGHT = Theme(
    name="light",
    paper="#ffffff",
    ink="#1c2230",
    faint="#8a91a1",
    grid="#e7e9ee",
    rim="#ffffff",
    point="#2f5fc0",
    fit="#c98500",
    base="#30343f",
    good="#00936b",
    bad="#c2331a",
    tasks=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"),
)
DARK = Theme(
    name="dark",
    paper="#161a22",
    ink="#e6e9ef",
    faint="#7d8596",
    grid="#2a303c",
    rim="#aab3c2",
    point="#6ea0f5",
    fit="#e3b341",
    base="#f2f4f8",
    good="#4fd6a5",
    bad="#ff7f6e",
    tasks=("#4f8fe6", "#ff7a33", "#1fbf92", "#e79ac6", "#8fd3ff", "#f3c544"),
)


#: Figures of a paper: black type on white.
PAPER = replace(LIGHT, name="paper", ink="#000000", faint="#555b66", spelled=True)


def render(draw: Callable[[Theme], Figure], theme: Theme, *, dpi: int = DPI) -> bytes:
    """Draw a figure under a theme and return its PNG.

    Args:
        draw: makes the figure.
        theme: its colours and fonts.
        dpi: dots per inch.

    Returns:
        The PNG.
    """
    return rendered(draw, theme, ("png",), dpi=dpi)[0]


def rendered(
    draw: Callable[[Theme], Figure], theme: Theme, formats: Sequence[str], *, dpi: int = DPI
) -> list[bytes]:
    """Draw a figure once and return it in several formats; the same figure gives the same bytes.

    Args:
        draw: makes the figure.
        theme: its colours and fonts.
        formats: ``png``, ``pdf``, ``svg``.
        dpi: dots per inch, of PNG.

    Returns:
        One file's bytes per format.
    """
    files = []
    with mpl.rc_context({**theme.style(), **_LAID_OUT_ONCE, "svg.hashsalt": "graph2nn"}):
        figure = draw(theme)
        _lay_out(figure, dpi)
        for kind in formats:
            stream = io.BytesIO()
            undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
            figure.savefig(stream, format=kind, dpi=dpi, metadata=undated)
            files.append(stream.getvalue())
    return files


def _lay_out(figure: Figure, dpi: int) -> None:
    """Lay a figure out for good: all formats have every label in the same place, and each is drawn once.

    As long as a figure has a layout engine, even a spent one, ``savefig`` draws everything twice.
    """
    figure.set_dpi(dpi)
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    figure.set_layout_engine(None)


def canvas(width: float, height: float) -> Figure:
    """Return an empty figure, inches; without pyplot, so nothing global holds on to it."""
    figure = Figure(figsize=(width, height))
    # The padding, inches, keeps text at the rim from touching it.
    figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.06)
    return figure


def short(label: str, limit: int = 30) -> str:
    """Cut a label from the middle, so that its start and its seed stay readable."""
    label = drawable(label)
    if len(label) <= limit:
        return label
    head = (limit - 1) * 2 // 3
    return f"{label[:head]}…{label[-(limit - 1 - head) :]}"


def wrapped(label: str, width: int = 14, lines: int = 3) -> str:
    """Break a label after its underscores, hyphens and spaces, so that it fits a narrow place.

    Args:
        label: to break.
        width: characters per line.
        lines: at most.

    Returns:
        The label with line breaks.
    """
    rows = [""]
    for piece in re.split(r"(?<=[_\-\s])", label):
        if rows[-1] and len(rows[-1]) + len(piece) > width:
            rows.append("")
        rows[-1] += piece
    return "\n".join(short(row, width + 4) for row in rows[:lines]) + ("…" if len(rows) > lines else "")


def legend_below(panels: Axes | Sequence[Axes], columns: int = 3) -> None:
    """Put the legend of one or more panels, each entry once, under them, where it can hide nothing."""
    panels = [panels] if isinstance(panels, Axes) else panels
    named: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if named:
        columns = min(columns, len(named))
        panels[0].figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=columns)
