"""Launch of the ranks of one machine, one process each, which start, stop and end together."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Literal

import torch
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from graph2nn.errors import UserError
from graph2nn.preemption import Preempted, Stop, end, heed_first_request, signals_caught
from graph2nn.training.distributed.environment import Place, check_devices, joined
from graph2nn.training.distributed.ranks import Ranks
from graph2nn.training.member import complaint
from graph2nn.training.processes import (
    can_spawn,
    end_with_parent,
    ending_of,
    start_process,
    usable_cores,
)

#: From the ranks and the device of this process to a result. Must be importable elsewhere.
Job = Callable[[Ranks, str], Any]

#: Seconds between two looks at whether a signal has come.
POLL = 0.2
#: Seconds in which the others may say what happened once one rank has failed; then they are ended.
LAST_WORDS = 1.0

Kind = Literal["done", "wrong", "failed", "died", "interrupted", "preempted"]
#: What the ranks' endings mean together is what the first of these says. A rank whose neighbour died complains
#: of a broken connection, so a death explains more.
_TELLING: tuple[Kind, ...] = ("wrong", "died", "failed", "interrupted", "preempted", "done")


class RankError(RuntimeError):
    """A rank failed or died, and the others were ended; one line says which and why.

    Example:
        >>> raise RankError("rank 1 died")
        Traceback (most recent call last):
            ...
        graph2nn.training.distributed.launch.RankError: rank 1 died
    """


@dataclass(frozen=True)
class _RankResult:
    """How a rank ended; ``content`` is a result, a message, or what :class:`Preempted` takes."""

    kind: Kind
    content: Any = None
    details: str = ""
    at: float = field(default_factory=time.time)


def launch(
    job: Job, world: int, *, device: str = "cpu", threads: int | None = None, sync_bn: bool = False
) -> Any:
    """Do ``job`` in ``world`` processes of this machine, a device each, and return the first rank's result.

    Signals that would stop this process are passed on to all ranks. If a rank fails or dies, the others are
    ended within seconds; if this process dies, all are.

    Args:
        job: called in each process with its :class:`Ranks` and its device; sent there by pickle.
        world: number of processes; on ``"cuda"`` at most the number of GPUs.
        device: ``"cpu"`` or ``"cuda"``. Untested on GPU.
        threads: of torch in each process; the cores dealt out evenly if left out.
        sync_bn: see :class:`Ranks`.

    Returns:
        What ``job`` returned on rank 0.

    Raises:
        UserError: too few devices; a job that cannot be sent to other processes; wrong input to a rank.
        RankError: a rank failed, or its process died.
        Preempted: the ranks were asked to stop and have saved themselves; KeyboardInterrupt after Ctrl-C.

    Example:
        >>> from graph2nn.training.distributed import launch
        >>> def job(ranks, device):
        ...     return ranks.world
        >>> launch(job, 2)  # doctest: +SKIP
        2
    """
    if world < 1:
        raise UserError(f"--devices: {world} is not possible; give at least 1.")
    check_devices(device, world)
    if not can_spawn():
        raise UserError("--devices: this process is itself a worker and may start none; use one device here.")
    threads = threads or max(1, usable_cores() // world)
    # Kept open here: ranks need neither a free port of their own nor each other to find it.
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    crew = _Crew()
    try:
        with signals_caught() as stop:
            for rank in range(world):
                place = Place(rank, world, rank, f"open://127.0.0.1:{store.port}")
                crew.start(job, place, device, threads, sync_bn)
            crew.listen(stop)
            return _verdict(crew.endings, world, crew.told)
    finally:
        crew.end()


def _verdict(endings: dict[int, _RankResult], world: int, told: str | None) -> Any:
    """Return the first rank's result, or raise what the endings of all ranks mean together."""
    rank, ending = min(endings.items(), key=lambda item: (_TELLING.index(item[1].kind), item[1].at, item[0]))
    if ending.kind == "wrong":
        raise UserError(ending.content)
    if ending.kind == "died" and told:  # before it could listen, or without checkpoints to make
        end(told, None)
    if ending.kind in ("died", "failed"):
        happened = f"rank {rank} of {world} {ending.content}"
        raise RankError(
            f"train: {happened}, and the others were ended. "
            "Run the same command again to go on from the last checkpoint."
        ) from (RuntimeError(ending.details) if ending.details else None)
    if ending.kind == "interrupted":
        raise KeyboardInterrupt
    if ending.kind == "preempted":
        raise Preempted(*ending.content)
    return endings[0].content


