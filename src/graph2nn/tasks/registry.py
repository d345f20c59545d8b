"""The task of a data set."""

from __future__ import annotations

import torch

from graph2nn.data.dataset import Dataset
from graph2nn.data.photos.split import PhotoSplit
from graph2nn.data.samples import Split, Streamed
from graph2nn.errors import unknown
from graph2nn.tasks.classification import Classification
from graph2nn.tasks.regression import Regression
from graph2nn.tasks.task import Task


def task_of(data: Dataset) -> Task:
    """Return what networks on a data set are trained for.

    Args:
        data: the data set, whose ``task`` names it.

    Raises:
        UserError: a task that does not exist.

    Example:
        >>> from graph2nn import load_dataset
        >>> task_of(load_dataset("digits")).score.label
        'top-1 error (%)'
    """
    if data.task == "regression":
        return Regression(data.targets, data.target_mean, data.target_sd)
    if data.task not in ("classification", "balanced"):
        raise unknown("data: task", data.task, ("classification", "balanced", "regression"))
    return Classification(class_counts(data, data.train), balanced=data.task == "balanced")


def class_counts(data: Dataset, split: Split | Streamed) -> tuple[int, ...]:
    """Return how many samples of each class a split has; all zero where the split does not know."""
    if isinstance(split, PhotoSplit):
        labels = torch.from_numpy(split.index.labels)
    elif isinstance(split, Split):
        labels = split.labels
    else:
        return (0,) * data.num_classes
    return tuple(torch.bincount(labels.cpu(), minlength=data.num_classes).tolist())
