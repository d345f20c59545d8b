"""Dense recurrent networks with as many weights as a connectome: its baselines, RNN and GRU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from graph2nn.errors import unknown
from graph2nn.models.connectome_rnn import ConnectomeRNN, Read, _activation, check_input, encode

Cell = Literal["rnn", "gru"]


class DenseRecurrent(nn.Module):
    """A dense recurrent layer used as :class:`ConnectomeRNN` is: inputs held for some rounds, or sequences.

    Shapes as there. Weights are N(0, 1/√fan-in), biases start at zero, the state at zero.

    Args:
        in_features: features of the input.
        out_features: of the output.
        width: features of the state.
        cell: ``"rnn"``: f(W r + bias + encoder(x)); ``"gru"``: gated (Cho et al., 2014).
        rounds: for an input that is held.
        activation: of the RNN, by name or a function; the GRU has tanh.
        read: which steps of a sequence are read.
        train_encoder: train the encoder; False leaves it as it was drawn.
        init_gain: factor of the recurrent weights at the start.

    Raises:
        UserError: an unknown cell, or an input of another shape.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        width: int,
        *,
        cell: Cell = "rnn",
        rounds: int = 8,
        activation: str | Callable[[Tensor], Tensor] = "relu",
        read: Read = "all",
        train_encoder: bool = True,
        init_gain: float = 1.0,
    ) -> None:
        super().__init__()
        if cell not in get_args(Cell):
            raise unknown("baseline: cell", cell, get_args(Cell))
        self.in_features, self.width, self.cell, self.rounds, self.read = in_features, width, cell, rounds, read
        self.activation, self.init_gain = _activation(activation), init_gain
        gates = 3 if cell == "gru" else 1
        self.encoder = nn.Linear(in_features, gates * width, bias=False).requires_grad_(train_encoder)
        self.recurrent = nn.Linear(width, gates * width)
        self.readout = nn.Linear(width, out_features)
        self.initialise()

    @torch.no_grad()
    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw all weights from ``generator``, or torch's own; biases at zero."""
        for layer in (self.encoder, self.recurrent, self.readout):
            gain = self.init_gain if layer is self.recurrent else 1.0
            nn.init.normal_(layer.weight, std=gain * layer.in_features**-0.5, generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()

    def activity(self, x: Tensor) -> Tensor:
        """Return the state after every round, ``[batch, rounds or time, width]``."""
        drives = encode(self.encoder, x.flatten(1) if x.ndim == 4 else x)
        steps = [drives] * self.rounds if drives.ndim == 2 else list(drives.unbind(1))
        state, states = drives.new_zeros(len(x), self.width), []
        for drive in steps:
            state = self._step(drive, state)
            states.append(state)
        return torch.stack(states, dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, in]`` or images to ``[batch, out]``; sequences to the output of every step."""
        x = x.flatten(1) if x.ndim == 4 else x
        check_input("baseline", x, self.in_features)
        drives = encode(self.encoder, x)
        steps = [drives] * self.rounds if drives.ndim == 2 else list(drives.unbind(1))
        state = drives.new_zeros(len(x), self.width)
        read: list[Tensor] = []
        for drive in steps:
            state = self._step(drive, state)
            if drives.ndim == 3 and self.read == "all":
                read.append(self.readout(state))
        return torch.stack(read, dim=1) if read else self.readout(state)

    def _step(self, drive: Tensor, state: Tensor) -> Tensor:
        before = self.recurrent(state)
        if self.cell == "rnn":
            return self.activation(drive + before)
        x_reset, x_update, x_new = drive.chunk(3, dim=1)
        reset, update, new = before.chunk(3, dim=1)
        candidate = torch.tanh(x_new + torch.sigmoid(x_reset + reset) * new)
        return torch.lerp(candidate, state, torch.sigmoid(x_update + update))


def dense_baseline(
    network: ConnectomeRNN,
    cell: Cell = "rnn",
    *,
    rounds: int | None = None,
    activation: str | Callable[[Tensor], Tensor] | None = None,
    read: Read | None = None,
    train_encoder: bool = True,
    init_gain: float = 1.0,
) -> DenseRecurrent:
    """Return a dense recurrent network with as many weights as a connectome's, as near as a width comes.

    Counted are the weights and biases that the networks could train: encoder, recurrent weights, read-out.

    Args:
        network: gives inputs, outputs, rounds, activation and the number of weights.
        cell: ``"rnn"`` or ``"gru"``.
        rounds, activation, read: those of the network if left out.
        train_encoder, init_gain: as for :class:`DenseRecurrent`.

    Returns:
        The network.

    Raises:
        UserError: an unknown cell.

    Example:
        >>> from graph2nn import ConnectomeRNN, ws_flex
        >>> network = ConnectomeRNN(ws_flex(64, 8, 0.3, 1), 3, 2, inputs=range(4), outputs=range(8, 12))
        >>> dense_baseline(network).width
        23
    """
    wanted = len(network.recurrent_weight()) + sum(
        parameter.numel()
        for name, parameter in network.named_parameters()
        if not name.startswith(("weights.", "leak"))
    )
    gates = 3 if cell == "gru" else 1
    inputs, outputs = network.in_features, network.out_features

    def weights(width: int) -> int:
        return gates * width * (inputs + width + 1) + (width + 1) * outputs

    width = 1
    while abs(weights(width + 1) - wanted) <= abs(weights(width) - wanted):
        width += 1
    return DenseRecurrent(
        inputs, outputs, width,
        cell=cell,
        rounds=network.rounds if rounds is None else rounds,
        activation=activation or network.activation,
        read=read or network.read,
        train_encoder=train_encoder,
        init_gain=init_gain,
    )  # fmt: skip
