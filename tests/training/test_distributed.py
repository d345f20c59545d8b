"""Several devices: the steps of one process, the same numbers, and an end together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pytest
import together
import torch
from resuming import command, images, in_a_process
from torch.distributed import TCPStore
from waiting import patience, wait_for

from graph2nn.cli import main
from graph2nn.errors import UserError
from graph2nn.training import Checkpoints, train
from graph2nn.training.distributed import ALONE, Place, RankError, Ranks, launch, place_of
from graph2nn.training.distributed.environment import first_host
from graph2nn.training.distributed.ranks import Lockstep

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gloo between processes, and signals of POSIX")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ranks")


@pytest.fixture(scope="module")
def found(folder):
    """Everything that two ranks were asked to do, in one pair of processes."""
    return launch(partial(together.two, folder=folder), 2, threads=1)


@pytest.fixture(scope="module")
def expected(found, folder):
    torch.set_num_threads(1)
    return together.one(folder)


def assert_close(one, other, rtol):
    assert len(one) == len(other) == 3
    for pair in zip(one[:2], other[:2], strict=True):
        ours, theirs = (torch.tensor(numbers, dtype=torch.float64) for numbers in pair)
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=rtol)
    assert one[2].keys() == other[2].keys()
    for name, value in one[2].items():
        torch.testing.assert_close(value, other[2][name], rtol=rtol, atol=rtol)


# --- the same numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["plain masked", "plain block", "plain masked-in-place", "plain symmetric", "plain in parts"]
)
def test_two_ranks_take_the_steps_of_one(name, found, expected):
    """Loss of every batch and epoch, test loss, weights: in 64 bits, without batch norm, for every engine."""
    assert_close(found[name], expected[name], rtol=1e-10)
    losses = [epoch[0] for epoch in found[name][0]]
    assert losses[-1] < 0.9 * losses[0]  # it did learn


@pytest.mark.parametrize("name", ["synced", "synced conv"])
def test_with_synced_batch_norm_they_do_so_too(name, found, expected):
    assert_close(found[name], expected[name], rtol=1e-9)
    assert any("running_var" in key for key in found[name][2])


@pytest.mark.parametrize(("name", "rtol"), [("channels last", 1e-4), ("compiled", 1e-4), ("bf16", 0.02)])
def test_accelerated_they_do_so_to_rounding(name, rtol, found, expected):
    assert_close(found[name], expected[name], rtol)


@pytest.mark.parametrize("name", ["precise 1", "precise 5", "precise 99", "precise synced"])
def test_precise_batch_norm_is_that_of_one_rank(name, found, expected):
    """Also where a rank has fewer batches than the other, or none."""
    assert found[name].keys() == expected[name].keys()
    for key, value in expected[name].items():
        torch.testing.assert_close(found[name][key], value, rtol=1e-12, atol=1e-12)
    tracked = [int(value) for key, value in found[name].items() if key.endswith("num_batches_tracked")]
    assert tracked == [{"1": 1, "5": 5, "99": 20, "synced": 5}[name.split()[1]]] * 2


@pytest.mark.parametrize("name", ["evaluated by 13", "evaluated by 1000"])
def test_an_evaluation_counts_every_image_once(name, found, expected):
    """157 images, which no two ranks share evenly."""
    assert found[name][1:] == expected[name][1:]
    assert found[name][0] == pytest.approx(expected[name][0], rel=1e-12)


def test_all_ranks_hold_the_same_numbers_bit_for_bit(found):
    """Weights, running averages and sums: whichever rank writes them, they are the training's."""
    assert found["equal"] == set()


def test_dropout_zeroes_other_features_on_each_rank_and_in_each_step(found, expected):
    """The same on all ranks would be dropout of another kind: of features, not of samples."""
    first, second = found["dropped"]
    assert len(first) == len(second) == len(expected["dropped"][0]) > 10
    assert len({*first, *second}) == 2 * len(first)
    for rank, zeroed in enumerate((first, second)):  # the training's seed is 3
        with torch.random.fork_rng():
            Lockstep(torch.nn.Linear(1, 1), Ranks(rank, 2), seed=3).before(epoch=1, batch=0)
            assert zeroed[0] == tuple((torch.nn.functional.dropout(torch.ones(64)) == 0).tolist())


