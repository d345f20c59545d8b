"""Real data that scikit-learn ships: the dense MLP against relational ones at equal multiply-adds.

    python -m benchmarks.own_data [--graphs 3] [--seeds 3] [--epochs 30] [--runs DIR]

An example of the whole way on small data, for docs/your-own-data.md: breast cancer, wine, diabetes, digits go
through ``Dataset.from_arrays`` (70 % training, 10 % validation, 20 % test) and the preset ``mlp``. The graph is
chosen by its mean score on the validation part and judged, with the baseline, on the test part. Results are
written to ``benchmarks/results/own_data.json``, and the table is printed as it stands on the page.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.record import birth_certificate, write
from graph2nn import Dataset
from graph2nn.analysis import compare_arms
from graph2nn.analysis.findings import Findings, collect_findings
from graph2nn.experiments import plan, preset
from graph2nn.experiments.launchers import launch
from graph2nn.experiments.planning import spread
from graph2nn.experiments.presets import fitted
from graph2nn.report.phrasing import error, number, p_text
from graph2nn.results.runs_table import read_runs

NAMES = ("breast_cancer", "wine", "diabetes", "digits")
HEAD = "| data | samples | score | dense | relational | gain | 95 % interval | p |"


def load(name: str) -> Dataset:
    """Read one of scikit-learn's data sets; digits as images."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    x = bunch.images if name == "digits" else bunch.data
    targets = ["progression"] if name == "diabetes" else []
    return Dataset.from_arrays(x, bunch.target, name=name.replace("_", " "), targets=targets)


def compare(data: Dataset, graphs: int, seeds: int, epochs: int, out: Path) -> Findings:
    """Train graphs that lie far apart and the baseline; return what their runs say."""
    known = fitted(preset("mlp"), data)
    chosen = [None, *spread("n64-52", graphs)]
    configs = plan(known, chosen, range(1, seeds + 1), data=data.label, settings=[f"recipe.epochs={epochs}"])
    outcome = launch(configs, data, out)
    if outcome.failed:
        raise SystemExit(outcome.complaint(out))
    table = read_runs(out)
    return collect_findings(table[table["data"] == data.label].reset_index(drop=True))


def row(name: str, data: Dataset, found: Findings) -> dict[str, Any]:
    """Sum up one data set as numbers and as a row of the table."""
    assert found.baseline is not None
    best, digits = found.best, found.digits
    # The validation part chose the graph, so the test part judges it as one graph named beforehand.
    judged = compare_arms(found.results.runs, a=["baseline"], b=[str(best["graph"])])
    span = f"{number(judged.low, digits)} to {number(judged.high, digits)}"
    cells = [
        data.label.partition(" (")[0], f"{sum(map(len, data.splits.values())):,}", found.score.label,
        error(found.baseline, digits), error(best, digits), number(best["gain"], digits), span,
        p_text(judged.p_value),
    ]  # fmt: skip
    keep = ("graph", "mean", "sd", "gain", "macs")
    return {
        "data": data.label,
        "score": found.score.label,
        "baseline": {key: found.baseline[key] for key in ("mean", "sd")}
        | {"macs": int(found.baseline["macs"])},
        "best": {key: best[key].item() if hasattr(best[key], "item") else best[key] for key in keep}
        | {"gain_low": judged.low, "gain_high": judged.high, "p_value": judged.p_value},
        "row": f"| {' | '.join(cells)} |",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--runs", type=Path, help="folder of runs; a temporary one if left out")
    parser.add_argument("--out", type=Path, help="folder of the result; benchmarks/results if left out")
    given = parser.parse_args()
    result = birth_certificate("own_data", ("graph2nn", "torch", "numpy", "scikit-learn"))
    result |= {"graphs": given.graphs, "seeds": given.seeds, "epochs": given.epochs}
    with tempfile.TemporaryDirectory() as temporary:
        out = given.runs or Path(temporary)
        rows = []
        for name in NAMES:
            data = load(name)
            rows.append(row(name, data, compare(data, given.graphs, given.seeds, given.epochs, out / name)))
    result["rows"] = rows
    write("own_data", result, given.out)
    print("\n".join([HEAD, "| --- " * (HEAD.count("|") - 1) + "|", *(each["row"] for each in rows)]))


if __name__ == "__main__":
    main()
