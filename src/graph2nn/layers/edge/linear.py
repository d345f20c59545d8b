"""Linear layer with one weight per connection of a graph."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.edge.operator import edge_product
from graph2nn.layers.edge.sparse_rows import Tables, feature_arcs, tables_of
from graph2nn.layers.masked import Init, RelationalLinear
from graph2nn.layers.partition import initial_scale, node_sizes
from graph2nn.layers.weight_mask import other_mask, same_mask

#: Layers whose weight has at most as many entries draw it, save it and load it as the masked engine does.
AS_MASKED = 1 << 24


class EdgeTables(nn.Module):
    """The connections of a layer as buffers, and a digest of them that checkpoints carry.

    Args:
        tables: of the connections.
        device: where to keep them.
        save_digest: put the digest into ``state_dict``.
    """

    at: Tensor
    source: Tensor
    at_source: Tensor
    target: Tensor
    order: Tensor
    wiring: Tensor

    def __init__(
        self, tables: Tables, device: torch.device | str | None = None, *, save_digest: bool = True
    ) -> None:
        super().__init__()
        device = torch.get_default_device() if device is None else device
        self._made = tables
        #: A layer sets this while it loads a checkpoint whose connections it has compared itself.
        self.checked = False
        for name, table in tables._asdict().items():
            self.register_buffer(name, table.to(device), persistent=False)
        wiring = torch.tensor(self._digest(), dtype=torch.uint8, device=device)
        self.register_buffer("wiring", wiring, persistent=save_digest)

    @property
    def tables(self) -> Tables:
        """The connections, on the device of the module."""
        return Tables(self.at, self.source, self.at_source, self.target, self.order)

    def _apply(self, fn: Callable[..., Tensor], recurse: bool = True) -> EdgeTables:
        without_memory = self.at.is_meta
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        # ``module.type(torch.float64)`` converts numbers of neurons like all others.
        for name, table in [*self._made._asdict().items(), ("wiring", torch.empty(0, dtype=torch.uint8))]:
            buffer = getattr(self, name)
            if buffer.dtype != table.dtype:
                self._buffers[name] = buffer.to(table.dtype)
        if without_memory:
            self.restore()
        return self

    @torch.no_grad()
    def restore(self) -> None:
        """Write the tables again: ``to_empty`` leaves any bits in them."""
        if not self.at.is_meta:
            for name, table in self._made._asdict().items():
                getattr(self, name).copy_(table)
            self.wiring.copy_(torch.tensor(self._digest(), dtype=torch.uint8, device="cpu"))

    def _digest(self) -> list[int]:
        made = self._made.at.numpy().tobytes() + self._made.source.numpy().tobytes()
        return list(hashlib.sha256(made).digest())

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        checked, self.checked = self.checked, False
        if checked and "wiring" not in self._non_persistent_buffers_set:
            state_dict = {**state_dict, f"{prefix}wiring": self.wiring}
        wiring = state_dict.get(f"{prefix}wiring")
        if wiring is not None and not wiring.is_meta and wiring.tolist() != self._digest():
            error_msgs.append(f"{prefix}wiring: the checkpoint's weights belong to other connections.")
            return
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class EdgeLinear(RelationalLinear):
    """The function of a :class:`RelationalLinear`, computed connection by connection.

    Shapes: ``[…, in_features]`` to ``[…, out_features]``; ``weight`` is ``[connections]``, by output and for
    one output by input: ``masked.weight[masked.mask]``. For a graph of n nodes and ``linear(n, n)`` these are
    the graph's arcs in the order of ``edge_index``. Results are batch-innermost views, which the next layer
    reads without copying. The kernels run on the CPU, in float32, float64, and with bfloat16 activations under
    autocast; elsewhere operations of torch compute the same.

    The weight is a vector: rules such as "no weight decay below two dimensions" take it for a bias.

    Where the matrix has up to 2²⁴ entries, ``state_dict`` holds ``weight`` ``[out, in]`` and ``mask`` as that
    of the masked engine, so that checkpoints move between engines both ways. Larger layers save the weights of
    the connections and a digest of these, ``edges.wiring``; another graph's weights are refused. Results and
    gradients are the same for any number of threads.

    Args:
        graph: as for :class:`RelationalLinear`.
        in_features: features before the layer, at least ``graph.n``.
        out_features: features after it, at least ``graph.n``.
        bias: add a learnt bias ``[out_features]``.
        symmetric: not available here.
        init: as for the masked layer.
        device: where the parameters are made.
        dtype: of the parameters.

    Raises:
        UserError: a width smaller than the number of nodes, symmetric weights, or ``init="weights"``
            for a graph without weights.

    Example:
        >>> import torch
        >>> from graph2nn import ws_flex
        >>> layer = EdgeLinear(ws_flex(8, 3, 0.2, 1), 8, 8)
        >>> layer.weight.shape, layer(torch.zeros(2, 8)).shape
        (torch.Size([32]), torch.Size([2, 8]))
    """

    engine = "edge"
    __jit_unused_properties__ = ("shape", "mask", "saved_as_masked")
    __jit_ignored_attributes__ = ("edges",)

    def __init__(
        self,
        graph: RelationalGraph,
        in_features: int,
        out_features: int,
        *,
        bias: bool = False,
        symmetric: bool = False,
        init: Init = "published",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        # The masked layer's own constructor would make a mask: 19 GB for 139,000 neurons.
        nn.Module.__init__(self)
        if symmetric:
            raise UserError("layer: the edge engine has no symmetric weights; use engine='masked' for them.")
        self.graph, self.symmetric, self.init = graph, symmetric, init
        self.in_features, self.out_features = in_features, out_features
        tables = tables_of(feature_arcs(graph, in_features, out_features), in_features, out_features)
        self.edges = EdgeTables(tables, device, save_digest=not self.saved_as_masked)
        self.weight = nn.Parameter(torch.empty(len(tables.source), device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(out_features, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def compute(self, x: Tensor) -> Tensor:
        """Compute ``forward`` connection by connection."""
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise RuntimeError(
                f"edge layer: the input has shape {list(x.shape)}, expected […, {self.in_features}]"
            )
        *leading, features = x.shape
        columns = x.reshape(x.numel() // features, features).t()
        y = edge_product(columns, self.weight, self.edges.tables)
        if self.bias is not None:
            y = y + self.bias.to(y.dtype)[:, None]
        return y.t().reshape(*leading, self.out_features)

    @property
    def shape(self) -> torch.Size:
        """Shape of the masked weight, ``[out, in]``."""
        return torch.Size((self.out_features, self.in_features))

    @property
    def mask(self) -> Tensor:  # type: ignore[override]
        """The mask of the masked layer, bool ``[out, in]``, made when asked for."""
        return self.expand(torch.ones_like(self.weight, dtype=torch.bool, requires_grad=False))

    @property
    def saved_as_masked(self) -> bool:
        """Whether ``state_dict`` has the form of the masked engine."""
        return self.shape.numel() <= AS_MASKED

    def reset_mask(self) -> None:
        """Write the tables of the connections again."""
        self.edges.restore()

    def expand(self, values: Tensor) -> Tensor:
        """Return one value per connection as a matrix ``[out, in]``, zero elsewhere; differentiable."""
        rows, columns = self._places(values.device)
        return values.new_zeros(self.shape).index_put((rows, columns), values)

    def compact(self, weight: Tensor) -> Tensor:
        """Return the entries of a matrix ``[out, in]`` that have a connection, in order."""
        return weight[self._places(weight.device)]

    def _places(self, device: torch.device) -> tuple[Tensor, Tensor]:
        tables = self.edges.tables
        return tables.by_reader().to(device), tables.source.long().to(device)

    def effective_weight(self) -> Tensor:
        """The weight as the masked engine has it, ``[out, in]``, differentiable."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            rows, columns = self.scripted_places
            at = rows.to(self.weight.device) * self.in_features + columns.to(self.weight.device)
            dense = torch.zeros(self.out_features * self.in_features, dtype=self.weight.dtype)
            dense = dense.to(self.weight.device).index_add(0, at, self.weight)
            return dense.view(self.out_features, self.in_features)
        else:  # noqa: RET505 - a scripted layer compiles what follows a return
            return self.expand(self.weight)

    def __prepare_scriptable__(self) -> EdgeLinear:
        """Keep what a scripted layer makes its weight from."""
        self.scripted_places = self._places(self.weight.device)
        return self

    @torch.no_grad()
    def set_weight(self, weight: Tensor) -> None:
        """Take the weights of the connections from a tensor ``[out, in]``."""
        self.weight.copy_(self.compact(weight))

    def weights_in_use(self) -> int:
        """Number of weights: all of them."""
        return self.weight.numel()

    def density(self) -> float:
        """Share of the pairs of features that are connected."""
        return self.weight.numel() / self.shape.numel()

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the weights from N(0, 0.01); the bias starts at zero.

        Layers of up to 2²⁴ entries draw as the masked engine does from the same generator, larger ones draw
        one number per connection.
        """
        if self.weight.is_meta:
            return
        self.reset_mask()
        if not self.saved_as_masked:
            nn.init.normal_(self.weight, std=self.standard_deviation(), generator=generator)
            self._scale_connections()
        else:
            drawn = self.weight.new_empty(self.shape)
            self.set_weight(
                self.scaled_start(drawn.normal_(std=self.standard_deviation(), generator=generator))
            )
        if self.bias is not None:
            self.bias.zero_()

    def _scale_connections(self) -> None:
        """Scale the weights as ``init`` says, without a matrix of all pairs of features."""
        if self.init == "weights":
            nodes = np.arange(self.graph.n)
            readers, read = (
                np.repeat(nodes, node_sizes(width, self.graph.n))[features.cpu().numpy()]
                for width, features in zip(self.shape, self._places(self.weight.device), strict=True)
            )
            self.weight.mul_(torch.from_numpy(initial_scale(self.graph, readers, read)).to(self.weight))

    def wiring_repr(self) -> str:
        """The part of ``repr`` that tells the wiring: graph, connections, engine."""
        graph = f"graph={self.graph.name} (n={self.graph.n})"
        return f"{graph}, {self.weight.numel()} connections, engine={self.engine}"

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        weight, mask = (state_dict.get(f"{prefix}{name}") for name in ("weight", "mask"))
        if weight is not None and weight.shape == self.shape:
            if mask is None or not same_mask(mask, self.mask):
                error_msgs.append(other_mask(f"{prefix}mask", self.graph, self.shape, self.engine))
                return
            state_dict = {**state_dict, f"{prefix}weight": self.compact(weight.detach())}
            # The tables are loaded after this layer, and need no digest where the mask was compared.
            self.edges.checked = True
            del state_dict[f"{prefix}mask"]
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.saved_as_masked:
            destination[f"{prefix}weight"] = self.expand(destination[f"{prefix}weight"])
            destination[f"{prefix}mask"] = self.mask