def test_interrupted_they_end_with_the_same_weights_bit_for_bit(found):
    """Batch norm, dropout and stochastic depth; it is the second rank that is asked to stop."""
    assert found["disturbed"][0] == found["undisturbed"][0]
    for name, value in found["undisturbed"][2].items():
        assert torch.equal(found["disturbed"][2][name], value), name


def test_what_two_began_one_ends(found, folder, expected):
    model = together.Doubled()
    torch.set_num_threads(1)
    checkpoints = Checkpoints(folder / "half", saving=together.NEVER)
    started = []
    train(
        model,
        images(),
        together.PLAIN_RECIPE,
        seed=3,
        checkpoints=checkpoints,
        on_start=lambda history, running: started.append((len(history), running.batches)),
    )
    assert started == [(1, 11)]
    for name, value in expected["plain masked"][2].items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=1e-10, atol=1e-10)


def test_batch_norm_of_other_parts_is_another_training(tmp_path):
    """A checkpoint of half batches is not gone on from with whole ones, unless no batch norm sees them."""
    identities = []
    for model in (together.Doubled(norm=True), together.Doubled()):
        for ranks in (ALONE, Ranks(0, 2), Ranks(0, 2, sync_bn=True)):
            identities.append(_norm_identity(model, ranks))
    assert identities == ["of 8 images", "of 4 images", "of 8 images", "none", "none", "none"]


def _norm_identity(model, ranks):
    from graph2nn import load_dataset
    from graph2nn.tasks.registry import task_of
    from graph2nn.training.acceleration import PLAIN
    from graph2nn.training.loop import _begin, _identity

    recipe = together.PLAIN_RECIPE
    task = task_of(load_dataset("digits"))
    state = _begin(model, recipe, 1, torch.device("cpu"), PLAIN, task, None)
    return _identity(state, recipe, 1, PLAIN, ranks)["batch norm"]


def test_photos_are_dealt_out_and_draw_what_they_always_draw(tmp_path):
    from photo_files import tree

    from graph2nn.data.photos import load_imagenet
    from graph2nn.data.samples import Augment

    photos = tree(tmp_path / "photos", each=7)
    data = load_imagenet(photos, tmp_path / "cache", size=16, workers=0, progress=False)
    how = {"mean": data.mean, "sd": data.sd, "augment": Augment(flip=True, resized=(0.3, 1.0), lighting=0.1)}
    parts = [
        together.shares_of_photos(data.train, rank, 2, generator=torch.Generator().manual_seed(4), **how)
        for rank in range(2)
    ]
    whole = list(data.train.batches(8, generator=torch.Generator().manual_seed(4), **how))
    assert len(whole) == len(parts[0]) == 2
    for batch, *cut in zip(whole, *parts, strict=True):
        assert all(len(y) == 4 for _, y in cut)
        for i in range(2):
            assert torch.equal(batch[i], torch.cat([part[i] for part in cut]))


# --- an end together ---------------------------------------------------------------------------------------


def gone(pid):
    """Whether a process has ended; one that nobody has asked after yet is listed still."""
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_killed_rank_ends_the_others(tmp_path):
    with pytest.raises(RankError) as said:
        launch(partial(together.killing_itself, pids=tmp_path), 2, threads=1)
    assert str(said.value).startswith("train: rank 1 of 2 was killed by SIGKILL, and the others were ended.")
    pids = [int(path.read_text()) for path in tmp_path.iterdir()]
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (UserError("data: photo 7 is damaged."), UserError, r"^data: photo 7 is damaged\.$"),
        (KeyError("7"), RankError, r"^train: rank 1 of 2 failed \(KeyError: '7'\), and the others were ended"),
    ],
)
def test_what_went_wrong_on_one_rank_is_said_once(error, kind, says):
    with pytest.raises(kind, match=says) as said:
        launch(partial(together.failing, error=error), 2, threads=1)
    if kind is RankError:
        assert "in failing" in str(said.value.__cause__)  # where it happened


