"""Recipe of a training run: everything that changes its result."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from graph2nn.arguments import first_complaint
from graph2nn.errors import UserError

Schedule = Literal["cosine", "step", "exponential", "constant", "inverse-sqrt"]
Initialisation = Literal["published", "shared"]
Decayed = Literal["all", "weights"]
Optimiser = Literal["sgd", "adamw", "muon"]
RegressionLoss = Literal["mse", "huber"]
#: Options that the paper's recipes do not have. At their defaults they enter no digest, so that runs and
#: checkpoints from before they existed keep their names.
LATER = (
    "dampening", "bn_eps", "bn_momentum", "precise_bn_batch", "evaluate_first", "antialias",
    "optimiser", "beta1", "beta2", "clip", "ema", "mixup", "cutout", "class_weights", "patience",
    "regression_loss",
)  # fmt: skip


class StrictModel(BaseModel):
    """Plain values by name: frozen, no unknown keys, no infinities, no booleans in place of numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_booleans(cls, value: Any, info: ValidationInfo) -> Any:
        # pydantic would take true, which YAML also reads from yes and on, for 1.
        entries = value if isinstance(value, list | tuple) else (value,)
        taken = _leaves(cls.model_fields[info.field_name or ""].annotation) & {bool, Any}
        if not taken and any(isinstance(entry, bool) for entry in entries):
            raise PydanticCustomError("boolean", "expected a number or a word, not true or false")
        return value


def _leaves(annotation: Any) -> set[Any]:
    """Return the types that an annotation is made of."""
    parts = get_args(annotation)
    return set().union(*map(_leaves, parts)) if parts else {annotation}


