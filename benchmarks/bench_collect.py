"""How long a sweep's bookkeeping takes at full size: plan, status, and one table out of 20,000 run folders.

    python -m benchmarks.bench_collect [--runs 20000] [--epochs 200]

The paper's largest experiment, 3,942 graphs and the baseline × 5 seeds, is planned with its real configs. Run
folders are synthetic: configs and names are the plan's, numbers are drawn, weights are a few bytes. Each is
written by the same code as a real run's; then all is read as a user would have it read, each step in a process
of its own, with the files in the system's cache as after a sweep.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.record import birth_certificate, write
from graph2nn.experiments import plan, preset, select
from graph2nn.experiments.sweep_file import write_sweep_file
from graph2nn.results.config import RunConfig
from graph2nn.results.leases import hold
from graph2nn.results.run_folder import writing

REPEATS = 3
RESULTS = "from graph2nn.experiments import results"
ANEW = "(out / '.seen.parquet').unlink(True)"
#: Each is timed inside its own process, imports left out.
STEPS = {
    "status_s": "from graph2nn.experiments.status import status as step",
    "read_all_s": f"{RESULTS}; step = results.read_runs; {ANEW}",
    "write_table_s": f"{RESULTS}; step = results.write_table; {ANEW}",
    "write_table_again_s": f"{RESULTS}; step = results.write_table",
    "read_curves_s": f"{RESULTS}; step = results.read_curves",
}


def planned(out: Path) -> tuple[dict[str, RunConfig], dict[str, float]]:
    cifar = preset("mlp-cifar10")
    begin = time.perf_counter()
    graphs = select(cifar, ["all"])
    selected = time.perf_counter()
    configs = {config.folder: config for config in plan(cifar, graphs, range(1, 6), data="CIFAR-10")}
    listed = time.perf_counter()
    write_sweep_file(out, configs, {"data": None})
    written = time.perf_counter()
    return configs, {
        "select_s": round(selected - begin, 2),
        "plan_s": round(listed - selected, 2),
        "write_plan_s": round(written - listed, 2),
    }


def fill(out: Path, configs: dict[str, RunConfig], count: int, epochs: int) -> None:
    """Write run folders; beyond the plan's 19,715 the same configs again with other seeds."""
    rng = np.random.default_rng(0)
    names = list(configs)
    for number in range(count):
        config = configs[names[number % len(names)]]
        if number >= len(names):
            config = config.model_copy(update={"seed": config.seed + 5})
        with writing(out, config.folder) as folder:
            folder.write_config(config)
            numbers = rng.random((epochs, 6))
            rows = (",".join(map(repr, map(float, row))) for row in numbers)
            lines = [f"{epoch},{row},1.5" for epoch, row in enumerate(rows, start=1)]
            head = "epoch,lr,train_loss,train_error,test_loss,test_error,test_error_top5,seconds"
            (folder.path / "metrics.csv").write_text("\n".join([head, *lines, ""]))
            (folder.path / "weights.safetensors").write_bytes(b"0" * 16)
            row = {
                "experiment": config.experiment,
                "preset": config.preset,
                "graph": config.graph_name,
                "n": 64,
            }
            row |= {
                "seed": config.seed,
                "epochs": epochs,
                "seconds": 300.0,
                "test_error": float(numbers[-1, 4]),
            }
            row |= {"widths": "512", "macs": 2364416, "status": "finished", "torch": "2", "kind": "relational"}
            row |= {"clustering": 0.5, "path_length": 2.0, "finished": "2026-11-25T00:00:00+00:00"}
            folder.write_result(row)


def timed(statement: str, out: Path) -> float:
    script = (
        f"import time, json, sys; from pathlib import Path; out = Path(sys.argv[1]); {statement}; "
        "begin = time.perf_counter(); step(out); print(json.dumps(time.perf_counter() - begin))"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(out)], capture_output=True, text=True, check=True)
    return float(json.loads(ended.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=200)
    asked = parser.parse_args()
    result = birth_certificate("bench_collect", ["pandas", "pyarrow", "pydantic"])
    out = Path(tempfile.mkdtemp(prefix="bench-collect-"))
    try:
        configs, result["planning"] = planned(out)
        result["planned_runs"] = len(configs)
        begin = time.perf_counter()
        fill(out, configs, asked.runs, asked.epochs)
        result |= {"runs": asked.runs, "epochs": asked.epochs}
        result["writing_one_folder_ms"] = round(1e3 * (time.perf_counter() - begin) / asked.runs, 2)
        first = next((out / "runs").iterdir())
        result["files_a_run"] = sum(1 for _ in first.iterdir())
        begin = time.perf_counter()
        for number in range(1000):
            with hold(out, f"claim-{number}") as claim:
                claim.done = True
        result["claim_and_release_ms"] = round(time.perf_counter() - begin, 3)
        timed(STEPS["write_table_s"], out)  # warm, and the table is there
        for name, statement in STEPS.items():
            result[name] = round(statistics.median(timed(statement, out) for _ in range(REPEATS)), 2)
        # A sweep that goes on: a hundred folders are new.
        for path in sorted((out / "runs").iterdir())[:100]:
            (path / "result.json").touch()
        result["write_table_hundred_new_s"] = round(timed(STEPS["write_table_again_s"], out), 2)
    finally:
        shutil.rmtree(out)
    write("collect", result)


if __name__ == "__main__":
    main()
