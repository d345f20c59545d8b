"""Wrong values for public functions: refused by an error for the user, never by an accident from inside."""

from __future__ import annotations

import pytest
from fuzzing import functions
from fuzzing.harness import FAILURES, run_inputs

import graph2nn as g

#: Calls that are refused as they are: they need a file, a download or a call before them.
REFUSED = (
    "RelationalGraph.select", "connectome", "Dataset.from_folder", "densify", "from_pretrained", "load_run",
    "recover_table", "save_pretrained",
)  # fmt: skip
SAMPLE, SEED = 900, 23


def test_every_public_name_is_called_or_cannot_be():
    called = {name.partition(".")[0].partition("[")[0] for name in functions.calls()}
    assert called | set(functions.NOT_CALLED) == set(g.__all__)
    assert set(functions.FAMILIES) == set(g.GENERATORS)


def test_what_is_called_is_right_but_for_the_wrong_value(tmp_path, monkeypatch):
    """Else a refusal would say nothing."""
    monkeypatch.chdir(tmp_path)
    for name, (function, given) in functions.calls().items():
        if name not in REFUSED and name not in ("train", "train_population", "measured"):  # which take a while
            function(**functions.deepcopy_networks(given))


def failures(count, first, folder):
    outcomes = run_inputs(functions.sample(SEED, folder), count, first)
    return [f"{each.kind}: {each.label}: {each.text}" for each in outcomes if each.kind in FAILURES]


def test_a_sample_of_the_wrong_values(tmp_path):
    assert failures(SAMPLE, 0, tmp_path) == []


@pytest.mark.slow
def test_all_wrong_values(tmp_path):
    assert failures(len(functions.inputs()), SAMPLE, tmp_path) == []


def test_an_accident_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(functions, "calls", lambda: {"broken": (lambda graph: graph.edge_index, {"graph": 1})})
    outcomes = list(run_inputs(functions.sample(SEED, tmp_path), 3))
    assert [each.kind for each in outcomes] == ["traceback"] * 3
