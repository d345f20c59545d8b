"""Configs, plans, run folders and the local launcher: nothing half-written, nothing done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from waiting import patience, wait_for

from graph2nn.data.registry import load_dataset
from graph2nn.errors import UserError
from graph2nn.experiments import (
    GraphSpec,
    RunConfig,
    build,
    override,
    plan,
    preset,
    read_curves,
    read_runs,
    select,
)
from graph2nn.experiments.launchers import Local, launch
from graph2nn.experiments.planning import spread
from graph2nn.experiments.run import execute
from graph2nn.graphs import RelationalGraph, ws_flex
from graph2nn.results import leases, run_folder
from graph2nn.results.runs_table import write_table

QUICK = ("recipe.epochs=1", "recipe.batch_size=256", "recipe.precise_bn=0")
GRAPH = GraphSpec.of_ws_flex(64, 0.2, 0.3, 1)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def configs(digits, graphs=(None, GRAPH), seeds=(1,)):
    return plan(preset("mlp-digits"), list(graphs), seeds, data=digits.label, settings=QUICK)


# --- configs -----------------------------------------------------------------------------------------------


def test_config_survives_yaml(digits):
    directed = RelationalGraph.from_edges([(0, 1), (1, 2)], 3, directed=True, name="three")
    for graph in (None, GRAPH, GraphSpec.of(directed)):
        config = configs(digits, [graph])[0]
        again = RunConfig.from_yaml(config.to_yaml())
        assert again == config
        assert again.folder == config.folder
    assert again.graph.build() == directed


def test_graph_spec_builds_the_graph_it_names():
    assert GRAPH.build() == ws_flex(64, 64 * 0.2, 0.3, 1)
    assert GRAPH.build().name == GRAPH.name == "ws(64,12.8,0.3,1)"


def test_any_change_changes_the_folder(digits):
    base = configs(digits, [GRAPH])[0]
    others = [
        base.model_copy(update={"seed": 2}),
        base.model_copy(update={"data": "elsewhere"}),
        base.model_copy(update={"graph": None}),
        override(base, ["recipe.lr=0.2"]),
        override(base, ["model.widths=[200]"]),
        override(base, ["match=published"]),
    ]
    assert len({config.folder for config in [base, *others]}) == 7


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("recipe.lrr=1", r"unknown key recipe.lrr; did you mean recipe.lr\?"),
        ("recipe.epochs", r"'recipe.epochs' sets nothing; write key=value"),
        ("recipe.epochs=0", r"recipe.epochs = 0: input should be greater than or equal to 1"),
        ("recipe.epochs=many", r"recipe.epochs = 'many': input should be a valid integer"),
        (
            "recipe.schedule=cosin",
            r"recipe.schedule = 'cosin': input should be 'cosine', 'step', 'exponential', 'constant' or",
        ),
        ("recipe.lr=[", r"recipe.lr = '\[' is not a value"),
        ("seed=3", r"unknown key seed"),
    ],
)
def test_wrong_settings_are_named(digits, setting, message):
    with pytest.raises(UserError, match=message) as caught:
        override(configs(digits)[0], [setting])
    assert "\n" not in str(caught.value)


def test_wrong_yaml_is_one_line():
    for text in ("preset: [", "preset: x", "- 1"):
        with pytest.raises(UserError) as caught:
            RunConfig.from_yaml(text)
        assert "\n" not in str(caught.value)


# --- plans -------------------------------------------------------------------------------------------------


def test_plan_goes_seed_by_seed(digits):
    runs = configs(digits, seeds=(1, 2))
    assert [(run.graph_name, run.seed) for run in runs] == [
        ("baseline", 1), (GRAPH.name, 1), ("baseline", 2), (GRAPH.name, 2),
    ]  # fmt: skip


def test_graphs_of_one_name_are_told_apart(digits):
    cycle = GraphSpec.of(RelationalGraph.from_edges([(0, 1), (1, 2)], 3, name="mine"))
    star = GraphSpec.of(RelationalGraph.from_edges([(0, 1), (0, 2)], 3, name="mine"))
    odd = GraphSpec.of(RelationalGraph.from_edges([(0, 1), (0, 2)], 3, name="baseline"))
    names = [run.graph_name for run in configs(digits, [None, cycle, star, odd])]
    assert names == ["baseline", "mine", "mine #2", "baseline #2"]


@pytest.mark.parametrize("name", [".net", "../../evil", "...", "-.x-", "net."])
def test_a_graph_of_any_name_has_a_folder_that_counts(digits, tmp_path, name):
    """Folders whose name begins with a dot are half-written ones."""
    graph = RelationalGraph(ws_flex(16, 4, 0.2, seed=1).adjacency, name=name)
    (config,) = configs(digits, [GraphSpec.of(graph)])
    assert not config.folder.startswith((".", "-"))
    outcome = launch([config], digits, tmp_path, Local(1))
    assert not outcome.failed
    assert set(run_folder.finished_runs(tmp_path)) == {config.folder}
    assert read_runs(tmp_path)["graph"].tolist() == [name]


def test_selections():
    cifar = preset("mlp-cifar10")
    assert select(cifar, ["baseline", "best", "baseline"]) == [None, cifar.best]
    everything = select(cifar, ["all"])
    assert len(everything) == 3943
    assert everything[0] is None
    assert len(select(cifar, ["n64-52"])) == 52
    assert select(cifar, ["ws_flex:n=64,k=12.8,p=0.3,seed=1"])[0].build() == GRAPH.build()
    assert select(cifar, ["n64-52:7"]) == [select(cifar, ["n64-52"])[7]]
    coarse = select(cifar, ["n64-52"])
    assert select(cifar, ["n64-52:50:"]) == coarse[50:]
    assert select(cifar, ["all:1000::1000"]) == everything[1001::1000]  # without the baseline
    assert select(cifar, ["n64-52::-1"]) == coarse[:-1]
    for wrong in ("n64-52:9:3", "all:0:10:0", "all:x", "n64-52:1:2:3:4", "all:"):
        with pytest.raises(UserError, match="names no row"):
            select(cifar, [wrong])
    with pytest.raises(UserError, match="n64-52:52 names no row; n64-52 has rows 0 to 51"):
        select(cifar, ["n64-52:52"])
    with pytest.raises(UserError, match="'bset' is not known; did you mean 'best'"):
        select(cifar, ["bset"])
    with pytest.raises(UserError, match="no published best"):
        select(preset("mlp-digits"), ["best"])
    with pytest.raises(UserError, match="nothing to run"):
        plan(cifar, [], [1], data="x")


def test_best_graph_is_the_published_one():
    graph = preset("mlp-cifar10").best.build()
    assert graph.clustering == 0.44846117424242443
    assert graph.path_length == 2.4791666666666665


def test_spread_graphs_lie_apart():
    chosen = spread("n64-52", 26)
    assert len({spec.name for spec in chosen}) == 26
    graphs = [spec.build() for spec in chosen]
    assert max(graph.clustering for graph in graphs) > 0.8
    assert min(graph.clustering for graph in graphs) < 0.15
    assert max(graph.path_length for graph in graphs) > 3.5
    with pytest.raises(UserError, match="99 graphs asked of n64-52, which has 52"):
        spread("n64-52", 99)


# --- run folders -------------------------------------------------------------------------------------------


def test_a_run_leaves_config_metrics_weights_and_result(digits, tmp_path):
    config = configs(digits, [GRAPH])[0]
    row = execute(config, digits, tmp_path)
    folder = tmp_path / "runs" / config.folder
    assert sorted(path.name for path in folder.iterdir()) == [
        "attempts.jsonl", "config.yaml", "metrics.csv", "result.json", "weights.safetensors",
    ]  # fmt: skip
    written = RunConfig.from_yaml((folder / "config.yaml").read_text())
    assert written == config.model_copy(update={"threads": torch.get_num_threads()})
    assert (written.folder, written.experiment) == (config.folder, config.experiment)
    network = build(config, digits)
    network.model.load_state_dict(load_file(folder / "weights.safetensors"))
    from graph2nn.training import evaluate

    assert evaluate(network.model, digits).error == row["test_error"]
    metrics = pd.read_csv(folder / "metrics.csv")
    assert len(metrics) == 1
    assert metrics["test_error"].iloc[-1] == row["test_error"]
    assert abs(row["macs"] / row["target_macs"] - 1) < 0.01
    assert not list((tmp_path / ".unfinished").iterdir())


def test_the_table_is_made_from_the_folders(digits, tmp_path):
    runs = configs(digits, seeds=(1, 2))
    launch(runs, digits, tmp_path)
    table = read_runs(tmp_path)
    assert set(table["run"]) == {run.folder for run in runs}
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "runs.parquet"), table)
    assert set(read_curves(tmp_path)["run"]) == set(table["run"])
    relational = table[table["kind"] == "relational"].iloc[0]
    graph = GRAPH.build()
    assert (relational.clustering, relational.path_length) == (graph.clustering, graph.path_length)
    baseline = table[table["kind"] == "baseline"].iloc[0]
    assert (baseline.clustering, baseline.path_length, baseline.widths) == (1.0, 1.0, "128")


def test_a_result_of_another_time_or_size_is_read_again(digits, tmp_path):
    """The table keeps what it has read before; time and size of a file tell that it is another one."""
    config = configs(digits, [None])[0]
    execute(config, digits, tmp_path)
    before = pd.read_parquet(write_table(tmp_path))["test_error"].iloc[0]
    file = tmp_path / "runs" / config.folder / "result.json"
    text, stat = file.read_text(), file.stat()
    changed = text.replace(f'"test_error": {before}', f'"test_error": {99.5:<{len(str(before))}}')
    assert len(changed) == len(text)
    assert changed != text
    file.write_text(changed)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))
    assert read_runs(tmp_path)["test_error"].tolist() == [99.5]
    assert pd.read_parquet(write_table(tmp_path))["test_error"].tolist() == [99.5]
    # Written once more within one tick of a coarse clock, or by a copy that keeps times.
    kept = file.stat()
    file.write_text(changed.replace("99.5", "99.125", 1))
    os.utime(file, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert read_runs(tmp_path)["test_error"].tolist() == [99.125]


def test_a_second_launch_does_only_what_is_missing(digits, tmp_path):
    first = launch(configs(digits), digits, tmp_path)
    seen = []
    second = launch(configs(digits, seeds=(1, 2)), digits, tmp_path, on_run=seen.append)
    assert (len(first.rows), first.skipped) == (2, 0)
    assert (len(second.rows), second.skipped) == (2, 2)
    assert {row["seed"] for row in seen} == {2}
    assert len(pd.read_parquet(tmp_path / "runs.parquet")) == 4


def test_interrupted_runs_leave_nothing_and_the_table_has_the_rest(digits, tmp_path):
    def stop(config, _epoch):
        if config.graph is not None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch(configs(digits), digits, tmp_path, on_epoch=stop)
    assert len(pd.read_parquet(tmp_path / "runs.parquet")) == 1
    assert not list((tmp_path / ".unfinished").iterdir())
    assert launch(configs(digits), digits, tmp_path).skipped == 1


def stopped_in_the_middle(out, how):
    """Start a run without end, wait for its first epoch, send the signal; return exit code and what it said."""
    script = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from graph2nn.cli import main; "
        "sys.exit(main(['train', 'mlp-digits', '--set', 'recipe.epochs=100000', '--out', sys.argv[1]]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for(
            lambda: list((out / ".unfinished").glob("*/metrics.csv")),
            "the run has started",
            alive=lambda: process.poll() is None,
        )
        process.send_signal(how)
        said = process.communicate(timeout=patience(60))[1]
    finally:
        process.kill()
        process.wait()
    return process.returncode, said


def test_a_killed_run_never_looks_finished(tmp_path):
    """SIGKILL in the middle of a run: nothing in ``runs``, and the lease of the dead holds nobody up."""
    code, _ = stopped_in_the_middle(tmp_path, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert not list((tmp_path / "runs").iterdir())
    with pytest.raises(UserError, match="no finished run"):
        read_runs(tmp_path)
    (left,) = (tmp_path / ".unfinished").iterdir()
    with run_folder.writing(tmp_path, left.name) as folder:
        assert folder.lease.attempt == 2
        assert not (folder.path / "metrics.csv").exists()


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path):
    code, said = stopped_in_the_middle(tmp_path, signal.SIGINT)
    assert code == 130
    assert said.splitlines()[-1].startswith("graph2nn: interrupted. What had finished is kept")
    assert "Traceback" not in said
    # Nothing is left but what the run can go on from.
    assert all(run_folder.resumable(tmp_path, left.name) for left in (tmp_path / ".unfinished").iterdir())
    assert not list((tmp_path / "runs").iterdir())


# --- several workers ---------------------------------------------------------------------------------------

TIMING = ["seconds", "finished"]


def test_several_workers_give_the_table_of_one_and_outlive_a_run_that_fails(digits, tmp_path):
    runs = configs(digits, seeds=(1, 2))
    launch(runs, digits, tmp_path / "one")
    impossible = runs[1].model_copy(update={"model": runs[1].model.model_copy(update={"name": "mlp2"})})
    epochs, ended = [], []
    outcome = launch(
        [impossible, *runs],
        digits,
        tmp_path / "two",
        Local(2),
        on_epoch=lambda config, epoch: epochs.append((config.folder, epoch.epoch)),
        on_run=lambda row: ended.append(row["run"]),
    )
    (failure,) = outcome.failed
    assert failure.run == impossible.folder
    assert failure.attempts == 1
    assert failure.error.startswith("model: mlp2 has no hidden layer")
    assert outcome.complaint(tmp_path).startswith(f"1 of 5 runs failed; {impossible.folder}: model: mlp2")
    one, two = (pd.read_parquet(tmp_path / name / "runs.parquet") for name in ("one", "two"))
    pd.testing.assert_frame_equal(one.drop(columns=TIMING), two.drop(columns=TIMING))
    curves = [read_curves(tmp_path / name).drop(columns="seconds") for name in ("one", "two")]
    pd.testing.assert_frame_equal(*curves)
    assert sorted(ended) == sorted(run.folder for run in runs)
    assert sorted(epochs) == sorted((run.folder, 1) for run in runs)
    for run in runs:
        folders = [tmp_path / name / "runs" / run.folder for name in ("one", "two")]
        weights = [load_file(folder / "weights.safetensors") for folder in folders]
        assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    assert launch(runs, digits, tmp_path / "two", Local(2)).skipped == 4


SWEEP = ["sweep", "mlp-digits", "--select", "baseline", "--seeds", "4", "--set", "recipe.epochs=60"]
SWEEP += ["--set", "recipe.precise_bn=0", "--set", "model.widths=[64]", "--set", "model.options.stem=64"]


def running(pid):
    """Whether a process is there, and not just waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks processes up in /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_stopped_workers_leave_whole_runs_and_no_process(tmp_path, how):
    """Stopped once a run has finished: its folder is whole, the workers end, and a rerun does the rest."""
    command = [sys.executable, "-m", "graph2nn", *SWEEP, "--workers", "2", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(
            lambda: list(tmp_path.glob("runs/*")) and list(tmp_path.glob(".unfinished/*/metrics.csv")),
            "one run has finished and another one has started",
            alive=lambda: process.poll() is None,
        )
        writers = {seen.owner.pid for seen in leases.holders(tmp_path).values()} - {process.pid}
        process.send_signal(how)
        said = process.communicate(timeout=patience(60))[1]
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in said
    wait_for(lambda: not any(map(running, writers)), "the workers end with their parent", 10)
    done = len(read_runs(tmp_path))
    assert 1 <= done < 4
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert said.splitlines()[-1].startswith("graph2nn: interrupted. What had finished is kept")
        assert len(pd.read_parquet(tmp_path / "runs.parquet")) == done
        return
    from graph2nn.cli import main

    assert main([*SWEEP, "--out", str(tmp_path)]) == 0
    table = pd.read_parquet(tmp_path / "runs.parquet")
    assert sorted(table["seed"]) == [1, 2, 3, 4]


def test_a_diverged_run_is_kept_and_marked(digits, tmp_path):
    config = override(
        configs(digits, [None])[0], ["recipe.lr=1.0e+30", "recipe.epochs=3", "recipe.batch_size=64"]
    )
    execute(config, digits, tmp_path)
    row = read_runs(tmp_path).iloc[0]
    assert row["status"] == "diverged"
    assert pd.isna(row["test_error"])


def test_a_damaged_result_is_named(tmp_path):
    (tmp_path / "runs" / "x").mkdir(parents=True)
    (tmp_path / "runs" / "x" / "result.json").write_text("{")
    with pytest.raises(UserError, match=r"x/result.json is not valid JSON; delete its folder"):
        read_runs(tmp_path)


def test_data_of_another_label_is_refused(digits, tmp_path):
    config = configs(digits, [None])[0].model_copy(update={"data": "CIFAR-10"})
    with pytest.raises(UserError, match="asks for 'CIFAR-10'"):
        execute(config, digits, tmp_path)


def test_two_executions_give_the_same_numbers(digits, tmp_path):
    config = configs(digits, [GRAPH])[0]
    first, second = (execute(config, digits, tmp_path / name) for name in "ab")
    for key in ("test_error", "test_loss", "train_loss"):
        assert first[key] == second[key]
    weights = [load_file(tmp_path / name / "runs" / config.folder / "weights.safetensors") for name in "ab"]
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())
