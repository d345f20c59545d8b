"""Connectomes of neurons in runs: configs that name a graph by content, nulls of it, and the commands."""

import json
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from graph2nn import RelationalGraph, UserError, load_dataset, load_run, macs
from graph2nn import null as g_null
from graph2nn.analysis.plan_tests import planned_tests
from graph2nn.cli import main
from graph2nn.errors import Graph2nnWarning
from graph2nn.experiments.connectome_networks import connectome_network
from graph2nn.experiments.dense_width import LARVA_WIDTH, fit_dense_widths
from graph2nn.experiments.planning import plan, with_nulls
from graph2nn.experiments.plans import Null, freeze_plan, planned_runs, read_plan, write_plan
from graph2nn.experiments.plans.connectome_study import LADDER, draft_connectome_plan
from graph2nn.experiments.plans.schema import NullKind
from graph2nn.experiments.presets import preset
from graph2nn.experiments.stored_graphs import named_spec
from graph2nn.graphs.nulls import KINDS
from graph2nn.models.connectome_rnn import ConnectomeRNN
from graph2nn.report.ladder_section import comparisons, write_page
from graph2nn.results import graph_store
from graph2nn.results.config import GraphSpec, RunConfig, StoredGraphSpec
from graph2nn.results.runs_table import read_runs
from graph2nn.tasks.registry import task_of

pytestmark = pytest.mark.usefixtures("small_figures")
OPTIONS = {"inputs": "celltype == 'sensory'", "outputs": "celltype == 'motor'", "rounds": 4}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPH2NN_CACHE", str(tmp_path / "cache"))


def connectome(seed=0, n=40):
    numbers = np.random.default_rng(seed)
    target, source = np.nonzero(numbers.random((n, n)) < 0.15)
    return RelationalGraph.from_edge_index(
        np.stack([source, target]),
        n,
        name="made",
        weights=numbers.integers(1, 9, len(source)).astype(float),
        nodes=pd.DataFrame(
            {
                "celltype": ["sensory"] * 10 + ["inter"] * 20 + ["motor"] * 10,
                **{axis: np.random.default_rng(seed + place).random(n) for place, axis in enumerate("xy")},
            }
        ),
    )


def test_a_stored_graph_comes_back_with_everything():
    graph = connectome()
    spec = named_spec(graph, "made.csv")
    assert spec.stored is not None
    assert spec.rows is None
    built = spec.build()
    assert built == graph
    assert np.array_equal(built.weights, graph.weights)
    assert built.nodes.equals(graph.nodes)
    assert (built.name, built.self_loops, built.directed) == ("made", "given", True)
    # A plain graph stands in the config as before.
    assert named_spec(RelationalGraph.from_edges([(0, 1), (1, 2)], 3), "x").rows is not None


def test_another_graph_under_the_same_digest_is_refused(monkeypatch):
    spec = named_spec(connectome(), "made.csv")
    monkeypatch.setattr("graph2nn.results.graph_store.parse_graph", lambda text: connectome(1))
    for file in (graph_store.cache_root(None) / "graphs").iterdir():
        file.unlink()
    with pytest.raises(UserError, match="is not the graph of the run"):
        spec.build()
    monkeypatch.setattr("graph2nn.results.graph_store.parse_graph", lambda text: connectome(0))
    assert spec.build() == connectome(0)


def test_nulls_of_stored_graphs_keep_what_they_say_and_come_back_from_their_text(monkeypatch):
    graph = connectome()
    spec = named_spec(graph, "made.csv")
    options = {name: OPTIONS[name] for name in ("inputs", "outputs")}
    for kind in ("degree", "boundary", "weights"):
        specs = with_nulls([None, spec], 2, kind, options)
        assert specs[:2] == [None, spec]
        first, second = (one.build() for one in specs[2:])
        assert first != second
        assert first.edges == graph.edges
        assert first.nodes.equals(graph.nodes)
        assert all(one.null_of == "made" for one in specs[2:])
        assert (first == graph) is False
    for file in (graph_store.cache_root(None) / "graphs").iterdir():
        file.unlink()
    monkeypatch.setattr("graph2nn.results.graph_store.parse_graph", lambda text: connectome(0))
    again = specs[2].build()
    assert np.array_equal(again.weights, first.weights)
    with pytest.raises(UserError, match="did you mean 'degree'"):
        with_nulls([spec], 1, "degre")


def test_configs_survive_their_file():
    spec = named_spec(connectome(), "made.csv")
    (config,) = plan(preset("connectome-rnn"), [spec], [1], data="digits")
    again = RunConfig.from_yaml(config.to_yaml())
    assert again == config
    assert again.digest == config.digest
    other = named_spec(connectome(1), "made.csv")
    (changed,) = plan(preset("connectome-rnn"), [other], [1], data="digits")
    assert changed.digest != config.digest
    # Runs of other graphs keep their names.
    assert "stored" not in json.dumps(GraphSpec.of_ws_flex(8, 0.4, 0.1, 1).model_dump(exclude_defaults=True))


