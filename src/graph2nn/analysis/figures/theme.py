"""How figures look: ink, paper and type, once for a light page and once for a dark one."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Dots per inch of the PNGs.
DPI = 150
#: Perceptually uniform, readable in grey and by colour-blind readers.
COLOURS = "viridis"


@dataclass(frozen=True)
class Theme:
    """Colours of a page: ``rim`` around dots; ``good``, ``bad``, ``base`` for best, worst, baseline."""

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

    def style(self) -> Any:
        """Return matplotlib's settings for this theme."""
        return {
            "figure.facecolor": self.paper,
            "savefig.facecolor": self.paper,
            "axes.facecolor": self.paper,
            "axes.edgecolor": self.faint,
            "axes.labelcolor": self.ink,
            "axes.titlecolor": self.ink,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.labelsize": 10.5,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.unicode_minus": True,
            "grid.color": self.grid,
            "grid.linewidth": 0.7,
            "text.color": self.ink,
            "xtick.color": self.faint,
            "ytick.color": self.faint,
            "xtick.labelcolor": self.ink,
            "ytick.labelcolor": self.ink,
            "xtick.labelsize": 9.5,
            "ytick.labelsize": 9.5,
            "legend.frameon": False,
            "legend.fontsize": 9.5,
            "font.size": 10,
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans"],
            # Labels come from the user's table: a $ in one is a dollar, not the start of a formula.
            "text.parse_math": False,
        }


LIGHT = Theme(
    name="light",
    paper="#ffffff",
    ink="#1c2230",
    faint="#8a91a1",
    grid="#e7e9ee",
    rim="#ffffff",
    point="#3f6fb5",
    fit="#c2571a",
    base="#6b3fa0",
    good="#15803d",
    bad="#b42318",
)
DARK = Theme(
    name="dark",
    paper="#161a22",
    ink="#e6e9ef",
    faint="#7d8596",
    grid="#2a303c",
    rim="#aab3c2",
    point="#7fb0ee",
    fit="#f0a060",
    base="#c39bf0",
    good="#5fd08a",
    bad="#ff8a7a",
)


def render(draw: Callable[[Theme], Figure], theme: Theme, *, dpi: int = DPI) -> bytes:
    """Draw a figure under a theme and return its PNG."""
    with mpl.rc_context(theme.style()):
        figure = draw(theme)
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=dpi)
    return png.getvalue()


def canvas(width: float, height: float) -> Figure:
    """Return an empty figure, inches; without pyplot, so nothing global holds on to it."""
    figure = Figure(figsize=(width, height))
    # The padding, inches, keeps text at the rim from touching it.
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    return figure


def short(label: str, limit: int = 30) -> str:
    """Cut a label from the middle, so that its start and its seed stay readable."""
    if len(label) <= limit:
        return label
    head = (limit - 1) * 2 // 3
    return f"{label[:head]}…{label[-(limit - 1 - head) :]}"


def legend_below(axes: Axes, columns: int = 3) -> None:
    """Put the legend under the axes, where it can hide nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, len(handles)))
