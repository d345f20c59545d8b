"""Digits: 1,797 handwritten 8×8 digits that come with scikit-learn. A smoke test, not evidence."""

from __future__ import annotations

import torch

from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import Split

TEST_EVERY = 5


def load_digits() -> Dataset:
    """The digits of scikit-learn (UCI "Optical Recognition of Handwritten Digits", test part).

    Stored values 0..16 become 0..240, a whole multiple, so nothing is rounded. Of each class every
    fifth sample, counted in file order, is test: 1,442 train, 355 test, classes evenly split, and the
    same on every machine. ``mean`` and ``sd`` are those of the training pixels.

    Shapes: images uint8 ``[N, 1, 8, 8]``, labels int64 ``[N]``.
    """
    from sklearn.datasets import load_digits as bundled

    source = bundled()
    images = torch.from_numpy(source.images * 15).to(torch.uint8).unsqueeze(1)
    labels = torch.from_numpy(source.target).to(torch.int64)
    test = torch.zeros(len(labels), dtype=torch.bool)
    for digit in range(10):
        test[torch.nonzero(labels == digit).flatten()[TEST_EVERY - 1 :: TEST_EVERY]] = True
    pixels = images[~test].to(torch.float64)
    return Dataset(
        name="digits",
        label="digits (scikit-learn)",
        train=Split(images[~test], labels[~test]),
        test=Split(images[test], labels[test]),
        classes=tuple(str(digit) for digit in range(10)),
        mean=(pixels.mean().item(),),
        sd=(pixels.std(correction=0).item(),),
    )
