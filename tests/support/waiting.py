"""Waiting for a state, with deadlines that grow with the load of the machine. No test asserts a duration."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable

#: How much longer than on an idle machine a wait may always take: only a state that never comes fails a test.
GENEROUS = 5.0


def patience(seconds: float = 60.0) -> float:
    """Seconds that a wait may take now, if it takes ``seconds`` at most on an idle machine."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 1.0
    return seconds * GENEROUS * max(1.0, load)


def wait_for(
    happened: Callable[[], object],
    what: str,
    seconds: float = 60.0,
    *,
    alive: Callable[[], bool] | None = None,
    pause: float = 0.02,
) -> None:
    """Return once ``happened()`` is true.

    Args:
        happened: called again and again; a ``subprocess.SubprocessError`` counts as not yet.
        what: the state, for the message.
        seconds: how long it takes at most on an idle machine; see :func:`patience`.
        alive: whether the state can still come, for example whether the process that brings it is running.
        pause: seconds between two calls.

    Raises:
        AssertionError: the deadline has passed, or ``alive()`` is false and the state has not come.
    """
    begin = time.monotonic()
    while True:
        ended = alive is not None and not alive()
        try:
            if happened():
                return
        except subprocess.SubprocessError:
            pass
        assert not ended, f"ended before this happened: {what}"
        # Asked each time: the load may have risen since.
        waited, limit = time.monotonic() - begin, patience(seconds)
        assert waited < limit, f"did not happen within {limit:.0f} s: {what}"
        time.sleep(pause)


def signal_until_gone(process: subprocess.Popen[str], number: int) -> None:
    """Send a signal every 10 ms until the process has ended, as a scheduler that asks more than once."""

    def gone() -> bool:
        process.send_signal(number)
        return process.poll() is not None

    wait_for(gone, "the process has ended", pause=0.01)