def test_the_network_of_a_run_and_what_it_costs():
    network, match = connectome_network(connectome(), (1, 2, 3), 4, OPTIONS)
    assert isinstance(network, ConnectomeRNN)
    assert match.macs == macs(network, (1, 2, 3)) == 10 * 6 + 3 * connectome().edges + 10 * 4
    assert match.params == sum(parameter.numel() for parameter in network.parameters())
    dense, cost = connectome_network(None, (1, 2, 3), 4, {**OPTIONS, "baseline_width": 12})
    assert dense.rounds == 4
    assert cost.params == sum(parameter.numel() for parameter in dense.parameters())
    assert cost.macs == macs(dense, (1, 2, 3)) == 12 * (6 + 4 * 12) + 12 * 4
    for options, message in (
        ({"inputs": "celltype == 'sensory'"}, "which neurons are the outputs"),
        ({**OPTIONS, "weight": "signed"}, "did you mean 'weights'"),
    ):
        with pytest.raises(UserError, match=message):
            connectome_network(connectome(), (6,), 4, options)
    with pytest.raises(UserError, match="baseline_width"):
        connectome_network(None, (6,), 4, OPTIONS)


def test_a_sweep_of_a_connectome_its_nulls_and_a_dense_network(monkeypatch, tmp_path, capsys):
    for module in ("results.graph_store", "graphs.spec"):
        monkeypatch.setattr(f"graph2nn.{module}.parse_graph", lambda text, **options: connectome(0))
    (tmp_path / "made.csv").write_text("from,to\n")
    command = [
        "sweep", "connectome-rnn", "--graph", str(tmp_path / "made.csv"), "--select", "baseline",
        "--nulls", "1", "--null", "degree", "--null", "boundary", "--seeds", "1",
        "--inputs", OPTIONS["inputs"], "--outputs", OPTIONS["outputs"], "--out", str(tmp_path / "runs"),
        "--set", "recipe.epochs=1", "--set", "model.options.rounds=3", "--set", "recipe.batch_size=256",
        "--set", "model.options.baseline_width=20",
    ]  # fmt: skip
    assert main(command) == 0
    rows = [json.loads(file.read_text()) for file in (tmp_path / "runs").glob("runs/*/result.json")]
    assert sorted(row["graph"] for row in rows) == [
        "baseline", "boundary null(made,0)", "degree null(made,0)", "made",
    ]  # fmt: skip
    params = {row["graph"]: row["params"] for row in rows if row["graph"] != "baseline"}
    assert len(set(params.values())) == 1
    assert all(row["status"] == "finished" for row in rows)
    capsys.readouterr()
    assert main([*command[:-2], "--set", "model.options.wieghts=signed"]) == 2
    assert "did you mean 'weights'" in capsys.readouterr().err


