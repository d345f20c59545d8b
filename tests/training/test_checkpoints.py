"""Checkpoints: killed anywhere, a training ends with the same weights; what cannot be trusted is not used."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import warnings
from contextlib import contextmanager

import pytest
import resuming
import torch
from resuming import RECIPE, in_a_process, kill_until_done, weights_and_history

from graph2nn.conversion.recover import recover
from graph2nn.errors import Graph2nnWarning, UserError
from graph2nn.training import Acceleration, Checkpoints, Preempted, Saving

#: Checkpoints only where they are asked for.
NEVER = Saving(seconds=1e9)


@pytest.fixture(scope="module")
def undisturbed():
    """Weights and history of a training that nobody stopped, made once for each network."""
    known = {}
    return lambda name: known.setdefault(name, weights_and_history(name))


def assert_same(found, expected):
    assert found[1] == expected[1]
    assert found[0].keys() == expected[0].keys()
    for key, value in expected[0].items():
        assert torch.equal(found[0][key], value), key


def stopping_after(batches):
    """A reason to stop after this many batches of this attempt."""
    asked = 0

    def stop():
        nonlocal asked
        asked += 1
        return "enough" if asked >= batches else None

    return stop


def stopped(folder, batches, name="conv", **how):
    """Train until a checkpoint is written after this many batches; return its path."""
    with pytest.raises(Preempted) as end:
        weights_and_history(name, folder, NEVER, stop=stopping_after(batches), **how)
    return end.value.checkpoint


# --- the same weights --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mlp", "conv"])
def test_killed_at_random_moments_it_ends_with_the_same_weights(name, undisturbed, tmp_path):
    """SIGKILL, wherever it hits: between batches, in an evaluation, while a checkpoint is being written."""
    expected = undisturbed(name)  # first, so that what is compiled at the first use is there
    delays = [random.Random(7).uniform(0.1, 0.6) for _ in range(6)]
    result = tmp_path / "result.pt"
    kills = kill_until_done(name, tmp_path / "checkpoints", result, delays)
    assert kills >= 2
    assert_same(torch.load(result, weights_only=True), expected)


@pytest.mark.parametrize("name", sorted(resuming.NETWORKS))
def test_stopped_after_any_number_of_batches_it_goes_on_exactly(name, undisturbed, tmp_path):
    """20 batches per epoch: within epochs, at their ends, and again right after a resume."""
    for batches in (1, 7, 12, 19, 1, 20, 23):
        stopped(tmp_path, batches, name)
    seen = []
    found = weights_and_history(
        name, tmp_path, NEVER, on_start=lambda history, running: seen.append((len(history), running.batches))
    )
    assert_same(found, undisturbed(name))
    # A stop is asked for between steps and again between epochs, so an epoch asks 20 times.
    assert seen == [(4, 3)]


def test_a_training_of_several_parts_and_spared_norms_goes_on_exactly(tmp_path):
    changed = {"accumulate": 2, "weight_decay_on": "weights", "label_smoothing": 0.1, "eval_every": 4}
    recipe = RECIPE.model_copy(update=changed)
    expected = weights_and_history("conv", recipe=recipe)
    stopped(tmp_path, 50, recipe=recipe)
    found = weights_and_history("conv", tmp_path, recipe=recipe)
    for key, value in expected[0].items():
        assert torch.equal(found[0][key], value), key
    assert str(found[1]) == str(expected[1])  # NaN, where nothing was evaluated, equals nothing


def test_a_training_that_is_never_saved_makes_no_folder(tmp_path):
    """The default interval is longer than a short run: it pays nothing."""
    weights_and_history("mlp", tmp_path / "checkpoints", Saving())
    assert not (tmp_path / "checkpoints").exists()


# --- damage ------------------------------------------------------------------------------------------------


def damaged(content, how):
    """Return the bytes of a file that something happened to."""
    if how == "cut":
        return content[: len(content) // 2]
    if how == "empty":
        return b""
    at = len(content) // 3
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("how", ["cut", "empty", "flipped"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(how, undisturbed, tmp_path):
    before, last = stopped(tmp_path, 25), stopped(tmp_path, 10)
    last.write_bytes(damaged(last.read_bytes(), how))
    with pytest.warns(
        Graph2nnWarning, match=f"{last.name} is damaged and left out; going on from {before.name}"
    ):
        found = weights_and_history("conv", tmp_path, NEVER)
    assert_same(found, undisturbed("conv"))
    assert not last.exists()


def test_without_any_whole_checkpoint_training_begins_again_and_says_so(undisturbed, tmp_path):
    stopped(tmp_path, 25).write_bytes(b"nothing")
    with pytest.warns(Graph2nnWarning, match="none is left, so training begins again"):
        found = weights_and_history("conv", tmp_path, NEVER)
    assert_same(found, undisturbed("conv"))


def test_no_flipped_bit_goes_unnoticed_and_changes_something(tmp_path):
    """Any byte of the file: the checkpoint is refused, or what is read is what was written."""
    path = stopped(tmp_path, 3, "mlp")
    content, expected = path.read_bytes(), flat(torch.load(path, weights_only=True))
    draw = random.Random(1)
    noticed = 0
    for _ in range(150):
        at = draw.randrange(len(content))
        path.write_bytes(content[:at] + bytes([content[at] ^ (1 << draw.randrange(8))]) + content[at + 1 :])
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = Checkpoints(tmp_path).latest()
        if found is None:
            noticed += 1
            assert issubclass(said[-1].category, Graph2nnWarning)
        else:
            assert flat(found) == expected
    assert noticed > 75


def flat(tree):
    """Return nested values as text, tensors by their bytes."""
    if isinstance(tree, torch.Tensor):
        return tree.numpy().tobytes()
    if isinstance(tree, dict):
        return {key: flat(value) for key, value in tree.items()}
    return [flat(value) for value in tree] if isinstance(tree, list | tuple) else repr(tree)


# --- refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"recipe": RECIPE.model_copy(update={"lr": 0.06})}, "its recipe is"),
        ({"acceleration": Acceleration(amp="bf16")}, "its acceleration is 'none', here it is 'bf16'"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(how, says, tmp_path):
    path = stopped(tmp_path, 3)
    with pytest.raises(UserError, match=f"{path.name} belongs to another training: {says}.*delete {tmp_path}"):
        weights_and_history("conv", tmp_path, **how)
    assert path.exists()


def test_a_checkpoint_of_another_config_is_refused(tmp_path):
    Checkpoints(tmp_path, {"config": "1"}).save({}, epochs=1, batches=0)
    with pytest.raises(
        UserError,
        match=r"its config is '1', here it is '2'\. Train with the recipe it was started with, or delete",
    ):
        Checkpoints(tmp_path, {"config": "2"}).latest()


def test_another_number_of_threads_is_said(tmp_path):
    before = torch.get_num_threads()
    path = Checkpoints(tmp_path).save({}, epochs=1, batches=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Checkpoints(tmp_path).latest()["threads"] == before
    torch.set_num_threads(before + 1)
    try:
        with pytest.warns(Graph2nnWarning) as warned:
            assert Checkpoints(tmp_path).latest() is not None
    finally:
        torch.set_num_threads(before)
    (line,) = [str(warning.message) for warning in warned]
    assert f"{path.name} was written with --threads {before}, training goes on with {before + 1}" in line
    assert "bits of the result will differ" in line


def test_the_state_of_another_network_is_refused(tmp_path):
    stopped(tmp_path, 3)
    with pytest.raises(UserError, match="it does not fit this network"):
        weights_and_history("mlp", tmp_path)


def test_a_checkpoint_of_a_newer_version_is_refused(tmp_path, monkeypatch):
    with monkeypatch.context() as newer:
        newer.setattr("graph2nn.training.checkpoints.FORMAT", 2)
        Checkpoints(tmp_path).save({}, epochs=1, batches=0)
    with pytest.raises(UserError, match="has format 2, this graph2nn reads 1; use the version that wrote it"):
        Checkpoints(tmp_path).latest()


def test_momenta_of_another_engine_are_refused(tmp_path):
    """The block engine stores blocks alone; ``state_dict`` moves between engines, an optimiser's does not."""
    stopped(tmp_path, 3, "block")
    with pytest.raises(UserError, match="computed by another engine"):
        weights_and_history("mlp", tmp_path)


