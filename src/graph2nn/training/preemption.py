"""Pre-emption: when a scheduler takes the machine back, save a checkpoint and exit; the run can resume."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

#: What a run that was pre-empted exits with: HTCondor's code for a job that wants to be queued again, and what
#: a SLURM or Ray wrapper can tell from a failure.
REQUEUE_EXIT_CODE = 85

#: What schedulers send before they take a machine back, and Ctrl-C.
SIGNALS = ("SIGTERM", "SIGUSR1", "SIGUSR2", "SIGINT")

#: Asked after each batch; returns why the training should save itself and end, or None.
Stop = Callable[[], str | None]


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
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # Who was started deaf to a signal stays so: worker processes leave Ctrl-C to their parent.
    before = {number: handler for number in numbers if (handler := signal.getsignal(number)) != signal.SIG_IGN}

    def note(number: int, _frame: FrameType | None) -> None:
        caught.append(signal.Signals(number).name)
        if number == signal.SIGINT:
            signal.signal(number, before[number])

    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: caught[0] if caught else None
    finally:
        for number, handler in before.items():
            # None is a handler that was not set from Python and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
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