def sweep_of(tmp_path, monkeypatch, *more):
    for module in ("results.graph_store", "graphs.spec"):
        monkeypatch.setattr(f"graph2nn.{module}.parse_graph", lambda text, **options: connectome(0))
    (tmp_path / "made.csv").write_text("from,to\n")
    return [
        "sweep", "connectome-rnn", "--graph", str(tmp_path / "made.csv"), "--inputs", OPTIONS["inputs"],
        "--outputs", OPTIONS["outputs"], "--out", str(tmp_path / "runs"),
        "--set", "recipe.epochs=1", "--set", "recipe.batch_size=20", *more,
        *([] if "--seeds" in more else ["--seeds", "1"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ([], True),
        (["weights=fixed"], True),
        (["init=scaled_synapses"], False),
        (["init=synapses"], False),
        (["weights=gains"], False),
    ],
)
def test_nulls_that_would_train_the_same_network_are_refused(settings, refused, tmp_path, monkeypatch, capsys):
    nulls = ["--nulls", "1", "--null", "degree", "--null", "weights"]
    options = [word for setting in settings for word in ("--set", f"model.options.{setting}")]
    assert main(sweep_of(tmp_path, monkeypatch, *nulls, *options)) == (2 if refused else 0)
    message = capsys.readouterr().err
    assert ("weights nulls of made would train the same network as made itself" in message) == refused
    assert len(list(tmp_path.glob("runs/runs/*"))) == (0 if refused else 3)


def test_nulls_of_the_signs_differ_where_the_weights_may_change_them(tmp_path, monkeypatch):
    def signed(text, **options):
        base = connectome(0)
        signs = np.where(base.edge_index[0] % 3 == 0, -1, 1).astype(np.int8)
        return RelationalGraph.from_edge_index(
            base.edge_index, base.n, name="made", weights=base.weights, signs=signs, nodes=base.nodes
        )

    command = sweep_of(tmp_path, monkeypatch, "--nulls", "1", "--null", "signs")
    for module in ("results.graph_store", "graphs.spec"):
        monkeypatch.setattr(f"graph2nn.{module}.parse_graph", signed)
    assert main(command) == 0
    errors = [json.loads(file.read_text())["test_error"] for file in tmp_path.glob("runs/runs/*/result.json")]
    assert len(set(errors)) == 2


@pytest.mark.parametrize(
    ("word", "name", "unit"),
    [
        ("delayed-match:hold=2,samples=60,test=20", "wrong answers", "%"),
        ("memory-capacity:delays=3,samples=40,test=20,time=20", "lost memory", "steps"),
    ],
)
def test_sequence_tasks_are_swept_and_loaded_again(tmp_path, monkeypatch, word, name, unit):
    command = sweep_of(
        tmp_path, monkeypatch, "--data", word, "--select", "baseline",
        "--set", "model.options.baseline_width=9",
    )  # fmt: skip
    assert main(command) == 0
    rows = [json.loads(file.read_text()) for file in (tmp_path / "runs").glob("runs/*/result.json")]
    assert {row["data"] for row in rows} == {word}
    assert {(row["score_name"], row["score_unit"]) for row in rows} == {(name, unit)}
    run = next((tmp_path / "runs" / "runs").glob("made*"))
    network = load_run(run)
    data = load_dataset(word)
    scores = network(network.normalise(data.test.images))
    task = task_of(data)
    again = task.measured(task.sums(scores.detach(), data.test.labels)).score
    assert again == pytest.approx(json.loads((run / "result.json").read_text())["score"], rel=1e-6)


def test_other_presets_refuse_sequences_and_own_arrays_are_read(tmp_path, monkeypatch, capsys):
    assert main(["train", "mlp", "--data", "n-back", "--out", str(tmp_path / "x")]) == 2
    assert "use preset connectome-rnn" in capsys.readouterr().err
    numbers = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", x=numbers.normal(size=(120, 5)), y=numbers.integers(0, 3, 120))
    assert main(sweep_of(tmp_path, monkeypatch, "--data", str(tmp_path / "own.npz"))) == 0


def test_own_sequences_are_swept_and_a_wrong_shape_is_one_line(tmp_path, monkeypatch, capsys):
    numbers = np.random.default_rng(0)
    x, y = numbers.normal(size=(90, 7, 3)), numbers.integers(0, 2, (90, 7))
    y[:, :4] = -100
    np.savez(tmp_path / "own.npz", x=x, y=y)
    np.savez(tmp_path / "flat.npz", x=x[:, 0], y=y)
    given = ("--task", "sequence-classes", "--data")
    assert main(sweep_of(tmp_path, monkeypatch, *given, str(tmp_path / "own.npz"))) == 0
    (run,) = (tmp_path / "runs" / "runs").glob("made*")
    result = json.loads((run / "result.json").read_text())
    assert (result["score_name"], result["score_unit"]) == ("wrong answers", "%")
    assert load_run(run)(torch.zeros(2, 7, 3)).shape == (2, 7, 2)
    capsys.readouterr()
    assert main(sweep_of(tmp_path, monkeypatch, *given, str(tmp_path / "flat.npz"))) == 2
    said = capsys.readouterr().err
    assert "sequences are [N, time, features]" in " ".join(said.split())
    assert "Traceback" not in said


def test_synapse_counts_as_a_start_give_each_reader_the_same_power():
    graph = connectome()
    network = ConnectomeRNN(
        graph, 3, 2, inputs=[0], outputs=[1], spectral_radius=None, init="scaled_synapses", init_gain=0.5
    )
    weight = network.recurrent_weight().detach().numpy()
    power = np.bincount(graph.edge_index[1], weights=weight**2, minlength=graph.n)
    np.testing.assert_allclose(power, 0.25, rtol=1e-5)
    assert (weight > 0).any()
    assert (weight < 0).any()
    with pytest.raises(UserError, match="both scale the weights"):
        ConnectomeRNN(graph, 3, 2, inputs=[0], outputs=[1], init_gain=0.5)


def test_a_plan_of_a_connectome_runs_the_part_of_its_data(tmp_path, monkeypatch, capsys):
    sweep_of(tmp_path, monkeypatch)
    words = {name: f"{name}:samples=40,test=20,time=30" for name in ("n-back", "narma10")}
    plan = draft_connectome_plan(
        str(tmp_path / "made.csv"), connections=connectome().edges, inputs=OPTIONS["inputs"],
        outputs=OPTIONS["outputs"], groups="celltype", seeds=2, margins=dict.fromkeys(words, 1.0),
        data={name: load_dataset(word).label for name, word in words.items()},
        settings={"recipe.epochs": 1, "recipe.batch_size": 20},
    )  # fmt: skip
    file, out = tmp_path / "plan.yaml", tmp_path / "planned"
    write_plan(plan, file)
    assert read_plan(file) == plan
    freeze_plan(file)
    command = ["sweep", "--plan", str(file), "--out", str(out), "--threads", "1"]
    assert main([*command, "--data", "n-back"]) == 2
    assert "are not those of a part of the plan" in capsys.readouterr().err
    assert main([*command, "--data", plan.part_data["n-back"]]) == 0
    assert "18 of 36 runs of the plan have these data" in capsys.readouterr().err.replace("\n", " ")
    table = read_runs(out)
    assert table.groupby("arm").size().to_dict() == {
        f"n-back: {arm}": 2
        for arm in (
            "connectome", "density nulls", "degree nulls", "reciprocal nulls", "block nulls", "boundary nulls",
            "weights nulls", "dense RNN", "dense GRU",
        )
    }  # fmt: skip
    named = set(table.loc[table["arm"] == "n-back: degree nulls", "graph"])
    assert named == {"degree null(made,1)", "degree null(made,2)"}
    tests = {test.name: test for test in planned_tests(plan, table)}
    loss = tests["n-back: connectome against degree nulls, training loss"]
    parts = [table[table["arm"] == f"n-back: {arm}"].set_index("seed")["train_loss"] for arm in
             ("degree nulls", "connectome")]  # fmt: skip
    assert loss.estimate == pytest.approx((parts[0] - parts[1]).mean())
    assert loss.unit == "of the loss"
    assert not tests["narma10: connectome against degree nulls"].complete


def test_every_option_of_nulls_can_stand_in_a_config_and_in_a_plan():
    assert set(graph_store.NULL_OPTIONS) == {"groups", "inputs", "outputs", "within", "positions"}
    for schema in (StoredGraphSpec, Null):
        assert set(graph_store.NULL_OPTIONS) < set(schema.model_fields)
    assert set(get_args(NullKind)) == set(KINDS) == set(LADDER)


@pytest.mark.parametrize("count", [("--nulls", "1"), ("--fresh-nulls",)])
def test_spatial_nulls_are_swept_and_a_stopped_sweep_goes_on(tmp_path, monkeypatch, count):
    data = "delayed-match:hold=2,samples=60,test=20"
    given = (*count, "--null", "spatial", "--positions", "x, y", "--data", data)
    assert main(sweep_of(tmp_path, monkeypatch, *given)) == 0
    before = {
        path.parent.name: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("runs/*/result.json")
    }
    # Another process may find an empty cache: the null is drawn again from the options in the config.
    for file in (graph_store.cache_root(None) / "graphs").iterdir():
        file.unlink()
    assert main(sweep_of(tmp_path, monkeypatch, *given, "--seeds", "2")) == 0
    table = read_runs(tmp_path / "runs")
    first = 0 if count[0] == "--nulls" else 1
    named = [f"spatial null(made,{first + draw})" for draw in range(1 if first == 0 else 2)]
    assert sorted(set(table["graph"])) == ["made", *named]
    assert table["seed"].tolist().count(1) == table["seed"].tolist().count(2) == 2
    after = {
        path.parent.name: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("runs/*/result.json")
    }
    assert before.items() <= after.items(), "finished runs stay"
    run = tmp_path / "runs" / "runs" / table.loc[table["graph"] == named[0], "run"].iloc[0]
    assert load_run(run).graph == g_null(connectome(), "spatial", first, positions=["x", "y"])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--null", "spatial"], "--null spatial needs --positions X,Y,Z"),
        (["--null", "block"], "--null block needs --groups COLUMN"),
        (["--null", "degree", "--positions", "x,y"], "--positions is for --null spatial; leave it out"),
        (["--groups", "celltype"], "--groups is for --null block"),
        (["--null", "degree", "--within", "target"], "--within is for --null weights and --null signs"),
        (["--null", "spatial", "--positions", "x,,y"], "--positions 'x,,y': expected columns"),
        (["--null", "spatial", "--positions", "x,z"], "column of nodes for positions 'z' is not known"),
        (["--null", "spatial", "--positions", "x,celltype"], "column 'celltype' of positions holds values of"),
    ],
)
@pytest.mark.parametrize("count", [("--nulls", "1"), ("--fresh-nulls",)])
def test_an_option_of_nulls_that_is_missing_or_idle_is_one_line(
    tmp_path, monkeypatch, capsys, count, given, says
):
    assert main(sweep_of(tmp_path, monkeypatch, *count, *given)) == 2
    assert says in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "runs").exists()


