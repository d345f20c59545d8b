"""Score and loss of a network on a split."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import reduce
from types import MappingProxyType
from typing import Literal, NamedTuple, cast

import torch
from torch import nn

from graph2nn.arguments import checked_arguments
from graph2nn.budget.trace import evaluating
from graph2nn.data.augment import eval_batches
from graph2nn.data.dataset import Dataset
from graph2nn.data.text.sentence_pairs import PairSplit
from graph2nn.errors import UserError
from graph2nn.tasks.decoding import Decodes
from graph2nn.tasks.registry import task_of
from graph2nn.tasks.task import Task
from graph2nn.tasks.translation import with_bleu
from graph2nn.training.distributed.ranks import ALONE, Ranks

#: Tokens evaluated at a time, by task: each has a score for every piece of the vocabulary.
_TOKENS = {"language": 8192, "translation": 2048}
SplitName = Literal["train", "validation", "test"]


class Evaluation(NamedTuple):
    """Mean loss, the score of the task, top-5 error in percent, and further metrics by name.

    For a classification ``loss`` is the cross-entropy and ``error`` the top-1 error in percent; other tasks
    have a score of their own in ``error`` (see :class:`graph2nn.tasks.Score`), and NaN for what they lack.

    Example:
        >>> Evaluation(loss=1.2, error=30.0, error_top5=2.0).error
        30.0
    """

    loss: float
    error: float
    error_top5: float
    others: Mapping[str, float] = MappingProxyType({})


#: Where no evaluation was asked for.
NOT_EVALUATED = Evaluation(math.nan, math.nan, math.nan)


@checked_arguments
@torch.no_grad()
def evaluate(
    model: nn.Module,
    data: Dataset,
    *,
    batch_size: int | None = None,
    ranks: Ranks = ALONE,
    split: SplitName = "test",
    task: Task | None = None,
) -> Evaluation:
    """Evaluate ``model`` on a split, in evaluation mode; each module gets its own mode back.

    With fewer than six classes the top-5 error is 0 by definition. Each of several ranks takes its share of the
    images, and all return the same.

    Args:
        model: a network with one output per class, or per number of a regression.
        data: the data set.
        batch_size: samples at a time; 1,000 if left out, of texts fewer.
        ranks: the processes that call this together.
        split: which part of the data.
        task: what to measure; that of the data if left out.

    Returns:
        Loss, score of the task and further metrics.

    Raises:
        UserError: the data set has no such split.

    Example:
        >>> from graph2nn import build_model, load_dataset
        >>> model = build_model("mlp3", None, [16], input_size=(1, 8, 8), stem=16)
        >>> 0 <= evaluate(model, load_dataset("digits")).error <= 100
        True
    """
    if split not in data.splits:
        raise UserError(f"evaluate: {data.label} has no split {split!r}; it has {', '.join(data.splits)}.")
    task = task or task_of(data)
    part = data.splits[split]
    if batch_size is None:
        batch_size = max(1, _TOKENS[data.task] // data.in_features) if data.task in _TOKENS else 1000
    batches = eval_batches(part, batch_size, mean=data.mean, sd=data.sd, part=ranks.share)
    with evaluating(model):
        sums = [task.sums(model(x), y) for x, y in batches]
    # One after the other: a sum over a dimension would round in another order.
    total = reduce(torch.add, sums) if sums else _nothing(task, data)
    if not ranks.alone:
        total = ranks.total(total.cpu())
    measured = task.measured(total)
    if isinstance(part, PairSplit):
        if not ranks.alone:
            raise UserError("evaluate: translations are scored by one process; leave --devices out.")
        with evaluating(model):
            measured = with_bleu(measured, cast(Decodes, model), data, part)
    return Evaluation(measured.loss, measured.score, measured.top5, measured.others)


def _nothing(task: Task, data: Dataset) -> torch.Tensor:
    """Return the sums of a rank that has no sample of a small split."""
    if data.task in _TOKENS:
        return task.sums(torch.zeros(0, 1, data.num_classes), torch.zeros(0, 1, dtype=torch.int64))
    steps = data.image_shape[:1] if data.sequences else ()
    shape = (0, *steps, data.num_classes)
    targets = torch.zeros(shape) if data.numeric else torch.zeros(shape[:-1], dtype=torch.int64)
    return task.sums(torch.zeros(shape), targets)
