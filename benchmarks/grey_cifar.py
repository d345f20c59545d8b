"""Makes the images of the larva study: 12,000 grey CIFAR-10 images for training and 4,000 for testing, as .npz.

``python -m benchmarks.grey_cifar --data cifar10-jpeg.tar.xz --out grey-cifar.npz``
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import graph2nn as g
from graph2nn.data.samples import Split

Array = np.ndarray[Any, Any]
#: Luma of ITU-R BT.601.
WEIGHTS = np.array([0.299, 0.587, 0.114])
TRAIN, TEST = 12_000, 4_000


def grey(images: Array) -> Array:
    """Map ``[N, 3, H, W]`` to ``[N, H, W]``, both uint8."""
    return np.rint(np.tensordot(images.astype(np.float64), WEIGHTS, axes=(1, 0))).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="CIFAR-10, as graph2nn reads it")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    data = g.load_dataset("cifar10", path=arguments.data)
    arrays: dict[str, Any] = {}
    for name, split, count in (("train", data.train, TRAIN), ("test", data.test, TEST)):
        assert isinstance(split, Split)
        # The same share of every class, in an order that does not depend on the archive's.
        chosen = np.random.default_rng(0).permutation(len(split))[:count]
        arrays[f"x_{name}"] = grey(split.images.numpy()[chosen])
        arrays[f"y_{name}"] = split.labels.numpy()[chosen]
    np.savez_compressed(arguments.out, **arrays)


if __name__ == "__main__":
    main()
