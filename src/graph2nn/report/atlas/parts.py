"""The atlas as parts of a page: markup, style, script and data, to be inlined where a page wants them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.abc import Traversable
from typing import Any

import pandas as pd

from graph2nn.report.atlas.atlas_data import Box, Graphs, payload
from graph2nn.report.atlas.codec import text

#: The script's files, in the order in which each needs the ones before it.
_SCRIPTS = ("unpack", "columns", "points", "portrait", "plane", "sketch", "card", "list", "controls")


#: plotly.js 4.1.1 with the charts of a plane alone, as its package plotly.js-cartesian-dist-min has it; gzip;
#: its licence lies next to it.
PLOTLY = "vendor/plotly-cartesian.min.js.gz"


@dataclass(frozen=True)
class Atlas:
    """What a page inlines: ``html``, with data and scripts right behind the markup, and ``css``.

    Example:
        >>> Atlas(html="<p>plane</p>", css="").html
        '<p>plane</p>'
    """

    html: str
    css: str


def atlas(
    evaluations: pd.DataFrame,
    graphs: Graphs,
    *,
    measures: pd.DataFrame | None = None,
    sweet_spots: Mapping[str, Box] | None = None,
    highlighted: Sequence[str] = (),
) -> Atlas:
    """Make the atlas of one or more tasks; arguments and errors as :func:`payload`.

    Args:
        evaluations: as for :func:`payload`.
        graphs: as for :func:`payload`.
        measures: as for :func:`payload`.
        sweet_spots: as for :func:`payload`.
        highlighted: as for :func:`payload`.

    Returns:
        The parts that a page inlines.

    Example:
        >>> import pandas as pd
        >>> columns = ["task", "kind", "graph", "clustering", "path_length", "seed", "epoch", "test_error"]
        >>> rows = [
        ...     ("mlp", "relational", "a", 0.5, 1.9, 1, 200, 32.3),
        ...     ("mlp", "relational", "b", 0.2, 2.1, 1, 200, 33.0),
        ... ]
        >>> "atlas-data" in atlas(pd.DataFrame(rows, columns=columns), {}).html
        True
    """
    packed = payload(evaluations, graphs, measures=measures, sweet_spots=sweet_spots, highlighted=highlighted)
    return Atlas(html=f"{_asset('atlas.html')}\n{_data(packed)}\n{_scripts()}", css=_asset("atlas.css"))


def _data(packed: Mapping[str, Any]) -> str:
    return f'<script type="application/json" id="atlas-data">{in_script(packed)}</script>'


def _scripts() -> str:
    """Plotly, which is a third of its size compressed and unpacked by every browser since 2023; our own."""
    plotly = text(_assets().joinpath(PLOTLY).read_bytes())
    scripts = "\n".join(_asset(f"{name}.js") for name in _SCRIPTS)
    # One scope for all our files, and none of the page's.
    return (
        f'<script type="text/plain" id="atlas-plotly">{plotly}</script>\n'
        f'<script>\n(() => {{\n"use strict";\n{scripts}\n}})();\n</script>'
    )


def in_script(value: object) -> str:
    """Write JSON that cannot end the element it stands in, whatever its strings hold."""
    written = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return written.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _asset(name: str) -> str:
    return _assets().joinpath(name).read_text(encoding="utf-8")


def _assets() -> Traversable:
    return resources.files("graph2nn.report") / "atlas" / "assets"
