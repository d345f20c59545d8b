"""The edge layer on the page of measurements, and the memory that its products move."""

from __future__ import annotations

import json

import pytest
import torch

from benchmarks import page_edges, record
from benchmarks.bench_edges import layers, made, moved
from graph2nn.layers.edge import tables_of

BIRTH = {
    "date": "2026-01-02", "command": "python -m benchmarks.bench_edges", "cpu": "A CPU", "cores": 2,
    "load_average_at_start": 0.1, "load_average_at_end": 0.2, "python": "3.11", "versions": {"torch": "2"},
}  # fmt: skip
OLD = {"ms": 0.5, "gflops": 14.5, "times_1_scipy": 0.4, "quartiles": [0.3, 0.5], "of_fastest": 0.3, "n": 9}
DENSE = {"ms": 30.0, "gflops": 0.6, "times_3_scipy": 13.5, "quartiles": [12.0, 15.0], "n": 9}


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "RESULTS", tmp_path)

    def text(result):
        (tmp_path / "edges.json").write_text(json.dumps(BIRTH | {"larva": "9 neurons"} | result), "utf-8")
        return page_edges.edges()

    return text


def test_an_earlier_result_lacks_the_share_of_memory_and_says_so(page):
    cases = {"edge, forward": OLD, "dense, forward + backward": DENSE}
    text = page({"larva, batch 32": cases})
    assert "| edge, forward | 0.50 | 0.40 (0.30–0.50) | 14.5 |" in text
    assert "of an earlier benchmark" in text
    assert "share of what memory allows |" not in text
    assert "whole fly" not in text


def test_a_new_result_shows_the_share_of_memory(page):
    rated = OLD | {"mbyte": 1.7, "share_of_bandwidth": 1.25}
    cases = {"note": "by the clock", "edge, forward": rated, "dense, forward + backward": DENSE}
    text = page({"bandwidth_gbyte_per_s": 16.5, "larva, batch 32": cases})
    assert "of an earlier benchmark" not in text
    assert "16.5 GB/s" in text
    assert "| edge, forward | 0.50 | 0.40 (0.30–0.50) | 14.5 | 1.7 | 125% |" in text
    assert "| dense, forward + backward | 30.00 | 13.50 (12.00–15.00) | 0.6 |  |  |" in text
    assert "*by the clock*" in text


def test_the_bytes_moved_are_those_of_the_arrays():
    edges, n = made(50, 300)
    tables = tables_of(edges, n)
    x, weight = torch.randn(n, 8), torch.randn(len(tables.source))
    result = torch.zeros(tables.outputs, 8)
    arrays = (tables.source, tables.at, weight, x, result)
    once = 1e-6 * sum(array.element_size() * array.numel() for array in arrays)
    for name, megabytes in (
        ("edge, forward", once),
        ("edge, forward + backward", 3 * once),
        ("edge bf16 activations, forward", once - 2e-6 * 8 * (n + tables.outputs)),
    ):
        assert moved(name, 2.0, tables, 8, 16.0)["mbyte"] == pytest.approx(megabytes, abs=1e-3)
    # Megabytes per millisecond are gigabytes per second.
    large = moved("edge, forward", 1.0, tables_of(*made(2000, 50_000)), 32, rate=10.0)
    assert large["share_of_bandwidth"] == pytest.approx(large["mbyte"] / 10, abs=1e-3)


def test_the_benchmark_records_it_for_sparse_products_only():
    found = layers(made(60, 400), 4, 1, 10.0, dense=True)
    without = {name for name, entry in found.items() if "share_of_bandwidth" not in entry}
    assert without == {"dense, forward + backward", "masked, forward + backward"}


def test_flydnet_is_compared_where_it_is_installed():
    """Its products are checked against scipy's when the benchmark begins."""
    pytest.importorskip("flydnet", reason="flydnet is not installed (the bench extra)")
    found = layers(made(60, 400), 4, 1, 10.0, dense=False)
    assert found["flydnet, forward"]["times_1_scipy"] > 0
    assert found["flydnet, forward + backward"]["times_3_scipy"] > 0


def test_steps_of_the_whole_fly_are_on_the_page(page):
    step = {
        "neurons": 139_000, "connections": 14_957_269, "threads": 2, "step_s": 2.133, "times_24_scipy": 0.143,
        "quartiles": [0.13, 0.209], "n": 3, "peak_gb_until_first_step": 2.61,
    }  # fmt: skip
    text = page({"larva, batch 32": {"edge, forward": OLD}, "whole fly, float32": step})
    assert "139,000 neurons and 14,957,269 connections" in text
    assert "| float32 | 2.13 | 0.14 (0.13–0.21) | 2.6 | 3 |" in text
    assert "whole fly" not in page({"larva, batch 32": {"edge, forward": OLD}})
