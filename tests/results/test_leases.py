"""Claims: one owner at a time, whoever dies, wherever, and whatever the clocks say."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from lease_files import ELSEWHERE, lease_of
from waiting import wait_for

from graph2nn.errors import UserError
from graph2nn.results import leases
from graph2nn.results.leases import LostError, Owner, TakenError, hold, holder

#: Loads the module without its package, which would load torch: a second, times this many processes.
ALONE = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("claims", {leases.__file__!r})
sys.modules["claims"] = claims = importlib.util.module_from_spec(spec)
spec.loader.exec_module(claims)
"""


def test_only_one_of_many_gets_a_run_and_each_run_has_one(tmp_path):
    """Sixteen threads grab for fifty runs, over and over: never two at once, and each in the end."""
    inside, twice, done = dict.fromkeys(range(50), 0), [], set()

    def grab(_):
        for number in range(50):
            try:
                with hold(tmp_path, f"run-{number}") as lease:
                    inside[number] += 1
                    if inside[number] > 1:
                        twice.append(number)
                    time.sleep(0.0005)
                    inside[number] -= 1
                    done.add(number)
                    lease.done = number % 2 == 0
            except TakenError:
                pass

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(grab, range(16)))
    assert twice == []
    assert done == set(range(50))


def test_processes_too(tmp_path):
    """Eight processes, thirty runs, a start at the same moment: each run is held by exactly one."""
    script = ALONE + textwrap.dedent("""
        import contextlib, time
        from pathlib import Path
        out, start, held = Path(sys.argv[1]), float(sys.argv[2]), []
        with contextlib.ExitStack() as stack:
            while time.time() < start:
                pass
            for number in range(30):
                with contextlib.suppress(claims.TakenError):
                    stack.enter_context(claims.hold(out, f"run-{number}"))
                    held.append(number)
            print(*held, flush=True)
            sys.stdin.read()
    """)
    command = [sys.executable, "-c", script, str(tmp_path), str(time.time() + 2)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(8)]
    # None lets go before all have said what they hold.
    held = [number for process in processes for number in process.stdout.readline().split()]
    for process in processes:
        process.communicate()
    assert sorted(map(int, held)) == list(range(30))


def test_it_can_be_claimed_again_inside_by_its_owner_alone(tmp_path):
    with hold(tmp_path, "run") as outer, hold(tmp_path, "run") as inner:
        assert inner is outer
        with ThreadPoolExecutor(1) as pool, pytest.raises(TakenError, match="being trained by process"):
            pool.submit(hold(tmp_path, "run").__enter__).result()
    assert not holder(tmp_path, "run").alive


def test_what_was_let_go_is_the_next_attempt_and_what_is_done_leaves_nothing(tmp_path):
    for attempt in (1, 2, 3):
        with hold(tmp_path, "run") as lease:
            assert (lease.attempt, lease.deaths) == (attempt, 0)
    with hold(tmp_path, "run") as lease:
        lease.done = True
    assert list((tmp_path / leases.FOLDER).iterdir()) == []
    assert holder(tmp_path, "run") is None


def test_the_claim_of_a_killed_process_is_free_at_once(tmp_path):
    script = ALONE + (
        "import os, pathlib\nwith claims.hold(pathlib.Path(sys.argv[1]), 'run'): os.kill(os.getpid(), 9)"
    )
    for deaths in (0, 1, 2):
        with hold(tmp_path, "run") as lease:
            assert lease.deaths == deaths
        subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)


def test_a_number_of_a_process_that_was_given_out_again_is_not_its_owner(tmp_path):
    me = Owner.here()
    lease_of(replace(me, born=me.born + 1), tmp_path)
    if not me.born:
        pytest.skip("when processes were born is read from /proc")
    with hold(tmp_path, "run") as lease:
        assert lease.attempt == 2


def test_an_owner_elsewhere_is_dead_after_missed_beats_only(tmp_path):
    lease_of(ELSEWHERE, tmp_path, silence=(leases.MISSED - 2) * ELSEWHERE.beat)
    with pytest.raises(TakenError, match="process 1 on far, seen alive 6 s ago"), hold(tmp_path, "run"):
        pass
    lease_of(ELSEWHERE, tmp_path, silence=(leases.MISSED + 1) * ELSEWHERE.beat)
    with hold(tmp_path, "run") as lease:
        assert (lease.attempt, lease.deaths) == (2, 1)


def test_times_are_those_of_the_file_system(tmp_path, monkeypatch):
    """A machine whose clock is an hour ahead does not take the living for dead."""
    lease_of(ELSEWHERE, tmp_path)
    late = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: late)
    assert holder(tmp_path, "run").alive


@pytest.mark.parametrize(
    "content", [b"", b"\xff\x00", b"[" * 100_000, b'{"pid": '], ids=["none", "bytes", "deep", "cut"]
)
def test_a_claim_without_an_owner_counts_by_its_age(tmp_path, content):
    """Whoever made it may be about to write, or have died in that moment; or the file was damaged."""
    file = tmp_path / leases.FOLDER / "run.1"
    file.parent.mkdir()
    file.write_bytes(content)
    assert holder(tmp_path, "run").alive
    old = time.time() - leases.MISSED * leases.HEARTBEAT - 1
    os.utime(file, (old, old))
    assert not holder(tmp_path, "run").alive


def test_an_owner_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPH2NN_HEARTBEAT", "0.02")
    with hold(tmp_path, "run"):
        first = holder(tmp_path, "run").beaten
        wait_for(lambda: holder(tmp_path, "run").beaten != first, "a sign of life", 10)


def test_who_was_only_thought_dead_finds_out_and_its_rival_stays(tmp_path):
    with hold(tmp_path, "run") as sleeper:
        sleeper.check()
        rival = lease_of(ELSEWHERE, tmp_path, attempt=2)
        with pytest.raises(LostError, match="taken over by another process"):
            sleeper.check()
    assert rival.exists()
    assert holder(tmp_path, "run").owner == ELSEWHERE
    assert holder(tmp_path, "run").alive


def test_a_stale_claim_is_taken_over_by_one_of_many(tmp_path):
    lease_of(ELSEWHERE, tmp_path, silence=1000)
    won, barrier = [], threading.Barrier(12)

    def take(_):
        barrier.wait()
        try:
            with hold(tmp_path, "run") as lease:
                won.append(lease.attempt)
                time.sleep(0.3)
        except TakenError:
            pass

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(take, range(12)))
    assert won == [2]


def test_the_living_on_this_machine_are_never_taken_for_dead(tmp_path):
    """A machine that slept over night: its processes are as alive as before, their beats old."""
    lease_of(Owner.here(), tmp_path, silence=1e6)
    with pytest.raises(TakenError), hold(tmp_path, "run"):
        pass


def test_a_pardon_forgives_the_deaths_and_is_no_attempt(tmp_path):
    lease_of(ELSEWHERE, tmp_path, silence=1000)
    leases.pardon(tmp_path, "run")
    with hold(tmp_path, "run") as lease:
        assert (lease.attempt, lease.tries, lease.deaths) == (3, 2, 0)
        with ThreadPoolExecutor(1) as pool, pytest.raises(TakenError):
            pool.submit(leases.pardon, tmp_path, "run").result()


def test_wrong_heartbeats_and_folders_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPH2NN_HEARTBEAT", "often")
    with pytest.raises(UserError, match="GRAPH2NN_HEARTBEAT: 'often' is not a number of seconds"):
        Owner.here()
    monkeypatch.delenv("GRAPH2NN_HEARTBEAT")
    Path(tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written to"), hold(tmp_path / "file", "run"):
        pass
