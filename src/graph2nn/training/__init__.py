"""Recipe and loop: one network with one seed, and populations of networks in one go."""

from graph2nn.training.acceleration import Acceleration
from graph2nn.training.batch_norm import precise_bn
from graph2nn.training.evaluation import Evaluation, evaluate
from graph2nn.training.loop import Epoch, train
from graph2nn.training.member import Member, Outcome
from graph2nn.training.population import train_population
from graph2nn.training.recipe import Recipe

__all__ = [
    "Acceleration",
    "Epoch",
    "Evaluation",
    "Member",
    "Outcome",
    "Recipe",
    "evaluate",
    "precise_bn",
    "train",
    "train_population",
]
