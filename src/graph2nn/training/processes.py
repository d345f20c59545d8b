"""Worker processes for tasks that need one core each, and that may fail or be killed one by one.

Each process has a pipe of its own, so that a killed one leaves no lock behind and is noticed at once. All are
spawned, never forked: the threads of torch do not survive a fork.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Literal

import torch

from graph2nn.errors import UserError
from graph2nn.preemption import heed_first_request
from graph2nn.training.member import complaint

#: From a task, and a function that sends a note to the parent, to a result. Must be importable elsewhere.
Job = Callable[[Any, Callable[[Any], None]], Any]

#: A task whose process died is given to another one, this often.
RETRIES = 1


@dataclass(frozen=True)
class TaskResult:
    """How a task ended: with a result, or with one line that says what went wrong."""

    index: int
    result: Any = None
    error: str | None = None


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def can_spawn() -> bool:
    """Whether this process may have children: a worker of a DataLoader, for one, may not."""
    return not multiprocessing.current_process().daemon


def run_tasks(
    job: Job,
    tasks: Sequence[Any],
    *,
    processes: int,
    threads: int = 1,
    on_note: Callable[[int, Any], None] | None = None,
    on_end: Callable[[TaskResult], None] | None = None,
) -> list[TaskResult]:
    """Carry out ``tasks`` in spawned processes, each as soon as one is free, and return how they ended.

    A task that raises ends with its message; one whose process dies is tried once more in another. The
    others go on. Ctrl-C, or an error of a callback, ends the processes; so does the death of this one.

    Args:
        job: what is done with a task; sent to each process once.
        tasks: in the order in which they start.
        processes: how many at most.
        threads: of torch, in each process.
        on_note: called with the index of a task and what its job sent; a second try sends its notes again.
        on_end: called with each ending as it comes.

    Returns:
        One ending a task, in the order of ``tasks``.

    Raises:
        UserError: processes cannot be started from here, or the job cannot be sent to them.
    """
    if not can_spawn():
        raise UserError(
            "processes: this process is itself a worker (of a DataLoader, say) and may start none; "
            "train one by one here."
        )
    endings: dict[int, TaskResult] = {}

    def end(ending: TaskResult) -> None:
        endings[ending.index] = ending
        if on_end:
            on_end(ending)

    crew = _Crew(job, threads, tasks)
    try:
        while True:
            crew.employ(min(processes, len(tasks) - len(endings)), end)
            if len(endings) == len(tasks):
                break
            for index, kind, content in crew.listen():
                if kind == "note" and on_note:
                    on_note(index, content)
                elif kind == "done":
                    end(TaskResult(index, result=content))
                elif kind == "failed":
                    end(TaskResult(index, error=content))
    except BaseException:
        crew.dismiss(at_once=True)
        raise
    crew.dismiss(at_once=False)
    return [endings[index] for index in range(len(tasks))]


@dataclass
class _Worker:
    process: multiprocessing.process.BaseProcess
    connection: Connection
    ready: bool = False
    index: int | None = None


@dataclass
class _Crew:
    """The processes, and the tasks that nobody has started."""

    job: Job
    threads: int
    tasks: Sequence[Any]
    workers: list[_Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.waiting = deque(range(len(self.tasks)))
        self.deaths = dict.fromkeys(self.waiting, 0)

    def employ(self, count: int, end: Callable[[TaskResult], None]) -> None:
        """Start processes until there are ``count``, and give the idle ones work."""
        while len(self.workers) < count:
            self.workers.append(self._start())
        for worker in self.workers:
            if not worker.ready or worker.index is not None:
                continue
            while self.waiting and worker.index is None:
                index = self.waiting.popleft()
                try:
                    # Not connection.send, whose pickler moves the weights of a network to shared memory.
                    content = pickle.dumps(self.tasks[index])
                except Exception as error:
                    end(TaskResult(index, error=f"cannot be sent to another process ({complaint(error)})"))
                    continue
                worker.index = index
                with contextlib.suppress(OSError):  # it died while idle; listen will notice
                    worker.connection.send_bytes(content)

    def listen(self) -> Iterator[tuple[int, Literal["note", "done", "failed"], Any]]:
        """Wait for messages; a process that died becomes a task to begin again, or a failed one."""
        by_connection = {worker.connection: worker for worker in self.workers}
        for connection in wait(list(by_connection)):
            worker = by_connection[connection]  # type: ignore[index]
            try:
                kind, content = pickle.loads(worker.connection.recv_bytes())
            except (EOFError, OSError):
                yield from self._bury(worker)
                continue
            if kind == "ready":
                worker.ready = True
                continue
            assert worker.index is not None
            index = worker.index
            if kind != "note":
                worker.index = None
            yield index, kind, content

    def dismiss(self, *, at_once: bool) -> None:
        """End all processes and wait until they are gone."""
        for worker in self.workers:
            worker.connection.close()
            if at_once or not worker.ready:
                worker.process.terminate()
        for worker in self.workers:
            worker.process.join(10)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.job, self.threads), daemon=True)
        start_process(process, theirs)
        return _Worker(process, ours)

    def _bury(self, worker: _Worker) -> Iterator[tuple[int, Literal["failed"], str]]:
        self.workers.remove(worker)
        worker.connection.close()
        worker.process.join()
        ending = ending_of(worker.process.exitcode or 0)
        if not worker.ready:
            raise UserError(
                f"processes: a worker process {ending} before it could begin. In a script, what trains must "
                "stand under if __name__ == '__main__':, as each process imports the script."
            )
        if worker.index is None:
            return
        self.deaths[worker.index] += 1
        if self.deaths[worker.index] <= RETRIES:
            self.waiting.appendleft(worker.index)
        else:
            times = {2: "twice"}.get(self.deaths[worker.index], f"{self.deaths[worker.index]} times")
            yield worker.index, "failed", f"its process died {times}; the last one {ending}"


def ending_of(code: int) -> str:
    """Say how a process ended whose exit code this is."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def start_process(process: BaseProcess, their_end: Connection) -> None:
    """Start a child that gets its job by pickle, and close its end of the pipe here.

    Args:
        process: to start; Ctrl-C does not reach it.
        their_end: were it open here too, the end of the process would not end the pipe.

    Raises:
        UserError: the job cannot be sent there.
    """
    try:
        with interrupts_held_back():
            process.start()
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UserError(
            f"processes: the job cannot be sent to another process ({complaint(error)})."
        ) from error
    finally:
        their_end.close()


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Start children deaf to Ctrl-C, which is sent to them too: the parent hears it and ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # started by the first spawn otherwise, which would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, job: Job, threads: int) -> None:
    """Life of a worker process: one task after the other, until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    heed_first_request()
    end_with_parent()
    torch.set_num_threads(threads)

    def send(message: bytes) -> None:
        # A parent that dismisses its workers no longer listens, while they save what they have.
        with contextlib.suppress(BrokenPipeError):
            connection.send_bytes(message)

    def say(kind: str, content: Any = None) -> None:
        send(pickle.dumps((kind, content)))

    say("ready")
    while True:
        try:
            content = connection.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            result = pickle.dumps(("done", job(pickle.loads(content), lambda note: say("note", note))))
        except Exception as error:
            say("failed", complaint(error))
        else:
            send(result)


def end_with_parent() -> None:
    """Watch the parent from a thread; end this process, whatever it is doing, as soon as the parent is gone.

    A parent that is not a Python process (torchrun's agent, srun) is watched by its number, which Windows keeps
    for a parent that is gone: there only Python parents are watched.
    """
    parent, number = multiprocessing.parent_process(), os.getppid()

    def watch() -> None:
        if parent is not None:
            parent.join()
        while parent is None and os.getppid() == number:
            time.sleep(0.5)
        os._exit(1)

    if parent is not None or os.name == "posix":
        threading.Thread(target=watch, daemon=True).start()
