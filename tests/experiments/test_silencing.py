"""Silencing types of neurons in trained connectomes: what it costs is what the network does without them."""

import json

import numpy as np
import pandas as pd
import pytest

from graph2nn import RelationalGraph, load_run
from graph2nn.cli import main
from graph2nn.data.sequence_sets import load_sequences
from graph2nn.experiments.silencing import activity_by_type, silence_types
from graph2nn.training.evaluation import evaluate

WORD = "delayed-match:hold=2,samples=60,test=40"


def connectome():
    """Sensory neurons that reach the motor ones through inter neurons alone; idle neurons reach nothing."""
    types = ["sensory"] * 4 + ["inter"] * 6 + ["motor"] * 4 + ["idle"] * 2
    numbers = np.random.default_rng(0)
    arcs = [(a, b) for a in range(4) for b in range(4, 10)] + [
        (a, b) for a in range(4, 10) for b in range(4, 14)
    ]
    arcs = [arc for arc in arcs if arc[0] != arc[1] and numbers.random() < 0.9] + [(0, 14), (1, 15)]
    return RelationalGraph.from_edge_index(
        np.array(arcs).T, len(types), name="made", weights=np.ones(len(arcs)),
        nodes=pd.DataFrame({"celltype": types}),
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("silencing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAPH2NN_CACHE", str(folder / "cache"))
        for module in ("results.graph_store", "graphs.spec"):
            patch.setattr(f"graph2nn.{module}.parse_graph", lambda text, **options: connectome())
        (folder / "made.csv").write_text("from,to\n")
        command = [
            "sweep", "connectome-rnn", "--graph", str(folder / "made.csv"), "--inputs", "celltype == 'sensory'",
            "--outputs", "celltype == 'motor'", "--data", WORD, "--seeds", "2", "--out", str(folder / "runs"),
            "--set", "recipe.epochs=8", "--set", "recipe.batch_size=10", "--set", "recipe.lr=0.01",
        ]  # fmt: skip
        assert main(command) == 0
        yield sorted((folder / "runs" / "runs").iterdir())


def test_what_silencing_costs(runs):
    data = load_sequences(WORD)
    table = silence_types(runs, data, by="celltype").set_index("type")
    assert table["neurons"].to_dict() == {"sensory": 4, "inter": 6, "motor": 4, "idle": 2}
    # Nothing reads the idle neurons; without the inter neurons nothing reaches the motor ones.
    assert table.loc["idle", "loss"] == 0
    errors = []
    for run in runs:
        network = load_run(run)
        whole = evaluate(network, data).error
        network.silence("celltype == 'inter'")
        assert (network.activity(data.test.images)[..., 4:10] == 0).all()
        errors.append(evaluate(network, data).error - whole)
        network.silence(None)
        assert evaluate(network, data).error == whole
    assert table.loc["inter", "loss"] == pytest.approx(np.mean(errors))
    assert table.loc["inter", "low"] <= table.loc["inter", "loss"] <= table.loc["inter", "high"]


def test_the_command_writes_tables_and_pictures(runs, tmp_path, capsys):
    words = ["neurons", *map(str, runs), "--by", "celltype", "--data", WORD, "--out", str(tmp_path / "out")]
    assert main([*words, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["type"] for row in rows} == {"sensory", "inter", "motor", "idle"}
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"silencing.csv", "activity.csv", "adjacency.png", "activity.png", "silencing.png"}
    assert all((tmp_path / "out" / f"{name}.png").stat().st_size > 5000 for name in ("adjacency", "activity"))
    activity = activity_by_type(runs, load_sequences(WORD), by="celltype").set_index(["type", "round"])
    assert len(activity) == 4 * load_sequences(WORD).image_shape[0]
    # Nothing has reached the motor neurons in the first round: their biases are all that is there.
    assert activity.loc[("motor", 1), "activity"] < activity.loc[("sensory", 1), "activity"]
    words[words.index("celltype")] = "celtype"
    assert main(words) == 2
    assert "did you mean 'celltype'" in capsys.readouterr().err
