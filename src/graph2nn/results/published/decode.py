"""What the 15 name columns and 8 result columns of a published row mean."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graph2nn.errors import UserError
from graph2nn.results.published.archive import Pair

_TRANS, _NUM, _SPARSITY, _P, _GRAPH_SEED = 0, 2, 4, 5, 7
_PARAMS, _MACS, _TOP1, _TOP5, _WIDTH, _SEED = 0, 1, 3, 4, 6, 7


def decode(pair: Pair, *, where: str) -> pd.DataFrame:
    """Return one row a graph and training seed.

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
        raise UserError(f"analyze: {where}: the names hold something that is no number ({error}).") from error
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

    >>> key(0.1280008781103134, 0.1280634444804868, 4)
    '0.128001_0.128063_4'
    """
    return f"{sparsity:.6f}_{p:.6f}_{seed:.0f}"
