"""Connectomes by name: areas of the cortex, as in the published biological networks, and brains of neurons.

Macaque whole cortex (71 areas), macaque visual cortex (30), cat cortex (52). Each is a text file, one row of
0/1 characters per area; rows read columns, and the graphs are directed. The larval fly and the worm, neuron by
neuron, are in :mod:`graph2nn.graphs.neuron_connectomes`. Files are looked for on this machine before one is
downloaded, and none is used whose SHA-256 is not the published one.
"""

from __future__ import annotations

from pathlib import Path

from graph2nn.arguments import checked_arguments
from graph2nn.errors import unknown
from graph2nn.graphs.connectome_files import cached, download, places, verified
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.neuron_connectomes import NEURONS, neuron_connectome

#: Folder of the published files, at the commit that the results were made with.
URL = "https://raw.githubusercontent.com/facebookresearch/graph2nn/b112eb6c6805a1813e433442b0b1f5cabb4ad1a2/pycls/datasets/"

SHA256 = {
    "mcwhole": "d347964446e362fac2b4edf49c886a575efdc52a4078d342402409dd453b4a69",
    "mcvisual": "93159421630e8b2ba5ca472819275c32e064318511dbe8c38a02a19b9cf45b54",
    "cat": "5fbf7f49afc66420ad63d4956c4d31af71dd3a3dfa8e4003a05371f779310fc2",
}

#: Every name that :func:`connectome` takes: areas of the cortex, then connectomes of neurons.
NAMES = (*SHA256, *NEURONS)


@checked_arguments
def connectome(
    name: str,
    symmetrised: bool = False,
    data: str | Path | None = None,
    cache: str | Path | None = None,
) -> RelationalGraph:
    """Return a connectome, directed as published or symmetrised.

    Its file ``<name>.txt`` is looked for in ``data``, in the folder that GRAPH2NN_DATA names (in both also in
    a folder ``connectomes`` inside), then in the cache; if none has it, it is downloaded into the cache.

    Args:
        name: ``mcwhole``, ``mcvisual`` or ``cat``; or, neuron by neuron with weights and a table of cells,
            ``larva``, ``worm`` (chemical synapses), ``worm:electrical`` or ``worm:all``.
        symmetrised: an edge wherever there is one in either direction; the published C and L are of this.
        data: a folder that may hold the file.
        cache: root of the cache; else GRAPH2NN_CACHE, else the platform's own place.

    Returns:
        The graph. ``larva`` and ``worm`` carry weights and a table of neurons, and the others neither.

    Raises:
        UserError: an unknown name, a file with other content than published, or no file and no network.

    Example:
        >>> import graph2nn as g
        >>> worm = g.connectome("worm")  # doctest: +SKIP
    """
    if name not in NAMES:
        raise unknown("connectome", name, NAMES)
    if name in NEURONS:
        cells = neuron_connectome(name, data, cache)
        return cells.symmetrised() if symmetrised else cells
    path = _here(name, data, cache)
    if path is None:
        path = download(name, f"{URL}{name}.txt", SHA256[name], cached(f"{name}.txt", cache))
    text = verified(path, SHA256[name], f"{URL}{path.name}").decode("ascii")
    rows = [[character == "1" for character in line] for line in text.split()]
    graph = RelationalGraph.from_adjacency(rows, name=name, directed=True)
    return graph.symmetrised() if symmetrised else graph


def on_this_machine(data: str | Path | None = None, cache: str | Path | None = None) -> list[str]:
    """Names of the connectomes of cortical areas that :func:`connectome` would not have to download."""
    return [name for name in SHA256 if _here(name, data, cache)]


def _here(name: str, data: str | Path | None, cache: str | Path | None) -> Path | None:
    return next((path for path in places((f"{name}.txt",), data, cache) if path.is_file()), None)
