"""Run inputs in forked children under limits, and say how each ended."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Seconds of processor time per input, which do not depend on how busy the machine is.
CPU_SECONDS = 30
#: Seconds after which an input that uses no processor time, such as a read that waits for ever, is killed.
WALL_SECONDS = 240
#: Bytes of address space that an input may take beyond what the process has: beyond it a MemoryError is due.
MEMORY = 6 * 2**30
#: More characters than this on standard error are more than anybody reads.
MOST_TEXT = 3000
FAILURES = ("traceback", "signal", "hang", "long")


class Hang(BaseException):
    """Over the bound of processor time; not an ``Exception``, so that nothing swallows it."""


@dataclass(frozen=True)
class Input:
    """One call: the function, its arguments, and words for the report."""

    reader: str
    label: str
    call: Callable[[], int]


@dataclass
class Outcome:
    """How an input ended: ``ok``, ``refused``, or one of :data:`FAILURES`, and the last words."""

    kind: str
    label: str
    text: str = ""
    trace: list[str] = field(default_factory=list)


def _limit() -> None:
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def over(*_: Any) -> None:
        raise Hang

    signal.signal(signal.SIGPROF, over)


def run_one(item: Input) -> Outcome:
    """Run an input in this process."""
    stdout, stderr = io.StringIO(), io.StringIO()
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            code = item.call()
    except Hang:
        where = traceback.format_exc().splitlines()[-12:]
        return Outcome("hang", item.label, "", where)
    except BaseException as error:
        lines = traceback.format_exc().splitlines()
        last = next((line.strip() for line in reversed(lines) if "graph2nn/" in line), "")
        return Outcome(
            "traceback", item.label, f"{type(error).__name__}: {str(error)[:160]} [{last[-120:]}]", lines[-14:]
        )
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    said = stderr.getvalue()
    if len(said) > MOST_TEXT:
        return Outcome("long", item.label, f"{len(said)} characters: {said[:160]}")
    return Outcome("ok" if code == 0 else "refused", item.label, said[-300:])


def run_inputs(make: Callable[[int], Input], count: int, first: int = 0) -> Iterator[Outcome]:
    """Run inputs ``first`` … count−1 of a maker in a child that a crash may take along; yield how each ends."""
    done = first
    while done < count:
        for outcome in _batch(make, done, count):
            done += 1
            yield outcome


def _batch(make: Callable[[int], Input], first: int, count: int) -> Iterator[Outcome]:
    """Run inputs until the last, or until one takes the child along."""
    read, write = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(read)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1), os.dup2(quiet, 2)
        _limit()
        with os.fdopen(write, "wb") as pipe:
            for index in range(first, count):
                try:
                    item = make(index)
                except Exception as error:  # nothing was tried then: the fuzzer itself is at fault
                    pickle.dump(f"{index} not made", pipe)
                    pickle.dump(Outcome("traceback", f"{index} not made", repr(error)), pipe)
                    pipe.flush()
                    continue
                pickle.dump(item.label, pipe)
                pipe.flush()
                pickle.dump(run_one(item), pipe)
                pipe.flush()
        os._exit(0)
    os.close(write)
    return _collect(child, read)


def _collect(child: int, read: int) -> Iterator[Outcome]:
    label, killed = "", False
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    with os.fdopen(read, "rb") as pipe:
        try:
            while True:
                signal.alarm(WALL_SECONDS)
                label = pickle.load(pipe)
                outcome = pickle.load(pipe)
                label = ""
                signal.alarm(0)
                yield outcome
        except EOFError:
            pass
        finally:
            killed = signal.alarm(0) == 0
    _, status = os.waitpid(child, 0)
    if label:
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        kind = "hang" if killed and number == signal.SIGKILL else "signal"
        yield Outcome(kind, label, f"signal {number}" if number else f"exit {os.WEXITSTATUS(status)}")
