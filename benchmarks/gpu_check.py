"""Everything that a few minutes on a CUDA GPU should answer, most valuable first, in one run.

    python -m benchmarks.gpu_check                          # six minutes, writes results/gpu_check.json
    python -m benchmarks.gpu_check --data PATH              # with training runs of the experiment at the end
    python -m benchmarks.gpu_check --parts oracle steps     # some of the parts
    python -m benchmarks.gpu_check --device cpu --quick --out FOLDER    # dry run without a GPU

The parts, in order: ``oracle``, every engine against float64; ``tests``, ``pytest -m gpu``; ``families``, one
training step of each model family against the CPU; ``resume``, an interrupted training run against an
undisturbed one; ``population``, a stacked population against single runs; ``steps``, ``rates``, ``resnet`` and
``block``, the times; ``runs``, training runs of the experiment's plan. A part that fails is recorded, and the
next one begins; a part that would begin after the time is up is left out. The JSON file is replaced after each
part, so that whatever ends the process leaves what was measured until then.

Exit status: 0 if every part that ran is correct, 1 if one is not, 2 if there is no such device.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import torch

from benchmarks import gpu_checks, gpu_times
from benchmarks.gpu_options import Options, Part
from benchmarks.record import birth_certificate, write

PARTS: dict[str, Part] = {
    "oracle": gpu_checks.oracle,
    "tests": gpu_checks.tests,
    "families": gpu_checks.families,
    "resume": gpu_checks.resume,
    "population": gpu_checks.population,
    "steps": gpu_times.steps,
    "rates": gpu_times.rates,
    "resnet": gpu_times.resnet,
    "block": gpu_times.transformer_block,
    "runs": gpu_times.runs,
}


def check(options: Options, parts: list[str], folder: Path | None) -> dict[str, Any]:
    """Run the parts one after the other and return the whole record, which is written after each of them.

    Args:
        options: the device, how much to do, until when.
        parts: names of :data:`PARTS`.
        folder: where ``gpu_check.json`` is written; ``benchmarks/results`` if left out.
    """
    record = birth_certificate("gpu_check", ("torch", "triton", "numpy", "numba"))
    record |= {"device": options.device, "quick": options.quick, "parts": {}}
    if options.device == "cuda":
        record |= {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda}
    for name in parts:
        if options.seconds_left() <= 0:
            record["parts"][name] = {"left_out": "no time left"}
            say(f"{name}: left out, no time left")
            continue
        say(f"{name}: begins, {options.seconds_left():.0f} s left")
        record["parts"][name] = outcome(PARTS[name], options)
        say(f"{name}: {summary(record['parts'][name])}")
        write("gpu_check", record, folder, quick=options.quick, echo=False)
    return record


def outcome(part: Part, options: Options) -> dict[str, Any]:
    """Run one part; whatever goes wrong in it is its result and does not end the others."""
    begin = time.perf_counter()
    try:
        found: dict[str, Any] = {"result": part(options)}
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        if options.device == "cuda":
            torch.cuda.empty_cache()  # what an allocation failed on must not fail the next part too
    return {**found, "seconds": round(time.perf_counter() - begin, 1)}


def correct(record: dict[str, Any]) -> bool:
    """Whether no part failed, by an error or by its own ``ok``."""
    ran = [part for part in record["parts"].values() if "left_out" not in part]
    return all("error" not in part and part["result"].get("ok", True) for part in ran)


def summary(part: dict[str, Any]) -> str:
    if "error" in part:
        return f"FAILED after {part['seconds']} s, {part['error']}"
    return f"{'done' if part['result'].get('ok', True) else 'NOT CORRECT'} in {part['seconds']} s"


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="smallest sizes; kept with --out only")
    parser.add_argument("--minutes", type=float, default=6.0, help="no part begins later than this")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--data", help="CIFAR-10, for the part 'runs', which is left out without it")
    parser.add_argument("--out", type=Path, help="folder of gpu_check.json (default: benchmarks/results)")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    given = arguments(argv)
    if given.device == "cuda" and not torch.cuda.is_available():
        print("gpu_check: torch finds no CUDA device here; --device cpu --quick is a dry run.", file=sys.stderr)
        return 2
    options = Options(given.device, given.quick, time.monotonic() + 60 * given.minutes, given.data)
    record = check(options, given.parts, given.out)
    return 0 if correct(record) else 1


if __name__ == "__main__":
    sys.exit(main())
