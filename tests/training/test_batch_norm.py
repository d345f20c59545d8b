"""Precise batch norm: every kind of norm, and as many samples as the recipe says."""

from __future__ import annotations

import pytest
import resuming
import torch
from torch import nn

from graph2nn import Relational, build_model, ws_flex
from graph2nn.training import Recipe, precise_bn, train
from graph2nn.training import loop as training_loop

KINDS = {
    "1d": (nn.BatchNorm1d, (16, 3)),
    "1d of sequences": (nn.BatchNorm1d, (16, 3, 5)),
    "2d": (nn.BatchNorm2d, (16, 3, 4, 5)),
    "3d": (nn.BatchNorm3d, (16, 3, 2, 4, 5)),
    "without gain": (lambda n: nn.BatchNorm2d(n, affine=False), (16, 3, 4, 5)),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_variance_is_that_of_all_samples(kind):
    """E[v + m²] − E[m]² of the batches; the spread of their means is a quarter of it here."""
    make, shape = KINDS[kind]
    norm = make(3).train()
    torch.manual_seed(0)
    batches = [scale * torch.randn(shape) + scale for scale in (1.0, 2.0, 7.0)]
    precise_bn(norm, batches)
    channels = [batch.transpose(0, 1).flatten(1) for batch in batches]
    m = torch.stack([c.double().mean(1) for c in channels])
    v = torch.stack([c.double().var(1, unbiased=False) for c in channels])
    variance = (v + m**2).mean(0) - m.mean(0) ** 2
    torch.testing.assert_close(norm.running_mean.double(), m.mean(0), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(norm.running_var.double(), variance, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(variance, torch.cat(channels, 1).double().var(1, unbiased=False))
    assert norm.num_batches_tracked == 3


def test_the_variance_survives_a_mean_far_from_zero():
    """A difference of sums of squares would lose all digits of it in float32."""
    torch.manual_seed(0)
    batches = [1e4 + torch.randn(64, 2) for _ in range(8)]
    norm = nn.BatchNorm1d(2)
    precise_bn(norm, batches)
    exact = torch.cat(batches).double().var(0, unbiased=False)
    torch.testing.assert_close(norm.running_var.double(), exact, rtol=1e-2, atol=0)


def test_a_norm_fused_into_its_layer_has_the_same_statistics():
    graph = ws_flex(8, 4, 0.2, seed=1)
    torch.manual_seed(0)
    batches = [torch.randn(16, 64) * scale + scale for scale in (1.0, 3.0)]
    networks = [
        build_model("mlp5", Relational(graph, engine), (64,), num_classes=4, input_size=(1, 8, 8), stem=64)
        for engine in ("masked", "block")
    ]
    networks[1].load_state_dict(networks[0].state_dict())
    for network in networks:
        precise_bn(network.train(), [batch.view(-1, 1, 8, 8) for batch in batches])
    found = [{k: v for k, v in network.state_dict().items() if "running" in k} for network in networks]
    assert found[0]
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-4, atol=1e-5)


def test_norms_without_running_statistics_are_left_alone():
    norm = nn.BatchNorm1d(3, track_running_stats=False)
    precise_bn(norm, [torch.randn(8, 3)])
    assert norm.running_mean is None
    assert norm.momentum == 0.1


@pytest.mark.parametrize(("samples", "batches"), [(0, 0), (8, 1), (20, 3), (40, 5)])
def test_the_recipe_says_how_many_samples(samples, batches, monkeypatch):
    """In whole batches, as many as it takes; before each evaluation and at no other time."""
    seen = []
    monkeypatch.setattr(training_loop, "precise_bn", lambda _, inputs, ranks: seen.append(len(list(inputs))))
    recipe = Recipe(epochs=3, batch_size=8, precise_bn=samples, eval_every=2)
    train(resuming.mlp(), resuming.images(), recipe, seed=1)
    assert seen == ([batches] * 2 if samples else [])
