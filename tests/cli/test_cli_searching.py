"""``graph2nn search``: what it prints, what it keeps, and one line for every wrong input."""

from __future__ import annotations

import json
import os
import shlex

import pytest

from graph2nn.cli import main
from graph2nn.experiments import read_runs

QUICK = ["--set", "recipe.epochs=1", "--set", "recipe.batch_size=256", "--threads", "1"]


def found(capsys, *argv):
    assert main(["search", *argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_search_trains_and_names_the_next_command(tmp_path, capsys):
    argv = ["mlp-digits", "--budget", "3", "--out", str(tmp_path), *QUICK]
    first = found(capsys, *argv)
    assert first["spent"] == 3
    assert len(first["trials"]) == len(read_runs(tmp_path)) == 3
    assert first["recommended"]["low"] <= first["recommended"]["expected"] <= first["recommended"]["high"]
    assert found(capsys, *argv) == first
    # What it says to run trains the recommended graph, as a run of the same experiment.
    words = shlex.split(first["command"])
    assert words[:2] == ["graph2nn", "train"]
    assert main([*words[1:], "--threads", "1"]) == 0
    runs = read_runs(tmp_path)
    assert len(runs) == 4
    assert runs["experiment"].nunique() == 1
    assert first["recommended"]["graph"] in set(runs["graph"])
    capsys.readouterr()


def test_search_for_people_with_workers_gives_the_same(tmp_path, capsys):
    argv = ["mlp-digits", "--budget", "2", "--strategy", "random", "--pool", "n64-52", *QUICK]
    one = found(capsys, *argv, "--out", str(tmp_path / "one"))
    two = found(capsys, *argv, "--out", str(tmp_path / "two"), "--workers", "2")
    assert one["trials"] == two["trials"]
    assert main(["search", *argv, "--out", str(tmp_path / "one")]) == 0
    out, err = capsys.readouterr()
    assert "recommended" in out
    assert "2 of 2 full ones spent" in out
    assert "Train it further: graph2nn train mlp-digits --ws-flex 64," in err


def test_search_replays_the_published_results(shared_file, capsys):
    path = shared_file("data/published/final_results.tar.xz")
    argv = ["mlp-cifar10", "--budget", "4", "--strategy", "gp-halving"]
    replayed = found(capsys, *argv, "--replay", f"{path}:resnet34_imagenet")
    assert replayed["preset"] == "resnet34_imagenet"
    assert replayed["command"] is None
    assert {trial["epochs"] for trial in replayed["trials"]} == {12, 34, 100}
    assert 24 < replayed["recommended"]["expected"] < 28


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["mlp-digits", "--budget", "0"], "budget = 0; expected at least 1, the cost of one full training run"),
        (["mlp-digits", "--budget", "few"], "'few'"),
        (["mlp-digits", "--strategy", "gpp"], "strategy 'gpp' is not known; did you mean 'gp'?"),
        (["mlp-digit"], "preset 'mlp-digit' is not known; did you mean 'mlp-digits'?"),
        (["mlp-digits", "--pool", "n64-51"], "catalogue 'n64-51' is not known; did you mean 'n64-52'?"),
        (["mlp-digits", "--set", "recipe.lrr=1"], "unknown key recipe.lrr; did you mean recipe.lr?"),
        (["mlp-digits", "--workers", "0"], "--workers: '0' is not a number of processes"),
        (["mlp-digits", "--replay", "no/such"], "--replay: there is no no/such; write published,"),
        (["mlp-digits", "--replay", "published:"], "'published:' names no task after the colon"),
    ],
)
def test_wrong_inputs_are_one_line(argv, says, capsys):
    assert main(["search", *argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count(os.linesep) == 1
    assert says in err


def test_an_unknown_task_is_named(shared_file, capsys):
    path = shared_file("data/published/final_results.tar.xz")
    assert main(["search", "mlp-digits", "--replay", str(path)]) == 2
    assert "--replay: task 'mlp_digits' is not known" in capsys.readouterr().err


def test_a_folder_of_another_experiment_is_refused(tmp_path, capsys):
    argv = ["search", "mlp-digits", "--budget", "1", "--out", str(tmp_path), *QUICK]
    assert main(argv) == 0
    capsys.readouterr()
    assert main([*argv, "--set", "recipe.lr=0.3"]) == 2
    assert "holds runs of another experiment" in capsys.readouterr().err
