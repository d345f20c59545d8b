"""Tiny Hugging Face models with random weights, for ``benchmarks.architectures``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Build = Callable[[], tuple[nn.Module, Any, dict[str, Any]]]

_SMALL = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_DISTIL = {
    "vocab_size": 50, "dim": 32, "hidden_dim": 48, "n_layers": 2, "n_heads": 4, "max_position_embeddings": 64
}  # fmt: skip
_IMAGE = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "image_size": 16, "patch_size": 4, "num_channels": 3,
}  # fmt: skip


def _text(model: str, config: str, settings: dict[str, Any], **options: Any) -> Build:
    def build() -> tuple[nn.Module, Any, dict[str, Any]]:
        import transformers

        module = getattr(transformers, model)(getattr(transformers, config)(**settings))
        return module, {"input_ids": torch.randint(3, 50, (2, 6))}, options

    return build


def _image(model: str, config: str, settings: dict[str, Any], size: int = 16, **options: Any) -> Build:
    def build() -> tuple[nn.Module, Any, dict[str, Any]]:
        import transformers

        module = getattr(transformers, model)(getattr(transformers, config)(**settings))
        return module, {"pixel_values": torch.randn(2, 3, size, size)}, options

    return build


def _t5() -> tuple[nn.Module, Any, dict[str, Any]]:
    import transformers

    config = transformers.T5Config(
        vocab_size=50, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, decoder_start_token_id=0
    )  # type: ignore[call-arg]
    tokens = torch.randint(3, 50, (2, 6))
    return transformers.T5Model(config), {"input_ids": tokens, "decoder_input_ids": tokens}, {}


_GROUPED = {**_SMALL, "num_key_value_heads": 2}
MODELS: dict[str, Build] = {
    "BERT": _text("BertModel", "BertConfig", _SMALL),
    "RoBERTa": _text("RobertaModel", "RobertaConfig", _SMALL),
    "ALBERT": _text("AlbertModel", "AlbertConfig", {**_SMALL, "embedding_size": 16}),
    "DistilBERT": _text("DistilBertModel", "DistilBertConfig", _DISTIL),
    "ELECTRA": _text("ElectraModel", "ElectraConfig", {**_SMALL, "embedding_size": 16}),
    "DeBERTa v2": _text("DebertaV2Model", "DebertaV2Config", _SMALL),
    "GPT-2": _text(
        "GPT2Model",
        "GPT2Config",
        {"vocab_size": 50, "n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 4},
        stacked={"*.c_attn": 3},
    ),
    "GPT-NeoX": _text("GPTNeoXModel", "GPTNeoXConfig", _SMALL),
    "OPT": _text("OPTModel", "OPTConfig", {**_SMALL, "ffn_dim": 48, "word_embed_proj_dim": 32}),
    "Llama": _text("LlamaModel", "LlamaConfig", _GROUPED),
    "Mistral": _text("MistralModel", "MistralConfig", _GROUPED),
    "Qwen2": _text("Qwen2Model", "Qwen2Config", _GROUPED),
    "Phi-3": _text("Phi3Model", "Phi3Config", _GROUPED, stacked={"*.gate_up_proj": 2}),
    "Gemma": _text("GemmaModel", "GemmaConfig", {**_GROUPED, "head_dim": 8}),
    "T5": _t5,
    "ViT": _image("ViTModel", "ViTConfig", _IMAGE),
    "DINOv2": _image("Dinov2Model", "Dinov2Config", {**_IMAGE, "mlp_ratio": 2}),
    "ConvNeXt": _image(
        "ConvNextModel", "ConvNextConfig", {"hidden_sizes": [16, 32], "depths": [1, 1], "num_stages": 2}, 32
    ),
    "ResNet": _image(
        "ResNetModel",
        "ResNetConfig",
        {"embedding_size": 16, "hidden_sizes": [32, 64], "depths": [1, 1], "layer_type": "basic"},
        32,
    ),
}
