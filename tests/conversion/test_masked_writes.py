"""Writes to the weight of a relationalized module: they arrive, and the mask stays in force, whatever wrote."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import nn

from graph2nn import densify, relationalize, ws_flex
from graph2nn.errors import UserError

GRAPH = ws_flex(8, 3.5, 0.3, 1)
ENGINES = ["masked", "block"]


def layer(engine, kind=nn.Linear):
    torch.manual_seed(0)
    module = kind(17, 26) if kind is nn.Linear else kind(9, 10, 3, padding=1)
    relationalize(module, GRAPH, include="*", engine=engine)
    return module


def inputs(module):
    shape = (3, 17) if isinstance(module, nn.Linear) else (2, 9, 5, 5)
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def mask_of(module):
    return module.parametrizations.weight[0].mask


def dense_output(module, weight):
    if isinstance(module, nn.Linear):
        return nn.functional.linear(inputs(module), weight, module.bias)
    return nn.functional.conv2d(inputs(module), weight, module.bias, padding=1)


def init(module):
    torch.manual_seed(5)
    nn.init.kaiming_normal_(module.weight)
    torch.manual_seed(5)
    return nn.init.kaiming_normal_(torch.empty(module.weight.shape))


def reset(module):
    torch.manual_seed(5)
    module.reset_parameters()
    torch.manual_seed(5)
    plain = nn.Linear(17, 26) if isinstance(module, nn.Linear) else nn.Conv2d(9, 10, 3)
    return plain.weight.detach()


def replaced_data(module):
    module.weight.data = torch.full(module.weight.shape, 0.5)
    return torch.full(module.weight.shape, 0.5)


def added_data(module):
    """How PEFT merges an adapter."""
    before = module.weight.detach().clone()
    module.weight.data += 0.25
    return before + 0.25


def filled(module):
    with torch.no_grad():
        module.weight.fill_(0.5)
    return torch.full(module.weight.shape, 0.5)


def assigned(module):
    with torch.no_grad():
        module.weight = torch.full(module.weight.shape, 0.5)
    return torch.full(module.weight.shape, 0.5)


@pytest.mark.parametrize("write", [init, reset, replaced_data, added_data, filled, assigned])
@pytest.mark.parametrize("kind", [nn.Linear, nn.Conv2d])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_write_arrives_and_stays_on_the_mask(engine, kind, write):
    module = layer(engine, kind)
    on = mask_of(module)
    wanted = write(module) * on
    saved = module.state_dict()["parametrizations.weight.original"]
    assert torch.equal(saved, wanted)
    torch.testing.assert_close(module(inputs(module)), dense_output(module, wanted))
    assert torch.equal(module.weight, wanted)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_write_is_there_after_whatever_comes_next(engine):
    def fresh():
        module = layer(engine)
        return module, init(module) * mask_of(module)

    module, wanted = fresh()
    assert torch.equal(copy.deepcopy(module).weight, wanted)
    module, wanted = fresh()
    assert torch.equal(pickle.loads(pickle.dumps(module)).weight, wanted)
    module, wanted = fresh()
    assert torch.equal(densify(module).weight, wanted)
    module, wanted = fresh()
    assert torch.equal(module.double().weight, wanted.double())
    module, wanted = fresh()
    compiled = torch.compile(module, backend="eager")
    torch.testing.assert_close(compiled(inputs(module)), dense_output(module, wanted))


@pytest.mark.parametrize("engine", ENGINES)
def test_reading_a_weight_does_not_undo_a_step(engine):
    module = layer(engine)
    module.weight.norm()
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
    module(inputs(module)).sum().backward()
    before = module.weight.detach().clone()
    optimiser.step()
    assert not torch.equal(module.weight, before)
    module(inputs(module))
    assert not torch.equal(module.weight, before)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_cannot_be_written_is_refused(engine):
    module = layer(engine)
    with pytest.raises(UserError, match=r"follows the graph 'ws.*' and cannot become another Parameter: write"):
        module.weight = nn.Parameter(torch.ones(26, 17))
    with pytest.raises(UserError, match="cannot become another NoneType"):
        module.weight = None
    with pytest.raises(UserError, match=r"expected a tensor of shape \[26, 17\], got \[3, 3\]"):
        module.weight = torch.ones(3, 3)
    if engine == "block":
        module.weight.data = torch.ones(3, 3)
        with pytest.raises(UserError, match=r"expected a tensor of shape \[26, 17\], got \[3, 3\]"):
            module(inputs(module))


# --- the gradient


def off_gradient(module):
    module.zero_grad()
    module(inputs(module).to(module.weight.dtype)).sum().backward()
    stored = module.parametrizations.weight.original
    assert stored.grad[mask_of(module)].count_nonzero() > 0
    return stored.grad[~mask_of(module)].count_nonzero()


def frozen_and_back(module):
    module.requires_grad_(False)
    module(inputs(module))
    return module.requires_grad_(True)


def relationalized_while_frozen(_):
    module = nn.Linear(17, 26).requires_grad_(False)
    relationalize(module, GRAPH, include="*", engine="masked")
    return module.requires_grad_(True)


def loaded_by_assignment(module):
    module.load_state_dict({name: value.clone() for name, value in module.state_dict().items()}, assign=True)
    return module


def swapped(module):
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        return module.double()
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)


def made_without_memory(_):
    with torch.device("meta"):
        module = layer("masked")
    return module.to_empty(device="cpu")


def from_file(module):
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize(
    "change",
    [
        copy.deepcopy,
        from_file,
        frozen_and_back,
        relationalized_while_frozen,
        loaded_by_assignment,
        swapped,
        made_without_memory,
        lambda module: module.type(torch.float64),
        lambda module: copy.deepcopy(torch.optim.swa_utils.AveragedModel(module).module),
    ],
)
def test_the_gradient_off_the_mask_is_zero_and_writes_arrive_still(change):
    module = change(layer("masked"))
    assert off_gradient(module) == 0
    with torch.no_grad():
        module.weight.fill_(1.0)
    assert torch.equal(module.weight, mask_of(module).to(module.weight))
    assert module.weight is module.parametrizations.weight.original


@pytest.mark.parametrize("engine", ENGINES)
def test_densified_it_learns_everywhere(engine):
    module = densify(layer(engine))
    module(inputs(module)).sum().backward()
    assert module.weight.grad.count_nonzero() == module.weight.numel()


def test_second_derivatives_and_gradients_per_sample():
    module = layer("masked")
    off = ~mask_of(module)
    (first,) = torch.autograd.grad(module(inputs(module)).pow(3).sum(), module.weight, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), module.weight)
    assert first[off].count_nonzero() == second[off].count_nonzero() == 0
    assert second.count_nonzero() > 0
    values = {name: value.detach() for name, value in module.named_parameters()}

    def loss(values, x):
        return torch.func.functional_call(module, values, (x,)).square().sum()

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(values, inputs(module))
    assert each["parametrizations.weight.original"][:, off].count_nonzero() == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_masks_stay_bool_in_every_conversion(engine):
    module = layer(engine)
    expected = module(inputs(module))
    module.type(torch.float64)
    assert mask_of(module).dtype == torch.bool
    assert module.state_dict()["parametrizations.weight.0.mask"].dtype == torch.bool
    torch.testing.assert_close(module(inputs(module).double()).float(), expected)


# --- optimisers

OPTIMISERS = {
    "SGD": {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    "Adam": {"lr": 0.05, "weight_decay": 0.1},
    "AdamW": {"lr": 0.05, "weight_decay": 0.1},
    "NAdam": {"lr": 0.05},
    "RAdam": {"lr": 0.05},
    "Adamax": {"lr": 0.05},
    "RMSprop": {"lr": 0.05, "momentum": 0.9},
    "Adagrad": {"lr": 0.05},
    "Adadelta": {"lr": 0.5},
    "Rprop": {"lr": 0.05},
    "ASGD": {"lr": 0.05},
    "Adafactor": {"lr": 0.05},
    "LBFGS": {"lr": 0.05, "max_iter": 3},
    "Muon": {"lr": 0.05},
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_what_each_optimiser_does_to_weights_off_the_mask(name):
    """As docs/your-own-model.md lists: all but Muon leave the stored value zero; reading is zero for all."""
    if not hasattr(torch.optim, name):
        pytest.skip(f"this torch has no {name}")
    module = layer("masked")
    stored, off = module.parametrizations.weight.original, ~mask_of(module)
    optimiser = getattr(torch.optim, name)([stored], **OPTIMISERS[name])
    start = module.weight.detach().clone()

    def closure():
        optimiser.zero_grad()
        loss = module(inputs(module)).square().mean()
        loss.backward()
        return loss

    for _ in range(3):
        optimiser.step(closure)
        assert bool(stored[off].count_nonzero()) == (name == "Muon")
    assert module.weight[off].count_nonzero() == 0
    assert not torch.equal(module.weight, start)
    assert module.state_dict()["parametrizations.weight.original"][off].count_nonzero() == 0
