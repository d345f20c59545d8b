"""Populations: every member has the numbers it would have alone, and none can stop the others."""

from __future__ import annotations

import os
import pickle
import select
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import pytest
import torch
from dying import context_that_trains
from toy_data import toy_data
from waiting import patience

from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.models import build_model
from graph2nn.training import Member, Recipe, train, train_population
from graph2nn.training.shared_memory import SharedDataset
from graph2nn.wiring import Relational

RECIPE = Recipe(epochs=2, batch_size=16, lr=0.1, precise_bn=64, flip=True, pad=1)
DIVERGES = RECIPE.model_copy(update={"lr": 1e30, "precise_bn": 0, "epochs": 50})


@pytest.fixture(autouse=True)
def one_thread():
    """A worker process has one thread; another number of threads sums in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(k=4.0, width=24):
    wiring = Relational(ws_flex(8, k, 0.3, 1), engine="masked")
    return build_model("mlp4", wiring, [width], stem=16, num_classes=3, input_size=(1, 4, 4))


def no_network():
    raise UserError("this graph has no network")


def kills_its_process(marks: Path, times: int):
    """Build a network, but in a process that has not killed itself ``times`` times before."""
    killed = len(list(marks.iterdir()))
    if killed < times:
        (marks / str(killed)).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return network()


def numbers(history):
    return [replace(epoch, seconds=0) for epoch in history]


def assert_as_alone(outcome, member, data):
    """The member's outcome is that of a single run, to the last bit."""
    alone = member.build()
    history = train(alone, data, member.recipe, seed=member.seed)
    assert numbers(outcome.history) == numbers(history)
    assert all(torch.equal(value, outcome.state[name]) for name, value in alone.state_dict().items())


@pytest.mark.parametrize("method", ["one by one", "processes"])
def test_each_member_is_as_alone_and_a_failure_is_its_own(method):
    given = network(3.0, 30)
    members = [
        Member(network, RECIPE, 1, "first"),
        Member(no_network, RECIPE, 1, "fails"),
        Member(network, DIVERGES, 1, "diverges"),
        Member(given, RECIPE.model_copy(update={"epochs": 3}), 2, "longest"),
        Member(network, RECIPE.model_copy(update={"batch_size": 1000}), 2, "starves"),
        Member(partial(network, 5.0), RECIPE, 2, "here"),
        Member(lambda: network(), RECIPE, 2, "anonymous"),
    ]
    data, heard = toy_data(), []
    outcomes = train_population(
        members, data, method=method, processes=2, on_epoch=lambda m, e: heard.append((m.label, e))
    )
    assert [outcome.label for outcome in outcomes] == [member.label for member in members]
    for i in (0, 3, 5):
        assert outcomes[i].status == "finished"
        assert_as_alone(outcomes[i], members[i], data)
    assert all(torch.equal(value, outcomes[3].state[name]) for name, value in given.state_dict().items())

    assert (outcomes[1].status, outcomes[1].message) == ("failed", "this graph has no network")
    assert "exceeds the 96 training images" in outcomes[4].message
    if method == "processes":
        assert outcomes[6].message.startswith("cannot be sent to another process (")
    diverged = outcomes[2]
    assert (diverged.status, diverged.history[-1].epoch) == ("diverged", len(diverged.history))
    assert len(diverged.history) < 50
    assert diverged.last is None or diverged.last.epoch == len(diverged.history) - 1

    for outcome in outcomes:
        # As text, for a NaN equals nothing.
        assert str([epoch for label, epoch in heard if label == outcome.label]) == str([*outcome.history])


@pytest.mark.parametrize("method", ["one by one", "processes"])
def test_outcomes_keep_the_order_of_the_members_and_the_costliest_begins_first(method):
    """With one process: the long member first, so that it does not end alone; the answer in the order given."""
    epochs, heard = {"short": 1, "long": 3, "middle": 2}, []
    members = [
        Member(network, RECIPE.model_copy(update={"epochs": count}), 1, label)
        for label, count in epochs.items()
    ]
    outcomes = train_population(
        members, toy_data(), method=method, processes=1, on_epoch=lambda m, _: heard.append(m.label)
    )
    assert [outcome.label for outcome in outcomes] == list(epochs)
    assert [len(outcome.history) for outcome in outcomes] == list(epochs.values())
    started = ["long", "middle", "short"] if method == "processes" else list(epochs)
    assert list(dict.fromkeys(heard)) == started


