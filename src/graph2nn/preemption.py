"""Pre-emption: when a scheduler takes the machine back, save a checkpoint and exit; the run can resume."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

#: What a run that was pre-empted exits with: HTCondor's code for a job that wants to be queued again, and what
#: a SLURM or Ray wrapper can tell from a failure.
REQUEUE_EXIT_CODE = 85

#: What schedulers send before they take a machine back, and Ctrl-C.
SIGNALS = ("SIGTERM", "SIGUSR1", "SIGUSR2", "SIGINT")

#: Asked after each batch; returns why the training should save itself and end, or None.
Stop = Callable[[], str | None]

#: By number of the signal, as :func:`signal.getsignal` returns them.
Handlers = dict[int, Any]


class Preempted(SystemExit):
    """The training run was asked to stop. Whoever does not catch it ends with the code for requeueing.

    Args:
        reason: the signal, or whatever the :data:`Stop` said.
        checkpoint: what the same command will go on from; None if nothing was saved.

    Example:
        >>> Preempted("SIGUSR1", None).reason
        'SIGUSR1'
    """

    def __init__(self, reason: str, checkpoint: Path | None) -> None:
        super().__init__(REQUEUE_EXIT_CODE)
        self.reason, self.checkpoint = reason, checkpoint

    def __str__(self) -> str:
        """Return one line for a person."""
        saved = "saved, the same command goes on from there" if self.checkpoint else "nothing was saved"
        return f"stopped by {self.reason}: {saved}."


def heed_first_request() -> None:
    """Tell that this process ends when it is stopped: commands and worker processes do, a notebook does not.

    Schedulers ask more than once, and some ask both a process and its parent, who passes it on. Once such a
    process has been stopped, it ignores further requests while it ends: dying of one would hide the exit code
    by which it asks to be queued again.
    """
    global _ends_when_stopped
    _ends_when_stopped = True


_ends_when_stopped = False


@contextmanager
def handled(handler: Callable[[int, Handlers], object], names: Sequence[str]) -> Iterator[None]:
    """Let a handler hear signals; those of before are put back at the end.

    Who was started deaf to a signal stays so: worker processes leave Ctrl-C to their parent.

    Args:
        handler: called with the number of each signal and the handlers of before.
        names: of the signals; those that the system lacks are left out.
    """

    def hear(number: int, _frame: FrameType | None) -> None:
        handler(number, before)

    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    before = {number: earlier for number, earlier in before.items() if earlier != signal.SIG_IGN}
    for number in before:
        signal.signal(number, hear)
    stopped = False
    try:
        yield
    except SystemExit as request:
        stopped = request.code == REQUEUE_EXIT_CODE
        raise
    finally:
        for number, earlier in before.items():
            ignored = stopped and _ends_when_stopped and number != signal.SIGINT
            # None is a handler that was not set from Python and cannot be put back.
            signal.signal(number, signal.SIG_IGN if ignored else earlier or signal.SIG_DFL)


@contextmanager
def signals_caught(names: Sequence[str] = SIGNALS) -> Iterator[Stop]:
    """Note signals instead of dying of them; the training asks after each batch, see :func:`graph2nn.train`.

    A second Ctrl-C interrupts at once, as always. A signal that came too late for the training to see it is
    raised again at the end. Outside the main thread, where Python catches no signals, nothing changes.

    Example:
        >>> with signals_caught() as stop:
        ...     stop()
    """
    caught: list[str] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def note(number: int, before: Handlers) -> None:
        caught.append(signal.Signals(number).name)
        if number == signal.SIGINT:
            signal.signal(number, before[number])

    with handled(note, names):
        yield lambda: caught[0] if caught else None
    if caught:
        signal.raise_signal(getattr(signal, caught[0]))


def end(reason: str, checkpoint: Path | None) -> None:
    """End the training: as an interruption where a person asked, as a pre-emption otherwise.

    Raises:
        KeyboardInterrupt: ``reason`` is Ctrl-C.
        Preempted: it is anything else.
    """
    if reason == "SIGINT":
        raise KeyboardInterrupt
    raise Preempted(reason, checkpoint)
