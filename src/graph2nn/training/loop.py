"""The training loop of one network with one seed; a killed run resumes with the same numbers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from graph2nn.arguments import checked_arguments
from graph2nn.data.augment import batches
from graph2nn.data.dataset import Dataset
from graph2nn.data.photos.split import without_antialiasing
from graph2nn.data.samples import Augment, Part, Split, whole
from graph2nn.errors import UserError
from graph2nn.models.initialise import initialise
from graph2nn.models.shared_draws import share_draws
from graph2nn.preemption import Stop, end
from graph2nn.tasks.registry import task_of
from graph2nn.tasks.task import Task, hard
from graph2nn.training.acceleration import PLAIN, Acceleration, keep_memory
from graph2nn.training.averaging import WeightAverage
from graph2nn.training.batch_norm import precise_bn, set_norms
from graph2nn.training.checkpoints import Checkpoints
from graph2nn.training.distributed.ranks import ALONE, Lockstep, Ranks
from graph2nn.training.epoch import Epoch, EpochProgress
from graph2nn.training.evaluation import NOT_EVALUATED, evaluate
from graph2nn.training.mixing import Mixing
from graph2nn.training.optimiser import optimiser_of
from graph2nn.training.recipe import Recipe
from graph2nn.training.rng import own_random_numbers, stream
from graph2nn.training.state import TrainingState
from graph2nn.training.steps import Step, eager_step

__all__ = ["Epoch", "OnStart", "stream", "train", "train_epoch", "training_batches"]

OnStart = Callable[[Sequence[Epoch], EpochProgress], None]


@checked_arguments
def train(
    model: nn.Module,
    data: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    acceleration: Acceleration = PLAIN,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_batch: Callable[[EpochProgress], None] | None = None,
    on_start: OnStart | None = None,
    checkpoints: Checkpoints | None = None,
    stop: Stop | None = None,
    ranks: Ranks = ALONE,
    weights: Mapping[str, Tensor] | None = None,
) -> list[Epoch]:
    """Initialise ``model`` from ``seed`` and train it by ``recipe``, or go on from its last checkpoint.

    Training stops early, after the epoch in which it happens, when the loss is no longer finite; the last
    entry then tells. From the first call on the process keeps the memory that its largest step took; see
    :func:`graph2nn.training.acceleration.keep_memory`.

    Args:
        model: a network with one output per class, or per number of a regression; trained in place and left
            on ``device``.
        data: the data set; it is moved to ``device`` whole, as uint8.
        recipe: how to train.
        seed: of initialisation, order and augmentation. On one machine with the same number of threads the
            same seed gives the same numbers.
        device: where to train. Untested on GPU.
        acceleration: how to compute; same recipe, other speed and rounding.
        on_epoch: called after each epoch with its numbers; with ``recipe.evaluate_first`` once before the first
            epoch, with those of the initial weights as epoch 0.
        on_batch: called after each batch with the sums of its epoch.
        on_start: called once, before the first step, with the epochs that a checkpoint had and the one that
            was under way.
        checkpoints: where to go on from and what to leave. Killed and restarted, a training run gives the
            weights that it would have given undisturbed: bit for bit on a CPU, with as many threads.
        stop: asked after each batch; with a reason the state is saved and the training run ends. Of several
            ranks one that has a reason is enough.
        ranks: the processes that call this together, each with a network of its own on a device of its own;
            they take the same steps as one process would. ``checkpoints`` are the first rank's alone.
        weights: a ``state_dict`` to start from (fine-tuning) in place of the initial draw.

    Returns:
        One entry per epoch, those before the checkpoint included; epoch 0 is not among them.

    Raises:
        UserError: the batch size exceeds the training split, or cannot be cut for the ranks; an acceleration
            that the device cannot give; a checkpoint of another training run, or one that cannot be written; an
            option of the recipe that the data cannot serve, such as early stopping without a validation part.
        Preempted: ``stop`` had a reason; KeyboardInterrupt where it was Ctrl-C.

    Example:
        >>> from graph2nn import Recipe, build_model, load_dataset, ws_flex
        >>> model = build_model("mlp3", ws_flex(16, 4, 0.1, seed=1), [32], input_size=(1, 8, 8), stem=16)
        >>> epochs = train(model, load_dataset("digits"), Recipe(epochs=2), seed=1)
        >>> [epoch.epoch for epoch in epochs]
        [1, 2]
    """
    acceleration.check(device, ranks)
    check_recipe(recipe, data, ranks)
    task = task_of(data)
    mixing = Mixing(recipe, seed, data.num_classes if data.task in ("classification", "balanced") else 0)
    keep_memory()
    data = data.to(device) if recipe.antialias else without_antialiasing(data.to(device))
    state = _begin(model, recipe, seed, torch.device(device), acceleration, task, weights)
    ranks.norms(model, state.device)
    fast = acceleration.apply(model, device)
    together = Lockstep(model, ranks, seed)
    if checkpoints:
        checkpoints.agree_on(_identity(state, recipe, seed, acceleration, ranks))

    def pause() -> None:
        _pause(state, checkpoints, stop, ranks)

    with own_random_numbers(seed), ranks.parallel(fast) as learner:
        step = _step(state, learner, recipe, acceleration, task)
        if checkpoint := ranks.of_first(checkpoints.latest() if checkpoints and ranks.first else None):
            state.load_state_dict(checkpoint)
        if on_start:
            on_start(tuple(state.history), state.running)
        if recipe.evaluate_first and not state.history and not state.running.batches:
            first = _evaluated_first(state, fast, data, ranks)
            if on_epoch:
                on_epoch(first)
        while not state.over(recipe):
            samples = training_batches(data, recipe, state.order, skip=state.running.batches, part=ranks.share)
            last = len(data.train) // recipe.batch_size
            for _ in _advance(learner, samples, step, state.running, together, task=task, mixing=mixing):
                if state.average:
                    state.average.update(model)
                if on_batch:
                    on_batch(state.running)
                if state.running.batches < last:  # after the last one comes the evaluation
                    pause()
            _close_epoch(state, fast, data, recipe, ranks, task)
            state.begin_epoch()
            if on_epoch:
                on_epoch(state.history[-1])
            if not state.over(recipe):
                pause()
    state.conclude(recipe)
    return state.history


def check_recipe(recipe: Recipe, data: Dataset, ranks: Ranks = ALONE) -> None:
    """Refuse a recipe by which no network can be trained on these data, before one is made.

    Args:
        recipe: how to train.
        data: to train on; one batch is drawn where all of it is in memory.
        ranks: the processes that train together.

    Raises:
        UserError: an option that the data or the ranks cannot serve, or a batch size that exceeds the data.

    Example:
        >>> from graph2nn import Recipe, load_dataset
        >>> check_recipe(Recipe(batch_size=2000), load_dataset("digits"))
        Traceback (most recent call last):
        graph2nn.errors.UserError: batches: batch size 2000 exceeds the 1442 training images; ...
    """
    ranks.check(recipe)
    Mixing(recipe, seed=0, classes=0).check(data.image_shape, ranks, sequences=data.sequences)
    task_of(data).loss(recipe)
    first = training_batches(data, recipe, torch.Generator(), limit=1)
    if isinstance(data.train, Split):
        next(first)
    if recipe.patience and data.validation is None:
        raise UserError(
            f"recipe: patience = {recipe.patience} stops by the validation score and {data.label} has no "
            "validation part; draw one with --validation 0.1 (validation=0.1 in Python), or leave it out."
        )


def _evaluated_first(state: TrainingState, model: nn.Module, data: Dataset, ranks: Ranks) -> Epoch:
    """Evaluate the initial weights, with the initial statistics of batch norm, as the published code does."""
    lr = float(state.schedule.get_last_lr()[0])
    tested = evaluate(model, data, ranks=ranks)
    return Epoch(0, lr, math.nan, math.nan, *tested[:3], seconds=0.0)


def _begin(
    model: nn.Module,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    acceleration: Acceleration,
    task: Task,
    weights: Mapping[str, Tensor] | None,
) -> TrainingState:
    """Draw the initial weights, and make what moves them."""
    initialise(model, stream(seed, "initialise"))
    if recipe.initialisation == "shared":
        share_draws(model, seed)
    if weights is not None:
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise UserError(f"train: weights do not fit the network: {' '.join(str(error).split())}") from None
    set_norms(model, recipe)
    model.to(device)
    optimiser = optimiser_of(model, recipe)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, recipe.rate_factor)
    order, probe = stream(seed, "batches"), stream(seed, "precise_bn")
    average = WeightAverage(model, recipe.ema) if recipe.ema else None
    return TrainingState(
        model, optimiser, schedule, acceleration.scaler(), order, probe, device, task.reduction, average
    )


def _step(
    state: TrainingState, model: nn.Module, recipe: Recipe, acceleration: Acceleration, task: Task
) -> Step:
    """Return the step of a recipe."""
    return acceleration.step(
        model,
        state.optimiser,
        state.device,
        scaler=state.scaler,
        loss=task.loss(recipe),
        parts=recipe.accumulate,
        clip=recipe.clip,
    )


def _identity(
    state: TrainingState, recipe: Recipe, seed: int, acceleration: Acceleration, ranks: Ranks
) -> dict[str, str]:
    """Return what a run and a checkpoint must agree in: what changes the numbers, or shapes of the state."""
    normed = any(isinstance(module, _BatchNorm) for module in state.model.modules())
    return {
        "recipe": hashlib.sha256(recipe.identity.encode()).hexdigest()[:8],
        "seed": str(seed),
        "device": state.device.type,
        "acceleration": str(acceleration),
        "batch norm": f"of {ranks.images_normed(recipe)} images" if normed else "none",
    }


def _advance(
    model: nn.Module,
    samples: Iterator[tuple[Tensor, Tensor]],
    step: Step,
    running: EpochProgress,
    together: Lockstep,
    *,
    task: Task | None = None,
    mixing: Mixing | None = None,
) -> Iterator[None]:
    """Take one step per batch and count it; what is done between the steps takes none of their seconds."""
    model.train()
    running.start_clock()
    for x, y in samples:
        together.before(running.epoch, running.batches)
        if mixing:
            x, y = mixing(x, y, running.epoch, running.batches)
        loss, scores = step(x, y)
        missed = task.missed(scores, y) if task else (scores.argmax(dim=1) != hard(y)).sum()
        running.add(*together.after(loss, missed, len(y)))
        yield
        running.start_clock()


def _pause(state: TrainingState, checkpoints: Checkpoints | None, stop: Stop | None, ranks: Ranks) -> None:
    """Between two steps: save where it is time to, and end where that is asked for."""
    reason = ranks.agreed(stop() if stop else None)
    epochs, batches, saved = len(state.history), state.running.batches, None
    if checkpoints and ranks.first and (reason or checkpoints.due(epochs=epochs, batches=batches)):
        saved = checkpoints.save(state.state_dict(), epochs=epochs, batches=batches)
    if reason:
        end(reason, ranks.of_first(saved))


def _close_epoch(
    state: TrainingState, model: nn.Module, data: Dataset, recipe: Recipe, ranks: Ranks, task: Task
) -> None:
    """Sum up the epoch under way, evaluate the network and add both to the history; the rate moves on."""
    number, lr = state.running.epoch, float(state.schedule.get_last_lr()[0])
    loss, error = state.running.close()
    state.schedule.step()
    averaged = state.average.applied(state.model) if state.average else nullcontext()
    with averaged:
        tested, validated = NOT_EVALUATED, NOT_EVALUATED
        if recipe.evaluated_after(number) or not math.isfinite(loss):
            if recipe.precise_bn:
                probed = recipe.model_copy(
                    update={"batch_size": recipe.precise_bn_batch or recipe.batch_size, "accumulate": 1}
                )
                count = math.ceil(probed.precise_bn / probed.batch_size)
                precise_bn(model, _probes(data, probed, state.probe, count, ranks), ranks)
            tested = evaluate(model, data, ranks=ranks, task=task)
            if data.validation is not None:
                validated = evaluate(model, data, ranks=ranks, task=task, split="validation")
        seconds = state.running.seconds
        # NaN where the epoch was not evaluated, so that every epoch of a run has the same columns. Without a
        # validation part a classification has those of the paper and no others.
        plain = data.validation is None and data.task == "classification"
        others = {} if plain else {name: tested.others.get(name, math.nan) for name in task.metrics}
        if data.validation is not None:
            others |= {"validation_loss": validated.loss, "validation_error": validated.error}
        state.history.append(Epoch(number, lr, loss, error, *tested[:3], seconds, **others))
        if state.average:
            state.average.note_evaluated(state.model)
        state.keep_best(recipe)


def _probes(
    data: Dataset, recipe: Recipe, generator: torch.Generator, count: int, ranks: Ranks
) -> Iterator[Tensor]:
    """The batches of an epoch's first ``count`` from which this rank finds statistics of batch norm."""
    # Whole batches, or the statistics would depend on how many ranks there are.
    deal = ranks.share if ranks.sync_bn else ranks.turn

    return (x for x, _ in training_batches(data, recipe, generator, limit=count, part=deal))


