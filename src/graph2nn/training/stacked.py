"""Stacked training: one step for many small networks, to save the overhead of launches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from graph2nn.data.augment import eval_batches
from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import resident
from graph2nn.models.initialise import initialise
from graph2nn.models.mlp import MLP
from graph2nn.models.shared_draws import share_draws
from graph2nn.training.batch_norm import add_batch
from graph2nn.training.cuda_graph import Captured
from graph2nn.training.epoch import Epoch
from graph2nn.training.evaluation import Evaluation
from graph2nn.training.member import Member, Outcome
from graph2nn.training.recipe import LATER, Recipe
from graph2nn.training.rng import stream
from graph2nn.training.stacked_batches import Draws, Feed, draw, widest_pad
from graph2nn.training.stacked_mlp import Stack, kind


@dataclass(frozen=True)
class Trainee:
    """A member, its place among all, its network, and the numbers so far."""

    index: int
    member: Member
    network: MLP
    order: torch.Generator
    probe: torch.Generator
    history: list[Epoch]

    @property
    def over(self) -> bool:
        """Whether it has done its epochs, or has diverged."""
        last = self.history[-1]
        return last.epoch == self.member.recipe.epochs or not math.isfinite(last.train_loss)


def train_stacked(
    members: Sequence[Member],
    networks: Sequence[MLP],
    data: Dataset,
    *,
    device: torch.device | str,
    on_epoch: Callable[[Member, Epoch], None] | None = None,
) -> list[Outcome]:
    """Train perceptrons of one :func:`group` together, each as :func:`graph2nn.train` would alone, to rounding.

    Graphs, widths, seeds, rates, schedules, epochs and augmentation may differ: weights are padded to the
    widest, and every member has its own order of images, streams of random numbers and rate. A member that
    diverges has its epoch to the end, as alone, and leaves the stack, as does one whose epochs are over;
    nothing of it reaches the others. The seconds of an epoch are a member's share of the stack's.

    On CUDA a whole step, from the resident bytes to the new weights, is one CUDA graph. Untested on GPU.

    Args:
        members: of equal :func:`group`; at least one, of a batch size that the training split has.
        networks: theirs; left trained, on the CPU.
        data: moved to ``device`` whole, as uint8.
        device: where to train.
        on_epoch: called with a member and its numbers after each of its epochs.

    Returns:
        One outcome per member, in their order.
    """
    device = torch.device(device)
    data = data.to(device)
    going = [_begin(*one) for one in zip(range(len(members)), members, networks, strict=True)]
    outcomes: dict[int, Outcome] = {}
    stepper = _Stepper(Stack.of(networks, device), [member.recipe for member in members], data)
    while going:
        for trainee, epoch in zip(going, _epoch(stepper, going, data), strict=True):
            trainee.history.append(epoch)
            if on_epoch:
                on_epoch(trainee.member, epoch)
        for i, trainee in enumerate(going):
            if trainee.over:
                stepper.stack.write(i, trainee.network)
                outcomes[trainee.index] = Outcome.of(trainee.member, trainee.history, trainee.network)
        if any(trainee.over for trainee in going):
            stepper = stepper.keep([i for i, trainee in enumerate(going) if not trainee.over])
            going = [trainee for trainee in going if not trainee.over]
    return [outcomes[i] for i in range(len(members))]


def group(member: Member, network: MLP) -> tuple[object, ...]:
    """What members must have in common to be trained in one stack."""
    recipe = member.recipe
    return kind(network), recipe.batch_size, recipe.precise_bn, _nesterov(recipe)


_PLAIN: dict[str, object] = {
    "weight_decay_on": "all", "label_smoothing": 0, "accumulate": 1, "eval_every": 1, "evaluate_first": False,
    "dampening": 0, "bn_eps": None, "bn_momentum": None, "precise_bn_batch": 0,
}  # fmt: skip
_PLAIN |= {name: Recipe.model_fields[name].default for name in LATER}


def why_not_recipe(recipe: Recipe) -> str:
    """Say why networks cannot be trained by a recipe in a stack; nothing if they can."""
    for key, plain in _PLAIN.items():
        if getattr(recipe, key) != plain:
            return f"its recipe has {key} = {getattr(recipe, key)}, which stacks do not know yet"
    return ""


def _nesterov(recipe: Recipe) -> bool:
    return recipe.nesterov and recipe.momentum > 0


def _begin(index: int, member: Member, network: MLP) -> Trainee:
    """Draw the initial weights, as for a single network."""
    seed = member.seed
    network.cpu()
    initialise(network, stream(seed, "initialise"))
    if member.recipe.initialisation == "shared":
        share_draws(network, seed)
    return Trainee(index, member, network, stream(seed, "batches"), stream(seed, "precise_bn"), [])


def _epoch(stepper: _Stepper, going: Sequence[Trainee], data: Dataset) -> list[Epoch]:
    """Train all members for one epoch and evaluate them."""
    number = len(going[0].history) + 1
    recipes, images, device = stepper.recipes, len(data.train), resident(data.train, "population").images.device
    rates = [recipe.lr * recipe.rate_factor(number - 1) for recipe in recipes]
    begin = time.perf_counter()
    draws = draw(recipes, [trainee.order for trainee in going], images, device=device)
    losses, errors = stepper.train(draws, rates)
    seconds = (time.perf_counter() - begin) / len(going)
    if recipes[0].precise_bn:
        steps = math.ceil(recipes[0].precise_bn / recipes[0].batch_size)
        probes = [trainee.probe for trainee in going]
        stepper.precise_bn(draw(recipes, probes, images, steps=steps, device=device))
    tested = evaluate_stack(stepper.stack, data)
    return [
        Epoch(number, rate, loss, error, *test[:3], seconds)
        for rate, loss, error, test in zip(rates, losses, errors, tested, strict=True)
    ]


class _Stepper:
    """A stack, its optimiser (torch's SGD, with a rate of its own for each member) and its sums."""

    def __init__(
        self, stack: Stack, recipes: Sequence[Recipe], data: Dataset, velocities: list[Tensor] | None = None
    ) -> None:
        self.stack, self.recipes, self._data = stack, list(recipes), data
        parameters = stack.parameters()
        for parameter in parameters:
            parameter.requires_grad_()
        device, dtype = parameters[0].device, parameters[0].dtype
        self._velocities = velocities or [torch.zeros_like(parameter) for parameter in parameters]
        self._feed = Feed(data, widest_pad(recipes), dtype)
        self._rate = torch.zeros(len(stack), dtype=dtype, device=device)
        self._momentum, self._decay = (
            torch.tensor(values, dtype=dtype, device=device)
            for values in ([r.momentum for r in recipes], [r.weight_decay for r in recipes])
        )
        self._nesterov = _nesterov(recipes[0])
        self._losses = torch.zeros(len(stack), dtype=dtype, device=device)
        self._wrong = torch.zeros(len(stack), dtype=torch.int64, device=device)
        self._advance = Captured(self._step, device)

    def keep(self, members: Sequence[int]) -> _Stepper:
        """Return the same for some of the members."""
        chosen = torch.tensor(members, dtype=torch.int64, device=self._rate.device)
        velocities = [velocity.index_select(0, chosen) for velocity in self._velocities]
        recipes = [self.recipes[member] for member in members]
        return _Stepper(self.stack.keep(chosen), recipes, self._data, velocities) if members else self

    def train(self, draws: Draws, rates: Sequence[float]) -> tuple[list[float], list[float]]:
        """Take a step per batch; return each member's mean loss and top-1 error in percent."""
        self._rate.copy_(torch.tensor(rates, dtype=self._rate.dtype))
        self._losses.zero_()
        self._wrong.zero_()
        for step in range(len(draws.chosen)):
            self._advance(*draws.at(step))
        steps, _, batch = draws.chosen.shape
        self.stack.batches += steps
        count = steps * batch
        return (self._losses / count).tolist(), [100 * wrong / count for wrong in self._wrong.tolist()]

    @torch.no_grad()
    def precise_bn(self, draws: Draws) -> None:
        """Replace the running statistics by those of the batches drawn, as ``precise_bn`` does."""
        self.stack.reset_statistics()
        steps, _, batch = draws.chosen.shape
        moments = [[torch.zeros_like(mean) for mean in self.stack.means] for _ in range(3)]
        for step in range(steps):
            x, _ = self._feed(*draws.at(step))
            self.stack.batches += 1
            self.stack.forward(x, training=True, momentum=1.0)
            for mean, variance, *sums in zip(self.stack.means, self.stack.variances, *moments, strict=True):
                add_batch(sums, mean, variance * ((batch - 1) / batch), self.stack.batches)
        for mean, variance, *sums in zip(self.stack.means, self.stack.variances, *moments, strict=True):
            mean.copy_(sums[0])
            variance.copy_(sums[1] + sums[2] / steps)

    def _step(self, chosen: Tensor, flips: Tensor | None, offsets: Tensor | None) -> None:
        x, y = self._feed(chosen, flips, offsets)
        scores = self.stack.forward(x, training=True)
        losses = _cross_entropy(scores, y).mean(dim=1)
        # The sum keeps members apart: each weight has the gradient of its own loss, also next to a NaN.
        gradients = torch.autograd.grad(losses.sum(), self.stack.parameters())
        with torch.no_grad():
            self._descend(gradients)
            self._losses += losses * y.shape[1]
            self._wrong += (scores.argmax(dim=1) != y).sum(dim=1)

    def _descend(self, gradients: Sequence[Tensor]) -> None:
        for gradient, mask in zip(gradients, self.stack.masks, strict=False):
            if mask is not None:
                gradient.mul_(mask)
        for parameter, gradient, velocity in zip(
            self.stack.parameters(), gradients, self._velocities, strict=True
        ):
            rate, momentum, decay = (
                value.view(-1, *(1,) * (parameter.dim() - 1))
                for value in (self._rate, self._momentum, self._decay)
            )
            gradient.add_(decay * parameter)
            velocity.mul_(momentum).add_(gradient)
            parameter.sub_(rate * (gradient + momentum * velocity if self._nesterov else velocity))


@torch.no_grad()
def evaluate_stack(stack: Stack, data: Dataset, *, batch_size: int = 1000) -> list[Evaluation]:
    """Evaluate every member on the test split, as :func:`graph2nn.evaluate` does one.

    Args:
        stack: the networks.
        data: whose test split.
        batch_size: samples at a time.

    Returns:
        One evaluation per member.
    """
    top = min(5, data.num_classes)
    loss, wrong, wrong_top5 = [0.0] * len(stack), [0] * len(stack), [0] * len(stack)
    for images, labels in eval_batches(data.test, batch_size, mean=data.mean, sd=data.sd):
        x = images.flatten(1).to(stack.bias.dtype).T
        scores = stack.forward(x, training=False)
        y = labels.expand(len(stack), -1)
        hits = scores.topk(top, dim=1).indices == y[:, None]
        batch = (
            _cross_entropy(scores, y).sum(dim=1),
            (~hits[:, 0]).sum(dim=1),
            (~hits.any(dim=1)).sum(dim=1),
        )
        for sums, values in zip((loss, wrong, wrong_top5), batch, strict=True):
            for member, value in enumerate(values.tolist()):
                sums[member] += value  # type: ignore[index]
    n = len(data.test)
    return [
        Evaluation(a / n, 100 * b / n, 100 * c / n) for a, b, c in zip(loss, wrong, wrong_top5, strict=True)
    ]


def _cross_entropy(scores: Tensor, y: Tensor) -> Tensor:
    """Return the loss of each sample; shapes: ``[M, classes, batch]`` and ``[M, batch]`` to ``[M, batch]``."""
    flat = scores.transpose(1, 2).flatten(0, 1)
    return F.cross_entropy(flat, y.flatten(), reduction="none").view_as(y)
