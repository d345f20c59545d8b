"""Callbacks and loggers of a run in progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from torch import nn

from graph2nn.conversion.recover import recover
from graph2nn.experiments.loggers.logger import Logger, logged, scalars
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.results.config import RunConfig
from graph2nn.results.run_folder import RunFolder
from graph2nn.training.epoch import Epoch, EpochProgress
from graph2nn.training.loop import OnStart

OnEpoch = Callable[[Epoch], None]
OnBatch = Callable[[EpochProgress], None]


@dataclass(frozen=True)
class Watch:
    """Callbacks and loggers of a run in progress, in addition to its own files.

    Args:
        on_epoch: called after each epoch with its numbers.
        on_batch: called after each batch with the sums of its epoch.
        on_start: see :func:`graph2nn.train`.
        loggers: take the numbers of each epoch.
        log_graphs: log also directed C and L of the graphs that this share of the weights' strongest blocks
            makes.
    """

    on_epoch: OnEpoch | None = None
    on_batch: OnBatch | None = None
    on_start: OnStart | None = None
    loggers: tuple[Logger, ...] = ()
    log_graphs: float | None = None


@dataclass
class RunCallbacks:
    """Keeps metrics and loggers in step with a training run that may go on from a checkpoint."""

    folder: RunFolder
    config: RunConfig
    network: nn.Module
    graph: RelationalGraph | None
    watch: Watch
    stack: ExitStack
    earlier: float = 0.0
    log: Callable[[int, Mapping[str, float]], None] | None = None

    def start(self, history: Sequence[Epoch], running: EpochProgress) -> None:
        """Begin after the epochs of a checkpoint: what was noted after it is going to happen again."""
        first = self.folder.first_evaluation() if history or running.batches else None
        (self.folder.path / "metrics.csv").unlink(missing_ok=True)
        for epoch in [*([first] if first else []), *history]:
            self.folder.append(epoch)
        self.earlier = sum(epoch.seconds for epoch in history) + running.seconds
        if self.watch.loggers:
            self.log = self.stack.enter_context(logged(self.watch.loggers, self.config, len(history)))
        if self.watch.on_start:
            self.watch.on_start(history, running)

    def note(self, epoch: Epoch) -> None:
        """Take the numbers of one more epoch."""
        self.folder.append(epoch)
        if self.log:
            self.log(epoch.epoch, scalars(epoch) | self._graphs())
        if self.watch.on_epoch:
            self.watch.on_epoch(epoch)

    def _graphs(self) -> dict[str, float]:
        if self.watch.log_graphs is None:
            return {}
        from graph2nn.experiments.callbacks import graph_scalars

        return graph_scalars(self.network, self.graph, self.watch.log_graphs)


#: Nodes where the network runs on no graph, as in the paper's MLP experiments.
NODES = 64


def graph_scalars(model: nn.Module, graph: RelationalGraph | None, density: float) -> dict[str, float]:
    """Return C and L of each weight's strongest blocks, and the share of its squares that they hold.

    A graph in parts has no L, and none is returned for it. Blocks are chosen by direction, so C is the directed
    one of Fagiolo (2007) and L runs along the edges, as the names say:
    ``graph/<weight>/clustering_directed`` and so on.

    Args:
        model: whose weights.
        graph: that the model is built on; None reads the weights of a dense network, over 64 nodes.
        density: share of the blocks to choose.

    Returns:
        Numbers by name.

    Raises:
        UserError: a density out of range; no weight that is as wide as the graph has nodes.
    """
    recovered = recover(model, graph.n if graph else NODES, density=density)
    values: dict[str, float] = {}
    for name, one in recovered.items():
        values[f"graph/{name}/clustering_directed"] = one.clustering
        values[f"graph/{name}/captured"] = one.captured
        if one.path_length is not None:
            values[f"graph/{name}/path_length_directed"] = one.path_length
    return values
