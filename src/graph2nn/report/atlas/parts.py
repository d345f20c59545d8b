"""The atlas as parts of a page: markup, style, script and data, to be inlined where a page wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import pandas as pd
from markupsafe import Markup

from graph2nn.report.atlas.atlas_data import Box, Graphs, payload
from graph2nn.report.atlas.codec import text
from graph2nn.report.templates import asset, html_of

_FOLDER = "atlas/assets"
#: The script's files, in the order in which each needs the ones before it.
_SCRIPTS = ("unpack", "columns", "points", "portrait", "plane", "sketch", "card", "list", "controls")


#: plotly.js 4.1.1 with the charts of a plane alone, as its package plotly.js-cartesian-dist-min has it; gzip;
#: its licence lies next to it.
PLOTLY = "vendor/plotly-cartesian.min.js.gz"


@dataclass(frozen=True)
class Atlas:
    """What a page inlines: ``html``, with data and scripts right behind the markup, and ``css``.

    Example:
        >>> str(Atlas(html=Markup("<p>plane</p>"), css=Markup()).html)
        '<p>plane</p>'
    """

    html: Markup
    css: Markup


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
    # Plotly is a third of its size compressed, and unpacked by every browser since 2023.
    plotly = (resources.files("graph2nn.report") / _FOLDER / PLOTLY).read_bytes()
    scripts = [asset(f"{_FOLDER}/{name}.js") for name in _SCRIPTS]
    html = html_of(f"{_FOLDER}/atlas.html", data=packed, plotly=text(plotly), scripts=scripts)
    return Atlas(html=html, css=asset(f"{_FOLDER}/atlas.css"))
