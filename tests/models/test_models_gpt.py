"""GPT: causal, positions, cost; attention with padding and with a cache."""

from __future__ import annotations

import pytest
import torch
from model_laws import LAWS, Case, name_of

from graph2nn.budget import macs, match
from graph2nn.graphs import ws_flex
from graph2nn.models import build_model
from graph2nn.models.attention import MultiHeadAttention, rotated
from graph2nn.wiring import Dense, Relational

CASE = Case("gpt", [16], (6,), options={"depth": 1, "heads": 4, "ratio": 2}, num_classes=7)


@pytest.mark.parametrize("law", LAWS, ids=name_of)
def test_laws(law):
    law(CASE)


def tokens(length, batch=2):
    return torch.randint(0, 256, (batch, length), generator=torch.Generator().manual_seed(length))


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_a_byte_is_predicted_from_those_before_it(positions):
    model = build_model(
        "gpt", ws_flex(8, 4, 0.1, 1), [32], input_size=(12,), depth=2, positions=positions
    ).eval()
    x = tokens(12)
    changed = x.clone()
    changed[:, 7] = (changed[:, 7] + 1) % 256
    before, after = model(x), model(changed)
    assert torch.allclose(before[:, :7], after[:, :7], atol=1e-6)
    assert not torch.allclose(before[:, 7], after[:, 7], atol=1e-4)
    swapped = x.clone()
    swapped[:, [1, 2]] = x[:, [2, 1]]  # order matters
    assert not torch.allclose(model(swapped)[:, 6], before[:, 6], atol=1e-4)


def test_rotary_attention_knows_distances_alone():
    query, key = torch.randn(2, 1, 2, 1, 7)
    products = [(rotated(query, t) * rotated(key, t + 3)).sum() for t in (0, 5, 40)]
    assert torch.allclose(products[0], torch.stack(products), atol=1e-5)
    layer, x = MultiHeadAttention(14, 2, Dense(), rotary=True).eval(), torch.randn(1, 5, 14)
    cache = {}
    steps = torch.cat([layer(x[:, t : t + 1], causal=True, cache=cache) for t in range(5)], dim=1)
    assert torch.allclose(layer(x, causal=True), steps, atol=1e-6)


def test_hidden_tokens_are_read_by_nobody():
    layer = MultiHeadAttention(16, 2, Dense()).eval()
    x, memory = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    hidden = torch.tensor([[False] * 3 + [True] * 2] * 2)
    assert torch.allclose(layer(x, memory, hidden=hidden), layer(x, memory[:, :3]), atol=1e-6)


def test_the_budget_is_that_of_the_trace_and_of_the_dense_network():
    found = match("gpt", ws_flex(16, 5, 0.2, 1), input_size=(32,), depth=2)
    wiring = Relational(ws_flex(16, 5, 0.2, 1), "masked")
    model = build_model("gpt", wiring, found.widths, input_size=(32,), depth=2)
    assert macs(model, inputs=(tokens(32, 1),)) == found.macs
    assert abs(found.macs / found.target - 1) < 0.05
    assert found.widths[0] % 4 == 0
