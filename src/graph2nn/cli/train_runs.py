"""The runs of ``graph2nn train``, one after the other, with progress shown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph2nn.cli.common import console
from graph2nn.cli.train_progress import Live, live

if TYPE_CHECKING:
    from graph2nn.data.dataset import Dataset
    from graph2nn.experiments.loggers import Logger
    from graph2nn.results.config import RunConfig
    from graph2nn.training.acceleration import Acceleration
    from graph2nn.training.checkpoints import Saving
    from graph2nn.training.distributed import Ranks


@dataclass(frozen=True)
class TrainingJob:
    """Where and how the runs are trained, kept and watched: the options of the command."""

    out: Path
    device: str
    acceleration: Acceleration
    saving: Saving
    loggers: tuple[str, ...] = ()
    log_graphs: float | None = None
    log_every: int = 0
    threads: int | None = None


def train_each(
    configs: Sequence[RunConfig], data: Dataset, task: TrainingJob, ranks: Ranks | None = None
) -> list[dict[str, Any]]:
    """Train what is not finished yet and bring the tables up to date; return the rows of all runs.

    Of several ranks the first one talks and writes; the others only train, and return nothing.

    Args:
        configs: the runs.
        data: that they are trained on.
        task: where and how to train.
        ranks: the processes that train together; None for one.

    Returns:
        Rows of the table of runs.

    Raises:
        Preempted: a scheduler wants the machine back; the run under way is saved.
    """
    from graph2nn.experiments.loggers import make_logger
    from graph2nn.results.run_folder import is_finished
    from graph2nn.results.runs_table import write_curves, write_table
    from graph2nn.tasks.registry import task_of
    from graph2nn.training.distributed.ranks import ALONE

    ranks = ranks or ALONE
    if not ranks.first:
        _follow(configs, data, task, ranks)
        return []
    loggers = [make_logger(name, task.out) for name in task.loggers]
    try:
        score = task_of(data).score
        with live(configs, len(data.train), log_every=task.log_every, score=score) as shown:
            for config in configs:
                shown.begin(config)
                if ranks.of_first(is_finished(task.out, config.folder)):
                    console.print(f"{config.folder} was finished already in {task.out}.", soft_wrap=True)
                else:
                    _train(config, data, task, shown, loggers, ranks)
    finally:
        if any(is_finished(task.out, config.folder) for config in configs):
            write_table(task.out)
            write_curves(task.out)
    return _rows(configs, task.out)


def _follow(configs: Sequence[RunConfig], data: Dataset, task: TrainingJob, ranks: Ranks) -> None:
    """Train along with the first rank, which knows what is finished."""
    from graph2nn.experiments.run import execute

    for config in configs:
        if not ranks.of_first(False):
            execute(
                config,
                data,
                task.out,
                device=task.device,
                acceleration=task.acceleration,
                saving=task.saving,
                ranks=ranks,
            )


def _train(
    config: RunConfig, data: Dataset, task: TrainingJob, shown: Live, loggers: Sequence[Logger], ranks: Ranks
) -> None:
    from graph2nn.experiments.callbacks import Watch
    from graph2nn.experiments.run import execute

    watch = Watch(shown.on_epoch, shown.on_batch, shown.on_start, tuple(loggers), task.log_graphs)
    execute(
        config,
        data,
        task.out,
        device=task.device,
        acceleration=task.acceleration,
        saving=task.saving,
        watch=watch,
        ranks=ranks,
    )


def _rows(configs: Sequence[RunConfig], out: Path) -> list[dict[str, Any]]:
    """Rows of the table of runs, in the order of the configs, as JSON takes them."""
    from graph2nn.results.runs_table import read_runs

    table = read_runs(out).set_index("run", drop=False)
    chosen = table.loc[[config.folder for config in configs]].astype(object)
    rows = chosen.where(chosen.notna(), None).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """Mean and standard deviation of the test error over seeds, in one line."""
    import pandas as pd

    from graph2nn.analysis.table import score_of
    from graph2nn.tasks import TOP1

    errors = [row["test_error"] for row in rows if row["test_error"] is not None]
    if not errors:
        return f"All {len(rows)} seeds diverged."
    spread = f" ± {statistics.stdev(errors):.2f}" if len(errors) > 1 else ""
    lost = f", {len(rows) - len(errors)} diverged" if len(errors) < len(rows) else ""
    score = score_of(pd.DataFrame(list(rows)))
    if score == TOP1:
        return f"Test error {statistics.mean(errors):.2f}{spread} % over {len(errors)} seeds{lost}."
    digits = score.digits(statistics.mean(errors))
    spread = f" ± {statistics.stdev(errors):.{digits}f}" if len(errors) > 1 else ""
    said = score.written(f"{statistics.mean(errors):.{digits}f}{spread}")
    return f"Test {said} over {len(errors)} seeds{lost}."
