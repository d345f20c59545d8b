"""The Triton engine computes the function of the masked one, under Triton's interpreter; it compiles for GPUs.

Where there is a CUDA device the same laws are checked there, on compiled kernels. conftest.py asks for the
interpreter where there is none.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs
from torch import nn

from graph2nn.budget import macs, parameters
from graph2nn.errors import UserError
from graph2nn.graphs import RelationalGraph, ws_flex
from graph2nn.layers import RelationalConv2d, RelationalLinear
from graph2nn.layers.engines import choose
from graph2nn.layers.triton.linear import interpreted
from graph2nn.wiring import Relational

pytest.importorskip("triton", reason="triton is not installed (Linux: pip install triton)")

from graph2nn.layers.triton import TritonLinear

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
GRAPH = ws_flex(8, 3.5, 0.3, 1)
pytestmark = [
    pytest.mark.skipif(
        DEVICE == "cpu" and not interpreted(), reason="no CUDA device, and TRITON_INTERPRET is not 1"
    )
]
if DEVICE == "cuda":
    pytestmark.append(pytest.mark.gpu)


def error(found, expected):
    found, expected = found.detach().cpu().double(), expected.detach()
    return ((found - expected).norm() / expected.norm().clamp_min(1e-300)).item()


def errors(graph, widths, batch, *, bias=False, dtype=torch.float32):
    """Relative errors of output, dX, dW and the bias's gradient against the masked engine in float64."""
    masked = RelationalLinear(graph, *widths, bias=bias).to(dtype)
    layer = TritonLinear(graph, *widths, bias=bias).to(dtype).to(DEVICE)
    layer.load_state_dict(masked.state_dict())
    masked = masked.double()
    x = torch.randn(batch, widths[0]).to(dtype)
    exact, x = x.double().requires_grad_(), x.to(DEVICE).requires_grad_()
    assert layer.computes(x)
    expected, found = masked(exact), layer(x)
    assert found.dtype == dtype
    gradient = torch.randn(expected.shape).to(dtype)
    dx, *dp = torch.autograd.grad(expected, [exact, *masked.parameters()], gradient.double())
    tx, *tp = torch.autograd.grad(found, [x, *layer.parameters()], gradient.to(DEVICE))
    result = [error(found, expected), error(tx, dx), error(layer.expand(tp[0]), dp[0])]
    return result + [error(t, d) for t, d in zip(tp[1:], dp[1:], strict=True)]


@given(
    graph=graphs(max_n=9, directed=None),
    extra=st.tuples(st.integers(0, 25), st.integers(0, 25)),
    batch=st.sampled_from([1, 2, 7, 65]),
    bias=st.booleans(),
)
@settings(max_examples=20)
def test_any_small_graph_equals_the_mask_in_float64(graph, extra, batch, bias):
    assert max(errors(graph, (graph.n + extra[0], graph.n + extra[1]), batch, bias=bias)) < 2e-6


#: Several tiles of everything: of a node's rows (70 a node), of what it reads, and of samples.
LARGE = [
    ("rows and columns in several tiles", ws_flex(3, 2, 0, 1), (140, 211), 66),
    ("many nodes, widths they do not divide", ws_flex(32, 6.3, 0.4, 2), (75, 101), 9),
    (
        "directed",
        RelationalGraph.from_adjacency(torch.ones(4, 4).tril(-1).int().tolist(), directed=True),
        (37, 50),
        3,
    ),
    ("nobody reads anybody", RelationalGraph.from_adjacency([[0] * 5] * 5), (33, 41), 4),
]


@pytest.mark.parametrize(
    ("graph", "widths", "batch"), [case[1:] for case in LARGE], ids=[case[0] for case in LARGE]
)
def test_float32_equals_the_mask_in_float64(graph, widths, batch):
    assert max(errors(graph, widths, batch, bias=True)) < 2e-6


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.bfloat16, 2**-8), (torch.float16, 2**-12)])
def test_sums_of_sixteen_bits_are_taken_in_float32(dtype, rounding):
    """Only what comes out is rounded (to bfloat16 the interpreter cuts off); the sums have 70 terms."""
    assert max(errors(ws_flex(3, 2, 0, 1), (70, 50), 70, dtype=dtype)) < rounding


def test_strides_leading_dimensions_and_empty_batches():
    masked = RelationalLinear(GRAPH, 13, 17, bias=True)
    layer = TritonLinear(GRAPH, 13, 17, bias=True)
    layer.load_state_dict(masked.state_dict())
    layer.to(DEVICE)
    for x in (torch.randn(2, 3, 13), torch.randn(13), torch.randn(13, 4).T, torch.randn(1, 13).expand(5, 13)):
        torch.testing.assert_close(layer(x.to(DEVICE)).cpu(), masked(x))
    empty = torch.empty(4, 0, 13, requires_grad=True, device=DEVICE)
    layer(empty).sum().backward()
    assert empty.grad.shape == empty.shape
    assert layer.weight.grad.count_nonzero() == 0
    layer.weight.grad = None
    x = torch.randn(3, 13, device=DEVICE)
    layer(x).sum().backward()  # the gradient of a sum is an expanded one
    torch.testing.assert_close(layer.expand(layer.weight.grad), x.sum(0).expand(17, 13) * layer.mask)


