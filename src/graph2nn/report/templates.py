"""HTML from the templates of a page: text is escaped; only what a template made is taken as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_PACKAGE = "graph2nn.report"


@dataclass(frozen=True)
class TextTable:
    """A table whose cells are texts.

    Attributes:
        title: its heading.
        heads: headings of the columns.
        rows: cells, row by row.
        anchor: of its section; none if empty.
        caption: below it; none if empty.

    Example:
        >>> TextTable("Planned tests", ["test", "p"], [["gain", "0.0300"]]).anchor
        ''
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    anchor: str = ""
    caption: str = ""


def html_of(template: str, **values: object) -> Markup:
    """Fill a template.

    Args:
        template: its path in the folder of this module, such as ``assets/tables.html``.
        values: what it names; strings are escaped, HTML of other templates stays.

    Returns:
        HTML.

    Raises:
        jinja2.UndefinedError: a value that the template names is missing.

    Example:
        >>> table = TextTable("Tests of <b>", ["p"], [["<script>"]])
        >>> page = html_of("assets/tables.html", tables=[table], level=2)
        >>> "<h2>Tests of &lt;b&gt;</h2>" in page, "&lt;script&gt;" in page, "<script>" in page
        (True, True, False)
    """
    return Markup(_environment().get_template(template).render(values).strip())


def tables(made: Sequence[TextTable], level: int) -> Markup:
    """Return a section per table.

    Args:
        made: the tables.
        level: of their headings, 1 to 6.

    Returns:
        HTML.
    """
    return html_of("assets/tables.html", tables=made, level=level)


def asset(path: str) -> Markup:
    """Return a style sheet or script of the page as it stands.

    Args:
        path: in the folder of this module, such as ``assets/page.css``.

    Returns:
        Its text, which a template does not escape.
    """
    return Markup((resources.files(_PACKAGE) / path).read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(_PACKAGE, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # JSON in a script: as short as it can be, in the order in which it was made.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment
