"""relationalize and densify: the product with the mask and nothing else, in every kind of layer, and back."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs
from torch import nn

from graph2nn import densify, mask, relationalize, ws_flex
from graph2nn.conversion import load_dense
from graph2nn.errors import UserError
from graph2nn.layers import node_sizes
from graph2nn.layers.parametrisation import masked_weights, stored_weight
from graph2nn.layers.weight_layout import Layout
from graph2nn.layers.weight_mask import WeightMask

GRAPH = ws_flex(4, 2, 0.3, 1)
ARROWS = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]], dtype=bool)


def x(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


#: A module of each kind, its input, and its weights: gates or projections, and whether inputs come first.
KINDS = {
    "linear": (lambda: nn.Linear(5, 7), (x(3, 5),), {"weight": (1, False)}),
    "conv1d": (lambda: nn.Conv1d(5, 6, 3), (x(2, 5, 7),), {"weight": (1, False)}),
    "conv2d": (lambda: nn.Conv2d(5, 6, (3, 1), stride=2), (x(2, 5, 7, 7),), {"weight": (1, False)}),
    "conv3d": (lambda: nn.Conv3d(5, 6, 2), (x(2, 5, 3, 3, 3),), {"weight": (1, False)}),
    "conv_transpose1d": (lambda: nn.ConvTranspose1d(5, 6, 3), (x(2, 5, 4),), {"weight": (1, True)}),
    "conv_transpose2d": (lambda: nn.ConvTranspose2d(5, 6, 3), (x(2, 5, 4, 4),), {"weight": (1, True)}),
    "conv_transpose3d": (lambda: nn.ConvTranspose3d(5, 6, 2), (x(2, 5, 2, 2, 2),), {"weight": (1, True)}),
    "attention": (
        lambda: nn.MultiheadAttention(6, 2),
        (x(3, 2, 6),) * 3,
        {"in_proj_weight": (3, False), "out_proj.weight": (1, False)},
    ),
    "attention of other widths": (
        lambda: nn.MultiheadAttention(6, 2, kdim=5, vdim=7),
        (x(3, 2, 6), x(3, 2, 5), x(3, 2, 7)),
        {f"{each}_proj_weight": (1, False) for each in "qkv"} | {"out_proj.weight": (1, False)},
    ),
    "rnn": (
        lambda: nn.RNN(5, 6, nonlinearity="relu"),
        (x(3, 2, 5),),
        {"weight_ih_l0": (1, False), "weight_hh_l0": (1, False)},
    ),
    "gru": (
        lambda: nn.GRU(5, 6, bias=False),
        (x(3, 2, 5),),
        {"weight_ih_l0": (3, False), "weight_hh_l0": (3, False)},
    ),
    "lstm": (
        lambda: nn.LSTM(5, 6, 2, bidirectional=True, batch_first=True),
        (x(2, 3, 5),),
        {
            f"weight_{kind}_l{i}{way}": (4, False)
            for i in (0, 1)
            for way in ("", "_reverse")
            for kind in ("ih", "hh")
        },
    ),
    "lstm with projection": (
        lambda: nn.LSTM(5, 7, proj_size=6),
        (x(3, 2, 5),),
        {"weight_ih_l0": (4, False), "weight_hh_l0": (4, False), "weight_hr_l0": (1, False)},
    ),
    "lstm cell": (lambda: nn.LSTMCell(5, 6), (x(2, 5),), {"weight_ih": (4, False), "weight_hh": (4, False)}),
    "gru cell": (lambda: nn.GRUCell(5, 6), (x(2, 5),), {"weight_ih": (3, False), "weight_hh": (3, False)}),
}


def expected_mask(shape, parts, transposed, graph=GRAPH):
    """The mask from its definition, entry by entry: i reads j, in every part and at every kernel position."""
    pair = (shape[1], shape[0]) if transposed else (shape[0], shape[1])
    width = pair[0] // parts
    reader = np.repeat(np.arange(graph.n), node_sizes(width, graph.n))
    read = np.repeat(np.arange(graph.n), node_sizes(pair[1], graph.n))
    on = np.zeros(shape, dtype=bool)
    for o in range(pair[0]):
        for i in range(pair[1]):
            a, b = reader[o % width], read[i]
            on[(i, o) if transposed else (o, i)] = a == b or graph.adjacency[a, b]
    return torch.from_numpy(on)


def twins(kind):
    """A module relational in all its weights, and a dense one with the same weights, zeros written in."""
    make, inputs, weights = KINDS[kind]
    torch.manual_seed(3)
    dense = make().double()
    relational = copy.deepcopy(dense)
    relationalize(relational, GRAPH, include="*")
    masks = {
        name: expected_mask(parameter.shape, *weights[name])
        for name, parameter in dense.named_parameters()
        if name in weights
    }
    assert len(masks) == len(weights)
    with torch.no_grad():
        for name, on in masks.items():
            dense.get_parameter(name).mul_(on)
    return relational, dense, inputs, masks


def output(module, inputs):
    found = module(*inputs)
    return found[0] if isinstance(found, tuple) else found


def step(module, inputs, optimiser):
    optimiser.zero_grad()
    output(module, inputs).square().sum().backward()


@pytest.mark.parametrize("kind", KINDS)
def test_output_and_gradients_are_those_of_the_masked_weights(kind):
    relational, dense, inputs, masks = twins(kind)
    torch.testing.assert_close(output(relational, inputs), output(dense, inputs), rtol=0, atol=0)
    for module in (relational, dense):
        output(module, inputs).square().sum().backward()
    for name, on in masks.items():
        owner, _, tensor = name.rpartition(".")
        stored = stored_weight(relational.get_submodule(owner), tensor)
        torch.testing.assert_close(stored.grad, dense.get_parameter(name).grad * on)


@pytest.mark.parametrize("kind", KINDS)
def test_training_is_that_of_a_projected_dense_module(kind):
    relational, dense, inputs, masks = twins(kind)
    options = {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}
    first, second = (torch.optim.SGD(module.parameters(), **options) for module in (relational, dense))
    for _ in range(3):
        step(relational, inputs, first)
        first.step()
        step(dense, inputs, second)
        for name, on in masks.items():
            dense.get_parameter(name).grad.mul_(on)
        second.step()
    torch.testing.assert_close(output(relational, inputs), output(dense, inputs))
    assert not torch.equal(output(relational, inputs), output(twins(kind)[0], inputs))


@pytest.mark.parametrize("optimiser", [torch.optim.AdamW, torch.optim.SGD])
@pytest.mark.parametrize("kind", ["linear", "attention", "lstm"])
def test_what_is_off_stays_exactly_zero(kind, optimiser):
    relational, _, inputs, masks = twins(kind)
    trained = optimiser(relational.parameters(), lr=0.1, weight_decay=0.5)
    for _ in range(3):
        step(relational, inputs, trained)
        trained.step()
    for name, on in masks.items():
        owner, _, tensor = name.rpartition(".")
        stored = stored_weight(relational.get_submodule(owner), tensor)
        assert stored[~on].count_nonzero() == 0
        assert stored[on].count_nonzero() == on.sum()


@pytest.mark.parametrize("kind", KINDS)
def test_undone_it_is_what_it_was(kind):
    make, inputs, _ = KINDS[kind]
    module = make().double()
    before = copy.deepcopy(module)
    parameters = dict(module.named_parameters())
    relationalize(module, GRAPH, include="*")
    output(module, inputs)
    assert densify(module, keep="original") is module
    assert type(module) is type(before)
    # The same objects under the same names in the same order: an optimiser never notices.
    assert [(name, id(p)) for name, p in module.named_parameters()] == [
        (n, id(p)) for n, p in parameters.items()
    ]
    for name, value in before.state_dict().items():
        assert torch.equal(module.state_dict()[name], value)
    copied = copy.deepcopy(module)
    for each in (module, copied):
        assert torch.equal(output(each, inputs), output(before, inputs))


@pytest.mark.parametrize("kind", KINDS)
def test_densified_it_computes_the_same_with_zeros_in_plain_weights(kind):
    relational, _, inputs, masks = twins(kind)
    expected = output(relational, inputs)
    densify(relational)
    assert torch.equal(output(relational, inputs), expected)
    assert not list(masked_weights(relational))
    for name, on in masks.items():
        assert relational.get_parameter(name)[~on].count_nonzero() == 0


@given(graph=graphs(max_n=9, directed=None), extra=st.tuples(st.integers(0, 4), st.integers(0, 4)))
@settings(max_examples=25)
def test_the_mask_is_the_one_of_the_layers(graph, extra):
    module = nn.Linear(graph.n + extra[0], graph.n + extra[1])
    report = relationalize(module, graph, include="*")
    on = torch.from_numpy(mask(graph, module.in_features, module.out_features))
    assert torch.equal(module.parametrizations.weight[0].mask, on)
    assert report.changed[0].weights_on == int(on.sum())
    assert report.params_after == int(on.sum()) + module.out_features
    layout = Layout(2 * graph.n, graph.n, parts=2, transposed=True, kernel=(3, 1))
    assert layout.weights_on(graph) == 3 * int(layout.mask(graph).sum())
    assert layout.mask(graph).shape == (*layout.shape[:2], 1, 1)


def test_a_directed_graph_is_not_turned_around():
    from graph2nn import RelationalGraph

    module = nn.Linear(4, 4, bias=False)
    relationalize(module, RelationalGraph(ARROWS), include="*")
    read = [module(torch.eye(4)[j]).ne(0) for j in range(4)]
    assert torch.equal(torch.stack(read, dim=1), torch.from_numpy(ARROWS | np.eye(4, dtype=bool)))


# --- undoing, in more detail


def test_trained_weights_survive_and_the_others_come_back():
    module = nn.Linear(8, 8)
    before = module.weight.detach().clone()
    relationalize(module, GRAPH, include="*")
    on = module.parametrizations.weight[0].mask
    with torch.no_grad():
        module.parametrizations.weight.original.add_(1.0)
    densify(module, keep="original")
    assert torch.equal(module.weight[~on], before[~on])
    assert torch.equal(module.weight[on], before[on] + 1)


def test_densifying_a_copy_leaves_the_other_alone():
    module = nn.Sequential(nn.Linear(8, 8), nn.LSTM(8, 8))
    relationalize(module, GRAPH, include="*")
    other = copy.deepcopy(module)
    expected = output(other, (x(2, 8).float(),))
    densify(module)
    assert torch.equal(output(other, (x(2, 8).float(),)), expected)
    densify(other)
    relationalize(module, GRAPH, include="*")


def test_rescaling_keeps_the_variance_and_is_undone():
    torch.manual_seed(0)
    module = nn.Linear(512, 256, bias=False)
    inputs = torch.randn(64, 512)
    dense = module(inputs).std().item()
    before = module.weight.detach().clone()
    density = relationalize(module, ws_flex(64, 8, 0.1, 1), include="*", rescale=True).changed[0].density
    assert density < 0.15
    assert module(inputs).std().item() == pytest.approx(dense, rel=0.03)
    densify(module, keep="original")
    torch.testing.assert_close(module.weight, before, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: densify(nn.Linear(8, 8)), "no weight of this Linear was relationalized"),
        (lambda: densify(nn.Linear(8, 8), keep="all"), "keep 'all' is not known"),
        (
            lambda: densify(
                relationalize(nn.Linear(8, 8), GRAPH, include="*", remember=False).module, keep="original"
            ),
            "remember=False",
        ),
    ],
)
def test_undoing_says_what_it_cannot(call, message):
    with pytest.raises(UserError, match=message):
        call()


def test_a_mask_under_something_else_is_not_torn_out():
    module = nn.Linear(8, 8)
    relationalize(module, GRAPH, include="*")
    nn.utils.parametrizations.weight_norm(module)
    with pytest.raises(UserError, match="another parametrisation on top of its mask; remove that first"):
        densify(module)


# --- the dense module's checkpoints


def test_a_dense_checkpoint_loads_under_the_masks():
    trained, module = (
        nn.Sequential(nn.Linear(8, 8), nn.MultiheadAttention(8, 2), nn.LSTM(8, 8)) for _ in range(2)
    )
    relationalize(module, GRAPH, include="*")
    load_dense(module, trained.state_dict())
    relationalize(trained, GRAPH, include="*")
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in trained.state_dict().items())
    twice = nn.Sequential(trained_layer := nn.Linear(8, 8), trained_layer)
    state = {name: value.clone() for name, value in twice.state_dict().items()}
    relationalize(twice, GRAPH, include="*")
    load_dense(twice, state)
    with pytest.raises(RuntimeError, match="Unexpected key"):
        load_dense(module, {"0.wieght": torch.zeros(8, 8)})


def test_values_that_are_assigned_are_masked():
    module = nn.Linear(8, 8)
    relationalize(module, GRAPH, include="*")
    with torch.no_grad():
        module.weight = torch.ones(8, 8)
    assert torch.equal(module.parametrizations.weight.original, module.parametrizations.weight[0].mask.float())


def test_made_without_memory():
    with torch.device("meta"):
        module = nn.Sequential(nn.Linear(8, 8), nn.Conv2d(8, 8, 3))
    report = relationalize(module, GRAPH, include="*")
    assert report.params_after < report.params_before
    assert module(torch.empty(2, 8, 5, 8, device="meta")).is_meta
    assert "density=?" in repr(module)


def test_repr_of_the_module_tells_the_graph():
    module = nn.Linear(8, 8)
    relationalize(module, GRAPH, include="*")
    assert f"WeightMask(graph={GRAPH.name} (n=4), density=" in repr(module)
    assert isinstance(module.parametrizations.weight[0], WeightMask)
