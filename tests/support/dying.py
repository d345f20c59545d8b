"""Run a function in a child process that is killed, or whose disk is full, at a chosen moment."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from multiprocessing.context import ForkContext, SpawnContext
from pathlib import Path
from typing import Any

import torch

_FORK = multiprocessing.get_context("fork")


def context_that_trains() -> ForkContext | SpawnContext:
    """Return how to start a child that trains: by fork, or afresh where torch refuses gradients after a fork.

    It does so from version 2.15 on, once this process has computed gradients on threads of its own.
    """
    child = _FORK.Process(target=_compute_a_gradient)
    child.start()
    child.join()
    return multiprocessing.get_context("spawn") if child.exitcode else _FORK


def _compute_a_gradient() -> None:
    try:
        torch.ones(1, requires_grad=True).sum().backward()
    except RuntimeError:
        os._exit(1)


def killed_at_renaming(moment: int, function: Callable[..., Any], *arguments: Any) -> bool:
    """Call a function in a child that dies when it renames a file for the ``moment``-th time.

    Returns:
        Whether it was killed; False if it ended before.
    """
    child = _FORK.Process(target=_until, args=(moment, function, arguments))
    child.start()
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL), child.exitcode
    return bool(child.exitcode)


def _until(moment: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    rename, left = Path.replace, [moment]

    def counted(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(self, target)

    Path.replace = counted  # type: ignore[method-assign, assignment]
    function(*arguments)


def on_a_full_disk(
    size: int, function: Callable[..., int], *arguments: Any, trains: bool = False
) -> tuple[int, str]:
    """Call a function in a child for which the system refuses to write a file beyond a size.

    The refusal comes from the kernel, in whatever library writes; it says "File too large".

    Args:
        size: bytes that a file may have.
        function: returns an exit code.
        arguments: of the function.
        trains: whether it computes gradients; it can be pickled then.

    Returns:
        The exit code, and what was written to standard error.
    """
    context = context_that_trains() if trains else _FORK
    answers = context.Queue()
    child = context.Process(target=_limited, args=(size, function, arguments, answers))
    child.start()
    answer: tuple[int, str] = answers.get()
    child.join()
    return answer


def _limited(size: int, function: Callable[..., int], arguments: tuple[Any, ...], answers: Any) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = function(*arguments)
    except BaseException as error:
        code = -1
        said.write(repr(error))
    answers.put((code, said.getvalue()))
