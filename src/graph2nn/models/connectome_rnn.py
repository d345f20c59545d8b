"""Recurrent network of leaky rate neurons whose every weight is one connection of a connectome."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.arguments import at_least, checked_arguments
from graph2nn.errors import UserError, shown, unknown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.node_text import nodes_of_text
from graph2nn.layers.dense import DenseLinear
from graph2nn.layers.edge.linear import EdgeTables
from graph2nn.layers.edge.operator import edge_product
from graph2nn.layers.edge.product import weights_by_source
from graph2nn.layers.edge.sparse_rows import arcs, tables_of
from graph2nn.layers.fixed_tables import FixedTables
from graph2nn.memory import refuse_weights
from graph2nn.models.connectome_weights import ConnectionWeights, Init, Signs, Unsigned, WeightKind

Nodes = str | Sequence[int] | npt.NDArray[Any] | Tensor
Read = Literal["all", "last"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "linear": lambda x: x,
}
#: A trained leak stays at or above this, so that no neuron stops for good.
SMALLEST_LEAK = 1e-3


class ConnectomeRNN(FixedTables):
    """Leaky rate neurons on the connections of a graph, read in rounds.

    In a round, each neuron moves a share ``leak`` of the way to its activation:
    ``r ← (1 − leak) · r + leak · f(W r + bias + encoder(x))``. The state starts at zero; the encoder reaches
    the ``inputs`` neurons only, and the read-out reads the ``outputs`` neurons only. ``W`` has as many weights
    as the graph has arcs: a neuron reads itself only where the graph says so (``self_loops="given"``); in the
    paper's graphs every neuron does. The edge engine computes it (:mod:`graph2nn.layers.edge`), with bfloat16
    activations under ``torch.autocast``.

    Shapes: ``[batch, in_features]``, or images ``[batch, channels, H, W]``, held for all rounds, to
    ``[batch, out_features]``; or sequences ``[batch, time, in_features]``, one round per step, to
    ``[batch, time, out_features]``. Tokens, int64 ``[batch, time]`` below ``in_features``, are sequences too.

    Args:
        graph: who reads whom; with ``weights`` (synapse counts), ``signs`` and ``nodes`` where they are used.
        in_features: features of the input.
        out_features: of the output.
        inputs: neurons that the encoder reaches: node numbers, a boolean mask ``[n]``, an expression on
            ``graph.nodes`` such as ``"celltype == 'sensory'"``, or numbers or ids as text, ``"AVAL,AVAR"``.
        outputs: neurons that are read, likewise.
        rounds: for an input that is held, at least 1. Count them so that signals reach the outputs.
        weights: ``"free"``: one trained weight per connection. ``"signed"``: trained, and the sign of each
            neuron's outputs is that of ``graph.signs`` after any step of any optimiser (Dale's law).
            ``"gains"``: synapse counts × sign × a trained gain. ``"fixed"``: a reservoir: neither weights
            nor biases of the neurons are trained.
        leak: share in (0, 1] of the way to the new activity per round, 1/time constant; a number or ``[n]``.
        train_leak: train it, one per neuron or, with ``leak_by``, per type. It stays within [0.001, 1].
        activation: ``"relu"``, ``"tanh"``, ``"sigmoid"``, ``"softplus"``, ``"linear"``, or a function.
        spectral_radius: largest absolute eigenvalue of ``W`` at the start; None does not scale.
        init: ``"fan_in"``: normal, with variance 1 / (connections of the reader), times the signs where there
            are any; ``"synapses"``: from the counts and signs; ``"scaled_synapses"``: these, with random signs
            where there are none, scaled so that the squares of a reader's weights add up to 1.
        init_gain: factor of all weights at the start, where ``spectral_radius`` is None. Networks of other
            wirings then begin with weights of nearly one root mean square; scaled to one radius they do not.
        train_encoder: train the encoder, which is drawn from N(0, 1/√in_features); by default True, and False
            for fixed weights, so that of a reservoir only the read-out is trained.
        bias: give each neuron a bias, trained unless the weights are fixed; it starts at zero.
        read: which steps of a sequence are read: ``"all"``, or the ``"last"``, to ``[batch, out_features]``.
        gain_by: ``"neuron"``, or a column of ``graph.nodes``: one gain per pair of types.
        leak_by: ``"neuron"``, or a column of ``graph.nodes``: one leak per type.
        signs: ``"neuron"``: signed weights need outputs of one sign per neuron; ``"connection"``: each
            connection keeps its own.
        unsigned: what signed and fixed weights and gains do with connections of sign 0: ``"refuse"`` them, or
            leave them ``"free"`` to start and to be trained with either sign, as free weights do.

    Raises:
        UserError: an option out of range; neurons that do not exist; a graph without what an option needs.

    Example:
        >>> import torch
        >>> from graph2nn import ConnectomeRNN, ws_flex
        >>> network = ConnectomeRNN(ws_flex(16, 4, 0.3, 1), 3, 2, inputs=[0, 1, 2, 3], outputs=[8, 9], rounds=4)
        >>> network(torch.zeros(5, 3)).shape, network(torch.zeros(5, 7, 3)).shape
        (torch.Size([5, 2]), torch.Size([5, 7, 2]))

    References:
        Song, Yang and Wang, PLoS Comput. Biol. 12, e1004792 (2016), doi:10.1371/journal.pcbi.1004792 (signed
            weights).
        Lappalainen et al., Nature 634, 1132 (2024), doi:10.1038/s41586-024-07939-3 (gains per pair of types).
        Suárez et al., "conn2res", Nat. Commun. 15, 656 (2024), doi:10.1038/s41467-024-44900-4 (reservoirs).
    """

    input_nodes: Tensor
    output_nodes: Tensor
    leak: Tensor
    leak_group: Tensor

    @checked_arguments
    def __init__(
        self,
        graph: RelationalGraph,
        in_features: int,
        out_features: int,
        *,
        inputs: Nodes,
        outputs: Nodes,
        rounds: int = 8,
        weights: WeightKind = "free",
        leak: float | npt.ArrayLike = 1.0,
        train_leak: bool = False,
        activation: str | Callable[[Tensor], Tensor] = "relu",
        spectral_radius: float | None = 0.9,
        init: Init = "fan_in",
        init_gain: float = 1.0,
        train_encoder: bool | None = None,
        bias: bool = True,
        read: Read = "all",
        gain_by: str = "neuron",
        leak_by: str = "neuron",
        signs: Signs = "neuron",
        unsigned: Unsigned = "refuse",
    ) -> None:
        super().__init__()
        if not isinstance(rounds, int) or rounds < 1:
            raise UserError(f"connectome: rounds = {rounds!r}, expected a whole number of at least 1.")
        if read not in get_args(Read):
            raise unknown("connectome: read", read, get_args(Read))
        self.graph, self.rounds, self.read = graph, rounds, read
        self.in_features, self.out_features = in_features, out_features
        self.activation = _activation(activation)
        connections = arcs(graph)
        self.edges = EdgeTables(tables_of(connections, graph.n))
        self.weights = ConnectionWeights(
            graph, connections, kind=weights, init=init, radius=spectral_radius, gain=init_gain, signs=signs,
            unsigned=unsigned, gain_by=gain_by,
        )  # fmt: skip
        for name, nodes in (("input", inputs), ("output", outputs)):
            chosen = choose_nodes(graph, nodes, f"{name}s")
            self.register_buffer(f"{name}_nodes", torch.from_numpy(chosen))
        at_least(1, "connectome", in_features=in_features, out_features=out_features)
        ends = in_features * len(self.input_nodes) + out_features * len(self.output_nodes)
        refuse_weights("connectome: the network", ends)
        self.encoder = DenseLinear(in_features, len(self.input_nodes), bias=False)
        self.encoder.requires_grad_(weights != "fixed" if train_encoder is None else train_encoder)
        self.readout = DenseLinear(len(self.output_nodes), out_features)
        self.bias = nn.Parameter(torch.zeros(graph.n), requires_grad=weights != "fixed") if bias else None
        start, groups = _leaks(graph, leak, leak_by)
        self.add_table("leak_group", torch.from_numpy(groups))
        self.leaky = train_leak or bool((start != 1).any())
        self.leak_start = start
        self._silent: Tensor | None = None
        if train_leak:
            self.leak = nn.Parameter(torch.from_numpy(start).float())
        else:
            self.register_buffer("leak", torch.from_numpy(start).float())
        self.initialise()

    @torch.no_grad()
    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw all weights from ``generator``, or torch's own; scale to the spectral radius; biases at zero."""
        self.edges.restore()
        self.weights.initialise(generator)
        for layer in (self.encoder, self.readout):
            if not layer.weight.is_meta:
                nn.init.normal_(layer.weight, std=layer.in_features**-0.5, generator=generator)
        for bias in (self.bias, self.readout.bias):
            if bias is not None and not bias.is_meta:
                bias.zero_()
        if not self.leak.is_meta:
            self.leak.copy_(torch.from_numpy(self.leak_start))

    def recurrent_weight(self) -> Tensor:
        """Return the weights of all connections ``[connections]``, in the order of ``graph.edge_index``."""
        weight: Tensor = self.weights()
        return weight

    def silence(self, nodes: Nodes | None) -> None:
        """Keep the activity of some neurons at zero from now on; None lets all be active again.

        Args:
            nodes: node numbers, a mask, or an expression on ``graph.nodes``.

        Raises:
            UserError: as :func:`choose_nodes`.
        """
        self._silent = None if nodes is None else torch.from_numpy(choose_nodes(self.graph, nodes, "silence"))

    def leaks(self) -> Tensor:
        """Return the leak of each neuron, ``[n]``."""
        # Straight through the bounds: a leak that a step has carried outside can come back.
        bounded = self.leak + (self.leak.clamp(SMALLEST_LEAK, 1.0) - self.leak).detach()
        return bounded.index_select(0, self.leak_group)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, in]`` or images to ``[batch, out]``; sequences to the output of every step."""
        drives, steps = self._drives(x)
        weight = self.recurrent_weight()
        if steps is None or self.read == "last":
            return self._read(self._run(drives, weight, self.rounds if steps is None else steps))
        # What is read of a step and not its whole state: an evaluation keeps no states.
        read: list[Tensor] = []
        self._run(drives, weight, steps, lambda state: read.append(self._read(state)))
        return torch.stack(read, dim=1)

    def activity(self, x: Tensor) -> Tensor:
        """Return the activity of every neuron after every round, ``[batch, rounds or time, n]``."""
        drives, steps = self._drives(x)
        states: list[Tensor] = []
        self._run(drives, self.recurrent_weight(), self.rounds if steps is None else steps, states.append)
        return torch.stack([state.t() for state in states], dim=1)

    def _drives(self, x: Tensor) -> tuple[Tensor, int | None]:
        """Return what the encoder makes of the input, ``[(time,) input nodes, batch]``, and the steps."""
        x = x.flatten(1) if x.ndim == 4 else x
        check_input("connectome", x, self.in_features)
        encoded = encode(self.encoder, x)
        if encoded.ndim == 2:
            return encoded.t(), None
        if x.shape[1] < 1:
            raise UserError("connectome: the sequence has no steps.")
        return encoded.permute(1, 2, 0), x.shape[1]

    def _run(
        self, drives: Tensor, weight: Tensor, steps: int, note: Callable[[Tensor], None] | None = None
    ) -> Tensor:
        """Return the state ``[n, batch]`` after the last step; ``note`` is given that of each."""
        tables = self.edges.tables
        held = self._with_drive(drives) if drives.ndim == 2 else None
        # Every round's input gradient needs the weights by what they read: they are sorted once.
        needed = torch.is_grad_enabled() and steps > 1 and not torch.compiler.is_compiling()
        by_source = weights_by_source(weight, tables) if needed else None
        leak = self.leaks()[:, None] if self.leaky else None
        state: Tensor | None = None
        for step in range(steps):
            drive = self._with_drive(drives[step]) if held is None else held
            # Nothing comes from a state of zeros.
            total = drive if state is None else edge_product(state, weight, tables, by_source) + drive
            new = self.activation(total)
            if leak is not None:
                new = leak * new if state is None else torch.lerp(state, new, leak)
            state = new
            if self._silent is not None:
                state = state.index_fill(0, self._silent.to(state.device), 0.0)
            if note is not None:
                note(state)
        assert state is not None
        return state

    def _with_drive(self, drive: Tensor) -> Tensor:
        """Return what reaches each neuron from outside, ``[n, batch]``."""
        # Under autocast the encoder gives 16 bits; activity adds up over rounds and stays of the weights' type.
        drive = drive.to(self.readout.weight.dtype)
        total = drive.new_zeros(self.graph.n, drive.shape[1]).index_copy(
            0, self.input_nodes, drive.contiguous()
        )
        return total if self.bias is None else total + self.bias[:, None]

    def _read(self, state: Tensor) -> Tensor:
        read: Tensor = self.readout(state.index_select(0, self.output_nodes).t())
        return read

    def extra_repr(self) -> str:
        """Widths, graph and rounds, for ``print(model)``."""
        graph = f"graph={self.graph.name} (n={self.graph.n})"
        ends = f"{len(self.input_nodes)} input and {len(self.output_nodes)} output neurons"
        return f"{self.in_features} → {self.out_features}, {graph}, {ends}, rounds={self.rounds}"


def check_input(who: str, x: Tensor, features: int) -> None:
    """Refuse an input that is not samples, sequences of ``features`` numbers, or sequences of tokens.

    Args:
        who: reads it, for the message.
        x: the input.
        features: of a sample, or of a step.

    Raises:
        UserError: another shape.
    """
    if x.dtype == torch.int64 and x.ndim == 2:
        return
    if x.ndim not in (2, 3) or x.shape[-1] != features:
        raise UserError(
            f"{who}: the input has shape {list(x.shape)}, expected [batch, {features}], [batch, time, "
            f"{features}] or tokens, int64 [batch, time]."
        )


def encode(encoder: nn.Linear, x: Tensor) -> Tensor:
    """Return what the encoder makes of numbers ``[…, features]``, or of tokens, int64 ``[…]``.

    A token reaches its neurons as a feature of size √features would, so that both begin with a drive of size 1.
    """
    if x.dtype == torch.int64:
        columns: Tensor = F.embedding(x, encoder.weight.t())
        return columns * math.sqrt(encoder.in_features)
    encoded: Tensor = encoder(x)
    return encoded


def choose_nodes(graph: RelationalGraph, nodes: Nodes, what: str) -> npt.NDArray[np.int64]:
    """Return node numbers, in the order given; a mask or an expression gives them in ascending order.

    Args:
        graph: with ``nodes`` where an expression is given.
        nodes: node numbers, a boolean mask ``[n]``, or a text as
            :func:`graph2nn.graphs.node_text.nodes_of_text` takes it.
        what: they are, for messages.

    Returns:
        The node numbers.

    Raises:
        UserError: none, one twice, one that does not exist; an expression that cannot be evaluated.
    """
    if isinstance(nodes, str):
        chosen = _query(graph, nodes, what)
    else:
        values = nodes.detach().cpu().numpy() if isinstance(nodes, Tensor) else np.asarray(nodes)
        if values.dtype == np.bool_:
            if values.shape != (graph.n,):
                raise UserError(f"connectome: {what} is a mask {list(values.shape)}; expected [{graph.n}].")
            values = np.flatnonzero(values)
        if values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
            raise UserError(f"connectome: {what} are not node numbers, a mask or an expression.")
        chosen = values.astype(np.int64)
    if not len(chosen):
        raise UserError(f"connectome: {what} = {nodes!r} selects no neuron of {graph.name!r}.")
    if chosen.min() < 0 or chosen.max() >= graph.n:
        odd = chosen.min() if chosen.min() < 0 else chosen.max()
        raise UserError(f"connectome: {what}: node {odd} lies outside 0…{graph.n - 1}.")
    if len(np.unique(chosen)) < len(chosen):
        raise UserError(f"connectome: {what}: a node stands there twice.")
    return chosen


def _query(graph: RelationalGraph, text: str, what: str) -> npt.NDArray[np.int64]:
    try:
        return nodes_of_text(graph, text)
    except UserError as error:
        raise UserError(f"connectome: {what}: {error}") from None


def _activation(activation: str | Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    if callable(activation):
        return activation
    if activation not in ACTIVATIONS:
        raise unknown("connectome: activation", activation, ACTIVATIONS)
    return ACTIVATIONS[activation]


def _leaks(
    graph: RelationalGraph, leak: float | npt.ArrayLike, by: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the leaks at the start, one per neuron or type, and which of them each neuron has."""
    groups = np.arange(graph.n)
    nodes: Any = getattr(graph, "nodes", None)
    if by != "neuron":
        columns = [] if nodes is None else list(nodes.columns)
        if by not in columns:
            raise unknown("connectome: leak_by", by, ["neuron", *map(str, columns)])
        groups = nodes[by].astype("string").fillna("").factorize()[0].astype(np.int64)
    try:
        values = np.asarray(leak, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"connectome: leak = {shown(leak)} is not a number, nor one per neuron.") from None
    if values.ndim and (values.shape != (graph.n,) or by != "neuron"):
        raise UserError(f"connectome: leak has shape {list(values.shape)}; expected a number or [{graph.n}].")
    if not ((values > 0) & (values <= 1)).all():
        raise UserError(f"connectome: leak = {leak!r} lies outside (0, 1]; 1 forgets the old activity.")
    return np.broadcast_to(values, (int(groups.max()) + 1,)).copy(), groups
