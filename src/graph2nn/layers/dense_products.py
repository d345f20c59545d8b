"""Exact float32 matrix products of dense layers: torch's ``mm`` or oneDNN, chosen by a measured table.

On some CPUs oneDNN's float32 product is twice as fast as the one behind ``torch.mm``. It is reached through a
private operator, so nothing global changes. Before its first use the operator is compared with float64; it is
never used where it is missing, or where it rounds its inputs to fewer bits.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args

import torch
from torch import Tensor

from graph2nn.errors import UserError
from graph2nn.files import cache_root

Product = Literal["mm", "onednn"]
FILE = "dense.json"
#: Largest relative error of a float32 product: 6e-7 was measured, while bf16 inputs give 2e-3.
TOLERANCE = 1e-5
#: Fewer samples take ``mm``: the table is measured on 128.
SMALLEST_BATCH = 16


class ProductChoice(NamedTuple):
    """Which product computes the output of a layer and which its gradients; whether norm and ReLU join it."""

    forward: Product = "mm"
    input_gradient: Product = "mm"
    weight_gradient: Product = "mm"
    fused: bool = False

    @property
    def plain(self) -> bool:
        """Whether all three products are torch's own."""
        # By name: torch.compile of torch 2.8 cannot cut named tuples.
        return self.forward == self.input_gradient == self.weight_gradient == "mm"


PLAIN = ProductChoice()


class DensePoint(NamedTuple):
    """The fastest products of one measured shape."""

    in_features: int
    out_features: int
    choice: ProductChoice


@dataclass(frozen=True)
class DenseTable:
    """Measured choices, and where and when they were measured. Empty: ``mm`` everywhere."""

    points: tuple[DensePoint, ...]
    about: dict[str, Any]

    def choose(self, in_features: int, out_features: int) -> ProductChoice:
        """Return the choice of the nearest measured shape on logarithmic axes; ``mm`` below all of them."""
        weights = in_features * out_features
        if not self.points or weights < min(p.in_features * p.out_features for p in self.points):
            return PLAIN
        return min(
            self.points,
            key=lambda p: (
                abs(math.log(p.in_features / in_features)) + abs(math.log(p.out_features / out_features))
            ),
        ).choice


def choose(in_features: int, out_features: int) -> ProductChoice:
    """Return the products of a dense float32 layer on this machine.

    ``mm`` unless ``graph2nn bench engines`` measured otherwise; never by timing while a network trains, so that
    a training run that is resumed computes with the same products.

    Args:
        in_features: before the layer.
        out_features: after it.

    Returns:
        The choice; ``mm`` in place of ``onednn`` where that is not exact.

    Raises:
        UserError: the machine's table is damaged.
    """
    chosen = table().choose(in_features, out_features)
    return chosen if "onednn" not in chosen or onednn_is_exact() else ProductChoice(fused=chosen.fused)


def multiply(product: Product, a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """Return ``a · b``, not differentiable.

    Args:
        product: how; ``"onednn"`` only where :func:`onednn_is_exact`.
        a: float32 ``[M, K]`` of any strides; for ``mm`` of any type.
        b: ``[K, N]`` likewise.
        out: ``[M, N]``, contiguous rows, to be written in place; a new tensor if left out.

    Returns:
        The product, ``out`` where it is given.
    """
    if product == "mm":
        return torch.mm(a, b) if out is None else torch.mm(a, b, out=out)
    result = cast(Tensor, torch.ops.mkldnn._linear_pointwise(a, b.t(), None, "none", [], ""))
    return result if out is None else out.copy_(result)


@lru_cache(maxsize=1)
def onednn_is_exact() -> bool:
    """Whether oneDNN's operator is there and computes in float32, in every order of operands."""
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not available or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        try:
            return all(_error(a, b, generator) < TOLERANCE for a in "ab" for b in "ab")
        except (RuntimeError, TypeError):  # another version of torch gave the private operator other arguments
            return False


def _error(order_a: str, order_b: str, generator: torch.Generator) -> float:
    """Relative error of a product whose operands lie by rows ("a") or by columns ("b")."""
    m, k, n = 96, 272, 144
    a, b = (
        torch.randn(*shape, generator=generator)
        if order == "a"
        else torch.randn(*shape[::-1], generator=generator).t()
        for order, shape in ((order_a, (m, k)), (order_b, (k, n)))
    )
    exact = a.double() @ b.double()
    return float((multiply("onednn", a, b).double() - exact).norm() / exact.norm())


@lru_cache(maxsize=1)
def table() -> DenseTable:
    """Return the table of this machine if ``graph2nn bench engines`` has made one, else the empty one.

    Raises:
        UserError: the machine's own table is damaged.
    """
    file = own_file()
    return parse(file.read_text(encoding="utf-8"), str(file)) if file.is_file() else DenseTable((), {})


def own_file() -> Path:
    """Where the table of this machine is kept."""
    return cache_root(None) / FILE


def parse(text: str, where: str) -> DenseTable:
    """Read a table written by :func:`dump`.

    Raises:
        UserError: it is damaged.
    """
    try:
        read = json.loads(text)
        points = tuple(_point(**point) for point in read["points"])
        return DenseTable(points, dict(read["about"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"dense products: {where} is damaged ({error}); "
            "delete it, or make it again with graph2nn bench engines."
        ) from None


def _point(in_features: int, out_features: int, fused: bool, **products: Product) -> DensePoint:
    unknown = set(products.values()) - set(get_args(Product))
    if unknown or min(in_features, out_features) < 1:
        raise ValueError(f"products {sorted(unknown)} of {in_features} → {out_features} features")
    return DensePoint(in_features, out_features, ProductChoice(**products, fused=bool(fused)))


def dump(measured: DenseTable) -> str:
    """Return a table as JSON."""
    points = [
        {"in_features": point.in_features, "out_features": point.out_features, **point.choice._asdict()}
        for point in measured.points
    ]
    return json.dumps({"about": measured.about, "points": points}, indent=1) + "\n"
