"""Interface of loggers, and the loggers by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Protocol

from graph2nn.errors import UserError, unknown
from graph2nn.preemption import Preempted
from graph2nn.results.config import RunConfig
from graph2nn.training.epoch import Epoch


class Logger(Protocol):
    """Takes the numbers of one run after the other.

    Example:
        >>> logger = make_logger("tensorboard", Path("runs"))  # doctest: +SKIP
    """

    def begin(self, config: RunConfig, epochs: int) -> None:
        """Begin a run, or go on with it: its checkpoint has ``epochs`` epochs, those after it are forgotten."""

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Take the numbers of an epoch, none of them NaN."""

    def end(self, status: str) -> None:
        """End the run: it is ``"finished"``, ``"diverged"``, ``"interrupted"`` or ``"failed"``."""


#: Name of a logger, which is that of the module it needs and of the extra that installs it.
LOGGERS = {"tensorboard": "TensorBoard", "mlflow": "MLflow", "wandb": "WeightsAndBiases"}


def make_logger(name: str, out: Path) -> Logger:
    """Return a logger that keeps what it writes in ``out``.

    Raises:
        UserError: no such logger, its package is not installed, or a folder whose name is not UTF-8.

    Example:
        >>> make_logger("tensorbord", Path("runs"))
        Traceback (most recent call last):
            ...
        graph2nn.errors.UserError: logger 'tensorbord' is not known; did you mean 'tensorboard'? ...
    """
    if name not in LOGGERS:
        raise unknown("logger", name, LOGGERS)
    try:
        str(out).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"logger: {name} takes no folder whose name is not UTF-8; name another --out."
        ) from None
    try:
        module = import_module(f"graph2nn.experiments.loggers.{name}")
    except ImportError as error:
        package = "mlflow-skinny" if name == "mlflow" else name
        raise UserError(
            f"logger: {name} needs a package that is not installed ({error}); pip install {package}."
        ) from None
    logger: Logger = getattr(module, LOGGERS[name])(out)
    return logger


def scalars(epoch: Epoch) -> dict[str, float]:
    """Return the numbers of an epoch by the names they are logged under, without what was not evaluated.

    Example:
        >>> from graph2nn import Recipe, build_model, load_dataset, train
        >>> model = build_model("mlp3", None, [16], input_size=(1, 8, 8), stem=16)
        >>> sorted(scalars(train(model, load_dataset("digits"), Recipe(epochs=1), seed=1)[-1]))[:3]
        ['lr', 'seconds', 'test/error']
    """
    values = asdict(epoch)
    del values["epoch"]
    return {
        key.replace("_", "/", 1): value
        for key, value in values.items()
        if isinstance(value, float) and not math.isnan(value)
    }


@contextmanager
def logged(
    loggers: Sequence[Logger], config: RunConfig, epochs: int
) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """Open loggers for a run; lend a function that gives the numbers of an epoch to all of them.

    Args:
        loggers: may be none.
        config: the run.
        epochs: that its checkpoint has; those after it are forgotten.

    Returns:
        A context that lends the function.

    Example:
        >>> from graph2nn.experiments import plan, preset, select
        >>> config, = plan(preset("mlp"), [None], [1], data="CIFAR-10")
        >>> with logged([], config, 0) as log:
        ...     log(1, {"train/loss": 0.5})
    """
    diverged = False

    def log(epoch: int, values: Mapping[str, float]) -> None:
        nonlocal diverged
        diverged = not math.isfinite(values.get("train/loss", math.nan))
        for logger in loggers:
            logger.log(epoch, values)

    with ExitStack() as stack:
        for logger in loggers:
            logger.begin(config, epochs)
            stack.push(_Closing(logger, lambda: diverged))
        yield log


class _Closing:
    """Tells a logger how its run ended."""

    def __init__(self, logger: Logger, diverged: Callable[[], bool]) -> None:
        self._logger, self._diverged = logger, diverged

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._logger.end("diverged" if self._diverged() else "finished")
        else:
            self._logger.end("interrupted" if issubclass(kind, KeyboardInterrupt | Preempted) else "failed")