class Recipe(StrictModel):
    """How a network is trained. The defaults are the paper's MLP recipe (appendix, CIFAR-10).

    The rate is set per epoch. ``lr`` and ``weight_decay`` are those of SGD; with ``weight_decay_on =
    "weights"`` norms and biases do not decay. ``steps`` are the epochs at which the schedule ``"step"``
    multiplies the rate by ``gamma``, which is also the factor per epoch of ``"exponential"``;
    ``"inverse-sqrt"`` falls with the root of the epoch from the end of warm-up on (Vaswani et al. 2017).
    Warm-up grows the factor linearly from ``warmup_factor`` to 1 over ``warmup_epochs``. ``accumulate`` is into
    how many parts a batch is cut for the gradients to be summed, for batches that do not fit: batch norm sees
    the parts. ``dampening`` is SGD's of the momentum. ``bn_eps`` and ``bn_momentum`` are set in every batch
    norm before training; left out, each keeps its own. ``precise_bn`` is the number of training samples from
    which batch norm statistics are recomputed before each evaluation, 0 for the running averages; they are
    taken in batches of ``precise_bn_batch``, 0 for ``batch_size`` (the published code takes the batch of one
    GPU). ``eval_every`` is how many epochs lie between evaluations, the last epoch always having one;
    ``evaluate_first`` evaluates the initial weights too, as epoch 0. ``flip`` and ``pad`` are the augmentation:
    mirror with probability 1/2, pad with the mean colour and crop at random. Photos on disk take
    ``resized_crop``, the range of areas of a random crop as shares of the photo's, and ``lighting``, the spread
    of random shifts along ImageNet's colour components, in place of ``pad``; ``antialias`` says whether scaling
    them down averages over what lies between pixels, which the published code does not. ``initialisation`` is
    ``"published"``, or ``"shared"``: the same dense draws for every graph, then masked.

    Beyond the paper, all off by default: ``optimiser`` ``"adamw"`` (with ``beta1`` and ``beta2``) or
    ``"muon"`` (weight matrices by torch's Muon, the rest by AdamW) in place of SGD; ``clip``, the largest norm
    of all gradients together; ``ema``, the decay per step of a moving average of the weights, which is then
    what is evaluated and kept; ``mixup``, the parameter of the Beta distribution by which pairs of samples
    and their targets are mixed (Zhang et al. 2018); ``cutout``, the side in pixels of a square set to the mean
    colour (DeVries and Taylor 2017); ``class_weights``, whether the loss weighs classes by their inverse
    frequency; ``patience``, after how many evaluations without a better validation score training stops, the
    weights of the best one being kept; ``regression_loss``, ``"mse"`` or ``"huber"``.

    Raises:
        UserError: an unknown option, a value of another type or out of its range.

    Example:
        >>> Recipe(epochs=5, batch_size=64, lr=0.05).schedule
        'cosine'
    """

    epochs: int = Field(default=200, ge=1)
    batch_size: int = Field(default=128, ge=2)
    accumulate: int = Field(default=1, ge=1)
    lr: float = Field(default=0.1, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = True
    dampening: float = Field(default=0.0, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)
    weight_decay_on: Decayed = "all"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    schedule: Schedule = "cosine"
    steps: tuple[int, ...] = ()
    gamma: float = Field(default=0.1, gt=0, le=1)
    warmup_epochs: int = Field(default=0, ge=0)
    warmup_factor: float = Field(default=0.1, ge=0, le=1)
    bn_eps: float | None = Field(default=None, gt=0)
    bn_momentum: float | None = Field(default=None, gt=0, le=1)
    precise_bn: int = Field(default=1024, ge=0)
    precise_bn_batch: int = Field(default=0, ge=0)
    eval_every: int = Field(default=1, ge=1)
    evaluate_first: bool = False
    flip: bool = False
    pad: int = Field(default=0, ge=0)
    resized_crop: tuple[float, float] | None = None
    lighting: float = Field(default=0.0, ge=0)
    antialias: bool = True
    initialisation: Initialisation = "published"
    optimiser: Optimiser = "sgd"
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.999, ge=0, lt=1)
    clip: float | None = Field(default=None, gt=0)
    ema: float = Field(default=0.0, ge=0, lt=1)
    mixup: float = Field(default=0.0, ge=0)
    cutout: int = Field(default=0, ge=0)
    class_weights: bool = False
    patience: int = Field(default=0, ge=0)
    regression_loss: RegressionLoss = "mse"

    if not TYPE_CHECKING:  # a type checker is to see the fields as arguments

        def __init__(self, **options: Any) -> None:
            try:
                super().__init__(**options)
            except ValidationError as error:
                raise UserError(f"Recipe: {first_complaint(error, Recipe)}") from None

        # A recipe within a config is validated as ever, and its errors are those of the config.
        __init__.__pydantic_base_init__ = True

    @property
    def identity(self) -> str:
        """JSON of what a checkpoint must agree with: options of :data:`LATER` only where they are set."""
        unset = {name for name in LATER if getattr(self, name) == type(self).model_fields[name].default}
        return self.model_dump_json(exclude=unset)

    @field_validator("accumulate")
    @classmethod
    def _cuts_evenly(cls, parts: int, info: ValidationInfo) -> int:
        batch = info.data.get("batch_size")  # missing where it is wrong itself, which will be said
        if batch and (batch % parts or batch < 2 * parts):
            raise PydanticCustomError(
                "uneven_parts",
                "expected a divisor of batch_size = {batch} that leaves parts of at least 2 images",
                {"batch": batch},
            )
        return parts

    @field_validator("dampening")
    @classmethod
    def _without_nesterov(cls, dampening: float, info: ValidationInfo) -> float:
        if dampening and info.data.get("nesterov") and info.data.get("momentum"):
            raise PydanticCustomError("dampened_nesterov", "expected 0 with nesterov = true, as torch has it")
        return dampening

    @field_validator("resized_crop")
    @classmethod
    def _are_shares(cls, crop: tuple[float, float] | None) -> tuple[float, float] | None:
        if crop is not None and not 0 < crop[0] <= crop[1] <= 1:
            raise PydanticCustomError("not_shares", "expected two shares of the area, 0 < least ≤ greatest ≤ 1")
        return crop

    @field_validator("steps")
    @classmethod
    def _in_order(cls, steps: tuple[int, ...]) -> tuple[int, ...]:
        if list(steps) != sorted(set(steps)) or (steps and steps[0] < 1):
            raise PydanticCustomError("unordered_steps", "expected epochs in ascending order, from 1 on")
        return steps

    def rate_factor(self, epoch: int) -> float:
        """Return what ``lr`` is multiplied by during ``epoch`` (0-based).

        A closed formula, so that the rate of an epoch does not depend on how training got there. Warm-up
        multiplies the schedule, which does not wait for it, as published (pycls, ``get_epoch_lr``).
        """
        if self.schedule == "cosine":
            factor = 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        elif self.schedule == "step":
            factor = self.gamma ** sum(epoch >= step for step in self.steps)
        elif self.schedule == "exponential":
            factor = self.gamma**epoch
        elif self.schedule == "inverse-sqrt":
            factor = math.sqrt(max(1, self.warmup_epochs) / max(1, self.warmup_epochs, epoch + 1))
        else:
            factor = 1.0
        if epoch < self.warmup_epochs:
            done = epoch / self.warmup_epochs
            factor *= self.warmup_factor * (1 - done) + done
        return factor

    def evaluated_after(self, epoch: int) -> bool:
        """Whether ``epoch``, counted from 1, ends with an evaluation."""
        return epoch % self.eval_every == 0 or epoch == self.epochs
