"""Splits check their own types; the bundled digits are split the same way everywhere."""

from __future__ import annotations

import pytest
import torch

from graph2nn.data import Split, load_dataset
from graph2nn.errors import UserError


def test_digits_are_1442_and_355_with_every_class_in_both():
    digits = load_dataset("digits")
    assert (len(digits.train), len(digits.test)) == (1442, 355)
    assert digits.image_shape == (1, 8, 8)
    assert (digits.in_features, digits.num_classes) == (64, 10)
    assert digits.label == "digits (scikit-learn)"
    assert digits.test.labels.bincount().min() >= 34
    assert digits.train.images.max() == 240


def test_digits_statistics_are_those_of_the_training_pixels():
    digits = load_dataset("digits")
    pixels = digits.train.images.double()
    assert digits.mean == (pytest.approx(pixels.mean().item()),)
    assert digits.sd == (pytest.approx(pixels.std(correction=0).item()),)


def test_digits_are_the_same_at_each_load():
    first, second = load_dataset("digits"), load_dataset("digits")
    assert torch.equal(first.train.images, second.train.images)
    assert torch.equal(first.test.labels, second.test.labels)


def test_moving_to_the_same_device_copies_nothing():
    digits = load_dataset("digits")
    assert digits.to("cpu").train is digits.train


def test_a_split_of_the_wrong_type_is_refused():
    with pytest.raises(TypeError, match="uint8"):
        Split(torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(TypeError, match="int64"):
        Split(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64))


def test_an_unknown_dataset_is_named_with_the_nearest():
    with pytest.raises(UserError, match="did you mean 'cifar10'"):
        load_dataset("cifar")


def test_digits_take_no_path(tmp_path):
    with pytest.raises(UserError, match="take no path"):
        load_dataset("digits", path=tmp_path)
