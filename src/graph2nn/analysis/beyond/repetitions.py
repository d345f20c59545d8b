"""Simulated repetitions of an experiment: the same graphs with another draw of training seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graph2nn.analysis.beyond.noise import Noise, shrink
from graph2nn.analysis.beyond.seed_splits import gains_held_out
from graph2nn.arrays import Floats, Longs

#: Errors simulated at once; bounds memory at about 40 bytes each.
CHUNK = 1_000_000


@dataclass(frozen=True)
class Repetitions:
    """Simulated repetitions of an experiment, each array ``[draws]``.

    ``misses``: split estimate of the gain minus the true gain of the graph that all seeds choose;
    ``chosen``, ``first``: graph chosen by all seeds, truly best graph; ``spread``: of the graphs' true means.
    """

    spread: float
    misses: Floats
    chosen: Longs
    first: Longs


def repeat(
    errors: Floats,
    there: npt.NDArray[np.bool_],
    mean: Floats,
    baseline: float,
    noise: Noise,
    subsets: list[tuple[int, ...]],
    draws: int,
    seed: int,
) -> Repetitions:
    """Simulate ``draws`` repetitions of an experiment.

    Args:
        errors: ``[graphs, seeds]``. there: which of them are runs, likewise.
        mean: of each graph's runs, ``[graphs]``.
        baseline: standard error of the baseline's mean minus that of all graphs.
        noise: of the runs.
        subsets: seeds to choose on, a split each.
        draws, seed: of the simulation.

    Returns:
        What the repetitions gave.
    """
    rng = np.random.default_rng([seed, *errors.shape])
    size = there.sum(axis=1)
    spread, middle, doubt = shrink(mean, noise.variance / size)
    parts: list[tuple[npt.NDArray[Any], ...]] = []
    step = max(1, CHUNK // errors.size)
    for start in range(0, draws, step):
        count = min(step, draws - start)
        truth = middle + doubt * rng.standard_normal((count, len(mean)))
        scale = np.sqrt(noise.freedom / rng.chisquare(noise.freedom, count))
        runs = truth[..., None] + scale[:, None, None] * rng.choice(noise.residuals, (count, *errors.shape))
        luck = baseline * rng.standard_normal(count)
        pick = np.argmin(np.where(there, runs, 0.0).sum(axis=-1) / size, axis=-1)
        judged, _ = gains_held_out(runs, there, subsets)
        # The baseline's own true mean cancels: only its luck is left of it.
        miss = luck - judged + np.take_along_axis(truth, pick[:, None], axis=1)[:, 0]
        # Without any spread all graphs are equally good, and each is as likely the best as another.
        first = np.argmin(truth, axis=-1) if spread > 0 else rng.integers(len(mean), size=count)
        parts.append((miss, pick, first))
    return Repetitions(spread, *(np.concatenate(column) for column in zip(*parts, strict=True)))
