"""Loggers: where the numbers of a run go, beside its own files."""

from graph2nn.experiments.loggers.base import LOGGERS, Logger, logged, make_logger, scalars

__all__ = ["LOGGERS", "Logger", "logged", "make_logger", "scalars"]
