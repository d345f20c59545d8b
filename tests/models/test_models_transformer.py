"""Transformer: equal to torch's own with the same weights; causal; embeddings; cost."""

from __future__ import annotations

from collections import Counter
from itertools import count

import pytest
import torch
from model_laws import (
    LAWS,
    Case,
    layers_that_ran,
    name_of,
    real,
    what_ran,
    what_should_run,
)
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from graph2nn.budget import match, parameters
from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.models import architecture, build_model
from graph2nn.models.transformer import Transformer, sinusoids
from graph2nn.models.transformer_layers import DecoderLayer, EncoderLayer, LayerConfig
from graph2nn.wiring import Dense, Layerwise, Relational

CASE = Case("transformer", [16], (3, 5), options={"depth": 1, "heads": 4, "ratio": 2}, num_classes=7)
VARIANTS = [
    {},
    {"tied": False},
    {"shared": False, "vocabulary": 11},
    {"shared": False, "tied": False, "pre_norm": True, "depth": 2},
    {"ratio": 1.5, "heads": 2},
]
LAYERS = Layerwise([ws_flex(8, 3 + i % 5, 0.2, i) for i in range(32)])


@pytest.mark.parametrize("law", LAWS, ids=name_of)
def test_laws(law):
    law(CASE)


def attention_as_torch_has_it(ours):
    """State of ``nn.MultiheadAttention``, which stacks the three input projections."""
    into = (ours.query, ours.key, ours.value)
    return {
        "in_proj_weight": torch.cat([layer.weight for layer in into]),
        "in_proj_bias": torch.cat([layer.bias for layer in into]),
        "out_proj.weight": ours.out.weight,
        "out_proj.bias": ours.out.bias,
    }


def layer_as_torch_has_it(ours):
    state = {f"self_attn.{name}": value for name, value in attention_as_torch_has_it(ours.attention).items()}
    if isinstance(ours, DecoderLayer):
        cross = attention_as_torch_has_it(ours.cross)
        state |= {f"multihead_attn.{name}": value for name, value in cross.items()}
    for name, module in (("linear1", ours.feed_forward[0]), ("linear2", ours.feed_forward[3])):
        state |= {f"{name}.weight": module.weight, f"{name}.bias": module.bias}
    for number, norm in enumerate(ours.norms, 1):
        state |= {f"norm{number}.weight": norm.weight, f"norm{number}.bias": norm.bias}
    return {name: value.detach().clone() for name, value in state.items()}


