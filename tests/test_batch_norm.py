"""Precise batch norm: every kind of norm, and as many samples as the recipe says."""

from __future__ import annotations

import pytest
import resuming
import torch
from torch import nn

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
def test_the_statistics_are_the_means_over_batches(kind):
    make, shape = KINDS[kind]
    norm = make(3).train()
    torch.manual_seed(0)
    batches = [scale * torch.randn(shape) + scale for scale in (1.0, 2.0, 7.0)]
    precise_bn(norm, batches)
    channels = [batch.transpose(0, 1).flatten(1) for batch in batches]
    torch.testing.assert_close(norm.running_mean, torch.stack([c.mean(1) for c in channels]).mean(0))
    torch.testing.assert_close(norm.running_var, torch.stack([c.var(1) for c in channels]).mean(0))


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
