"""Leases: which process owns a run, so that no run is trained twice and a dead owner does not block it.

A lease on a run is a file ``out/.claims/<run>.<attempt>`` made with ``O_EXCL``, which every file system, shared
by many machines or not, grants to one process only. Its owner touches it every few seconds. An attempt is over
when its owner has said so, when its process is gone from this machine, or when the file has not been touched
for :data:`MISSED` heartbeats, all times read from the clock of the file system, since those of machines differ.
Who finds the last attempt over makes the file of the next one: again only one can. Nothing that may belong to
somebody else is ever renamed or deleted, so there is no moment at which a lease can be stolen from a living
owner; one that was only thought dead finds the next attempt's file before it writes, and gives up.

Locks of the operating system (``fcntl``, ``flock``) are not used: shared file systems lose or ignore them.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from graph2nn.errors import UserError
from graph2nn.files import this_machine, unwritable_refused, writing_to

#: Seconds between two signs of life, unless ``GRAPH2NN_HEARTBEAT`` says otherwise.
HEARTBEAT = 15.0
#: An owner on another machine that missed this many is taken for dead. Two minutes outlast the minute for which
#: NFS may show old attributes.
MISSED = 8
FOLDER = ".claims"


class TakenError(UserError):
    """Somebody alive carries this run out."""


class LostError(UserError):
    """This process was thought dead, and another one has taken its run over."""


@dataclass(frozen=True)
class Owner:
    """A process that carries a run out: ``machine`` tells hosts, their boots and their containers apart.

    ``born`` is when the process began, in clock ticks since the boot: numbers of processes are used again.
    ``released`` says that the attempt is over, ``pardon`` that it was none: what came before it is forgiven.
    """

    host: str = "?"
    machine: str = ""
    pid: int = 0
    born: int = 0
    beat: float = HEARTBEAT
    released: bool = False
    pardon: bool = False

    @classmethod
    def here(cls) -> Owner:
        """This process."""
        beat = os.environ.get("GRAPH2NN_HEARTBEAT", "")
        try:
            seconds = float(beat or HEARTBEAT)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds < 3600:
            raise UserError(f"GRAPH2NN_HEARTBEAT: {beat!r} is not a number of seconds; give one such as 15.")
        return cls(socket.gethostname(), this_machine(), os.getpid(), _birth(os.getpid()), seconds)

    def is_plain(self) -> bool:
        """Whether the values are of the kinds that :meth:`here` writes: a file may hold anything."""
        texts = isinstance(self.host, str) and isinstance(self.machine, str)
        whole = all(type(number) is int and 0 <= number < 2**62 for number in (self.pid, self.born))
        return texts and whole and type(self.beat) in (int, float) and 0 < self.beat < 3600

    def lives_here(self) -> bool | None:
        """Whether the process is alive; None if it belongs to another machine, so that nobody here can tell."""
        if not self.pid or self.machine != this_machine():
            return None
        return _alive(self.pid) and _birth(self.pid) == self.born


@dataclass
class Lease:
    """A run that this process owns.

    Attributes:
        attempt: number of the file that is held.
        tries: how often the run was started, this time included.
        deaths: attempts since the last pardon that ended without a word.
        done: set once the run has its place among the results: nothing is left to lease then.
    """

    folder: Path
    run: str
    attempt: int
    tries: int
    deaths: int
    owner: Owner
    done: bool = False
    thread: int = field(default_factory=threading.get_ident)

    def file(self, attempt: int) -> Path:
        """The file of one attempt at this run."""
        return self.folder / f"{self.run}.{attempt}"

    def check(self) -> None:
        """Make sure that the run is still this process's; to be called before anything is written.

        Raises:
            LostError: another process has taken it over.
        """
        if self.file(self.attempt + 1).exists():
            raise LostError(
                f"results: run {self.run} was taken over by another process, as this one "
                f"({self.owner.host}, process {self.owner.pid}) gave no sign of life for a while."
            )

    def beat_until(self, stop: threading.Event) -> None:
        """Give signs of life until told to stop, or until the run is another's."""
        while not stop.wait(self.owner.beat):
            # A shared file system may be out of reach for a while: the next beat may get through.
            with contextlib.suppress(OSError):
                if self.file(self.attempt + 1).exists():
                    return
                os.utime(self.file(self.attempt))

    def release(self) -> None:
        """Let go of the run; what is known of earlier attempts is kept until the run is done."""
        if self.done:
            for attempt in range(1, self.attempt + 1):
                self.file(attempt).unlink(missing_ok=True)
            return
        text = json.dumps(asdict(replace(self.owner, released=True)))
        temporary = self.folder / f".{self.run}.{self.attempt}.{os.getpid()}"
        try:
            with writing_to(self.file(self.attempt)):
                try:
                    temporary.write_text(text, encoding="utf-8")
                    temporary.replace(self.file(self.attempt))
                except OSError:  # a full disk: in place no room is needed
                    self._overwrite(text)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _overwrite(self, text: str) -> None:
        """Write into the file of the attempt, whose blocks are there already, in one call."""
        with self.file(self.attempt).open("r+b", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            stream.write(text.encode().ljust(size))


@dataclass(frozen=True)
class Holder:
    """The last known attempt at a run: whose it is, whether it goes on, when and how long ago it last beat."""

    run: str
    attempt: int
    tries: int
    owner: Owner
    alive: bool
    beaten: float
    silence: float


#: A lease is re-entrant, as ``threading.RLock`` is: who has a run may lease it again, inside.
_HELD: dict[Path, Lease] = {}


@contextmanager
def hold(out: Path, run: str) -> Iterator[Lease]:
    """Lease a run for the block, and give signs of life meanwhile.

    Raises:
        TakenError: somebody alive has it.
        UserError: ``out`` cannot be written to.
    """
    key = out.resolve() / run
    held = _HELD.get(key)
    if held is not None and held.thread == threading.get_ident():
        yield held
        return
    lease = _take(out, run)
    stop = threading.Event()
    beats = threading.Thread(target=lease.beat_until, args=(stop,), daemon=True, name=f"heartbeat of {run}")
    _HELD[key] = lease
    beats.start()
    try:
        yield lease
    except BaseException:
        _end(lease, key, stop, beats)
        with contextlib.suppress(UserError, OSError):  # a full disk, of which the error on its way tells
            lease.release()
        raise
    _end(lease, key, stop, beats)
    lease.release()


def _end(lease: Lease, key: Path, stop: threading.Event, beats: threading.Thread) -> None:
    """Give no more signs of life."""
    stop.set()
    beats.join()
    del _HELD[key]


def holder(out: Path, run: str) -> Holder | None:
    """Look up who carries a run out, or did last; None if nobody ever began or the run is done."""
    attempt, tries, owner = 1, 0, None
    while seen := _look(out / FOLDER / f"{run}.{attempt}"):
        tries += not seen[0].pardon
        owner = Holder(run, attempt, tries, *seen)
        attempt += 1
    return owner


def holders(out: Path) -> dict[str, Holder]:
    """Look up the last attempt at every run that somebody leased and that is not done."""
    folder = out / FOLDER
    files = folder.iterdir() if folder.is_dir() else ()
    names = {file.name.rpartition(".")[0] for file in files if file.name[0] != "."}
    owners = {name: holder(out, name) for name in sorted(names)}
    return {name: seen for name, seen in owners.items() if seen}


def pardon(out: Path, run: str) -> None:
    """Forgive earlier attempts at a run, so that their deaths no longer count.

    Raises:
        TakenError: somebody alive has it.
    """
    with hold(out, run) as lease:
        lease.owner = replace(lease.owner, pardon=True)


def _take(out: Path, run: str) -> Lease:
    folder, owner = out / FOLDER, Owner.here()
    attempt, tries, deaths = 1, 1, 0
    with unwritable_refused(out, "results"):
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            file = folder / f"{run}.{attempt}"
            try:
                handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
            except FileExistsError:
                seen = _look(file)
                if seen is None:  # done meanwhile, and tidied up
                    attempt, tries, deaths = 1, 1, 0
                    continue
                other, alive, _, silence = seen
                if alive:
                    raise TakenError(
                        f"results: run {run} is being trained by process {other.pid} on {other.host}, "
                        f"seen alive {max(0, silence):.0f} s ago; leave it to that one, or end it."
                    ) from None
                deaths = 0 if other.pardon else deaths + (not other.released)
                tries += not other.pardon
                attempt += 1
                continue
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as stream:
                    json.dump(asdict(owner), stream)
            except OSError:  # a full disk: an empty file would hold the run until it is stale
                file.unlink(missing_ok=True)
                raise
            return Lease(folder, run, attempt, tries, deaths, owner)


def _look(file: Path) -> tuple[Owner, bool, float, float] | None:
    """Whose attempt this is, whether it goes on, when its owner last beat, and for how long it was silent."""
    try:
        # Opened, not only asked for: opening is what makes NFS ask the server for the attributes.
        # Bytes that are not UTF-8 name no owner: the claim then counts by its age.
        with file.open(encoding="utf-8", errors="replace") as stream:
            beaten = os.fstat(stream.fileno()).st_mtime
            text = stream.read()
    except OSError:
        return None
    try:
        owner = Owner(**json.loads(text))
    except (ValueError, TypeError, RecursionError):
        owner = Owner()  # made a moment ago, or its owner died in that moment
    if not owner.is_plain():
        owner = Owner()
    if owner.released:
        return owner, False, beaten, 0.0
    silence = _silence(file, beaten)
    here = owner.lives_here()
    return owner, silence < MISSED * owner.beat if here is None else here, beaten, silence


def _silence(file: Path, beaten: float) -> float:
    """For how long a file was not touched.

    A time that lies in the future (a clock that was set back, a copied folder) would keep its run for ever: the
    file gets the present time, from which its owner, if there is one, has to give signs of life.
    """
    silence = _now(file.parent) - beaten
    if silence < -HEARTBEAT:
        with contextlib.suppress(OSError):
            os.utime(file)
        return 0.0
    return silence


def _now(folder: Path) -> float:
    """What the clock of the file system says; this machine's own where nothing can be written to it."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b".")
            probe.flush()
            return os.fstat(probe.fileno()).st_mtime
    except OSError:
        return time.time()


def _birth(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    except (OSError, IndexError):
        return 0


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A killed child whose parent never asked for its end is still listed, as in a container without an init.
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z")
