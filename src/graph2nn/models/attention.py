"""Multi-head attention whose four projections follow a wiring (Vaswani et al., 2017, section 3.2)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.dropout import dropout
from graph2nn.models.attention_heads import Heads, check_heads
from graph2nn.models.layer_shapes import FixedShape, LayerShape, Shape
from graph2nn.wiring import Wiring

#: Keys and values of the tokens read so far, by layer: decoding one token at a time need not repeat them.
Cache = dict[str, tuple[Tensor, Tensor]]


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention between queries and keys; the four projections are wired, with biases.

    Shapes: queries ``[batch, T, width]`` and memory ``[batch, S, width]`` to ``[batch, T, width]``.

    Args:
        width: features of a token.
        heads: number of heads, which share the features evenly.
        wiring: makes the projections: query, key, value, out.
        dropout: share of the attention weights zeroed while training.
        rotary: turn queries and keys by their positions (Su et al., 2021), for attention of tokens among
            themselves.
        aligned: make each head of whole nodes, where all four projections follow graphs of as many nodes and
            the heads can share these evenly.

    Raises:
        UserError: a width that is not a multiple of the heads.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        wiring: Wiring,
        *,
        dropout: float = 0.0,
        rotary: bool = False,
        aligned: bool = False,
    ) -> None:
        super().__init__()
        check_heads(width, heads)
        self.rotary = rotary
        self.dropout = dropout
        self.query = wiring.linear(width, width, bias=True)
        self.key = wiring.linear(width, width, bias=True)
        self.value = wiring.linear(width, width, bias=True)
        self.out = wiring.linear(width, width, bias=True)
        self.heads = Heads(width, heads, self._nodes() if aligned else None)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        *,
        causal: bool = False,
        hidden: Tensor | None = None,
        cache: Cache | None = None,
        name: str = "",
    ) -> Tensor:
        """Let tokens of ``x`` read ``memory``, or ``x`` itself.

        Args:
            x: ``[batch, T, width]``.
            memory: ``[batch, S, width]``; ``x`` itself if left out.
            causal: whether a token reads nothing that is after it.
            hidden: bool ``[batch, S]``, True for tokens of the memory that nobody reads (padding).
            cache: keys and values of earlier calls: those of a memory are taken as they are, those of ``x`` are
                added to them.
            name: of this layer in the cache.

        Returns:
            ``[batch, T, width]``.
        """
        past = None if cache is None else cache.get(name)
        q = self.heads.split(self.query(x))
        if memory is not None and past is not None:
            k, v = past
        else:
            read = x if memory is None else memory
            k, v = self.heads.split(self.key(read)), self.heads.split(self.value(read))
            if self.rotary:
                first = 0 if past is None else past[0].shape[2]
                q, k = rotated(q, first), rotated(k, first)
            if past is not None:
                k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        if cache is not None:
            cache[name] = k, v
        mixed = attend(
            q,
            k,
            v,
            visible=None if hidden is None else ~hidden[:, None, None],
            causal=causal and q.shape[2] == k.shape[2],
            p=self.dropout if self.training else 0.0,
        )
        together: Tensor = self.out(self.heads.merge(mixed))
        return together

    def _nodes(self) -> int | None:
        """Number of nodes if the four projections agree on it."""
        graphs = [getattr(layer, "graph", None) for layer in (self.query, self.key, self.value, self.out)]
        sizes = {graph.n if isinstance(graph, RelationalGraph) else None for graph in graphs}
        return sizes.pop() if len(sizes) == 1 else None


def attend(
    q: Tensor, k: Tensor, v: Tensor, *, visible: Tensor | None = None, causal: bool = False, p: float = 0.0
) -> Tensor:
    """Mix values by the softmax of the scaled products of queries and keys.

    torch's own function; with dropout on the CPU it takes these steps too, but with slower random numbers.

    Args:
        q: queries ``[batch, heads, T, features]``.
        k: keys ``[batch, heads, S, features]``.
        v: values, like the keys.
        visible: bool, to ``[batch, heads, T, S]``, False for keys that are not read.
        causal: whether a query reads no later key; T = S.
        p: share of the weights that are zeroed.

    Returns:
        ``[batch, heads, T, features]``.
    """
    if p == 0 or q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, attn_mask=visible, dropout_p=p, is_causal=causal)
    scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(2, 3)
    if causal:
        past = torch.ones(scores.shape[2:], dtype=torch.bool, device=q.device).tril()
        visible = past if visible is None else visible & past
    if visible is not None:
        scores = scores.masked_fill(~visible, -math.inf)
    return dropout(scores.softmax(dim=3), p) @ v


def rotated(x: Tensor, first: int = 0) -> Tensor:
    """Turn pairs of features by an angle that grows with the position (Su et al., 2021, section 3.4.2).

    The product of a turned query and a turned key depends on the distance of their positions alone.

    Args:
        x: ``[batch, heads, T, features]``; of the first 2h features i is paired with i + h, and the last of an
            odd number stays.
        first: position of the first token.
    """
    half = x.shape[-1] // 2
    rates = torch.exp(torch.arange(half, device=x.device) * (-math.log(10_000) / half))
    angles = torch.arange(first, first + x.shape[2], device=x.device)[:, None] * rates
    sin, cos = angles.sin().to(x.dtype), angles.cos().to(x.dtype)
    left, right, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return torch.cat([left * cos - right * sin, right * cos + left * sin, rest], dim=-1)


def attention_shapes(width: int, queries: int, keys: int, *, stage: int = 0) -> list[Shape]:
    """Return the layers of :class:`MultiHeadAttention` between this many tokens, and its two products.

    A causal mask saves nothing: the products are counted as they are computed, whole.

    Args:
        width: features of a token.
        queries, keys: tokens that read, tokens that are read.
        stage: number of the width.

    Returns:
        The layers.
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
