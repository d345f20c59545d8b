"""Quirks of the published rows: what a later seed lacks is filled from seed 1, late evaluations are marked."""

from __future__ import annotations

import pandas as pd

from graph2nn.results.evaluations import FILLED, RESUMED

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
    for seed, own in rows.groupby("seed"):
        missing = everything.merge(own[at], how="left", indicator=True)
        # An epoch that the seed lacks for every graph was not stored, which is no gap.
        missing = missing[(missing["_merge"] == "left_only") & missing["epoch"].isin(own["epoch"])][at]
        for (_, key), gap in missing.groupby(["kind", "key"], sort=False):
            found = gap.merge(first, on=at, how="inner")
            fills.append(found.assign(seed=seed, remark=FILLED))
            how = "filled from seed 1, as the published analysis does"
            if len(found) < len(gap):
                how = f"{len(found)} of {len(gap)} could be filled from seed 1, the rest stays empty"
            span = _span(gap["epoch"])
            said.append(f"Graph {key} (sparsity_p_seed), training seed {seed}, lacks {span}; {how}.")
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
