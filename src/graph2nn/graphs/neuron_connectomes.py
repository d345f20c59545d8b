"""Connectomes of single neurons by name: the larval fly and the worm, each downloaded once and verified.

===============  ====================================================================================
larva            whole brain of the larval fly: 2,952 neurons, 110,677 connections, 352,611 synapses
worm             C. elegans, adult: chemical synapses, 309 cells, 2,386 connections
worm:electrical  the same cells: gap junctions, which conduct both ways and make the graph undirected
worm:all         both kinds, added up
===============  ====================================================================================

FlyWire and the male CNS are too large to be fetched in passing; their tables are read by
:func:`graph2nn.read_connectome` from the user's own download (addresses in ``docs/connectomes.md``).
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.graphs.connectome_files import cached, download, places, verified
from graph2nn.graphs.graph import RelationalGraph


@dataclass(frozen=True)
class Published:
    """A published connectome of neurons.

    Args:
        address: of the file.
        sha256: of its content.
        file: its name, in folders of the user and in the cache.
        citation: of the work that measured it.
        licence: under which the data may be used, or that none is stated.
    """

    address: str
    sha256: str
    file: str
    citation: str
    licence: str


_LARVA = Published(
    "https://github.com/brain-networks/larval-drosophila-connectome/raw/main/Supplementary-Data-S1.zip",
    "8c1f43809ed5d527ba61b154e377cc21da26383a75eda8aab85ce05607a72a4c",
    "Supplementary-Data-S1.zip",
    "Winding et al., The connectome of an insect brain, Science 379 (2023), doi 10.1126/science.add9330",
    "no licence is stated for these supplementary data",
)
_WORM = Published(
    "https://raw.githubusercontent.com/openworm/ConnectomeToolbox/a549d3f2a5fc585c31a733f2992fbea0b4387717/"
    "cect/data/aconnectome_white_1986_whole.csv",
    "c8aac78756b71f6337629951e5f4211448e85d148f6db9b367b2cd0450bb403a",
    "aconnectome_white_1986_whole.csv",
    "White et al., Phil. Trans. R. Soc. B 314 (1986), doi 10.1098/rstb.1986.0056, in the form of Witvliet "
    "et al., Nature 596 (2021), doi 10.1038/s41586-021-03778-8",
    "the repository that holds it (OpenWorm, ConnectomeToolbox) is under the MIT licence",
)
#: By name; the kinds of the worm's synapses share one file.
NEURONS: dict[str, Published] = {"larva": _LARVA, "worm": _WORM, "worm:electrical": _WORM, "worm:all": _WORM}

#: Tables that were made of the larva's archive, and their SHA-256: used where a folder has them instead.
_LARVA_TABLES = {
    "larva/edges.csv.xz": "ad558c4b8632786f56d994aecdcc4eceb0caec8a300b5fd794f1c91f3be0a14e",
    "larva/neurons.csv.xz": "ba693e4495567ac879a07e84bca3b46ee81a929a1db3ec518cc7babd76b99832",
}
_SIDES = (("left_id", "left"), ("right_id", "right"))
_COLUMNS = {"celltype": "celltype", "additional_annotations": "annotation", "level_7_cluster": "cluster"}


def neuron_connectome(
    name: str, data: str | Path | None = None, cache: str | Path | None = None
) -> RelationalGraph:
    """Return a connectome of neurons: weights are synapses, ``nodes`` says what each cell is.

    Args:
        name: ``larva``, ``worm``, ``worm:electrical`` or ``worm:all``.
        data: a folder that may hold the file, or a folder ``connectomes`` that does.
        cache: root of the cache; else GRAPH2NN_CACHE, else the platform's own place.

    Returns:
        The directed graph.

    Raises:
        UserError: a file with other content than published, or no file and no network.
    """
    source = NEURONS[name]
    if name == "larva":
        tables = _larva_tables(data, cache)
        if tables is not None:
            return _read(tables[0], tables[1], name)
        return _larva(_content(name, source, (source.file, f"larva/{source.file}"), data, cache), name)
    return _worm(_content(name, source, (source.file, f"worm/{source.file}"), data, cache), name)


def _content(
    name: str, source: Published, names: tuple[str, ...], data: str | Path | None, cache: str | Path | None
) -> bytes:
    path = next((path for path in places(names, data, cache) if path.is_file()), None)
    if path is None:
        path = download(name, source.address, source.sha256, cached(source.file, cache))
    return verified(path, source.sha256, source.address)


def _larva_tables(data: str | Path | None, cache: str | Path | None) -> list[pd.DataFrame] | None:
    """Return the tables of connections and of neurons, where a folder has both."""
    tables = []
    for name, sha256 in _LARVA_TABLES.items():
        path = next((path for path in places((name,), data, cache) if path.is_file()), None)
        if path is None:
            return None
        content = verified(path, sha256, f"the published {Path(name).name}")
        tables.append(pd.read_csv(io.BytesIO(content), compression="xz"))
    return tables


def _larva(content: bytes, name: str) -> RelationalGraph:
    """Read the archive: a matrix whose rows are presynaptic, and annotations by left and right pairs."""
    matrix = _member(content, "all-all_connectivity_matrix.csv")
    matrix = matrix.set_index(matrix.columns[0])
    annotated = _member(content, "annotations.csv")
    sides = []
    for column, side in _SIDES:
        ids = pd.to_numeric(annotated[column], errors="coerce")  # "no pair" where the other side is alone
        rows = annotated.loc[ids.notna(), list(_COLUMNS)].rename(columns=_COLUMNS)
        sides.append(rows.assign(side=side).set_axis(ids.dropna().astype("int64"), axis=0))
    cells = pd.concat(sides)[["celltype", "side", "annotation", "cluster"]]
    cells = cells[~cells.index.duplicated()].reindex(matrix.index)
    counts = matrix.to_numpy()
    pre, post = np.nonzero(counts)
    ends = {"pre": matrix.index.to_numpy()[pre], "post": matrix.columns.astype("int64").to_numpy()[post]}
    edges = pd.DataFrame({**ends, "synapses": counts[pre, post]})
    return _read(edges, cells.rename_axis("id").reset_index(), name)


def _member(content: bytes, name: str) -> pd.DataFrame:
    """Read a table of an archive, in whatever folder it lies there."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        inside = next((one for one in archive.namelist() if one.rsplit("/", 1)[-1] == name), None)
        if inside is None:
            raise UserError(f"connectome 'larva': the archive has no {name}.")
        with archive.open(inside) as file:
            return pd.read_csv(file)


