"""index.html: one file that says what was found, shows it, and opens without a network."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template

import pandas as pd

from graph2nn.analysis.findings import ALPHA, Findings
from graph2nn.analysis.words import Headline, number, percent


@dataclass(frozen=True)
class Picture:
    """A rendered figure: PNG bytes for light and dark pages."""

    name: str
    title: str
    caption: str
    light: bytes
    dark: bytes


#: Heading, column of ``per_graph``, digits (None for text); the heading's explanation.
_COLUMNS: tuple[tuple[str, str, int | None, str], ...] = (
    ("graph", "graph", None, "label"),
    ("error %", "mean", 2, "mean top-1 error of the final epoch"),
    ("sd", "sd", 2, "sample standard deviation over seeds"),
    ("C", "clustering", 3, "clustering coefficient"),
    ("L", "path_length", 3, "average path length"),
    ("gain", "gain", 2, "baseline's mean minus this mean, points"),
    ("gain low", "gain_low", 2, "low end of the interval of the gain"),
    ("gain high", "gain_high", 2, "high end of the interval of the gain"),
    ("p", "p_value", 4, "Welch's t-test against the baseline, two-sided"),
    ("p (Holm)", "p_holm", 4, "the same after Holm's correction over all graphs"),
    ("seeds", "seeds", 0, "runs counted"),
    ("low", "low", 2, "low end of the interval of the mean"),
    ("high", "high", 2, "high end of the interval of the mean"),
    ("sparsity", "sparsity", 3, "average degree / n"),
    ("n", "n", 0, "nodes"),
    ("widths", "widths", None, "features of each stage"),
    ("MACs", "macs", 0, "multiply-adds of one forward pass"),
    ("params", "params", 0, "effective parameters"),
)


def page(
    found: Findings,
    headline: Headline,
    pictures: Sequence[Picture],
    *,
    plane: str,
    title: str,
    notes: Sequence[str],
    provenance: Mapping[str, str],
) -> str:
    """Return the page. Text from the table is escaped; ``plane`` is plotly JSON, already safe in a script."""
    from plotly.offline import get_plotlyjs

    sections = [_section(picture) for picture in pictures]
    sections.insert(1, _PLANE_SECTION)
    return Template(_asset("page.html")).substitute(
        title=html.escape(title),
        css=_asset("page.css"),
        js=_asset("page.js"),
        plotly=get_plotlyjs(),
        headline=html.escape(headline.title),
        lead=html.escape(headline.lead),
        notes="\n".join(f'<p class="note" role="note">{html.escape(note)}</p>' for note in notes),
        stats=_stats(found),
        remarks=_remarks(headline, found),
        sections="\n".join(sections),
        plane=plane,
        table=_table(found),
        provenance=_definitions(provenance),
    )


_PLANE_SECTION = """<section id="plane-section" hidden>
<h2>The same map, to point at</h2>
<figure><div id="plane"></div></figure>
<p class="caption">Point at a graph for its numbers; drag to zoom, double-click to return.</p>
</section>"""


def _asset(name: str) -> str:
    return (resources.files("graph2nn.analysis") / "assets" / name).read_text(encoding="utf-8")


def _section(picture: Picture) -> str:
    light, dark = (base64.b64encode(png).decode() for png in (picture.light, picture.dark))
    wide = ' class="wide"' if picture.name.startswith(("graphs_", "learning")) else ""
    return (
        f'<section id="{picture.name}">\n<h2>{html.escape(picture.title)}</h2>\n<figure{wide}><picture>'
        f'<source media="(prefers-color-scheme: dark)" srcset="data:image/png;base64,{dark}">'
        f'<img src="data:image/png;base64,{light}" alt="{html.escape(picture.title)}"></picture></figure>\n'
        f'<p class="caption">{html.escape(picture.caption)}</p>\n</section>'
    )


def _stats(found: Findings) -> str:
    runs, graphs = found.results.runs, found.graphs
    facts = {
        "model": str(runs["model"].iloc[0]),
        "data": str(runs["data"].iloc[0]),
        "epochs": f"{runs['epochs'].iloc[0]:g}",
        "graphs": f"{len(graphs):,}" + (" + baseline" if found.baseline is not None else ""),
        "seeds a graph": _span(graphs["seeds"]),
        "runs": f"{len(runs):,}",
        "MACs": _span(runs["macs"]),
        "parameters": _span(runs["params"]),
    }
    if "seconds" in runs and pd.api.types.is_numeric_dtype(runs["seconds"]):
        facts["training time"] = _duration(float(runs["seconds"].sum()))
    cells = "".join(f"<div><dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd></div>" for k, v in facts.items())
    return f'<dl class="stats">{cells}</dl>'


def _span(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return f"{low:,}" if low == high else f"{low:,} – {high:,}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _remarks(headline: Headline, found: Findings) -> str:
    remarks = list(headline.remarks)
    if (found.graphs["seeds"] > 1).any():
        remarks.append(
            f"± is the sample standard deviation over seeds (n − 1). Intervals are {percent(found.confidence)} "
            f"percentile bootstraps of {found.draws:,} resamples; of three to five seeds they come out too "
            "narrow, so trust the tests before an interval that only just leaves 0 out."
        )
    items = "".join(f"<li>{html.escape(remark)}</li>" for remark in remarks)
    return (
        f'<section>\n<h2>How far to trust it</h2>\n<ul class="remarks">{items}</ul>\n</section>'
        if items
        else ""
    )


def _table(found: Findings) -> str:
    heads = "".join(
        f'<th scope="col" title="{html.escape(why)}"><button type="button">{html.escape(head)}</button></th>'
        for head, _, _, why in _COLUMNS
    )
    rows = [] if found.baseline is None else [_row(found.baseline)]
    rows += [_row(row) for _, row in found.graphs.iterrows()]
    return (
        '<section id="graphs">\n<h2>Every graph</h2>\n<div class="table" tabindex="0"><table>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody></table></div>\n"
        '<p class="caption">Press a heading to sort by it. Errors in %, gains in points.</p>\n</section>'
    )


def _row(row: pd.Series) -> str:
    name = ' class="baseline"' if row["kind"] == "baseline" else ""
    return f"<tr{name}>" + "".join(_cell(row, column, digits) for _, column, digits, _ in _COLUMNS) + "</tr>"


def _cell(row: pd.Series, column: str, digits: int | None) -> str:
    value = row[column]
    if digits is None:
        return f"<td>{html.escape(str(value))}</td>"
    if not math.isfinite(value):
        return '<td data-value="">–</td>'
    mark = ""
    if column == "gain" and row["p_holm"] <= ALPHA:
        mark = ' class="better"' if value > 0 else ' class="worse"'
    shown = f"{int(value):,}" if digits == 0 else number(float(value), digits)
    if column.startswith("p_") and value < 1e-4:
        shown = "&lt; 0.0001"
    return f'<td{mark} data-value="{float(value)!r}">{shown}</td>'


def _definitions(facts: Mapping[str, str]) -> str:
    items = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in facts.items())
    return f"<dl>{items}</dl>"
