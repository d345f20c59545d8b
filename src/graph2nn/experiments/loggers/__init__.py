"""Loggers: where the metrics of a run go, in addition to its own files."""

from graph2nn.experiments.loggers.logger import LOGGERS, Logger, logged, make_logger, scalars

__all__ = ["LOGGERS", "Logger", "logged", "make_logger", "scalars"]