def children(pid):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
def test_the_command_killed_asked_to_stop_and_repeated_ends_with_the_same_files(tmp_path):
    """The launcher is killed, which ends its ranks; then told to make room; the third time it ends."""
    argv = ["train", "mlp-digits", "--device", "cpu", "--devices", "2", "--threads", "1"]
    argv += ["--set", "recipe.epochs=16", "--checkpoint-every", "0.2s"]
    endings = {"whole": [0], "parts": [-signal.SIGKILL, 85, 0]}
    for name, codes in endings.items():
        lines = 0
        for code in codes:
            process = in_a_process(command, *argv, "--out", str(tmp_path / name))
            if code:
                number = signal.SIGTERM if code > 0 else -code
                lines = stopped_after(lines + 2, process, tmp_path / name, number)
            process.join(patience(120))
            assert process.exitcode == code
    (whole,), (parts,) = ((tmp_path / name / "runs").iterdir() for name in endings)
    assert (parts / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    curves = [pd.read_csv(path / "metrics.csv").drop(columns="seconds") for path in (whole, parts)]
    pd.testing.assert_frame_equal(*curves)
    assert len(curves[0]) == 16
    assert pd.read_parquet(tmp_path / "parts" / "runs.parquet").device.tolist() == ["2×cpu"]


def stopped_after(lines, process, out, number):
    """Send a signal once there are this many lines and a checkpoint; its ranks must end too."""
    wait_for(
        lambda: lines_of(out) > lines and list(out.glob(".unfinished/*/checkpoints/*.pt")),
        f"{lines} lines and a checkpoint",
        alive=process.is_alive,
    )
    ranks = children(process.pid)
    assert len(ranks) >= 2
    os.kill(process.pid, number)
    process.join(patience(60))
    wait_for(lambda: all(map(gone, ranks)), "the ranks end with their launcher", 10)
    return lines_of(out)


def lines_of(out):
    return sum(len(path.read_text().splitlines()) for path in out.glob(".unfinished/*/metrics.csv"))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks threads up in /proc")
@pytest.mark.parametrize("stop", [False, True], ids=["at the end", "pre-empted"])
def test_no_thread_of_gloo_is_left_to_abort_the_end_of_a_rank(stop):
    context = get_context("spawn")
    store, found = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False), context.Queue()
    how = (store.port, stop, found)
    ranks = [context.Process(target=together.parted, args=(rank, *how)) for rank in range(2)]
    for rank in ranks:
        rank.start()
    seen = [found.get(timeout=patience(60)) for _ in ranks]
    for rank in ranks:
        rank.join(patience(30))
        assert rank.exitcode == 0
    if not any(during for during, _, _ in seen):
        pytest.skip("this torch does not name gloo's threads")
    for during, after, stopped in seen:
        assert during > 0
        assert (after, stopped) == (0, stop)


# --- who is there ------------------------------------------------------------------------------------------


def test_under_torchrun_the_command_is_the_same(tmp_path):
    argv = ["train", "mlp-digits", "--set", "recipe.epochs=2", "--device", "cpu", "--json", "--threads", "1"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launcher, "-m", "graph2nn", *argv, "--out", str(tmp_path / "torchrun")],
        capture_output=True, text=True, check=False, timeout=patience(120),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert main([*argv, "--devices", "2", "--out", str(tmp_path / "own")]) == 0
    rows = [pd.read_parquet(tmp_path / name / "runs.parquet").iloc[0] for name in ("torchrun", "own")]
    assert rows[0].device == rows[1].device == "2×cpu"
    assert rows[0].test_loss == rows[1].test_loss
    assert done.stdout.count('"run"') == 1
    assert done.stderr.count("epoch   2/2") == 1


