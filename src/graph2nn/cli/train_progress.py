"""Progress of a training run: a live line in a terminal, plain lines in a log."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from graph2nn.cli.common import console
from graph2nn.errors import UserError
from graph2nn.tasks import TOP1, Score

if TYPE_CHECKING:
    from graph2nn.results.config import RunConfig
    from graph2nn.training.epoch import Epoch, EpochProgress

#: Seconds between two looks at the numbers: reading them waits for a GPU.
REFRESH = 0.2

CheckpointEvery = Annotated[
    str,
    typer.Option(
        "--checkpoint-every", metavar="INTERVAL", help="Such as 5m, 90s, 10epochs, 5m,10epochs; 0 for none."
    ),
]
KeepCheckpoints = Annotated[
    bool, typer.Option("--keep-checkpoints", help="Keep all of them, also when the run has finished.")
]
LogEvery = Annotated[
    int,
    typer.Option("--log-every", metavar="N", min=0, help="Print a line after every N batches; 0: each epoch."),
]
LoggerNames = Annotated[
    list[str],
    typer.Option("--logger", metavar="NAME", help="tensorboard, mlflow or wandb; may be repeated."),
]
LogGraphs = Annotated[
    float | None,
    typer.Option(
        "--log-graphs",
        metavar="DENSITY",
        help="Log directed C (Fagiolo 2007) and L of the strongest weights' graphs too.",
    ),
]


def check_log_graphs(density: float | None, loggers: Sequence[str]) -> None:
    """Refuse a density that is not a share of the blocks, and graphs that no logger would take.

    Raises:
        UserError: either of these.
    """
    if density is None:
        return
    if not 0 < density <= 1:
        raise UserError(f"--log-graphs: density = {density:g} lies outside (0, 1], a share of the blocks.")
    if not loggers:
        raise UserError("--log-graphs: no logger takes them; name one, such as --logger tensorboard.")


@dataclass
class Live:
    """Shows one run after the other.

    Args:
        bar: one task, of all batches of all runs.
        task: that task.
        screen: where lines go.
        per_epoch: batches in an epoch.
        log_every: print one line per this many batches.
        score: what the runs minimise.
    """

    bar: Progress
    task: TaskID
    screen: Console
    per_epoch: int
    log_every: int = 0
    score: Score = TOP1
    config: RunConfig | None = None
    _before: int = field(default=0, init=False)
    _began: tuple[float, int] = field(default=(0.0, 0), init=False)
    _shown: float = field(default=0.0, init=False)

    def begin(self, config: RunConfig) -> None:
        """Turn to another run, the one before being over."""
        if self.config:
            self._before += self.config.recipe.epochs * self.per_epoch
        self.config = config
        self.bar.update(self.task, completed=self._before, description=self._name, numbers="")

    def on_start(self, history: Sequence[Epoch], running: EpochProgress) -> None:
        """Say where a run that was interrupted goes on."""
        done = len(history) * self.per_epoch + running.batches
        self._began = time.monotonic(), done
        self.bar.update(self.task, completed=self._before + done)
        if done:
            at = f"epoch {running.epoch}, batch {running.batches + 1}/{self.per_epoch}"
            self.screen.print(f"{self._name}  going on from its checkpoint at {at}", soft_wrap=True)

    def on_batch(self, running: EpochProgress) -> None:
        """Show the epoch under way, now and then."""
        if self.log_every and running.batches % self.log_every == 0:
            at = f"{self._name}  batch {running.batches}/{self.per_epoch} of"
            self.screen.print(f"{at} {self._numbers(running)}  {self._left(running)} left", soft_wrap=True)
        if not self.bar.disable and time.monotonic() - self._shown >= REFRESH:
            self._shown = time.monotonic()
            self.bar.update(
                self.task, completed=self._before + self._done(running), numbers=self._numbers(running)
            )

    def on_epoch(self, epoch: Epoch) -> None:
        """Print the numbers of an epoch, or of the evaluation before training (epoch 0)."""
        assert self.config
        if epoch.epoch == 0:
            test = f"test error {epoch.test_error:5.2f} %"
            self.screen.print(f"{self._name}  before training  {test}", soft_wrap=True)
            return
        self.bar.update(self.task, completed=self._before + epoch.epoch * self.per_epoch)
        tested = epoch.test_error == epoch.test_error  # NaN where the recipe asked for no evaluation
        test = f"test {self._score(epoch.test_error)}" if tested else "not evaluated"
        self.screen.print(
            f"{self._name}  epoch {epoch.epoch:3d}/{self.config.recipe.epochs}  rate {epoch.lr:.4f}"
            f"  loss {epoch.train_loss:.4f}  train {self._score(epoch.train_error)}  {test}"
            f"  {epoch.seconds:.1f} s",
            soft_wrap=True,
        )
        if not math.isfinite(epoch.train_loss):
            self.screen.print(
                f"{self._name}  diverged: the training loss is not finite. Training ends here, and the results "
                "have no test error of this run; lower the rate, --set recipe.lr=RATE.",
                soft_wrap=True,
            )

    @property
    def _name(self) -> str:
        assert self.config
        return f"{self.config.graph_name} seed {self.config.seed}"

    def _numbers(self, running: EpochProgress) -> str:
        assert self.config
        speed = running.images / running.seconds if running.seconds else 0.0
        return (
            f"epoch {running.epoch}/{self.config.recipe.epochs}  loss {running.loss:.4f}"
            f"  {self._score(running.error)}  {speed:,.0f} img/s"
        )

    def _score(self, value: float) -> str:
        if self.score.unit == "%":
            return f"{'error' if self.score == TOP1 else self.score.name} {value:5.2f} %"
        return f"{self.score.name} {value:.4g}"

    def _done(self, running: EpochProgress) -> int:
        return (running.epoch - 1) * self.per_epoch + running.batches

    def _left(self, running: EpochProgress) -> str:
        """Time left for this run at the pace so far, evaluations included."""
        assert self.config
        since, first = self._began
        done = self._done(running)
        pace = (time.monotonic() - since) / max(1, done - first)
        return str(timedelta(seconds=round(pace * (self.config.recipe.epochs * self.per_epoch - done))))


@contextmanager
def live(
    configs: Sequence[RunConfig],
    images: int,
    *,
    log_every: int = 0,
    screen: Console = console,
    score: Score = TOP1,
) -> Iterator[Live]:
    """Show training runs of equal batch size: a bar with numbers on a terminal, else lines alone.

    Args:
        configs: all that will be trained.
        images: in the training split.
        log_every: also print one line per ``log_every`` batches.
        screen: where.
        score: what the runs minimise.

    Returns:
        Context that yields what shows the epochs.
    """
    per_epoch = max(1, images // configs[0].recipe.batch_size)
    # In a narrow terminal it is the name that is cut short.
    name = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    columns = (
        TextColumn("{task.description}", table_column=name),
        TextColumn("{task.fields[numbers]}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=10),
        TimeRemainingColumn(),
    )
    off = not screen.is_terminal
    with Progress(*columns, console=screen, disable=off, transient=True, expand=True) as bar:
        total = sum(config.recipe.epochs for config in configs) * per_epoch
        yield Live(bar, bar.add_task("", total=total, numbers=""), screen, per_epoch, log_every, score)
