"""The task of a data set."""

from __future__ import annotations

from typing import get_args

import torch

from graph2nn.data.dataset import Dataset, TaskName
from graph2nn.data.photos.split import PhotoSplit
from graph2nn.data.samples import Split, Streamed
from graph2nn.data.sequence_sets import asked
from graph2nn.errors import unknown
from graph2nn.tasks.classification import Classification
from graph2nn.tasks.language_model import LanguageModel
from graph2nn.tasks.regression import Regression
from graph2nn.tasks.sequences import MemoryCapacity, SequenceClasses, SequenceNumbers
from graph2nn.tasks.task import Task
from graph2nn.tasks.translation import Translation


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
    if data.task == "translation":
        return Translation()
    if data.task == "language":
        return LanguageModel()
    if data.numeric:
        numbers: dict[str, type[Regression | SequenceNumbers]] = {
            "regression": Regression,
            "sequence-numbers": SequenceNumbers,
            "memory-capacity": MemoryCapacity,
        }
        return numbers[data.task](data.targets, data.target_mean, data.target_sd)
    if data.task == "sequence-classes":
        return SequenceClasses(class_counts(data, data.train))
    if data.task not in ("classification", "balanced"):
        raise unknown("data: task", data.task, get_args(TaskName))
    return Classification(class_counts(data, data.train), balanced=data.task == "balanced")


def class_counts(data: Dataset, split: Split | Streamed) -> tuple[int, ...]:
    """Return how many samples (of sequences: steps) of each class a split has; all zero if unknown."""
    if isinstance(split, PhotoSplit):
        labels = torch.from_numpy(split.index.labels)
    elif isinstance(split, Split):
        labels = split.labels if split.labels.ndim == 1 else split.labels[asked(split.labels)]
    else:
        return (0,) * data.num_classes
    return tuple(torch.bincount(labels.cpu(), minlength=data.num_classes).tolist())


def chance_score(data: Dataset) -> float | None:
    """Return the score of the best constant answer on the test part; None where it is not known.

    Of classes this is the error of always answering the most frequent class of the test part, and of the
    balanced error that of any one class.

    Args:
        data: the data set.

    Returns:
        The score, in the unit of the task; None for regressions, texts and translations, and where the classes
        of a streamed test part are not known.

    Example:
        >>> from graph2nn import load_dataset
        >>> round(chance_score(load_dataset("digits")), 1)
        89.9
    """
    if data.task == "sequence-numbers":
        return 1.0
    if data.task == "memory-capacity":
        return float(data.num_classes)
    if data.task not in ("classification", "balanced", "sequence-classes"):
        return None
    counts = class_counts(data, data.test)
    if not sum(counts):
        return None
    if data.task == "balanced":
        return 100 * (1 - 1 / sum(count > 0 for count in counts))
    return 100 * (1 - max(counts) / sum(counts))
