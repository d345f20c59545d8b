"""The training loop: one network, one seed, the same numbers again, however often it was killed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.data.augment import Augment, batches
from graph2nn.data.dataset import Dataset
from graph2nn.models.initialise import initialise
from graph2nn.models.shared_draws import share_draws
from graph2nn.training.acceleration import PLAIN, Acceleration
from graph2nn.training.batch_norm import precise_bn
from graph2nn.training.checkpoints import Checkpoints
from graph2nn.training.decay import optimiser_of
from graph2nn.training.epoch import Epoch, Running
from graph2nn.training.evaluation import NOT_EVALUATED, evaluate
from graph2nn.training.preemption import Stop, end
from graph2nn.training.recipe import Recipe
from graph2nn.training.state import TrainingState
from graph2nn.training.steps import Step, eager_step
from graph2nn.training.streams import own_random_numbers, stream

__all__ = ["Epoch", "OnStart", "stream", "train", "train_epoch", "training_batches"]

OnStart = Callable[[Sequence[Epoch], Running], None]


def train(
    model: nn.Module,
    data: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    acceleration: Acceleration = PLAIN,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_batch: Callable[[Running], None] | None = None,
    on_start: OnStart | None = None,
    checkpoints: Checkpoints | None = None,
    stop: Stop | None = None,
) -> list[Epoch]:
    """Initialise ``model`` from ``seed`` and train it by ``recipe``, or go on from its last checkpoint.

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
        on_batch: called after each batch with the sums of its epoch.
        on_start: called once, before the first step, with the epochs that a checkpoint had and the one that
            was under way.
        checkpoints: where to go on from and what to leave. Killed and begun again, a training gives the
            weights that it would have given undisturbed: bit for bit on a CPU, with as many threads.
        stop: asked after each batch; with a reason the state is saved and the training ends.

    Returns:
        One entry per epoch, those before the checkpoint included.

    Raises:
        UserError: the batch size exceeds the training split; an acceleration that the device cannot give; a
            checkpoint of another training, or one that cannot be written.
        Preempted: ``stop`` had a reason; KeyboardInterrupt where it was Ctrl-C.
    """
    acceleration.check(device)
    data = data.to(device)
    state = _begin(model, recipe, seed, torch.device(device), acceleration)
    fast = acceleration.apply(model, device)
    step = _step(state, fast, recipe, acceleration)
    if checkpoints:
        checkpoints.agree_on(_identity(recipe, seed, state.device, acceleration))
    with own_random_numbers(seed):
        if checkpoints and (found := checkpoints.latest()):
            state.load_state_dict(found)
        if on_start:
            on_start(tuple(state.history), state.running)
        while not state.over(recipe):
            _train_epoch(state, fast, data, recipe, step, on_batch, lambda: _pause(state, checkpoints, stop))
            state.history.append(_close_epoch(state, fast, data, recipe))
            state.begin_epoch()
            if on_epoch:
                on_epoch(state.history[-1])
            if not state.over(recipe):
                _pause(state, checkpoints, stop)
    return state.history


def _begin(
    model: nn.Module, recipe: Recipe, seed: int, device: torch.device, acceleration: Acceleration
) -> TrainingState:
    """Draw the initial weights, and make what moves them."""
    initialise(model, stream(seed, "initialise"))
    if recipe.initialisation == "shared":
        share_draws(model, seed)
    model.to(device)
    optimiser = optimiser_of(model, recipe)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, recipe.rate_factor)
    order, probe = stream(seed, "batches"), stream(seed, "precise_bn")
    return TrainingState(model, optimiser, schedule, acceleration.scaler(), order, probe, device)


def _step(state: TrainingState, model: nn.Module, recipe: Recipe, acceleration: Acceleration) -> Step:
    """Return the step of a recipe."""
    loss = partial(F.cross_entropy, label_smoothing=recipe.label_smoothing)
    how: dict[str, Any] = {"scaler": state.scaler, "loss": loss, "parts": recipe.accumulate}
    return acceleration.step(model, state.optimiser, state.device, **how)


def _identity(recipe: Recipe, seed: int, device: torch.device, acceleration: Acceleration) -> dict[str, str]:
    """In what a training must agree with a checkpoint: what changes the numbers, or the state's own shapes."""
    digest = hashlib.sha256(recipe.model_dump_json().encode()).hexdigest()[:8]
    return {"recipe": digest, "seed": str(seed), "device": device.type, "acceleration": str(acceleration)}


