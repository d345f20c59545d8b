"""Weight of an ``nn.Linear`` stored and multiplied by the edge engine: one number per connection."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.block.autocast import autocast_type
from graph2nn.layers.compact_weight import CompactMask, store_compactly
from graph2nn.layers.edge.linear import EdgeTables
from graph2nn.layers.edge.operator import edge_product
from graph2nn.layers.edge.product import contiguous, supported
from graph2nn.layers.edge.sparse_rows import feature_arcs, tables_of
from graph2nn.layers.weight_layout import Layout
from graph2nn.layers.weight_mask import WeightMask, other_mask, same_mask


class EdgeMask(CompactMask):
    """Parametrisation of a weight of which one number per connection is stored, ``[1, connections]``.

    They lie by output feature, and for one output by what it reads: ``weight[mask]``. It is a row rather than a
    vector, so that rules such as "no weight decay below two dimensions" treat it as the masked weight.

    Args:
        graph: what the mask was made from.
        mask: bool ``[out, in]``.
        layout: of the weight; one part, outputs first, no kernel.
        scale: as for :class:`WeightMask`.
        off: as for :class:`WeightMask`.
    """

    engine = "edge"

    def __init__(
        self,
        graph: RelationalGraph,
        mask: Tensor,
        layout: Layout,
        *,
        scale: float = 1.0,
        off: Tensor | None = None,
    ) -> None:
        super().__init__(graph, mask, layout, scale=scale, off=off)
        into, out = layout.in_features, layout.out_features
        tables = tables_of(feature_arcs(graph, into, out), into, out)
        self.edges = EdgeTables(tables, mask.device, save_digest=False)
        self.stored_shape = (1, len(tables.source))

    @property
    def shape(self) -> torch.Size:
        """Shape of the weight that the module reads, ``[out, in]``."""
        return self.mask.shape

    def reset_mask(self) -> None:
        """Make the mask from the graph again, and write the tables of the connections."""
        super().reset_mask()
        self.edges.restore()

    def compact(self, weight: Tensor) -> Tensor:
        """Return the entries of ``[out, in]`` that have a connection, ``[1, connections]``."""
        if weight.is_meta:
            return weight.new_empty(self.stored_shape)
        return weight[self.mask.to(weight.device)][None]

    def expand(self, values: Tensor) -> Tensor:
        """Return ``[out, in]``, stored ``values`` on the mask and zero off it; undoes :meth:`compact`."""
        return values.new_zeros(self.shape).masked_scatter(self.mask, values)

    def linear(self, x: Tensor, stored: Tensor, bias: Tensor | None) -> Tensor | None:
        """Compute a linear layer by the kernels.

        Args:
            x: ``[…, in]``.
            stored: one weight per connection.
            bias: ``[out]``.

        Returns:
            The output ``[…, out]``; None where the kernels cannot compute it.
        """
        if stored.shape != self.stored_shape:
            return None
        if not autocast_type(x, stored) and not (x.dtype == stored.dtype and supported(x, stored)):
            return None
        *leading, features = x.shape
        columns = x.reshape(x.numel() // features, features).t()
        y = edge_product(columns, stored.view(-1), self.edges.tables)
        # Who reads the output of an nn.Linear may call view, which takes it to be contiguous.
        y = contiguous(y.t())
        if bias is not None:
            y = y + bias.to(y.dtype)
        return y.view(*leading, self.shape[0])

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
        mask = state_dict.get(f"{prefix}mask")
        if mask is not None and not same_mask(mask, self.mask):
            error_msgs.append(other_mask(f"{prefix}mask", self.graph, self.shape, self.engine))
            return
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


def store_connections(module: nn.Module, mask: WeightMask, layout: Layout) -> None:
    """Store one weight per connection of an ``nn.Linear``, and let the edge kernels compute it.

    Args:
        module: an ``nn.Linear`` that :func:`graph2nn.layers.compact_weight.linear_fits`; changed in place.
        mask: as the masked engine would use it.
        layout: of the weight.
    """
    store_compactly(module, EdgeMask(mask.graph, mask.mask, layout, scale=mask.scale, off=mask.off))
