"""Population training: many networks at once, each with the numbers it would have alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import torch
from torch import nn

from graph2nn.arguments import checked_arguments
from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import Samples
from graph2nn.errors import UserError, unknown
from graph2nn.models.mlp import MLP
from graph2nn.training.epoch import Epoch
from graph2nn.training.loop import train
from graph2nn.training.member import Member, Outcome
from graph2nn.training.processes import TaskResult, can_spawn, run_tasks, usable_cores
from graph2nn.training.shared_memory import SharedDataset
from graph2nn.training.stacked import group, train_stacked, why_not_recipe
from graph2nn.training.stacked_mlp import why_not

Method = Literal["auto", "processes", "stacked", "one by one"]
OnEpoch = Callable[[Member, Epoch], None]


@checked_arguments
def train_population(
    members: Sequence[Member],
    data: Dataset,
    *,
    device: torch.device | str = "cpu",
    method: Method = "auto",
    processes: int | None = None,
    on_epoch: OnEpoch | None = None,
) -> list[Outcome]:
    """Train many networks, on different graphs, of different widths, from different seeds.

    Each member gets the numbers that :func:`graph2nn.train` would give it alone: to the last bit one by one
    (and in processes, whose one thread the comparison must have too), to rounding in a stack. A member that
    diverges or cannot be trained is reported and does not stop the others; Ctrl-C stops all.

    ``"processes"`` gives each CPU core a process with one thread, which imports torch first (seconds); the
    members that cost most begin first, and one whose process dies is tried once more. ``"stacked"`` trains
    all members of a kind in one step, see :func:`graph2nn.training.stacked.train_stacked`; on a CPU it does
    not pay. ``"auto"`` stacks what it can on CUDA (untested on GPU), takes processes on a CPU of several
    cores, and else trains one by one.

    Args:
        members: the networks. One given as a module is left trained, whatever the method.
        data: the data set of all of them.
        device: where to train.
        method: how.
        processes: how many for ``"processes"``; by default one per core.
        on_epoch: called with a member and its numbers after each epoch of each member; after those of a
            second try too, should a process have died.

    Returns:
        One outcome per member, in the order of ``members``.

    Raises:
        UserError: a method that does not exist, or that cannot be used for these members or from here; a
            network given twice.

    Example:
        >>> from graph2nn import Member, Recipe, build_model, load_dataset
        >>> network = build_model("mlp3", None, [16], input_size=(1, 8, 8), stem=16)
        >>> members = [Member(network, Recipe(epochs=1), seed=1, label="dense")]
        >>> outcomes = train_population(members, load_dataset("digits"), method="one by one")
        >>> [outcome.status for outcome in outcomes]
        ['finished']
    """
    if method not in get_args(Method):
        raise unknown("population: method", method, get_args(Method))
    if processes is not None and processes < 1:
        raise UserError(f"population: processes = {processes}, expected at least 1.")
    modules = [id(member.network) for member in members if isinstance(member.network, nn.Module)]
    if len(set(modules)) < len(modules):
        raise UserError(
            "population: two members share a network; give each its own, or a function that builds it."
        )
    device = torch.device(device)
    processes = min(processes or usable_cores(), len(members))
    if method == "auto":
        method = _best(device, processes)
        if method == "stacked":
            return _stacked(members, data, device, on_epoch, refuse=False)
    if method == "stacked":
        return _stacked(members, data, device, on_epoch, refuse=True)
    if method == "processes":
        return _in_processes(members, data, device, processes, on_epoch)
    return [_alone(member, data, device, on_epoch) for member in members]


def _best(device: torch.device, processes: int) -> Method:
    if device.type == "cuda":
        return "stacked"
    return "processes" if device.type == "cpu" and processes > 1 and can_spawn() else "one by one"


def _alone(member: Member, data: Dataset, device: torch.device, on_epoch: OnEpoch | None) -> Outcome:
    """Train one member here. What the callback raises is not the member's failure and goes through."""
    raised: list[Exception] = []

    def note(epoch: Epoch) -> None:
        if on_epoch:
            try:
                on_epoch(member, epoch)
            except Exception as error:
                raised.append(error)
                raise

    try:
        network = member.build()
        history = train(network, data, member.recipe, seed=member.seed, device=device, on_epoch=note)
        return Outcome.of(member, history, network)
    except Exception as error:
        if raised:
            raise
        return Outcome.failure(member, error)


