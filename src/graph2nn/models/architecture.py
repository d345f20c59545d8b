"""Entry of the registry of architectures: how to build one, its cost, its baseline."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_type_hints

import torch
from torch import Tensor, nn

from graph2nn.errors import UserError, unknown
from graph2nn.models.layer_shapes import Shape
from graph2nn.wiring import Wiring

Size = tuple[int, ...]


def one_sample(input_size: Size) -> tuple[Tensor, ...]:
    """Inputs of a network that takes one float tensor: a batch of one sample of zeros."""
    return (torch.zeros(1, *input_size),)


@dataclass(frozen=True)
class Architecture:
    """One architecture: how to build it, how to count it, and its baseline.

    Options differ from one architecture to another, so ``build`` and ``shapes`` are called with whatever was
    given, after :meth:`check_options` has compared names and types with the signature of ``options``.

    Args:
        about: one line for ``graph2nn models``.
        build: ``(wiring, widths, num_classes, input_size, **options)`` to a module. It asks for its wired
            layers in the order of ``shapes``.
        shapes: ``(widths, num_classes, input_size, **options)`` to its layers, for the budget; the number
            and the stages of the wired ones do not depend on the widths.
        widths: widths of the baseline, one per stage.
        num_classes: outputs of the baseline.
        input_size: of one sample of the baseline's input, for example ``(channels, height, width)``.
        scalings: how often round 1 of the published match scales (15 on CIFAR, 9 on ImageNet); 0 where
            nothing was published and a match is exact.
        multiple_of: what every width must be a multiple of, for example the number of attention heads.
        inputs: from an input size to example inputs, for tracing.
        prepare: what happens to a wiring before it is used or counted.
        options: the function whose keyword-only arguments are the options, if ``build`` only hands them on.
    """

    about: str
    build: Callable[..., nn.Module]
    shapes: Callable[..., list[Shape]]
    widths: tuple[int, ...]
    num_classes: int
    input_size: Size
    scalings: int = 0
    multiple_of: int = 1
    inputs: Callable[[Size], tuple[Tensor, ...]] = one_sample
    prepare: Callable[[Wiring], Wiring] = lambda wiring: wiring
    options: Callable[..., object] | None = None

    def option_default(self, name: str) -> object:
        """Return the value that an option has where it is not given; None for one that is not known."""
        parameter = inspect.signature(self.options or self.build).parameters.get(name)
        is_option = parameter is not None and parameter.kind is parameter.KEYWORD_ONLY
        return parameter.default if parameter is not None and is_option else None

    def check_options(self, options: Mapping[str, object]) -> None:
        """Refuse an option that the architecture does not know, or a value of another kind than it takes.

        Raises:
            UserError: with the nearest option, or with what the option takes.
        """
        if not options:
            return
        from pydantic import TypeAdapter, ValidationError

        taker = self.options or self.build
        hints = get_type_hints(taker)
        kinds = inspect.signature(taker).parameters.values()
        names = [parameter.name for parameter in kinds if parameter.kind is parameter.KEYWORD_ONLY]
        for name, value in options.items():
            if name not in names:
                raise unknown("model: option", name, names)
            try:
                TypeAdapter(hints[name]).validate_python(value, strict=not isinstance(value, list))
            except ValidationError as error:
                wrong = error.errors()[0]["msg"]
                raise UserError(f"model: option {name} = {value!r}: {wrong[0].lower()}{wrong[1:]}.") from None
            if isinstance(value, int | float) and value < 0:
                raise UserError(f"model: option {name} = {value} is negative.")


def check_widths(name: str, widths: Sequence[int], *lengths: int) -> list[int]:
    """Return ``widths`` if there are as many as one of ``lengths`` and all are positive.

    Raises:
        UserError: otherwise.
    """
    if len(widths) not in lengths:
        wanted = " or ".join(map(str, lengths))
        raise UserError(f"model: {name} takes {wanted} widths, one per stage, got {list(widths)}.")
    if odd := [width for width in widths if width < 1]:
        raise UserError(f"model: {name}: width {odd[0]} is not positive.")
    return list(widths)