@pytest.mark.cluster
def test_under_srun_the_command_is_the_same(tmp_path):
    """One task on each of two nodes; pre-empted by the scheduler's signal to all, and started again."""
    import slurm_cluster

    if reason := slurm_cluster.why_not():
        pytest.skip(reason)
    own, out = tmp_path / "own", tmp_path / "srun"
    argv = ["train", "mlp-digits", "--set", "recipe.epochs=60", "--device", "cpu", "--threads", "1"]
    assert main([*argv, "--devices", "2", "--out", str(own)]) == 0
    with slurm_cluster.cluster(tmp_path / "slurm") as slurm:
        command = ["srun", "--nodes=2", "--ntasks=2", sys.executable, "-m", "graph2nn", *argv]
        command += ["--out", str(out)]
        how = {"env": {**os.environ, **slurm.environment, "MASTER_ADDR": "127.0.0.1"}, "cwd": tmp_path}
        first = subprocess.Popen(command, **how)
        # The job is looked up before, so that the signal does not come after the last epoch.
        wait_for(lambda: slurm.run("squeue", "--noheader", "--format=%i").split(), "the job is queued")
        job = slurm.run("squeue", "--noheader", "--format=%i").split()
        wait_for(lambda: lines_of(out) > 1, "the first epoch", alive=lambda: first.poll() is None, pause=0.01)
        slurm.run("scancel", "--signal=USR1", *job)
        assert first.wait(patience(120)) == 85
        assert subprocess.run(command, **how, check=False, timeout=patience(240)).returncode == 0
    weights = [next((path / "runs").iterdir()) / "weights.safetensors" for path in (own, out)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_places_as_they_are_said():
    assert place_of({}) is None
    assert place_of({"WORLD_SIZE": "1", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}) is None
    assert place_of({"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1"}) == Place(3, 4, 1, "env://")
    slurm = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1", "SLURM_LOCALID": "0", "SLURM_JOB_ID": "12"}
    slurm |= {"SLURM_STEP_NODELIST": "gpu[07-08]", "SLURM_STEP_ID": "0"}
    assert place_of(slurm) == Place(1, 2, 0, "tcp://gpu07:20084")
    told = {"MASTER_ADDR": "head", "MASTER_PORT": "29501"}
    assert place_of(slurm | told) == Place(1, 2, 0, "tcp://head:29501")


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE: is 'two', expected a whole number"),
        ({"WORLD_SIZE": "2"}, "RANK: is missing. torchrun and srun set it"),
        ({"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0"}, "'' names no machine; set MASTER_ADDR"),
    ],
)
def test_places_that_cannot_be(environment, says):
    with pytest.raises(UserError, match=says):
        place_of(environment)


@pytest.mark.parametrize(
    ("nodes", "host"),
    [("n1", "n1"), ("n[1-2]", "n1"), ("gpu[07-09,12],login1", "gpu07"), ("a-b[3]", "a-b3"), ("r[1-2]x", "r1x")],
)
def test_the_first_machine_of_a_list(nodes, host):
    assert first_host(nodes) == host


def test_refusals_are_the_same_on_all_ranks(found):
    batch, parts, graphs = found["refusals"]
    assert batch == (
        "train: recipe.batch_size = 9 is that of all devices together and cannot be cut for 2 devices into "
        "equal pieces of at least 2 images; use a multiple of 2, for example 8."
    )
    assert "for 2 devices × 4 parts into" in parts
    assert "use a multiple of 8, for example 16." in parts
    assert graphs.startswith("acceleration: cuda_graphs")


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--devices", "0"], "--devices"),
        (["--devices", "3"], "recipe.batch_size = 64 is that of all devices together"),
        (["--devices", "2", "--cuda-graphs"], "cuda_graphs needs a CUDA device"),
    ],
)
def test_wrong_input_is_one_line(argv, says, capsys, tmp_path):
    assert main(["train", "mlp-digits", "--device", "cpu", *argv, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert len(said.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("device", "says"),
    [
        ("cuda", "--devices: 99 asked for, this machine has .* GPUs; ask for fewer"),
        ("cuda:1", "'cuda:1' is one GPU; with several processes write --device cuda"),
        ("mps", "several mps devices cannot train together"),
    ],
)
def test_devices_that_are_not_there(device, says):
    with pytest.raises(UserError, match=says):
        launch(print, 99, device=device)


def test_devices_and_a_launcher_must_agree(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    assert main(["train", "mlp-digits", "--devices", "3", "--out", str(tmp_path)]) == 2
    assert "--devices: 3 asked for in one of 2 processes that began together" in capsys.readouterr().err
