"""The page index.html: one file with findings, figures and tables that opens offline."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

import pandas as pd

from graph2nn.analysis.findings import Findings
from graph2nn.report.atlas.parts import Atlas
from graph2nn.report.figures.alt_texts import alt_text
from graph2nn.report.listing import listing
from graph2nn.report.phrasing import Headline, percent

if TYPE_CHECKING:
    import PIL.Image

#: Figures that take the whole width of the page.
_WIDE = ("graphs_", "learning", "tasks_", "gains", "levels_", "slices_", "corners_", "surface_", "brains_")
#: Bytes from which a PNG is inlined with a little loss; its file next to the page is lossless.
_COMPLEX = 100_000


@dataclass(frozen=True)
class Picture:
    """A rendered figure: PNG bytes for light and dark pages."""

    name: str
    title: str
    caption: str
    light: bytes
    dark: bytes


@dataclass(frozen=True)
class Chapter:
    """What the page says about one task; ``notes`` say how its runs were read, and stand with the remarks.

    ``tables`` makes the HTML of further tables from ``heading``, the level of their headings, and ``name``, the
    start of their anchors.
    """

    task: str
    found: Findings
    headline: Headline
    pictures: Sequence[Picture]
    notes: Sequence[str] = ()
    tables: Callable[..., str] | None = None


def page(
    chapters: Sequence[Chapter],
    atlas: Atlas,
    *,
    title: str,
    pictures: Sequence[Picture] = (),
    notes: Sequence[str] = (),
    gaps: Sequence[str] = (),
    provenance: Mapping[str, str],
    first: str = "",
) -> str:
    """Return the page: what was found in words, the atlas of all tasks, then the figures of each task.

    With one chapter its headline is the page's; with several each has an article of its own, linked from the
    top. ``first`` is the HTML of a section before all others. ``pictures`` are of all tasks together; ``gaps``
    say at the end what is not shown, and why. Text is escaped, so labels, titles and notes stay text.

    Args:
        chapters: one per task.
        atlas: of all tasks.
        title: headline.
        pictures: of all tasks together.
        notes: remarks to put first.
        gaps: what is not shown, and why.
        provenance: what the page says of its making, by heading.
        first: HTML to put before all sections.

    Returns:
        HTML.
    """
    alone = chapters[0] if len(chapters) == 1 else None
    return Template(asset("page.html")).substitute(
        title=html.escape(title),
        css=f"{asset('page.css')}\n{atlas.css}",
        js=asset("page.js"),
        header=_header(title, alone.headline if alone else None),
        notes=_notes(notes) + first,
        opening=_stats(alone.found) if alone else _answers(chapters),
        atlas=atlas.html,
        together="\n".join(section_of(picture, 2, _anchor(picture.name)) for picture in pictures),
        chapters=_body(alone, 2) if alone else "\n".join(_article(chapter) for chapter in chapters),
        gaps=_gaps(gaps),
        provenance=_definitions(provenance),
    )


def asset(name: str) -> str:
    """Return a file that the page is made of, as text."""
    return (resources.files("graph2nn.report") / "assets" / name).read_text(encoding="utf-8")


def _header(title: str, headline: Headline | None) -> str:
    if headline is None:
        return f"<header>\n<h1>{html.escape(title)}</h1>\n</header>"
    return (
        f'<header>\n<p class="eyebrow">{html.escape(title)}</p>\n<h1>{html.escape(headline.title)}</h1>\n'
        f'<p class="lead">{html.escape(headline.lead)}</p>\n</header>'
    )


def _answers(chapters: Sequence[Chapter]) -> str:
    """What was found in each task, in one breath, with a link to the rest."""
    items = "\n".join(
        f'<li><a href="#{_anchor(chapter.task)}">{html.escape(chapter.task)}</a>'
        f'<p class="verdict">{html.escape(chapter.headline.title)}</p>'
        f"<p>{html.escape(chapter.headline.lead)}</p></li>"
        for chapter in chapters
    )
    return f'<ul class="answers">\n{items}\n</ul>' if items else ""


def _anchor(*names: str) -> str:
    return "-".join(re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "task" for name in names)


def _article(chapter: Chapter) -> str:
    headline = chapter.headline
    return (
        f'<article id="{_anchor(chapter.task)}">\n<p class="eyebrow">{html.escape(chapter.task)}</p>\n'
        f'<h2>{html.escape(headline.title)}</h2>\n<p class="lead">{html.escape(headline.lead)}</p>\n'
        f"{_stats(chapter.found)}\n{_body(chapter, 3)}\n</article>"
    )


def _body(chapter: Chapter, level: int) -> str:
    """Remarks, figures and table, under headings of a level; anchors carry the task below the top level."""
    task = [] if level == 2 else [chapter.task]
    sections = [section_of(picture, level, _anchor(*task, picture.name)) for picture in chapter.pictures]
    table = listing(chapter.found, heading=level, name=_anchor(*task, "graphs"))
    more = "" if chapter.tables is None else chapter.tables(heading=level, name=_anchor(*task, "nulls"))
    return "\n".join([_remarks(chapter, level), *sections, more, table])


def _notes(notes: Sequence[str]) -> str:
    return "\n".join(f'<p class="note" role="note">{html.escape(note)}</p>' for note in notes)


def _gaps(gaps: Sequence[str]) -> str:
    if not gaps:
        return ""
    items = "".join(f"<li>{html.escape(gap)}</li>" for gap in gaps)
    return f'<section id="not-shown">\n<h2>What is not shown</h2>\n<ul class="remarks">{items}</ul>\n</section>'


def section_of(picture: Picture, level: int, anchor: str) -> str:
    """Return a figure with title and caption as HTML, under a heading of a level.

    Args:
        picture: with title and caption.
        level: of the heading, 1 to 6.
        anchor: of the section.

    Returns:
        HTML.
    """
    light, dark = (base64.b64encode(_small(png)).decode() for png in (picture.light, picture.dark))
    alt = html.escape(alt_text(picture.name, picture.title))
    wide = ' class="wide"' if picture.name.startswith(_WIDE) else ""
    return (
        f'<section id="{anchor}">\n<h{level}>{html.escape(picture.title)}</h{level}>\n<figure{wide}><picture>'
        f'<source media="(prefers-color-scheme: dark)" srcset="data:image/webp;base64,{dark}">'
        f'<img src="data:image/webp;base64,{light}" alt="{alt}" decoding="async">'
        f'</picture></figure>\n<p class="caption">{html.escape(picture.caption)}</p>\n</section>'
    )


def _small(png: bytes) -> bytes:
    """Encode a picture as WebP: without loss where it is simple, else (thousands of dots or lines) nearly."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        pixels = picture.convert("RGB")
    return _webp(pixels, lossless=True) if len(png) < _COMPLEX else _webp(pixels, quality=75)


