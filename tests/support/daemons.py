"""What tests need to start daemons, to find what those started, and to end it all by its process numbers."""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

from waiting import wait_for

from graph2nn.results.leases import holders


def free_ports(count):
    """The first of this many ports in a row that are free on loopback.

    From 30,000 on: below it lie the ports at which the ranks of a SLURM job meet, and a cluster whose own range
    held one of those would take it from them (``graph2nn.training.distributed.environment.place_of``).
    """
    for first in range(30000, 60000, 1000):
        ports = list(range(first, first + count))
        if all(_free(port) for port in ports):
            return ports
    raise OSError("no free ports")


def _free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def processes():
    """Parent and command line of each process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            found[int(path.name)] = (parent, (path / "cmdline").read_bytes().decode(errors="replace"))
        except OSError:
            continue  # ended meanwhile
    return found


def descendants(pid):
    listed, found, new = processes(), set(), {pid}
    while new:
        new = {child for child, (parent, _) in listed.items() if parent in new} - found
        found |= new
    return found


def kill(pid):
    _signal(pid, signal.SIGKILL)


def _signal(pid, number):
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_at_work(members, out):
    """Kill the processes that ``members()`` names, at a moment when one of them trains a run in ``out``.

    They are stopped before anybody looks, since a run may end between a look and a kill.

    Returns:
        Number of the runs cut off: those have to be started again.
    """
    cut_off = set()

    def met():
        pids = members()
        for pid in pids:
            _signal(pid, signal.SIGSTOP)
        wait_for(lambda: not any(map(_runs, pids)), "these processes have stopped", pause=0.01)
        cut_off.update(
            run for run, seen in holders(out).items() if seen.owner.pid in pids and _begun(out, run, seen)
        )
        for pid in pids:
            _signal(pid, signal.SIGKILL if cut_off else signal.SIGCONT)
        return cut_off

    wait_for(met, "one of these processes trains a run", pause=0.2)
    return len(cut_off)


def _runs(pid):
    """Whether a thread of a process does anything: one that was told to stop may be inside a system call."""
    states = set()
    for path in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):
            states.add(path.read_text().rpartition(")")[2].split()[0])
    return bool(states - set("tTZX"))


def _begun(out, run, seen):
    """Whether the attempt that holds a run has noted its start and not given the run its place yet.

    Before, it was no start that counts; after, the lease only waits to be dropped, and nothing is left to do.
    """
    with suppress(OSError):
        lines = (out / ".unfinished" / run / "attempts.jsonl").read_text().splitlines()
        return any(json.loads(line)["pid"] == seen.owner.pid for line in lines)
    return False
