"""Search instead of sweep: find a good graph with few training runs."""

from graph2nn.experiments.search.ask_tell import Found, conclude, search
from graph2nn.experiments.search.error_model import ExpectedError, fit_error
from graph2nn.experiments.search.replay import Replay
from graph2nn.experiments.search.space import Space
from graph2nn.experiments.search.strategies import STRATEGIES, Strategy, strategy
from graph2nn.experiments.search.trials import Evaluator, Problem, Proposal, Trial

__all__ = [
    "STRATEGIES",
    "Evaluator",
    "ExpectedError",
    "Found",
    "Problem",
    "Proposal",
    "Replay",
    "Space",
    "Strategy",
    "Trial",
    "conclude",
    "fit_error",
    "search",
    "strategy",
]