def _train_epoch(
    state: TrainingState,
    model: nn.Module,
    data: Dataset,
    recipe: Recipe,
    step: Step,
    on_batch: Callable[[Running], None] | None,
    pause: Callable[[], None],
) -> None:
    """Take the steps that the epoch under way has left, with a pause between them."""
    last = len(data.train) // recipe.batch_size
    for _ in _advance(model, _rest_of_epoch(state, data, recipe), step, state.running):
        if on_batch:
            on_batch(state.running)
        if state.running.batches < last:  # after the last one comes the evaluation
            pause()


def _rest_of_epoch(state: TrainingState, data: Dataset, recipe: Recipe) -> Iterator[tuple[Tensor, Tensor]]:
    """Return the batches that the epoch under way has left."""
    return training_batches(data, recipe, state.order, skip=state.running.batches)


def _advance(
    model: nn.Module, samples: Iterator[tuple[Tensor, Tensor]], step: Step, running: Running
) -> Iterator[None]:
    """Take one step per batch and count it; what is done between the steps takes none of their seconds."""
    model.train()
    running.start_clock()
    for x, y in samples:
        running.add(*step(x, y), y)
        yield
        running.start_clock()


def _pause(state: TrainingState, checkpoints: Checkpoints | None, stop: Stop | None) -> None:
    """Between two steps: save where it is time to, and end where that is asked for."""
    reason = stop() if stop else None
    at = {"epochs": len(state.history), "batches": state.running.batches}
    saved = None
    if checkpoints and (reason or checkpoints.due(**at)):
        saved = checkpoints.save(state.state_dict(), **at)
    if reason:
        end(reason, saved)


def _close_epoch(state: TrainingState, model: nn.Module, data: Dataset, recipe: Recipe) -> Epoch:
    """Sum up the epoch under way and evaluate the network; the rate moves on."""
    number, lr = state.running.epoch, float(state.schedule.get_last_lr()[0])
    loss, error = state.running.close()
    state.schedule.step()
    tested = NOT_EVALUATED
    if recipe.evaluated_after(number) or not math.isfinite(loss):
        if recipe.precise_bn:
            count = math.ceil(recipe.precise_bn / recipe.batch_size)
            precise_bn(model, (x for x, _ in islice(training_batches(data, recipe, state.probe), count)))
        tested = evaluate(model, data)
    return Epoch(number, lr, loss, error, *tested, state.running.seconds)


def train_epoch(
    model: nn.Module,
    samples: Iterator[tuple[Tensor, Tensor]],
    optimiser: torch.optim.Optimizer,
    step: Step | None = None,
) -> tuple[float, float]:
    """Take one step per batch, eagerly by default; return the mean loss and the top-1 error in percent."""
    running = Running()
    for _ in _advance(model, samples, step or eager_step(model, optimiser), running):
        pass
    return running.close()


def training_batches(
    data: Dataset, recipe: Recipe, generator: torch.Generator, *, skip: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch of the training split in random order, augmented as the recipe says, from batch ``skip`` on."""
    augment = Augment(flip=recipe.flip, pad=recipe.pad, resized=recipe.resized_crop, lighting=recipe.lighting)
    how: dict[str, Any] = {"mean": data.mean, "sd": data.sd, "augment": augment, "generator": generator}
    return batches(data.train, recipe.batch_size, skip=skip, **how)
