"""Evaluations of two small made-up tasks, and the page of their atlas, for the tests of the atlas."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import pandas as pd

import graph2nn as g
from graph2nn.graphs.measures.registry import measure_all
from graph2nn.report.atlas import atlas
from graph2nn.report.atlas.atlas_data import Graphs
from graph2nn.report.atlas.codec import ABSENT, DIRECTED
from graph2nn.report.page import page

#: A label that tries to leave the text it stands in, as HTML, as script and as CSV.
NASTY = "</script><img src=x onerror=alert(1)>&\"',<b>"
#: The second task, so that its name is tried too.
OTHER = "epochs <i>& more</i>"
SPOT = (0.2, 0.6, 1.6, 2.6)


def measures(drawn):
    """The fast measures of some graphs, by label."""
    rows = {label: measure_all(graph, slow=False) for label, graph in drawn.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


def graphs() -> dict[str, g.RelationalGraph]:
    """Thirty WS-flex graphs, one of them with a nasty label, and a directed one."""
    made = {}
    for seed in range(30):
        k, p = 3 + seed % 10, (seed / 30) ** 2
        graph = g.ws_flex(n=24, k=float(k), p=p, seed=seed)
        made[NASTY if seed == 7 else f"ws-{seed}"] = graph
    matrix = np.random.default_rng(3).random((20, 20)) < 0.3
    np.fill_diagonal(matrix, False)
    made["one way"] = g.RelationalGraph(matrix, name="one way", directed=True)
    return made


def evaluations(drawn: dict[str, g.RelationalGraph]) -> pd.DataFrame:
    """Task ``plain``: all graphs, three seeds, one epoch. Task :data:`OTHER`: ten, two seeds, epochs 0 to 4."""
    rng = np.random.default_rng(0)
    rows = []
    for task, labels, seeds, epochs in (
        ("plain", list(drawn), 3, [200]),
        (OTHER, list(drawn)[:10], 2, [0, 1, 2, 3, 4]),
    ):
        for label in ["baseline", *labels]:
            own = label == "baseline"
            clustering = 1.0 if own else drawn[label].clustering
            length = 1.0 if own else drawn[label].path_length
            for seed in range(1, seeds + 1):
                for epoch in epochs:
                    bowl = 30 + 8 * (clustering - 0.4) ** 2 + (length - 2.1) ** 2
                    error = round(bowl + 60 * (epoch < 200) / (1 + epoch) + rng.normal(0, 0.2), 2)
                    network = (500 + len(label), "mlp5", "noise")
                    kind = "baseline" if own else "relational"
                    row = (task, kind, label, 24, clustering, length, seed, epoch, error, round(error / 9, 3))
                    rows.append((*row, *network))
    columns = ["task", "kind", "graph", "n", "clustering", "path_length", "seed", "epoch", "test_error",
               "test_error_top5", "width", "model", "data"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    # One run diverged: its error is a gap.
    table.loc[(table["graph"] == "ws-3") & (table["seed"] == 2) & (table["task"] == "plain"), "test_error"] = (
        np.nan
    )
    return table


def atlas_page(table: pd.DataFrame, drawn: dict[str, g.RelationalGraph]) -> str:
    """The page of the atlas alone, with what is measured on the graphs."""
    return page_of(table, drawn, measures(drawn))


def page_of(
    table: pd.DataFrame, drawn: Graphs, measures: pd.DataFrame | None, highlighted: Sequence[str] = ()
) -> str:
    """The page of the atlas alone, under a title and with notes that try to break out of it."""
    made = atlas(table, drawn, measures=measures, sweet_spots={"plain": SPOT}, highlighted=highlighted)
    return page([], made, title=f"Atlas of {NASTY}", notes=[f"note {NASTY}"], provenance={"command": NASTY})


def unpacked(packed):
    """What unpack.js does."""
    stored = np.frombuffer(base64.b64decode(packed["data"]), dtype="<" + packed["type"])
    if packed["type"] == "f8":
        return stored
    return np.where(stored == np.iinfo(stored.dtype).max, np.nan, stored / packed["scale"])


def unpacked_edges(packed):
    raw, at, made = base64.b64decode(packed["data"]), 0, []
    for kind, n in zip(unpacked(packed["kind"]), unpacked(packed["n"]).astype(int), strict=True):
        if kind == ABSENT:
            made.append(None)
            continue
        count = n * n if kind == DIRECTED else n * (n - 1) // 2
        size = -(-count // 8)
        bits = np.unpackbits(np.frombuffer(raw[at : at + size], dtype=np.uint8))[:count].astype(bool)
        at += size
        matrix = np.zeros((n, n), dtype=bool)
        if kind == DIRECTED:
            matrix[:] = bits.reshape(n, n)
        else:
            matrix[np.triu_indices(n, 1)] = bits
            matrix |= matrix.T
        made.append(matrix)
    assert at == len(raw)
    return made
