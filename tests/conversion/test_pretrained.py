"""Hugging Face folders of relationalized models, model cards, and adapters that are merged."""

from __future__ import annotations

import copy
import json
import os

import pytest
import torch
from torch import nn

from graph2nn import (
    MLP,
    Relational,
    densify,
    from_pretrained,
    model_card,
    relationalize,
    save_pretrained,
    ws_flex,
)
from graph2nn.errors import UserError
from graph2nn.layers.parametrisation import masked_weights

os.environ.setdefault("HF_HUB_OFFLINE", "1")
GRAPH = ws_flex(8, 3, 0.3, 1)


@pytest.fixture(scope="module")
def gpt2():
    transformers = pytest.importorskip("transformers", reason="needs the test extra")
    config = transformers.GPT2Config(
        vocab_size=50, n_positions=16, n_embd=32, n_layer=1, n_head=4, bos_token_id=1, eos_token_id=2
    )
    torch.manual_seed(0)
    return transformers.GPT2LMHeadModel(config).eval()


@pytest.fixture
def model(gpt2):
    module = copy.deepcopy(gpt2)
    relationalize(module, GRAPH, stacked={"*.c_attn": 3})
    return module


def logits(module):
    with torch.no_grad():
        return module(torch.arange(12).reshape(2, 6)).logits


def test_a_folder_gives_back_weights_and_graphs(model, gpt2, tmp_path):
    model.save_pretrained(tmp_path)
    loaded = from_pretrained(type(gpt2), tmp_path).eval()
    torch.testing.assert_close(logits(loaded), logits(model))
    assert list(loaded.state_dict()) == list(model.state_dict())
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    assert {step.graph for _, _, step in masked_weights(loaded)} == {GRAPH}
    again = tmp_path / "again"
    loaded.save_pretrained(again)
    assert json.loads((again / "graph2nn.json").read_text()) == json.loads(
        (tmp_path / "graph2nn.json").read_text()
    )


def test_transformers_reads_it_as_a_dense_model_that_computes_the_same(model, gpt2, tmp_path):
    save_pretrained(model, tmp_path, errors={"perplexity": 31.5}, macs=1234)
    dense = type(gpt2).from_pretrained(tmp_path).eval()
    torch.testing.assert_close(logits(dense), logits(model))
    assert not list(masked_weights(dense))
    card = (tmp_path / "README.md").read_text()
    assert "| perplexity | 31.5 |" in card
    assert "| multiply-adds | 1,234 |" in card


def test_a_copy_saves_itself_and_a_dense_model_saves_as_ever(model, tmp_path):
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.save_pretrained(tmp_path / "zeros")
    loaded = from_pretrained(type(model), tmp_path / "zeros")
    assert all(parameter.count_nonzero() == 0 for parameter in loaded.parameters())
    densify(model).save_pretrained(tmp_path / "dense")
    assert not (tmp_path / "dense" / "graph2nn.json").exists()


def test_an_existing_card_is_left_alone(model, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    model.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_what_is_wrong_is_said(model, gpt2, tmp_path):
    with pytest.raises(UserError, match=r"graph2nn\.json does not exist; graph2nn\.save_pretrained writes it"):
        from_pretrained(type(gpt2), tmp_path)
    with pytest.raises(UserError, match="no weight of this GPT2LMHeadModel was relationalized"):
        save_pretrained(gpt2, tmp_path)
    with pytest.raises(UserError, match="Linear has no save_pretrained of its own"):
        save_pretrained(nn.Linear(8, 8), tmp_path)
    model.save_pretrained(tmp_path)
    file = tmp_path / "graph2nn.json"
    wiring = json.loads(file.read_text())
    wiring["weights"]["transformer.h.7.weight"] = {"graph": 0}
    file.write_text(json.dumps(wiring))
    with pytest.raises(UserError, match=r"has no weight 'transformer\.h\.7\.weight', which .* names"):
        from_pretrained(type(gpt2), tmp_path)
    for damaged in ("{", '{"graphs": []}', '{"graphs": [], "weights": {"a": {"graph": 3}}}'):
        file.write_text(damaged)
        with pytest.raises(UserError, match=r"graph2nn\.json is damaged"):
            from_pretrained(type(gpt2), tmp_path)


def test_a_merged_adapter_arrives_on_the_mask(model):
    peft = pytest.importorskip("peft", reason="peft is not installed")
    config = peft.LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True)
    before = model.transformer.h[0].attn.c_attn.weight.detach().clone()
    adapted = peft.get_peft_model(model, config)
    layer = adapted.base_model.model.transformer.h[0].attn.c_attn
    nn.init.normal_(layer.lora_B["default"].weight)
    delta = layer.get_delta_weight("default").detach()
    weight = adapted.merge_and_unload().transformer.h[0].attn.c_attn.weight
    on = model.transformer.h[0].attn.c_attn.parametrizations.weight[0].mask
    torch.testing.assert_close(weight, (before + delta) * on)
    assert not torch.equal(weight, before)


def test_a_card_of_layers_that_were_built_relational():
    card = model_card(MLP(12, 10, [9, 8], 3, wiring=Relational(GRAPH)), name="Small", errors={"error, %": 3.25})
    assert card.startswith("---\nlibrary_name: pytorch\ntags:\n- graph2nn\n")
    assert "# Small" in card
    row = f"| {GRAPH.name} | 8 | 12 | {GRAPH.clustering:.4f} | {GRAPH.path_length:.4f} | 2 |"
    assert row in card
    assert "| error, % | 3.25 |" in card
