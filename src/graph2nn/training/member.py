"""Member of a population, and its result."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from graph2nn.arguments import checked_arguments
from graph2nn.errors import UserError
from graph2nn.training.epoch import Epoch
from graph2nn.training.recipe import Recipe

Status = Literal["finished", "diverged", "failed"]


@checked_arguments
@dataclass(frozen=True, eq=False)
class Member:
    """One network of a population, how it is trained and from which seed.

    Args:
        network: a classifier of the data's classes, or a function without arguments that builds one. A
            function that other processes can import, such as ``partial(build_model, "mlp5", wiring, widths)``,
            keeps large weights out of the way.
        recipe: how to train it.
        seed: of initialisation, order and augmentation.
        label: what reports call it.

    Example:
        >>> from functools import partial
        >>> from graph2nn import Recipe, build_model, ws_flex
        >>> build = partial(build_model, "mlp5", ws_flex(64, 8, 0.1, seed=1), [800])
        >>> Member(build, Recipe(epochs=2), seed=1, label="ws").label
        'ws'
    """

    network: nn.Module | Callable[[], nn.Module]
    recipe: Recipe
    seed: int
    label: str = ""

    def build(self) -> nn.Module:
        """Return the network, built if need be."""
        return self.network if isinstance(self.network, nn.Module) else self.network()


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a member.

    ``status`` is ``"finished"``; ``"diverged"`` where the training loss stopped being finite, which ends the
    training of that member after the epoch in which it happens, as in :func:`graph2nn.train`; or ``"failed"``
    where it could not be trained, ``message`` saying why. ``history`` has one entry per epoch, the last of a
    diverged member being the one that diverged. ``state`` is the ``state_dict`` that training left, on the
    CPU; None of a failed member.

    Example:
        >>> Outcome("ws", "failed", message="out of memory").last
    """

    label: str
    status: Status
    history: tuple[Epoch, ...] = ()
    state: dict[str, Tensor] | None = None
    message: str = ""

    @classmethod
    def of(cls, member: Member, history: Sequence[Epoch], network: nn.Module) -> Outcome:
        """Sum up a training run that ran to its end, or to the divergence of the member.

        Args:
            member: which was trained.
            history: its epochs.
            network: its network as training left it.

        Returns:
            Finished or diverged, with the weights on the CPU.
        """
        state = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
        status: Status = "finished" if math.isfinite(history[-1].train_loss) else "diverged"
        return cls(member.label, status, tuple(history), state)

    @classmethod
    def failure(cls, member: Member, error: Exception | str) -> Outcome:
        """Report a member that could not be trained."""
        message = error if isinstance(error, str) else complaint(error)
        return cls(member.label, "failed", message=message)

    @property
    def last(self) -> Epoch | None:
        """The last epoch whose training loss was finite; None if there was none."""
        return next((epoch for epoch in reversed(self.history) if math.isfinite(epoch.train_loss)), None)


def complaint(error: BaseException) -> str:
    """Return an error as one line: its message, and its kind where it is not meant for the user."""
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}".removesuffix(": ")
