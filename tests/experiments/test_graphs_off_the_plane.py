"""Graphs that fall into parts are trained and compared like any other, and say that they are off the plane."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from graph2nn import RelationalGraph, UserError, load_dataset, memory, ws_flex
from graph2nn.analysis.cells import cell_means
from graph2nn.analysis.table import on_plane
from graph2nn.cli import main
from graph2nn.experiments import GraphSpec, plan, preset
from graph2nn.experiments.network import build, check_networks
from graph2nn.experiments.null_selection import plan_nulls
from graph2nn.experiments.run import execute
from graph2nn.results.config import ModelSpec, RunConfig
from graph2nn.results.evaluations import of_runs
from graph2nn.results.runs_table import read_runs

DIGITS = load_dataset("digits")
BIG = [2**62, 2**62 + 1, 5]


def parts(name: str = "parts") -> RelationalGraph:
    """Two rings of five nodes and an isolated node."""
    ring = [(i, (i + 1) % 5) for i in range(5)]
    return RelationalGraph.from_edges([*ring, *((a + 5, b + 5) for a, b in ring)], 11, name=name)


def config(graph: RelationalGraph | GraphSpec) -> RunConfig:
    spec = graph if isinstance(graph, GraphSpec) else GraphSpec.of(graph)
    settings = ("recipe.epochs=1", "recipe.precise_bn=256")
    return plan(preset("mlp-digits"), [spec], [1], data=DIGITS.label, settings=settings)[0]


def test_evaluations_carry_the_share_and_the_direction(tmp_path):
    one_way = RelationalGraph.from_edges([(0, 1), (1, 2)], 4, name="one way", directed=True)
    for graph in (parts(), one_way):
        execute(config(graph), DIGITS, tmp_path)
    table = of_runs(tmp_path).table.drop_duplicates("graph").set_index("graph")
    assert table.loc["parts", "reachable"] == 40 / 110
    assert table["directed"].to_dict() == {"parts": False, "one way": True}
    assert table.loc["one way", "path_length"] == one_way.symmetrised().paths.mean
    assert read_runs(tmp_path).set_index("graph")["directed"].astype(bool).to_dict() == {
        "one way": True,
        "parts": False,
    }


@pytest.mark.parametrize(
    ("graph", "settings", "words"),
    [
        (ws_flex(900, 4, 0.1, 1).renamed("large"), (), "the graph 'large' has 900 nodes"),
        (
            RelationalGraph.from_edges([(0, 1)], 3, name="arrow", directed=True),
            ("symmetric=true",),
            "wiring: symmetric weights need an undirected graph, 'arrow' is directed",
        ),
        (parts(), ("init=weights",), "init = weights: graph 'parts' has no weights"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_the_first_run(graph, settings, words):
    graphs = [None, GraphSpec.of(graph)]
    runs = plan(preset("mlp-digits"), graphs, [1, 2], data=DIGITS.label, settings=settings)
    with pytest.raises(UserError, match=words) as caught:
        check_networks(runs, DIGITS)
    assert "\n" not in str(caught.value)
    check_networks(runs[:1], DIGITS)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("model.widths=[1000000]", r"the network of widths \[\d+\] needs about 32,00\d\.\d GB of memory"),
        ("model.options.stem=100000000000", "needs about [0-9,.]+ GB of memory"),
        ("recipe.batch_size=5000", "batch size 5000 exceeds the 1442 training images"),
        ("recipe.resized_crop=[0.08, 1]", "resized crops and lighting are for photos on disk"),
        ("recipe.regression_loss=huber", "'huber' is for numbers and these targets are classes"),
        ("recipe.patience=3", "has no validation part"),
        ("start=nothing.safetensors", "No such file or directory"),
    ],
)
def test_settings_that_no_run_survives_are_refused_before_the_first(setting, words, tmp_path, capsys):
    for command in (["sweep", "--select", "n64-52:9"], ["search", "--budget", "2"]):
        argv = [command[0], "mlp-digits", *command[1:], "--set", setting, "--out", str(tmp_path / "runs")]
        assert main(argv) == 2
        said = capsys.readouterr().err
        assert re.search(words, said), said
        assert said.count("\n") == 1
        assert not (tmp_path / "runs").exists()


def test_each_graph_must_fit_into_memory_and_not_the_first_alone(monkeypatch):
    """Of equal cost the sparser network is the wider one, and its dense weights take more memory."""
    graphs = [GraphSpec.of(ws_flex(64, k, 0.1, 1)) for k in (60, 4)]
    settings = ["model.widths=[2400]"]
    runs = plan(preset("mlp-digits"), graphs, [1], data=DIGITS.label, settings=settings)
    monkeypatch.setattr(memory, "memory_bytes", lambda: 2 * 10**9)
    with pytest.raises(UserError, match=r"'ws\S*\(64,4,.* needs about .* GB of memory \(limit 1.6 GB\)"):
        check_networks(runs, DIGITS, engine="masked")


def test_an_optimiser_that_this_torch_does_not_have_is_refused_before_the_first_run(monkeypatch):
    runs = plan(preset("mlp-digits"), [None], [1], data=DIGITS.label, settings=["recipe.optimiser=muon"])
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    with pytest.raises(UserError, match=r"needs torch 2\.9 or newer"):
        check_networks(runs, DIGITS)


def test_each_file_to_start_from_must_be_there_and_not_the_first_alone(tmp_path):
    (run,) = plan(preset("mlp-digits"), [None], [1], data=DIGITS.label)
    save_file(build(run, DIGITS).model.state_dict(), tmp_path / "there.safetensors")
    files = (str(tmp_path / f"{name}.safetensors") for name in ("there", "missing"))
    runs = [run.model_copy(update={"start": file}) for file in files]
    check_networks(runs[:1], DIGITS)
    with pytest.raises(UserError, match=r"missing\.safetensors does not hold .*No such file"):
        check_networks(runs, DIGITS)


def test_the_command_refuses_before_it_writes_anything(tmp_path, capsys):
    out = tmp_path / "runs"
    argv = ["sweep", "mlp-digits", "--select", "baseline", "--select", "ws_flex:n=900,k=4,p=0.1,seed=1"]
    assert main([*argv, "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "ws" in said
    assert said.endswith(
        "Or --set shrink=true: narrow layers take the WS-flex graph of the same sparsity on fewer nodes.\n"
    )
    assert (
        main([*argv, "--set", "shrink=true", "--out", str(out), "--dry-run"]) == 2
    )  # k = 4: too sparse for it
    dense = [*argv[:-1], "ws_flex:n=900,k=100,p=0.1,seed=1"]
    assert main([*dense, "--set", "shrink=true", "--out", str(out), "--dry-run"]) == 0
    assert not out.exists()


def test_a_start_from_weights_is_part_of_the_config_and_of_the_run(tmp_path):
    arcs = np.array([[0, 1, 2, 3], [1, 2, 3, 0]])
    graph = RelationalGraph.from_edge_index(arcs, 4, weights=[1, 10, 100, 3], self_loops="all", name="w")
    settings = ["recipe.epochs=1", "recipe.precise_bn=0", "init=weights"]
    specs = [GraphSpec.of(graph), *plan_nulls([graph], 1).specs]
    runs = plan(preset("mlp-digits"), [None, *specs], [1], data=DIGITS.label, settings=settings)
    check_networks(runs, DIGITS)
    assert RunConfig.from_yaml(runs[1].to_yaml()).init == "weights"
    plain = runs[1].model_copy(update={"init": "published"})
    assert plain.digest != runs[1].digest
    layers = [
        next(layer for layer in build(run, DIGITS).model.modules() if hasattr(layer, "init"))
        for run in (runs[1], plain)
    ]
    assert [layer.init for layer in layers] == ["weights", "published"]
    row = execute(runs[1], DIGITS, tmp_path)
    assert 0 <= row["test_error"] <= 100
    recurrent = runs[1].model_copy(update={"model": ModelSpec(name="connectome-rnn")})
    with pytest.raises(UserError, match=r"--set model\.options\.init=synapses"):
        build(recurrent, DIGITS)
    with pytest.raises(UserError, match="config: init = 'synapses'"):
        plan(preset("mlp-digits"), specs, [1], data="digits", settings=["init=synapses"])


def test_parts_train_and_their_row_says_the_share_of_pairs(tmp_path):
    for spec in (GraphSpec.of(parts()), *plan_nulls([parts()], 1).specs):
        execute(config(spec), DIGITS, tmp_path)
    runs = read_runs(tmp_path).set_index("graph")
    assert runs.loc["parts", "reachable"] == 40 / 110
    assert runs.loc["parts", "path_length"] == 1.5
    assert runs["test_error"].between(0, 100).all()
    assert (runs["null_of"] == "parts").sum() == 1
    assert on_plane(runs.reset_index()).empty


def test_the_analysis_leaves_parts_off_the_plane():
    matrix = np.array([[0.4, 2.2, 1.0, 30.0], [0.5, 2.0, 1.0, 31.0], [0.2, 1.5, 0.4, 29.0]])
    rows = pd.DataFrame(matrix, columns=["clustering", "path_length", "reachable", "test_error"])
    rows = rows.assign(graph=["a", "b", "parts"], kind="relational")
    assert on_plane(rows)["graph"].tolist() == ["a", "b"]
    assert cell_means(rows)["graphs"].sum() == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": [1, 2.5, 3], "signs": [1, 0, -1]},
        {"self_loops": "given"},
        {"nodes": pd.DataFrame({"kind": ["a", "b", None]}, index=BIG), "node_names": list("xyz")},
    ],
)
def test_a_config_holds_all_that_a_graph_carries(changes):
    arcs = [[1, 2, 0], [0, 1, 2]]
    graph = RelationalGraph.from_edge_index(arcs, 3, name="mine", **({"self_loops": "all"} | changes))
    run = config(graph)
    again = RunConfig.from_yaml(run.to_yaml())
    assert again == run
    assert again.digest == run.digest
    back = again.graph.build()
    assert back == graph
    assert (back.name, back.node_names) == ("mine", graph.node_names)
    if graph.nodes is not None:
        pd.testing.assert_frame_equal(back.nodes, graph.nodes)
        assert back.nodes.index.tolist() == BIG


def test_large_graphs_are_embedded_and_small_ones_keep_their_digest():
    matrix = np.eye(600, k=1, dtype=bool)
    large = GraphSpec.of(RelationalGraph(matrix | matrix.T, name="large"))
    assert large.rows is None
    assert len(large.embedded) < 5000
    assert large.build().edges == 599
    small = config(parts())
    assert small.graph.embedded is None
    assert "embedded" not in small.model_dump(exclude_defaults=True)["graph"]


def test_configs_of_earlier_runs_call_an_embedded_graph_packed():
    matrix = np.eye(600, k=1, dtype=bool)
    run = config(RelationalGraph(matrix | matrix.T, name="large"))
    earlier = RunConfig.from_yaml(run.to_yaml().replace("embedded:", "packed:"))
    assert "packed:" not in run.to_yaml()
    assert earlier == run
    assert earlier.folder == run.folder
    assert earlier.graph.build() == run.graph.build()
    with pytest.raises(UserError, match="packed"):
        RunConfig.from_yaml(run.to_yaml().replace("  embedded:", "  packed: AAAA\n  embedded:"))


def test_names_of_nodes_stay_in_the_config_and_out_of_its_digest():
    plain = parts()
    named = RelationalGraph(plain.adjacency, name=plain.name, node_names=[f"node {i}" for i in range(plain.n)])
    run = config(named)
    back = RunConfig.from_yaml(run.to_yaml()).graph.build()
    assert (back, back.node_names) == (plain, named.node_names)
    assert run.digest == config(plain).digest
    assert run.folder == config(plain).folder


def test_a_damaged_config_is_refused():
    with pytest.raises(UserError, match="graph 'x' is damaged"):
        GraphSpec(name="x", embedded="AAAA", sha256="0").build()
