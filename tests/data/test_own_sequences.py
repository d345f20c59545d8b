"""Own sequences as arrays: which shapes are read, where answers are asked for, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graph2nn import Dataset, UserError, load_dataset
from graph2nn.data.own.reader import Options
from graph2nn.data.sequence_sets import NOT_ASKED, asked
from graph2nn.tasks.registry import task_of

N, TIME, FEATURES = 40, 6, 3
RNG = np.random.default_rng(0)
X = RNG.normal(2.0, 3.0, (N, TIME, FEATURES))


def test_one_class_per_sequence_is_asked_for_at_the_last_step():
    data = Dataset.from_arrays(X, ["left", "right"] * (N // 2), task="sequence-classes", name="turns")
    assert (data.image_shape, data.classes, data.sequences) == ((TIME, FEATURES), ("left", "right"), True)
    assert {len(data.train), len(data.validation), len(data.test)} == {28, 4, 8}
    for split in data.splits.values():
        assert asked(split.labels).nonzero()[:, 1].unique().tolist() == [TIME - 1]
        assert split.labels[:, -1].bincount().tolist() == [len(split) // 2] * 2, "drawn per class"
    np.testing.assert_allclose(data.mean, data.train.images.numpy().mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(data.sd, data.train.images.numpy().std((0, 1)), rtol=1e-5)


def test_classes_per_step_are_asked_for_where_they_stand():
    y = RNG.integers(0, 3, (N, TIME))
    y[:, :2] = NOT_ASKED
    y[0, 3] = NOT_ASKED
    data = Dataset.from_arrays(X, y, task="sequence-classes", test=(X[:9], y[:9]), validation=0)
    assert torch.equal(data.train.labels, torch.from_numpy(y))
    assert torch.equal(data.test.labels, torch.from_numpy(y[:9]))
    assert task_of(data).counts == tuple(np.bincount(y[y != NOT_ASKED]).tolist())


@pytest.mark.parametrize("shape", [(N,), (N, TIME), (N, TIME, 2)])
def test_numbers_are_asked_for_where_they_are_not_nan(shape):
    y = RNG.normal(5.0, 2.0, shape)
    if len(shape) > 1:
        y[:, :4] = np.nan
    data = Dataset.from_arrays(X, torch.from_numpy(y), task="sequence-numbers", test=(X, y), validation=0)
    expected = np.full((N, TIME, shape[2] if len(shape) > 2 else 1), np.nan)
    expected[:, 4:] = y[:, 4:].reshape(N, 2, -1) if len(shape) > 1 else expected[:, 4:]
    expected[:, -1] = y[:, -1].reshape(N, -1) if len(shape) > 1 else y[:, None]
    np.testing.assert_allclose(data.test.labels.numpy(), expected, rtol=1e-6)
    answers = expected[~np.isnan(expected[..., 0])]
    np.testing.assert_allclose(data.target_mean, answers.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(data.target_sd, answers.std(axis=0), rtol=1e-6)
    assert data.num_classes == expected.shape[2]


def test_without_a_task_they_are_images_and_the_notes_say_so():
    data = Dataset.from_arrays(X, ["left", "right"] * (N // 2))
    assert data.image_shape == (1, TIME, FEATURES)
    assert any("sequences [N, time, features] need task" in note for note in data.notes)
    assert Dataset.from_arrays(X[:, :3], ["left", "right"] * (N // 2)).notes == ()


def test_files_of_arrays_are_read_the_same(tmp_path):
    y = RNG.integers(0, 2, N)
    np.savez(tmp_path / "turns.npz", x=X, y=y)
    options = Options(task="sequence-classes")
    read = load_dataset("own", path=tmp_path / "turns.npz", cache=tmp_path, options=options)
    again = load_dataset("own", path=tmp_path / "turns.npz", cache=tmp_path, options=options)
    made = Dataset.from_arrays(X, y, task="sequence-classes", name="turns")
    for data in (read, again):
        assert (data.label, data.task) == (made.label, "sequence-classes")
        assert torch.equal(data.train.images, made.train.images)
        assert torch.equal(data.train.labels, made.train.labels)


LABELS = RNG.integers(0, 2, N)
NOTHING = np.where(np.arange(N)[:, None] == 7, NOT_ASKED, np.ones((N, TIME), dtype=int))
PARTLY = np.full((N, TIME, 2), 1.0)
PARTLY[3, 2, 1] = np.nan


@pytest.mark.parametrize(
    ("x", "y", "task", "message"),
    [
        (X[:, 0], LABELS, "sequence-classes", r"x has shape \(40, 3\); sequences are \[N, time, features\]"),
        (X[:, :, :, None], LABELS, "sequence-numbers", "sequences are"),
        (np.where(X[5, 1, 1] == X, np.nan, X), LABELS, "sequence-classes", "1 of 40 sequences .*number 5"),
        (X.astype(str), LABELS, "sequence-classes", "sequences are numbers"),
        ([X[0], X[1, :3]], [0, 1], "sequence-classes", "sequences differ in shape"),
        (X, LABELS[:9], "sequence-classes", "40 samples and 9 targets"),
        (X, RNG.integers(0, 2, (N, TIME + 1)), "sequence-classes", r"one per step \[N, 6\]"),
        (X, NOTHING, "sequence-classes", "sequence 7 of train has no answer"),
        (X, RNG.normal(size=(N, 2)), "sequence-numbers", r"\[N, 6, numbers\]"),
        (X, PARTLY, "sequence-numbers", "at each step give all numbers, or NaN for all"),
        (X, ["a", "b"] * 20, "sequence-numbers", "expected numbers; classes are task"),
        (X, np.zeros(N, dtype=int), "sequence-classes", "class"),
        (X, LABELS, "sequence-class", "task"),
    ],
)
def test_what_does_not_fit_is_one_line(x, y, task, message):
    with pytest.raises(UserError, match=message) as caught:
        Dataset.from_arrays(x, y, task=task)
    assert "\n" not in str(caught.value)


def test_tables_have_no_sequences(tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n3,4\n")
    options = Options(task="sequence-classes", target=("b",))
    with pytest.raises(UserError, match=r"is for arrays of sequences .* these data are a table"):
        load_dataset("own", path=tmp_path / "table.csv", cache=tmp_path, options=options)
