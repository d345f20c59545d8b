"""Kernels on compressed sparse rows: triangles, and breadth-first searches from 512 nodes at once.

Distances: a node's state is eight words, one bit per searched node, so that one pass over the edges serves 512
searches (the multi-source search of Then et al. 2014, doi 10.14778/2735496.2735507). A level goes over the few
nodes of a small frontier, or over the rows of all nodes that some search has not reached yet.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.kernels.bits import bit
from graph2nn.graphs.kernels.jit import compiled, lowest_bit, popcount

Ints = npt.NDArray[Any]
Counts = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]

#: Words of a node's state, and the searches that they hold: one cache line.
WORDS = 8
BATCH = 64 * WORDS


@compiled
def triangles(indptr: Ints, indices: Ints, strength: Ints, total: Counts) -> None:
    """Add to each node the triangles through it, each weighted by the product of its edges' strengths.

    Args:
        indptr, indices: edges of a symmetric matrix in one direction only, each node's sorted; every node's
            row is short if edges run from the lower to the higher degree.
        strength: of each edge.
        total: one per node.
    """
    n = len(indptr) - 1
    mark = np.zeros(n, np.int64)
    for u in range(n):
        for a in range(indptr[u], indptr[u + 1]):
            mark[indices[a]] = strength[a]
        for a in range(indptr[u], indptr[u + 1]):
            v = indices[a]
            at_u = 0
            at_v = 0
            for b in range(indptr[v], indptr[v + 1]):
                w = indices[b]
                if mark[w] != 0:
                    product = strength[a] * strength[b] * mark[w]
                    at_u += product
                    at_v += product
                    total[w] += product
            total[u] += at_u
            total[v] += at_v
        for a in range(indptr[u], indptr[u + 1]):
            mark[indices[a]] = 0


@compiled
def deepest_core(indptr: Ints, indices: Ints) -> int:
    """Return the largest k for which some nodes have k neighbours among themselves.

    The bucket algorithm of Batagelj and Zaveršnik 2003 (arXiv cs/0310049).

    Args:
        indptr, indices: a symmetric matrix by rows, without a diagonal.
    """
    n = len(indptr) - 1
    degree = np.empty(n, np.int64)
    for v in range(n):
        degree[v] = indptr[v + 1] - indptr[v]
    start = np.zeros(degree.max() + 2, np.int64)
    for v in range(n):
        start[degree[v] + 1] += 1
    for d in range(1, len(start)):
        start[d] += start[d - 1]
    order, place, room = np.empty(n, np.int64), np.empty(n, np.int64), start.copy()
    for v in range(n):
        place[v] = room[degree[v]]
        order[place[v]] = v
        room[degree[v]] += 1
    deepest = 0
    for i in range(n):
        v = order[i]
        deepest = max(deepest, degree[v])
        for a in range(indptr[v], indptr[v + 1]):
            u = indices[a]
            if degree[u] > degree[v]:  # u moves to the front of its degree, and from there one degree down
                first = max(start[degree[u]], i + 1)
                w = order[first]
                order[place[u]], order[first] = w, u
                place[w], place[u] = place[u], first
                start[degree[u]] = first + 1
                degree[u] -= 1
    return deepest


@compiled
def _push(
    tptr: Ints,
    tidx: Ints,
    active: Counts,
    count: int,
    frontier: Bits,
    seen: Bits,
    new: Bits,
    mark: Ints,
    fresh: Counts,
) -> int:
    """Hand the frontier on to its readers; return how many nodes a search reached for the first time."""
    touched = 0
    for i in range(count):
        u = active[i]
        for a in range(tptr[u], tptr[u + 1]):
            v = tidx[a]
            if mark[v] == 0:
                mark[v] = 1
                fresh[touched] = v
                touched += 1
                for w in range(WORDS):
                    new[v, w] = frontier[u, w]
            else:
                for w in range(WORDS):
                    new[v, w] |= frontier[u, w]
    kept = 0
    for i in range(touched):
        v = fresh[i]
        anything = np.uint64(0)
        for w in range(WORDS):
            new[v, w] &= ~seen[v, w]
            anything |= new[v, w]
        if anything != 0:
            fresh[kept] = v
            kept += 1
        else:
            mark[v] = 0
    return kept


@compiled
def _pull(
    indptr: Ints,
    indices: Ints,
    full: Bits,
    flag: Ints,
    frontier: Bits,
    seen: Bits,
    new: Bits,
    mark: Ints,
    fresh: Counts,
) -> int:
    """Let every node that some search has not reached look at the nodes it reads; return as :func:`_push`."""
    kept = 0
    for v in range(len(indptr) - 1):
        lacking = np.uint64(0)
        for w in range(WORDS):
            lacking |= full[w] & ~seen[v, w]
        if lacking == 0:
            continue
        for w in range(WORDS):
            new[v, w] = 0
        for a in range(indptr[v], indptr[v + 1]):
            u = indices[a]
            if flag[u] != 0:
                for w in range(WORDS):
                    new[v, w] |= frontier[u, w]
        anything = np.uint64(0)
        for w in range(WORDS):
            new[v, w] &= ~seen[v, w]
            anything |= new[v, w]
        if anything != 0:
            mark[v] = 1
            fresh[kept] = v
            kept += 1
    return kept


@compiled
def distances_to(
    indptr: Ints,
    indices: Ints,
    tptr: Ints,
    tidx: Ints,
    targets: Counts,
    sums: Counts,
    reached: Counts,
    per_distance: Counts,
) -> tuple[int, int]:
    """Measure the steps from every node to each of up to 512 target nodes along the edges row → column.

    Args:
        indptr, indices: the adjacency matrix by rows.
        tptr, tidx: its transpose by rows.
        targets: different nodes.
        sums, reached: ``[targets]``; filled with the sum of distances, and the number of other nodes, of which
            a path leads to the target.
        per_distance: ``[n]``; pairs at each distance are added.

    Returns:
        The longest distance, and how many edges were looked at.
    """
    n = len(indptr) - 1
    full = np.zeros(WORDS, np.uint64)
    seen = np.zeros((n, WORDS), np.uint64)
    frontier = np.zeros((n, WORDS), np.uint64)
    new = np.zeros((n, WORDS), np.uint64)
    flag, mark = np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    active, fresh = np.empty(n, np.int64), np.empty(n, np.int64)
    count = len(targets)
    for t in range(count):
        full[t >> 6] |= bit(t & 63)
        seen[targets[t], t >> 6] |= bit(t & 63)
        frontier[targets[t], t >> 6] |= bit(t & 63)
        flag[targets[t]] = 1
        active[t] = targets[t]
    level = looked = 0
    while count > 0:
        work = 0
        for i in range(count):
            work += tptr[active[i] + 1] - tptr[active[i]]
        if work * 8 < len(indices):
            newly_reached = _push(tptr, tidx, active, count, frontier, seen, new, mark, fresh)
            looked += work + count
        else:
            newly_reached = _pull(indptr, indices, full, flag, frontier, seen, new, mark, fresh)
            looked += len(indices) + n
        for i in range(count):
            flag[active[i]] = 0
        level += 1
        for i in range(newly_reached):
            v = fresh[i]
            for w in range(WORDS):
                word = new[v, w]
                seen[v, w] |= word
                per_distance[level - 1] += popcount(word)
                while word != 0:
                    t = 64 * w + lowest_bit(word)
                    sums[t] += level
                    reached[t] += 1
                    word &= word - np.uint64(1)
        frontier, new = new, frontier
        flag, mark = mark, flag
        active, fresh = fresh, active
        count = newly_reached
    return level - 1, looked