def test_autocast_computes_in_sixteen_bits_and_keeps_weights_and_gradients():
    layer = TritonLinear(GRAPH, 13, 17, bias=True).to(DEVICE)
    x = torch.randn(5, 13, device=DEVICE)
    exact = layer(x)
    with torch.autocast(DEVICE, torch.bfloat16):
        assert layer.computes(x)
        y = layer(x)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), exact, rtol=2e-2, atol=1e-3)
    y.float().square().sum().backward()
    assert layer.weight.grad.dtype == torch.float32


def test_state_draws_counts_and_copies_are_those_of_the_other_engines():
    torch.manual_seed(0)
    masked = RelationalLinear(GRAPH, 13, 17, bias=True)
    torch.manual_seed(0)
    layer = TritonLinear(GRAPH, 13, 17, bias=True)
    for key, value in masked.state_dict().items():
        assert torch.equal(layer.state_dict()[key], value)
    assert macs(nn.Sequential(layer), (13,)) == macs(nn.Sequential(masked), (13,))
    assert parameters(layer) == parameters(masked)
    assert "engine=triton" in repr(layer)
    layer.to(DEVICE)
    x = torch.randn(3, 13, device=DEVICE)
    assert torch.equal(copy.deepcopy(layer)(x), layer(x))


def test_other_types_and_transforms_compute_as_the_masked_layer():
    layer = TritonLinear(GRAPH, 13, 17)
    masked = RelationalLinear(GRAPH, 13, 17)
    masked.load_state_dict(layer.state_dict())
    double = torch.randn(3, 13, dtype=torch.float64)
    torch.testing.assert_close(copy.deepcopy(layer).double()(double), copy.deepcopy(masked).double()(double))
    x = torch.randn(3, 13)
    torch.testing.assert_close(torch.func.vmap(lambda sample: layer(sample[None])[0])(x), masked(x))


def test_compiled_equals_eager():
    model = nn.Sequential(TritonLinear(GRAPH, 13, 17), nn.ReLU()).to(DEVICE)
    compiled = torch.compile(model, backend="aot_eager")
    x = torch.randn(3, 13, device=DEVICE)
    gradients = [torch.autograd.grad(f(x).square().sum(), model[0].weight)[0] for f in (model, compiled)]
    torch.testing.assert_close(compiled(x), model(x))
    torch.testing.assert_close(*gradients)


def test_a_second_derivative_is_refused():
    layer = TritonLinear(GRAPH, 13, 17).to(DEVICE)
    x = torch.randn(3, 13, device=DEVICE, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_the_wiring_takes_it_for_linear_layers_alone_and_auto_never_does():
    wiring = Relational(GRAPH, engine="triton")
    assert type(wiring.linear(16, 16)) is TritonLinear
    assert type(wiring.conv2d(16, 16, 3)) is RelationalConv2d
    assert {choose("auto", "linear", w, w, d) for w in (64, 512, 2048) for d in (0.1, 1.0)} <= {
        "block",
        "masked",
    }
    with pytest.raises(UserError, match="triton engine has no symmetric weights"):
        Relational(GRAPH, engine="triton", symmetric=True)


@pytest.mark.skipif(DEVICE == "cuda", reason="there is a CUDA device")
def test_without_a_device_and_the_interpreter_it_says_what_to_do(monkeypatch):
    layer = TritonLinear(GRAPH, 13, 17)
    monkeypatch.delenv("TRITON_INTERPRET")
    with pytest.raises(UserError, match=r"no CUDA device; use engine='auto'") as caught:
        Relational(GRAPH, engine="triton").linear(16, 16)
    assert "\n" not in str(caught.value)
    x = torch.randn(3, 13)
    torch.testing.assert_close(layer(x), x @ layer.effective_weight().T)  # one that was made elsewhere works


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from graph2nn.layers.triton import kernels

def build(kernel, number, capability, **fixed):
    kinds = {**dict.fromkeys(("x", "w", "out", "y", "dw"), "*" + number), "taps": "*i32"}
    kinds |= dict.fromkeys(("nodes", "weights", "tiles"), "*i64")
    signature = {name: "constexpr" if name in fixed else kinds.get(name, "i32") for name in kernel.arg_names}
    source = ASTSource(fn=kernel, signature=signature, constexprs=fixed)
    assert triton.compile(source, target=GPUTarget("cuda", capability, 32)).asm["cubin"]

size = {"WIDEN": False, "SAMPLES": 64, "SIDE": 32, "DEPTH": 32}
for number, capability in (("fp32", 80), ("bf16", 90), ("fp16", 75)):
    build(kernels.multiply, number, capability, TURNED=False, **size)
    build(kernels.multiply, number, capability, TURNED=True, **size)
    build(kernels.differentiate, number, capability, **size)
# Triton fixes arguments that are 1 while it compiles: a batch of one sample.
build(kernels.multiply, "fp32", 80, TURNED=False, samples=1, sample_tiles=1, **size)
build(kernels.differentiate, "fp32", 80, samples=1, **size)
print("compiled")
"""


def test_the_kernels_compile_for_gpus_without_one(tmp_path):
    """Types and shapes are checked by Triton's compiler and the code by NVIDIA's assembler; speed is not."""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    run = subprocess.run([sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True)
    assert run.stdout == "compiled\n", run.stderr
