"""The page index.html: one file with findings, figures and tables that opens offline."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from graph2nn.analysis.findings import Findings
from graph2nn.analysis.task_findings import TaskFindings
from graph2nn.report.atlas.parts import Atlas
from graph2nn.report.figures.alt_texts import alt_text
from graph2nn.report.listing import listing
from graph2nn.report.null_table import null_tables
from graph2nn.report.phrasing import Headline, percent
from graph2nn.report.templates import asset, html_of

if TYPE_CHECKING:
    import PIL.Image

#: Figures that take the whole width of the page.
_WIDE = ("graphs_", "learning", "tasks_", "gains", "levels_", "slices_", "corners_", "surface_", "connectomes_")
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

    ``nulls`` are findings whose effects against nulls get a table.
    """

    task: str
    found: Findings
    headline: Headline
    pictures: Sequence[Picture]
    notes: Sequence[str] = ()
    nulls: TaskFindings | None = None


def page(
    chapters: Sequence[Chapter],
    atlas: Atlas,
    *,
    title: str,
    pictures: Sequence[Picture] = (),
    notes: Sequence[str] = (),
    gaps: Sequence[str] = (),
    provenance: Mapping[str, str],
    first: Sequence[Markup] = (),
    planned: bool = False,
) -> str:
    """Return the page: what was found in words, the atlas of all tasks, then the figures of each task.

    With one chapter its headline is the page's; with several each has an article of its own, linked from the
    top. Text is escaped, so labels, titles and notes stay text.

    Args:
        chapters: one per task.
        atlas: of all tasks.
        title: headline.
        pictures: of all tasks together.
        notes: remarks to put first.
        gaps: what is not shown, and why; at the end.
        provenance: what the page says of its making, by heading.
        first: sections to put before all others.
        planned: whether ``first`` holds what a plan asks: the page is then called ``title``, and what the runs
            say besides comes after, under a heading that says so.

    Returns:
        HTML.
    """
    level = 2 if len(chapters) == 1 else 3
    views = [_view(chapter, level) for chapter in chapters]
    text = html_of(
        "assets/page.html",
        title=title,
        css=asset("assets/page.css"),
        js=asset("assets/page.js"),
        atlas=atlas,
        notes=notes,
        first=first,
        planned=planned,
        alone=views[0] if len(views) == 1 else None,
        chapters=views,
        together=[encoded(picture, _anchor(picture.name)) for picture in pictures],
        gaps=gaps,
        provenance=provenance,
    )
    return f"{text}\n"


def _view(chapter: Chapter, level: int) -> dict[str, object]:
    """What the template shows of a chapter; anchors carry the task where there are several."""
    task = [] if level == 2 else [chapter.task]
    nulls = chapter.nulls and null_tables(chapter.nulls, heading=level, name=_anchor(*task, "nulls"))
    return {
        "task": chapter.task,
        "anchor": _anchor(chapter.task),
        "headline": chapter.headline,
        "facts": _facts(chapter.found),
        "remarks": _remarks(chapter),
        "pictures": [encoded(picture, _anchor(*task, picture.name)) for picture in chapter.pictures],
        "nulls": nulls or "",
        "listing": listing(chapter.found, heading=level, name=_anchor(*task, "graphs")),
    }


def _anchor(*names: str) -> str:
    return "-".join(re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "task" for name in names)


@dataclass(frozen=True)
class EncodedPicture:
    """A picture as a template shows it: ``light`` and ``dark`` in base64, ``alt`` tells what is seen."""

    anchor: str
    title: str
    caption: str
    alt: str
    wide: bool
    light: str
    dark: str


def encoded(picture: Picture, anchor: str) -> EncodedPicture:
    """Encode a picture for the page.

    Args:
        picture: with title and caption.
        anchor: of its section.

    Returns:
        What the template takes.
    """
    light, dark = (base64.b64encode(_small(png)).decode() for png in (picture.light, picture.dark))
    alt = alt_text(picture.name, picture.title)
    return EncodedPicture(
        anchor, picture.title, picture.caption, alt, picture.name.startswith(_WIDE), light=light, dark=dark
    )


def _small(png: bytes) -> bytes:
    """Encode a picture as WebP: without loss where it is simple, else (thousands of dots or lines) nearly."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        pixels = picture.convert("RGB")
    return _webp(pixels, lossless=len(png) < _COMPLEX)


def _webp(pixels: PIL.Image.Image, *, lossless: bool) -> bytes:
    encoded = io.BytesIO()
    # Half the time of the usual effort (4), for files a twentieth larger. Without loss, quality is effort, too.
    pixels.save(encoded, "WEBP", method=2, lossless=lossless, quality=80 if lossless else 75)
    return encoded.getvalue()


def _facts(findings: Findings) -> dict[str, str]:
    """Numbers of a task's runs, by heading."""
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
    return facts


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


def _remarks(chapter: Chapter) -> list[str]:
    findings, remarks = chapter.found, [*chapter.notes, *chapter.headline.remarks]
    if (findings.graphs["seeds"] > 1).any():
        remarks.append(
            f"± is the sample standard deviation over seeds (n − 1). {percent(findings.confidence)} intervals "
            "of one graph's mean, in the table and the figures, say how far it may lie from the mean over all "
            "training seeds; the scatter of runs is pooled over all networks. Two graphs trained with the same "
            "seeds can differ clearly although their intervals overlap: the tests compare them seed by seed."
        )
    return remarks
