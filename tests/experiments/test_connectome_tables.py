"""Own tables of connections, without a table of neurons, in runs of connectome-rnn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graph2nn import UserError, load_run
from graph2nn.cli import main
from graph2nn.experiments.planning import select
from graph2nn.experiments.presets import preset
from graph2nn.graphs.io import GraphNote
from graph2nn.results import graph_store
from graph2nn.results.config import GraphSpec

ROWS = pd.DataFrame(
    {"from": [1, 2, 3, 4, 5, 5], "to": [2, 3, 4, 5, 1, 5], "weight": [0.5, 2.0, 3.0, 4.0, 5.0, 6.0]}
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPH2NN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    ROWS.to_csv("edges.csv", index=False)


def chosen(word: str, name: str = "connectome-rnn") -> GraphSpec:
    (spec,) = select(preset(name), [word])
    assert spec is not None
    return spec


@pytest.mark.parametrize("word", ["edges.csv", "edges.csv:weight=weight"])
def test_a_plain_table_keeps_weights_and_its_own_self_loops(word):
    with pytest.warns(GraphNote, match="edges: read as a connectome: the second column reads the first"):
        spec = chosen(word)
    for _ in range(2):
        graph = spec.build()
        assert graph.weights.tolist() == [5.0, 0.5, 2.0, 3.0, 4.0, 6.0]
        assert (graph.self_loops, graph.loops, graph.directed) == ("given", 1, True)
        assert graph.node_names == ("1", "2", "3", "4", "5")
        for file in (graph_store.cache_root(None) / "graphs").iterdir():
            file.unlink()  # made again from its text


def test_other_presets_and_options_read_it_as_before():
    plain = "edges.csv:directed=yes,drop_self_loops=yes"
    assert chosen(plain, "mlp-digits").build().self_loops == "all"
    with pytest.warns(
        GraphNote, match=r"general graph: every neuron reads itself, weights are left out.*csv:pre="
    ):
        assert chosen(plain).build().weights is None


def test_columns_of_other_names_are_named_in_the_note(recwarn):
    ROWS.iloc[:5].set_axis(["cell_1", "cell_2", "n"], axis=1).to_csv("own.csv", index=False)
    with pytest.warns(GraphNote, match="own.csv:pre=COLUMN,post=COLUMN where the columns have other names"):
        chosen("own.csv")
    recwarn.clear()
    graph = chosen("own.csv:pre=cell_1,post=cell_2,min_weight=0").build()
    assert graph.weights.tolist() == [5.0, 0.5, 2.0, 3.0, 4.0]
    assert not [one for one in recwarn if "read as" in str(one.message)]


def train(*ends: str) -> int:
    return main(["train", "connectome-rnn", "--graph", "edges.csv", *ends, "--set", "recipe.epochs=1", "--set",
                 "model.options.rounds=2"])  # fmt: skip


@pytest.mark.parametrize(
    "ends",
    [
        ("--inputs", "0,1", "--outputs", "numbers:3"),
        ("--inputs", "ids:1,2", "--outputs", "ids:4"),
        ("--set", "model.options.inputs=[0,1]", "--set", "model.options.outputs=numbers:3"),
    ],
)
def test_the_command_takes_node_numbers_and_ids(ends, capsys):
    assert train(*ends) == 0
    assert "read as a connectome" in " ".join(capsys.readouterr().err.split())
    (run,) = Path("runs/runs").iterdir()
    network = load_run(run)
    assert (network.input_nodes.tolist(), network.output_nodes.tolist()) == ([0, 1], [3])
    assert len(network.recurrent_weight()) == len(ROWS)
    assert json.loads((run / "result.json").read_text())["status"] == "finished"


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((), "Give --inputs node numbers or ids, such as 0,1,2, or an expression"),
        (("--inputs", "1,2", "--outputs", "5"), "could be node numbers or ids"),
        (
            ("--inputs", "0,9", "--outputs", "5"),
            "'9' names no node; expected node numbers (0…4) or ids (1, 2, 3, 4",
        ),
        (("--inputs", "type == 's'", "--outputs", "5"), "give node numbers or ids, such as 0,1,2"),
    ],
)
def test_what_names_no_neuron_is_one_line(ends, words, capsys):
    assert train(*ends) == 2
    said = capsys.readouterr().err
    assert words in " ".join(said.split())
    assert "Traceback" not in said


def test_a_sweep_keeps_the_boundary_of_named_neurons():
    command = [
        "sweep", "connectome-rnn", "--graph", "edges.csv", "--inputs", "0,1", "--outputs", "ids:4",
        "--nulls", "1", "--null", "boundary", "--seeds", "1", "--set", "recipe.epochs=1",
    ]  # fmt: skip
    assert main(command) == 0
    rows = [json.loads(file.read_text()) for file in Path("runs").glob("runs/*/result.json")]
    assert sorted(row["graph"] for row in rows) == ["boundary null(edges,0)", "edges"]


def test_the_weights_of_a_table_are_a_start():
    assert train("--inputs", "0", "--outputs", "ids:4", "--set", "model.options.init=synapses") == 0
    with pytest.raises(UserError, match="none of 6 connections has a weight of at least 9"):
        chosen("edges.csv:min_weight=9")
    assert np.isfinite(load_run(next(Path("runs/runs").iterdir())).recurrent_weight().detach().numpy()).all()
