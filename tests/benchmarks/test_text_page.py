"""Steps of the translation model: all cost the dense network's multiply-adds; the page shows both ratios."""

import json

import pytest

from benchmarks import page_text, record
from benchmarks.bench_text import contenders
from benchmarks.timing import compare

BIRTH = {
    "date": "2026-01-02", "command": "python -m benchmarks.bench_text", "cpu": "A CPU", "cores": 2,
    "load_average_at_start": 0.1, "load_average_at_end": 0.2, "python": "3.11", "versions": {"torch": "2"},
}  # fmt: skip


def test_a_step_of_each_network_is_timed_against_the_dense_one_of_its_precision():
    cases = contenders(2, degrees=(9,))
    assert set(cases) == {f"{name}, {precision}" for precision in ("float32", "bf16")
                          for name in ("dense", "degree 9", "degree 9, masked")}  # fmt: skip
    dense = cases["dense, float32"].gflop
    for case in cases.values():
        assert case.gflop == pytest.approx(dense, rel=0.02)
    rows = compare(cases, 1, 1, {"float32": 60.0, "bf16": 20.0})
    assert rows["degree 9, bf16"]["dense"] == "dense, bf16"
    assert rows["dense, float32"]["times_dense"] == 1


def test_the_page_has_a_table_per_number_of_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    assert page_text.text() == ""
    row = {
        "ms": 1234.0, "times_dense": 1.4, "quartiles": [1.3, 1.5], "times_fastest_dense": 1.6, "gflops": 21.0,
        "precision": "bf16",
    }  # fmt: skip
    found = BIRTH | {
        "batch": 64,
        "length": 16,
        "bf16_instructions": False,
        "1 thread": {"steps": {"dense": row}, "machine": {"peak_gflops": {"float32": 84.0, "bf16": 210.0}}},
    }
    (tmp_path / "text.json").write_text(json.dumps(found), "utf-8")
    said = page_text.text()
    assert "### 1 thread" in said
    assert "| dense | 1,234 | 1.40 (1.30–1.50) | 1.60 | 21.0 | 25% |" in said
    assert "no instructions for bf16 products" in said
    (tmp_path / "text.json").write_text(json.dumps(found | {"bf16_instructions": True}), "utf-8")
    assert "no instructions" not in page_text.text()
    assert "| 21.0 | 10% |" in page_text.text()
