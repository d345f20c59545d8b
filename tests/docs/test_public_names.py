"""Every public name is documented: Args and Returns from three parameters on, and an example that runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pytest
from pages import ROOT

import graph2nn

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
#: Names whose example is shown and not run, and why.
NOT_RUN = {
    "connectome": "downloads a file",
    "read_published": "downloads the published results",
    "load_imagenet": "needs ImageNet",
    "save_pretrained": "needs transformers",
    "from_pretrained": "needs transformers",
    "TritonLinear": "needs a CUDA device",
    "Logger": "needs an extra",
    "read_plan": "reads a file",
    "freeze_plan": "rewrites a file",
    "baselines": "traces every architecture",
    "joined": "needs several processes",
    "launch": "starts several processes",
    "report": "draws figures for minutes",
    "write_report": "draws figures for minutes",
}
ROOMS = sorted(module.name for module in pkgutil.iter_modules(graph2nn.__path__) if module.name != "__main__")


def modules(package: str = "graph2nn") -> Iterator[str]:
    """Names of a package and of every module in it."""
    yield package
    for module in pkgutil.walk_packages(
        getattr(importlib.import_module(package), "__path__", []), f"{package}."
    ):
        yield module.name


def public() -> dict[str, object]:
    """Functions and classes that the ``__all__`` of a package lists, by their full name."""
    inner = pkgutil.walk_packages(graph2nn.__path__, "graph2nn.")
    listed: dict[str, object] = {}
    for name in ["graph2nn", *(module.name for module in inner if module.ispkg)]:
        module = importlib.import_module(name)
        for attribute in getattr(module, "__all__", ()):
            value = getattr(module, attribute)
            if inspect.isfunction(value) or inspect.isclass(value):
                listed[f"{value.__module__}.{value.__qualname__}"] = value
    assert len(listed) > 200
    return listed


PUBLIC = public()


def functions(value: object) -> Iterator[tuple[str, object]]:
    """A function, or the public methods of a class with the class in front."""
    if inspect.isfunction(value):
        yield value.__name__, inspect.unwrap(value)
        return
    for name, member in vars(value).items():
        plain = getattr(member, "__func__", member)
        if not name.startswith("_") and inspect.isfunction(plain):
            yield f"{value.__name__}.{name}", inspect.unwrap(plain)


def every_public_function() -> Iterator[tuple[str, object]]:
    """Functions and methods without an underscore of every module, listed in an ``__all__`` or not."""
    for name in modules():
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            if str(error.name).startswith("graph2nn"):
                raise
            continue  # the package of an extra is not installed
        for attribute, value in vars(module).items():
            if attribute.startswith("_") or getattr(value, "__module__", None) != name:
                continue
            plain = getattr(value, "py_func", getattr(value, "fn", value))  # what numba and triton compile
            if inspect.isclass(plain) or inspect.isfunction(plain):
                yield from ((f"{name}.{inner}", function) for inner, function in functions(plain))


def is_command(function) -> bool:
    """Whether every parameter is an option or argument of the command, whose help says what it is."""
    hints = inspect.get_annotations(function, eval_str=False)
    module = inspect.getmodule(function)
    try:
        kinds = [eval(hint, vars(module)) for name, hint in hints.items() if name != "return"]
    except NameError:  # a type that is imported for checkers alone, which no option has
        return False
    return bool(kinds) and all(hasattr(kind, "__metadata__") for kind in kinds)


def test_public_functions_of_three_parameters_document_them_and_their_result():
    lacking, seen = [], 0
    for name, function in every_public_function():
        signature = inspect.signature(function)
        parameters = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
        if len([p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]) < 3:
            continue
        if name.startswith("graph2nn.cli.") and is_command(function):
            continue
        seen += 1
        text = function.__doc__ or ""
        if "Args:" not in text:
            lacking.append(f"{name}: Args")
        returns = signature.return_annotation not in (None, "None", "NoReturn", "Self", inspect.Signature.empty)
        if returns and "Returns:" not in text and "Yields:" not in text:
            lacking.append(f"{name}: Returns")
    assert lacking == []
    assert seen > 500


REFERENCES = re.compile(r"^( *)References:\n((?:\1 +\S.*\n)+)", re.MULTILINE)
EXACT = re.compile(r"doi:10\.\d{4}|section \d")


def test_every_reference_names_a_section_or_a_doi():
    """One work per line, its continuation indented, so that a reader finds the very place."""
    blocks, lacking = 0, []
    for path in sorted((ROOT / "src").rglob("*.py")):
        for match in REFERENCES.finditer(path.read_text(encoding="utf-8")):
            blocks += 1
            works = re.split(rf"\n(?={match[1]}    \S)", match[2])
            lacking += [f"{path.name}: {work.strip()}" for work in works if not EXACT.search(work)]
    assert lacking == []
    assert blocks >= 6


def test_every_public_name_has_an_example():
    lacking, shown = [], set()
    for name, value in PUBLIC.items():
        texts = [value.__doc__ or ""]
        if inspect.isclass(value):
            members = (
                getattr(member, "__func__", getattr(member, "fget", member)) for member in vars(value).values()
            )
            texts += [getattr(member, "__doc__", "") or "" for member in members if not isinstance(member, str)]
        examples = [line for text in texts for line in text.splitlines() if line.lstrip().startswith(">>>")]
        if not examples:
            lacking.append(name)
        elif not any(_has_work(line) for line in examples):
            shown.add(value.__name__)
    assert lacking == []
    assert shown <= set(NOT_RUN), "an example that is skipped needs a reason in NOT_RUN"


def _has_work(line: str) -> bool:
    """Whether a line of an example is run and does more than import."""
    return "+SKIP" not in line and not line.lstrip().startswith((">>> import ", ">>> from "))


@pytest.mark.parametrize("room", ROOMS)
def test_examples_run(room, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failures = []
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in modules(f"graph2nn.{room}"):
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            if str(error.name).startswith("graph2nn"):
                raise
            continue  # the package of an extra is not installed
        for test in finder.find(module, module.__name__):
            told = []
            doctest.DocTestRunner(optionflags=FLAGS).run(test, out=told.append)
            failures += ["".join(told)] if told else []
    assert not failures, "\n".join(failures)
