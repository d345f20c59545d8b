"""What all launchers share: failures are kept and stop nothing, others are waited for, the plan is on disk."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading

import pytest
from lease_files import ELSEWHERE, lease_of
from pages import ROOT
from tiny_sweep import configs
from waiting import patience, signal_until_gone, wait_for

from graph2nn.cli import main
from graph2nn.cli.launcher_options import choose_launcher
from graph2nn.data.registry import load_dataset
from graph2nn.errors import UserError
from graph2nn.experiments import RunConfig
from graph2nn.experiments.launchers import LAUNCHERS, Local, Ray, Slurm, Source, launch, launcher
from graph2nn.experiments.launchers.local import _settle_on_a_gpu
from graph2nn.experiments.launchers.slurm import pull
from graph2nn.experiments.sweep_file import read_plans, read_sweep_file, write_sweep_file
from graph2nn.preemption import REQUEUE_EXIT_CODE
from graph2nn.results.failures import failed_runs
from graph2nn.results.leases import holder, holders
from graph2nn.results.run_folder import finished_runs, writing


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.fixture
def runs(digits):
    return configs(digits)[:3]


@pytest.fixture
def breaks(monkeypatch, runs):
    """The second of three runs fails, until told otherwise."""
    broken = {runs[1].folder}
    execute = launcher.execute

    def maybe(config, *arguments, **options):
        if config.folder in broken:
            raise ZeroDivisionError("the first line\nfloat division by zero")
        return execute(config, *arguments, **options)

    monkeypatch.setattr(launcher, "execute", maybe)
    return broken


# --- failures ----------------------------------------------------------------------------------------------


def test_a_failing_run_stops_nothing_and_is_kept(runs, digits, breaks, tmp_path):
    outcome = launch(runs, digits, tmp_path)
    assert [row["run"] for row in outcome.rows] == [runs[0].folder, runs[2].folder]
    (failure,) = outcome.failed
    assert (failure.run, failure.attempts) == (runs[1].folder, 1)
    assert failure.error == "ZeroDivisionError: float division by zero"
    folder = tmp_path / "failed" / failure.run
    assert RunConfig.from_yaml((folder / "config.yaml").read_text()) == runs[1]
    assert (folder / "traceback.txt").read_text().startswith("Traceback (most recent call last)")
    assert finished_runs(tmp_path) == {runs[0].folder, runs[2].folder}


def test_it_is_not_tried_again_by_the_next_sweep_but_by_retry(runs, digits, breaks, tmp_path, capsys):
    launch(runs, Source("digits"), tmp_path)
    breaks.clear()
    again = launch(runs, digits, tmp_path)
    assert (again.rows, again.skipped, len(again.failed)) == ([], 2, 1)
    assert main(["retry", str(tmp_path), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["run"] == runs[1].folder
    assert failed_runs(tmp_path) == {}
    assert len(finished_runs(tmp_path)) == 3
    assert main(["retry", str(tmp_path)]) == 2
    assert "has no failed run" in capsys.readouterr().err


def test_a_run_that_fails_again_counts_its_attempts(runs, digits, breaks, tmp_path, capsys):
    launch(runs, Source("digits"), tmp_path)
    assert main(["retry", str(tmp_path)]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"graph2nn: 1 of 1 runs failed; {runs[1].folder}: ZeroDivisionError: float division")
    assert f"graph2nn retry {tmp_path}" in said
    assert failed_runs(tmp_path)[runs[1].folder].attempts == 2


def test_a_run_that_keeps_killing_its_process_is_given_up(runs, digits, tmp_path):
    for attempt in range(1, launcher.MAX_DEATHS + 1):
        lease_of(ELSEWHERE, tmp_path, runs[0].folder, attempt, silence=1000)
    outcome = launch(runs, digits, tmp_path)
    assert len(outcome.rows) == 2
    assert outcome.failed[0].error.startswith("its process died 5 times without an error")
    assert outcome.failed[0].attempts == launcher.MAX_DEATHS


def test_results_that_cannot_be_written_stop_a_sweep(runs, digits, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written to"):
        launch(runs, digits, tmp_path / "file")


# --- others ------------------------------------------------------------------------------------------------


def test_a_run_of_another_launcher_is_waited_for(runs, digits, tmp_path):
    """Another machine has the first run, and finishes it while this one waits with all else done."""
    launch(runs, digits, tmp_path / "theirs")
    out, first = tmp_path / "ours", runs[0].folder
    lease = lease_of(ELSEWHERE, _made(out), first)
    waited = []

    def finish(count):
        waited.append(count)
        assert len(finished_runs(out)) == 2
        (tmp_path / "theirs" / "runs" / first).rename(out / "runs" / first)
        lease.unlink()

    outcome = launch(runs, digits, out, on_wait=finish)
    assert waited == [1]
    assert {row["run"] for row in outcome.rows} == {run.folder for run in runs}
    assert "test_error" in outcome.rows[-1]


def test_a_run_of_a_launcher_that_dies_is_taken_over(runs, digits, tmp_path):
    lease = lease_of(ELSEWHERE, tmp_path, runs[0].folder)

    def die(_count):
        os.utime(lease, (0, 0))

    assert len(launch(runs, digits, tmp_path, on_wait=die).rows) == 3


def test_a_job_leaves_a_run_to_another_only_after_that_gave_a_sign_of_life(runs, digits, tmp_path):
    """A job at the end of the queue: the owner of the last run beats once, and may be left alone."""
    plan = write_sweep_file(tmp_path, {run.folder: run for run in runs}, {})
    lease = lease_of(ELSEWHERE, tmp_path, runs[0].folder)
    beaten = []

    def beat():
        # Once the two other runs are done, the job has nothing to do but to wait for the beat.
        wait_for(lambda: len(finished_runs(tmp_path)) == 2, "the other two runs have finished")
        beaten.append(os.utime(lease))

    owner = threading.Thread(target=beat)
    owner.start()
    assert pull(launcher.Work(tmp_path, digits, plan=plan)) == 2
    assert beaten, "the job left before the owner gave a sign of life"
    owner.join()
    assert len(finished_runs(tmp_path)) == 2


def test_a_job_takes_the_run_of_a_lost_node(runs, digits, tmp_path):
    plan = write_sweep_file(tmp_path, {run.folder: run for run in runs}, {})
    lease_of(ELSEWHERE, tmp_path, runs[0].folder, silence=1000)
    assert pull(launcher.Work(tmp_path, digits, plan=plan, only=frozenset([runs[0].folder]))) == 1
    assert finished_runs(tmp_path) == {runs[0].folder}


def _made(folder):
    folder.mkdir()
    return folder


# --- making room -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("workers", "name"), [("1", "SIGTERM"), ("2", "SIGTERM"), ("1", "SIGUSR1")])
def test_told_to_make_room_a_sweep_ends_with_the_code_for_queueing_again(tmp_path, workers, name):
    command = [sys.executable, "-m", "graph2nn", "sweep", "mlp-digits", "--select", "baseline", "--seeds", "9"]
    command += ["--set", "recipe.epochs=2000", "--workers", workers, "--out", str(tmp_path)]
    sweep = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(
            lambda: list(tmp_path.glob(".unfinished/*/metrics.csv")),
            "a run has started",
            alive=lambda: sweep.poll() is None,
        )
        signal_until_gone(sweep, getattr(signal, name))
        said = sweep.communicate(timeout=patience(60))[1]
    finally:
        sweep.kill()
    assert sweep.returncode == REQUEUE_EXIT_CODE, said
    assert "Traceback" not in said
    assert not any(seen.alive for seen in holders(tmp_path).values())
    assert failed_runs(tmp_path) == {}


def test_a_run_told_to_make_room_keeps_its_checkpoint(runs, digits, tmp_path, monkeypatch):
    """What a launcher owes a run, and a run a launcher, by a run that does nothing else."""

    def interrupted(config, data, out, **_):
        with writing(out, config.folder) as folder:
            (folder.path / "checkpoint.pt").write_text("weights")
            raise SystemExit(REQUEUE_EXIT_CODE)

    monkeypatch.setattr(launcher, "execute", interrupted)
    with pytest.raises(SystemExit) as stop:
        launch(runs, digits, tmp_path)
    assert stop.value.code == REQUEUE_EXIT_CODE
    assert failed_runs(tmp_path) == {}
    assert not holder(tmp_path, runs[0].folder).alive
    with writing(tmp_path, runs[0].folder) as folder:
        assert (folder.path / "checkpoint.pt").read_text() == "weights"


# --- GPUs --------------------------------------------------------------------------------------------------


def _take_a_gpu(slots, pipe):
    _settle_on_a_gpu(("4", "7"), slots)
    pipe.send(os.environ["CUDA_VISIBLE_DEVICES"])
    pipe.poll(patience(60))  # hold it until killed, and no longer should nobody come


def test_gpus_are_handed_out_and_those_of_the_dead_again(tmp_path):
    """Only who gets which: that the number does what it says needs a machine with GPUs."""
    context = multiprocessing.get_context("fork")
    pipes, taken, processes = [], [], []

    def start():
        ours, theirs = context.Pipe()
        pipes.append(ours)
        processes.append(context.Process(target=_take_a_gpu, args=(tmp_path, theirs)))
        processes[-1].start()
        theirs.close()
        assert ours.poll(patience(60))
        taken.append(ours.recv())

    try:
        for _ in range(3):
            start()
        processes[1].kill()
        processes[1].join()
        start()
    finally:
        for process, pipe in zip(processes, pipes, strict=True):
            process.kill()  # each holds copies of the pipes of those before it, so closing would not end them
            process.join()
            pipe.close()
    assert taken == ["4", "7", "4", "7"]


# --- plans and options -------------------------------------------------------------------------------------


def test_a_plan_says_what_is_to_be_done_and_how(runs, tmp_path):
    path = write_sweep_file(tmp_path, {run.folder: run for run in runs}, {"device": "cpu"})
    assert write_sweep_file(tmp_path, {run.folder: run for run in runs}, {"device": "cpu"}) == path
    assert [plan.path for plan in read_plans(tmp_path)] == [path]
    plan = read_sweep_file(path)
    assert plan.configs() == runs
    assert plan.runs == tuple(run.folder for run in runs)
    assert plan.work == {"device": "cpu"}
    path.write_bytes(b"PAR1")
    with pytest.raises(UserError, match="is not a plan of a sweep"):
        read_sweep_file(path)


def test_what_a_retry_needs_is_in_the_plan(runs, digits, tmp_path):
    launch(runs[:1], digits, tmp_path)
    (plan,) = read_plans(tmp_path)
    assert plan.work["data"] == {"name": "digits", "path": None, "cache": None, "options": None}
    assert launcher.Acceleration(**plan.work["acceleration"]) == launcher.PLAIN


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--launcher", "local", "--jobs", "4"], "--jobs: is for --launcher slurm, not for local"),
        (["--launcher", "ray", "--partition", "x"], "--partition: is for --launcher slurm, not for ray"),
        (
            ["--launcher", "slurm", "--workers", "4"],
            "--workers: is for --launcher local and ray, not for slurm",
        ),
        (["--launcher", "slurm", "--sbatch", "account"], "--sbatch: 'account' is not KEY=VALUE"),
        (["--launcher", "slurm", "--gpus", "0.5"], "--gpus: 0.5 is not a whole number"),
        (["--launcher", "dask"], "launcher 'dask' is not known"),
    ],
)
def test_options_that_a_launcher_has_no_use_for_are_named(options, says, tmp_path, capsys):
    assert main(["sweep", "mlp-digits", *options, "--out", str(tmp_path)]) == 2
    assert says in capsys.readouterr().err


def test_a_launcher_needs_one_entry_and_no_other_edit(monkeypatch):
    """A name in LAUNCHERS is all that the command needs; its keyword arguments are its options."""

    def make(*, threads=None, workers=1, partition=None):
        return Local(workers + (partition == "big"), threads=threads or 1)

    monkeypatch.setitem(LAUNCHERS, "mine", make)
    assert choose_launcher("mine", threads=3, workers="2", partition="big") == Local(3, threads=3)
    with pytest.raises(UserError, match="--jobs: is for --launcher slurm, not for mine"):
        choose_launcher("mine", threads=None, jobs=2)


def test_options_reach_their_launcher():
    options = {"jobs": 4, "gpus": 2.0, "minutes": 30, "sbatch": ["account=physics", "--qos=low"], "wait": False}
    slurm = choose_launcher("slurm", threads=None, workers=None, **options)
    assert slurm == Slurm(4, gpus=2, minutes=30, options={"account": "physics", "qos": "low"}, wait=False)
    ray = choose_launcher("ray", threads=None, cpus=2, gpus=0.5, retries=0, workers="3", sbatch=[])
    assert ray == Ray(cpus=2, gpus=0.5, retries=0, at_once=3)
    assert choose_launcher("local", threads=2, workers="3") == Local(3, threads=2)


@pytest.mark.parametrize(("module", "launcher"), [("ray", Ray()), ("submitit", Slurm())])
def test_a_launcher_whose_library_is_missing_says_how_to_get_it(
    module, launcher, runs, digits, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf"is not installed; pip install {module}"):
        launch(runs, digits, tmp_path, launcher)


def test_slurm_that_is_not_there_is_one_line(runs, digits, tmp_path, monkeypatch):
    pytest.importorskip("submitit", reason="needs submitit, of the extra slurm")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"SLURM took no job .*--launcher local"):
        launch(runs, digits, tmp_path, Slurm())


def test_several_workers_hand_a_dead_one_s_run_on(runs, digits, tmp_path):
    """A worker killed in the middle: its run is restarted in another one, and is not counted as failed."""
    longer = [
        run.model_copy(update={"recipe": run.recipe.model_copy(update={"epochs": 60})}) for run in runs[:2]
    ]

    killed = []

    def kill(config, epoch):
        if not killed and epoch.epoch >= 2:
            killed.append(holder(tmp_path, config.folder).owner.pid)
            os.kill(killed[0], signal.SIGKILL)

    outcome = launch(longer, digits, tmp_path, Local(2), on_epoch=kill)
    assert (len(outcome.rows), outcome.failed) == (2, [])
    started = [len(path.read_text().splitlines()) for path in tmp_path.glob("runs/*/attempts.jsonl")]
    assert sorted(started) == [1, 2]


def test_the_commands_of_the_page_exist_with_their_options(capsys):
    page = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
    lines = [line.split("   ")[0].split()[1:] for line in page.splitlines() if line.startswith("graph2nn ")]
    assert {line[0] for line in lines} == {"sweep", "status", "retry"}
    for line in lines:
        assert main([line[0], "--help"]) == 0
        shown = capsys.readouterr().out
        assert [word for word in line if word.startswith("--") and word not in shown] == [], line


def test_retry_of_a_folder_that_is_not_there_says_so(tmp_path, capsys):
    assert main(["retry", str(tmp_path / "gone")]) == 2
    assert "gone does not exist; name the folder of a sweep" in capsys.readouterr().err
