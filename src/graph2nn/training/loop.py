"""The training loop: one network, one seed, the same numbers again on the same machine."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from graph2nn.data.augment import Augment, batches
from graph2nn.data.dataset import Dataset
from graph2nn.models.initialise import initialise
from graph2nn.models.shared_draws import share_draws
from graph2nn.training.acceleration import PLAIN, Acceleration
from graph2nn.training.batch_norm import precise_bn
from graph2nn.training.evaluation import evaluate
from graph2nn.training.optimiser import sgd
from graph2nn.training.recipe import Recipe
from graph2nn.training.steps import Step, eager_step


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave: losses are means of cross-entropy, errors percent, ``seconds`` of training alone.

    The training loss and error are those of the batches as they came, augmented, while the weights moved.
    """

    epoch: int
    lr: float
    train_loss: float
    train_error: float
    test_loss: float
    test_error: float
    test_error_top5: float
    seconds: float


def stream(seed: int, purpose: str) -> torch.Generator:
    """Return a CPU generator for one purpose of one run, so that no two purposes share random numbers."""
    digest = hashlib.sha256(f"{purpose}/{seed}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def train(
    model: nn.Module,
    data: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    acceleration: Acceleration = PLAIN,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Initialise ``model`` from ``seed`` and train it by ``recipe``.

    Training stops early, after the epoch in which it happens, when the loss is no longer finite; the last
    entry then tells.

    Args:
        model: any classifier of the data's classes; trained in place and left on ``device``.
        data: the data set; it is moved to ``device`` whole, as uint8.
        recipe: how to train.
        seed: of initialisation, order and augmentation. On one machine with the same number of threads the
            same seed gives the same numbers.
        device: where to train. Untested on GPU.
        acceleration: how to compute; same recipe, other speed and rounding.
        on_epoch: called after each epoch with its numbers.

    Returns:
        One entry per epoch.

    Raises:
        UserError: the batch size exceeds the training split; an acceleration that the device cannot give.
    """
    acceleration.check(device)
    initialise(model, stream(seed, "initialise"))
    if recipe.initialisation == "shared":
        share_draws(model, seed)
    model.to(device)
    data = data.to(device)
    optimiser = sgd(model.parameters(), recipe)
    fast = acceleration.apply(model, device)
    step = acceleration.step(fast, optimiser, device)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, recipe.rate_factor)
    order, probe = stream(seed, "batches"), stream(seed, "precise_bn")
    history: list[Epoch] = []
    with _own_random_numbers(seed):
        for epoch in range(1, recipe.epochs + 1):
            lr = float(schedule.get_last_lr()[0])
            begin = time.perf_counter()
            loss, error = train_epoch(fast, training_batches(data, recipe, order), optimiser, step)
            seconds = time.perf_counter() - begin
            schedule.step()
            if recipe.precise_bn:
                count = math.ceil(recipe.precise_bn / recipe.batch_size)
                precise_bn(fast, (x for x, _ in islice(training_batches(data, recipe, probe), count)))
            history.append(Epoch(epoch, lr, loss, error, *evaluate(fast, data), seconds))
            if on_epoch:
                on_epoch(history[-1])
            if not math.isfinite(loss):
                break
    return history


@contextmanager
def _own_random_numbers(seed: int) -> Iterator[None]:
    """Dropout and its like draw from torch's global generator: give it a start, and give it back after."""
    with torch.random.fork_rng():
        torch.manual_seed(stream(seed, "dropout").initial_seed())
        yield


def train_epoch(
    model: nn.Module,
    samples: Iterator[tuple[Tensor, Tensor]],
    optimiser: torch.optim.Optimizer,
    step: Step | None = None,
) -> tuple[float, float]:
    """Take one step per batch, eagerly by default; return the mean loss and the top-1 error in percent."""
    step = step or eager_step(model, optimiser)
    model.train()
    # Summed where they are computed: reading a number back at each step would stall a GPU.
    total_loss, wrong = torch.zeros(()), torch.zeros((), dtype=torch.int64)
    count = 0
    for x, y in samples:
        loss, scores = step(x, y)
        total_loss = total_loss + loss * len(y)
        wrong = wrong + (scores.argmax(dim=1) != y).sum()
        count += len(y)
    return float(total_loss) / count, 100 * int(wrong) / count


def training_batches(
    data: Dataset, recipe: Recipe, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch of the training split in random order, augmented as the recipe says."""
    augment = Augment(flip=recipe.flip, pad=recipe.pad, resized=recipe.resized_crop, lighting=recipe.lighting)
    return batches(
        data.train, recipe.batch_size, mean=data.mean, sd=data.sd, augment=augment, generator=generator
    )
