"""Codec of the atlas: arrays and graphs as compact text that a browser unpacks without loss."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.graph import RelationalGraph

#: Divisors tried, in turn: errors are counts out of 10,000 or 50,000 pictures, so two or three digits do.
_SCALES = (1, 10, 100, 1_000, 10_000)
_INTEGERS = (np.uint8, np.uint16, np.uint32)
#: How a graph is packed; a graph that is absent is listed by the page but not drawn.
ABSENT, UNDIRECTED, DIRECTED = 0, 1, 2


def pack(values: npt.ArrayLike) -> dict[str, Any]:
    """Pack numbers, C order, as base64 of the shortest little-endian type that gives every one of them back.

    ``type`` is ``u1``, ``u2``, ``u4`` (integers to be divided by ``scale``, the greatest one meaning NaN) or
    ``f8``. Unpacked values equal the given ones bit for bit.
    """
    array = np.ascontiguousarray(values, dtype=np.float64).ravel()
    numbers = array[~np.isnan(array)]
    for scale in _SCALES:
        with np.errstate(over="ignore"):
            whole = np.rint(numbers * scale)
        if numbers.size and (whole.min() < 0 or not np.array_equal(whole / scale, numbers)):
            continue
        for kind in _INTEGERS:
            gap = int(np.iinfo(kind).max)
            if not numbers.size or whole.max() < gap:
                packed = np.full(array.shape, gap, dtype=np.dtype(kind).newbyteorder("<"))
                packed[~np.isnan(array)] = whole.astype(kind)
                return {"type": f"u{packed.itemsize}", "scale": scale, "data": text(packed.tobytes())}
    return {"type": "f8", "scale": 1, "data": text(array.astype("<f8").tobytes())}


def pack_edges(graphs: Iterable[RelationalGraph | None]) -> dict[str, Any]:
    """Pack adjacency matrices one after the other, each padded to whole bytes, the first bit the highest.

    An undirected graph gives its pairs i < j row by row; a directed one all n² entries, row reads column.
    ``kind`` is :data:`ABSENT`, :data:`UNDIRECTED` or :data:`DIRECTED`, ``n`` the number of nodes.
    """
    kinds, sizes, parts = [], [], []
    for graph in graphs:
        if graph is None:
            kinds.append(ABSENT)
            sizes.append(0)
            continue
        kinds.append(DIRECTED if graph.directed else UNDIRECTED)
        sizes.append(graph.n)
        bits = graph.adjacency.ravel() if graph.directed else graph.adjacency[np.triu_indices(graph.n, 1)]
        parts.append(np.packbits(bits).tobytes())
    return {"kind": pack(kinds), "n": pack(sizes), "data": text(b"".join(parts))}


def packed_bytes(graph: RelationalGraph) -> int:
    """Bytes that a graph takes once packed, before base64."""
    bits = graph.n**2 if graph.directed else graph.n * (graph.n - 1) // 2
    return -(-bits // 8)


def text(raw: bytes) -> str:
    """Write bytes in base64."""
    return base64.b64encode(raw).decode("ascii")
