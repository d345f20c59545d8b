"""Does training in bf16 give the errors of float32? Two sweeps of the same runs, compared pair by pair.

    for precision in float32 bf16; do
        graph2nn sweep mlp-cifar10 --select baseline --select best --seeds 12 --set recipe.epochs=5 \\
            --set recipe.initialisation=published --out $precision    # the second with --amp bf16
    done
    python -m benchmarks.precision_check float32 bf16

The rule of the experiment's plan (``results/cifar10-mlp-200/plan.yaml``, ``precision_rule``): over all pairs of
runs of one network and one seed, the 90 % interval of the mean difference lies within ± 0.3 points, and no
network's own mean difference is above that. The interval is Student's, over pairs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.record import birth_certificate, write

#: Points of error within which the two count as the same.
LIMIT = 0.3

Errors = dict[tuple[str, int], float]


def errors(folder: Path, acceleration: str) -> Errors:
    """Return the test error of each finished run of a sweep, in percent, by network and seed.

    Raises:
        ValueError: a run was computed in another precision.
    """
    found: Errors = {}
    for file in sorted(folder.glob("runs/*/result.json")):
        run = json.loads(file.read_text(encoding="utf-8"))
        if run["acceleration"] != acceleration:
            raise ValueError(f"{file}: computed with {run['acceleration']}, expected {acceleration}")
        found[run["graph"], run["seed"]] = run["test_error"]
    return found


def compared(float32: Errors, bf16: Errors) -> dict[str, Any]:
    """Return the differences bf16 − float32 by network, their mean with its 90 % interval, and the verdict.

    Args:
        float32: errors of one precision.
        bf16: of the other; the same networks and seeds.

    Raises:
        ValueError: a run of one has no partner in the other.
    """
    if alone := set(float32) ^ set(bf16):
        raise ValueError(f"runs without a partner: {sorted(alone)}")
    networks: dict[str, Any] = {}
    for network in sorted({name for name, _ in float32}):
        pairs = sorted(key for key in float32 if key[0] == network)
        difference = np.array([bf16[key] - float32[key] for key in pairs])
        networks[network] = {
            "seeds": [seed for _, seed in pairs],
            "float32": [float32[key] for key in pairs],
            "bf16": [bf16[key] for key in pairs],
            "mean_difference": round(float(difference.mean()), 3),
            "sd": round(float(difference.std(ddof=1)), 3),
        }
    differences = np.array([bf16[key] - float32[key] for key in sorted(float32)])
    mean, error = differences.mean(), differences.std(ddof=1) / np.sqrt(len(differences))
    half = stats.t.ppf(0.95, len(differences) - 1) * error
    low, high = mean - half, mean + half
    worst = max(abs(row["mean_difference"]) for row in networks.values())
    return {
        "networks": networks,
        "pairs": len(differences),
        "mean_difference": round(float(mean), 3),
        "interval_90": [round(float(low), 3), round(float(high), 3)],
        "passed": bool(low >= -LIMIT and high <= LIMIT and worst <= LIMIT),
    }


def main() -> None:
    """Compare and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("float32", type=Path, help="folder of the sweep in float32")
    parser.add_argument("bf16", type=Path, help="folder of the sweep with --amp bf16")
    parser.add_argument("--out", type=Path, help="folder of the result")
    options = parser.parse_args()
    result = birth_certificate("precision_check", ("torch", "numba", "numpy"))
    result["command"] = "python -m benchmarks.precision_check float32 bf16"
    result |= compared(errors(options.float32, "none"), errors(options.bf16, "bf16"))
    write("precision", result, options.out)


if __name__ == "__main__":
    main()
