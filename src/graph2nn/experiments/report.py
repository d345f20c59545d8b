"""A report of a folder of runs: collects what the analysis room needs from the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graph2nn.analysis.report import write_report
from graph2nn.experiments.presets import PRESETS
from graph2nn.experiments.results import read_configs, read_curves, read_runs


def report(
    results: Path, out: Path, *, title: str | None = None, notes: Sequence[str] = (), command: str | None = None
) -> Path:
    """Write the report of all finished runs in ``results`` into ``out`` and return its page.

    Raises:
        UserError: no finished run, or runs that do not belong in one report.
    """
    table = read_runs(results)
    graphs = {
        config.graph_name: config.graph.build() for config in read_configs(results).values() if config.graph
    }
    presets = [PRESETS[name] for name in table["preset"].unique() if name in PRESETS]
    known = [note for preset in presets for note in preset.notes]
    return write_report(
        table,
        out,
        graphs=graphs,
        curves=read_curves(results),
        title=title or f"{' and '.join(table['model'].unique())} on {' and '.join(table['data'].unique())}",
        notes=[*known, *notes],
        command=command,
    )
