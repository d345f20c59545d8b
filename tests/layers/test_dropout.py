"""Dropout: the share, the scale, independence, gradients; torch's own where ours does not apply."""

from __future__ import annotations

import warnings

import pytest
import torch

from graph2nn.layers.dropout import Dropout, dropout


@pytest.mark.parametrize("p", [0.001, 0.1, 0.3, 0.5, 0.93])
def test_share_and_expectation(p):
    torch.manual_seed(0)
    size = 1_000_003
    y = dropout(torch.ones(size, dtype=torch.float64), p)
    zeroed = float((y == 0).double().mean())
    assert abs(zeroed - p) < 4 * (p * (1 - p) / size) ** 0.5 + 1e-5
    assert abs(float(y.mean()) - 1) < 4 * (p / (1 - p) / size) ** 0.5
    assert len(y.unique()) == 2


@pytest.mark.parametrize("p", [1 / 65536, 1.4 / 65536, 1.6 / 65536, 0.3, 65535 / 65536])
def test_the_share_is_the_nearest_multiple_and_the_scale_is_exactly_its_own(p):
    """So that the expectation is exact, however small the share; one level more would be twice as many."""
    torch.manual_seed(4)
    size, rounded = 2**22, round(p * 65536) / 65536
    y = dropout(torch.ones(size, dtype=torch.float64), p)
    expected = size * (1 - rounded)
    assert abs(int(y.count_nonzero()) - expected) < 5 * (expected * rounded) ** 0.5
    assert float(y.max()) == 1 / (1 - rounded)


def test_features_are_dropped_independently_of_each_other():
    """Features that share a draw, and all others up to eight places away."""
    torch.manual_seed(1)
    zeroed = (dropout(torch.ones(2_000_000), 0.3) == 0).double() - 0.3
    for lag in range(1, 9):
        correlation = float((zeroed[lag:] * zeroed[:-lag]).mean()) / 0.21
        assert abs(correlation) < 4 / 2_000_000**0.5
    by_place = zeroed.reshape(-1, 4).mean(dim=0)
    assert by_place.abs().max() < 4 * (0.21 / 500_000) ** 0.5


def test_gradient_is_the_mask():
    torch.manual_seed(2)
    x = torch.randn(7, 33, requires_grad=True)
    y = dropout(x, 0.25)
    y.sum().backward()
    torch.testing.assert_close(x.grad * x, y)
    assert 0 < int((x.grad == 0).sum()) < x.numel()


def test_the_seed_decides():
    torch.manual_seed(3)
    first = dropout(torch.ones(100), 0.5)
    second = dropout(torch.ones(100), 0.5)
    torch.manual_seed(3)
    assert torch.equal(first, dropout(torch.ones(100), 0.5))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(0,), (1,), (5, 3), (2, 3, 7)])
def test_shapes_and_types(dtype, shape):
    x = torch.ones(shape, dtype=dtype)
    y = dropout(x, 0.5)
    assert (y.shape, y.dtype) == (x.shape, x.dtype)


def test_edges_of_the_share():
    x = torch.randn(50)
    assert torch.equal(dropout(x, 0.0), x)
    assert not dropout(x, 1.0).any()
    assert torch.equal(Dropout(0.5).eval()(x), x)


def test_vmap_asks_for_its_kind_of_randomness_as_with_torch():
    x = torch.ones(3, 1000)
    with pytest.raises(RuntimeError, match="randomness"):
        torch.vmap(lambda row: dropout(row, 0.5))(x)
    y = torch.vmap(lambda row: dropout(row, 0.5), randomness="different")(x)
    assert not torch.equal(y[0], y[1])


def test_a_traced_network_draws_again_at_every_call():
    """What ours draws the tracer cannot see: it would drop the same features for ever, or of one size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated
        traced = torch.jit.trace(Dropout(0.5), torch.ones(100), check_trace=False)
    y, again = traced(torch.ones(3000)), traced(torch.ones(3000))
    assert 0.4 < float((y == 0).double().mean()) < 0.6
    assert not torch.equal(y, again)
    assert "aten::dropout" in str(traced.inlined_graph)


def test_without_memory_there_is_a_shape():
    y = Dropout(0.5)(torch.ones(3, 5, device="meta"))
    assert (y.shape, y.device.type) == ((3, 5), "meta")


def test_a_compiled_network_takes_torchs_own():
    compiled = torch.compile(Dropout(0.5), backend="aot_eager", fullgraph=True)
    y = compiled(torch.ones(10_000))
    assert 0.4 < float((y == 0).double().mean()) < 0.6
