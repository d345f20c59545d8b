"""Pages of the documentation site that are made from the repository: the home, the API reference, notebooks."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))  # mkdocs loads this file alone

import notebook_pages  # noqa: E402

#: Pages of the site that lie at the top of the repository.
TOP = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md",
       "security.md": "SECURITY.md", "conduct.md": "CODE_OF_CONDUCT.md"}  # fmt: skip


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    made: dict[str, str | bytes] = {
        page: _from_top((ROOT / name).read_text(encoding="utf-8")) for page, name in TOP.items()
    }
    with tempfile.TemporaryDirectory() as scratch:
        for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
            made |= notebook_pages.pages(path, Path(scratch))
    made |= api()
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead links to the top of the repository to their pages of the site."""
    return re.sub(r"\[([^\]]*)\]\(\.\./((?!\.)[^)]*)\)", lambda link: _link(link[1], link[2]), markdown)


def _from_top(text: str) -> str:
    """Turn links of a page at the top of the repository into links of the site."""
    return re.sub(r"\[([^\]]*)\]\((?!https?:|#)([^)]*)\)", lambda link: _link(link[1], link[2]), text)


def _link(words: str, place: str) -> str:
    """A link to a file of the repository: to its page, or, where it has none, its name."""
    pages = {name: page for page, name in TOP.items()}
    if place.startswith("docs/"):
        return f"[{words}]({place.removeprefix('docs/')})"
    if place in pages:
        return f"[{words}]({pages[place]})"
    if place.endswith(".ipynb"):
        return f"[{words}]({place.removesuffix('.ipynb')}.md)"
    return f"{words} (`{place}` in the repository)"


# --- the API reference ---------------------------------------------------------------------------------------


def packages() -> Iterator[Any]:
    """The package and all packages in it, by name."""
    import graph2nn

    yield graph2nn
    for found in pkgutil.walk_packages(graph2nn.__path__, "graph2nn."):
        if found.ispkg and found.name.count(".") and not found.name.startswith("graph2nn.cli"):
            yield importlib.import_module(found.name)


def public() -> dict[str, str]:
    """Full names of all public functions and classes, by the room in which they are defined."""
    rooms: dict[str, str] = {}
    for package in packages():
        for name in getattr(package, "__all__", ()):
            value = getattr(package, name)
            if (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__.startswith(
                "graph2nn."
            ):
                rooms[f"{value.__module__}.{value.__qualname__}"] = value.__module__.split(".")[1]
    return rooms


def api() -> dict[str, str]:
    """The pages of the API reference: an index of names at the top level, and one page per room."""
    import graph2nn

    rooms = public()
    pages = {"api/index.md": _index(graph2nn, rooms)}
    for room in sorted(set(rooms.values())):
        module = importlib.import_module(f"graph2nn.{room}")
        about = (module.__doc__ or "").strip()
        names = sorted(
            (name for name, its in rooms.items() if its == room), key=lambda name: name.split(".")[-1]
        )
        entries = "\n\n".join(f"::: {name}" for name in names)
        pages[f"api/{room}.md"] = f"# graph2nn.{room}\n\n{plain_roles(about)}\n\n{entries}\n"
    return pages


def _index(package: Any, rooms: dict[str, str]) -> str:
    lines = [
        "# API reference",
        "",
        "What `import graph2nn as g` has; the pages of the rooms have the rest.",
        "",
    ]
    lines += ["| name | what it is |", "| --- | --- |"]
    for name in package.__all__:
        value = getattr(package, name)
        full = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
        about = (inspect.getdoc(value) or "").split("\n")[0] if full in rooms else _constant(value)
        link = f"[`g.{name}`][{full}]" if full in rooms else f"`g.{name}`"
        lines.append(f"| {link} | {plain_roles(about).replace('|', '/')} |")
    return "\n".join([*lines, ""])


def _constant(value: Any) -> str:
    if isinstance(value, dict):
        return f"a dictionary of {len(value)}: {', '.join(f'`{key}`' for key in sorted(value))}"
    return f"a {type(value).__name__}"


def plain_roles(text: str) -> str:
    """Write ``:func:`x``` as plain code."""
    return re.sub(r":(?:func|class|mod|data|meth|attr|exc):`~?([^`]*)`", r"`\1`", text)
