"""Runs that count as evidence: checked, finite, and trained rather than filled in from another seed."""

from __future__ import annotations

import pandas as pd

from graph2nn.analysis.table import checked_results
from graph2nn.errors import UserError

#: Columns that the comparisons of arms, nulls and seeds need.
NEEDED = ("graph", "kind", "seed", "test_error")
#: How the remark of a run begins that the published analysis copies from another seed.
FILLED = "filled"


def evidence_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Check a table of runs and leave out what is not evidence.

    Diverged runs (an error that is not finite) and runs filled in from another seed, as two published files
    need them for the published numbers, are left out.

    Args:
        runs: one row per run; :data:`NEEDED` columns, and ``remark`` where there is one.

    Returns:
        The runs that count, in order.

    Raises:
        UserError: a malformed table, or nothing left.

    Example:
        >>> import pandas as pd
        >>> columns = {"graph": "a", "kind": "relational", "seed": [1, 2], "test_error": 3.0}
        >>> runs = pd.DataFrame(columns)
        >>> len(evidence_of(runs.assign(remark=["", "filled from seed 1"])))
        1
    """
    kept = checked_results(trained(runs), columns=NEEDED).runs
    if kept.empty:
        raise UserError("results: every run was filled in from another seed; none is evidence.")
    return kept


def trained(runs: pd.DataFrame) -> pd.DataFrame:
    """Leave out the runs that were filled in from another seed."""
    if "remark" not in runs:
        return runs
    return runs[~runs["remark"].astype(str).str.startswith(FILLED)].reset_index(drop=True)
