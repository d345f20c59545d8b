"""Which neurons trained networks need: the score without each cell type, and the activity of each type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch

from graph2nn.data.augment import normalise
from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import resident
from graph2nn.errors import UserError, unknown
from graph2nn.experiments.trained import load_run
from graph2nn.models.connectome_rnn import ConnectomeRNN
from graph2nn.training.evaluation import evaluate


def silence_types(
    folders: Sequence[Path], data: Dataset, *, by: str, samples: int | None = None
) -> pd.DataFrame:
    """Measure how much worse trained networks are without each type of neurons.

    The activity of all neurons of a type is kept at zero in every round, and the test part is evaluated again.

    Args:
        folders: of finished runs of one connectome, usually one per training seed.
        data: that they were trained on.
        by: column of the connectome's table of neurons.
        samples: of the test part; all if left out.

    Returns:
        One row per type, the most needed first: ``type, neurons, loss`` (score without it minus score with it:
        positive, it is needed), ``low, high`` (95 % interval over runs; NaN for one run), ``runs``.

    Raises:
        UserError: no run, a run of another network or other data, no such column.
    """
    networks = [_network(folder, data) for folder in folders]
    if not networks:
        raise UserError("neurons: there is no run; name the folder of at least one.")
    types = types_of(networks[0], by)
    part = resident(data.test, "neurons")
    if samples is not None:
        part = replace(part, images=part.images[:samples], labels=part.labels[:samples])
    cut = replace(data, test=part)
    losses = np.array([_losses(network, cut, types) for network in networks])
    names = list(types)
    low, high = _interval(losses)
    table = pd.DataFrame(
        {
            "type": names,
            "neurons": [int(types[name].sum()) for name in names],
            "loss": losses.mean(axis=0),
            "low": low,
            "high": high,
            "runs": len(networks),
        }
    )
    return table.sort_values("loss", ascending=False, kind="stable", ignore_index=True)


def activity_by_type(folders: Sequence[Path], data: Dataset, *, by: str, samples: int = 256) -> pd.DataFrame:
    """Measure the mean activity of each type of neurons in every round, of trained networks on test samples.

    Args:
        folders, data, by: as in :func:`silence_types`.
        samples: of the test part.

    Returns:
        ``type, round, activity, low, high``: the mean over neurons, samples and runs, and its 95 % interval
        over runs.

    Raises:
        UserError: as :func:`silence_types`.
    """
    part = resident(data.test, "neurons")
    x = normalise(part.images[:samples], data.mean, data.sd)
    networks = [_network(folder, data) for folder in folders]
    types = types_of(networks[0], by)
    with torch.no_grad():
        means = [network.activity(x).abs().mean(dim=0).numpy() for network in networks]  # [rounds, n]
    made = []
    for name, mask in types.items():
        values = np.array([activity[:, mask].mean(axis=1) for activity in means])
        low, high = _interval(values)
        rounds = np.arange(1, values.shape[1] + 1)
        made.append(
            pd.DataFrame(
                {"type": name, "round": rounds, "activity": values.mean(axis=0), "low": low, "high": high}
            )
        )
    return pd.concat(made, ignore_index=True)


def types_of(network: ConnectomeRNN, by: str) -> dict[str, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return which neurons are of each type, by its name; those without an entry are ``(none)``.

    Args:
        network: whose graph has a table of neurons.
        by: column of it.

    Raises:
        UserError: no table, or no such column.
    """
    nodes = network.graph.nodes
    columns = [] if nodes is None else list(map(str, nodes.columns))
    if nodes is None or by not in columns:
        raise unknown("neurons: --by", by, columns)
    labels = nodes[by].astype("string").fillna("(none)").to_numpy()
    return {str(name): labels == name for name in dict.fromkeys(labels)}


def _network(folder: Path, data: Dataset) -> ConnectomeRNN:
    network = load_run(folder)
    if not isinstance(network, ConnectomeRNN):
        raise UserError(
            f"neurons: {folder} is not a run of a connectome; its network is {type(network).__name__}."
        )
    label = cast(Any, network).card.label
    if label != data.label:
        raise UserError(f"neurons: {folder} was trained on {label}, and the data are {data.label}; give those.")
    return network


def _losses(
    network: ConnectomeRNN, data: Dataset, types: dict[str, np.ndarray[Any, np.dtype[np.bool_]]]
) -> list[float]:
    whole = evaluate(network, data).error
    losses = []
    for mask in types.values():
        network.silence(mask)
        losses.append(evaluate(network, data).error - whole)
    network.silence(None)
    return losses


def _interval(values: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """95 % t interval over the first axis."""
    from scipy import stats

    count, mean = len(values), values.mean(axis=0)
    if count < 2:
        return np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    reach = stats.t.ppf(0.975, count - 1) * values.std(axis=0, ddof=1) / count**0.5
    return mean - reach, mean + reach