def train_epoch(
    model: nn.Module,
    samples: Iterator[tuple[Tensor, Tensor]],
    optimiser: torch.optim.Optimizer,
    step: Step | None = None,
) -> tuple[float, float]:
    """Take one step per batch, eagerly by default; return the mean loss and the top-1 error in percent.

    Args:
        model: in training mode.
        samples: batches and their targets.
        optimiser: of the model's parameters.
        step: what is done with a batch.

    Returns:
        Mean loss and error.
    """
    running = EpochProgress()
    for _ in _advance(model, samples, step or eager_step(model, optimiser), running, Lockstep(model)):
        pass
    return running.close()


def training_batches(
    data: Dataset,
    recipe: Recipe,
    generator: torch.Generator,
    *,
    skip: int = 0,
    limit: int | None = None,
    part: Part = whole,
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch of the training split in random order, augmented as the recipe says, from batch ``skip`` on.

    It ends after ``limit`` batches, if that is given. With ``part`` only those samples of each batch; what is
    drawn from the generator stays the same.

    Args:
        data: whose training split.
        recipe: batch size and augmentation.
        generator: of order and augmentation.
        skip: batches to leave out at the start.
        limit: batches to end after; None for all.
        part: which samples of each batch to return.

    Returns:
        Samples and targets, batch by batch.
    """
    augment = Augment(flip=recipe.flip, pad=recipe.pad, resized=recipe.resized_crop, lighting=recipe.lighting)
    return batches(
        data.train,
        recipe.batch_size,
        mean=data.mean,
        sd=data.sd,
        augment=augment,
        generator=generator,
        skip=skip,
        limit=limit,
        part=part,
    )