def test_boundary_nulls_of_other_presets_need_their_nodes(tmp_path, monkeypatch, capsys):
    command = sweep_of(tmp_path, monkeypatch, "--nulls", "1", "--null", "boundary")
    command[1] = "mlp-digits"
    for option in ("--inputs", "--outputs"):
        place = command.index(option)
        del command[place : place + 2]
    assert main(command) == 2
    assert "--null boundary needs --inputs, --outputs or both" in " ".join(capsys.readouterr().err.split())


def test_a_stored_null_is_drawn_from_its_table_alone():
    spec = named_spec(connectome(), "made.csv")
    with pytest.raises(UserError, match="positions of 'made' is of type ndarray; expected columns of"):
        with_nulls([spec], 1, "spatial", {"positions": connectome().nodes[["x", "y"]].to_numpy()})
    with pytest.raises(UserError, match="groups of 'made' is of type list; expected columns of"):
        with_nulls([spec], 1, "block", {"groups": [0] * 40})


def test_a_plan_of_a_connectome_with_positions_and_signs(tmp_path, capsys):
    graph = connectome()
    names = [f"n{i}" for i in range(graph.n)]
    source, target = graph.edge_index
    edges = pd.DataFrame(
        {"pre": np.take(names, source), "post": np.take(names, target), "weight": graph.weights.astype(int)}
    )
    graph.nodes.assign(id=names).to_csv(tmp_path / "neurons.csv", index=False)
    data = "n-back:samples=40,test=20,time=30"

    def drafted(file, *more, sign=None):
        (edges if sign is None else edges.assign(sign=sign)).to_csv(tmp_path / "edges.csv", index=False)
        return main([
            "plan", "connectome", str(tmp_path / file),
            "--graph", f"{tmp_path / 'edges.csv'}:neurons={tmp_path / 'neurons.csv'},name=made",
            "--inputs", OPTIONS["inputs"], "--outputs", OPTIONS["outputs"], "--seeds", "2",
            "--data", f"memory={data}", "--margin", "memory=1", "--set", "recipe.epochs=1",
            "--set", "recipe.batch_size=20", *more,
        ])  # fmt: skip

    def kinds(file):
        networks = [network for arm in read_plan(tmp_path / file).arms for network in arm.networks]
        return list(dict.fromkeys(network.rewired.kind for network in networks if network.rewired))

    assert drafted("plain.yaml") == 0
    assert kinds("plain.yaml") == ["density", "degree", "reciprocal", "boundary", "weights"]
    assert drafted("one.yaml", sign=1) == 0
    assert kinds("one.yaml") == kinds("plain.yaml"), "one sign leaves nothing to shuffle"
    both = np.where(source % 3, 1, -1)
    assert drafted("whole.yaml", "--groups", "celltype", "--positions", "x,y", sign=both) == 0
    assert kinds("whole.yaml") == list(LADDER)
    assert drafted("odd.yaml", "--positions", "x,q", sign=both) == 2
    assert "column of nodes for positions 'q' is not known" in capsys.readouterr().err
    assert drafted("odd.yaml", "--groups", "q", sign=both) == 2
    assert not (tmp_path / "odd.yaml").exists()

    freeze_plan(tmp_path / "whole.yaml")
    whole = read_plan(tmp_path / "whole.yaml")
    assert [network.rewired.positions for network in whole.arms[3].networks] == [("x", "y")] * 2
    runs = planned_runs(whole, data=load_dataset(data).label)
    (drawn,) = (run.config.graph for run in runs if run.config.graph_name == "spatial null(made,2)")
    assert drawn.stored.positions == ("x", "y")
    assert RunConfig.from_yaml(runs[0].config.to_yaml()) == runs[0].config
    rewired = drawn.build()
    assert rewired != graph
    assert (np.bincount(rewired.edge_index[1]) == np.bincount(graph.edge_index[1])).all()


