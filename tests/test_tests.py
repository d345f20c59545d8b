"""Rules for the tests themselves: where helpers come from, and that nothing asserts a duration."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = sorted(Path(__file__).parent.rglob("*.py"))


def imported(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_no_test_imports_another_test():
    """What two tests share is in a helper module, so that either can be moved or run alone."""
    guilty = {file.name: name for file in TESTS for name in imported(file) if re.search(r"(^|\.)test_", name)}
    assert guilty == {}


def test_deadlines_grow_with_the_load():
    """A fixed number of seconds fails on a loaded machine; ``waiting.patience`` scales it."""
    fixed = re.compile(r"(timeout=|\.join\(|\.wait\(|\.poll\()\d")
    guilty = [
        f"{file.name}:{number}"
        for file in TESTS
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if fixed.search(line)
    ]
    assert guilty == []


def test_no_duration_is_asserted():
    """A clock may pace a test; its reading is never compared, for another machine is slower."""
    clocks = {"perf_counter", "monotonic", "process_time"}
    allowed = {"waiting.py"}
    guilty = []
    for file in TESTS:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assert) and file.name not in allowed:
                names = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
                guilty += [f"{file.name}:{node.lineno}"] * bool(names & clocks)
    assert guilty == []
