"""Recipe and loop: one network, one seed."""

from graph2nn.training.acceleration import Acceleration
from graph2nn.training.batch_norm import precise_bn
from graph2nn.training.evaluation import Evaluation, evaluate
from graph2nn.training.loop import Epoch, train
from graph2nn.training.recipe import Recipe

__all__ = ["Acceleration", "Epoch", "Evaluation", "Recipe", "evaluate", "precise_bn", "train"]
