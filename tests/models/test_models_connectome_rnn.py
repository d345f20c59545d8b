"""ConnectomeRNN: function, gradients, Dale's law, reservoirs, gains, and training that resumes exactly."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from empty_memory import hollow
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from graph2nn import ConnectomeRNN, RelationalGraph, UserError, ws_flex
from graph2nn.models.dense_recurrent import dense_baseline
from graph2nn.models.spectral_radius import spectral_radius

N = 30


def connectome(seed=0, n=N, *, signs=True, counts=True, density=0.15):
    """A small directed connectome with some self-connections, types, counts and a sign per neuron."""
    numbers = np.random.default_rng(seed)
    on = numbers.random((n, n)) < density
    target, source = np.nonzero(on)
    sign = numbers.choice([-1, 1], n)
    return RelationalGraph.from_edge_index(
        np.stack([source, target]),
        n,
        name="made",
        weights=numbers.integers(1, 20, len(source)).astype(float) if counts else None,
        signs=sign[source].astype(np.int8) if signs else None,
        nodes=pd.DataFrame({"celltype": numbers.choice(["sensory", "inter", "output"], n), "level": range(n)}),
    )


def network(graph=None, **options):
    given = {"inputs": "celltype == 'sensory'", "outputs": "celltype == 'output'", "rounds": 5, **options}
    return ConnectomeRNN(connectome() if graph is None else graph, 6, 3, **given)


def oracle(model, x, leak):
    """The equations of the class on a dense matrix."""
    n = model.graph.n
    source, target = torch.from_numpy(model.graph.edge_index.copy())
    matrix = torch.zeros(n, n, dtype=x.dtype).index_put((target, source), model.recurrent_weight())
    steps = x if x.ndim == 3 else x[:, None].expand(-1, model.rounds, -1)
    state = torch.zeros(len(x), n, dtype=x.dtype)
    read = []
    for step in steps.unbind(1):
        drive = torch.zeros_like(state).index_copy(1, model.input_nodes, step @ model.encoder.weight.t())
        state = (1 - leak) * state + leak * model.activation(state @ matrix.t() + drive + model.bias)
        read.append(model.readout(state[:, model.output_nodes]))
    return torch.stack(read, 1) if x.ndim == 3 else read[-1]


@pytest.mark.parametrize("kind", ["free", "signed", "gains", "fixed"])
@pytest.mark.parametrize("shape", [(4, 6), (1, 6), (3, 7, 6)])
def test_function_and_gradients_are_those_of_the_equations(kind, shape):
    model = network(weights=kind, leak=0.6, train_leak=True, activation="tanh", init="synapses").double()
    with torch.no_grad():
        model.bias.normal_(std=0.1)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    y, expected = model(x), oracle(model, x, model.leaks())
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-12)
    wanted = [x, *(p for p in model.parameters() if p.requires_grad)]
    actual = torch.autograd.grad(y.square().sum(), wanted)
    for a, b in zip(actual, torch.autograd.grad(expected.square().sum(), wanted), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)
    assert torch.autograd.gradcheck(model, (x,))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    n=st.integers(3, 60),
    density=st.sampled_from([0.02, 0.1, 0.5]),
    batch=st.sampled_from([1, 3, 8, 33]),
)
def test_float32_gradients_match_float64(seed, n, density, batch):
    graph = connectome(seed, n, density=density)
    model = ConnectomeRNN(graph, 4, 2, inputs=[0, 1], outputs=[n - 1], spectral_radius=None, activation="tanh")
    exact = copy.deepcopy(model).double()
    generator = torch.Generator().manual_seed(seed)
    x, upstream = torch.randn(batch, 4, generator=generator), torch.randn(batch, 2, generator=generator)
    # What cancels in a sum over the batch leaves an error the size of its terms, so these set the bound too.
    terms = float(upstream.norm()) * max(1.0, float(x.norm()))
    for a, b in zip(
        torch.autograd.grad(model(x), list(model.parameters()), upstream),
        torch.autograd.grad(exact(x.double()), list(exact.parameters()), upstream.double()),
        strict=True,
    ):
        assert (a.double() - b).norm() <= 2e-6 * b.norm() + 5e-7 * terms


def test_as_many_weights_as_connections():
    graph = connectome()
    assert graph.loops > 0
    assert network(graph).recurrent_weight().shape == (graph.edges,)
    # The paper's graphs let every node read itself.
    ws = ws_flex(N, 4, 0.2, 1)
    everyone = ConnectomeRNN(ws, 6, 3, inputs=[0], outputs=[1])
    assert everyone.recurrent_weight().shape == (2 * ws.edges + N,)


OPTIMISERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9, weight_decay=1e-2),
    "adam": lambda p: torch.optim.Adam(p, lr=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.1),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.5),
}


def train(model, optimiser, steps, seed=0):
    numbers = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        x, y = torch.randn(8, 6, generator=numbers), torch.randint(0, 3, (8,), generator=numbers)
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimiser.step()


@pytest.mark.parametrize("name", OPTIMISERS)
def test_dales_law_holds_after_a_thousand_steps(name):
    graph = connectome(1, 12)
    model = network(graph, weights="signed", rounds=3, activation="tanh")
    before = model.recurrent_weight().detach().clone()
    train(model, OPTIMISERS[name](model.parameters()), 1000)
    after = model.recurrent_weight().detach()
    assert not torch.equal(before, after)
    assert after.isfinite().all()
    signs = torch.from_numpy(graph.signs.copy()).float()
    assert (after * signs >= 0).all()
    outputs = [after[graph.edge_index[0] == neuron] for neuron in range(graph.n)]
    assert all(len({*weights.sign().tolist()} - {0.0}) <= 1 for weights in outputs)


def test_free_neurons_of_sign_zero():
    base = connectome(2)
    signs = base.signs.copy()
    signs[base.edge_index[0] == base.edge_index[0][0]] = 0
    graph = RelationalGraph.from_edge_index(base.edge_index, N, signs=signs, nodes=base.nodes)
    with pytest.raises(UserError, match=r"1 neurons have sign 0.*unsigned='free'"):
        network(graph, weights="signed")
    model = network(graph, weights="signed", unsigned="free")
    values = model.recurrent_weight()[torch.from_numpy(signs == 0)]
    assert {*values.sign().tolist()} <= {-1.0, 1.0}
    signed = torch.from_numpy(signs != 0)
    assert torch.equal(model.recurrent_weight()[signed].sign(), torch.from_numpy(signs).float()[signed])
    mixed = base.signs.copy()
    mixed[np.flatnonzero(base.edge_index[0] == 3)[0]] *= -1
    both = RelationalGraph.from_edge_index(base.edge_index, N, signs=mixed, nodes=base.nodes)
    with pytest.raises(UserError, match=r"outputs of both signs, the first is node 3.*signs='connection'"):
        network(both, weights="signed")
    kept = network(both, weights="signed", signs="connection").recurrent_weight()
    assert torch.equal(kept.sign(), torch.from_numpy(mixed).float())


def without_signs_of_one(graph):
    """The same connectome; nobody knows the sign of the first neuron's outputs."""
    signs = graph.signs.copy()
    signs[graph.edge_index[0] == graph.edge_index[0][0]] = 0
    return RelationalGraph.from_edge_index(
        graph.edge_index, graph.n, weights=graph.weights, signs=signs, nodes=graph.nodes
    )