def test_a_plan_says_which_option_a_null_lacks():
    for given, says in (
        ({"kind": "spatial"}, "nulls of kind spatial need positions, columns of the table of neurons"),
        ({"kind": "block"}, "nulls of kind block need groups, a column of the table of neurons"),
        ({"kind": "boundary"}, "nulls of kind boundary need inputs, outputs or both"),
        ({"kind": "degree", "positions": ["x"]}, "nulls of kind degree do not use positions, which is for"),
    ):
        with pytest.raises(ValidationError, match=says):
            Null.model_validate({**given, "seed": 1})


def test_fresh_nulls_dense_networks_and_the_page_that_compares_them(tmp_path, monkeypatch, capsys):
    command = sweep_of(
        tmp_path, monkeypatch, "--select", "baseline", "--select", "gru", "--fresh-nulls", "--null", "density",
        "--null", "boundary", "--seeds", "2", "--data", "delayed-match:hold=2,samples=60,test=20",
        "--set", "model.options.baseline_width=9",
    )  # fmt: skip
    assert main(command) == 0
    table = read_runs(tmp_path / "runs")
    seeds = {graph: sorted(rows["seed"]) for graph, rows in table.groupby("graph")}
    assert seeds == {
        "made": [1, 2], "baseline": [1, 2], "GRU": [1, 2],
        **{f"{kind} null(made,{s})": [s] for kind in ("density", "boundary") for s in (1, 2)},
    }  # fmt: skip
    assert table["experiment"].nunique() == 1
    made = comparisons(tmp_path / "runs", table)
    (one,) = made
    assert [rung.kind for rung in one.found.rungs] == ["density", "boundary", "baseline", "GRU"]
    assert list(one.starts) == ["made", "density", "boundary", "baseline", "GRU"]
    assert one.starts["made"].weight == pytest.approx(one.starts["boundary"].weight, rel=0.5)
    graph, null = connectome(), g_null(connectome(), "density", 1)
    table = one.reports["density"].table
    assert table.loc["clustering", "graph"] == pytest.approx(graph.clustering)
    assert table.loc["clustering", "null"] == pytest.approx(null.clustering)
    page = write_page(made, tmp_path / "page", title="Does it matter?", style="paper").read_text(
        encoding="utf-8"
    )
    named = {path.name for path in (tmp_path / "page" / "paper").iterdir()}
    assert named == {"ladder_0.pdf", "ladder_0.svg", "ladder_0.tex", "references.bib"}
    assert "boundary & " in (tmp_path / "page" / "paper" / "ladder_0.tex").read_text(encoding="utf-8")
    assert one.found.sentence in page.replace("&#39;", "'")
    assert "cannot reach the decision level" in page
    assert "Initial" in page or "How the arms start" in page
    summary = json.loads((tmp_path / "page" / "summary.json").read_text())
    assert (summary["figures"], summary["tables"]) == (["figures/ladder_0.png"], ["ladder.csv"])
    assert (tmp_path / "page" / "figures" / "ladder_0.png").read_bytes().startswith(b"\x89PNG")
    rungs = pd.read_csv(tmp_path / "page" / "ladder.csv")
    assert rungs["kind"].tolist() == ["density", "boundary", "baseline", "GRU"]
    assert rungs["estimate"].tolist() == pytest.approx([rung.estimate for rung in one.found.rungs])
    assert [rung["kind"] for rung in summary["ladder"][0]["rungs"]] == [
        "density",
        "boundary",
        "baseline",
        "GRU",
    ]
    capsys.readouterr()
    assert main([*command, "--nulls", "2"]) == 2
    assert "give one" in capsys.readouterr().err


