"""Rows of the published results: what their columns mean, which gaps are filled, and their graphs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.catalogues import PUBLISHED, catalogue
from graph2nn.results.config import GraphSpec
from graph2nn.results.evaluations import FILLED, RESUMED
from graph2nn.results.published.published_files import Pair

_TRANS, _NUM, _SPARSITY, _P, _GRAPH_SEED = 0, 2, 4, 5, 7
_PARAMS, _MACS, _TOP1, _TOP5, _WIDTH, _SEED = 0, 1, 3, 4, 6, 7


def decode_rows(pair: Pair, *, where: str) -> pd.DataFrame:
    """Return one row per graph and training seed.

    Columns: ``row`` (in the file), ``kind``, ``n``, ``key`` (sparsity, p and seed as six digits write them),
    ``width`` (the first matched one), ``macs`` and ``params`` (as stored: three digits of billions and of
    millions), ``seed``, ``test_error`` and ``test_error_top5`` (%).

    Raises:
        UserError: a row whose numbers cannot be read.
    """
    names, results = pair
    try:
        numbers = names[:, [_NUM, _SPARSITY, _P, _GRAPH_SEED]].astype(np.float64)
    except ValueError as error:
        raise UserError(
            f"analyze: {where}: the names hold something that is not a number ({error})."
        ) from error
    graphs, seeds = results.shape[:2]
    # Relational layers were called talk: groupbasictalk, talklinear, mbtalkconv. A baseline has none.
    relational = np.char.find(names[:, _TRANS], "talk") >= 0
    keys = [key(sparsity, p, seed) for _, sparsity, p, seed in numbers]
    flat = results.reshape(graphs * seeds, 8)
    return pd.DataFrame(
        {
            "row": np.repeat(np.arange(graphs), seeds),
            "kind": np.repeat(np.where(relational, "relational", "baseline"), seeds),
            "n": np.repeat(numbers[:, 0].astype(np.int64), seeds),
            "key": np.repeat(np.array(keys, dtype=object), seeds),
            "width": flat[:, _WIDTH].astype(np.int64),
            "macs": np.round(flat[:, _MACS] * 1e9).astype(np.int64),
            "params": np.round(flat[:, _PARAMS] * 1e6).astype(np.int64),
            "seed": flat[:, _SEED].astype(np.int64),
            "test_error": flat[:, _TOP1],
            "test_error_top5": flat[:, _TOP5],
        }
    )


def key(sparsity: float, p: float, seed: float) -> str:
    """Name of a graph as the published file names hold it: six digits after the point.

    Args:
        sparsity: average degree over n.
        p: probability of rewiring.
        seed: of the graph.

    Returns:
        The name.

    >>> key(0.1280008781103134, 0.1280634444804868, 4)
    '0.128001_0.128063_4'
    """
    return f"{sparsity:.6f}_{p:.6f}_{seed:.0f}"


#: An error (%) below which an evaluation of epoch 0 cannot be of an untrained network.
TRAINED = 95.0
ROUNDED = "Multiply-adds and parameters are as stored: three digits of billions and of millions."


def repaired(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Give every row of one task a ``remark``, add the rows that are missing, and say what was done.

    Args:
        rows: ``kind, key, seed, epoch`` and the numbers of each evaluation.

    Returns:
        The rows, those filled at the end, and one sentence a quirk.
    """
    resumed = (rows["epoch"] == 0) & (rows["test_error"] < TRAINED)
    marked = rows.assign(remark=resumed.map({True: RESUMED, False: ""}))
    filled, said = _filled(marked)
    return filled, [ROUNDED, *said, *_resumed(marked)]


