"""Published rows meet the catalogues: six digits in a file name become a graph with its C and L in full."""

from __future__ import annotations

import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.catalogues import PUBLISHED, catalogue
from graph2nn.results.config import GraphSpec
from graph2nn.results.published.decode import key


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
    specs = [GraphSpec.of_ws_flex(int(n), float(s), float(p), int(seed)) for n, s, p, seed in rows]
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
