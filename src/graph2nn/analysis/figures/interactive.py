"""The (C, L) map to point at: a plotly figure that the page draws without a network."""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np
import pandas as pd

from graph2nn.analysis.figures.plane import colour_range
from graph2nn.analysis.figures.theme import COLOURS
from graph2nn.analysis.findings import Findings
from graph2nn.analysis.words import error, number


def draw(found: Findings) -> str:
    """Return the figure as JSON that is safe inside a ``<script>`` element."""
    import plotly.graph_objects as go

    low, high, _ = colour_range(found)
    rows = found.graphs.iloc[::-1]
    scale = {"cmin": low, "cmax": high, "colorscale": COLOURS.capitalize()}
    bar = {"title": {"text": "error (%)", "side": "right"}, "thickness": 12, "outlinewidth": 0}
    size = float(np.clip(70 / math.sqrt(len(rows)), 6, 13))
    figure = go.Figure()
    figure.add_scatter(
        x=rows["clustering"].tolist(),
        y=rows["path_length"].tolist(),
        mode="markers",
        marker={
            "color": rows["mean"].tolist(),
            "size": size,
            "colorbar": bar,
            "line": {"width": 0.7, "color": "rgba(140,145,160,0.9)"},
            **scale,
        },
        text=[_hover(row) for _, row in rows.iterrows()],
        hovertemplate="%{text}<extra></extra>",
        name="graphs",
    )
    if found.baseline is not None:
        figure.add_scatter(
            x=[float(found.baseline["clustering"])],
            y=[float(found.baseline["path_length"])],
            mode="markers",
            marker={
                "color": [float(found.baseline["mean"])],
                "size": 18,
                "symbol": "star",
                "line": {"width": 1},
            }
            | scale,
            text=[_hover(found.baseline)],
            hovertemplate="%{text}<extra></extra>",
            name="baseline",
        )
    figure.update_layout(**_layout(found))
    # "<" in a label could otherwise end the script element.
    return (
        str(figure.to_json()).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    )


def _layout(found: Findings) -> dict[str, Any]:
    spot = found.spot
    shapes = []
    if spot.tested and len(spot.graphs) > 1:
        corners = {"x0": spot.C_min, "x1": spot.C_max, "y0": spot.L_min, "y1": spot.L_max}
        line = {"dash": "dash", "width": 1.5, "color": "#2f9e5b"}
        fill = "rgba(47,158,91,0.10)"
        shapes.append({"type": "rect", **corners, "line": line, "fillcolor": fill, "layer": "below"})
    return {
        "template": "none",
        "showlegend": False,
        "shapes": shapes,
        "margin": {"l": 56, "r": 8, "t": 12, "b": 48},
        "height": 460,
        "hovermode": "closest",
        "xaxis": {"title": {"text": "clustering coefficient C"}, "zeroline": False},
        "yaxis": {"title": {"text": "average path length L"}, "zeroline": False},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }


def _hover(row: pd.Series) -> str:
    """Text of one point; the label is escaped, as plotly reads tags in hover text."""
    lines = [
        f"<b>{html.escape(str(row['graph']))}</b>",
        f"error {error(row)} %  ({int(row['seeds'])} seed{'' if row['seeds'] == 1 else 's'})",
        f"C {number(row['clustering'], 3)}   L {number(row['path_length'], 3)}",
    ]
    if math.isfinite(row["gain"]):
        reach = ""
        if math.isfinite(row["gain_low"]):
            reach = f"  [{number(row['gain_low'])}, {number(row['gain_high'])}]"
        lines.insert(2, f"gain {number(row['gain'])} points{reach}")
    return "<br>".join(lines)