# --- processes ---------------------------------------------------------------------------------------------


def _in_processes(
    members: Sequence[Member], data: Dataset, device: torch.device, processes: int, on_epoch: OnEpoch | None
) -> list[Outcome]:
    if not members:
        return []
    cost = [_cost(member, data) for member in members]
    order = sorted(range(len(members)), key=lambda index: -cost[index])
    endings = run_tasks(
        _Training(SharedDataset(data), device),
        [members[index] for index in order],
        processes=processes,
        on_note=lambda task, epoch: on_epoch(members[order[task]], epoch) if on_epoch else None,
    )
    outcomes = {index: _adopt(members[index], ending) for index, ending in zip(order, endings, strict=True)}
    return [outcomes[index] for index in range(len(members))]


def _cost(member: Member, data: Dataset) -> float:
    """Multiply-adds of a training run, so that no long one begins last; without a network, its epochs alone."""
    from graph2nn.budget.trace import macs

    epochs = member.recipe.epochs
    if not isinstance(member.network, nn.Module):
        return float(epochs)
    try:
        return float(epochs * macs(member.network, input_size=data.image_shape))
    except Exception:  # its training will say what is wrong with it
        return 0.0


def _adopt(member: Member, ending: TaskResult) -> Outcome:
    """Take over what a process made of a member, weights included."""
    if ending.error is not None:
        return Outcome.failure(member, ending.error)
    outcome: Outcome = ending.result
    if isinstance(member.network, nn.Module) and outcome.state is not None:
        member.network.load_state_dict(outcome.state)
    return outcome


@dataclass(frozen=True)
class _Training:
    """What a worker process does with a member."""

    data: SharedDataset
    device: torch.device

    def __call__(self, member: Member, note: Callable[[Any], None]) -> Outcome:
        network = member.build()
        history = train(
            network, self.data.value, member.recipe, seed=member.seed, device=self.device, on_epoch=note
        )
        return Outcome.of(member, history, network)


def _why_not_data(data: Dataset) -> str:
    """Say why networks cannot be trained on a data set in a stack; nothing if they can."""
    if isinstance(data.train, Samples) or data.task != "classification":
        return f"{data.label} is not images of bytes with classes"
    return f"{data.label} has a validation part, which stacks do not evaluate" if data.validation else ""


# --- stacks ------------------------------------------------------------------------------------------------


def _stacked(
    members: Sequence[Member], data: Dataset, device: torch.device, on_epoch: OnEpoch | None, *, refuse: bool
) -> list[Outcome]:
    """Train what can be stacked in stacks, one a group; refuse the rest, or train it one by one."""
    outcomes: dict[int, Outcome] = {}
    networks: dict[int, MLP] = {}
    rest: list[int] = []
    for index, member in enumerate(members):
        try:
            network = member.build()
        except Exception as error:
            outcomes[index] = Outcome.failure(member, error)
            continue
        reason = why_not(network) or why_not_recipe(member.recipe) or _why_not_data(data)
        if reason and refuse:
            raise UserError(f"population: {member.label or f'member {index}'} cannot be stacked: {reason}.")
        if reason or member.recipe.batch_size > len(data.train):  # the latter fails there, with its reason
            rest.append(index)
        else:
            networks[index] = cast(MLP, network)
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, mlp in networks.items():
        groups.setdefault(group(members[index], mlp), []).append(index)
    for indices in groups.values():
        stack, theirs = [members[i] for i in indices], [networks[i] for i in indices]
        trained = train_stacked(stack, theirs, data, device=device, on_epoch=on_epoch)
        outcomes |= zip(indices, trained, strict=True)
    outcomes |= {index: _alone(members[index], data, device, on_epoch) for index in rest}
    return [outcomes[index] for index in range(len(members))]
