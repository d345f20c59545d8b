"""Vision transformer: an image as a sequence of patches (Dosovitskiy et al., 2021), its layers wired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graph2nn.errors import UserError
from graph2nn.models.architecture import Architecture, Size, check_widths
from graph2nn.models.attention_heads import check_heads
from graph2nn.models.conv_parts import image
from graph2nn.models.initialise import draw_by_fan_in
from graph2nn.models.layer_shapes import FixedShape, LayerShape, Shape
from graph2nn.models.transformer_layers import EncoderLayer, LayerConfig, encoder_layer_shapes, norm_weights
from graph2nn.wiring import Wiring, at_stage, begin


class VisionTransformer(nn.Module):
    """Pre-norm transformer over patches, a class token and learnt positions.

    The projections of attention and both layers of each feed-forward network follow the wiring; the patch
    embedding and the head are dense.

    Shapes: ``[batch, channels, H, W]`` of one size to ``[batch, num_classes]``.

    Args:
        width: features of a token, a multiple of ``heads``.
        num_classes: outputs of the dense head.
        input_size: ``(channels, height, width)`` of an image, whose sides are multiples of ``patch``.
        wiring: makes the wired layers.
        patch: side of a patch.
        depth: number of layers.
        heads: attention heads.
        mlp_ratio: width inside the feed-forward networks, in multiples of ``width``.
        dropout: share zeroed while training of attention weights, inner features and outputs of a branch.

    Raises:
        UserError: an image that patches do not tile; a width that is not a multiple of the heads.

    Example:
        >>> import torch
        >>> model = VisionTransformer(32, 10, input_size=(3, 32, 32), patch=8, depth=1, heads=4)
        >>> model(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        width: int,
        num_classes: int = 1000,
        *,
        input_size: Size = (3, 224, 224),
        wiring: Wiring | None = None,
        patch: int = 16,
        depth: int = 12,
        heads: int = 3,
        mlp_ratio: float = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        patches = count_patches(input_size, patch)
        wiring = at_stage(begin(wiring), 0)
        config = _config(width, heads, mlp_ratio, dropout)
        self.patches = nn.Conv2d(input_size[0], width, patch, stride=patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.empty(1, patches + 1, width))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential(*(EncoderLayer(config, wiring) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=config.eps)
        self.head = nn.Linear(width, num_classes)
        self.initialise()

    @torch.no_grad()
    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw all parameters again: layers by fan-in, positions N(0, 0.02), the class token zero."""
        draw_by_fan_in(self, generator)
        nn.init.normal_(self.positions, std=0.02, generator=generator)
        self.class_token.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, channels, H, W]`` to class scores ``[batch, num_classes]``."""
        patches = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), patches], dim=1)
        tokens = self.layers(self.dropout(tokens + self.positions))
        scores: Tensor = self.head(self.norm(tokens[:, 0]))
        return scores


def count_patches(input_size: Size, patch: int) -> int:
    """Return how many patches tile an image.

    Raises:
        UserError: not an image size, or one whose sides are not multiples of the patch's.
    """
    _, (height, width) = image("vit", input_size)
    if patch < 1 or height % patch or width % patch:
        raise UserError(
            f"vit: patches of {patch}×{patch} do not tile an image of {height}×{width}; "
            "choose a patch that divides both sides, for example patch=4 for 32×32."
        )
    return (height // patch) * (width // patch)


def _config(width: int, heads: int, mlp_ratio: float, dropout: float = 0.0) -> LayerConfig:
    check_heads(width, heads)
    inner = round(mlp_ratio * width)
    return LayerConfig(width, heads, inner, pre_norm=True, dropout=dropout, eps=1e-6, activation=nn.GELU)


def vit_shapes(
    width: int,
    num_classes: int,
    input_size: Size,
    *,
    patch: int = 16,
    depth: int = 12,
    heads: int = 3,
    mlp_ratio: float = 4,
    dropout: float = 0.0,
) -> list[Shape]:
    """Return the layers of :class:`VisionTransformer` as the budget sees them.

    Args:
        width, num_classes, input_size, patch, depth, heads, mlp_ratio, dropout: as for
            :class:`VisionTransformer`.

    Returns:
        The layers in the order in which they run.
    """
    patches, config = count_patches(input_size, patch), _config(width, heads, mlp_ratio)
    layers: list[Shape] = [
        LayerShape(input_size[0], width, patches, kernel=patch**2, conv=True, bias=True, norm=False),
        FixedShape(weights=(patches + 2) * width + norm_weights(width)),  # class token, positions, last norm
    ]
    for _ in range(depth):
        layers += encoder_layer_shapes(config, patches + 1)
    return [*layers, LayerShape(width, num_classes, bias=True, norm=False)]


def vit(size: str, width: int, heads: int) -> Architecture:
    """Return a vision transformer of a published width; its options are those of :class:`VisionTransformer`.

    Args:
        size: its name, for messages.
        width: of the baseline.
        heads: of the baseline.

    Returns:
        The entry of the registry.
    """

    def build(
        wiring: Wiring, widths: Sequence[int], num_classes: int, input_size: Size, **options: Any
    ) -> nn.Module:
        (built_width,) = check_widths(f"vit-{size}", widths, 1)
        options = {"heads": heads, **options}
        return VisionTransformer(built_width, num_classes, input_size=input_size, wiring=wiring, **options)

    def shapes(widths: Sequence[int], num_classes: int, input_size: Size, **options: Any) -> list[Shape]:
        (built_width,) = check_widths(f"vit-{size}", widths, 1)
        return vit_shapes(built_width, num_classes, input_size, **{"heads": heads, **options})

    return Architecture(
        about=f"vision transformer, 12 wired layers of width {width} (ImageNet)",
        build=build,
        shapes=shapes,
        widths=(width,),
        num_classes=1000,
        input_size=(3, 224, 224),
        multiple_of=heads,
        options=vit_shapes,
    )
