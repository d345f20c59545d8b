"""Attention heads: which features of a token each head reads."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from graph2nn.errors import UserError
from graph2nn.layers.fixed_tables import FixedTables
from graph2nn.layers.partition import Sizes, node_sizes


class Heads(FixedTables):
    """Split the features of a token among heads, and put them together again.

    Heads take equal runs of features. Given the number of nodes of a graph, each head takes the features of
    whole nodes instead, so that no node is shared by two heads; where the heads cannot share the nodes evenly,
    they take runs of features all the same.

    Args:
        width: features of a token, a multiple of ``heads``.
        heads: number of heads.
        nodes: of the graph that the features belong to; None for runs of features.

    Raises:
        UserError: a width that is not a multiple of the heads.

    Example:
        >>> Heads(6, 2).split(torch.arange(6.0).reshape(1, 1, 6)).tolist()
        [[[[0.0, 1.0, 2.0]], [[3.0, 4.0, 5.0]]]]
    """

    order: Tensor | None
    inverse: Tensor | None

    def __init__(self, width: int, heads: int, nodes: int | None = None) -> None:
        super().__init__()
        check_heads(width, heads)
        self.width, self.heads, self.nodes = width, heads, nodes
        order, inverse = self._orders()
        self.add_table("order", order)
        self.add_table("inverse", inverse)

    def split(self, x: Tensor) -> Tensor:
        """``[batch, T, width]`` to ``[batch, heads, T, width / heads]``."""
        batch, tokens, width = x.shape
        if self.order is not None:
            x = x.index_select(2, self.order)
        return x.reshape(batch, tokens, self.heads, width // self.heads).transpose(1, 2)

    def merge(self, x: Tensor) -> Tensor:
        """``[batch, heads, T, width / heads]`` to ``[batch, T, width]``."""
        together = x.transpose(1, 2).flatten(2)
        return together if self.inverse is None else together.index_select(2, self.inverse)

    def _orders(self) -> tuple[Tensor | None, Tensor | None]:
        if self.nodes is None or self.nodes % self.heads:
            return None, None
        order = whole_nodes(self.width, self.heads, self.nodes)
        if (np.diff(order) == 1).all():
            return None, None
        return torch.from_numpy(order), torch.from_numpy(np.argsort(order))

    def extra_repr(self) -> str:
        """Number of heads and what they are made of, for ``print(model)``."""
        return f"{self.heads} heads of {'whole nodes' if self.order is not None else 'runs of features'}"


def whole_nodes(width: int, heads: int, nodes: int) -> Sizes:
    """Return the features in the order of heads that are made of whole nodes, ``[width]``.

    Each head gets as many nodes, and as many of those that own one feature more, in the order of the nodes.

    Args:
        width: features of a token, a multiple of ``heads``.
        heads: number of heads.
        nodes: of the graph, a multiple of ``heads``.

    Returns:
        The first ``width / heads`` features are those of the first head, and so on.

    Example:
        >>> whole_nodes(6, 2, 4).tolist()  # nodes of 1, 1, 2 and 2 features
        [0, 2, 3, 1, 4, 5]
    """
    sizes = node_sizes(width, nodes)
    head = np.empty(nodes, dtype=np.int64)
    for large in (True, False):
        (members,) = np.nonzero((sizes > width // nodes) == large)
        head[members] = np.repeat(np.arange(heads), len(members) // heads)
    return np.argsort(np.repeat(head, sizes), kind="stable")


def check_heads(width: int, heads: int) -> None:
    """Check that heads can share a width.

    Raises:
        UserError: the width is not a multiple of the heads.
    """
    if heads < 1 or width % heads:
        raise UserError(
            f"attention: width {width} cannot be shared by {heads} heads; give a width that is a multiple of "
            f"{heads}, or another number of heads."
        )
