"""A sweep of tiny runs, ten per training seed, trained by launchers that this script starts and kills.

    python tests/support/tiny_sweep.py OUT LAUNCHERS KILLS SEED SEEDS

The launchers are forks of this process, which has imported everything and computed nothing: a start takes a
moment instead of the seconds of an import, and a kill is a real SIGKILL. Prints how many kills met a run.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pandas as pd

from graph2nn.data.registry import load_dataset
from graph2nn.experiments import GraphSpec, plan, preset, read_curves, read_runs
from graph2nn.experiments.launchers import launch
from graph2nn.results.failures import failed_runs, forget_all
from graph2nn.results.leases import holders
from graph2nn.results.run_folder import finished_runs

SETTINGS = ["recipe.epochs=4", "recipe.precise_bn=0", "model.widths=[64]", "model.options.stem=64"]
GRAPHS = [None, *(GraphSpec.of_ws_flex(32, 0.25, 0.1 * i, i) for i in range(9))]
#: Forty runs of a moment each, as a command.
COMMAND = ["sweep", "mlp-digits", "--select", "baseline", "--seeds", "4"]
COMMAND += [word for i in range(9) for word in ("--select", f"ws_flex:n=32,k=8,p={i / 10},seed={i}")]
COMMAND += [word for setting in [*SETTINGS[1:], "recipe.epochs=15"] for word in ("--set", setting)]
#: What no two executions of a run have in common.
TIMING = ["seconds", "finished"]


def configs(data, seeds=3):
    return plan(preset("mlp-digits"), GRAPHS, range(1, seeds + 1), data=data.label, settings=SETTINGS)


def table(out):
    return read_runs(out).drop(columns=TIMING)


def curves(out):
    found = read_curves(out).drop(columns="seconds")
    return found.sort_values(["run", "epoch"], ignore_index=True)


def attempts(out):
    """How often each finished run was started."""
    files = (out / "runs").glob("*/attempts.jsonl")
    return {file.parent.name: len(file.read_text().splitlines()) for file in files}


def assert_equal(one, other):
    """Same runs, same numbers, same weights."""
    pd.testing.assert_frame_equal(table(one), table(other))
    pd.testing.assert_frame_equal(curves(one), curves(other))
    for run in finished_runs(one):
        weights = [(out / "runs" / run / "weights.safetensors").read_bytes() for out in (one, other)]
        assert weights[0] == weights[1], run


def fork(runs, data, out):
    child = os.fork()
    if child == 0:
        try:
            launch(runs, data, out)
        finally:
            os._exit(0)
    return child


def main(out, launchers, kills, seed, seeds):
    data, rng = load_dataset("digits"), random.Random(seed)
    runs = configs(data, seeds)
    children, met = [fork(runs, data, out) for _ in range(launchers)], 0
    # Spread over the sweep, whatever the speed of the machine.
    for done in sorted(rng.uniform(0, len(runs) - 2) for _ in range(kills)):
        while len(finished_runs(out)) < int(done):
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, 0.3))
        victim = rng.choice(children)
        met += any(seen.owner.pid == victim for seen in holders(out).values())
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        children[children.index(victim)] = fork(runs, data, out)
    for child in children:
        os.waitpid(child, 0)
    while failed_runs(out):  # killed five times over: what a person would do
        forget_all(out)
        os.waitpid(fork(runs, data, out), 0)
    sys.stdout.write(f"{met}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
