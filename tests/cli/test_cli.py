"""The command: what it prints for people and scripts, and one line with exit code 2 for every bad input."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from graph2nn.cli import main
from graph2nn.cli.connectome_options import with_ends
from graph2nn.errors import Graph2nnWarning, UserError
from graph2nn.layers.bf16_support import cpu_has_bf16
from graph2nn.results.runs_table import read_config

pytestmark = pytest.mark.usefixtures("small_figures")
QUICK = ["--set", "recipe.epochs=1", "--set", "recipe.batch_size=256", "--threads", "1"]
NARROW = ["--set", "model.widths=[64]", "--set", "model.options.stem=64"]


def complaint(capsys, *argv):
    """Run a command that must fail; return the one line it says."""
    assert main(list(argv)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    return err.strip()


def test_match_prints_json_for_a_script(capsys):
    assert main(["match", "mlp5", "--ws-flex", "64,0.128001,0.315701,26", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "model": "mlp5",
        "widths": [1521],
        "macs": 2364592,
        "params": 2374752,
        "target": 2364416,
        "method": "published",
        "quantity": "macs",
    }


def test_match_without_a_graph_is_the_baseline(capsys):
    assert main(["match", "mlp5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["widths"], found["macs"], found["params"]) == ([512], 2364416, 2368522)


def test_match_takes_any_graph_and_the_exact_search(capsys):
    argv = [
        "match",
        "mlp5",
        "--graph",
        "barabasi_albert:n=64,m=4,seed=1",
        "--method",
        "exact",
        "--side",
        "below",
    ]
    assert main([*argv, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["method"] == "exact"
    assert 0.99 < found["macs"] / found["target"] <= 1


def test_match_for_people(capsys):
    assert main(["match", "mlp5"]) == 0
    assert "2,364,416" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["match", "mpl5"], "model 'mpl5' is not known; did you mean 'mlp5'?"),
        (["match", "mlp5", "--ws-flex", "64,0.1"], "'64,0.1' is not N,SPARSITY,P,SEED, for example"),
        (["match", "mlp5", "--ws-flex", "64,0.128,0.1,4,5"], "is not N,SPARSITY,P,SEED"),
        (["match", "mlp5", "--ws-flex", "64,1.5,0.1,4"], "k = 96 lies outside [2, 64] (n = 64)"),
        (["match", "mlp5", "--ws-flex", "64,0.01,0.1,4"], "k = 0.64 lies outside [2, 64]"),
        (["match", "mlp5", "--ws-flex", "64,0.128,1.1,4"], "p = 1.1 lies outside [0, 1]"),
        (["match", "mlp5", "--ws-flex", "1,0.5,0.1,4"], "n = 1 is not a whole number of at least 2 nodes"),
        (["match", "mlp5", "--ws-flex", "64,0.2,0.1,-1"], "ws_flex: seed = -1: input should be greater than"),
        (["match", "mlp5", "--ws-flex", "64,nan,0.1,1"], "ws_flex: sparsity = nan: input should be a finite"),
        (["graphs", "sweep", "--nodes", "8", "--out", "."], "sweep: . is a folder; name a file such as sweep"),
        (["match", "mlp5", "--ws-flex", "1000,0.1,0.1,4"], "has 1000 nodes and the stem of mlp5 has width"),
        (["match", "mlp5", "--method", "exat"], "method 'exat' is not known; did you mean 'exact'?"),
        (["match", "mlp5", "--method", "exact", "--side", "over"], "side 'over' is not known"),
        (["match", "mlp5", "--graph", "no/such/file.npy"], "no/such/file.npy"),
        (
            ["match", "mlp5", "--graph", "cat", "--ws-flex", "64,0.1,0.1,1"],
            "give --ws-flex or --graph, not both",
        ),
        (["match"], "Missing argument"),
        (["mach"], "No such command 'mach'"),
        (["match", "mlp5", "--jsn"], "No such option"),
        (["train", "mlp-cifar"], "preset 'mlp-cifar' is not known; did you mean 'mlp-cifar10'?"),
        (["train", "mlp-digits", "--set", "recipe.lrr=1"], "unknown key recipe.lrr; did you mean recipe.lr?"),
        (["train", "mlp-digits", "--set", "recipe.epochs=0"], "recipe.epochs = 0: input should be greater"),
        (
            ["train", "mlp-digits", "--set", "recipe.batch_size=5000"],
            "batch size 5000 exceeds the 1442 training",
        ),
        (["train", "mlp-digits", "--select", "bset"], "'bset' is not known; did you mean 'best'?"),
        (
            ["train", "mlp-digits", "--select", "all"],
            "'all' names 53 graphs, train takes one; use graph2nn sweep",
        ),
        (["train", "mlp-digits", "--select", "best", "--ws-flex", "64,0.2,0,1"], "give one of --select"),
        (["train", "mlp-digits", "--device", "cuda:99"], "'cuda:99' is not available on this machine"),
        (["train", "mlp-digits", "--seed", "one"], "'one'"),
        (["train", "mlp-cifar10", "--data", "no/such/place"], "no/such/place"),
        (["sweep", "mlp-digits", "--launcher", "slrum"], "launcher 'slrum' is not known"),
        (["sweep", "mlp-digits", "--seeds", "0"], "--seeds '0'"),
        (["sweep", "mlp-digits", "--workers", "many"], "--workers: 'many' is not a number of processes"),
        (["sweep", "mlp-digits", "--workers", "0"], "--workers: '0' is not a number of processes"),
        (["analyze", "no/such/place"], "no/such/place does not exist; name a folder of runs"),
        (["quickstart", "--graphs", "99"], "--graphs '99'"),
        (["graphs", "show", "nonsense"], "'nonsense' is not known"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, monkeypatch, tmp_path, argv, says):
    monkeypatch.chdir(tmp_path)
    assert says in complaint(capsys, *argv)
    assert not any((tmp_path / "runs").glob("runs/*")), "nothing may look like a result"


def test_results_that_cannot_be_written_are_one_line(capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    place = str(tmp_path / "file" / "runs")
    assert "cannot be written to" in complaint(capsys, "train", "mlp-digits", *QUICK, "--out", place)
    assert "cannot be written" in complaint(
        capsys, "graphs", "sweep", "--nodes", "5", "--out", f"{place}/x.parquet"
    )


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("0 1\n1 1\n", "node 1 has a self-loop"),
        ("0 1 0 1\n1 0 1 0\n", "square"),
        ("0 2 3\n2 0 1\n3 1 0\n", "threshold"),
        ("", "empty"),
    ],
)
def test_a_bad_matrix_is_one_line(capsys, tmp_path, rows, says):
    file = tmp_path / "matrix.txt"
    file.write_text(rows)
    assert says in complaint(capsys, "match", "mlp5", "--graph", str(file))


def test_train_then_sweep_then_analyze(capsys, tmp_path):
    out = str(tmp_path / "runs")
    assert main(["train", "mlp-digits", *QUICK, "--out", out, "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["kind"], row["widths"], row["epochs"]) == ("baseline", "128", 1)

    sweep = ["sweep", "mlp-digits", "--select", "baseline", "--select", "ws_flex:n=64,k=9,p=0.2,seed=1"]
    assert main([*sweep, "--select", "ring:n=64,k=8", "--seeds", "2", *QUICK, "--out", out]) == 0
    _, err = capsys.readouterr()
    assert "1 of 6 runs were finished already" in err
    assert len(pd.read_parquet(tmp_path / "runs" / "runs.parquet")) == 6

    report = tmp_path / "report"
    assert main(["analyze", out, "--out", str(report)]) == 0
    assert capsys.readouterr().out.strip() == str(report / "index.html")
    page = (report / "index.html").read_text()
    assert "smoke test" in page
    summary = json.loads((report / "summary.json").read_text())
    assert summary["baseline"]["seeds"] == 2


def test_a_sweep_in_bf16_says_so_in_its_table_and_its_help(capsys, tmp_path):
    out = tmp_path / "runs"
    argv = ["sweep", "mlp-digits", "--select", "baseline", "--seeds", "1", *QUICK, "--out", str(out)]
    assert main([*argv, "--amp", "bf16", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["acceleration"] == ("bf16" if cpu_has_bf16() else "float32 for bf16")
    weights = load_file(out / "runs" / row["run"] / "weights.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float32, torch.int64}
    assert read_config(out, row["run"]).threads == 1
    assert main([*argv[:-1], str(tmp_path / "float32"), "--json"]) == 0
    (plain,) = json.loads(capsys.readouterr().out)
    assert plain["run"] == row["run"]
    assert plain["acceleration"] == "none"
    assert (plain["train_loss"] != row["train_loss"]) == cpu_has_bf16()
    assert main([*argv, "--amp", "bf32"]) == 2
    assert "'bf32' is not known; did you mean 'bf16'?" in capsys.readouterr().err
    for command in ("train", "sweep"):
        assert main([command, "--help"]) == 0
        assert "bf16" in capsys.readouterr().out


def test_nulls_are_swept_with_their_graph_and_compared_with_it(capsys, tmp_path):
    out, report = str(tmp_path / "runs"), tmp_path / "report"
    sweep = ["sweep", "mlp-digits", *QUICK, *NARROW, "--seeds", "2", "--out", out]
    rows = [word for row in range(8) for word in ("--select", f"n64-52:{row}")]
    assert main([*sweep, "--select", "baseline", *rows]) == 0
    assert main([*sweep, "--select", "n64-52:7", "--nulls", "2"]) == 0
    assert main([*sweep, "--select", "n64-52:7", "--nulls", "2", "--null", "ws_flex"]) == 0
    table = pd.read_parquet(tmp_path / "runs" / "runs.parquet")
    assert len(table) == 2 * (1 + 8 + 4)
    assert table["null_of"].notna().sum() == 8
    assert main(["analyze", out, "--against", out, "--out", str(report), "--formats", "png"]) == 0
    summary = json.loads((report / "summary.json").read_text(encoding="utf-8"))
    assert summary["counts"] == {**summary["counts"], "graphs": 8, "runs": 18}
    assert {kind: found["graphs"][0]["nulls"] for kind, found in summary["nulls"].items()} == {
        "degree": 2,
        "ws_flex": 2,
    }
    assert summary["against"]["mlp-digits"]["pearson"] == pytest.approx(1)
    drawn = {path.stem for path in (report / "figures").iterdir()}
    assert drawn >= {"against_mlp-digits", "nulls_degree_mlp-digits", "nulls_ws_flex_mlp-digits"}
    capsys.readouterr()
    assert "no graph to draw nulls of" in complaint(capsys, *sweep, "--select", "baseline", "--nulls", "1")
    assert "'degre'" in complaint(capsys, *sweep, "--select", "n64-52:7", "--nulls", "1", "--null", "degre")
    assert "does not exist" in complaint(capsys, "analyze", out, "--against", "none", "--out", str(report))


def test_analyze_says_how_to_choose_among_mixed_runs(capsys, tmp_path):
    out = str(tmp_path / "runs")
    for epochs in ("1", "2"):
        assert main(["train", "mlp-digits", *QUICK[2:], "--set", f"recipe.epochs={epochs}", "--out", out]) == 0
    capsys.readouterr()
    assert "--where experiment=" in complaint(capsys, "analyze", out, "--out", str(tmp_path / "report"))
    assert not (tmp_path / "report").exists()
    assert (
        main(
            [
                "train",
                "mlp-digits",
                *QUICK[2:],
                "--set",
                "recipe.epochs=2",
                "--graph",
                "ring:n=64,k=8",
                "--out",
                out,
            ]
        )
        == 0
    )
    capsys.readouterr()
    argv = ["analyze", out, "--out", str(tmp_path / "report"), "--where", "epochs=2"]
    assert main(argv) == 0
    capsys.readouterr()
    assert "column 'epoch' is not known; did you mean 'epochs'?" in complaint(
        capsys, "analyze", out, "--where", "epoch=2"
    )
    assert "no run has epochs = 9; there are 1, 2" in complaint(capsys, "analyze", out, "--where", "epochs=9")
    assert "'epochs' is not a condition" in complaint(capsys, "analyze", out, "--where", "epochs")


def test_quickstart_says_that_digits_are_no_evidence(capsys, tmp_path):
    assert main(["quickstart", "--graphs", "2", "--seeds", "1", "--out", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "not evidence for the paper" in " ".join(err.split())
    assert out.splitlines()[-1] == str(tmp_path / "report" / "index.html")
    table = pd.read_parquet(tmp_path / "runs.parquet")
    assert len(table) == 3
    assert (abs(table["macs"] / table["target_macs"] - 1) < 0.01).all()


def test_quickstart_trains_nothing_among_runs_of_another_experiment(capsys, tmp_path):
    train = ["train", "mlp-digits", "--select", "baseline", "--set", "recipe.epochs=1"]
    assert main([*train, "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    runs = sorted((tmp_path / "runs").iterdir())
    assert main(["quickstart", "--graphs", "1", "--seeds", "1", "--out", str(tmp_path)]) == 2
    (refusal,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path} holds runs of another experiment, such as {runs[0].name} (mlp-digits)" in refusal
    assert "--out" in refusal
    assert sorted((tmp_path / "runs").iterdir()) == runs


@pytest.mark.filterwarnings("default::graph2nn.errors.Graph2nnWarning")
def test_own_warnings_are_one_line_too(capsys, monkeypatch):
    def warn(*_, **__):
        warnings.warn("the cache is damaged", Graph2nnWarning, stacklevel=2)
        return []

    monkeypatch.setattr("graph2nn.experiments.planning.plan", warn)
    monkeypatch.setattr("graph2nn.experiments.launchers.launcher.Source.load", lambda *_: sys.exit(0))
    with pytest.raises(SystemExit):
        main(["train", "mlp-digits"])
    assert capsys.readouterr().err == "graph2nn: the cache is damaged\n"


def test_help_teaches_by_example(capsys):
    for command in ("train", "sweep", "match", "analyze"):
        assert main([command, "--help"]) == 0
        assert f"graph2nn {command} " in capsys.readouterr().out


def test_help_does_not_wait_for_torch():
    script = (
        "import sys; from graph2nn.cli import main; code = main(['--help']); "
        "sys.exit(code or any(m in sys.modules for m in ('torch', 'numpy', 'pandas', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", script], stdout=subprocess.DEVNULL).returncode == 0


def test_every_public_name_is_there():
    import graph2nn

    for name in graph2nn.__all__:
        assert getattr(graph2nn, name) is not None
    assert set(dir(graph2nn)) == set(graph2nn.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        graph2nn.nope  # noqa: B018


def test_models_are_listed_with_their_costs(capsys):
    assert main(["models", "--json"]) == 0
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert listed["resnet34"]["params"] == 21_797_672
    assert listed["efficientnet-b0"]["macs"] == 385_824_092
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in listed)
    assert "138,365,992" in shown


def test_cost_lists_the_layers_and_their_sums(capsys):
    argv = ["cost", "resnet34-sep", "--ws-flex", "64,0.168515,0.342558,23"]
    assert main([*argv, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["widths"] == [145, 288, 576, 1152]
    assert sum(layer["macs"] for layer in found["layers"]) == found["macs"] == 553_719_512
    assert sum(layer["parameters"] for layer in found["layers"]) == found["params"] == 3_687_493
    assert sum(layer["dense_parameters"] for layer in found["layers"]) == 14_075_793
    assert main([*argv, "--widths", "64,128,256,512"]) == 0
    shown = capsys.readouterr().out
    assert "stages.3.0.path.1.0" in shown
    assert "of the baseline" in shown


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["cost", "resnet35"], "model 'resnet35' is not known; did you mean 'resnet"),
        (["cost", "mlp5", "--widths", "4,a"], "--widths: '4,a' is not a list of positive whole numbers"),
        (["cost", "mlp5", "--widths", "4,4"], "mlp5 takes 1 or 3 widths, one per stage, got [4, 4]"),
        (
            ["cost", "resnet18", "--widths", "1,2,3,4", "--input-size", "3"],
            "resnet18 reads images, got input size (3,)",
        ),
        (["cost", "mlp5", "--option", "stem"], "--option: 'stem' is not KEY=VALUE, for example stem=64."),
        (
            ["match", "mobilenet-v1", "--ws-flex", "64,.2,.2,2"],
            "has 64 nodes and the stem of mobilenet-v1 has width 32",
        ),
        (["match", "mlp5", "--quantity", "flops"], "match: quantity 'flops' is not known"),
        (["match", "mlp5", "--option", "stem=wide"], "option stem = 'wide': input should be a valid integer"),
        (["match", "lstm", "--method", "published"], "no published procedure for lstm; use method exact"),
    ],
)
def test_costing_refuses_with_one_line(capsys, argv, says):
    assert says in complaint(capsys, *argv)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["train", "mlp-digits", "--select", "n64-52:3", "--select=n64-52:7"], "--select is given 2 times"),
        (["match", "mlp5", "--graph", "cat", "--graph", "mcwhole"], "match: --graph is given 2 times"),
        (["graphs", "catalogue", "n16-48", "-o", "a.csv", "--out", "b.csv"], "--out is given 2 times"),
        (
            ["sweep", "mlp-digits", "--set", "recipe.epochs=1", "--set", "recipe.epochs=2"],
            "sweep: --set recipe.epochs is given twice ('1' and '2'); give it once",
        ),
        (["sweep", "mlp-digits", "--set", "recipe.lr=1", "--set=recipe.lr = 1"], "recipe.lr is given twice"),
        (["cost", "mlp5", "--option", "stem=1", "--option", "stem=2"], "cost: --option stem is given twice"),
        (
            ["sweep", "mlp-digits", "--launcher", "slurm", "--sbatch", "qos=a", "--sbatch=--qos=b"],
            "--sbatch qos is given twice",
        ),
    ],
)
def test_a_second_value_of_an_option_that_takes_one_is_refused(argv, says, capsys):
    """It is not dropped without a word, as click would."""
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert says in said
    assert ("use graph2nn sweep" in said) == (argv[0] == "train")
    assert main(["graphs", "show", "ws_flex:n=16,k=4,p=0,seed=1", "--json", "--json"]) == 0


def test_neurons_named_by_an_option_and_by_a_setting_are_refused():
    with pytest.raises(UserError, match=r"--inputs and --set model\.options\.inputs name the same neurons"):
        with_ends(["recipe.epochs=1", "model.options.inputs=b"], "a == 1", None)
    assert with_ends(["model.options.inputs=b"], None, "c")[1] == 'model.options.outputs="c"'


@pytest.mark.parametrize("word", ["--seeds", "--nulls"])
def test_numbers_of_runs_whose_list_would_not_end_are_refused(word, capsys):
    assert main(["sweep", "mlp-digits", "--select", "n64-52:3", word, "9000000000000000000", "--dry-run"]) == 2
    assert f"give fewer with {word}" in capsys.readouterr().err


def test_a_preset_with_endless_seeds_is_refused(tmp_path, capsys):
    assert main(["presets", "mlp-digits"]) == 0
    file = tmp_path / "preset.yaml"
    file.write_text(re.sub("(?m)^seeds: .*$", "seeds: 9223372036854775808", capsys.readouterr().out))
    assert main(["sweep", str(file), "--select", "baseline", "--dry-run"]) == 2
    assert "9,223,372,036,854,775,808 seeds of each graph are more than 100,000" in capsys.readouterr().err


def test_a_path_too_deep_to_make_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["graphs", "catalogue", "n16-48", "--out", f"{'a/' * 1500}x.csv"]) == 2
    assert "too many folders deep" in capsys.readouterr().err
    assert main(["sweep", "mlp-digits", "--select", "baseline", "--out", "a/" * 1500]) == 2
    assert "folders deep" in capsys.readouterr().err


def test_an_endless_recursion_of_ours_is_no_path(monkeypatch):
    def endless(*args, **kwargs):
        # What Python raises; version 3.13.0 itself crashes where a function really calls itself without end.
        raise RecursionError("maximum recursion depth exceeded")

    monkeypatch.setattr("graph2nn.cli._command", lambda: endless)
    with pytest.raises(RecursionError):
        main(["models"])


@pytest.mark.parametrize(
    ("preset", "reads", "not_read"),
    [
        ("gpt-text", "a text (.txt).", ".npz"),
        ("cnn", "class folders of images", ".csv"),
        ("mlp", ".csv", ".txt"),
    ],
)
@pytest.mark.parametrize("command", ["train", "sweep"])
def test_a_preset_for_data_of_ones_own_says_which_it_reads(command, preset, reads, not_read, capsys):
    assert main([command, preset]) == 2
    said = capsys.readouterr().err
    assert f"{preset}: is for data of your own; name them with --data PATH" in said
    assert reads in said
    assert not_read not in said
