"""Translator: the Transformer on padded pairs of sentences, as a training loop feeds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graph2nn.errors import UserError
from graph2nn.models.architecture import Architecture, Size, check_widths
from graph2nn.models.layer_shapes import Shape
from graph2nn.models.transformer import Transformer, transformer_shapes
from graph2nn.wiring import Wiring

#: Token of padding: nobody reads it, and nothing is learnt from it.
PADDING = 0


class Translator(Transformer):
    """A :class:`Transformer` that takes source and target in one tensor, and reads no padding.

    Shapes: int64 ``[batch, 2, L]``, the source and the target so far, both padded with 0 at the end, to scores
    ``[batch, L, num_classes]``. Scores at padded places of the target mean nothing.

    Example:
        >>> from graph2nn import build_model, ws_flex
        >>> model = build_model("translator", ws_flex(16, 4, 0.1, seed=1), [64], num_classes=50, depth=1)
        >>> model(torch.ones(4, 2, 9, dtype=torch.int64)).shape
        torch.Size([4, 9, 50])
    """

    def forward(self, pairs: Tensor) -> Tensor:  # type: ignore[override]
        """Map pairs ``[batch, 2, L]`` to scores ``[batch, L, num_classes]``."""
        source, target = pairs[:, 0], pairs[:, 1]
        hidden = source == PADDING
        return self.decode(target, self.encode(source, hidden), hidden)


def _length(input_size: Size) -> int:
    if len(input_size) != 2 or input_size[0] != 2 or input_size[1] < 1:
        raise UserError(
            f"translator: a sample is {tuple(input_size)}, expected two sentences of a length, (2, 16)."
        )
    return input_size[1]


def translator() -> Architecture:
    """Return a small model for translation; its options are those of :class:`Transformer`."""

    def build(
        wiring: Wiring, widths: Sequence[int], num_classes: int, input_size: Size, **options: Any
    ) -> nn.Module:
        (width,) = check_widths("translator", widths, 1)
        _length(input_size)
        return Translator(width, num_classes, wiring=wiring, **options)

    def shapes(widths: Sequence[int], num_classes: int, input_size: Size, **options: Any) -> list[Shape]:
        (width,) = check_widths("translator", widths, 1)
        length = _length(input_size)
        return transformer_shapes(width, num_classes, (length, length), **options)

    return Architecture(
        about="Transformer on pairs of sentences, 6 + 6 wired layers of width 256 (translation)",
        build=build,
        shapes=shapes,
        widths=(256,),
        num_classes=8000,
        input_size=(2, 16),
        multiple_of=8,
        inputs=lambda size: (torch.ones(1, 2, _length(size), dtype=torch.int64),),
        options=transformer_shapes,
    )
