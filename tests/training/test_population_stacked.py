"""Stacked members: equal to single runs, though they share every step."""

from __future__ import annotations

import math
from itertools import islice

import pytest
import torch
from toy_data import toy_data

from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.models import build_model
from graph2nn.training import Member, Recipe, train, train_population
from graph2nn.training.loop import stream, training_batches
from graph2nn.training.stacked_batches import Feed, draw, widest_pad
from graph2nn.training.stacked_mlp import Stack
from graph2nn.wiring import Dense, Grouped, Relational

RECIPE = Recipe(epochs=3, batch_size=16, lr=0.1, precise_bn=64)
# Graph (k of 8 nodes; None: dense), hidden width, width of the stem, what differs in the recipe, seed.
MEMBERS = [
    (4.0, 24, 16, {}, 1),
    (3.0, 30, 20, {"lr": 0.03, "flip": True, "pad": 1, "schedule": "step", "steps": (1,)}, 2),
    (None, 10, 16, {"epochs": 2, "weight_decay": 0.01, "pad": 2}, 3),
    (6.0, 41, 9, {"initialisation": "shared", "momentum": 0.5}, 1),
    (4.0, 12, 9, {"momentum": 0.0}, 2),
    (4.0, 12, 9, {"nesterov": False}, 2),
]


def network(k=4.0, width=24, stem=16, dtype=torch.float64, seed=1):
    wiring = Dense() if k is None else Relational(ws_flex(8, k, 0.3, seed), engine="masked")
    model = build_model("mlp4", wiring, [width], stem=stem, num_classes=3, input_size=(1, 4, 4)).to(dtype)
    model.register_forward_pre_hook(lambda _, inputs: (inputs[0].to(dtype),))
    return model


def population(dtype=torch.float64, **changes):
    return [
        Member(network(k, width, stem, dtype), RECIPE.model_copy(update={**own, **changes}), seed, f"{k}")
        for k, width, stem, own, seed in MEMBERS
    ]


def alone(dtype=torch.float64, **changes):
    for member in population(dtype, **changes):
        yield train(member.network, toy_data(), member.recipe, seed=member.seed), member.network.state_dict()


def assert_equal(outcome, history, state, rtol):
    assert [epoch.lr for epoch in outcome.history] == [epoch.lr for epoch in history]
    for found, expected in zip(outcome.history, history, strict=True):
        assert found.train_loss == pytest.approx(expected.train_loss, rel=rtol)
        assert found.test_loss == pytest.approx(expected.test_loss, rel=rtol)
        assert found.train_error == expected.train_error
        assert (found.test_error, found.test_error_top5) == (expected.test_error, expected.test_error_top5)
    for name, value in state.items():
        scale = float(value.double().abs().max())
        torch.testing.assert_close(outcome.state[name], value, rtol=rtol, atol=rtol * scale)


def test_members_of_other_graphs_widths_seeds_and_recipes_equal_single_runs():
    outcomes = train_population(population(), toy_data(), method="stacked")
    for outcome, (history, state) in zip(outcomes, alone(), strict=True):
        assert outcome.status == "finished"
        assert_equal(outcome, history, state, rtol=1e-9)


def test_running_averages_instead_of_precise_norms():
    outcomes = train_population(population(precise_bn=0), toy_data(), method="stacked")
    for outcome, (history, state) in zip(outcomes, alone(precise_bn=0), strict=True):
        assert_equal(outcome, history, state, rtol=1e-9)


def test_one_step_in_single_precision():
    """A step, not a trajectory: rounding grows along one."""
    changes = {"epochs": 1, "batch_size": 96, "precise_bn": 0}
    outcomes = train_population(population(torch.float32, **changes), toy_data(), method="stacked")
    for outcome, (history, state) in zip(outcomes, alone(torch.float32, **changes), strict=True):
        assert_equal(outcome, history, state, rtol=1e-5)


def test_the_network_given_is_the_one_that_is_trained():
    members = population()
    outcomes = train_population(members, toy_data(), method="stacked")
    for member, outcome in zip(members, outcomes, strict=True):
        assert all(torch.equal(outcome.state[name], v) for name, v in member.network.state_dict().items())


def test_a_member_that_diverges_leaves_and_touches_no_other():
    members = population()
    members.insert(1, Member(network(5.0), RECIPE.model_copy(update={"lr": 1e200}), 1, "diverges"))
    heard = []
    outcomes = train_population(
        members, toy_data(), method="stacked", on_epoch=lambda m, e: heard.append((m.label, e.epoch))
    )
    diverged = outcomes.pop(1)
    assert (diverged.status, diverged.history[-1].epoch) == ("diverged", len(diverged.history))
    single = train(network(5.0), toy_data(), members[1].recipe, seed=1)
    assert [math.isfinite(e.train_loss) for e in diverged.history] == [
        math.isfinite(e.train_loss) for e in single
    ]
    assert [epoch for label, epoch in heard if label == "diverges"] == [e.epoch for e in single]
    for outcome, (history, state) in zip(outcomes, alone(), strict=True):
        assert_equal(outcome, history, state, rtol=1e-9)