@pytest.mark.parametrize("kind", ["signed", "gains", "fixed"])
@pytest.mark.parametrize("init", ["fan_in", "synapses", "scaled_synapses"])
def test_neurons_of_sign_zero_are_never_taken_for_excitatory_in_silence(kind, init):
    graph = without_signs_of_one(connectome(2))
    with pytest.raises(UserError, match=rf"1 neurons have sign 0.*weights='{kind}'.*unsigned='free'"):
        network(graph, weights=kind, init=init)
    assert network(graph, weights=kind, init=init, unsigned="free").recurrent_weight().isfinite().all()


@pytest.mark.parametrize("by", ["neuron", "celltype"])
def test_training_may_turn_a_gain_of_sign_zero_and_no_other(by):
    graph = without_signs_of_one(connectome(2))
    model = network(graph, weights="gains", gain_by=by, unsigned="free")
    start = model.recurrent_weight().detach()
    with torch.no_grad():
        model.weights.gain.mul_(-2)
    factor = torch.where(torch.from_numpy(graph.signs == 0), -2.0, 2.0)
    torch.testing.assert_close(model.recurrent_weight(), start * factor)


@pytest.mark.parametrize("init", ["fan_in", "synapses", "scaled_synapses"])
def test_free_weights_start_from_the_signs_and_may_leave_them(init):
    graph = without_signs_of_one(connectome(2))
    model = network(graph, init=init)
    known = torch.from_numpy(graph.signs != 0)
    signs = torch.from_numpy(graph.signs.copy()).float()
    assert torch.equal(model.recurrent_weight().sign()[known], signs[known])
    with torch.no_grad():
        model.weights.weight.neg_()
    assert torch.equal(model.recurrent_weight().sign()[known], -signs[known])
    assert "weights.sign" not in dict(model.named_buffers())


