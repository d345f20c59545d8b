"""Error and loss of a network on a split."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from graph2nn.data.augment import eval_batches
from graph2nn.data.dataset import Dataset
from graph2nn.training.distributed.ranks import ALONE, Ranks


class Evaluation(NamedTuple):
    """Mean cross-entropy, and top-1 and top-5 error in percent."""

    loss: float
    error: float
    error_top5: float


#: Where no evaluation was asked for.
NOT_EVALUATED = Evaluation(math.nan, math.nan, math.nan)


@torch.no_grad()
def evaluate(model: nn.Module, data: Dataset, *, batch_size: int = 1000, ranks: Ranks = ALONE) -> Evaluation:
    """Evaluate ``model`` on the test split, in evaluation mode; its mode is put back afterwards.

    With fewer than six classes the top-5 error is 0 by definition. Each of several ranks takes its share of the
    images, and all return the same.
    """
    was_training = model.training
    model.eval()
    top = min(5, data.num_classes)
    loss = wrong = wrong_top5 = 0.0
    for x, y in eval_batches(data.test, batch_size, mean=data.mean, sd=data.sd, part=ranks.share):
        scores = model(x)
        loss += float(F.cross_entropy(scores, y, reduction="sum"))
        hits = scores.topk(top, dim=1).indices == y[:, None]
        wrong += len(y) - int(hits[:, 0].sum())
        wrong_top5 += len(y) - int(hits.any(dim=1).sum())
    model.train(was_training)
    if not ranks.alone:
        sums = ranks.total(torch.tensor([loss, wrong, wrong_top5], dtype=torch.float64))
        loss, wrong, wrong_top5 = sums.tolist()
    n = len(data.test)
    return Evaluation(loss / n, 100 * wrong / n, 100 * wrong_top5 / n)
