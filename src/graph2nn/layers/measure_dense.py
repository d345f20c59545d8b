"""Measurement of dense products on this machine: the table that dense layers of our models use."""

from __future__ import annotations

import datetime
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from graph2nn.layers.dense import DenseLinear
from graph2nn.layers.dense_products import (
    PLAIN,
    DensePoint,
    DenseTable,
    Product,
    ProductChoice,
    multiply,
    onednn_is_exact,
)
from graph2nn.layers.norm_relu import NormReLU

#: Features in and out: the perceptron's stem, square layers, the two layers of a Transformer block.
SHAPES = ((3072, 512), (256, 256), (512, 512), (1024, 1024), (1536, 1536), (768, 3072), (3072, 768))
BATCH = 128
#: Another choice than torch's own must be this much faster to be kept: below that, noise decides.
MARGIN = 1.05

Key = TypeVar("Key")


def measure_dense(rounds: int = 5, *, on_shape: Callable[[], None] | None = None) -> DenseTable:
    """Time the products of dense layers, with and without norm and ReLU in one, on torch's present threads.

    Args:
        rounds: repetitions; medians are compared.
        on_shape: called after each shape.

    Returns:
        The fastest choice per shape.
    """
    points = []
    for in_features, out_features in SHAPES:
        points.append(DensePoint(in_features, out_features, _fastest(in_features, out_features, rounds)))
        if on_shape:
            on_shape()
    about = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "batch": BATCH,
        "rounds": rounds,
    }
    return DenseTable(tuple(points), about)


def _fastest(in_features: int, out_features: int, rounds: int) -> ProductChoice:
    """The fastest choice of a whole layer, of those whose products are fastest one by one."""
    x, weight = torch.randn(BATCH, in_features), torch.randn(out_features, in_features)
    dy, rows = torch.randn(BATCH, out_features), torch.randn(out_features, BATCH)
    choices = {
        PLAIN,
        _choice([(x, weight.t()), (dy, weight), (dy.t(), x)], rounds, fused=False),
        ProductChoice(fused=True),
        _choice([(weight, x.t()), (rows.t(), weight), (rows, x)], rounds, fused=True),
    }
    steps = {choice: _step(choice, x, dy) for choice in sorted(choices)}
    seconds = _medians(steps, rounds)
    best = min(seconds, key=seconds.__getitem__)
    return best if seconds[best] * MARGIN <= seconds[PLAIN] else PLAIN


def _choice(operands: list[tuple[Tensor, Tensor]], rounds: int, *, fused: bool) -> ProductChoice:
    products: list[Product] = ["mm", "onednn"] if onednn_is_exact() else ["mm"]
    fastest: list[Product] = []
    for a, b in operands:
        seconds = _medians({product: _product(product, a, b) for product in products}, rounds)
        fastest.append(min(products, key=seconds.__getitem__))
    forward, input_gradient, weight_gradient = fastest
    return ProductChoice(forward, input_gradient, weight_gradient, fused)


def _product(product: Product, a: Tensor, b: Tensor) -> Callable[[], object]:
    return lambda: multiply(product, a, b)


def _step(choice: ProductChoice, x: Tensor, dy: Tensor) -> Callable[[], object]:
    """Forward and backward of a layer, its norm and ReLU."""
    layer = DenseLinear(x.shape[1], dy.shape[1], bias=False)
    layer.choice = choice
    block = NormReLU(layer, nn.BatchNorm1d(dy.shape[1]), nn.ReLU(inplace=True))
    leaf = x.clone().requires_grad_()
    return lambda: torch.autograd.grad(block(leaf), [leaf, *block.parameters()], dy)


def _medians(calls: Mapping[Key, Callable[[], object]], rounds: int) -> dict[Key, float]:
    """Median seconds of each call; all are called in turn."""
    for call in calls.values():
        call()  # compiles and warms up
    seconds: dict[Key, list[float]] = {key: [] for key in calls}
    for _ in range(rounds):
        for key, call in calls.items():
            seconds[key].append(min(_seconds(call) for _ in range(3)))
    return {key: statistics.median(times) for key, times in seconds.items()}


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
