"""Relational wiring: nodes read nodes along the edges of one graph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

from torch import nn

from graph2nn.arguments import checked_arguments
from graph2nn.errors import UserError, unknown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.ws_flex import with_nodes
from graph2nn.layers.engines import Chosen, Engine, Kind, choose, conv2d_class, linear_class
from graph2nn.layers.masked import Init, Symmetric
from graph2nn.layers.partition import refuse_without_weights, tied_weights_on, weights_on
from graph2nn.wiring.base import Dense, Wiring


@checked_arguments
@dataclass(frozen=True)
class Relational:
    """Nodes read nodes along the edges of one graph, in every layer (paper, section 2.2).

    Args:
        graph: the relational graph.
        engine: how the layers compute. ``"masked"`` multiplies by the mask and is exact by construction, on any
            device; ``"masked-in-place"`` stores masked weights and multiplies the gradient instead;
            ``"block"`` computes on the blocks alone, on the CPU; ``"edge"`` has one weight per connection, for
            linear layers with about one feature per node; ``"triton"`` computes linear layers on CUDA (untested
            on GPU); ``"auto"`` takes for each layer what was measured to be faster for its widths and
            density (see :func:`graph2nn.layers.engines.choose`).
        symmetric: tie the two directions of each edge: layers that are as wide before as after use
            (A + Aᵀ)/√2 in place of a weight A, or with ``"sum"`` A + Aᵀ, the published form; other layers
            cannot and are plain relational ones.
        init: how the weights start. ``"published"``: drawn as in the paper. ``"weights"``: each block of these
            draws is multiplied by the weight of its edge, divided by the root mean square of all weights, so
            that a layer keeps its scale; where every node reads itself, that block is multiplied by 1. Signs
            play no part, as the draws have both. Only the start differs: masks, widths and cost are the same.
        shrink: a layer narrower than the graph uses the WS-flex graph of the same sparsity, p and seed on as
            few nodes as the layer is wide, as the published EfficientNets do. Otherwise that is an error.

    Raises:
        UserError: an engine or a start that does not exist; symmetric weights on a directed graph, or with an
            engine that has none; a start from the weights of a graph without weights.

    Example:
        >>> pair = RelationalGraph.from_edge_index([[0, 1], [1, 0]], 2, weights=[3, 1])
        >>> layer = Relational(pair, "masked", init="weights").linear(2, 2)
        >>> layer.init
        'weights'
        >>> from graph2nn import ws_flex
        >>> Relational(ws_flex(16, 4, 0.1, seed=1)).weights_on(64, 64)
        1280
    """

    graph: RelationalGraph
    engine: Engine = "auto"
    symmetric: Symmetric = False
    shrink: bool = False
    init: Init = "published"

    def __post_init__(self) -> None:
        if self.engine not in get_args(Engine):
            raise unknown("wiring: engine", self.engine, get_args(Engine))
        if self.symmetric not in (True, False, "sum"):
            raise UserError(f"wiring: symmetric = {self.symmetric!r}, expected True, False or 'sum'.")
        if self.init not in get_args(Init):
            raise unknown("wiring: init", self.init, get_args(Init))
        if self.init == "weights":
            refuse_without_weights(self.graph)
        if self.symmetric and self.graph.directed:
            raise UserError(
                f"wiring: symmetric weights need an undirected graph, {self.graph.name!r} is directed; "
                "use graph.symmetrised()."
            )
        if self.symmetric and self.engine in ("block", "edge", "triton"):
            raise UserError(
                f"wiring: the {self.engine} engine has no symmetric weights; use engine masked or auto."
            )

    @property
    def nodes(self) -> int:
        """Number of nodes of the graph: each needs a feature. Fewer where narrow layers shrink the graph."""
        origin = self.graph.origin
        return math.ceil(2 * origin.n / origin.k) if self.shrink and origin else self.graph.n

    def linear(self, in_features: int, out_features: int, *, bias: bool = False) -> nn.Module:
        """Return a linear layer that follows the graph; see :class:`RelationalLinear`.

        Args:
            in_features: features before the layer, at least the number of nodes.
            out_features: features after it, likewise.
            bias: add a learnt bias.

        Returns:
            A relational layer of the engine that was chosen.
        """
        layer = linear_class(self._engine("linear", in_features, out_features))
        graph, tied = self._graph(in_features, out_features), self._tied(in_features, out_features)
        return layer(graph, in_features, out_features, bias=bias, symmetric=tied, init=self.init)

    def conv2d(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        bias: bool = False,
    ) -> nn.Module:
        """Return a convolution that follows the graph; see :class:`RelationalConv2d`.

        Args:
            in_channels: channels before the layer, at least the number of nodes.
            out_channels: channels after it, likewise.
            kernel_size: side of the square kernel.
            stride: step of the kernel.
            padding: zeros added on each side.
            bias: add a learnt bias.

        Returns:
            A relational convolution of the engine that was chosen.
        """
        kind: Kind = "conv1x1" if kernel_size == 1 else "conv3x3"
        layer = conv2d_class(self._engine(kind, in_channels, out_channels))
        return layer(
            self._graph(in_channels, out_channels),
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            bias=bias,
            symmetric=self._tied(in_channels, out_channels),
            init=self.init,
        )

    def weights_on(self, in_features: int, out_features: int) -> int:
        """Return how many entries of the mask are on.

        Raises:
            UserError: a width smaller than the number of nodes.
        """
        return weights_on(self._graph(in_features, out_features), in_features, out_features)

    def free_weights(self, in_features: int, out_features: int) -> int:
        """Return the same, where a symmetric layer counts each pair of tied weights once."""
        if self._tied(in_features, out_features):
            return tied_weights_on(self.graph, in_features)
        return self.weights_on(in_features, out_features)

    def _graph(self, in_features: int, out_features: int) -> RelationalGraph:
        narrowest = min(in_features, out_features)
        if not self.shrink or narrowest >= self.graph.n:
            return self.graph
        if self.init == "weights":
            raise UserError(
                f"wiring: a layer of width {narrowest} shrinks {self.graph.name!r}, whose weights belong to "
                "its own edges; leave init='weights' or shrink out."
            )
        return with_nodes(self.graph, narrowest)

    def _engine(self, kind: Kind, in_features: int, out_features: int) -> Chosen:
        if self.engine == "auto" and self._tied(in_features, out_features):
            return "masked"
        density = self.weights_on(in_features, out_features) / (in_features * out_features)
        nodes = self._graph(in_features, out_features).n
        return choose(self.engine, kind, in_features, out_features, density, nodes=nodes, in_network=True)

    def _tied(self, in_features: int, out_features: int) -> Symmetric:
        return self.symmetric if in_features == out_features else False


def wiring_of(graph: RelationalGraph | Wiring | None) -> Wiring:
    """Return the wiring that a graph, a wiring, or nothing stands for.

    Raises:
        UserError: something else.

    Example:
        >>> wiring_of(None)
        Dense()
    """
    if graph is None:
        return Dense()
    if isinstance(graph, RelationalGraph):
        return Relational(graph)
    if not hasattr(graph, "weights_on"):
        raise UserError(
            f"wiring: a {type(graph).__name__} is neither a RelationalGraph nor a wiring; "
            "RelationalGraph.from_networkx and read_graph make a graph."
        )
    return graph
