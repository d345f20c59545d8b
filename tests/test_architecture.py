"""The rule of the house: a room imports only rooms above it, and no imports form a circle."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import networkx as nx
import pytest
from pages import ROOT

SOURCE = ROOT / "src"
#: Top to bottom, as docs/architecture.md lists them.
ROOMS = (
    "graphs", "layers", "wiring", "models", "budget", "conversion", "data", "tasks",
    "training", "results", "experiments", "analysis", "report", "cli",
)  # fmt: skip
#: Modules that stand above all rooms.
TOP = ("errors", "arguments", "files", "memory", "yaml_values", "progress", "compiling", "arrays", "preemption")


@cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def modules():
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


@pytest.fixture(scope="module")
def imports():
    """Every import between modules of the package, late ones and those for types included."""
    paths = dict(modules())
    edges = defaultdict(set)
    for name, path in paths.items():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("graph2nn."):
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    edges[name].add(inner if inner in paths else node.module)
    assert len(edges) > 200
    return edges


def bound(tree):
    """Names that a module binds at its top level, under ``if`` and ``try`` included."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
    return names


def test_every_import_leads_to_a_module_and_a_name_that_exist():
    """Renames reach every late import, and those of tests and benchmarks."""
    paths = dict(modules())
    names = {}
    missing = []
    for folder in ("src", "tests", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(parsed(path)):
                if not (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "graph2nn"):
                    continue
                if node.module not in paths:
                    missing.append(f"{path.name}: {node.module}")
                    continue
                if node.module not in names:
                    names[node.module] = bound(parsed(paths[node.module]))
                missing += [
                    f"{path.name}: {node.module}.{alias.name}"
                    for alias in node.names
                    if alias.name not in names[node.module]
                    and f"{node.module}.{alias.name}" not in paths
                    and "__getattr__" not in names[node.module]  # a module that binds its names late
                ]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    missing += [
        f"Makefile: {name}" for name in re.findall(r"from (graph2nn[\w.]*)", makefile) if name not in paths
    ]
    dynamic = re.findall(r'_reader\("(\w+)"\)', paths["graph2nn.data.dataset"].read_text(encoding="utf-8"))
    missing += [name for name in dynamic if f"graph2nn.data.own.{name}" not in paths]
    assert dynamic
    assert missing == []


def rank(module):
    room = module.split(".")[1]
    return -1 if room in TOP else ROOMS.index(room)


def test_a_room_imports_only_rooms_above_it(imports):
    upward = [
        f"{one} imports {other}"
        for one, others in imports.items()
        if "." in one and one.split(".")[1] not in ("__main__",)
        for other in others
        if rank(other) > rank(one)
    ]
    assert upward == []


def test_modules_do_not_import_each_other_in_a_circle(imports):
    graph = nx.DiGraph([(one, other) for one, others in imports.items() for other in others])
    circles = [sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1]
    assert circles == []


def test_the_page_lists_every_room():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.name for path in (SOURCE / "graph2nn").iterdir() if (path / "__init__.py").is_file()}
    assert rooms - {"tasks"} <= set(ROOMS)
    for room in rooms:
        assert f"| `{room}/` |" in page
    for module in (path.stem for path in (SOURCE / "graph2nn").glob("*.py") if path.stem[0] != "_"):
        assert module in TOP
        assert f"`{module}.py`" in page


def test_no_file_is_over_500_lines_and_few_are_fragments():
    sizes = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules()}
    assert max(sizes.values()) <= 500
    fragments = [
        name
        for name, path in modules()
        if sizes[name] < 60 and path.name != "__init__.py" and not name.startswith("graph2nn.cli.")
    ]
    assert len(fragments) <= 30, fragments


def same_thing(places):
    """Why modules of one name hold one thing, or an empty text.

    A command is named like what it calls, a figure like the analysis that it draws; the engines of layers have
    the same parts, and a registry is the dictionary of its room.
    """
    rest = [place for place in places if not place.startswith("cli.")]
    if len(rest) < 2:
        return "a thin command and what it calls"
    if len(rest) == 2 and rest[0].startswith("analysis.") and rest[1].startswith("report.figures."):
        return "an analysis and its figure"
    if all(re.match(r"layers\.(block|edge|triton)\.|graphs\.kernels$", place) for place in rest):
        return "the same part of several engines, or the compiled loops of a room"
    if all(place.endswith(".registry") for place in rest):
        return "the names of a room"
    return ""


def test_one_name_names_one_thing():
    """A file's stem, or a folder's name, recurs only where it stands for the same thing."""
    places = defaultdict(list)
    for name, _ in modules():
        places[name.rsplit(".", 1)[-1]].append(name.removeprefix("graph2nn."))
    recurring = {stem: sorted(names) for stem, names in places.items() if len(names) > 1}
    assert {stem: names for stem, names in recurring.items() if not same_thing(names)} == {}
    assert len(recurring) <= 24, sorted(recurring)


def test_the_code_speaks_plain_english():
    """Odd phrases in docstrings, comments and messages; those that remain are keys in files."""
    odd = re.compile(
        r"anew|foretells?|trainings|so many|(?<![Tt]here )is no [a-z]+|a line a run|carry out|begun"
    )
    hits = [
        f"{name}: {match.group()}"
        for name, path in modules()
        for match in odd.finditer(path.read_text(encoding="utf-8"))
    ]
    assert len(hits) <= 20, hits
    texts = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
    for folder in ("docs", "tests", "benchmarks"):
        texts += [*sorted((ROOT / folder).rglob("*.py")), *sorted((ROOT / folder).rglob("*.md"))]
    hits += [
        f"{path.name}: {match.group()}"
        for path in texts
        if path != Path(__file__)
        for match in odd.finditer(path.read_text(encoding="utf-8"))
    ]
    assert len(hits) <= 40, hits


def test_locals_say_what_they_hold():
    """Names that fit anything say nothing; 211 functions had a local or a parameter of these names."""
    vague = {"found", "known", "own", "how"}
    functions = [
        f"{name}.{node.name}"
        for name, path in modules()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef)
        and vague
        & {
            getattr(part, "arg", None) or getattr(part, "id", None)
            for part in ast.walk(node)
            if isinstance(part, ast.arg) or (isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store))
        }
    ]
    assert len(functions) <= 3, functions


def test_no_function_is_over_60_lines():
    """Lines below the signature and the docstring."""
    long = []
    for name, path in modules():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef):
                body = node.body[ast.get_docstring(node) is not None :]
                lines = node.end_lineno - body[0].lineno + 1 if body else 0
                long += [f"{name}.{node.name}: {lines}"] * (lines > 60)
    assert long == []
