"""Transformer from sequence to sequence (Vaswani et al., 2017): encoder and decoder whose layers are wired."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.errors import UserError
from graph2nn.layers.dropout import Dropout
from graph2nn.models.architecture import Architecture, Size, check_widths
from graph2nn.models.attention import Cache
from graph2nn.models.attention_heads import check_heads
from graph2nn.models.initialise import draw_by_fan_in
from graph2nn.models.layer_shapes import FixedShape, LayerShape, Shape
from graph2nn.models.transformer_layers import (
    DecoderLayer,
    EncoderLayer,
    LayerConfig,
    decoder_layer_shapes,
    encoder_layer_shapes,
    norm_weights,
)
from graph2nn.wiring import Wiring, at_stage, begin


class Transformer(nn.Module):
    """Encoder and decoder with sinusoidal positions; the decoder reads its own past and the encoder's output.

    All projections of attention and all feed-forward layers follow the wiring, the encoder as stage 0 and the
    decoder as stage 1; embeddings and the head are dense. Padding is not masked.

    Shapes: int64 tokens, source ``[batch, S]`` and target ``[batch, T]``, to ``[batch, T, num_classes]``, the
    scores of the token that follows each target token. Sequences may have any length.

    Args:
        width: features of a token, a multiple of ``heads``.
        num_classes: vocabulary of the target.
        wiring: makes the wired layers.
        vocabulary: of the source; that of the target if left out.
        shared: use one table of embeddings for source and target.
        tied: use the target's embeddings as the head's weights, without bias; else it has its own, and a bias.
        depth: layers of the encoder, and of the decoder.
        heads: attention heads.
        ratio: width inside the feed-forward networks, in multiples of ``width``.
        pre_norm: normalise what each branch reads, and the last output of encoder and decoder; else the sums
            behind the branches, as published.
        dropout: share zeroed while training; 0.1 was published.
        aligned_heads: make each head of whole nodes of the graph, where their number is a multiple of
            ``heads``; else heads are runs of features and may cut through a node.

    Raises:
        UserError: shared embeddings of vocabularies that differ; a width that is not a multiple of the heads.

    Example:
        >>> model = Transformer(32, 100, depth=1, heads=4)
        >>> tokens = torch.zeros(2, 5, dtype=torch.int64)
        >>> model(tokens, tokens).shape
        torch.Size([2, 5, 100])
    """

    def __init__(
        self,
        width: int,
        num_classes: int,
        *,
        wiring: Wiring | None = None,
        vocabulary: int | None = None,
        shared: bool = True,
        tied: bool = True,
        depth: int = 6,
        heads: int = 8,
        ratio: float = 4,
        pre_norm: bool = False,
        dropout: float = 0.0,
        aligned_heads: bool = False,
    ) -> None:
        super().__init__()
        check_heads(width, heads)
        sources = _source_vocabulary(vocabulary, num_classes, shared)
        config = LayerConfig(width, heads, round(ratio * width), pre_norm, dropout, aligned_heads=aligned_heads)
        wiring = begin(wiring)
        self.target = nn.Embedding(num_classes, width)
        self.source = None if shared else nn.Embedding(sources, width)
        self.dropout = Dropout(dropout)
        encoder, decoder = at_stage(wiring, 0), at_stage(wiring, 1)
        self.encoder = nn.ModuleList(EncoderLayer(config, encoder) for _ in range(depth))
        self.decoder = nn.ModuleList(DecoderLayer(config, decoder) for _ in range(depth))
        self.encoder_norm = nn.LayerNorm(width) if pre_norm else nn.Identity()
        self.decoder_norm = nn.LayerNorm(width) if pre_norm else nn.Identity()
        self.head = None if tied else nn.Linear(width, num_classes)
        self.initialise()

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Redraw all parameters, by fan-in."""
        draw_by_fan_in(self, generator)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Map tokens ``[batch, S]`` and ``[batch, T]`` to scores ``[batch, T, num_classes]``."""
        return self.decode(target, self.encode(source))

    def encode(self, source: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Map source tokens ``[batch, S]`` to the memory ``[batch, S, width]`` that the decoder reads.

        Args:
            source: tokens.
            hidden: bool ``[batch, S]``, True for padding, which no token reads.
        """
        x = self._embedded(source, self.target if self.source is None else self.source)
        for layer in self.encoder:
            x = layer(x, hidden=hidden)
        memory: Tensor = self.encoder_norm(x)
        return memory

    def decode(
        self, target: Tensor, memory: Tensor, hidden: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """Map target tokens ``[batch, T]`` and a memory to scores ``[batch, T, num_classes]``.

        Args:
            target: tokens; with a cache those that follow the ones it has.
            memory: of the encoder.
            hidden: bool ``[batch, S]``, True for padding of the source.
            cache: of the tokens before, empty at the start; this call adds to it.

        Returns:
            Scores ``[batch, T, num_classes]``.
        """
        # A loop, since torch.compile of torch 2.8 cannot follow next() of a generator with a default.
        past = 0
        for name, (keys, _) in (cache or {}).items():
            if name.endswith("own"):
                past = keys.shape[2]
                break
        x = self._embedded(target, self.target, past)
        for number, layer in enumerate(self.decoder):
            x = layer(x, memory, hidden=hidden, cache=cache, name=f"{number} ")
        x = self.decoder_norm(x)
        scores: Tensor = F.linear(x, self.target.weight) if self.head is None else self.head(x)
        return scores

    def _embedded(self, tokens: Tensor, table: nn.Embedding, first: int = 0) -> Tensor:
        width = table.embedding_dim
        x = table(tokens) * math.sqrt(width)
        x = x + sinusoids(first + tokens.shape[1], width, device=tokens.device)[first:].to(x.dtype)
        dropped: Tensor = self.dropout(x)
        return dropped


def sinusoids(length: int, width: int, *, device: torch.device | str | None = None) -> Tensor:
    """Return the positions of Vaswani et al. (2017, section 3.5), ``[length, width]``.

    Feature 2i of position t is sin(t / 10000^(2i/width)), feature 2i + 1 the cosine.

    Args:
        length: positions.
        width: features.
        device: of the result.

    Returns:
        float32 ``[length, width]``.
    """
    even = torch.arange(0, width, 2, device=device)
    angles = torch.arange(length, device=device)[:, None] * torch.exp(even * (-math.log(10_000) / width))
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]


