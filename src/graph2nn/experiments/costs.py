"""Cost of planned runs: the multiply-adds of each network at its matched widths, without training it."""

from __future__ import annotations

from collections.abc import Sequence

from graph2nn.data.dataset import Dataset
from graph2nn.experiments.run import build
from graph2nn.results.config import RunConfig


def costs_of(configs: Sequence[RunConfig], data: Dataset) -> list[int]:
    """Return the multiply-adds per sample of each run's network; equal networks are matched once.

    Args:
        configs: the runs.
        data: their data set, which sets the sizes of inputs and outputs.

    Raises:
        UserError: a graph, an architecture or a budget that cannot be.

    Example:
        >>> from graph2nn import load_dataset
        >>> from graph2nn.experiments import plan, preset
        >>> configs = plan(preset("mlp-digits"), [None], [1, 2], data="digits")
        >>> costs_of(configs, load_dataset("digits"))
        [58624, 58624]
    """
    known: dict[str, int] = {}
    costs = []
    for config in configs:
        network = config.model_copy(update={"seed": 0, "recipe": type(config.recipe)()}).digest
        if network not in known:
            known[network] = build(config, data, engine="masked").match.macs
        costs.append(known[network])
    return costs
