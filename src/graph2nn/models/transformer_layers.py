"""Layers of transformers, with their cost: attention and a feed-forward network, each next to a shortcut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from graph2nn.layers.dropout import Dropout
from graph2nn.models.attention import Cache, MultiHeadAttention, attention_shapes
from graph2nn.models.layer_shapes import FixedShape, LayerShape, Shape
from graph2nn.wiring import Wiring


@dataclass(frozen=True)
class LayerConfig:
    """What the layers of one transformer share.

    Args:
        width: features of a token, a multiple of ``heads``.
        heads: attention heads.
        inner: features inside the feed-forward network.
        pre_norm: normalise what a branch reads (ViT), instead of the sum behind it (Vaswani et al., 2017).
        dropout: share zeroed while training of attention weights, inner features and outputs of a branch.
        eps: added to the variance in layer norms.
        activation: makes the nonlinearity of the feed-forward network.
        rotary: turn queries and keys by their positions.
        aligned_heads: make each head of whole nodes, where that is possible.
    """

    width: int
    heads: int
    inner: int
    pre_norm: bool = False
    dropout: float = 0.0
    eps: float = 1e-5
    activation: Callable[[], nn.Module] = nn.ReLU
    rotary: bool = False
    aligned_heads: bool = False


class _Residual(nn.Module):
    """A norm and a dropout for each branch that runs next to a shortcut."""

    def __init__(self, config: LayerConfig, branches: int) -> None:
        super().__init__()
        self.pre_norm = config.pre_norm
        self.norms = nn.ModuleList(nn.LayerNorm(config.width, eps=config.eps) for _ in range(branches))
        self.dropout = Dropout(config.dropout)

    def residual(self, index: int, x: Tensor, branch: Callable[[Tensor], Tensor]) -> Tensor:
        """Add to ``x`` what the branch makes of it."""
        norm: Callable[[Tensor], Tensor] = self.norms[index]
        y: Tensor = x + self.dropout(branch(norm(x) if self.pre_norm else x))
        return y if self.pre_norm else norm(y)


class EncoderLayer(_Residual):
    """Self-attention, then a feed-forward network; all six linear layers follow the wiring.

    Shapes: ``[batch, T, width]`` to the same.
    """

    def __init__(self, config: LayerConfig, wiring: Wiring) -> None:
        super().__init__(config, branches=2)
        self.attention = attention(config, wiring)
        self.feed_forward = feed_forward(config, wiring)

    def forward(self, x: Tensor, *, causal: bool = False, hidden: Tensor | None = None) -> Tensor:
        """Let the tokens read each other: if ``causal`` only those before, and none that is ``hidden``.

        Args:
            x: ``[batch, T, width]``.
            causal: whether a token reads nothing that is after it.
            hidden: bool ``[batch, T]``, True for padding; None for none.

        Returns:
            As ``x``.
        """
        x = self.residual(0, x, lambda x: self.attention(x, causal=causal, hidden=hidden))
        return self.residual(1, x, self.feed_forward)


class DecoderLayer(_Residual):
    """Causal self-attention, attention to the encoder's output, then a feed-forward network, all wired.

    Shapes: ``[batch, T, width]`` and memory ``[batch, S, width]`` to ``[batch, T, width]``.
    """

    def __init__(self, config: LayerConfig, wiring: Wiring) -> None:
        super().__init__(config, branches=3)
        self.attention = attention(config, wiring)
        self.cross = attention(config, wiring)
        self.feed_forward = feed_forward(config, wiring)

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        *,
        hidden: Tensor | None = None,
        cache: Cache | None = None,
        name: str = "",
    ) -> Tensor:
        """Let each token read those before it, itself, and the memory but for what is ``hidden`` there.

        Args:
            x: ``[batch, T, width]``.
            memory: ``[batch, S, width]``.
            hidden: bool ``[batch, S]``, True for padding of the memory; None for none.
            cache: keys and values of earlier calls.
            name: of this layer in the cache.

        Returns:
            As ``x``.
        """
        x = self.residual(0, x, lambda x: self.attention(x, causal=True, cache=cache, name=f"{name}own"))
        x = self.residual(
            1, x, lambda x: self.cross(x, memory, hidden=hidden, cache=cache, name=f"{name}memory")
        )
        return self.residual(2, x, self.feed_forward)


def attention(config: LayerConfig, wiring: Wiring) -> MultiHeadAttention:
    """Return attention with the heads of a configuration, ``[…, width]`` to the same."""
    return MultiHeadAttention(
        config.width,
        config.heads,
        wiring,
        dropout=config.dropout,
        rotary=config.rotary,
        aligned=config.aligned_heads,
    )


def feed_forward(config: LayerConfig, wiring: Wiring) -> nn.Sequential:
    """Return two wired layers with a nonlinearity between them, ``[…, width]`` to the same."""
    return nn.Sequential(
        wiring.linear(config.width, config.inner, bias=True),
        config.activation(),
        Dropout(config.dropout),
        wiring.linear(config.inner, config.width, bias=True),
    )


def encoder_layer_shapes(config: LayerConfig, tokens: int, *, stage: int = 0) -> list[Shape]:
    """Return the layers of :class:`EncoderLayer` on ``tokens`` tokens.

    Args:
        config: widths and heads of the layer.
        tokens: in a text.
        stage: number of the width.

    Returns:
        The layers in the order in which they run.
    """
    return [
        *attention_shapes(config.width, tokens, tokens, stage=stage),
        *_feed_forward_shapes(config, tokens, stage),
        FixedShape(weights=2 * norm_weights(config.width)),
    ]


def decoder_layer_shapes(config: LayerConfig, tokens: int, memory: int, *, stage: int = 0) -> list[Shape]:
    """Return the layers of :class:`DecoderLayer` on ``tokens`` tokens that read a memory.

    Args:
        config: widths and heads of the layer.
        tokens: in the target.
        memory: tokens of the source.
        stage: number of the width.

    Returns:
        The layers in the order in which they run.
    """
    return [
        *attention_shapes(config.width, tokens, tokens, stage=stage),
        *attention_shapes(config.width, tokens, memory, stage=stage),
        *_feed_forward_shapes(config, tokens, stage),
        FixedShape(weights=3 * norm_weights(config.width)),
    ]


def norm_weights(width: int) -> int:
    """Return the number of parameters of a layer norm."""
    return 2 * width


def _feed_forward_shapes(config: LayerConfig, tokens: int, stage: int) -> list[Shape]:
    widths = ((config.width, config.inner), (config.inner, config.width))
    return [
        LayerShape(i, o, positions=tokens, wired=True, stage=stage, bias=True, norm=False) for i, o in widths
    ]