def test_analyze_takes_a_margin_of_equivalence_without_a_plan(tmp_path, monkeypatch, capsys):
    command = sweep_of(
        tmp_path, monkeypatch, "--fresh-nulls", "--null", "degree", "--null", "density", "--seeds", "2",
        "--data", "memory-capacity:delays=3,samples=40,test=20,time=20",
    )  # fmt: skip
    assert main(command) == 0
    runs, out = str(tmp_path / "runs"), tmp_path / "page"
    analyze = ["analyze", runs, "--out", str(out), "--formats", "pdf", "--margin"]
    assert main([*analyze, "3"]) == 0
    assert (out / "figures" / "ladder_0.pdf").read_bytes().startswith(b"%PDF")
    assert {path.suffix for path in (out / "figures").iterdir()} == {".pdf"}
    assert len(pd.read_csv(out / "ladder.csv")) == 2
    (ladder,) = json.loads((out / "summary.json").read_text(encoding="utf-8"))["ladder"]
    assert all(0 <= rung["p_equivalent"] <= 1 for rung in ladder["rungs"])
    table = read_runs(tmp_path / "runs")
    (one,) = comparisons(tmp_path / "runs", table, margins={str(table["data"].iloc[0]): 3.0})
    assert [rung.p_equivalent for rung in one.found.rungs] == [rung["p_equivalent"] for rung in ladder["rungs"]]
    capsys.readouterr()
    for margin in ("0", "-1", "nan", "inf"):
        assert main([*analyze, margin]) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert f"--margin {margin} is not a margin of equivalence; give a number above 0." in said


