"""Summary of runs per graph: mean, spread and gain over the baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graph2nn.analysis import significance
from graph2nn.analysis.evidence import trained
from graph2nn.analysis.mean_intervals import mean_intervals
from graph2nn.analysis.quadratic import Quadratic, quadratic_fit
from graph2nn.analysis.sweetspot import SweetSpot, sweet_spot
from graph2nn.analysis.table import OF_GRAPH, Results, checked_results
from graph2nn.arrays import Floats

__all__ = ["Quadratic", "SweetSpot", "per_graph", "quadratic_fit", "summarise", "sweet_spot"]

_INTEGERS = ("macs", "params")


def per_graph(table: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Summarise a results table, one row per graph in order of first appearance.

    Args:
        table: one row per finished run; columns as in :data:`graph2nn.analysis.table.COLUMNS`. Runs whose
            error is not finite are left out. Runs that were filled in from another seed count in the means,
            as published, and in no interval or test.
        confidence: of the intervals.

    Returns:
        ``graph, kind, n, sparsity, p, graph_seed, clustering, path_length, widths, macs, params`` as given;
        ``seeds``, the runs counted; ``mean``, the mean top-1 error (%); ``sd``, the sample standard deviation
        (n − 1; NaN for one seed); ``sd_population`` (divided by n, as the published ± is); ``low, high``, the
        interval of the mean over training seeds, with the scatter of runs pooled over all graphs; ``gain``, the
        baseline's mean minus the graph's (points; positive is better); ``p_welch``, Welch's two-sided t-test
        against the baseline, and ``p_welch_holm``, the same after Holm's correction over all graphs. NaN where
        a number does not exist: intervals and tests of a single seed, comparisons without a baseline or of the
        baseline with itself.

        A gain has no interval here, as the graph with the largest was picked:
        :func:`graph2nn.analysis.split_seed_gain` gives that of the best graph and
        :func:`graph2nn.analysis.compare_arms` that of graphs named beforehand.

    Raises:
        UserError: a malformed table (see :func:`graph2nn.analysis.table.checked_results`), or a
            confidence outside (0, 1).

    Example:
        >>> runs = pd.DataFrame(
        ...     {
        ...         "run": ["b1", "b2", "a1", "a2"], "graph": ["baseline", "baseline", "a", "a"],
        ...         "kind": ["baseline", "baseline", "relational", "relational"],
        ...         "n": 64, "sparsity": 0.2, "p": 0.1, "graph_seed": 1, "clustering": 0.5, "path_length": 1.9,
        ...         "widths": "512",
        ...         "macs": 2_364_416, "params": 2_368_522, "model": "mlp5", "data": "CIFAR-10", "epochs": 200,
        ...         "seed": [1, 2, 1, 2],
        ...         "test_error": [33.4, 33.2, 32.3, 32.1],
        ...     }
        ... )
        >>> per_graph(runs)[["graph", "seeds", "mean", "gain"]].round(2).values.tolist()
        [['baseline', 2, 33.3, nan], ['a', 2, 32.2, 1.1]]
    """
    return summarise(checked_results(table), confidence=confidence)


def summarise(results: Results, *, confidence: float) -> pd.DataFrame:
    """Do what :func:`per_graph` does on a table that is already checked.

    Args:
        results: the checked table.
        confidence: as for :func:`per_graph`.

    Returns:
        One row per graph.
    """
    errors = results.errors()
    first = results.first_rows()
    share = [name for name in ("reachable", "directed") if name in first]
    rows = first[["graph", *OF_GRAPH, *share]].astype(dict.fromkeys(_INTEGERS, np.int64))
    samples = [errors[label] for label in rows["graph"]]
    # Published means count the runs that were filled in from another seed; intervals and tests do not.
    evidence = Results(trained(results.runs), {}).errors()
    tested = [evidence.get(label, np.full(1, np.nan)) for label in rows["graph"]]
    is_baseline = (rows["kind"] == "baseline").to_numpy()
    baseline = int(is_baseline.argmax()) if is_baseline.any() else None
    size, mean, variance = significance.moments(samples)
    means = mean_intervals(trained(results.runs), list(rows["graph"]), confidence=confidence)
    p: Floats = np.full(len(rows), np.nan)
    gain: Floats = np.full(len(rows), np.nan)
    if baseline is not None:
        p = significance.welch(tested, tested[baseline])
        gain = mean[baseline] - mean
    # A comparison of the baseline with itself says nothing and must not enter the correction.
    p[is_baseline], gain[is_baseline] = np.nan, np.nan
    return rows.assign(
        seeds=size.astype(np.int64),
        mean=mean,
        sd=np.sqrt(variance),
        sd_population=[float(np.std(sample)) for sample in samples],
        low=means[:, 0],
        high=means[:, 1],
        gain=gain,
        p_welch=p,
        p_welch_holm=significance.holm(p),
    )
