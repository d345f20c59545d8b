"""Experiments: presets, plans, launchers and search; thousands of runs as plain values."""

from graph2nn.experiments.network import build
from graph2nn.experiments.planning import plan, select
from graph2nn.experiments.presets import PRESETS, Preset, preset
from graph2nn.experiments.run import execute
from graph2nn.results.config import GraphSpec, ModelSpec, RunConfig, override
from graph2nn.results.runs_table import read_curves, read_runs, write_table

__all__ = [
    "PRESETS",
    "GraphSpec",
    "ModelSpec",
    "Preset",
    "RunConfig",
    "build",
    "execute",
    "override",
    "plan",
    "preset",
    "read_curves",
    "read_runs",
    "select",
    "write_table",
]
