"""The page of measurements: new results show rates and the roofline, earlier ones leave columns out aloud."""

from __future__ import annotations

import importlib
import json
import sys

import pytest

from benchmarks import page_layers, record
from benchmarks.roofline import points

BIRTH = {
    "date": "2026-01-02", "command": "python -m benchmarks.bench_layers", "cpu": "A CPU", "cores": 2,
    "load_average_at_start": 0.1, "load_average_at_end": 0.2, "python": "3.11", "versions": {"torch": "2"},
}  # fmt: skip
RATED = {"n": 3, "quartiles": [0.9, 1.1], "gflop": 0.2, "mbyte": 4.0}
OLD_CASES = {
    "linear, forward + backward": {
        "dense": {"ms": 2.0, "times_dense": 1.0, "quartiles": [1.0, 1.0]},
        "masked": {"ms": 8.0, "times_dense": 4.0, "quartiles": [3.9, 4.1]},
        "block": {"ms": 2.4, "times_dense": 1.2, "quartiles": [1.1, 1.3]},
    }
}


def row(ms, dense, times, share, precision="float32"):
    rated = {"gflops": 200 / ms, "share_of_peak": share, "precision": precision}
    return RATED | rated | {"ms": ms, "dense": dense, "times_dense": times}


NEW_CASES = {
    "linear, forward + backward": {
        "dense": row(2.0, "dense, oneDNN", 2.0, 0.5),
        "dense, oneDNN": row(1.0, "dense, oneDNN", 1.0, 1.0),
        "dense, bf16": row(0.5, "dense, bf16", 1.0, 0.95, "bf16"),
        "masked": row(8.0, "dense, oneDNN", 8.0, 0.13),
        "block": row(1.2, "dense, oneDNN", 1.2, 0.83),
        "block, bf16": row(0.6, "dense, bf16", 1.25, 0.8, "bf16"),
    }
}
MACHINE = {
    "peak_gflops": {"float32": 200.0, "bf16": 421.0},
    "peak_by": {"float32": "oneDNN, 8 × 8", "bf16": "mm, 9 × 9"}, "bandwidth_gbyte_per_s": 12.0, "n": 5,
}  # fmt: skip


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Take results and put pictures into a folder of the test's own."""
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setattr(page_layers, "DOCS", tmp_path)
    (tmp_path / "images").mkdir()
    return lambda name, result: (tmp_path / f"{name}.json").write_text(json.dumps(BIRTH | result), "utf-8")


def test_an_earlier_result_leaves_columns_out_and_says_so(written, tmp_path):
    written("layers", {"1 thread": OLD_CASES})
    text = page_layers.layers()
    assert "Left out, since it lacks them: the dense network by oneDNN" in text
    assert "| what | masked (published technique) | block |" in text
    assert "| 4.00 (3.90–4.10) | 1.20 (1.10–1.30) |" in text
    assert "roofline.png" not in text
    assert not (tmp_path / "images" / "roofline.png").exists()
    assert (tmp_path / "images" / "layers.png").stat().st_size > 1000


def test_a_new_result_names_the_fastest_dense_form_and_its_rate(written, tmp_path):
    written("layers", {"machine": {"1 thread": MACHINE}, "1 thread": NEW_CASES})
    text = page_layers.layers()
    assert "Left out" not in text
    assert "Peak, 1 thread: 200 GFLOP/s in float32 (oneDNN, 8 × 8), 421 GFLOP/s in bf16" in text
    head = next(line for line in text.splitlines() if line.startswith("| what")).strip("| ").split(" | ")
    dense = ["dense at its best", "dense at its best, bf16"]
    assert head == ["what", *dense, "masked (published technique)", "block", "block, bf16"]
    assert "| oneDNN: 1.00 ms, 200 GFLOP/s, 100 % | torch default: 0.50 ms, 400 GFLOP/s, 95 % |" in text
    assert "| 1.20 (0.90–1.10), 167 GFLOP/s, 83 % | 1.25 (0.90–1.10), 333 GFLOP/s, 80 % |" in text
    assert "images/roofline.png" in text
    assert (tmp_path / "images" / "roofline.png").stat().st_size > 1000


def test_the_roofline_shows_the_fastest_dense_form_alone_at_its_intensity():
    shown = points(NEW_CASES)
    assert [(engine, precision) for engine, precision, *_ in shown] == [
        ("dense at its best", "float32"), ("dense at its best", "bf16"), ("masked", "float32"),
        ("block", "float32"), ("block", "bf16"),
    ]  # fmt: skip
    assert {round(intensity, 6) for *_, intensity, _ in shown} == {50.0}  # 0.2 GFLOP over 4 MB
    assert points(OLD_CASES) == []


def test_bf16_that_was_left_out_is_said(written):
    why = "its product reaches 1 GFLOP/s, float32's 100"
    written("layers", {"1 thread": OLD_CASES, "bf16_left_out": why})
    assert f"bf16 was left out on this machine: {why}." in page_layers.layers()


@pytest.mark.parametrize("rated", [False, True])
def test_epochs_of_both_ages(written, rated):
    entry = {"ms_per_step": 9.0, "times_compute": 1.0, "times_graph2nn": 1.0}
    entry |= row(9.0, "compute alone, dense", 1.1, 0.7) if rated else {}
    written("epoch", {"best graph, 1 thread": {"graph2nn": entry}} | ({"machine": {}} if rated else {}))
    text = page_layers.epochs()
    assert ("÷ dense compute at its best" in text) is rated
    assert ("are left out, since it lacks them" in text) is not rated
    assert ("1.10 (0.90–1.10), 22 GFLOP/s, 70 %" in text) is rated


@pytest.mark.parametrize("module", ["page", "page_layers", "page_families", "page_search", "roofline"])
def test_each_part_of_the_page_can_be_imported_first(module):
    """No circle: whichever part comes first finds the others whole."""
    before = {name: sys.modules.pop(name) for name in ours()}
    try:
        importlib.import_module(f"benchmarks.{module}")
    finally:
        for name in ours():
            del sys.modules[name]
        sys.modules.update(before)


def ours():
    """Names of the modules of the benchmarks that are imported."""
    return [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]
