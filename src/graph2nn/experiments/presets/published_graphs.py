"""Graphs and forms of wired layers of the published configs: message types, groups, symmetric weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from graph2nn.errors import UserError, unknown
from graph2nn.graphs.generators import GENERATORS
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.results.config import GraphSpec

#: The catalogue of as many nodes, for ``--select all``.
_CATALOGUES = {64: ("n64-52",), 16: ("n16-48",)}
#: Connectomes and their nodes; a name that ends with ``raw`` is directed there, as the others are here.
_CORTICES = {"mcwhole": 71, "mcvisual": 30, "cat": 52}
#: Message types at which the published code stops with an error, as it passes networkx a fractional number.
_BROKEN = ("ba", "grid", "regular")
MESSAGES = ("ws", "er", "cycle", "tree", "hypercube", *_CORTICES, *(f"{name}raw" for name in _CORTICES))


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
        raise UserError(
            "presets: RGRAPH.MESSAGE_TYPE = 'random': the published graph depends on what was drawn before it; "
            "name a graph with --select instead, such as random_directed:n=64,m=1024,seed=1."
        )
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
