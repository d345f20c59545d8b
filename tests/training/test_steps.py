"""A step of training: smoothed labels, and batches in parts."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import resuming
import torch
from torch import nn
from torch.nn import functional as F

from graph2nn.training import Acceleration, Recipe, train
from graph2nn.training.optimiser import sgd
from graph2nn.training.steps import eager_step

RECIPE = Recipe(lr=0.1, weight_decay=0.01)


def batch(size=12):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(size, 6, generator=generator, dtype=torch.float64), torch.arange(size) % 3


def plain():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()


@pytest.mark.parametrize("parts", [2, 3, 6])
def test_a_batch_in_parts_is_the_whole_batch(parts):
    """Without batch norm, which sees the parts: equal weights after several steps, loss and scores too."""
    one, other = plain(), plain()
    whole = eager_step(one, sgd(one.parameters(), RECIPE))
    cut = eager_step(other, sgd(other.parameters(), RECIPE), parts=parts)
    for _ in range(3):
        for found, expected in zip(cut(*batch()), whole(*batch()), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    for found, expected in zip(other.parameters(), one.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_batch_norm_sees_the_parts():
    norm = nn.BatchNorm1d(6).double()
    model = nn.Sequential(norm, nn.Linear(6, 3).double())
    eager_step(model, sgd(model.parameters(), RECIPE), parts=3)(*batch())
    assert int(norm.num_batches_tracked) == 3


def test_smoothed_labels_by_hand():
    model, smoothing = plain(), 0.2
    x, y = batch()
    log = F.log_softmax(model(x), dim=1)
    target = (1 - smoothing) * F.one_hot(y, 3).double() + smoothing / 3
    expected = -(target * log).sum(dim=1).mean()
    step = eager_step(
        model, sgd(model.parameters(), RECIPE), loss=partial(F.cross_entropy, label_smoothing=0.2)
    )
    torch.testing.assert_close(step(x, y)[0], expected.detach(), rtol=1e-12, atol=1e-14)


def test_the_recipe_reaches_the_step():
    """Smoothing and parts change a training, each for itself."""
    data, losses = resuming.images(), {}
    for key, value in (("epochs", 1), ("label_smoothing", 0.1), ("accumulate", 4)):
        recipe = resuming.RECIPE.model_copy(update={"epochs": 1, key: value})
        losses[key] = train(resuming.mlp(), data, recipe, seed=1)[-1].train_loss
    assert len(set(losses.values())) == 3


def test_the_scaler_of_fp16_is_state_and_that_of_others_is_not():
    """On a CPU torch switches scaling off, with a warning; the state is what checkpoints keep on CUDA."""
    assert Acceleration(amp="bf16").scaler().state_dict() == {}
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    model = plain()
    step = eager_step(model, sgd(model.parameters(), RECIPE), scaler=scaler)
    twin = copy.deepcopy(model)
    reference = eager_step(twin, sgd(twin.parameters(), RECIPE))
    for _ in range(2):
        step(*batch())
        reference(*batch())
    assert scaler.state_dict()["scale"] == 16.0
    for found, expected in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(found, expected)
