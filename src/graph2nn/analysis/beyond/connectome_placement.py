"""Connectomes on the (C, L) plane: where they lie, and which measures set them apart from WS-flex graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graph2nn.analysis.beyond import cell_groups
from graph2nn.analysis.beyond.surface import Surface
from graph2nn.analysis.sweetspot import SweetSpot
from graph2nn.graphs.connectomes import SHA256, connectome
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.measures.registry import measure_all
from graph2nn.graphs.ws_flex import ws_flex

#: What figures call them.
NAMES = {"mcwhole": "macaque, whole cortex", "mcvisual": "macaque, visual cortex", "cat": "cat cortex"}
#: WS-flex graphs that a connectome is compared with.
FAMILY = 30


@dataclass(frozen=True)
class Placed:
    """Connectomes on the plane of a task.

    Attributes:
        places: ``graph, name, n, density, clustering, path_length`` (symmetrised, as the paper quotes them);
            ``inside``, whether the sweet spot's rectangle holds it; ``distance`` to the rectangle in coarse
            cells (0 inside), with ``distance_C, distance_L`` (signed, in the measure's own units: negative,
            the rectangle lies above); ``predicted, predicted_sd``, error by the surface; ``percentile``, share
            of the task's graphs (%) with a lower prediction; ``nearest``, distance to the nearest of them in
            coarse cells; above 1 the prediction is a guess. C and L depend on the number of nodes, so a
            prediction from graphs of another size (``n``) is a comparison, not a forecast.
        scores: ``graph, measure, value, mean, sd, z``: each measure against WS-flex graphs of the same number
            of nodes and edges.
    """

    places: pd.DataFrame
    scores: pd.DataFrame


def load_connectomes(
    data: str | Path | None = None, cache: str | Path | None = None
) -> dict[str, RelationalGraph]:
    """The three published connectomes, symmetrised, by name.

    Raises:
        UserError: as :func:`graph2nn.graphs.connectomes.connectome`.
    """
    return {name: connectome(name, symmetrised=True, data=data, cache=cache) for name in SHA256}


def against_ws_flex(graph: RelationalGraph, *, count: int = FAMILY, seed: int = 0) -> pd.DataFrame:
    """Compare a graph with WS-flex graphs of its own size and number of edges.

    Args:
        graph: undirected, or symmetrised here.
        count: WS-flex graphs; their p runs from 0 to 1 as in the published sweep, denser near 0.
        seed: of the first; each has its own.

    Returns:
        ``measure, value, mean, sd, z``: the graph's, and mean, standard deviation and z-score in the family;
        the measures that are fast, and in which the family varies.
    """
    both = graph.symmetrised() if graph.directed else graph
    family = [
        measure_all(ws_flex(both.n, both.degree, float(p), seed + i), slow=False)
        for i, p in enumerate(np.linspace(0, 1, count) ** 2)
    ]
    rows = pd.DataFrame(family)
    table = pd.DataFrame({"value": measure_all(both, slow=False), "mean": rows.mean(), "sd": rows.std()})
    varies = table["sd"] > 1e-9 * table["mean"].abs().clip(lower=1.0)
    table = table[varies & table["value"].notna()]
    return table.assign(z=(table["value"] - table["mean"]) / table["sd"]).rename_axis("measure").reset_index()


def compare(connectomes: Mapping[str, RelationalGraph]) -> pd.DataFrame:
    """:func:`against_ws_flex` of several graphs, with a column ``graph``; the same for every task."""
    frames = [against_ws_flex(graph).assign(graph=name) for name, graph in connectomes.items()]
    table = pd.concat(frames, ignore_index=True)
    return table[["graph", *table.columns.drop("graph")]]


def place(
    connectomes: Mapping[str, RelationalGraph],
    graphs: pd.DataFrame,
    spot: SweetSpot,
    surface: Surface,
    scores: pd.DataFrame | None = None,
) -> Placed:
    """Place connectomes on the plane of a task.

    Args:
        connectomes: by name; symmetrised here where directed.
        graphs: the task's relational graphs: ``clustering, path_length``.
        spot: its sweet spot.
        surface: its surface.
        scores: of :func:`compare`, to work them out once for several tasks.

    Returns:
        One row per connectome, and the scores.
    """
    cell = cell_groups.cell_size(surface.binning, cell_groups.COARSE)
    at = graphs[["clustering", "path_length"]].to_numpy(dtype=np.float64)
    predicted = surface.process.predict(at)[0]
    low, high = np.array([spot.C_min, spot.L_min]), np.array([spot.C_max, spot.L_max])
    rows = []
    for name, graph in connectomes.items():
        both = graph.symmetrised() if graph.directed else graph
        point = np.array([both.clustering, both.path_length])
        apart = np.maximum(point - high, 0) + np.minimum(point - low, 0)
        error, sd = surface.process.predict(point[None])
        rows.append(
            {
                "graph": name,
                "name": NAMES.get(name, name),
                "n": both.n,
                "density": both.edges / (both.n * (both.n - 1) / 2),
                "clustering": both.clustering,
                "path_length": both.path_length,
                "inside": not apart.any(),
                "distance": float(np.linalg.norm(apart / cell)),
                "distance_C": float(apart[0]),
                "distance_L": float(apart[1]),
                "predicted": float(error[0]),
                "predicted_sd": float(sd[0]),
                "percentile": 100 * float((predicted < error[0]).mean()),
                "nearest": float(np.linalg.norm((at - point) / cell, axis=1).min()),
            }
        )
    return Placed(pd.DataFrame(rows), compare(connectomes) if scores is None else scores)


def placement_record(placed: Placed) -> dict[str, Any]:
    """What summary.json holds of it."""
    scores = {
        graph: dict(zip(rows["measure"], rows["z"], strict=True))
        for graph, rows in placed.scores.groupby("graph")
    }
    return {
        row["graph"]: {**row, "z": scores.get(row["graph"], {})} for row in placed.places.to_dict("records")
    }
