"""One task of a study: what was found, every evaluation, and how to build its graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pandas as pd

from graph2nn.analysis.findings import Findings
from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph


class Recipe(Protocol):
    """What a graph can be built from, as :class:`graph2nn.experiments.config.GraphSpec`."""

    def build(self) -> RelationalGraph:
        """Make the graph."""
        ...


@dataclass(frozen=True)
class Study:
    """One task, as the figures need it.

    Attributes:
        task: its name, as figures show it.
        found: what its results table says. The table's runs may have ``catalogue`` and ``index``, the place of
            a graph in its catalogue, and ``remark``; they are used where they are there.
        evaluations: a row an evaluation, with ``graph, seed, epoch, test_error`` (%); None or empty where only
            the last epoch is known. ``remark`` is used where it is there.
        graphs: graphs by label, or how to build them; built only when drawn. Labels it misses are not drawn.

    Raises:
        UserError: the evaluations lack a column.
    """

    task: str
    found: Findings
    evaluations: pd.DataFrame | None = None
    graphs: Mapping[str, RelationalGraph | Recipe] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.evaluations is None:
            return
        columns = ("graph", "seed", "epoch", "test_error")
        missing = [name for name in columns if name not in self.evaluations]
        if missing:
            raise UserError(f"figures: the evaluations of {self.task} have no column {', '.join(missing)}.")

    @property
    def runs(self) -> pd.DataFrame:
        """The results table: one row a run that finished."""
        return self.found.results.runs

    @property
    def curves(self) -> pd.DataFrame | None:
        """Evaluations during training, without those before it; None where there are fewer than two epochs."""
        if self.evaluations is None:
            return None
        rows = self.evaluations[self.evaluations["epoch"] > 0]
        return rows if rows["epoch"].nunique() > 1 else None

    def graph(self, label: str) -> RelationalGraph | None:
        """Build a graph, or return None where nobody says how."""
        recipe = self.graphs.get(label)
        return recipe if recipe is None or isinstance(recipe, RelationalGraph) else recipe.build()

    def counted(self) -> str:
        """How many graphs and runs stand behind a figure, in words; runs that were filled in are named."""
        baseline = int((self.runs["kind"] == "baseline").sum())
        runs = len(self.runs) - baseline
        text = f"{_count(len(self.found.graphs), 'graph')}, {_count(runs, 'run')}"
        if baseline:
            text += f" (and {baseline:,} of the baseline)"
        filled = (
            int(self.runs["remark"].astype(str).str.startswith("filled").sum()) if "remark" in self.runs else 0
        )
        return text + (f", {_count(filled, 'run')} of them filled from another seed" if filled else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
