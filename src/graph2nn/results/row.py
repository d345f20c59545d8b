"""Row of a run in the table of runs: its graph, its network, and the numbers of its last epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

import torch
from torch import nn

from graph2nn.budget.matching import Match
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.results.config import RunConfig
from graph2nn.tasks import Score
from graph2nn.training.epoch import Epoch, final


class NetworkOfRun(NamedTuple):
    """A network as a config asks for it, the graph it runs on, and how its widths were found.

    C and L of a directed graph are quoted on the symmetrised one, as in the paper; the baseline's are those
    of the complete graph. Where ``reachable``, the share of pairs of nodes with a path, is below 1, the graph
    falls into parts and is off the (C, L) plane; its L is then over these pairs.
    """

    model: nn.Module
    graph: RelationalGraph | None
    match: Match
    clustering: float
    path_length: float
    reachable: float


def quoted_measures(graph: RelationalGraph | None) -> tuple[float, float, float]:
    """Return C, L and the share of pairs with a path as tables quote them.

    They are those of the symmetrised graph, and of the complete one for the baseline. L is the mean over the
    pairs that have a path.
    """
    quoted = graph.symmetrised() if graph and graph.directed else graph
    return (quoted.clustering, quoted.paths.mean, quoted.reachable) if quoted else (1.0, 1.0, 1.0)


def result_row(
    config: RunConfig,
    network: NetworkOfRun,
    history: Sequence[Epoch],
    seconds: float,
    *,
    score: Score,
    chance: float | None = None,
    finite: bool | None = None,
) -> dict[str, Any]:
    """Return the row of a run in the table of runs.

    ``test_error`` and ``score`` are the same number: the score that the task minimises. With early stopping
    the numbers are those of the best epoch, and ``epochs`` is what the recipe asked for, so that runs that
    stopped at different times may be compared.

    Args:
        config: of the run.
        network: that was trained.
        history: its epochs.
        seconds: of the whole run.
        score: of the task.
        chance: score of the best constant answer, where it is known.
        finite: whether the run did not diverge; by default whether its last training loss is finite.

    Returns:
        The row, by column.
    """
    patience = config.recipe.patience
    last, graph, matched = history[-1], network.graph, network.match
    drawn = config.graph.ws_flex if config.graph else None
    finite = math.isfinite(last.train_loss) if finite is None else finite
    last = final(history, patience) if finite else last
    validated = last.validation_error is not None and finite
    return {
        "experiment": config.experiment,
        "preset": config.preset,
        "model": config.model.name,
        "data": config.data,
        # Of two dense networks one is the baseline.
        "kind": "relational"
        if graph is not None
        else "baseline"
        if config.graph_name == "baseline"
        else "dense",
        "graph": config.graph_name,
        "null_of": config.graph.null_of if config.graph else None,
        "n": None if graph is None else graph.n,
        "sparsity": 1.0 if graph is None else (drawn.sparsity if drawn else graph.sparsity),
        "p": drawn.p if drawn else None,
        "graph_seed": drawn.seed if drawn else None,
        "clustering": network.clustering,
        "path_length": network.path_length,
        "reachable": network.reachable,
        "directed": None if graph is None else graph.directed,
        "widths": ",".join(map(str, matched.widths)),
        "macs": matched.macs,
        "params": matched.params,
        "target_macs": matched.target,
        "match": matched.method,
        "seed": config.seed,
        "epochs": config.recipe.epochs if patience and finite else len(history),
        "status": "finished" if finite else "diverged",
        "test_error": last.test_error if finite else float("nan"),
        "test_error_top5": last.test_error_top5 if finite else float("nan"),
        "score": last.test_error if finite else float("nan"),
        "score_name": score.name,
        "score_unit": score.unit,
        "chance": chance,
        "validation_error": last.validation_error if validated else None,
        "balanced_error": last.balanced_error if finite else None,
        "r2": last.r2 if finite else None,
        "perplexity": last.perplexity if finite else None,
        "bleu": last.bleu if finite else None,
        "chrf": last.chrf if finite else None,
        "test_loss": last.test_loss,
        "train_error": last.train_error,
        "train_loss": last.train_loss,
        "seconds": seconds,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "recipe": " ".join(
            f"{key}={value}"
            for key, value in config.recipe.model_dump(mode="json", exclude_defaults=True).items()
        ),
    }