def test_gains_move_and_counts_stay():
    graph = connectome(3)
    model = network(graph, weights="gains", gain_by="celltype")
    base = model.weights.weight.clone()
    ratio = base.double() / torch.from_numpy(graph.weights * graph.signs)
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))
    train(model, torch.optim.Adam(model.parameters(), lr=0.05), 50)
    assert torch.equal(model.weights.weight, base)
    gain = (model.recurrent_weight() / base).detach()
    types = graph.nodes["celltype"].to_numpy()
    pairs = list(zip(types[graph.edge_index[0]], types[graph.edge_index[1]], strict=True))
    assert sorted(model.weights.gain_names) == sorted(set(pairs))
    for pair in set(pairs):
        one = gain[torch.tensor([p == pair for p in pairs])]
        torch.testing.assert_close(one, one[:1].expand_as(one))
    assert gain.std() > 0
    # With signs, a gain changes none.
    assert (model.recurrent_weight() * torch.from_numpy(graph.signs.copy()) >= 0).all()
    assert network(graph, weights="gains").weights.gain.shape == (N,)


def test_of_a_reservoir_only_the_readout_is_trained():
    model = network(weights="fixed")
    assert {name for name, p in model.named_parameters() if p.requires_grad} == {
        "readout.weight",
        "readout.bias",
    }
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train(model, torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.1), 20)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"readout.weight", "readout.bias"}
    assert network(weights="fixed", train_encoder=True).encoder.weight.requires_grad
    assert not network(train_encoder=False).encoder.weight.requires_grad


@pytest.mark.parametrize("kind", ["free", "signed", "gains", "fixed"])
def test_training_resumes_bit_for_bit(kind):
    torch.manual_seed(0)
    whole = network(weights=kind, leak=0.5, train_leak=True)
    optimiser = torch.optim.Adam([p for p in whole.parameters() if p.requires_grad], lr=0.01)
    train(whole, optimiser, 10, seed=1)
    torch.manual_seed(99)
    resumed = network(weights=kind, leak=0.5, train_leak=True)
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    second = torch.optim.Adam([p for p in resumed.parameters() if p.requires_grad], lr=0.01)
    second.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    train(whole, optimiser, 10, seed=2)
    train(resumed, second, 10, seed=2)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_weights_of_another_wiring_are_refused():
    on = connectome(4).edge_index
    turned = RelationalGraph.from_edge_index(on[::-1], N, nodes=connectome(4).nodes)
    with pytest.raises(RuntimeError, match="other connections"):
        network(turned).load_state_dict(
            network(RelationalGraph.from_edge_index(on, N, nodes=turned.nodes)).state_dict()
        )


def test_same_generator_same_network():
    first, second = network(), network()
    for model in (first, second):
        model.initialise(torch.Generator().manual_seed(5))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@pytest.mark.parametrize("init", ["fan_in", "synapses"])