def _webp(pixels: PIL.Image.Image, **options: Any) -> bytes:
    encoded = io.BytesIO()
    # Half the time of the usual effort (4), for files a twentieth larger.
    pixels.save(encoded, "WEBP", method=2, **options)
    return encoded.getvalue()


def _stats(findings: Findings) -> str:
    runs, graphs = findings.results.runs, findings.graphs
    facts = {
        "model": str(runs["model"].iloc[0]),
        "data": str(runs["data"].iloc[0]),
        "score": findings.score.label,
        "graph chosen on": findings.chosen_on,
        "epochs": f"{runs['epochs'].iloc[0]:g}",
        "graphs": f"{len(graphs):,}" + (" + baseline" if findings.baseline is not None else ""),
        "seeds per graph": _span(graphs["seeds"]),
        "runs": f"{len(runs):,}",
        "MACs": _size(runs["macs"]),
        "parameters": _size(runs["params"]),
    }
    if "seconds" in runs and pd.api.types.is_numeric_dtype(runs["seconds"]):
        facts["training time"] = _duration(float(runs["seconds"].sum()))
    cells = "".join(f"<div><dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd></div>" for k, v in facts.items())
    return f'<dl class="stats">{cells}</dl>'


def _span(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return f"{low:,}" if low == high else f"{low:,} – {high:,}"


def _size(values: pd.Series) -> str:
    """Write a large number, or the range of some, in millions or billions to four digits."""
    low, high = float(values.min()), float(values.max())
    if high < 100_000:
        return _span(values)
    unit, word = (1e9, "billion") if high >= 1e9 else (1e6, "million")
    first, last = f"{low / unit:.4g}", f"{high / unit:.4g}"
    return f"{first} {word}" if first == last else f"{first} – {last} {word}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _remarks(chapter: Chapter, level: int) -> str:
    findings, remarks = chapter.found, [*chapter.notes, *chapter.headline.remarks]
    if (findings.graphs["seeds"] > 1).any():
        remarks.append(
            f"± is the sample standard deviation over seeds (n − 1). Intervals of one graph's mean, in the "
            f"table "
            f"and the figures, are {percent(findings.confidence)} percentile bootstraps of {findings.draws:,} "
            f"resamples; "
            "of three to five seeds they cover nearer 75 to 85 %. Gains and tests are calibrated by simulation."
        )
    items = "".join(f"<li>{html.escape(remark)}</li>" for remark in remarks)
    return (
        f'<section>\n<h{level}>How far to trust it</h{level}>\n<ul class="remarks">{items}</ul>\n</section>'
        if items
        else ""
    )


def _definitions(facts: Mapping[str, str]) -> str:
    items = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in facts.items())
    return f"<dl>{items}</dl>"