def _worm(content: bytes, name: str) -> RelationalGraph:
    """Read the table of synapses; a gap junction is listed once and conducts both ways."""
    table = pd.read_csv(io.BytesIO(content), sep="\t")
    table = table.assign(pre=table["pre"].str.strip(), post=table["post"].str.strip())
    chemical, gaps = (table[table["type"] == kind] for kind in ("chemical", "electrical"))
    pairs = gaps.assign(pre=gaps[["pre", "post"]].min(axis=1), post=gaps[["pre", "post"]].max(axis=1))
    pairs = pairs.drop_duplicates(["pre", "post"])  # a few stand in both directions
    back = pairs[pairs["pre"] != pairs["post"]].rename(columns={"pre": "post", "post": "pre"})
    kinds = {"worm": [chemical], "worm:electrical": [pairs, back], "worm:all": [chemical, pairs, back]}
    with (files("graph2nn.graphs") / "connectome_data" / "worm-cells.csv").open(encoding="utf-8") as file:
        cells = pd.read_csv(file)
    named = set(table["pre"]) | set(table["post"])
    edges = pd.concat(kinds[name])[["pre", "post", "synapses"]]
    return _read(
        edges, cells[cells["id"].isin(named)], name, directed=None if name == "worm:electrical" else True
    )


def _read(
    edges: pd.DataFrame, cells: pd.DataFrame, name: str, *, directed: bool | None = True
) -> RelationalGraph:
    from dataclasses import replace

    from graph2nn.graphs.io.connectome import ConnectomeOptions, read_tables

    graph = read_tables(edges, cells, ConnectomeOptions(name=name)).graph
    return graph if directed else replace(graph, directed=directed)