@pytest.mark.parametrize("n", [N, 400])
def test_spectral_radius_is_the_one_stated(init, n):
    graph = connectome(5, n, density=5 / n)
    model = ConnectomeRNN(
        graph, 2, 2, inputs=[0], outputs=[1], init=init, spectral_radius=1.3, weights="signed"
    )
    source, target = graph.edge_index
    matrix = np.zeros((n, n))
    matrix[target, source] = model.recurrent_weight().detach().numpy()
    assert np.abs(np.linalg.eigvals(matrix)).max() == pytest.approx(1.3, rel=0.02)
    if init == "synapses":
        assert np.corrcoef(np.abs(matrix[target, source]), graph.weights)[0, 1] == pytest.approx(1)


def test_a_graph_without_cycles_has_no_radius():
    chain = RelationalGraph.from_edge_index([[0, 1, 2], [1, 2, 3]], 4)
    with pytest.raises(UserError, match="spectral_radius=None"):
        ConnectomeRNN(chain, 1, 1, inputs=[0], outputs=[3])
    # A signal takes one round per connection.
    model = ConnectomeRNN(
        chain, 1, 1, inputs=[0], outputs=[3], spectral_radius=None, rounds=3, activation="linear"
    )
    assert torch.equal(model(torch.ones(1, 1)), model(torch.zeros(1, 1)))
    model.rounds = 4
    assert not torch.equal(model(torch.ones(1, 1)), model(torch.zeros(1, 1)))


def test_growth_replaces_an_iteration_that_does_not_converge(monkeypatch):
    from graph2nn.models import spectral_radius as room

    def never(*arguments, **options):
        raise room.ArpackNoConvergence("no", np.array([]), np.array([]))

    graph = connectome(6, 400, density=0.05)
    weights = np.abs(np.random.default_rng(0).standard_normal(graph.edges))
    exact = spectral_radius(graph.edge_index, weights, 400)
    monkeypatch.setattr(room, "eigs", never)
    assert spectral_radius(graph.edge_index, weights, 400) == pytest.approx(exact, rel=0.02)


def test_neurons_by_number_mask_and_expression():
    graph = connectome()
    types = graph.nodes["celltype"].to_numpy()
    by_expression = network(graph).input_nodes.tolist()
    assert by_expression == np.flatnonzero(types == "sensory").tolist()
    mask = types == "sensory"
    for same in (mask, torch.from_numpy(mask), np.flatnonzero(mask), by_expression):
        assert network(graph, inputs=same).input_nodes.tolist() == by_expression
    assert network(graph, inputs=[5, 2]).input_nodes.tolist() == [5, 2]
    assert network(graph, inputs="level < 3 and celltype != 'none'").input_nodes.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": "celltype == 'nothing'"}, "selects no neuron"),
        ({"inputs": "cell_type == 'sensory'"}, "Columns: celltype, level"),
        ({"inputs": "celltype == "}, r"inputs: .* cannot be evaluated"),
        ({"inputs": [0, N]}, f"node {N} lies outside"),
        ({"inputs": [-1]}, "node -1 lies outside"),
        ({"inputs": [1, 1]}, "twice"),
        ({"inputs": [0.5]}, "not node numbers"),
        ({"outputs": [True, False]}, "mask"),
        ({"weights": "frei"}, "did you mean 'free'"),
        ({"init": "synapse"}, "did you mean 'synapses'"),
        ({"activation": "rellu"}, "did you mean 'relu'"),
        ({"rounds": 0}, "rounds = 0"),
        ({"leak": 0.0}, "outside \\(0, 1\\]"),
        ({"leak": 1.5}, "outside \\(0, 1\\]"),
        ({"leak": [0.5, 0.5]}, "expected a number or"),
        ({"spectral_radius": 0.0}, "is not positive"),
        ({"weights": "gains", "gain_by": "celltypes"}, "did you mean 'celltype'"),
        ({"read": "first"}, "read"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options, message):
    with pytest.raises(UserError, match=message) as caught:
        network(**options)
    assert "\n" not in str(caught.value)


def test_what_a_graph_lacks_is_named():
    bare = connectome(signs=False, counts=False)
    with pytest.raises(UserError, match="has no signs"):
        network(bare, weights="signed")
    with pytest.raises(UserError, match="has no synapse counts"):
        network(bare, weights="gains")
    with pytest.raises(UserError, match="has no table of nodes"):
        network(RelationalGraph.from_edge_index(bare.edge_index, N))
    with pytest.raises(UserError, match="the input has shape"):
        network()(torch.zeros(2, 7))