# --- disks -------------------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder, size):
    """A file system of its own, which takes root."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, check=False
    ) if sys.platform == "linux" else None  # fmt: skip
    if made is None or made.returncode:
        pytest.skip("only root on Linux may mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


STATE = {"state_dict": {"weight": torch.arange(30_000.0)}}


def test_a_full_disk_is_said_and_the_older_checkpoint_is_whole(tmp_path):
    with small_disk(tmp_path / "disk", "200k") as disk:
        checkpoints = Checkpoints(disk / "checkpoints")
        first = checkpoints.save(STATE, epochs=1, batches=0)
        with pytest.raises(UserError, match=f"No space left on device.*{first.name} is whole. Make room"):
            checkpoints.save(STATE, epochs=2, batches=0)
        assert [path.name for path in first.parent.iterdir()] == [first.name]
        assert torch.equal(Checkpoints(first.parent).latest()["state_dict"]["weight"], torch.arange(30_000.0))


def test_a_folder_that_may_not_be_written_to_is_said(tmp_path):
    with small_disk(tmp_path / "disk", "1m") as disk:
        checkpoints = Checkpoints(disk / "checkpoints")
        checkpoints.save(STATE, epochs=1, batches=0)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(UserError, match=r"Read-only file system.*epoch1-batch0.pt is whole"):
            checkpoints.save(STATE, epochs=2, batches=0)
        assert Checkpoints(disk / "checkpoints").latest()["epoch"] == 1


def save_under_a_limit(folder, file):
    import resource

    checkpoints = Checkpoints(folder)
    checkpoints.save(STATE, epochs=1, batches=0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    try:
        checkpoints.save(STATE, epochs=2, batches=0)
    except UserError as error:
        file.write_text(str(error))


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files by setrlimit")
def test_a_write_that_fails_half_way_leaves_the_older_checkpoint(tmp_path):
    """Without root: the system cuts the file off in the middle."""
    process = in_a_process(save_under_a_limit, tmp_path / "c", tmp_path / "said")
    process.join()
    assert os.strerror(errno.EFBIG) in (tmp_path / "said").read_text()
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["epoch1-batch0.pt"]
    assert Checkpoints(tmp_path / "c").latest()["epoch"] == 1


# --- when and how many -------------------------------------------------------------------------------------


def test_the_last_ones_are_kept_in_the_order_of_training(tmp_path):
    places = [(0, 5), (0, 100), (2, 0), (10, 7)]
    for keep, left in ((2, places[-2:]), (None, places)):
        folder = tmp_path / str(keep)
        checkpoints = Checkpoints(folder, saving=Saving(keep=keep))
        for epochs, batches in places:
            checkpoints.save({}, epochs=epochs, batches=batches)
        assert [path.stem for path in checkpoints.files()] == [f"epoch{e}-batch{b}" for e, b in left]


def test_remains_of_a_killed_writer_are_tidied_up(tmp_path):
    (tmp_path / ".123-epoch1-batch0.pt").write_bytes(b"half")
    assert Checkpoints(tmp_path).latest() is None
    assert not list(tmp_path.iterdir())


def test_they_are_due_by_time_and_by_epochs(tmp_path, monkeypatch):
    now = 0.0
    monkeypatch.setattr("graph2nn.training.checkpoints.time.monotonic", lambda: now)
    both = Checkpoints(tmp_path, saving=Saving(seconds=60, epochs=10))
    assert not both.due(epochs=1, batches=5)
    assert both.due(epochs=20, batches=0)
    assert not both.due(epochs=20, batches=1)
    now = 61.0
    assert both.due(epochs=1, batches=5)
    both.save({}, epochs=1, batches=5)
    assert not both.due(epochs=1, batches=6)
    assert not Checkpoints(tmp_path, saving=Saving(seconds=0)).due(epochs=1, batches=0)


@pytest.mark.parametrize(
    ("text", "saving"),
    [
        ("5m", Saving(300)),
        ("0", Saving(0)),
        ("90", Saving(90)),
        ("1.5h", Saving(5400)),
        ("10epochs", Saving(0, 10)),
        ("1epoch, 30s", Saving(30, 1)),
    ],
)
def test_intervals_as_text(text, saving):
    assert Saving.parse(text) == saving
    assert saving.off == (text == "0")


@pytest.mark.parametrize("text", ["", "often", "5 parsecs", "-1", "1.5epochs", "5m,,"])
def test_what_is_no_interval_is_named(text):
    with pytest.raises(UserError, match="is not an interval; write 5m, 90s"):
        Saving.parse(text)


def test_a_checkpoint_is_an_ordinary_file_of_weights(tmp_path):
    """It loads without executing code, and other commands read its weights: here, the graph in its masks."""
    path = stopped(tmp_path, 3, "mlp")
    assert set(torch.load(path, weights_only=True)) > {"state_dict", "optimiser", "epoch", "identity"}
    assert {one.graph for one in recover(path, 8).values()} == {resuming.GRAPH}