class _Crew:
    """The processes, and how those that have ended did."""

    def __init__(self) -> None:
        self.endings: dict[int, _RankResult] = {}
        self.told: str | None = None
        self._ranks: list[tuple[BaseProcess, Connection]] = []

    def start(self, job: Job, place: Place, device: str, threads: int, sync_bn: bool) -> None:
        """Begin one more rank."""
        context = get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        # Not a daemon, which may have no children of its own to read photos.
        process = context.Process(
            target=_live, args=(theirs, job, place, device, threads, sync_bn), daemon=False
        )
        start_process(process, theirs)
        self._ranks.append((process, ours))

    def listen(self, stop: Stop) -> None:
        """Wait until all have ended, or one has failed; pass on what asks this process to stop."""
        deadline = float("inf")
        open_ = {connection: rank for rank, (_, connection) in enumerate(self._ranks)}
        while open_ and time.monotonic() < deadline:
            if (reason := stop()) and not self.told:
                self.told = reason
                self._tell(reason)
            for connection in wait(list(open_), POLL):
                rank = open_.pop(connection)  # type: ignore[call-overload]
                self.endings[rank] = self._ending(rank)
                if self.endings[rank].kind in ("wrong", "failed", "died"):
                    deadline = min(deadline, time.monotonic() + LAST_WORDS)

    def end(self) -> None:
        """End what still runs, and wait until it is gone."""
        for process, connection in self._ranks:
            connection.close()
            process.join(0 if process.is_alive() and not self._said_all() else 10)
            if process.is_alive():
                process.kill()  # in the middle of an exchange it would not hear a gentler word
        for process, _ in self._ranks:
            process.join()

    def _said_all(self) -> bool:
        return len(self.endings) == len(self._ranks)

    def _tell(self, reason: str) -> None:
        for process, _ in self._ranks:
            if process.pid and process.is_alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, getattr(signal, reason))

    def _ending(self, rank: int) -> _RankResult:
        process, connection = self._ranks[rank]
        try:
            ending: _RankResult = pickle.loads(connection.recv_bytes())
        except (EOFError, OSError):
            process.join()
            code = process.exitcode or 0
            hint = "" if code < 0 else " before it could begin or say why"
            return _RankResult("died", ending_of(code) + hint)
        return ending


def _live(connection: Connection, job: Job, place: Place, device: str, threads: int, sync_bn: bool) -> None:
    """Life of a rank."""
    if hasattr(os, "setpgrp"):
        # Ctrl-C in a terminal is for whoever began the ranks, who passes it on: once, and to all.
        os.setpgrp()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    heed_first_request()
    end_with_parent()
    torch.set_num_threads(threads)
    with contextlib.suppress(BrokenPipeError):  # nobody listens any more
        connection.send_bytes(pickle.dumps(_run_job(job, place, device, sync_bn)))


def _run_job(job: Job, place: Place, device: str, sync_bn: bool) -> _RankResult:
    try:
        device_of_rank = place.device(device)
        with joined(place, device_of_rank, sync_bn=sync_bn) as ranks:
            result = job(ranks, device_of_rank)
            return _RankResult("done", result if ranks.first else None)
    except Preempted as request:
        return _RankResult("preempted", (request.reason, request.checkpoint))
    except KeyboardInterrupt:
        return _RankResult("interrupted")
    except UserError as error:
        return _RankResult("wrong", str(error))
    except Exception as error:
        return _RankResult("failed", f"failed ({complaint(error)})", traceback.format_exc())
