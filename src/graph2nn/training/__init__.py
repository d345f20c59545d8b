"""Training: the recipe, the loop of one network with one seed, and populations of networks."""

from graph2nn.preemption import REQUEUE_EXIT_CODE, Preempted, signals_caught
from graph2nn.training.acceleration import Acceleration
from graph2nn.training.batch_norm import precise_bn
from graph2nn.training.checkpoints import Checkpoints, Saving
from graph2nn.training.epoch import Epoch, EpochProgress
from graph2nn.training.evaluation import Evaluation, evaluate
from graph2nn.training.loop import train
from graph2nn.training.member import Member, Outcome
from graph2nn.training.population import train_population
from graph2nn.training.recipe import Recipe

__all__ = [
    "REQUEUE_EXIT_CODE",
    "Acceleration",
    "Checkpoints",
    "Epoch",
    "EpochProgress",
    "Evaluation",
    "Member",
    "Outcome",
    "Preempted",
    "Recipe",
    "Saving",
    "evaluate",
    "precise_bn",
    "signals_caught",
    "train",
    "train_population",
]