def _source_vocabulary(vocabulary: int | None, num_classes: int, shared: bool) -> int:
    if vocabulary is None or vocabulary == num_classes:
        return num_classes
    if shared:
        raise UserError(
            f"transformer: shared embeddings need one vocabulary, got {vocabulary} source and {num_classes} "
            "target tokens; pass shared=False."
        )
    return vocabulary


def transformer_shapes(
    width: int,
    num_classes: int,
    input_size: Size,
    *,
    vocabulary: int | None = None,
    shared: bool = True,
    tied: bool = True,
    depth: int = 6,
    heads: int = 8,
    ratio: float = 4,
    pre_norm: bool = False,
    dropout: float = 0.0,
    aligned_heads: bool = False,
) -> list[Shape]:
    """Return the layers of :class:`Transformer` on ``(S, T)`` tokens as the budget sees them.

    Args:
        width, num_classes, input_size, vocabulary, shared, tied, depth, heads, ratio, pre_norm, dropout,
            aligned_heads: as for :class:`Transformer`.

    Returns:
        The layers in the order in which they run.
    """
    check_heads(width, heads)
    s, t = _lengths(input_size)
    config = LayerConfig(width, heads, round(ratio * width), pre_norm)
    sources = _source_vocabulary(vocabulary, num_classes, shared)
    layers: list[Shape] = [FixedShape(weights=(num_classes + (0 if shared else sources)) * width)]
    for _ in range(depth):
        layers += encoder_layer_shapes(config, s, stage=0)
    for _ in range(depth):
        layers += decoder_layer_shapes(config, t, s, stage=1)
    if pre_norm:
        layers.append(FixedShape(weights=2 * norm_weights(width)))
    if tied:
        return [*layers, FixedShape(multiply_adds=t * width * num_classes)]
    return [*layers, LayerShape(width, num_classes, positions=t, bias=True, norm=False)]


def _lengths(input_size: Size) -> tuple[int, int]:
    if len(input_size) != 2 or min(input_size) < 1:
        raise UserError(
            f"transformer: input size {tuple(input_size)} is not a pair of lengths; give (source, target) "
            "numbers of tokens, for example (32, 32)."
        )
    return input_size[0], input_size[1]


def _tokens(input_size: Size) -> tuple[Tensor, ...]:
    """One source and one target sequence of the token 0."""
    return tuple(torch.zeros(1, length, dtype=torch.int64) for length in _lengths(input_size))


def transformer() -> Architecture:
    """Return the base model of Vaswani et al. (2017); its options are those of :class:`Transformer`."""

    def build(
        wiring: Wiring, widths: Sequence[int], num_classes: int, input_size: Size, **options: Any
    ) -> nn.Module:
        (width,) = check_widths("transformer", widths, 1)
        _lengths(input_size)
        return Transformer(width, num_classes, wiring=wiring, **options)

    def shapes(widths: Sequence[int], num_classes: int, input_size: Size, **options: Any) -> list[Shape]:
        (width,) = check_widths("transformer", widths, 1)
        return transformer_shapes(width, num_classes, input_size, **options)

    return Architecture(
        about="Transformer, 6 + 6 wired layers of width 512 (translation)",
        build=build,
        shapes=shapes,
        widths=(512,),
        num_classes=37_000,
        input_size=(32, 32),
        multiple_of=8,
        inputs=_tokens,
        options=transformer_shapes,
    )