def _filled(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    at = ["kind", "key", "epoch"]
    everything = rows.drop_duplicates(at)[at]
    first = rows[rows["seed"] == 1]
    fills, said = [rows], []
    for seed, of_seed in rows.groupby("seed"):
        missing = everything.merge(of_seed[at], how="left", indicator=True)
        # An epoch that the seed lacks for every graph was not stored, which is not a gap.
        missing = missing[(missing["_merge"] == "left_only") & missing["epoch"].isin(of_seed["epoch"])][at]
        for (_, key), gap in missing.groupby(["kind", "key"], sort=False):
            filled = gap.merge(first, on=at, how="inner")
            fills.append(filled.assign(seed=seed, remark=FILLED))
            filling = "filled from seed 1, as the published analysis does"
            if len(filled) < len(gap):
                filling = f"{len(filled)} of {len(gap)} could be filled from seed 1, the rest stays empty"
            span = _span(gap["epoch"])
            said.append(f"Graph {key} (sparsity_p_seed), training seed {seed}, lacks {span}; {filling}.")
    return pd.concat(fills, ignore_index=True), said


def _span(epochs: pd.Series) -> str:
    low, high = int(epochs.min()), int(epochs.max())
    return f"epoch {low}" if low == high else f"epochs {low}–{high}"


def _resumed(rows: pd.DataFrame) -> list[str]:
    start = rows[rows["epoch"] == 0]
    late = start[start["remark"] == RESUMED]
    return [
        f"Training seed {seed}: {len(part)} of {int((start['seed'] == seed).sum())} evaluations stored as "
        f"epoch 0 were made after a resume (error below {TRAINED:g} %), so they are not those of an untrained "
        "network."
        for seed, part in late.groupby("seed")
    ]


def joined(rows: pd.DataFrame, *, task: str) -> tuple[str, pd.DataFrame, dict[str, GraphSpec]]:
    """Find the smallest catalogue that holds every graph, and take sparsity, p, seed, C and L from it.

    Args:
        rows: ``kind``, ``n`` and ``key`` of each evaluation.
        task: for messages.

    Returns:
        The catalogue's name; the rows with ``index`` (in the catalogue), ``sparsity, p, graph_seed, clustering,
        path_length`` and ``graph``, the label; and the graphs by label.

    Raises:
        UserError: a graph that is in no published catalogue, or several sizes of graphs in one task.
    """
    graphs = rows[rows["kind"] == "relational"].drop_duplicates(["key", "n"])
    sizes = sorted(set(graphs["n"].tolist()))
    if len(sizes) != 1:
        raise UserError(f"analyze: {task} has graphs of {len(sizes)} sizes ({sizes}), expected one.")
    wanted, absent = set(graphs["key"]), ""
    for name in (name for name in PUBLISHED if name.startswith(f"n{sizes[0]}-")):
        table, specs = _keyed(name)
        absent = next(iter(sorted(wanted - set(table["key"]))), "")
        if not absent:
            return name, _labelled(rows.merge(table, on="key", how="left", validate="many_to_one")), specs
    raise UserError(
        f"analyze: {task}: graph {absent or sorted(wanted)[0]} (sparsity_p_seed) with n = {sizes[0]} is in no "
        f"published catalogue ({', '.join(PUBLISHED)})."
    )


def _keyed(name: str) -> tuple[pd.DataFrame, dict[str, GraphSpec]]:
    table = catalogue(name)
    rows = list(table[["n", "sparsity", "p", "seed"]].itertuples(index=False, name=None))
    specs = GraphSpec.of_rows(table)
    table = table.drop(columns="n").rename(columns={"seed": "graph_seed"})
    table = table.assign(
        key=[key(sparsity, p, seed) for _, sparsity, p, seed in rows],
        graph=[spec.name for spec in specs],
        index=range(len(table)),
    )
    return table, {spec.name: spec for spec in specs}


def _labelled(rows: pd.DataFrame) -> pd.DataFrame:
    baseline = rows["kind"] == "baseline"
    rows["graph"] = rows["graph"].where(~baseline, "baseline")
    rows["n"] = rows["n"].astype(float).where(~baseline)
    # The published analysis draws the dense baseline where the complete graph lies.
    rows.loc[baseline, ["clustering", "path_length"]] = 1.0
    rows.loc[baseline, ["index", "p", "graph_seed", "sparsity"]] = float("nan")
    return rows
