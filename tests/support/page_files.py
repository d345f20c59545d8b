"""Small files of the names that pages of the documentation read, made where their code runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

import graph2nn as g


def _edge_list(folder: Path) -> None:
    g.write_graph(g.ws_flex(32, 6, 0.2, 1), folder / "graph.csv")


def _fly(folder: Path) -> None:
    """Two tables as FlyWire has them: 40 neurons with ids of 64 bits, a row per region of each connection."""
    rng = np.random.default_rng(0)
    ids = 720575940600000000 + np.arange(40)
    rows = {"pre_root_id": ids[rng.integers(0, 40, 400)], "post_root_id": ids[rng.integers(0, 40, 400)]}
    rows |= {"neuropil": "FB", "syn_count": rng.integers(3, 12, 400), "nt_type": "ACH"}
    pd.DataFrame(rows).to_csv(folder / "connections.csv.gz", index=False)
    classes = {"super_class": np.where(np.arange(40) < 10, "sensory", "central")}
    sides = {"side": np.where(np.arange(40) % 2, "left", "right")}
    pd.DataFrame({"root_id": ids, **classes, **sides}).to_csv(folder / "classification.csv.gz", index=False)


#: What is made before the code of a page runs, by the name of the page.
FILES: Mapping[str, Callable[[Path], None]] = {"nulls": _edge_list, "connectomes": _fly}
#: Pages that take the larva's connectome from the shared data.
LARVA = ("connectomes", "connectomes-networks")
