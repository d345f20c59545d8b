"""Which engine auto chose, and what bf16 gives: measured for whole networks, and shown as measured."""

import json

import pytest

from benchmarks import bench_amp, bench_auto, page_amp, page_auto, precision_check, record

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


def pair_of_sweeps(folder, shift, acceleration="bf16"):
    """Results of 24 runs in each precision, whose errors differ by ``shift`` points."""
    for name, kind, moved in (("float32", "none", 0), ("bf16", acceleration, shift)):
        for graph in ("baseline", "best"):
            for seed in range(1, 13):
                run = folder / name / "runs" / f"{graph}_{seed}"
                run.mkdir(parents=True)
                error = 47 + 0.1 * (seed % 3) + moved
                content = {"graph": graph, "seed": seed, "test_error": error, "acceleration": kind}
                (run / "result.json").write_text(json.dumps(content))
    return folder / "float32", folder / "bf16"


@pytest.mark.parametrize(("shift", "passed"), [(0.1, True), (0.35, False), (-0.35, False)])
def test_precisions_are_compared_pair_by_pair(tmp_path, shift, passed):
    one, other = pair_of_sweeps(tmp_path, shift)
    found = precision_check.compared(precision_check.errors(one, "none"), precision_check.errors(other, "bf16"))
    assert found["pairs"] == 24
    assert found["mean_difference"] == pytest.approx(shift)
    assert found["passed"] is passed


def test_one_network_alone_can_fail_the_precision_check(tmp_path):
    one, _ = pair_of_sweeps(tmp_path, 0.0)
    float32 = precision_check.errors(one, "none")
    moved = {key: error + 0.4 * (key[0] == "best") for key, error in float32.items()}
    found = precision_check.compared(float32, moved)
    assert found["mean_difference"] == pytest.approx(0.2)
    assert not found["passed"]


def test_runs_of_another_precision_or_without_a_partner_are_refused(tmp_path):
    one, other = pair_of_sweeps(tmp_path, 0.1, acceleration="float32 for bf16")
    with pytest.raises(ValueError, match="float32 for bf16, expected bf16"):
        precision_check.errors(other, "bf16")
    float32 = precision_check.errors(one, "none")
    with pytest.raises(ValueError, match="without a partner"):
        precision_check.compared(float32, dict(list(float32.items())[1:]))


def test_the_section_on_errors_says_whether_they_pass(results, tmp_path):
    assert page_amp.precision() == ""
    one, other = pair_of_sweeps(tmp_path, 0.1)
    found = precision_check.compared(precision_check.errors(one, "none"), precision_check.errors(other, "bf16"))
    results("precision", found)
    said = page_amp.precision()
    assert "+0.10 points" in said
    assert ": passed." in said
    assert "| best | 12 | 47.10 | 47.20 | +0.10 |" in said