def test_a_margin_is_refused_beside_that_of_a_plan_for_two_units_and_where_nothing_uses_it(
    tmp_path, monkeypatch, capsys
):
    options = ("--nulls", "1", "--data")
    for word in ("delayed-match:hold=2,samples=40,test=20", "narma10:samples=40,test=20,time=30"):
        assert main(sweep_of(tmp_path, monkeypatch, *options, word)) == 0
    analyze = ["analyze", str(tmp_path / "runs"), "--out", str(tmp_path / "page"), "--margin", "1"]
    capsys.readouterr()
    assert main(analyze) == 2
    assert "--margin cannot be in NRMSE and points at once" in " ".join(capsys.readouterr().err.split())
    plan = draft_connectome_plan(
        str(tmp_path / "made.csv"), connections=connectome().edges, inputs=OPTIONS["inputs"],
        outputs=OPTIONS["outputs"], seeds=2, margins={"match": 1.0}, data={"match": read_runs(
            tmp_path / "runs")["data"].iloc[0]}, settings={"recipe.epochs": 1, "recipe.batch_size": 20},
    )  # fmt: skip
    write_plan(plan, tmp_path / "plan.yaml")
    assert main([*sweep_of(tmp_path, monkeypatch)[:1], "mlp-digits", "--select", "baseline", "--set",
                 "recipe.epochs=1", "--seeds", "1", "--out", str(tmp_path / "plain")]) == 0  # fmt: skip
    capsys.readouterr()
    assert main(["analyze", str(tmp_path / "plain"), "--margin", "1", "--out", str(tmp_path / "page")]) == 2
    assert "these results have no such comparison" in " ".join(capsys.readouterr().err.split())
    freeze_plan(tmp_path / "plan.yaml")
    planned = ["--plan", str(tmp_path / "plan.yaml")]
    assert main(["sweep", *planned, "--out", str(tmp_path / "planned"), "--data", plan.part_data["match"]]) == 0
    capsys.readouterr()
    assert main(["analyze", str(tmp_path / "planned"), *analyze[2:], *planned]) == 2
    assert "has its own margins of equivalence; leave --margin out" in " ".join(capsys.readouterr().err.split())


def test_chance_of_own_data_is_that_of_their_most_frequent_class(tmp_path, monkeypatch):
    """Three classes, eight of ten samples in one: a network that gives that answer alone is at chance."""
    numbers = np.random.default_rng(0)
    x, y = numbers.normal(size=(200, 5)), np.array([0] * 160 + [1] * 20 + [2] * 20)
    np.savez(tmp_path / "own.npz", x=x, y=y)
    monkeypatch.chdir(tmp_path)
    command = sweep_of(
        tmp_path, monkeypatch, "--data", "own.npz", "--nulls", "1", "--set", "recipe.lr=0.0001",
    )  # fmt: skip
    assert main(command) == 0
    table = read_runs(tmp_path / "runs")
    assert table["chance"].tolist() == pytest.approx([20.0, 20.0])
    (one,) = comparisons(tmp_path / "runs", table.assign(test_error=20.0))
    assert any(said.startswith("At chance (20): made and degree.") for said in one.found.warnings)
    (one,) = comparisons(tmp_path / "runs", table.assign(test_error=0.3))
    assert any("of the chance score (20)" in said for said in one.found.warnings)
    # Runs of earlier versions have no such column: what their weights say of the classes is a guess.
    (one,) = comparisons(tmp_path / "runs", table.assign(test_error=66.0).drop(columns="chance"))
    level = "At chance (66.7, if the 3 classes are equally frequent): made and degree."
    assert any(said.startswith(level) for said in one.found.warnings)
    for file in (tmp_path / "runs" / "runs").glob("*/weights.safetensors"):
        file.unlink()
    (one,) = comparisons(tmp_path / "runs", table.assign(test_error=66.0).drop(columns="chance"))
    assert not any("At chance" in said for said in one.found.warnings)


def test_dense_networks_are_as_wide_as_the_swept_connectome_asks_for():
    graph, preset_ = named_spec(connectome(), "made.csv"), preset("connectome-rnn")
    (null,) = with_nulls([graph], 1)[1:]
    runs = plan(preset_, [graph, null, None], [1], data="digits")
    gru = plan(preset_, [None], [1], data="digits", settings=[
        "model.options.baseline_width=192", "model.options.baseline_cell=gru"])  # fmt: skip
    fitted = fit_dense_widths([*runs, *gru])
    edges = connectome().edges
    assert [config.model.options["baseline_width"] for config in fitted] == [
        333, 333, round(edges**0.5), round((edges / 3) ** 0.5)
    ]  # fmt: skip
    # Runs of graphs keep their names, so that a sweep of an earlier version goes on.
    assert [config.folder for config in fitted[:2]] == [config.folder for config in runs[:2]]
    # What the user sets stays, in a setting or in a preset of their own.
    setting = ["model.options.baseline_width=20"]
    chosen = plan(preset_, [graph, None], [1], data="digits", settings=setting)
    assert fit_dense_widths(chosen) == fit_dense_widths(chosen, setting) == chosen
    assert fit_dense_widths(runs, ["model.options.baseline_width=333"]) == runs
    with pytest.warns(Graph2nnWarning, match="width of 333, that of the larva; for another connectome select"):
        assert fit_dense_widths(runs[2:]) == runs[2:]
    sparse = named_spec(RelationalGraph.from_edge_index([[0, 1, 2], [1, 2, 0]], 3, name="ring"), "ring.csv")
    several = plan(preset_, [graph, sparse, None], [1], data="digits")
    with pytest.warns(Graph2nnWarning, match=f"2 fits ring, {round(edges**0.5)} fits made"):
        assert fit_dense_widths(several) == several