def disturb(module):
    """Let no bias and no norm be trivial."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return module.double()


def double_inputs(*shapes):
    return [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def gradients(output, inputs):
    weight = torch.linspace(-1, 1, output.numel(), dtype=torch.float64).view_as(output)
    return torch.autograd.grad((output * weight).sum(), inputs, retain_graph=True)


@pytest.mark.parametrize("pre_norm", [False, True])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU])
def test_encoder_layer_equals_torchs(pre_norm, activation):
    torch.manual_seed(0)
    config = LayerConfig(12, 3, 20, pre_norm=pre_norm, activation=activation)
    ours = disturb(EncoderLayer(config, Dense()))
    theirs = nn.TransformerEncoderLayer(
        12, 3, 20, 0.0, activation(), batch_first=True, norm_first=pre_norm, dtype=torch.float64
    )
    theirs.load_state_dict(layer_as_torch_has_it(ours))
    (x,) = double_inputs((2, 5, 12))
    mine, expected = ours(x), theirs(x)
    torch.testing.assert_close(mine, expected)
    torch.testing.assert_close(gradients(mine, x), gradients(expected, x))
    layers = (ours.feed_forward[0].weight, ours.attention.out.weight)
    torch.testing.assert_close(
        gradients(mine, layers), gradients(expected, (theirs.linear1.weight, theirs.self_attn.out_proj.weight))
    )
    stacked = torch.cat(gradients(mine, [getattr(ours.attention, n).weight for n in ("query", "key", "value")]))
    torch.testing.assert_close(stacked, gradients(expected, theirs.self_attn.in_proj_weight)[0])


@pytest.mark.parametrize("pre_norm", [False, True])
def test_decoder_layer_equals_torchs(pre_norm):
    torch.manual_seed(1)
    ours = disturb(DecoderLayer(LayerConfig(12, 3, 20, pre_norm=pre_norm), Dense()))
    theirs = nn.TransformerDecoderLayer(
        12, 3, 20, 0.0, batch_first=True, norm_first=pre_norm, dtype=torch.float64
    )
    theirs.load_state_dict(layer_as_torch_has_it(ours))
    x, memory = double_inputs((2, 5, 12), (2, 4, 12))
    causal = nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
    mine, expected = ours(x, memory), theirs(x, memory, tgt_mask=causal)
    torch.testing.assert_close(mine, expected)
    torch.testing.assert_close(gradients(mine, (x, memory)), gradients(expected, (x, memory)))


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_the_whole_network_equals_torchs_with_final_norms():
    torch.manual_seed(2)
    ours = disturb(Transformer(12, 9, depth=2, heads=3, ratio=2, pre_norm=True))
    theirs = nn.Transformer(12, 3, 2, 2, 24, 0.0, batch_first=True, norm_first=True, dtype=torch.float64)
    for mine, other in ((ours.encoder, theirs.encoder), (ours.decoder, theirs.decoder)):
        for layer, twin in zip(mine, other.layers, strict=True):
            twin.load_state_dict(layer_as_torch_has_it(layer))
    theirs.encoder.norm.load_state_dict(ours.encoder_norm.state_dict())
    theirs.decoder.norm.load_state_dict(ours.decoder_norm.state_dict())
    source, target = torch.randint(9, (2, 4)), torch.randint(9, (2, 6))

    def embedded(tokens):
        return ours.target(tokens) * 12**0.5 + sinusoids(tokens.shape[1], 12)

    causal = nn.Transformer.generate_square_subsequent_mask(6, dtype=torch.float64)
    expected = theirs(embedded(source), embedded(target), tgt_mask=causal) @ ours.target.weight.T
    torch.testing.assert_close(ours(source, target), expected)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_base_model_has_as_many_parameters_as_torchs():
    with torch.device("meta"):
        network = build_model("transformer")
        theirs = nn.Transformer(512, 8, 6, 6, 2048)
    embeddings, final_norms = 37_000 * 512, 2 * 2 * 512
    assert parameters(network) == sum(p.numel() for p in theirs.parameters()) - final_norms + embeddings
    assert match("transformer").params == parameters(network)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("wiring", [CASE.wiring, LAYERS], ids=["one graph", "a graph a layer"])
def test_layers_are_those_of_its_shapes(wiring, options):
    case = Case(CASE.name, CASE.widths, CASE.input_size, options={**CASE.options, **options}, num_classes=7)
    network, bill = case.build(wiring), case.bill(wiring)
    found = Counter(what_ran(*ran) for ran in layers_that_ran(network, case.inputs(2)))
    layers = [(layer, its) for layer, its in bill.layers(case.widths) if real(layer)]
    assert found == Counter(what_should_run(*layer) for layer in layers)
    assert parameters(network) == bill.parameters(case.widths)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_the_dense_network_costs_what_torch_counts(options):
    case = Case(CASE.name, [24], (3, 5), options={**CASE.options, **options}, num_classes=7)
    network, bill = case.build(Dense()).eval(), case.bill(Dense())
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        network(*case.inputs(1))
    assert counter.get_total_flops() // 2 == bill.macs([24])


def test_scores_do_not_depend_on_later_target_tokens():
    network = CASE.build().eval()
    network.initialise()
    source, target = torch.randint(7, (2, 3)), torch.randint(7, (2, 5))
    scores = network(source, target)
    changed = target.clone()
    changed[:, 3:] = (changed[:, 3:] + 1) % 7
    other = network(source, changed)
    torch.testing.assert_close(other[:, :3], scores[:, :3])
    assert (other[:, 3] - scores[:, 3]).abs().amax() > 1e-3
    assert (network((source + 1) % 7, target)[:, 0] - scores[:, 0]).abs().amax() > 1e-3


def test_sequences_of_any_length_and_in_any_order_of_the_source():
    network = CASE.build(Dense())
    assert network(torch.zeros(2, 9, dtype=torch.int64), torch.zeros(2, 1, dtype=torch.int64)).shape == (
        2,
        1,
        7,
    )
    network.initialise()
    source, target = torch.tensor([[1, 2, 3]]), torch.tensor([[4, 5]])
    assert not torch.allclose(network(source, target), network(source.flip(1), target), atol=1e-4)


def test_sinusoids_as_published():
    table = sinusoids(50, 6)
    for position, feature in ((0, 0), (0, 1), (7, 2), (49, 5)):
        angle = torch.tensor(position / 10_000 ** (feature // 2 * 2 / 6), dtype=torch.float64)
        expected = angle.cos() if feature % 2 else angle.sin()
        assert float(table[position, feature]) == pytest.approx(float(expected), abs=1e-5)
    assert torch.equal(sinusoids(50, 6)[:9], sinusoids(9, 6))
    assert sinusoids(4, 5).shape == (4, 5)


def test_example_tokens():
    source, target = architecture("transformer").inputs((4, 6))
    assert source.dtype == target.dtype == torch.int64
    assert (source.shape, target.shape) == ((1, 4), (1, 6))


def test_match_keeps_the_heads_whole():
    found = match("transformer", ws_flex(16, 5, 0.3, 1), num_classes=100, input_size=(8, 8))
    assert found.widths[0] > 512
    assert found.widths[0] % 8 == 0
    assert abs(found.macs / found.target - 1) < 0.02


def test_its_own_initialisation_depends_on_the_generator_alone():
    first, second = CASE.build(), CASE.build()
    for network, seed in ((first, 1), (second, 2)):
        torch.manual_seed(seed)
        network.initialise(torch.Generator().manual_seed(3))
    state = second.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in first.state_dict().items())


def test_it_learns_to_reverse():
    """A task that needs the source, its positions and the target's past."""
    torch.manual_seed(0)
    graph = ws_flex(8, 6, 0.2, 1)
    network = Transformer(32, 8, depth=1, heads=4, pre_norm=True, wiring=Relational(graph))
    optimiser = torch.optim.Adam(network.parameters(), 4e-3)
    for step in count(1):
        source = torch.randint(1, 8, (64, 5))
        wanted = source.flip(1)
        target = torch.cat([torch.zeros(64, 1, dtype=torch.int64), wanted[:, :-1]], dim=1)
        scores = network(source, target)
        error = float((scores.argmax(2) != wanted).float().mean())
        if error < 0.05 or step == 400:
            break
        optimiser.zero_grad()
        nn.functional.cross_entropy(scores.flatten(0, 1), wanted.flatten()).backward()
        optimiser.step()
    assert error < 0.05


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build_model("transformer", widths=[100]), "width 100 cannot be shared by 8 heads"),
        (lambda: build_model("transformer", vocabulary=5), "got 5 source and 37000 target tokens"),
        (lambda: match("transformer", vocabulary=5), "pass shared=False"),
        (lambda: match("transformer", input_size=(3, 32, 32)), "is not a pair of lengths"),
        (lambda: build_model("transformer", input_size=(0, 3)), "is not a pair of lengths"),
        (lambda: build_model("transformer", widths=[8, 8]), "transformer takes 1 widths"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(UserError, match=message):
        call()
