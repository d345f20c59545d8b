"""Own data far from zero keep their values; what float32 networks cannot take is refused by name."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import graph2nn as g
from graph2nn.data import normalise
from graph2nn.data.own.reader import Options, load_own
from graph2nn.errors import UserError
from graph2nn.experiments.trained import Deployed
from graph2nn.results.data_card import DataCard
from graph2nn.tasks.registry import task_of

RNG = np.random.default_rng(0)
SECONDS = 1.7e9 + 30 * np.arange(60)
LABELS = [0, 1] * 30


def standardised(data):
    return normalise(torch.cat([split.images for split in data.splits.values()]), data.mean, data.sd)


def as_array(tmp_path):
    return g.Dataset.from_arrays(np.stack([SECONDS, RNG.normal(size=60)], axis=1), LABELS)


def as_table(tmp_path):
    pd.DataFrame({"time": SECONDS, "y": ["u", "v"] * 30}).to_csv(tmp_path / "t.csv", index=False)
    return g.Dataset.from_table(tmp_path / "t.csv", "y", cache=tmp_path / "cache")


def as_parquet(tmp_path):
    pd.DataFrame({"time": SECONDS.astype(int), "y": ["u", "v"] * 30}).to_parquet(tmp_path / "t.parquet")
    return g.Dataset.from_table(tmp_path / "t.parquet", "y", cache=tmp_path / "cache")


def as_npz(tmp_path):
    np.savez(tmp_path / "t.npz", x=SECONDS[:, None], y=LABELS)
    return load_own(tmp_path / "t.npz", Options(), cache=tmp_path / "cache")


def as_sequences(tmp_path):
    return g.Dataset.from_arrays(SECONDS.reshape(60, 1, 1), LABELS, task="sequence-classes")


@pytest.mark.parametrize("read", [as_array, as_table, as_parquet, as_npz, as_sequences])
def test_features_far_from_zero_keep_their_values(read, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = read(tmp_path)
    values = standardised(data)[..., 0].flatten()
    assert (data.notes, values.dtype, len(values.unique())) == ((), torch.float32, 60)
    assert len(standardised(read(tmp_path)).unique()) >= 60  # read again, from the cache


def test_features_near_zero_stay_float32():
    assert g.Dataset.from_arrays(RNG.normal(7, 3, size=(60, 2)), LABELS).train.images.dtype == torch.float32
    x = np.stack([np.full(60, 5000.0), np.arange(60.0)], axis=1)
    with pytest.warns(UserWarning, match="1 of 2 features"):
        assert g.Dataset.from_arrays(x, LABELS).train.images.dtype == torch.float32


def test_trained_networks_take_samples_far_from_zero():
    data = g.Dataset.from_arrays(SECONDS[:, None], SECONDS * 2)
    card = DataCard.from_json(DataCard.of(data).to_json())
    assert card.double
    assert torch.equal(card.normalise(data.test.images), normalise(data.test.images, data.mean, data.sd))
    scores = Deployed(torch.nn.Identity(), card)(data.test.images)
    assert torch.allclose(scores, data.test.images * 2, atol=1e-2, rtol=0)


def test_targets_far_from_zero_keep_their_values():
    y = 1.7e9 + RNG.permutation(60)
    data = g.Dataset.from_arrays(RNG.normal(size=(60, 2)), y)
    assert set(data.train.labels.flatten().tolist()) <= set(y.tolist())
    right = torch.tensor(standardised_targets(data), dtype=torch.float32)
    assert float(task_of(data).missed(right, data.train.labels)) < 1e-4


def standardised_targets(data):
    return (data.train.labels.numpy() - np.array(data.target_mean)) / np.array(data.target_sd)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: np.where(x == x[3, 1], 1e39, x), "x holds 1e.39 in row 3, beyond"),
        (lambda x: np.where(x == x[3, 1], np.longdouble("1e1000"), x), "x holds 1.*e.1000 in row 3, beyond"),
        (lambda x: x * 1e-200, "standard deviation of 0 in training, below 1e-35"),
        (lambda x: 1_700_000_000_000_000_000 + np.arange(120).reshape(60, 2), "float64 does not tell apart"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_does_not_fit_is_refused(change, message):
    x = change(RNG.normal(size=(60, 2)))
    with pytest.raises(UserError, match=message):
        g.Dataset.from_arrays(x, LABELS)


def test_values_that_do_not_fit_are_refused_by_column_and_target():
    frame = pd.DataFrame({"a": [1e39, *range(59)], "b": range(60), "y": [1e39, *range(59)]})
    with pytest.raises(UserError, match=r"column 'a' holds 1e\+39 in row 0, .* --drop a"):
        g.Dataset.from_table(frame, "b")
    with pytest.raises(UserError, match=r"target of train is 1e\+39 in row 0"):
        g.Dataset.from_table(frame, "y", drop=["a"])
    far = RNG.normal(size=(60, 1)) * 1e-30
    with pytest.raises(UserError, match=r"feature or channel 0 has a value in test .* standard deviations"):
        g.Dataset.from_arrays(far, LABELS, test=(far[:4] + 1e30, [0, 1, 0, 1]))


X = RNG.normal(size=(60, 2))
MASKED_X, MASKED_Y = (
    np.ma.array(X, mask=np.arange(120).reshape(60, 2) == 6),
    np.ma.array(LABELS, mask=[True] + [False] * 59),
)


@pytest.mark.parametrize(
    ("x", "y", "task", "message"),
    [
        (MASKED_X, LABELS, None, "x is masked, .* in 1 of 60 samples .* number 3"),
        (list(MASKED_X), LABELS, None, "x is masked, .* in 1 of 60"),
        (MASKED_X[:, :, None], LABELS, "sequence-classes", "x is masked"),
        (X, MASKED_Y, None, "target of train is masked"),
        (X[:, :, None], MASKED_Y, "sequence-classes", "target of train is masked"),
        (pd.DataFrame(X), MASKED_Y, None, "target of train is masked"),
    ],
)
def test_masked_values_are_missing_values(x, y, task, message):
    with pytest.raises(UserError, match=message):
        g.Dataset.from_arrays(x, y, task=task)


def test_a_mask_of_nothing_is_accepted():
    plain, masked = (
        g.Dataset.from_arrays(x, y, name="n") for x, y in ((X, LABELS), (np.ma.array(X), np.ma.array(LABELS)))
    )
    assert plain.label == masked.label


def test_a_device_without_float64_is_refused(tmp_path):
    with pytest.raises(UserError, match="float64, which mps lacks; subtract a constant"):
        as_array(tmp_path).to("mps")