def test_the_larva_keeps_its_width_of_333():
    assert round(110_677**0.5) == LARVA_WIDTH


def test_a_swept_baseline_fits_its_connectome_and_two_widths_are_not_averaged(tmp_path, monkeypatch, capsys):
    more = ("--select", "baseline", "--select", "gru")
    assert main(sweep_of(tmp_path, monkeypatch, *more)) == 0
    table = read_runs(tmp_path / "runs").set_index("graph")
    edges = connectome().edges
    assert table["widths"].to_dict() == {
        "made": "40", "baseline": str(round(edges**0.5)), "GRU": str(round((edges / 3) ** 0.5))
    }  # fmt: skip
    again = ("--select", "baseline", "--set", "model.options.baseline_width=9")
    assert main(sweep_of(tmp_path, monkeypatch, *again)) == 0
    with pytest.raises(UserError, match=r"baseline was trained at widths 15 and 9, .* --where 'widths!=9'"):
        comparisons(tmp_path / "runs", read_runs(tmp_path / "runs"))


def test_a_connectome_reads_a_text_byte_by_byte(monkeypatch, tmp_path, capsys):
    for module in ("results.graph_store", "graphs.spec"):
        monkeypatch.setattr(f"graph2nn.{module}.parse_graph", lambda text, **options: connectome(0))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made.csv").write_text("from,to\n")
    (tmp_path / "novel.txt").write_text("the cat sat on the mat and the dog lay by the log. " * 100)
    options = [
        "--data", "novel.txt", "--context", "16",
        "--inputs", OPTIONS["inputs"], "--outputs", OPTIONS["outputs"],
        "--set", "recipe.epochs=6", "--set", "recipe.lr=0.02", "--set", "model.options.baseline_width=20",
    ]  # fmt: skip
    graphs = ["--graph", "made.csv", "--select", "baseline", "--nulls", "1", "--null", "degree", "--seeds", "1"]
    assert main(["sweep", "connectome-text", *graphs, *options]) == 0
    table = pd.read_parquet("runs/runs.parquet")
    assert sorted(table["graph"]) == ["baseline", "degree null(made,0)", "made"]
    # Letters alone, without context, leave about four bits.
    assert (table["score"] < 3.5).all()
    run = f"runs/runs/{table.loc[table['graph'] == 'made', 'run'].iloc[0]}"
    capsys.readouterr()
    assert main(["generate", run, "--prompt", "the ", "--length", "8", "--temperature", "0"]) == 0
    assert capsys.readouterr().out.startswith("the ")
    row = table[table["graph"] == "made"].iloc[0]
    assert macs(load_run(run), inputs=torch.zeros(1, 16, dtype=torch.int64)) == row["macs"]
    one = ["train", "connectome-text", "--graph", "made.csv"]
    assert main([*one, *options[:-6], "--set", "model.options.read=last"]) == 2
    assert "every byte is predicted" in capsys.readouterr().err
    (tmp_path / "table.csv").write_text("a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(90)))
    assert main([*one, "--data", "table.csv", "--target", "b", *options[4:8]]) == 2
    assert "reads a text" in capsys.readouterr().err


def test_a_report_measures_no_large_graph(tmp_path, monkeypatch):
    """All measures of 2,952 nodes take minutes, and a study has many nulls."""
    from graph2nn.report import build

    asked = []
    measure = build.measured
    monkeypatch.setattr(build, "MEASURED_NODES", 30)
    monkeypatch.setattr(build, "measured", lambda graphs: asked.append(list(graphs)) or measure(graphs))
    assert main(sweep_of(tmp_path, monkeypatch, "--nulls", "1", "--null", "degree")) == 0
    assert main(["analyze", str(tmp_path / "runs"), "--out", str(tmp_path / "report")]) == 0
    assert asked == [[]]
    page = (tmp_path / "report" / "index.html").read_text("utf-8")
    assert "Of graphs of more than 30 nodes" in page
    assert "no measure is shown but C and L" in page
