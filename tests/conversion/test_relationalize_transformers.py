"""Encoders and decoders of Hugging Face's transformers, with random weights."""

from __future__ import annotations

import os

import pytest
import torch

from graph2nn import densify, recover, relationalize, ws_flex
from graph2nn.layers.parametrisation import masked_weights

os.environ.setdefault("HF_HUB_OFFLINE", "1")
transformers = pytest.importorskip("transformers", reason="needs the test extra")

GRAPH = ws_flex(8, 3, 0.3, 1)
SMALL = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 16,
}


def bert():
    torch.manual_seed(0)
    return transformers.BertModel(transformers.BertConfig(**SMALL)).eval()


def tokens():
    return torch.randint(50, (3, 6), generator=torch.Generator().manual_seed(1))


def test_bert_is_relational_from_the_first_query_to_the_pooler():
    module = bert()
    report = relationalize(module, GRAPH)
    assert {row.reason for row in report.skipped} == {"a table of embeddings, not a projection"}
    assert len(report.skipped) == 3
    assert [row.weight for row in report.changed] == [
        *(
            f"encoder.layer.{i}.{part}.weight"
            for i in range(2)
            for part in (
                "attention.self.query",
                "attention.self.key",
                "attention.self.value",
                "attention.output.dense",
                "intermediate.dense",
                "output.dense",
            )
        ),
        "pooler.dense.weight",
    ]


def test_bert_computes_and_learns_with_the_masked_weights():
    module = bert()
    plain = bert()
    relationalize(module, GRAPH)
    masks = {}
    with torch.no_grad():
        names = {part: name for name, part in module.named_modules()}
        for owner, tensor, step in masked_weights(module):
            masks[f"{names[owner]}.{tensor}"] = step.mask
            plain.get_submodule(names[owner]).weight.mul_(step.mask)
    for each in (module, plain):
        optimiser = torch.optim.AdamW(each.parameters(), lr=0.01, weight_decay=0.1)
        each(tokens()).last_hidden_state.square().mean().backward()
        for name, on in masks.items():
            if each is plain and plain.get_parameter(name).grad is not None:
                plain.get_parameter(name).grad.mul_(on)
        optimiser.step()
    with torch.no_grad():
        torch.testing.assert_close(
            module(tokens()).last_hidden_state, plain(tokens()).last_hidden_state, rtol=1e-4, atol=1e-5
        )
    for owner, _, step in masked_weights(module):
        assert owner.parametrizations.weight.original[~step.mask].count_nonzero() == 0
    assert {one.graph for one in recover(module).values()} == {GRAPH}


def test_undone_it_is_the_module_it_was():
    module, before = bert(), bert().state_dict()
    relationalize(module, GRAPH)
    module(tokens())
    densify(module, keep="original")
    after = module.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_the_projection_beside_alberts_embedding_follows_the_graph():
    module = transformers.AlbertModel(transformers.AlbertConfig(embedding_size=16, **SMALL)).eval()
    report = relationalize(module, GRAPH)
    names = [row.weight for row in report.changed]
    assert names[0] == "encoder.embedding_hidden_mapping_in.weight"
    # Albert runs one layer many times: it is masked once.
    assert len([name for name in names if "albert_layers" in name]) == 6
    module(tokens()).last_hidden_state.square().mean().backward()
    on = module.encoder.embedding_hidden_mapping_in.parametrizations.weight[0].mask
    gradient = module.encoder.embedding_hidden_mapping_in.parametrizations.weight.original.grad
    assert gradient[~on].count_nonzero() == 0
    assert gradient[on].count_nonzero() > 0


def test_a_head_tied_to_the_embedding_stays_dense():
    module = transformers.BertForMaskedLM(transformers.BertConfig(**SMALL)).eval()
    report = relationalize(module, GRAPH, exclude="bert")
    assert [row.weight for row in report.changed] == ["cls.predictions.transform.dense.weight"]
    left = {row.weight: row.reason for row in report.skipped}
    assert left["cls.predictions.decoder.weight"] == "head: gives the outputs"
    assert module.cls.predictions.decoder.weight is module.bert.embeddings.word_embeddings.weight
    assert module(tokens()).logits.shape == (3, 6, 50)


def test_gpt2s_own_linear_layer_lies_the_other_way_round():
    config = transformers.GPT2Config(vocab_size=50, n_positions=16, n_embd=32, n_layer=1, n_head=4)
    module = transformers.GPT2Model(config).eval()
    report = relationalize(module, GRAPH, stacked={"*.c_attn": 3})
    assert [row.shape for row in report.changed] == [(32, 96), (32, 32), (32, 128), (128, 32)]
    on = module.h[0].attn.c_attn.parametrizations.weight[0].mask
    torch.testing.assert_close(on[:, :32], on[:, 64:])
    inputs = torch.eye(32)[5]
    read = (module.h[0].attn.c_attn(inputs) - module.h[0].attn.c_attn.bias).ne(0)
    assert torch.equal(read, on[5])
    assert {one.graph for one in recover(module, stacked={"*.c_attn": 3}).values()} == {GRAPH}
