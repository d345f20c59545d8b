"""The recipe: its rates are torch's own schedules, its values are checked, its age shows in no digest."""

from __future__ import annotations

import pytest
import torch
from torch.optim import lr_scheduler

from graph2nn.errors import UserError
from graph2nn.experiments import override, plan, preset
from graph2nn.training import Recipe

EPOCHS = 12


def rates(schedule_of):
    """The factor of each epoch, by a scheduler of torch."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = schedule_of(optimiser)
    found = []
    for _ in range(EPOCHS):
        found.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    return found


@pytest.mark.parametrize(
    ("recipe", "schedule_of"),
    [
        (Recipe(epochs=EPOCHS), lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS)),
        (
            Recipe(epochs=EPOCHS, schedule="step", steps=(3, 6, 9)),
            lambda o: lr_scheduler.MultiStepLR(o, [3, 6, 9], 0.1),
        ),
        (
            Recipe(epochs=EPOCHS, schedule="exponential", gamma=0.9),
            lambda o: lr_scheduler.ExponentialLR(o, 0.9),
        ),
        (Recipe(epochs=EPOCHS, schedule="constant"), lambda o: lr_scheduler.ConstantLR(o, 1.0)),
        (
            Recipe(epochs=EPOCHS, schedule="constant", warmup_epochs=5, warmup_factor=0.2),
            lambda o: lr_scheduler.LinearLR(o, 0.2, 1.0, total_iters=5),
        ),
    ],
    ids=["cosine", "step", "exponential", "constant", "warm-up"],
)
def test_each_schedule_is_torchs_own(recipe, schedule_of):
    """Ours are closed formulas; torch's multiply their way there, and agree to rounding."""
    assert [recipe.rate_factor(epoch) for epoch in range(EPOCHS)] == pytest.approx(
        rates(schedule_of), abs=1e-12
    )


def test_warm_up_is_the_published_one():
    """pycls: alpha = epoch / WARMUP_EPOCHS, times WARMUP_FACTOR · (1 - alpha) + alpha, the factor being 0.1."""
    recipe = Recipe(epochs=100, warmup_epochs=5)
    assert recipe.warmup_factor == 0.1
    plain = Recipe(epochs=100)
    for epoch in range(8):
        alpha = min(epoch / 5, 1.0)
        assert recipe.rate_factor(epoch) == pytest.approx(
            plain.rate_factor(epoch) * (0.1 * (1 - alpha) + alpha)
        )


def test_evaluations_come_every_so_many_epochs_and_at_the_end():
    recipe = Recipe(epochs=10, eval_every=4)
    assert [epoch for epoch in range(1, 11) if recipe.evaluated_after(epoch)] == [4, 8, 10]


@pytest.mark.parametrize(
    "wrong",
    [
        {"accumulate": 0},
        {"accumulate": 3, "batch_size": 128},
        {"accumulate": 64, "batch_size": 64},
        {"label_smoothing": 1.0},
        {"weight_decay_on": "norms"},
        {"eval_every": 0},
        {"schedule": "step", "steps": (60, 30)},
        {"schedule": "step", "steps": (0, 30)},
        {"schedule": "step", "steps": (30, 30)},
        {"epochs": "many"},
        {"nesterov": "perhaps"},
    ],
    ids=str,
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(UserError):
        Recipe(**wrong)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        (
            "recipe.accumulate=3",
            "recipe.accumulate = 3: expected a divisor of batch_size = 64 that leaves parts of",
        ),
        ("recipe.steps=[60,30]", r"recipe.steps = \[60, 30\]: expected epochs in ascending order, from 1 on"),
        (
            "recipe.label_smothing=0.1",
            "unknown key recipe.label_smothing; did you mean recipe.label_smoothing?",
        ),
        ("recipe.eval_every=often", "recipe.eval_every = 'often': input should be a valid integer"),
        ("recipe.epochs=yes", "recipe.epochs = True: expected a number or a word, not true or false"),
        ("model.widths=[true]", r"model.widths = \[True\]: expected a number or a word, not true or false"),
        ("recipe.schedule=linear", "recipe.schedule = 'linear': input should be 'cosine'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(setting, says):
    config = plan(preset("mlp-digits"), [None], [1], data="digits")[0]
    with pytest.raises(UserError, match=says) as error:
        override(config, [setting])
    assert "\n" not in str(error.value)


def test_a_digest_does_not_change_with_keys_that_came_later():
    """A folder's name, pinned: runs that were finished before an option came are not done again."""
    config = plan(preset("mlp-cifar10"), [None], [1], data="CIFAR-10")[0]
    assert config.folder == "baseline_s1_cb99c6ec"
    digests = {config.digest}
    for setting in ("label_smoothing=0.1", "accumulate=2", "eval_every=5", "weight_decay_on=weights"):
        digests.add(override(config, [f"recipe.{setting}"]).digest)
    assert len(digests) == 5
