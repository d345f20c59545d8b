"""Recurrent weights of a connectome: free, signed by Dale's law, fixed counts times trained gains, or fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from graph2nn.errors import UserError, unknown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.edge.sparse_rows import Integers
from graph2nn.layers.fixed_tables import FixedTables
from graph2nn.models.spectral_radius import spectral_radius

Numbers = npt.NDArray[np.float64]
WeightKind = Literal["free", "signed", "gains", "fixed"]
Init = Literal["fan_in", "synapses", "scaled_synapses"]
Signs = Literal["neuron", "connection"]
Unsigned = Literal["refuse", "free"]


class ConnectionWeights(FixedTables):
    """One number per connection, computed from what is trained.

    Calling it returns the weights ``[connections]`` in the order of ``graph.edge_index``.

    Args:
        graph: whose connections they are, with ``weights`` and ``signs`` where the kind needs them.
        connections: ``[2, connections]``, from and to.
        kind: ``"free"``: one trained weight per connection, which may change its sign. ``"signed"``:
            sign × |trained|, so that no step of any optimiser changes a sign. ``"gains"``: synapse count × sign
            × trained gain; with signs, |gain|. ``"fixed"``: nothing is trained.
        init: ``"fan_in"``: normal with variance 1 / (connections of the reader), times the sign where there is
            one. ``"synapses"``: the synapse count times the sign, +1 where there is none.
            ``"scaled_synapses"``: the synapse count times the sign, a random one where there is none, over the
            root of the sum of squared counts of the reader. Gains always start at 1 on the counts.
        radius: spectral radius to which all weights are scaled at the start; None leaves them.
        gain: factor of all weights at the start, with ``radius`` None.
        signs: ``"neuron"``: all outputs of a neuron must have its sign; ``"connection"``: each keeps its own.
        unsigned: what becomes of connections of sign 0 in graphs with signs: refused, or left free: they start
            as those of a graph without signs, and training may change the sign of a weight or of a gain. Free
            weights always are.
        gain_by: ``"neuron"``: one gain per neuron, on all its outputs; or a column of ``graph.nodes``: one gain
            per pair of its values.

    Raises:
        UserError: the graph lacks counts, signs or the column; mixed or missing signs; no cycle to scale.
    """

    def __init__(
        self,
        graph: RelationalGraph,
        connections: Integers,
        *,
        kind: WeightKind = "free",
        init: Init = "fan_in",
        radius: float | None = 0.9,
        gain: float = 1.0,
        signs: Signs = "neuron",
        unsigned: Unsigned = "refuse",
        gain_by: str = "neuron",
    ) -> None:
        super().__init__()
        for name, value, allowed in (
            ("weights", kind, WeightKind), ("init", init, Init), ("signs", signs, Signs),
            ("unsigned", unsigned, Unsigned),
        ):  # fmt: skip
            if value not in get_args(allowed):
                raise unknown(f"connectome: {name}", value, get_args(allowed))
        if radius is not None and not radius > 0:
            raise UserError(f"connectome: spectral_radius = {radius} is not positive; None does not scale.")
        if not gain > 0:
            raise UserError(f"connectome: init_gain = {gain} is not positive; 1 leaves the weights.")
        if gain != 1 and radius is not None:
            raise UserError(
                f"connectome: init_gain = {gain} and spectral_radius = {radius} both scale the weights; set "
                "spectral_radius to None (--set model.options.spectral_radius=null)."
            )
        self.graph, self.connections, self.kind, self.init, self.radius = graph, connections, kind, init, radius
        self.start_gain = gain
        self.signs = _signs(graph, connections, kind, signs, unsigned)
        self.counts = _counts(graph, connections, kind == "gains" or init != "fan_in")
        count = connections.shape[1]
        if kind == "gains":
            groups, self.gain_names = gain_groups(graph, connections, gain_by)
            self.gain = nn.Parameter(torch.ones(len(self.gain_names)))
            self.add_table("group", torch.from_numpy(groups))
        if kind in ("free", "signed"):
            self.weight = nn.Parameter(torch.zeros(count))
        else:
            self.register_buffer("weight", torch.zeros(count))
        if self.signs is not None and kind != "free":
            self.add_table("sign", torch.from_numpy(self.signs.astype(np.float32)))

    weight: Tensor
    group: Tensor
    sign: Tensor

    def forward(self) -> Tensor:
        """Return the weights of all connections."""
        if self.kind == "signed":
            # A free connection (sign 0) keeps the sign that training gives it.
            return torch.where(self.sign == 0, self.weight, self.sign * self.weight.abs())
        if self.kind == "gains":
            gain = self.gain.index_select(0, self.group)
            return self.weight * (gain if self.signs is None else torch.where(self.sign == 0, gain, gain.abs()))
        return self.weight

    @torch.no_grad()
    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw the weights, or take the synapse counts, and scale them to the spectral radius."""
        if self.weight.is_meta:
            return
        n = self.graph.n
        source, target = self.connections
        if self.init == "synapses" or self.kind == "gains":
            assert self.counts is not None
            values = torch.from_numpy(self.counts).float()
        else:
            values = torch.empty(len(source)).normal_(generator=generator)
            power: Numbers = np.ones(len(source))
            if self.init == "scaled_synapses":
                assert self.counts is not None
                values = values.sign() * torch.from_numpy(self.counts).float()
                power = self.counts**2
            scale = np.bincount(target, weights=power, minlength=n)[target]
            values *= torch.from_numpy(scale**-0.5).float()
        if self.signs is not None:
            sign = torch.from_numpy(self.signs.astype(np.float32))
            values = torch.where(sign == 0, values, sign * values.abs())
        if self.radius is not None:
            values *= self.radius / spectral_radius(self.connections, values.double().numpy(), n)
        elif self.start_gain != 1:
            values *= self.start_gain
        self.weight.copy_(values)
        if self.kind == "gains":
            self.gain.fill_(1.0)

    def extra_repr(self) -> str:
        """Kind, number of connections, start."""
        gains = f", {len(self.gain)} gains" if self.kind == "gains" else ""
        return f"{self.kind}, {len(self.weight)} connections{gains}, init={self.init}, radius={self.radius}"


