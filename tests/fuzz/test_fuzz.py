"""Damaged files and wrong values end in one line: no traceback, no signal, no hang, no flood of text."""

from __future__ import annotations

from collections import Counter

import pytest
from fuzzing.__main__ import ALL, fuzz
from fuzzing.harness import FAILURES, Input, run_inputs

#: Of every reader: a slice of the inputs that ``python -m fuzzing`` makes without end.
SLICE, WHOLE, SEED = 6, 650, 2026


def failures(outcomes):
    return [f"{each.kind}: {each.label}: {each.text}" for each in outcomes if each.kind in FAILURES]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("reader", sorted(set(ALL) - {"results", "options", "functions"}))
def test_a_slice_of_the_inputs_of_every_reader(reader, root, monkeypatch):
    monkeypatch.setenv("GRAPH2NN_CACHE", str(root / "cache"))
    assert failures(fuzz(reader, SLICE, SEED, root)) == []


@pytest.mark.slow
@pytest.mark.parametrize("reader", sorted(ALL))
def test_all_inputs_of_every_reader(reader, root, monkeypatch):
    monkeypatch.setenv("GRAPH2NN_CACHE", str(root / "cache"))
    assert failures(fuzz(reader, WHOLE, SEED, root)) == []


def test_the_fuzzer_sees_each_way_to_fail():
    """A fuzzer that cannot fail proves nothing."""
    import os
    import signal
    import sys

    def raises():
        raise KeyError("x")

    def floods():
        sys.stderr.write("x" * 10_000)
        return 2

    ways = [raises, floods, lambda: os.kill(os.getpid(), signal.SIGSEGV), lambda: 2, lambda: 0]
    outcomes = list(run_inputs(lambda index: Input("x", str(index), ways[index]), len(ways)))
    assert Counter(each.kind for each in outcomes) == Counter(["traceback", "long", "signal", "refused", "ok"])
    assert [each.label for each in outcomes] == ["0", "1", "2", "3", "4"]
