"""Graphs and forms of wired layers of the published configs: message types, groups, symmetric weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from graph2nn.errors import UserError, unknown
from graph2nn.graphs.generators import GENERATORS
from graph2nn.graphs.generators.families import pairs_drawn
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.results.config import GraphSpec

#: The catalogue of as many nodes, for ``--select all``.
_CATALOGUES = {64: ("n64-52",), 16: ("n16-48",)}
#: Connectomes and their nodes; a name that ends with ``raw`` is directed there, as the others are here.
_CORTICES = {"mcwhole": 71, "mcvisual": 30, "cat": 52}
#: Message types at which the published code stops with an error, as it passes networkx a fractional number.
_BROKEN = ("ba", "grid", "regular")
MESSAGES = (
    "ws",
    "er",
    "random",
    "cycle",
    "tree",
    "hypercube",
    *_CORTICES,
    *(f"{name}raw" for name in _CORTICES),
)


def graphs_of(values: Mapping[str, Any]) -> tuple[tuple[str, ...], GraphSpec | None]:
    """Return the words for all graphs of a config, and the one graph it names; none for the baseline.

    Raises:
        UserError: a message type without a counterpart, or arguments that name no graph.
    """
    kind, n = str(values["RGRAPH.MESSAGE_TYPE"]), int(values["RGRAPH.GROUP_NUM"])
    if "talk" not in str(values["RESNET.TRANS_FUN"]):
        return ("n16-48",) if values["MODEL.TYPE"] == "efficientnet" else ("n64-52",), None
    if (cortex := kind.removesuffix("raw")) in _CORTICES:
        if n != _CORTICES[cortex]:
            raise UserError(
                f"presets: RGRAPH.GROUP_NUM = {n}, yet the connectome {cortex} has {_CORTICES[cortex]} nodes."
            )
        return (cortex if kind.endswith("raw") else f"{cortex}:symmetrised",), None
    return _CATALOGUES.get(n, ()), _graph(kind, n, values)


def _graph(kind: str, n: int, values: Mapping[str, Any]) -> GraphSpec:
    sparsity, p, seed = values["RGRAPH.SPARSITY"], values["RGRAPH.P"], values["RGRAPH.SEED_GRAPH"]
    directed = bool(values["RGRAPH.DIRECTED"]) and values["MODEL.TYPE"] != "mlpnet"
    if kind in _BROKEN:
        raise UserError(
            f"presets: RGRAPH.MESSAGE_TYPE = {kind!r}: the published code stops with an error there; "
            f"understood: {', '.join(MESSAGES)}."
        )
    if kind == "random":
        return GraphSpec.of(published_random(n, sparsity))
    if seed < 0:
        raise UserError(f"presets: RGRAPH.SEED_GRAPH = {seed} is not a seed; expected 0 or more.")
    if kind == "ws":
        spec = GraphSpec.of_ws_flex(n, sparsity, p, seed, directed=directed)
        spec.build()  # complains of arguments out of range
        return spec
    if kind == "er":
        edges = int(n * (n * sparsity) // 2)
        return _one_way(GENERATORS["gnm_random"](n, edges, seed), directed)
    if kind == "cycle":
        return _one_way(GENERATORS["cycle"](n), directed)
    if kind == "tree":
        return _one_way(GENERATORS["random_tree"](n, seed), directed)
    if kind == "hypercube":
        if n < 2 or math.log2(n) % 1:
            raise UserError(f"presets: RGRAPH.GROUP_NUM = {n} is not a power of 2, as a hypercube needs.")
        return _one_way(GENERATORS["hypercube"](int(math.log2(n))), directed)
    raise unknown("presets: RGRAPH.MESSAGE_TYPE", kind, MESSAGES)


def published_random(n: int, sparsity: float) -> RelationalGraph:
    """Return the graph of the published ``MESSAGE_TYPE: random``: ordered pairs of nodes, equal ones too.

    There each layer draws ⌊n² · sparsity⌋ of the n² ordered pairs from NumPy's global stream, which the layer
    before it left where the sizes of its nodes, a permutation from seed 1, ended: so all wired layers have one
    graph, whatever ``SEED_GRAPH`` is. The first has it too where a network was built before, as
    ``TRAIN.AUTO_MATCH`` does; otherwise its graph comes from the training seed (:data:`FIRST_LAYER`).

    Raises:
        UserError: a sparsity that leaves no edge or asks for more than there are.

    Example:
        >>> graph = published_random(8, 0.5)
        >>> graph.edges, int(graph.adjacency.diagonal().sum())
        (32, 4)
    """
    edges = int(n * n * sparsity)
    if n < 2 or not 0 < edges <= n * n:
        raise UserError(
            f"presets: RGRAPH.GROUP_NUM = {n} and RGRAPH.SPARSITY = {sparsity:g} of a graph 'random': expected "
            "at least 2 nodes, and a share of their pairs in (0, 1] with at least one pair."
        )
    stream = np.random.RandomState(1)
    stream.permutation(n)
    return pairs_drawn(n, stream.choice(n * n, edges, replace=False), name=f"random({n},{sparsity:.4g})")


#: What is said of a preset whose graph is :func:`published_random`.
FIRST_LAYER = (
    "In the published code the first wired layer of a network that was not matched, and of every seed but the "
    "first, has another random graph, drawn with the training seed; here it has that of the other layers."
)


def _one_way(graph: RelationalGraph, directed: bool) -> GraphSpec:
    """Describe a graph; a directed one keeps each edge from the earlier node to the later, as published."""
    if not directed:
        return GraphSpec.of(graph)
    later = graph.adjacency.copy()
    for node in range(graph.n):
        later[node, :node] = False
    return GraphSpec.of(RelationalGraph(later, name=f"{graph.name}-directed", directed=True))


def wiring_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form of the wired layers: fields ``symmetric``, ``groups``, ``shuffle``, ``shrink``.

    Raises:
        UserError: widths that the published layers cannot have.
    """
    layer = str(values["RESNET.TRANS_FUN"])
    widths = [int(values["RGRAPH.DIM_FIRST"]), *values["RGRAPH.DIM_LIST"]]
    if layer.startswith("sym"):
        if len(set(widths)) > 1:
            raise UserError(
                f"presets: RESNET.TRANS_FUN = {layer!r} needs one width throughout; RGRAPH.DIM_FIRST and "
                f"RGRAPH.DIM_LIST are {', '.join(map(str, widths))}."
            )
        return {"symmetric": "sum"}
    if layer.startswith("group") and values["MODEL.TYPE"] == "mlpnet":
        return _groups(layer, widths, values)
    shrinks = "talk" in layer and values["RGRAPH.MESSAGE_TYPE"] == "ws"
    directed = values["RGRAPH.DIRECTED"] and values["MODEL.TYPE"] != "mlpnet"
    return {"shrink": True} if shrinks and not directed else {}


def _groups(layer: str, widths: list[int], values: Mapping[str, Any]) -> dict[str, Any]:
    size, dealt = int(values["RGRAPH.GROUP_SIZE"]), int(values["RGRAPH.GROUP_NUM"])
    width = widths[0]
    if len(set(widths)) > 1:
        raise UserError(
            f"presets: RESNET.TRANS_FUN = {layer!r}: RGRAPH.DIM_FIRST and RGRAPH.DIM_LIST are "
            f"{', '.join(map(str, widths))}; as many groups in all layers need one width throughout."
        )
    if size < 1 or width % size or width // size < 2:
        raise UserError(
            f"presets: RGRAPH.GROUP_SIZE = {size} does not cut a width of {width} into two or more groups."
        )
    if not layer.startswith("groupshuffle"):
        return {"groups": width // size}
    if dealt < 2 or width % dealt:
        raise UserError(
            f"presets: RGRAPH.GROUP_NUM = {dealt}: expected a divisor of the width {width}, at least 2."
        )
    return {"groups": width // size, "shuffle": dealt}