def test_a_trained_leak_stays_in_range_and_can_come_back():
    model = network(train_leak=True)
    assert torch.equal(model.leaks(), torch.ones(N))
    with torch.no_grad():
        model.leak.fill_(1.7)
    assert torch.equal(model.leaks().detach(), torch.ones(N))
    assert torch.autograd.grad(model.leaks().sum(), model.leak)[0].eq(1).all()
    shared = network(train_leak=True, leak=0.3, leak_by="celltype")
    assert shared.leak.shape == (3,)
    assert shared.leaks().shape == (N,)


def test_sequences_images_and_activity():
    model = network(rounds=4)
    x = torch.randn(5, 6)
    held = x[:, None].expand(5, 4, 6)
    torch.testing.assert_close(model(held)[:, -1], model(x))
    torch.testing.assert_close(model(x[:, :, None, None]), model(x))
    model.read = "last"
    torch.testing.assert_close(model(held), model(x))
    activity = model.activity(x)
    assert activity.shape == (5, 4, N)
    torch.testing.assert_close(model.readout(activity[:, -1, model.output_nodes]), model(x))


def test_compiled_exported_and_under_autocast():
    model, x = network(leak=0.5), torch.randn(4, 6)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), model(x))
    torch.testing.assert_close(torch.export.export(model, (x,)).module()(x), model(x))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = model(x)
        y.float().sum().backward()
    torch.testing.assert_close(y.float(), model(x), atol=0.05, rtol=0.05)
    assert model.weights.weight.grad.isfinite().all()


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_dense_baselines_have_as_many_weights(cell):
    model = network(connectome(7, 200))
    baseline = dense_baseline(model, cell)
    wanted = sum(p.numel() for p in model.parameters())
    assert abs(sum(p.numel() for p in baseline.parameters()) - wanted) / wanted < 0.1
    x = torch.randn(5, 6)
    assert baseline(x).shape == (5, 3)
    assert baseline(torch.randn(5, 8, 6)).shape == (5, 8, 3)
    held = x[:, None].expand(5, model.rounds, 6)
    torch.testing.assert_close(baseline(held)[:, -1], baseline(x))


def test_the_gated_baseline_is_torchs_gru():
    baseline = dense_baseline(network(), "gru", read="all")
    reference = nn.GRU(6, baseline.width, batch_first=True)
    with torch.no_grad():
        reference.weight_ih_l0.copy_(baseline.encoder.weight)
        reference.weight_hh_l0.copy_(baseline.recurrent.weight)
        reference.bias_ih_l0.zero_()
        reference.bias_hh_l0.copy_(baseline.recurrent.bias.normal_())
    x = torch.randn(3, 7, 6)
    torch.testing.assert_close(baseline(x), baseline.readout(reference(x)[0]))


def test_tokens_are_one_hot_features_of_the_root_of_their_number():
    model = network().double()
    dense = dense_baseline(model).double()
    tokens = torch.randint(0, 6, (3, 7), generator=torch.Generator().manual_seed(0))
    one_hot = nn.functional.one_hot(tokens, 6).double() * 6**0.5
    for each in (model, dense):
        torch.testing.assert_close(each(tokens), each(one_hot))
        torch.testing.assert_close(each.activity(tokens), each.activity(one_hot))
    with pytest.raises(UserError, match=r"or tokens, int64 \[batch, time\]"):
        model(tokens[0])


@pytest.mark.parametrize("kind", ["free", "signed", "gains", "fixed"])
def test_built_without_memory_it_is_the_network_of_its_checkpoint(kind):
    """Signs, groups of gains and of leaks are in no checkpoint."""
    options = {"weights": kind, "leak": 0.5, "leak_by": "celltype", "train_leak": True}
    made, bare = network(**options), hollow(lambda: network(**options))
    bare.load_state_dict(made.state_dict())
    x = torch.randn(5, 6)
    torch.testing.assert_close(bare(x), made(x))
