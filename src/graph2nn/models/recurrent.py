"""Recurrent networks, plain, GRU and LSTM: sequence classifiers each of whose gates follows a wiring."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from graph2nn.errors import UserError, unknown
from graph2nn.layers.joined import joined
from graph2nn.models.architecture import Architecture, Size, check_widths
from graph2nn.models.initialise import draw_by_fan_in
from graph2nn.models.layer_shapes import LayerShape, Shape
from graph2nn.wiring import Wiring, at_stage, begin

Cell = Literal["rnn", "gru", "lstm"]


class RecurrentLayer(nn.Module):
    """One recurrent layer, as wide before as after; each gate has a wired layer for its input and its state.

    Shapes: ``[batch, time, width]`` to the same. With dense layers it computes what torch's own does; the
    state starts at zero.

    Args:
        width: features of the input and of the state.
        wiring: makes the layers, with biases: of each gate, in torch's order, the input's and the state's.
    """

    gates: ClassVar[int]

    def __init__(self, width: int, wiring: Wiring) -> None:
        super().__init__()
        self.from_input, self.from_state = nn.ModuleList(), nn.ModuleList()
        for _ in range(self.gates):
            self.from_input.append(wiring.linear(width, width, bias=True))
            self.from_state.append(wiring.linear(width, width, bias=True))

    def forward(self, x: Tensor) -> Tensor:
        """Return the state after each step."""
        # The input's share does not wait for the state: one product for the whole sequence.
        inputs = [share.unbind(1) for share in joined(self.from_input)(x)]
        from_state = joined(self.from_state)
        state = self.start(x)
        states = []
        for step in zip(*inputs, strict=True):
            state = self.step(step, from_state(state[0]), state)
            states.append(state[0])
        return torch.stack(states, dim=1)

    def start(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the state before the first step; what the gates read comes first."""
        return (x.new_zeros(x.shape[0], x.shape[2]),)

    @abstractmethod
    def step(
        self, inputs: Sequence[Tensor], before: Sequence[Tensor], state: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """Return the next state, from what each gate makes of the input and of the state ``[batch, width]``.

        Args:
            inputs: what each gate makes of the input, ``[batch, width]`` each.
            before: what each gate makes of the state, likewise.
            state: ``[batch, width]`` each.

        Returns:
            The next state, as ``state``.
        """


class RNNLayer(RecurrentLayer):
    """Elman's: tanh of one sum (Elman, 1990)."""

    gates = 1

    def step(
        self, inputs: Sequence[Tensor], before: Sequence[Tensor], state: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """Return tanh(input + state).

        Args:
            inputs, before, state: as for :meth:`RecurrentLayer.step`.

        Returns:
            The next state.
        """
        return (torch.tanh(inputs[0] + before[0]),)


class GRULayer(RecurrentLayer):
    """Gated recurrent unit (Cho et al., 2014), as torch has it: gates reset, update, new."""

    gates = 3

    def step(
        self, inputs: Sequence[Tensor], before: Sequence[Tensor], state: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """Mix the old state and a new one that has read the old through the reset gate.

        Args:
            inputs, before, state: as for :meth:`RecurrentLayer.step`.

        Returns:
            The next state.
        """
        reset, update = (torch.sigmoid(inputs[i] + before[i]) for i in (0, 1))
        new = torch.tanh(inputs[2] + reset * before[2])
        return ((1 - update) * new + update * state[0],)


class LSTMLayer(RecurrentLayer):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997): gates input, forget, cell, output."""

    gates = 4

    def start(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return a state and a memory cell of zeros."""
        return super().start(x) * 2

    def step(
        self, inputs: Sequence[Tensor], before: Sequence[Tensor], state: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """Forget some of the cell, add to it, and show some of it.

        Args:
            inputs, before, state: as for :meth:`RecurrentLayer.step`.

        Returns:
            The next output and the next cell.
        """
        sums = [i + b for i, b in zip(inputs, before, strict=True)]
        write, forget, show = (torch.sigmoid(sums[i]) for i in (0, 1, 3))
        cell = forget * state[1] + write * torch.tanh(sums[2])
        return show * torch.tanh(cell), cell


_LAYERS: dict[str, type[RecurrentLayer]] = {"rnn": RNNLayer, "gru": GRULayer, "lstm": LSTMLayer}


class RecurrentClassifier(nn.Module):
    """Dense projection of the input, recurrent layers that follow a wiring, dense head on the last state.

    Shapes: ``[batch, time, features]`` to ``[batch, num_classes]``. Sequences may have any length. Images
    ``[batch, channels, H, W]`` are read row by row: H steps of channels · W values, channel by channel.

    Args:
        cell: kind of recurrent layer: ``"rnn"``, ``"gru"`` or ``"lstm"``.
        features: of one step of the input.
        width: features of the states, at least the number of nodes of the wiring.
        num_classes: outputs of the dense head.
        depth: number of recurrent layers.
        dropout: share of the states zeroed between two layers while training.
        wiring: makes the wired layers.

    Raises:
        UserError: an unknown cell; a width smaller than the number of nodes.

    Example:
        >>> import torch
        >>> model = RecurrentClassifier("gru", features=8, width=16, num_classes=3)
        >>> model(torch.zeros(2, 5, 8)).shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        cell: Cell,
        features: int,
        width: int,
        num_classes: int,
        *,
        depth: int = 2,
        dropout: float = 0.0,
        wiring: Wiring | None = None,
    ) -> None:
        super().__init__()
        kind = _kind(cell)
        wiring = at_stage(begin(wiring), 0)
        self.stem = nn.Linear(features, width)
        self.layers = nn.Sequential()
        for index in range(depth):
            if index:
                self.layers.append(nn.Dropout(dropout))
            self.layers.append(kind(width, wiring))
        self.head = nn.Linear(width, num_classes)
        self.initialise()

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Redraw all parameters, by fan-in: at 0.01 a state would be forgotten after a step or two."""
        draw_by_fan_in(self, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, time, features]`` or images to class scores ``[batch, num_classes]``."""
        steps = x.transpose(1, 2).flatten(2) if x.ndim == 4 else x
        scores: Tensor = self.head(self.layers(self.stem(steps))[:, -1])
        return scores


def _kind(cell: str) -> type[RecurrentLayer]:
    if cell not in _LAYERS:
        raise unknown("model: cell", cell, _LAYERS)
    return _LAYERS[cell]


def recurrent_shapes(
    cell: Cell, width: int, num_classes: int, input_size: Size, *, depth: int = 2, dropout: float = 0.0
) -> list[Shape]:
    """Return the layers of :class:`RecurrentClassifier` on ``(time, features)``, or images, for the budget.

    Args:
        cell, width, num_classes, input_size, depth, dropout: as for :class:`RecurrentClassifier`.

    Returns:
        The layers in the order in which they run.
    """
    time, features = _steps(input_size)
    gate = LayerShape(width, width, positions=time, wired=True, bias=True, norm=False)
    return [
        LayerShape(features, width, positions=time, bias=True, norm=False),
        *[gate] * (depth * 2 * _kind(cell).gates),
        LayerShape(width, num_classes, bias=True, norm=False),
    ]


def _steps(input_size: Size) -> tuple[int, int]:
    """Return time and features of a sequence, or of an image whose rows are the steps."""
    if len(input_size) not in (2, 3) or min(input_size) < 1:
        raise UserError(
            f"model: input size {tuple(input_size)} is not that of a sequence; give (time, features), "
            "for example (28, 28), or (channels, height, width) of images to read row by row."
        )
    *channels, time, width = input_size
    return time, math.prod(channels) * width


def recurrent(cell: Cell) -> Architecture:
    """Return two recurrent layers of one kind; options are ``depth`` and ``dropout``.

    It reads sequences ``(time, features)``, or the rows of images ``(channels, height, width)``.
    """

    def build(
        wiring: Wiring, widths: Sequence[int], num_classes: int, input_size: Size, **options: Any
    ) -> nn.Module:
        (width,), (_, features) = check_widths(cell, widths, 1), _steps(input_size)
        return RecurrentClassifier(cell, features, width, num_classes, wiring=wiring, **options)

    def shapes(widths: Sequence[int], num_classes: int, input_size: Size, **options: Any) -> list[Shape]:
        (width,) = check_widths(cell, widths, 1)
        return recurrent_shapes(cell, width, num_classes, input_size, **options)

    return Architecture(
        about=f"{cell.upper()}, 2 layers whose gates are wired (sequences, rows of images)",
        build=build,
        shapes=shapes,
        widths=(128,),
        num_classes=10,
        input_size=(28, 28),
        options=recurrent_shapes,
    )