def gain_groups(
    graph: RelationalGraph, connections: Integers, by: str
) -> tuple[npt.NDArray[np.int64], Sequence[Any]]:
    """Return the number of the gain of each connection, and what each gain stands for.

    Args:
        graph: with ``nodes`` where ``by`` is a column.
        connections: ``[2, connections]``.
        by: ``"neuron"``, or a column of ``graph.nodes``.

    Returns:
        Number of the gain, ``[connections]``, and the names in the order of the numbers.

    Raises:
        UserError: no such column.
    """
    source, target = connections
    if by == "neuron":
        return source.astype(np.int64), range(graph.n)
    nodes: Any = getattr(graph, "nodes", None)
    columns = [] if nodes is None else list(nodes.columns)
    if by not in columns:
        raise unknown("connectome: gain_by", by, ["neuron", *map(str, columns)])
    # Neurons without an entry are a type of their own.
    codes, types = nodes[by].astype("string").fillna("").factorize()
    pairs = codes[source].astype(np.int64) * len(types) + codes[target]
    used, groups = np.unique(pairs, return_inverse=True)
    names = [(types[pair // len(types)], types[pair % len(types)]) for pair in used.tolist()]
    return groups.reshape(-1).astype(np.int64), names


def _counts(graph: RelationalGraph, connections: Integers, needed: bool) -> Numbers | None:
    given: Any = getattr(graph, "weights", None)
    if given is None and needed:
        raise UserError(
            f"connectome: {graph.name!r} has no synapse counts (graph.weights), which weights='gains' and "
            "synapses as the start need; use weights='free' with init='fan_in'."
        )
    if given is None:
        return None
    counts: Numbers = np.array(given, dtype=np.float64)
    if len(counts) != connections.shape[1]:
        raise UserError(
            f"connectome: {graph.name!r} has {len(counts)} weights for {connections.shape[1]} connections; "
            "self-connections that the table does not list have none: make the graph with self_loops='given'."
        )
    return counts


def _signs(
    graph: RelationalGraph, connections: Integers, kind: WeightKind, signs: Signs, unsigned: Unsigned
) -> npt.NDArray[np.int8] | None:
    given: Any = getattr(graph, "signs", None)
    if given is None:
        if kind == "signed":
            raise UserError(
                f"connectome: {graph.name!r} has no signs (graph.signs), which weights='signed' needs; "
                "read_connectome takes them from transmitters or a column, or use weights='free'."
            )
        return None
    sign: npt.NDArray[np.int8] = np.array(given, dtype=np.int8)
    if kind == "free":
        return sign  # of the start alone
    source = connections[0]
    if unsigned == "refuse" and (sign == 0).any():
        neurons = np.unique(source[sign == 0])
        raise UserError(
            f"connectome: {len(neurons)} neurons have sign 0, the first is node {neurons[0]}, and "
            f"weights={kind!r} needs the sign of each; give it when reading the connectome, or leave them free "
            "with unsigned='free' (--set model.options.unsigned=free)."
        )
    if kind == "signed" and signs == "neuron":
        positive, negative = (np.unique(source[sign == one]) for one in (1, -1))
        if len(mixed := np.intersect1d(positive, negative)):
            raise UserError(
                f"connectome: {len(mixed)} neurons have outputs of both signs, the first is node {mixed[0]}; "
                "Dale's law allows one. With signs='connection' each connection keeps its own sign."
            )
    return sign
