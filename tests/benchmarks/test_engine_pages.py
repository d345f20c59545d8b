"""Which engine auto chose, and what bf16 gives: measured for whole networks, and shown as measured."""

import json

import pytest

from benchmarks import bench_amp, bench_auto, page_amp, page_auto, record

BIRTH = {
    "date": "2026-01-02", "command": "python -m benchmarks", "cpu": "A CPU", "cores": 2,
    "load_average_at_start": 0.1, "load_average_at_end": 0.2, "python": "3.11", "versions": {"torch": "2"},
}  # fmt: skip


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    return lambda name, found: (tmp_path / f"{name}.json").write_text(json.dumps(BIRTH | found), "utf-8")


def test_auto_is_measured_against_each_engine_and_dense():
    found = bench_auto.measure(bench_auto.Case("resnet20-cifar", 16, 6, batch=2), 2)
    assert found["fastest dense"] in ("dense", "dense, channels last")
    assert found[found["faster engine"]]["times_faster_engine"] == 1
    assert {"ms", "quartiles", "times_dense"} < found["auto"].keys()


def test_the_page_of_auto(results):
    assert page_auto.auto() == ""
    row = {"ms": 273.4, "times_faster_engine": 0.97, "quartiles": [0.95, 1.02], "times_dense": 1.456}
    results(
        "auto", {"networks": {"a network": {"auto": row, "block": row, "masked": row | {"times_dense": 1.8}}}}
    )
    assert "| a network | 273 | 0.97 (0.95–1.02) | 1.46 | 1.46 | 1.80 |" in page_auto.auto()


def test_three_ways_of_a_step_are_timed():
    for works in (
        bench_amp.text_steps(bench_amp.Dense(), 2),
        bench_amp.image_steps("mlp5", bench_amp.Dense(), 2),
    ):
        assert tuple(works) == bench_amp.WAYS
        for work in works.values():
            work()


def test_the_page_of_bf16(results):
    assert page_amp.amp() == ""
    row = {"ms": 4114.68, "times": 19.5, "quartiles": [19.3, 19.7]}
    results("amp", {"bf16_instructions": False, "steps": {"a network": {"torch's autocast": row}}})
    said = page_amp.amp()
    assert "| a network | torch's autocast | 4,114.7 | 19.50 (19.30–19.70) |" in said
    assert "no instructions for bf16" in said
    results("amp", {"bf16_instructions": True, "steps": {}})
    assert "no instructions" not in page_amp.amp()
