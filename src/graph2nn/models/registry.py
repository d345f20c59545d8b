"""The architectures by name: what each is built from, and its baseline."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from graph2nn.errors import UserError, unknown
from graph2nn.models.mlp import MLP, mlp_shapes
from graph2nn.models.shapes import LayerShape
from graph2nn.wiring import Dense, Wiring

Size = tuple[int, ...]


@dataclass(frozen=True)
class Architecture:
    """One architecture: how to build it, how to count it, and its baseline.

    Args:
        build: ``(wiring, widths, num_classes, input_size, **options)`` to a module.
        shapes: ``(widths, num_classes, input_size, **options)`` to its layers, for the budget.
        widths: widths of the baseline, one a stage.
        num_classes: outputs of the baseline.
        input_size: ``(channels, height, width)`` of the baseline's input.
        scalings: how often round 1 of the published match scales (15 on CIFAR, 9 on ImageNet).
    """

    build: Callable[..., nn.Module]
    shapes: Callable[..., list[LayerShape]]
    widths: tuple[int, ...]
    num_classes: int
    input_size: Size
    scalings: int


def architecture(name: str) -> Architecture:
    """Look an architecture up: ``mlp3``, ``mlp5``, … where the number counts every layer with weights.

    Raises:
        UserError: no such architecture.
    """
    if found := re.fullmatch(r"mlp(\d+)", name):
        return _mlp(int(found.group(1)))
    raise unknown("model", name, ["mlp3", "mlp4", "mlp5", "mlp6", "mlp7"])


def build_model(
    name: str,
    wiring: Wiring | None = None,
    widths: Sequence[int] | None = None,
    *,
    num_classes: int | None = None,
    input_size: Size | None = None,
    **options: Any,
) -> nn.Module:
    """Build a network by name; without a wiring, the dense one, without widths, the baseline's.

    Args:
        name: for example ``"mlp5"``.
        wiring: ``Relational(graph)``, ``Dense()`` or any :class:`Wiring`.
        widths: one a stage, as :func:`graph2nn.match_widths` returns them. An MLP takes one width for all
            its hidden layers, or one for each.
        num_classes: outputs; the baseline's if left out.
        input_size: ``(channels, height, width)``; the baseline's if left out.
        options: of the architecture; an MLP knows ``stem``, the width of its first layer.

    Raises:
        UserError: an unknown name, a wrong number of widths, a width smaller than the number of nodes.
    """
    known = architecture(name)
    return known.build(
        wiring or Dense(),
        known.widths if widths is None else widths,
        num_classes or known.num_classes,
        known.input_size if input_size is None else input_size,
        **options,
    )


def _mlp(layers: int) -> Architecture:
    depth = layers - 2
    if depth < 1:
        raise UserError(f"model: mlp{layers} has no hidden layer; mlp3 is the smallest (stem, hidden, head).")

    def hidden(widths: Sequence[int]) -> list[int]:
        if len(widths) not in (1, depth):
            raise UserError(
                f"model: mlp{layers} takes 1 width for all hidden layers or {depth}, got {list(widths)}."
            )
        return list(widths) * depth if len(widths) == 1 else list(widths)

    def build(
        wiring: Wiring, widths: Sequence[int], num_classes: int, input_size: Size, *, stem: int = 512
    ) -> nn.Module:
        return MLP(math.prod(input_size), stem, hidden(widths), num_classes, wiring=wiring)

    def shapes(
        widths: Sequence[int], num_classes: int, input_size: Size, *, stem: int = 512
    ) -> list[LayerShape]:
        return mlp_shapes(math.prod(input_size), stem, hidden(widths), num_classes)

    return Architecture(build, shapes, (512,), num_classes=10, input_size=(3, 32, 32), scalings=15)
