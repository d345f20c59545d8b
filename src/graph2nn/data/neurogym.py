"""Trials of NeuroGym's tasks as sequences with known answers. NeuroGym is an extra: ``graph2nn[neurogym]``."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from graph2nn.data.sequence_tasks import Sequences
from graph2nn.errors import UserError

#: A word that names such a task begins with it: ``neurogym:PerceptualDecisionMaking-v0``.
PREFIX = "neurogym"
#: Trials that an environment may take to fill one sequence.
_MOST_TRIALS = 10_000


def neurogym_sequences(environment: str, samples: int, *, time: int = 40, seed: int = 0) -> Sequences:
    """Draw sequences of a NeuroGym task: trials one after the other, cut after ``time`` steps.

    Args:
        environment: name of the task, such as ``PerceptualDecisionMaking-v0``; its answers must be choices.
        samples: how many, at least 1; each begins with a trial.
        time: steps, at least 1.
        seed: of the draw.

    Returns:
        ``x`` ``[samples, time, observations]``, ``y`` the right choice at every step.

    Raises:
        UserError: NeuroGym is not installed, has no such task, or its answers are not choices.

    References:
        Molano-Mazón et al., "NeuroGym: an open resource for developing and sharing neuroscience tasks", 2022,
            doi:10.31234/osf.io/aqc9n.
    """
    if samples < 1 or time < 1:
        raise UserError(f"data: {PREFIX}: samples = {samples} and time = {time}, expected at least 1 of each.")
    with warnings.catch_warnings():  # of versions of gymnasium, which a user of graph2nn cannot act on
        warnings.simplefilter("ignore")
        task = _make(environment)
        task.reset(seed=seed)
        task.seed(seed)
        drawn = [_sequence(task, time) for _ in range(samples)]
    x, y = (np.stack([pair[part] for pair in drawn]) for part in (0, 1))
    most_common = np.bincount(y.ravel()).max() / y.size
    asked = np.ones(time, dtype=np.bool_)
    return Sequences(
        x.astype(np.float32), y.astype(np.int64), asked, int(task.action_space.n), float(1 - most_common)
    )


def _make(environment: str) -> Any:
    try:
        import gymnasium
        import neurogym
    except ImportError:
        raise UserError(
            f"data: {PREFIX}:{environment} needs NeuroGym, an extra; install it with pip install neurogym."
        ) from None
    environments = neurogym.all_envs()
    if environment not in environments:
        from graph2nn.errors import unknown

        raise unknown(f"data: {PREFIX}: task", environment, environments)
    task = neurogym.make(environment).unwrapped
    observed = task.observation_space.shape
    if not isinstance(task.action_space, gymnasium.spaces.Discrete) or observed is None or len(observed) != 1:
        raise UserError(
            f"data: {PREFIX}:{environment}: its observations are not vectors or its answers are not choices; "
            "take a task with both, such as PerceptualDecisionMaking-v0."
        )
    return task


def _sequence(task: Any, time: int) -> tuple[Any, Any]:
    seen: list[Any] = []
    answers: list[Any] = []
    steps = 0
    for _ in range(_MOST_TRIALS):
        task.new_trial()
        observations, answer = getattr(task, "ob", None), getattr(task, "gt", None)
        if observations is None or answer is None or len(answer) != len(observations):
            break
        seen.append(np.array(observations))
        answers.append(np.array(answer))
        steps += len(answer)
        if steps >= time:
            return np.concatenate(seen)[:time], np.concatenate(answers)[:time]
    raise UserError(
        f"data: {PREFIX}: {type(task).__name__} does not give the right answer of every step in advance, which "
        "training on sequences needs; take another task."
    )
