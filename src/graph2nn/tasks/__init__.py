"""What a network is trained for: the loss, the metrics, and the score that is minimised, with its unit."""

from graph2nn.tasks.classification import Classification
from graph2nn.tasks.registry import task_of
from graph2nn.tasks.regression import Regression
from graph2nn.tasks.task import TOP1, Measured, Score, Task

__all__ = ["TOP1", "Classification", "Measured", "Regression", "Score", "Task", "task_of"]