def test_a_killed_process_costs_a_retry_and_no_other_member(tmp_path):
    (tmp_path / "once").mkdir()
    (tmp_path / "always").mkdir()
    members = [
        Member(partial(kills_its_process, tmp_path / "always", 9), RECIPE, 1),
        Member(partial(kills_its_process, tmp_path / "once", 1), RECIPE.model_copy(update={"epochs": 3}), 1),
    ]
    failed, retried = train_population(members, toy_data(), method="processes", processes=1)
    assert failed.message == "its process died twice; the last one was killed by SIGKILL"
    assert retried.status == "finished"
    assert_as_alone(retried, members[1], toy_data())


def test_an_error_of_the_callback_is_not_the_members():
    def stop(member, epoch):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train_population([Member(network, RECIPE, 1)], toy_data(), method="one by one", on_epoch=stop)


def test_a_script_that_forgets_the_main_guard_is_told(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from functools import partial\n"
        "from graph2nn import Member, Recipe, build_model, load_dataset, train_population\n"
        "build = partial(build_model, 'mlp3', None, [8], num_classes=10, input_size=(1, 8, 8))\n"
        "train_population([Member(build, Recipe(epochs=1), 1)], load_dataset('digits'), method='processes')\n"
    )
    said = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=patience(120)
    ).stderr
    assert "if __name__ == '__main__':" in said.splitlines()[-1]


def test_processes_end_with_their_parent_whatever_they_are_doing(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, time\n"
        "from graph2nn.training.processes import run_tasks\n"
        "def job(task, note):\n"
        "    note(os.getpid())\n"
        "    time.sleep(600)\n"
        "if __name__ == '__main__':\n"
        "    run_tasks(job, [1], processes=1, on_note=lambda _, pid: print(pid, flush=True))\n"
    )
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    # The process has this pipe open too: it ends when the last of the two does.
    ended = select.select([parent.stdout], [], [], patience(10))[0]
    if not ended:
        os.kill(pid, signal.SIGKILL)
    parent.communicate()
    assert ended, "the process outlives its parent"


class Trains(torch.utils.data.Dataset):
    """A data set whose samples are trained networks: what a worker of a DataLoader can and cannot do."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        members, data = [Member(network, RECIPE, 1), Member(network, RECIPE, 2)], toy_data()
        if index:
            return train_population(members, data)[0].history[-1].test_loss
        try:
            return train_population(members, data, method="processes")
        except UserError as error:
            return str(error)


def test_a_dataloader_worker_trains_one_by_one_and_says_why_it_starts_no_processes():
    context = context_that_trains()
    loader = torch.utils.data.DataLoader(
        Trains(), batch_size=None, num_workers=1, multiprocessing_context=context
    )
    refusal, loss = list(loader)
    assert "itself a worker" in refusal
    assert loss == train(network(), toy_data(), RECIPE, seed=1)[-1].test_loss


def test_a_dataset_is_handed_over_as_shared_memory_or_whole_where_there_is_no_room(monkeypatch):
    data = toy_data()
    shared = SharedDataset(data)
    assert shared.value.train.images.is_shared()
    assert not data.train.images.is_shared()
    monkeypatch.setattr("graph2nn.training.shared_memory.MARGIN", float("inf"))  # as if the room were too small
    lacking = SharedDataset(data)
    copy = pickle.loads(bytes(ForkingPickler.dumps(lacking))).value
    for one, other in ((copy.train, data.train), (copy.test, data.test)):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)
    assert (copy.label, copy.mean) == (data.label, data.mean)
    assert not lacking.value.train.images.is_shared()


def test_wrong_calls_are_named():
    member, data = Member(network(), RECIPE, 1), toy_data()
    with pytest.raises(UserError, match="method 'stack' is not known; did you mean 'stacked'"):
        train_population([member], data, method="stack")
    with pytest.raises(UserError, match="processes = 0, expected at least 1"):
        train_population([member], data, processes=0)
    with pytest.raises(UserError, match="two members share a network"):
        train_population([member, replace(member, seed=2)], data)
    for method in ("auto", "processes", "stacked", "one by one"):
        assert train_population([], data, method=method) == []
