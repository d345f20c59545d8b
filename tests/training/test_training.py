"""Training: the recipe's rates, precise batch norm, and the same seed giving the same run."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from toy_data import toy_data

from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import Split
from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.models import build_model
from graph2nn.training import Recipe, evaluate, precise_bn, train
from graph2nn.training.loop import stream
from graph2nn.training.optimiser import sgd
from graph2nn.wiring import Relational


def network(k=4.0):
    return build_model(
        "mlp4", Relational(ws_flex(8, k, 0.3, 1)), [24], stem=16, num_classes=3, input_size=(1, 4, 4)
    )


RECIPE = Recipe(epochs=3, batch_size=16, lr=0.1, precise_bn=64)


def test_cosine_goes_from_the_base_rate_towards_zero():
    recipe = Recipe(epochs=4, lr=0.1)
    expected = [0.5 * (1 + math.cos(math.pi * epoch / 4)) for epoch in range(4)]
    assert [recipe.rate_factor(epoch) for epoch in range(4)] == expected
    assert recipe.rate_factor(0) == 1
    assert Recipe(epochs=1).rate_factor(0) == 1


def test_step_exponential_and_warm_up():
    step = Recipe(epochs=100, schedule="step", steps=(30, 60, 90))
    assert [step.rate_factor(epoch) for epoch in (0, 29, 30, 60, 90)] == pytest.approx([1, 1, 0.1, 0.01, 0.001])
    assert Recipe(schedule="exponential", gamma=0.9).rate_factor(3) == pytest.approx(0.9**3)
    warm = Recipe(schedule="step", warmup_epochs=5)
    assert [warm.rate_factor(epoch) for epoch in (0, 1, 5)] == pytest.approx([0.1, 0.28, 1.0])


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"lr": 0}, {"schedule": "cosin"}, {"lrr": 1}])
def test_recipe_refuses_nonsense(wrong):
    with pytest.raises(UserError):
        Recipe(**wrong)


def test_the_optimiser_follows_the_schedule():
    history = train(network(), toy_data(), RECIPE, seed=1)
    assert [epoch.lr for epoch in history] == [0.1 * RECIPE.rate_factor(epoch) for epoch in range(3)]


def test_the_same_seed_gives_the_same_run_and_another_does_not():
    runs = []
    for seed, noise in ((1, 5), (1, 6), (2, 5)):
        torch.manual_seed(noise)  # the global stream must not matter
        model = network()
        history = train(model, toy_data(), RECIPE, seed=seed)
        numbers = [(epoch.train_loss, epoch.test_loss, epoch.test_error) for epoch in history]
        runs.append((numbers, model.state_dict()))
    assert runs[0][0] == runs[1][0] != runs[2][0]
    assert all(torch.equal(value, runs[1][1][name]) for name, value in runs[0][1].items())


def test_it_learns():
    history = train(network(), toy_data(), Recipe(epochs=15, batch_size=16, lr=0.1, precise_bn=64), seed=3)
    assert history[0].train_loss > 2 * history[-1].train_loss
    assert history[-1].test_error < 15
    assert history[-1].test_error_top5 == 0


def test_masked_weights_stay_zero_through_training():
    model = network()
    train(model, toy_data(), RECIPE, seed=1)
    for module in model.modules():
        if hasattr(module, "mask"):
            assert module.weight[~module.mask].count_nonzero() == 0


def test_divergence_ends_the_run_and_is_told():
    history = train(network(), toy_data(), Recipe(epochs=50, batch_size=16, lr=1e30, precise_bn=0), seed=1)
    assert len(history) < 50
    assert not math.isfinite(history[-1].train_loss)


def test_a_diverged_network_is_evaluated_even_where_the_recipe_asks_for_none():
    """The last row of its curve tells how bad it was, not that nobody looked."""
    recipe = Recipe(epochs=50, batch_size=16, lr=1e30, precise_bn=0, eval_every=50)
    last = train(network(), toy_data(), recipe, seed=1)[-1]
    assert last.epoch < 50
    assert not math.isfinite(last.train_loss)
    assert 0 <= last.test_error <= 100


@pytest.mark.parametrize("training", [True, False])
def test_an_evaluation_leaves_the_mode_of_the_network_as_it_was(training):
    model = network().train(training)
    evaluate(model, toy_data())
    assert {module.training for module in model.modules()} == {training}


def test_an_evaluation_drops_nothing_and_moves_no_running_average():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3), nn.BatchNorm1d(3), nn.Dropout(0.9))
    model(torch.randn(8, 16))
    expected = evaluate(model.eval(), toy_data())
    before = model[2].running_mean.clone()
    assert evaluate(model.train(), toy_data()) == expected
    assert torch.equal(model[2].running_mean, before)


def test_an_evaluation_does_not_thaw_frozen_norms_not_even_when_it_fails():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3), nn.BatchNorm1d(3).eval(), nn.Dropout(0.5))
    modes = [module.training for module in model.modules()]
    evaluate(model, toy_data())
    assert [module.training for module in model.modules()] == modes
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        evaluate(nn.Sequential(model, nn.Linear(4, 3)), toy_data())
    assert [module.training for module in model.modules()] == modes


def test_one_step_is_torchs_sgd_on_the_mean_cross_entropy():
    """The first update by hand: Nesterov from a zero buffer is gradient × (1 + momentum)."""
    data, recipe = toy_data(n=16), Recipe(epochs=1, batch_size=16, lr=0.1, weight_decay=0.01, precise_bn=0)
    model = network()
    from graph2nn.models import initialise
    from graph2nn.training.loop import training_batches

    initialise(model, stream(7, "initialise"))
    before = model.head.weight.detach().clone()
    x, y = next(training_batches(data, recipe, stream(7, "batches")))
    nn.functional.cross_entropy(model(x), y).backward()
    gradient = model.head.weight.grad + 0.01 * before
    train(model, data, recipe, seed=7)
    torch.testing.assert_close(model.head.weight.detach(), before - 0.1 * 1.9 * gradient)


def test_precise_bn_has_the_variance_of_all_samples_and_includes_one_dimension():
    """Dropout in front of the norm stays quiet, or its zeros would be in the statistics."""
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5), nn.BatchNorm1d(3, momentum=0.3)).train()
    batches = [torch.randn(10, 4) * scale for scale in (1, 2, 5)]
    inner = [model[0](batch) for batch in batches]
    precise_bn(model, batches)
    torch.testing.assert_close(model[2].running_mean, torch.stack([x.mean(0) for x in inner]).mean(0))
    torch.testing.assert_close(model[2].running_var, torch.cat(inner).var(0, unbiased=False))
    assert model[2].momentum == 0.3
    assert all(module.training for module in model.modules())


def test_precise_bn_without_inputs_changes_nothing():
    model = nn.BatchNorm1d(3)
    model(torch.randn(8, 3))
    mean = model.running_mean.clone()
    precise_bn(model, [])
    assert torch.equal(model.running_mean, mean)


def test_evaluate_counts_by_hand():
    data = toy_data(n=4)

    class Fixed(nn.Module):
        def forward(self, x):
            return torch.tensor([[3.0, 2.0, 1.0]]).repeat(len(x), 1)

    labels = data.test.labels
    found = evaluate(Fixed().train(), data)
    log_sum = math.log(math.exp(3) + math.exp(2) + math.exp(1))
    assert found.error == pytest.approx(100 * float((labels != 0).double().mean()))
    assert found.loss == pytest.approx(float(np.mean([log_sum - (3 - int(label)) for label in labels])))


def test_streams_of_different_purposes_differ():
    numbers = {
        torch.rand(1, generator=stream(seed, purpose)).item()
        for seed in range(5)
        for purpose in ("initialise", "batches", "precise_bn")
    }
    assert len(numbers) == 15


def test_dropout_follows_the_seed_and_leaves_the_global_numbers_alone():
    def weights(seed):
        network = build_model("vgg11", widths=[4] * 5, input_size=(1, 32, 32), hidden=8)
        images = torch.randint(
            0, 256, (64, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
        )
        split = Split(images, torch.arange(64) % 10)
        data = Dataset("noise", "noise", split, split, tuple("0123456789"), (125.0,), (60.0,))
        torch.manual_seed(int(torch.randint(0, 2**31, ())))  # whatever was drawn before must not matter
        before = torch.get_rng_state()
        train(network, data, Recipe(epochs=1, batch_size=16, precise_bn=0), seed=seed)
        assert torch.equal(torch.get_rng_state(), before)
        return network.head[2].weight

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


@pytest.mark.parametrize("engine", ["masked", "block"])
def test_the_fused_step_is_torchs_sgd_to_rounding(engine):
    recipe = Recipe(lr=0.1, momentum=0.9, weight_decay=0.01)
    plain, fused = (
        build_model("mlp4", Relational(ws_flex(8, 3, 0, 1), engine), [24], stem=16) for _ in range(2)
    )
    fused.load_state_dict(plain.state_dict())
    optimisers = (
        torch.optim.SGD(plain.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        sgd(fused.parameters(), recipe),
    )
    assert optimisers[1].defaults["fused"]
    for step in range(3):
        generator = torch.Generator().manual_seed(step)
        for model, optimiser in zip((plain, fused), optimisers, strict=True):
            for parameter in model.parameters():
                parameter.grad = torch.randn(parameter.shape, generator=generator)
            generator.manual_seed(step)
            optimiser.step()
    for a, b in zip(plain.parameters(), fused.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)


def test_what_cannot_be_fused_is_stepped_all_the_same():
    weight = torch.nn.Parameter(torch.ones(3, dtype=torch.complex64))
    optimiser = sgd([weight], Recipe(lr=0.5, momentum=0, weight_decay=0))
    weight.grad = torch.ones(3, dtype=torch.complex64)
    optimiser.step()
    assert torch.equal(weight.detach(), torch.full((3,), 0.5, dtype=torch.complex64))


def test_without_an_evaluation_there_are_no_numbers_and_the_last_epoch_has_one():
    recipe = RECIPE.model_copy(update={"epochs": 5, "eval_every": 3})
    history = train(network(), toy_data(), recipe, seed=1)
    assert [math.isnan(epoch.test_error) for epoch in history] == [True, True, False, True, False]
    assert all(math.isfinite(epoch.train_loss) for epoch in history)


def test_each_batch_is_told_with_its_sums():
    told = []
    history = train(
        network(),
        toy_data(),
        RECIPE,
        seed=1,
        on_batch=lambda running: told.append((running.epoch, running.batches, running.images, running.loss)),
    )
    assert [entry[:3] for entry in told] == [(e, b, 16 * b) for e in (1, 2, 3) for b in range(1, 7)]
    assert [loss for *_, batches, _, loss in told if batches == 6] == [epoch.train_loss for epoch in history]
