"""GPT: a transformer that predicts the next token of a text, with wired layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.errors import UserError
from graph2nn.layers.dropout import Dropout
from graph2nn.models.architecture import Architecture, Size, check_widths
from graph2nn.models.attention_heads import check_heads
from graph2nn.models.initialise import draw_by_fan_in
from graph2nn.models.layer_shapes import FixedShape, Shape
from graph2nn.models.transformer_layers import EncoderLayer, LayerConfig, encoder_layer_shapes, norm_weights
from graph2nn.wiring import Wiring, begin

Positions = Literal["learned", "rotary"]


class GPT(nn.Module):
    """A decoder-only transformer with norms in front of each branch (Radford et al., 2019).

    The projections of attention and the feed-forward layers follow the wiring; embeddings and the head, which
    are one table, are dense.

    Shapes: int64 tokens ``[batch, T]`` to ``[batch, T, num_classes]``, the scores of each token's successor.

    Args:
        width: features of a token, a multiple of ``heads``.
        num_classes: vocabulary.
        length: longest text, T.
        wiring: makes the wired layers.
        depth: layers.
        heads: attention heads.
        ratio: width inside the feed-forward networks, in multiples of ``width``.
        positions: ``"learned"``, a vector per position, or ``"rotary"`` (Su et al., 2021).
        dropout: share zeroed while training.
        aligned_heads: make each head of whole nodes of the graph, where their number is a multiple of
            ``heads``; else heads are runs of features and may cut through a node.

    Raises:
        UserError: a width that the heads cannot share.

    Example:
        >>> from graph2nn import build_model, ws_flex
        >>> model = build_model("gpt", ws_flex(16, 4, 0.1, seed=1), [64], input_size=(32,))
        >>> model(torch.zeros(2, 32, dtype=torch.int64)).shape
        torch.Size([2, 32, 256])
    """

    def __init__(
        self,
        width: int,
        num_classes: int,
        *,
        length: int,
        wiring: Wiring | None = None,
        depth: int = 4,
        heads: int = 4,
        ratio: float = 4,
        positions: Positions = "learned",
        dropout: float = 0.0,
        aligned_heads: bool = False,
    ) -> None:
        super().__init__()
        config = _config(width, heads, ratio, positions, dropout, aligned_heads)
        wiring = begin(wiring)
        self.length = length
        self.tokens = nn.Embedding(num_classes, width)
        self.positions = nn.Parameter(torch.empty(length, width)) if positions == "learned" else None
        self.dropout = Dropout(dropout)
        self.layers = nn.ModuleList(EncoderLayer(config, wiring) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.initialise()

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Redraw all parameters: embeddings and positions with 0.02 (Radford et al.), the rest by fan-in."""
        draw_by_fan_in(self, generator)
        for table in (self.tokens.weight, self.positions):
            if table is not None:
                nn.init.normal_(table, std=0.02, generator=generator)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens ``[batch, T]`` to scores ``[batch, T, num_classes]``."""
        x = self.tokens(tokens)
        if self.positions is not None:
            x = x + self.positions[: tokens.shape[1]]
        x = self.dropout(x)
        for layer in self.layers:
            x = layer(x, causal=True)
        return F.linear(self.norm(x), self.tokens.weight)


def _config(
    width: int, heads: int, ratio: float, positions: Positions, dropout: float = 0.0, aligned: bool = False
) -> LayerConfig:
    check_heads(width, heads)
    return LayerConfig(
        width,
        heads,
        round(ratio * width),
        True,
        dropout,
        activation=nn.GELU,
        rotary=positions == "rotary",
        aligned_heads=aligned,
    )


def gpt_shapes(
    width: int,
    num_classes: int,
    input_size: Size,
    *,
    depth: int = 4,
    heads: int = 4,
    ratio: float = 4,
    positions: Positions = "learned",
    dropout: float = 0.0,
    aligned_heads: bool = False,
) -> list[Shape]:
    """Return the layers of :class:`GPT` on a whole text as the budget sees them.

    Args:
        width, num_classes, input_size, depth, heads, ratio, positions, dropout, aligned_heads: as for
            :class:`GPT`.

    Returns:
        The layers in the order in which they run.
    """
    length, config = _length(input_size), _config(width, heads, ratio, positions)
    placed = length * width if positions == "learned" else 0
    layers: list[Shape] = [FixedShape(weights=num_classes * width + placed + norm_weights(width))]
    for _ in range(depth):
        layers += encoder_layer_shapes(config, length)
    # The head is the table of embeddings: its products are computed, its weights counted once.
    return [*layers, FixedShape(multiply_adds=length * width * num_classes)]


def _length(input_size: Size) -> int:
    if len(input_size) != 1 or input_size[0] < 1:
        raise UserError(
            f"gpt: reads texts, and a sample is {tuple(input_size)}; give the length of one, (128,)."
        )
    return input_size[0]


def gpt() -> Architecture:
    """Return a small GPT over bytes; its options are those of :class:`GPT`."""

    def build(
        wiring: Wiring, widths: Sequence[int], num_classes: int, input_size: Size, **options: Any
    ) -> nn.Module:
        (width,) = check_widths("gpt", widths, 1)
        return GPT(width, num_classes, length=_length(input_size), wiring=wiring, **options)

    def shapes(widths: Sequence[int], num_classes: int, input_size: Size, **options: Any) -> list[Shape]:
        (width,) = check_widths("gpt", widths, 1)
        return gpt_shapes(width, num_classes, input_size, **options)

    return Architecture(
        about="GPT, 4 wired layers of width 128 over bytes (language model)",
        build=build,
        shapes=shapes,
        widths=(128,),
        num_classes=256,
        input_size=(128,),
        multiple_of=4,
        inputs=lambda size: (torch.zeros(1, _length(size), dtype=torch.int64),),
        options=gpt_shapes,
    )