def test_padding_and_forbidden_entries_stay_zero(monkeypatch):
    stacks = []
    step = Stack.write
    monkeypatch.setattr(Stack, "write", lambda stack, *rest: (stacks.append(stack), step(stack, *rest)))
    train_population(population(epochs=2)[:4], toy_data(), method="stacked")
    (stack,) = {id(stack): stack for stack in stacks}.values()
    for member, (_, width, stem, _, _) in enumerate(MEMBERS[:4]):
        widths = [stem, width, width]
        for i, (weight, mask) in enumerate(zip(stack.weights, stack.masks, strict=True)):
            own = weight[member]
            out = widths[i] if i < 3 else 3
            assert own[out:].count_nonzero() == 0
            assert i == 0 or own[:, widths[i - 1] :].count_nonzero() == 0
            assert mask is None or own[~mask[member]].count_nonzero() == 0
            if i < 3:
                padded = (stack.gains[i], stack.shifts[i], stack.means[i])
                assert all(values[member, out:].count_nonzero() == 0 for values in padded)


@pytest.mark.parametrize(("flip", "pad"), [(False, 0), (True, 0), (False, 2), (True, 1)])
def test_the_draws_are_those_of_a_single_run(flip, pad):
    data = toy_data()
    recipes = [
        RECIPE.model_copy(update={"flip": flip, "pad": pad}),
        RECIPE.model_copy(update={"flip": True, "pad": 1}),
        RECIPE,
    ]
    together, apart = ([stream(seed, "batches") for seed in range(3)] for _ in range(2))
    feed = Feed(data, widest_pad(recipes), torch.float32)
    for steps in (None, 2, None):  # a probe takes part of an epoch, and the next epoch goes on from there
        draws = draw(recipes, together, len(data.train), steps=steps, device=torch.device("cpu"))
        singles = [
            list(islice(training_batches(data, recipe, own), steps))
            for recipe, own in zip(recipes, apart, strict=True)
        ]
        assert len(draws.chosen) == len(singles[0]) == (steps or 6)
        for step in range(len(draws.chosen)):
            x, y = feed(*draws.at(step))
            for member in range(3):
                images, labels = singles[member][step]
                assert torch.equal(x[member].T, images.flatten(1))
                assert torch.equal(y[member], labels)


def test_members_that_cannot_share_a_step_have_stacks_of_their_own():
    members = population()[:2]
    small = RECIPE.model_copy(update={"batch_size": 8})
    members.append(Member(network(), small, 1))
    members.append(Member(network(), small.model_copy(update={"batch_size": 1000}), 1))
    *finished, starved = train_population(members, toy_data(), method="stacked")
    assert [outcome.status for outcome in finished] == ["finished"] * 3
    assert finished[2].history[-1].test_loss == pytest.approx(
        train(network(), toy_data(), small, seed=1)[-1].test_loss, rel=1e-9
    )
    assert "exceeds the 96 training images" in starved.message


def test_outcomes_keep_the_order_of_the_members_whatever_stack_they_are_in():
    """Those of one stack do not stand together, and those without a stack neither last nor first."""

    def broken():
        raise UserError("this graph has no network")

    sizes = {"a": 16, "starves": 1000, "b": 8, "c": 16, "fails": 16, "d": 8}
    members = [
        Member(
            broken if label == "fails" else network,
            RECIPE.model_copy(update={"batch_size": size, "epochs": 1}),
            seed,
            label,
        )
        for seed, (label, size) in enumerate(sizes.items())
    ]
    outcomes = train_population(members, toy_data(), method="stacked")
    assert [outcome.label for outcome in outcomes] == list(sizes)
    assert [outcome.status == "failed" for outcome in outcomes] == [len(label) > 1 for label in sizes]
    alone = train(network(), toy_data(), members[3].recipe, seed=3)
    assert outcomes[3].history[-1].test_loss == pytest.approx(alone[-1].test_loss, rel=1e-9)


def test_what_cannot_be_stacked_is_refused_by_name():
    size = {"num_classes": 3, "input_size": (1, 4, 4)}
    graph = ws_flex(8, 4, 0.3, 1)
    others = {
        "symmetric": build_model("mlp4", Relational(graph, "masked", symmetric=True), [24], stem=24, **size),
        "GroupedLinear": build_model("mlp4", Grouped(4), [24], stem=24, **size),
        "it is a Sequential": torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3)),
    }
    for reason, model in others.items():
        with pytest.raises(UserError, match=f"odd cannot be stacked: .*{reason}"):
            train_population([Member(model, RECIPE, 1, "odd")], toy_data(), method="stacked")


@pytest.mark.parametrize("key", ["label_smoothing", "accumulate", "eval_every", "weight_decay_on"])
def test_a_recipe_that_a_stack_does_not_know_is_refused_and_not_ignored(key):
    value = {"label_smoothing": 0.1, "weight_decay_on": "weights"}.get(key, 2)
    member = Member(network(), RECIPE.model_copy(update={key: value}), 1, "odd")
    with pytest.raises(UserError, match=f"odd cannot be stacked: its recipe has {key} = {value}"):
        train_population([member], toy_data(), method="stacked")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_captured_step_equals_single_runs_on_a_gpu():
    outcomes = train_population(population(), toy_data(), device="cuda", method="auto")
    for outcome, (history, state) in zip(outcomes, alone(), strict=True):
        assert_equal(outcome, history, state, rtol=1e-9)
    members = population()
    members.insert(1, Member(network(5.0), RECIPE.model_copy(update={"lr": 1e200}), 1, "diverges"))
    again = train_population(members, toy_data(), device="cuda")
    assert again.pop(1).status == "diverged"
    for outcome, (history, state) in zip(again, alone(), strict=True):
        assert_equal(outcome, history, state, rtol=1e-9)
