"""Ratios are to the fastest dense form of the same run; forms compute one function; quick runs are complete."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from torch import nn

from benchmarks import bench_epoch, bench_layers, dense_forms, record
from benchmarks.dense_forms import OneDnnLinear, image_forms, linear_forms, onednn_linear, with_linears
from benchmarks.layer_cases import Convolution, convolution_case, linear_case
from benchmarks.peak import machine
from benchmarks.timing import Contender, summarise, take_turns
from graph2nn import build_model
from graph2nn.graphs import ws_flex

BOTH = ("float32", "bf16")
GRAPH = ws_flex(16, 5, 0.4, 2)


def nothing():
    pass


def test_ratios_are_to_the_fastest_dense_form_of_the_same_precision():
    contenders = {
        "dense": Contender(nothing, gflop=2.0, dense=True),
        "dense, oneDNN": Contender(nothing, gflop=2.0, dense=True),
        "dense, bf16": Contender(nothing, "bf16", 2.0, dense=True),
        "block": Contender(nothing, gflop=1.0, mbyte=3.0),
        "block, bf16": Contender(nothing, "bf16", 1.0),
    }
    times = {
        "dense": [0.04, 0.04, 0.04], "dense, oneDNN": [0.02, 0.02, 0.01], "dense, bf16": [0.01, 0.01, 0.01],
        "block": [0.03, 0.06, 0.01], "block, bf16": [0.02, 0.02, 0.05],
    }  # fmt: skip
    found = summarise(contenders, times, {"float32": 200.0})
    assert found["block"]["dense"] == "dense, oneDNN"
    assert found["block"]["times_dense"] == 1.5  # within rounds: 1.5, 3, 1
    assert found["block"]["times_fastest_dense"] == 3.0
    assert found["block"]["n"] == 3
    assert found["block"]["gflops"] == pytest.approx(1 / 0.03, abs=0.05)
    assert found["block"]["share_of_peak"] == pytest.approx(1 / 0.03 / 200, abs=1e-3)
    assert found["block"]["mbyte"] == 3.0
    assert found["block, bf16"]["dense"] == "dense, bf16"
    assert found["block, bf16"]["times_dense"] == 2.0
    assert "share_of_peak" not in found["block, bf16"]


def test_contenders_take_turns_and_the_first_round_is_left_out():
    calls = []
    works = {name: lambda name=name: calls.append(name) for name in "ab"}
    times = take_turns(works, rounds=2, repeats=2)
    assert "".join(calls) == "aabb" * 3
    assert {name: len(values) for name, values in times.items()} == {"a": 2, "b": 2}


@pytest.mark.skipif(onednn_linear() is None, reason="this torch does not have oneDNN's linear operator")
def test_the_onednn_form_equals_float64_forward_and_backward():
    torch.manual_seed(0)
    layer = OneDnnLinear(70, 41)
    exact = nn.Linear(70, 41).double()
    exact.load_state_dict(layer.state_dict())
    x = torch.randn(33, 70, requires_grad=True)
    x64 = x.detach().double().requires_grad_()
    found, expected = layer(x), exact(x64)
    gradient = torch.randn(33, 41)
    ours = torch.autograd.grad(found, [x, *layer.parameters()], gradient)
    oracle = torch.autograd.grad(expected, [x64, *exact.parameters()], gradient.double())
    for a, b in zip([found, *ours], [expected, *oracle], strict=True):
        assert ((a.double() - b).norm() / b.norm()).item() < 2e-6


def test_forms_of_a_network_compute_one_function():
    torch.manual_seed(0)
    model, x = build_model("mlp4", widths=[24], stem=32, input_size=(1, 4, 4)), torch.randn(9, 1, 4, 4)
    expected = model(x)
    forms = linear_forms(model, BOTH)
    assert set(forms) >= {"dense", "dense, bf16"}
    assert {type(m) for m in forms["dense"].modules() if isinstance(m, nn.Linear)} == {nn.Linear}
    for name, form in forms.items():
        rough = 0.1 if name.endswith("bf16") else 1e-5
        torch.testing.assert_close(form(x).float(), expected, rtol=rough, atol=rough, msg=name)
    conv, images = nn.Conv2d(6, 8, 3), torch.randn(2, 6, 9, 9)
    forms = image_forms(conv, BOTH)
    assert len(forms) == 4
    for name, form in forms.items():
        given = images.contiguous(memory_format=torch.channels_last) if "last" in name else images
        y = form(given)
        assert y.is_contiguous(memory_format=torch.channels_last) is ("last" in name)
        assert y.dtype is (torch.bfloat16 if "bf16" in name else torch.float32)
        torch.testing.assert_close(y.float(), conv(images), rtol=0.1, atol=0.1)


def test_without_the_private_operator_the_form_is_left_out(monkeypatch):
    monkeypatch.setattr(dense_forms, "onednn_linear", lambda: None)
    assert set(linear_forms(nn.Linear(8, 8), BOTH)) == {"dense", "dense, bf16"}
    assert type(with_linears(OneDnnLinear(8, 8), nn.Linear)) is nn.Linear


def test_cases_count_the_weights_in_use_of_equal_budgets():
    linear = linear_case(GRAPH, 96, 4, BOTH).layers
    conv = convolution_case(GRAPH, Convolution(64, 3, 2, 1, 8, 2), BOTH).layers
    for layers in (linear, conv):
        dense, block = layers["dense"][2], layers["block"][2]
        assert dense.gflop("forward") == pytest.approx(block.gflop("forward"), rel=0.05)
        assert block.gflop("forward + backward") == 3 * block.gflop("forward")
    density = linear["block"][0].density()
    assert linear["block"][2].gflop("forward") == pytest.approx(2e-9 * 4 * 96 * 96 * density)
    # 2 images of 4 × 4 positions come out of stride 2; every weight in use works at each.
    assert conv["block"][2].positions == 32
    assert linear["block"][2].mbyte("forward", "float32") == pytest.approx(
        4e-6 * (4 * 96 * 2 + 96 * 96 * density)
    )


def test_the_machine_is_measured_in_both_precisions():
    found = machine(quick=True, tries=2)
    assert set(found["peak_gflops"]) == {"float32", "bf16"}
    assert min(found["peak_gflops"].values()) > 0
    assert found["bandwidth_gbyte_per_s"] > 0
    assert found["n"] == 2


def test_a_slow_bf16_is_left_out_aloud_unless_asked_for():
    slow, quick = {"float32": 100.0, "bf16": 1.0}, {"float32": 100.0, "bf16": 200.0}
    assert bench_layers.chosen_precisions(None, quick) == (BOTH, None)
    kept, why = bench_layers.chosen_precisions(None, slow)
    assert kept == ("float32",)
    assert "reaches 1.0 GFLOP/s" in why
    assert bench_layers.chosen_precisions(["bf16"], slow) == (("bf16",), None)


@pytest.mark.parametrize(
    "script",
    [pytest.param(bench_layers, id="layers", marks=pytest.mark.slow), pytest.param(bench_epoch, id="epoch")],
)
def test_a_quick_run_is_complete_and_does_not_touch_the_record(script, tmp_path, monkeypatch, capsys):
    official = tmp_path / "official"
    monkeypatch.setattr(record, "RESULTS", official)
    argv = ["bench", "--quick", "--threads", "1", "--precisions", "float32", "bf16", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", argv)
    threads = torch.get_num_threads()
    try:
        script.main()
    finally:
        torch.set_num_threads(threads)
    (file,) = tmp_path.glob("*.json")
    result = json.loads(file.read_text("utf-8"))
    assert set(result["machine"]["1 thread"]["peak_gflops"]) == {"float32", "bf16"}
    assert {"date", "command", "cpu", "versions", "load_average_at_end"} <= set(result)
    assert result["quick"] is True
    cases = result["1 thread"] if script is bench_layers else {"best": result["best graph, 1 thread"]}
    for entries in cases.values():
        precisions = {row["precision"] for row in entries.values()}
        assert precisions == {"float32", "bf16"}
        for row in entries.values():
            assert row["dense"] in entries
            assert row["n"] == 2
            assert row["times_dense"] > 0
    assert not official.exists()
