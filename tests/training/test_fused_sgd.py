"""Fused SGD with less Python gives torch's numbers to the bit, in every situation that torch allows."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graph2nn.training import Recipe
from graph2nn.training.fused_sgd import FusedSGD
from graph2nn.training.optimiser import sgd

OPTIONS = [
    {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
    {"lr": 0.1, "momentum": 0.9, "dampening": 0.1, "maximize": True},
    {"lr": 0.3, "weight_decay": 0.01},
]


def pair(options, dtypes=(torch.float32,) * 3, fused=True):
    """The same parameters under torch's optimiser and ours, in two groups."""
    optimisers = []
    for kind in (torch.optim.SGD, FusedSGD):
        generator = torch.Generator().manual_seed(0)
        weights = [
            nn.Parameter(torch.randn(shape, generator=generator).to(dtype))
            for shape, dtype in zip([(3, 5), (7,), (2, 2, 2)], dtypes, strict=True)
        ]
        optimiser = kind(weights[:2], fused=fused, **options)
        optimiser.add_param_group({"params": weights[2:], "weight_decay": 0.0})
        optimisers.append(optimiser)
    return optimisers


def parameters(optimiser):
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def descend(optimisers, step, without=()):
    """Give both the same gradients and take a step; zeros first, as a training step does."""
    for optimiser in optimisers:
        optimiser.zero_grad()
        assert all(parameter.grad is None for parameter in parameters(optimiser))
        generator = torch.Generator().manual_seed(step)
        for i, parameter in enumerate(parameters(optimiser)):
            if i not in without:
                parameter.grad = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
        optimiser.step()


def assert_same(theirs, ours):
    for a, b in zip(parameters(theirs), parameters(ours), strict=True):
        assert torch.equal(a, b)
    state, own = theirs.state_dict(), ours.state_dict()
    assert state["param_groups"] == own["param_groups"]
    assert state["state"].keys() == own["state"].keys()
    for key, value in state["state"].items():
        torch.testing.assert_close(own["state"][key], value, rtol=0, atol=0)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("dtypes", [(torch.float32,) * 3, (torch.float32, torch.float64, torch.float32)])
def test_steps_are_torchs_to_the_bit(options, fused, dtypes):
    both = pair(options, dtypes, fused)
    before = [parameter.detach().clone() for parameter in parameters(both[1])]
    for step in range(4):
        descend(both, step)
    assert_same(*both)
    assert not any(map(torch.equal, before, parameters(both[1])))


def test_states_move_between_the_two():
    both = pair(OPTIONS[0])
    descend(both, 0)
    states = [optimiser.state_dict() for optimiser in both]
    for optimiser, state in zip(both, reversed(states), strict=True):
        optimiser.load_state_dict(state)
    descend(both, 1)
    assert_same(*both)


def test_parameters_without_a_gradient_stay():
    both = pair(OPTIONS[0])
    descend(both, 0)
    descend(both, 1, without=(1,))
    descend(both, 2, without=(2,))
    assert_same(*both)


def test_closures_and_zeros_kept_as_tensors_are_torchs():
    both = pair(OPTIONS[0])
    for optimiser in both:
        descend([optimiser], 0)
        assert optimiser.step(lambda: 7) == 7
        optimiser.zero_grad(set_to_none=False)
        assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in parameters(optimiser))
    assert_same(*both)


def test_an_overflow_found_by_a_scaler_leaves_the_step_out():
    both = pair(OPTIONS[0])
    descend(both, 0)
    before = [parameter.detach().clone() for parameter in parameters(both[1])]
    for optimiser in both:
        optimiser.found_inf = torch.ones(())
    descend(both, 1)
    assert all(map(torch.equal, before, parameters(both[1])))
    for optimiser in both:
        optimiser.found_inf = None
    descend(both, 2)
    assert_same(*both)


def test_recipes_use_it():
    optimiser = sgd([nn.Parameter(torch.ones(2))], Recipe(epochs=1))
    assert type(optimiser) is FusedSGD
