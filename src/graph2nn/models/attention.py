"""Multi-head attention whose four projections follow a wiring (Vaswani et al., 2017, section 3.2)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.errors import UserError
from graph2nn.models.shapes import FixedShape, LayerShape, Shape
from graph2nn.wiring import Wiring


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention between queries and keys; the four projections are wired, with biases.

    Shapes: queries ``[batch, T, width]`` and memory ``[batch, S, width]`` to ``[batch, T, width]``.

    Args:
        width: features of a token.
        heads: number of heads, which share the features evenly.
        wiring: makes the projections: query, key, value, out.
        dropout: share of the attention weights zeroed while training.

    Raises:
        UserError: a width that is not a multiple of the heads.
    """

    def __init__(self, width: int, heads: int, wiring: Wiring, *, dropout: float = 0.0) -> None:
        super().__init__()
        check_heads(width, heads)
        self.heads = heads
        self.dropout = dropout
        self.query = wiring.linear(width, width, bias=True)
        self.key = wiring.linear(width, width, bias=True)
        self.value = wiring.linear(width, width, bias=True)
        self.out = wiring.linear(width, width, bias=True)

    def forward(self, x: Tensor, memory: Tensor | None = None, *, causal: bool = False) -> Tensor:
        """Let tokens of ``x`` read ``memory``, or ``x`` itself; if ``causal``, nothing that is after them."""
        memory = x if memory is None else memory
        mixed = F.scaled_dot_product_attention(
            self._split(self.query(x)),
            self._split(self.key(memory)),
            self._split(self.value(memory)),
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=causal,
        )
        together: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return together

    def _split(self, x: Tensor) -> Tensor:
        """``[batch, T, width]`` to ``[batch, heads, T, width / heads]``."""
        batch, tokens, width = x.shape
        return x.reshape(batch, tokens, self.heads, width // self.heads).transpose(1, 2)


def attention_shapes(width: int, queries: int, keys: int, *, stage: int = 0) -> list[Shape]:
    """Return the layers of :class:`MultiHeadAttention` between this many tokens, and its two products.

    A causal mask saves nothing: the products are counted as they are computed, whole.
    """

    def projection(tokens: int) -> LayerShape:
        return LayerShape(width, width, positions=tokens, wired=True, stage=stage, bias=True, norm=False)

    return [
        projection(queries),
        projection(keys),
        projection(keys),
        FixedShape(multiply_adds=2 * queries * keys * width),
        projection(queries),
    ]


def check_heads(width: int, heads: int) -> None:
    """Check that heads can share a width.

    Raises:
        UserError: the width is not a multiple of the heads.
    """
    if heads < 1 or width % heads:
        raise UserError(
            f"attention: width {width} cannot be shared by {heads} heads; take a multiple of {heads}, "
            f"in a match multiple_of={heads}."
        )
