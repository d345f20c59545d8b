"""Loggers, the real ones: what was logged is read back, also of a run that was interrupted."""

from __future__ import annotations

import math

import pytest

from graph2nn.data.registry import load_dataset
from graph2nn.errors import UserError
from graph2nn.experiments import plan, preset
from graph2nn.experiments.loggers import LOGGERS, make_logger, scalars
from graph2nn.training import Epoch

CONFIG = plan(preset("mlp-digits"), [None], [1], data="digits")[0]


def epoch(number, **changes):
    values = {"lr": 0.1, "train_loss": 1 / number, "train_error": 10.0, "test_loss": 2.0, "test_error": 5.0}
    return Epoch(number, **{**values, "test_error_top5": 1.0, "seconds": 0.5, **changes})


def interrupted(out, name):
    """Three epochs, of which a checkpoint has two; then the third again, and a fourth."""
    for epochs, numbers, status in ((0, (1, 2, 3), "interrupted"), (2, (3, 4), "finished")):
        logger = make_logger(name, out)
        logger.begin(CONFIG, epochs)
        for number in numbers:
            logger.log(number, scalars(epoch(number)))
        logger.end(status)


def test_tensorboard_shows_each_epoch_once(tmp_path):
    pytest.importorskip("tensorboard", reason="needs tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    interrupted(tmp_path, "tensorboard")
    events = EventAccumulator(str(tmp_path / "tensorboard" / CONFIG.folder))
    events.Reload()
    assert set(events.Tags()["scalars"]) == set(scalars(epoch(1)))
    found = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert found == [(number, pytest.approx(1 / number)) for number in (1, 2, 3, 4)]
    assert "config/text_summary" in events.Tags()["tensors"]


def test_mlflow_has_one_run_with_its_config(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="needs mlflow")
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    interrupted(tmp_path, "mlflow")
    client = MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("mlp-digits")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == CONFIG.folder
    assert run.data.params["recipe.lr"] == str(CONFIG.recipe.lr)
    history = {(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "train/loss")}
    assert history == {(number, 1 / number) for number in (1, 2, 3, 4)}


def test_mlflow_begins_again_what_was_trained_from_the_start_again(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="needs mlflow")
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "server").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    for _ in range(2):
        logger = make_logger("mlflow", tmp_path)
        logger.begin(CONFIG, 0)
        logger.end("failed")
    client = MlflowClient(tracking_uri=(tmp_path / "server").as_uri())
    found = client.search_runs([client.get_experiment_by_name("mlp-digits").experiment_id])
    assert [run.info.status for run in found] == ["FAILED"] * 2


@pytest.mark.slow
def test_wandb_writes_its_own_files_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="needs wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    interrupted(tmp_path, "wandb")
    files = list((tmp_path / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(files) == 2
    assert len({file.name for file in files}) == 1  # one id: on the server it is one run
    assert CONFIG.folder.encode() in files[0].read_bytes()


def test_what_is_not_a_number_is_not_logged():
    values = scalars(epoch(1, test_loss=math.nan, test_error=math.nan, test_error_top5=math.nan))
    assert set(values) == {"lr", "train/loss", "train/error", "seconds"}
    assert scalars(epoch(1, train_loss=math.inf))["train/loss"] == math.inf


def test_an_unknown_logger_is_named(tmp_path):
    with pytest.raises(UserError, match="logger 'tensorbord' is not known; did you mean 'tensorboard'"):
        make_logger("tensorbord", tmp_path)


def test_a_folder_whose_name_is_not_utf8_is_refused_before_the_first_run(tmp_path):
    with pytest.raises(UserError, match="tensorboard takes no folder whose name is not UTF-8"):
        make_logger("tensorboard", tmp_path / "\udcff")


@pytest.mark.parametrize("name", sorted(LOGGERS))
def test_a_missing_package_is_named_with_the_command_that_installs_it(name, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, f"graph2nn.experiments.loggers.{name}", raising=False)
    with pytest.raises(UserError, match=rf"{name} needs a package .* pip install {name}"):
        make_logger(name, tmp_path)


def test_the_command_logs_and_shows_several_seeds(tmp_path, capsys):
    pytest.importorskip("tensorboard", reason="needs tensorboard")
    from graph2nn.cli import main

    argv = ["train", "mlp-digits", "--seeds", "2", "--set", "recipe.epochs=1", "--threads", "1"]
    assert main([*argv, "--logger", "tensorboard", "--log-graphs", "0.3", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().err
    assert "over 2 seeds." in said
    assert len(list((tmp_path / "tensorboard").glob("*/events*"))) == 2
    assert load_dataset("digits").num_classes == 10
    assert main([*argv, "--logger", "tensorbord", "--out", str(tmp_path)]) == 2
    assert "did you mean 'tensorboard'" in capsys.readouterr().err


def test_a_sweep_logs_the_graphs_of_its_weights(tmp_path, capsys):
    pytest.importorskip("tensorboard", reason="needs tensorboard")
    from graph2nn.cli import main

    argv = ["sweep", "mlp-digits", "--select", "n64-52:3", "--seeds", "1", "--set", "recipe.epochs=1"]
    argv += ["--log-graphs", "0.3", "--out", str(tmp_path)]
    assert main(argv) == 2
    assert "no logger takes them" in capsys.readouterr().err
    assert main([*argv, "--logger", "tensorboard"]) == 0
    (events,) = (tmp_path / "tensorboard").glob("*/events*")
    assert b"clustering_directed" in events.read_bytes()
