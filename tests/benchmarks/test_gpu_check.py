"""The GPU check: its dry run on a CPU goes through every part, and no part can end the others."""

from __future__ import annotations

import json
import time

import pytest
import torch

from benchmarks import gpu_check
from benchmarks.gpu_options import Options, usable


def test_a_dry_run_goes_through_every_part(tmp_path, capsys):
    """What runs on the GPU for minutes runs here first, in its smallest size, and is correct."""
    argv = ["--device", "cpu", "--quick", "--minutes", "1000", "--out", str(tmp_path)]
    status = gpu_check.main(argv)
    record = json.loads((tmp_path / "gpu_check.json").read_text(encoding="utf-8"))
    assert list(record["parts"]) == list(gpu_check.PARTS)
    assert {name: part["error"] for name, part in record["parts"].items() if "error" in part} == {}
    assert status == 0, capsys.readouterr().out
    results = {name: part["result"] for name, part in record["parts"].items()}
    errors = [row["error"] for row in results["oracle"]["layers"].values() if "error" in row]
    assert len(errors) >= 4
    assert results["tests"]["tests"] == results["tests"]["skipped"] > 0 or torch.cuda.is_available()
    assert set(results["families"]["models"]) == {"mlp5", "cnn3-cifar"}
    for name in ("steps", "resnet"):
        for table in results[name]["tables"].values():
            assert table["refused"] == {}
            assert all(row["ms"] > 0 for row in table["times"].values())
    assert results["block"]["refused"] == {}
    assert all(rate > 0 for rate in results["rates"]["networks_steps_per_second"].values())
    assert results["runs"] == {"left_out": "needs --data"}


def test_a_failing_part_is_recorded_and_the_next_one_runs(tmp_path, monkeypatch):
    def fails(options):
        raise MemoryError("no room")

    monkeypatch.setitem(gpu_check.PARTS, "oracle", fails)
    monkeypatch.setitem(gpu_check.PARTS, "tests", lambda options: {"ok": False})
    monkeypatch.setitem(gpu_check.PARTS, "families", lambda options: {"ok": True})
    argv = ["--device", "cpu", "--quick", "--out", str(tmp_path), "--parts", "oracle", "tests", "families"]
    assert gpu_check.main(argv) == 1
    parts = json.loads((tmp_path / "gpu_check.json").read_text(encoding="utf-8"))["parts"]
    assert parts["oracle"]["error"] == "MemoryError: no room"
    assert "in fails" in parts["oracle"]["traceback"]
    assert parts["families"]["result"] == {"ok": True}


def test_no_part_begins_when_the_time_is_up(tmp_path):
    record = gpu_check.check(Options("cpu", True, time.monotonic() - 1), ["oracle", "steps"], tmp_path)
    assert record["parts"] == {name: {"left_out": "no time left"} for name in ("oracle", "steps")}


def test_contenders_that_cannot_run_are_named():
    def broken():
        raise RuntimeError("this kernel needs another GPU")

    works, refused = usable({"fine": lambda: lambda: None, "broken": lambda: broken})
    assert list(works) == ["fine"]
    assert refused == {"broken": "RuntimeError: this kernel needs another GPU"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(capsys):
    assert gpu_check.main([]) == 2
    assert "--device cpu --quick is a dry run" in capsys.readouterr().err
