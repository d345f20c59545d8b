"""Quickstart: sweep and report on bundled data, in minutes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from graph2nn.data.dataset import Dataset
from graph2nn.data.registry import load_dataset
from graph2nn.errors import UserError
from graph2nn.experiments.launchers import Local, launch
from graph2nn.experiments.planning import plan, spread
from graph2nn.experiments.presets import preset
from graph2nn.report.build import report
from graph2nn.results.config import RunConfig
from graph2nn.results.run_folder import finished_runs
from graph2nn.results.runs_table import read_runs


def prepare(*, graphs: int = 26, seeds: int = 3) -> tuple[list[RunConfig], Dataset]:
    """List the runs of the quickstart, the baseline first, and load the digits."""
    digits = preset("mlp-digits")
    data = load_dataset(digits.data)
    chosen = [None, *spread(digits.graphs[0], graphs)]
    return plan(digits, chosen, range(1, seeds + 1), data=data.label), data


def run_quickstart(
    configs: list[RunConfig],
    data: Dataset,
    out: Path,
    *,
    workers: int = 1,
    on_run: Callable[[dict[str, Any]], None] | None = None,
) -> Path:
    """Train what is missing in ``out``, ``workers`` at a time; return the page of the report.

    Args:
        configs: the runs.
        data: to train on.
        out: folder of runs and report.
        workers: runs at a time.
        on_run: called with the row of each run.

    Returns:
        The page.

    Raises:
        UserError: ``out`` holds runs of another experiment, or a run failed.
    """
    check_folder(out, configs)
    outcome = launch(configs, data, out, Local(workers), on_run=on_run)
    if outcome.failed:
        raise UserError(f"quickstart: {outcome.complaint(out)}")
    return report(out, out / "report", command="graph2nn quickstart")


def check_folder(out: Path, configs: list[RunConfig]) -> None:
    """Refuse runs of another experiment before training, since the report could not compare them with these.

    Args:
        out: folder of runs.
        configs: the runs that are to join them.

    Raises:
        UserError: it holds such runs.
    """
    if not finished_runs(out):
        return
    table = read_runs(out)
    others = table[~table["experiment"].isin({config.experiment for config in configs})]
    if len(others):
        raise UserError(
            f"quickstart: {out} holds runs of another experiment, such as {others['run'].iloc[0]} "
            f"({others['preset'].iloc[0]}); name another folder with --out."
        )


def introduction(configs: list[RunConfig], data: Dataset) -> str:
    """Say what is about to happen."""
    names = {config.graph_name for config in configs} - {"baseline"}
    seeds = {config.seed for config in configs}
    return (
        f"Training {len(configs)} networks: {len(names)} graphs over the (C, L) plane and the dense baseline, "
        f"{len(seeds)} seeds each, all at the same multiply-adds, on {data.label}.\n"
        "Digits are a smoke test: they show that everything works and are not evidence for the paper."
    )


def conclusion(out: Path) -> str:
    """Say what came out, in one line."""
    table = read_runs(out)
    share = table["macs"] / table["target_macs"]
    return (
        f"{len(table)} networks, {table['seconds'].sum():.0f} s of training, "
        f"multiply-adds {share.min():.2%} to {share.max():.2%} of the baseline's. The report:"
    )
