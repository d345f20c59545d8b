"""Pre-emption: signals are noted, not died of, and given back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import pytest
from waiting import patience, signal_until_gone, wait_for

from graph2nn import preemption
from graph2nn.preemption import end, heed_first_request
from graph2nn.training import REQUEUE_EXIT_CODE, Preempted, signals_caught

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture
def noted():
    """Signals that reached a handler of our own, which is put back by whoever borrows it."""
    seen = []
    numbers = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT)
    before = {number: signal.signal(number, lambda got, _: seen.append(got)) for number in numbers}
    yield seen
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGUSR2", "SIGINT"])
def test_a_signal_is_a_reason_to_stop(name, noted):
    with suppress(Preempted), signals_caught() as stop:
        assert stop() is None
        os.kill(os.getpid(), getattr(signal, name))
        assert stop() == name
        raise Preempted(name, None)
    assert noted == []  # it had been seen to
    os.kill(os.getpid(), getattr(signal, name))
    assert noted == [getattr(signal, name)]  # and the handler is the one of before


def test_a_signal_that_nobody_saw_to_is_raised_again(noted):
    with signals_caught():
        os.kill(os.getpid(), signal.SIGTERM)
    assert noted == [signal.SIGTERM]


def test_a_second_ctrl_c_does_not_wait(noted):
    with suppress(KeyboardInterrupt), signals_caught() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert noted == []
        os.kill(os.getpid(), signal.SIGINT)
        assert noted == [signal.SIGINT]
        assert stop() == "SIGINT"
        raise KeyboardInterrupt


def test_who_is_deaf_stays_deaf(noted):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals_caught() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop() is None


def test_outside_the_main_thread_nothing_is_caught():
    found = []

    def elsewhere():
        with signals_caught() as stop:
            found.append((stop(), signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [(None, before)]


def test_ctrl_c_is_an_interruption_and_the_rest_asks_to_be_queued_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        end("SIGINT", tmp_path)
    with pytest.raises(SystemExit) as request:
        end("SIGUSR1", tmp_path)
    assert request.value.code == REQUEUE_EXIT_CODE == 85
    assert str(request.value) == "stopped by SIGUSR1: saved, the same command goes on from there."
    assert str(Preempted("SIGUSR1", None)) == "stopped by SIGUSR1: nothing was saved."


@pytest.mark.parametrize(
    ("name", "options", "again"),
    [
        ("SIGTERM", [], False),
        ("SIGUSR2", [], False),
        ("SIGUSR1", [], True),
        ("SIGTERM", ["--devices", "2"], True),
    ],
)
def test_the_command_ends_with_the_code_for_requeueing(name, options, again, tmp_path):
    """The real command, stopped in the middle of a run without end, by a scheduler that may keep asking."""
    argv = ["train", "mlp-digits", "--set", "recipe.epochs=100000", "--threads", "1", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "graph2nn", *argv, *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(
            lambda: list(tmp_path.glob(".unfinished/*/metrics.csv")),
            "the run has started",
            alive=lambda: process.poll() is None,
        )
        process.send_signal(getattr(signal, name))
        if again:
            signal_until_gone(process, getattr(signal, name))
        said = process.communicate(timeout=patience(60))[1]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == REQUEUE_EXIT_CODE
    assert said.splitlines()[-1] == f"graph2nn: stopped by {name}: saved, the same command goes on from there."
    assert "Traceback" not in said


@pytest.mark.parametrize("ends", [False, True])
def test_only_who_ends_when_stopped_is_deaf_to_further_requests(ends, noted, monkeypatch):
    monkeypatch.setattr(preemption, "_ends_when_stopped", False)
    if ends:
        heed_first_request()
    for ending in (KeyboardInterrupt(), SystemExit(1), SystemExit(REQUEUE_EXIT_CODE)):
        with suppress(KeyboardInterrupt, SystemExit), signals_caught():
            raise ending
        os.kill(os.getpid(), signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGINT)  # a person is heard to the end
    assert noted == [signal.SIGUSR1] * (2 if ends else 3) + [signal.SIGINT]
