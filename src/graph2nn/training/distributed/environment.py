"""Rank and world size of this process, from torchrun, SLURM or the process that started it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from graph2nn.errors import UserError
from graph2nn.training.distributed.ranks import Ranks
from graph2nn.training.processes import end_with_parent

#: The interface by which processes of one Linux machine talk.
LOOPBACK = "lo"


@dataclass(frozen=True)
class Place:
    """One process of several, and where all meet.

    Args:
        rank: of this process, from 0.
        world: how many there are.
        local: its number on this machine, which picks its GPU.
        meeting: ``env://``, as torchrun says it in its variables; ``tcp://host:port``, which rank 0 opens; or
            ``open://host:port``, which whoever began the ranks has opened.

    Example:
        >>> Place(rank=0, world=2, local=0, meeting="env://").world
        2
    """

    rank: int
    world: int
    local: int
    meeting: str

    def device(self, kind: str) -> str:
        """Return the device of this process among those of a kind.

        Raises:
            UserError: there is no GPU for it, or a kind that cannot work together.
        """
        check_devices(kind, self.local + 1)
        return f"cuda:{self.local}" if torch.device(kind).type == "cuda" else kind


def check_devices(kind: str, count: int) -> None:
    """Raise UserError if the machine has fewer devices.

    Raises:
        UserError: more than there are, or of a kind that cannot work together.
    """
    name = torch.device(kind).type
    if name not in ("cpu", "cuda"):
        raise UserError(f"--devices: several {name} devices cannot train together; use --device cpu or cuda.")
    if name == "cuda" and torch.device(kind).index is not None:
        raise UserError(f"--device: {kind!r} is one GPU; with several processes write --device cuda.")
    if name == "cuda" and count > torch.cuda.device_count():
        raise UserError(
            f"--devices: {count} asked for, this machine has {torch.cuda.device_count()} GPUs; "
            "ask for fewer, or use --device cpu."
        )


def place_of(environment: Mapping[str, str] = os.environ) -> Place | None:
    """Return what torchrun, or ``srun`` with several tasks, says of this process; None where it is alone.

    Raises:
        UserError: what they say is incomplete, or no number.

    Example:
        >>> place_of({})
        >>> torchrun = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}
        >>> place_of({**torchrun, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}).rank
        1
    """
    if (world := _number(environment, "WORLD_SIZE", "1")) > 1:
        rank = _number(environment, "RANK")
        return Place(rank, world, _number(environment, "LOCAL_RANK", str(rank)), "env://")
    # Not SLURM_NTASKS, which a batch script sees too, where only one process was started.
    if (world := _number(environment, "SLURM_STEP_NUM_TASKS", "1")) > 1:
        job = _number(environment, "SLURM_JOB_ID", "0") * 7 + _number(environment, "SLURM_STEP_ID", "0")
        host = environment.get("MASTER_ADDR") or first_host(environment.get("SLURM_STEP_NODELIST", ""))
        port = _number(environment, "MASTER_PORT", str(20000 + job % 10000))
        local = _number(environment, "SLURM_LOCALID", "0")
        return Place(_number(environment, "SLURM_PROCID"), world, local, f"tcp://{host}:{port}")
    return None


def first_host(nodes: str) -> str:
    """Return the first machine of a list as SLURM writes it.

    >>> first_host("gpu[07-09,12],login1")
    'gpu07'
    """
    match = re.match(r"([^,\[]+)(?:\[(\w+)[^\]]*\]([^,\[]*))?", nodes)
    if not match:
        raise UserError(f"SLURM_STEP_NODELIST: {nodes!r} names no machine; set MASTER_ADDR to that of rank 0.")
    return "".join(part or "" for part in match.groups())


def _number(environment: Mapping[str, str], name: str, default: str = "") -> int:
    text = environment.get(name, default)
    if not text.isdecimal():
        said = f"is {text!r}, expected a whole number" if text else "is missing"
        raise UserError(
            f"{name}: {said}. torchrun and srun set it; unset WORLD_SIZE to train in this process alone."
        )
    return int(text)


@contextmanager
def joined(place: Place, device: str, *, sync_bn: bool = False) -> Iterator[Ranks]:
    """Meet the other ranks, and part from them at the end. Collectives of GPUs go by nccl, of CPUs by gloo.

    Should whoever began this process die, it ends at once, whatever it is doing. After parting no thread of
    gloo is left: one that lets go of a tensor while the interpreter ends would abort the process. nccl is
    untested.

    Args:
        place: of this process.
        device: of this process.
        sync_bn: see :class:`Ranks`.

    Returns:
        The ranks, as a context.

    Example:
        >>> place = Place(rank=0, world=1, local=0, meeting="env://")
        >>> with joined(place, "cpu") as ranks:  # doctest: +SKIP
        ...     ranks.world
    """
    end_with_parent()
    cuda = torch.device(device).type == "cuda"
    arguments: dict[str, Any] = {"rank": place.rank, "world_size": place.world}
    if place.meeting.startswith("open://"):
        host, port = place.meeting.removeprefix("open://").split(":")
        arguments["store"] = TCPStore(host, int(port), place.world, is_master=False)
        if (Path("/sys/class/net") / LOOPBACK).exists():
            os.environ.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK)  # host names need not resolve then
    else:
        arguments["init_method"] = place.meeting
    if cuda:
        torch.cuda.set_device(device)
    # Its functions have the process group of the time of their import as a default, and would keep it for ever.
    import_module("torch.distributed.nn.functional")
    dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", **arguments)
    try:
        yield Ranks(place.rank, place.world, sync_bn)
    finally:
        dist.destroy_process_group()
