"""Hypothesis strategies for the values that tests draw: graphs of every size, density and direction."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from graph2nn import RelationalGraph


@st.composite
def graphs(
    draw,
    min_n: int = 2,
    max_n: int = 24,
    *,
    directed: bool | None = False,
    connected: bool = False,
) -> RelationalGraph:
    """Random graphs from empty to complete. ``directed=None`` draws both kinds.

    ``connected`` adds a random path through all nodes, so that every measure of distance exists.
    """
    n = draw(st.integers(min_n, max_n), label="n")
    density = draw(st.sampled_from([0.0, 0.05, 0.2, 0.5, 0.9, 1.0]), label="density")
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    arrow = draw(st.booleans(), label="directed") if directed is None else directed
    matrix = rng.random((n, n)) < density
    if connected:
        order = rng.permutation(n)
        matrix[order[:-1], order[1:]] = True
    np.fill_diagonal(matrix, False)
    if not arrow:
        matrix |= matrix.T
    return RelationalGraph(matrix, name="drawn", directed=arrow)
