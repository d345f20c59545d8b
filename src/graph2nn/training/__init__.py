"""Recipe and loop: one network, one seed."""

from graph2nn.training.evaluate import Evaluation, evaluate
from graph2nn.training.loop import Epoch, train
from graph2nn.training.precise_bn import precise_bn
from graph2nn.training.recipe import Recipe

__all__ = ["Epoch", "Evaluation", "Recipe", "evaluate", "precise_bn", "train"]
