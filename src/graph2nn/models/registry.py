"""Registry of architectures by name."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn

from graph2nn.arguments import at_least, checked_arguments
from graph2nn.errors import UserError, shown, unknown
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.memory import refuse_memory
from graph2nn.models.architecture import Architecture, Size
from graph2nn.models.cnn import cnn
from graph2nn.models.efficientnet import efficientnet_b0
from graph2nn.models.gpt import gpt
from graph2nn.models.mlp import mlp
from graph2nn.models.mobilenet import mobilenet_v1
from graph2nn.models.recurrent import recurrent
from graph2nn.models.resnet import Kind, resnet, resnet_cifar
from graph2nn.models.transformer import transformer
from graph2nn.models.translator import translator
from graph2nn.models.vgg import vgg
from graph2nn.models.vit import vit
from graph2nn.wiring import Dense, Wiring, wiring_of

#: Every architecture with a name of its own; :func:`architecture` knows whole families beyond these.
ARCHITECTURES: dict[str, Architecture] = {
    **{f"mlp{layers}": mlp(layers) for layers in range(3, 8)},
    "cnn6": cnn(6),
    **{f"cnn{layers}-cifar": cnn(layers, cifar=True) for layers in (3, 6)},
    **{f"resnet{layers}": resnet(layers) for layers in (18, 34, 50, 101, 152)},
    **{f"resnet{layers}-sep": resnet(layers, "sep") for layers in (18, 34)},
    "resnet34-bottleneck": resnet(34, "bottleneck"),
    **{f"resnet{layers}-cifar": resnet_cifar(layers) for layers in (20, 32, 44, 56, 110)},
    "resnet20-cifar-sep": resnet_cifar(20, "sep"),
    "resnet20-cifar-bottleneck": resnet_cifar(20, "bottleneck"),
    **{f"vgg{layers}": vgg(layers) for layers in (11, 13, 16, 19)},
    **{f"vgg{layers}-pool": vgg(layers, head="pool") for layers in (11, 13, 16, 19)},
    "mobilenet-v1": mobilenet_v1(),
    "efficientnet-b0": efficientnet_b0(),
    "vit-tiny": vit("tiny", 192, 3),
    "vit-small": vit("small", 384, 6),
    "vit-base": vit("base", 768, 12),
    "transformer": transformer(),
    "translator": translator(),
    "gpt": gpt(),
    "rnn": recurrent("rnn"),
    "gru": recurrent("gru"),
    "lstm": recurrent("lstm"),
}

#: Other names that are understood.
ALIASES = {"cnn3": "cnn3-cifar"}


def architecture(name: str) -> Architecture:
    """Look an architecture up.

    Args:
        name: one of :data:`ARCHITECTURES`, or another member of their families: ``mlpN``; ``cnnN-cifar`` and
            ``cnnN-imagenet`` with N a multiple of 3; ``resnetN`` and ``resnetN-cifar``, each also with
            ``-basic``, ``-sep`` or ``-bottleneck``.

    Raises:
        UserError: no such architecture.

    Example:
        >>> architecture("resnet34").widths
        (64, 128, 256, 512)
    """
    name = ALIASES.get(name, name)
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    if parts := re.fullmatch(r"mlp(\d+)", name):
        return mlp(int(parts.group(1)))
    if parts := re.fullmatch(r"cnn(\d+)-(cifar|imagenet)", name):
        return cnn(int(parts.group(1)), cifar=parts.group(2) == "cifar")
    if parts := re.fullmatch(r"resnet(\d+)-cifar(?:-(basic|sep|bottleneck))?", name):
        return resnet_cifar(int(parts.group(1)), cast(Kind, parts.group(2) or "basic"))
    if parts := re.fullmatch(r"resnet(\d+)-(basic|sep|bottleneck)", name):
        return resnet(int(parts.group(1)), cast(Kind, parts.group(2)))
    raise unknown("model", name, list(ARCHITECTURES))


@checked_arguments
def build_model(
    name: str,
    wiring: Wiring | RelationalGraph | None = None,
    widths: Sequence[int] | None = None,
    num_classes: int | None = None,
    *,
    input_size: Size | None = None,
    **options: Any,
) -> nn.Module:
    """Build a network by name; without a wiring, the dense one, without widths, the baseline's.

    Args:
        name: for example ``"mlp5"``; ``graph2nn models`` lists them.
        wiring: ``Relational(graph)``, ``Dense()`` or any :class:`Wiring`; a graph stands for
            ``Relational(graph)``.
        widths: one per stage, as :func:`graph2nn.match_widths` returns them. An MLP takes one width for all
            its hidden layers, or one for each.
        num_classes: outputs; the baseline's if left out.
        input_size: of one sample, for example ``(channels, height, width)``; the baseline's if left out.
        options: of the architecture: an MLP knows ``stem``, the width of its first layer; CNNs, ResNets,
            MobileNet and VGG know ``stem``, CNNs ``downsample``, ResNets ``blocks`` and ``zero_init``, VGG
            ``head``, ``hidden`` and ``dropout``; the others the keyword arguments of their classes.

    Returns:
        The network. :func:`graph2nn.train` draws its weights from a seed.

    Raises:
        UserError: an unknown name, a wrong number of widths, a width smaller than the number of nodes.

    Example:
        >>> import torch
        >>> from graph2nn import ws_flex
        >>> model = build_model("mlp5", ws_flex(64, 8, 0.1, seed=1), widths=[800])
        >>> model(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """
    entry = architecture(name)
    entry.check_options(options)
    at_least(1, "model", num_classes=num_classes)
    sizes = (
        entry.widths if widths is None else widths,
        num_classes or entry.num_classes,
        entry.input_size if input_size is None else input_size,
    )
    if not torch.empty(0).is_meta:
        refuse_large(entry, wiring_of(wiring), sizes, options)
    try:
        return entry.build(entry.prepare(wiring_of(wiring)), *sizes, **options)
    except ValueError as error:
        if isinstance(error, UserError) or not options:
            raise
        # A layer of torch that does not like a number, such as a rate of dropout above 1.
        raise UserError(f"model: {name} cannot be built with {options}: {error}.") from error


#: Widths and other sizes up to this make no network that is too large for a machine.
_MODEST = 8192


def refuse_large(
    entry: Architecture, wiring: Wiring, sizes: tuple[Sequence[int], int, Size], options: Mapping[str, Any]
) -> None:
    """Refuse a network whose weights would not fit into memory, by its shapes alone.

    Args:
        entry: the architecture.
        wiring: that makes its layers.
        sizes: widths, number of classes and size of one sample.
        options: of the architecture.

    Raises:
        UserError: weights, gradients, momentum and a copy need too much, with the estimate.

    Example:
        >>> refuse_large(architecture("mlp5"), Dense(), ([10**7], 10, (3, 32, 32)), {})
        Traceback (most recent call last):
        graph2nn.errors.UserError: model: the network of widths [10000000] needs about ... GB of memory ...
    """
    widths, num_classes, input_size = sizes
    numbers = [*widths, num_classes, *(value for value in options.values() if isinstance(value, int))]
    if max([*numbers, math.prod(input_size)]) <= _MODEST:
        return
    graph = getattr(wiring, "graph", None)
    sparse = graph is not None and getattr(wiring, "engine", "masked") not in ("masked", "masked-in-place")
    try:
        with torch.device("meta"):
            dense = entry.build(entry.prepare(Dense()), widths, num_classes, input_size, **options)
    except ValueError:
        return  # what is wrong is said where the network itself is built
    except RuntimeError as error:
        raise UserError(
            f"model: {shown(sizes)} are sizes that no network can have ({shown(str(error))})."
        ) from None
    weights = sum(value.numel() * value.element_size() for value in dense.parameters())
    refuse_memory(
        f"model: the network of widths {shown(list(widths))}",
        4.0 * weights * (graph.density if sparse and graph is not None else 1.0),
        "give smaller widths, or a smaller stem",
    )
