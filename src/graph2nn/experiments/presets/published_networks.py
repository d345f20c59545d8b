"""Networks of the published configs: model type, layers and widths into an architecture with its options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from graph2nn.errors import UserError
from graph2nn.models.efficientnet import B0, B0_WIDTHS
from graph2nn.models.registry import architecture
from graph2nn.results.config import ModelSpec

#: Values of ``RESNET.TRANS_FUN`` by model type, the dense one first.
LAYERS: Mapping[str, tuple[str, ...]] = {
    "mlpnet": ("linear_transform", "symlinear_transform", "grouplinear_transform",
               "groupshufflelinear_transform", "talklinear_transform"),
    "cnn": ("convbasic_transform", "symconvbasic_transform", "convtalk_transform"),
    "resnet": ("channelbasic_transform", "groupbasictalk_transform", "channelsep_transform",
               "groupseptalk_transform", "bottleneck_transform", "talkbottleneck_transform"),
    "efficientnet": ("mbconv_transform", "mbtalkconv_transform"),
    "mobilenet": ("channelbasic_transform", "groupbasictalk_transform"),
    "vgg": ("convbasic_transform", "convtalk_transform"),
}  # fmt: skip
#: Data sets of the published code and their classes.
CLASSES: Mapping[str, int] = {"cifar10": 10, "imagenet": 1000}

_OUTPUTS = "The published network has 1,024 outputs whatever the classes are; here it has one for each class."
_CIFAR_BUDGET = (
    "The published budget, 40,813,184 multiply-adds, is that of another stem; the budget here is that of the "
    "network's own dense baseline."
)


class PublishedNetwork(NamedTuple):
    """An architecture with widths and options, and what is to be known about it."""

    spec: ModelSpec
    notes: tuple[str, ...] = ()


def network_of(values: Mapping[str, Any]) -> PublishedNetwork:
    """Return the network of a config.

    Args:
        values: the whole config, defaults filled in, its ``RESNET.TRANS_FUN`` one of :data:`LAYERS`.

    Raises:
        UserError: a depth, a number of widths or an option that the network does not have.
    """
    return {
        "mlpnet": _mlp, "cnn": _cnn, "resnet": _resnet, "efficientnet": _efficientnet,
        "mobilenet": _mobilenet, "vgg": _vgg,
    }[str(values["MODEL.TYPE"])](values)  # fmt: skip


def _widths(values: Mapping[str, Any], count: int, key: str = "RGRAPH.DIM_LIST") -> list[int]:
    widths = list(values[key])
    if len(widths) != count or min(widths, default=0) < 1:
        raise UserError(
            f"presets: {key} = {widths} of {values['MODEL.TYPE']}: expected {count} positive whole numbers."
        )
    return widths


def _spec(name: str, widths: list[int], options: Mapping[str, Any], usual: Mapping[str, Any]) -> ModelSpec:
    """Name an architecture, leaving out widths and options that it has anyway."""
    changed = {key: value for key, value in options.items() if value != usual.get(key)}
    baseline = tuple(widths) == tuple(architecture(name).widths)
    return ModelSpec(name=name, widths=() if baseline else tuple(widths), options=changed)


def _stem(values: Mapping[str, Any]) -> int:
    stem = int(values["RGRAPH.DIM_FIRST"])
    if stem < 1:
        raise UserError(f"presets: RGRAPH.DIM_FIRST = {stem}: expected a positive whole number.")
    return stem


def _mlp(values: Mapping[str, Any]) -> PublishedNetwork:
    layers = int(values["MODEL.LAYERS"])
    if layers < 1:
        raise UserError(f"presets: MODEL.LAYERS = {layers}: expected at least one hidden layer.")
    if values["BN.ZERO_INIT_FINAL_GAMMA"]:
        raise UserError(
            "presets: BN.ZERO_INIT_FINAL_GAMMA = True sets every hidden norm of the published MLP to zero, "
            "which then cannot learn; leave it out."
        )
    widths = _widths(values, 1)
    return PublishedNetwork(_spec(f"mlp{layers + 2}", widths, {"stem": _stem(values)}, {"stem": 512}))


def _cnn(values: Mapping[str, Any]) -> PublishedNetwork:
    layers, cifar = int(values["MODEL.LAYERS"]), values["TRAIN.DATASET"] == "cifar10"
    if layers < 3:
        raise UserError(f"presets: MODEL.LAYERS = {layers}: a CNN has three stages of at least one layer.")
    layers = layers // 3 * 3  # the published stages have a third each, rounded down
    mode = str(values["RGRAPH.STEM_MODE"])
    if cifar and mode not in ("default", "downsample"):
        raise UserError(f"presets: RGRAPH.STEM_MODE = {mode!r}: expected 'default' or 'downsample'.")
    name = f"cnn{layers}-cifar" if cifar else "cnn6" if layers == 6 else f"cnn{layers}-imagenet"
    options = {"stem": _stem(values), "downsample": not cifar or mode == "downsample"}
    return PublishedNetwork(_spec(name, _widths(values, 3), options, {"stem": 64, "downsample": not cifar}))


def _resnet(values: Mapping[str, Any]) -> PublishedNetwork:
    depth, cifar = int(values["MODEL.DEPTH"]), values["TRAIN.DATASET"] == "cifar10"
    layer = str(values["RESNET.TRANS_FUN"])
    kind = "bottleneck" if "bottleneck" in layer else "sep" if "sep" in layer else "basic"
    usual = "basic" if cifar or depth < 50 else "bottleneck"
    name = f"resnet{depth}{'-cifar' if cifar else ''}{'' if kind == usual else f'-{kind}'}"
    try:
        architecture(name)
    except UserError:
        wanted = "6n + 2: 20, 32, 44, …" if cifar else "18, 34, 50, 101 or 152"
        raise UserError(f"presets: MODEL.DEPTH = {depth}: expected {wanted}.") from None
    widths = _widths(values, 3 if cifar else 4)
    options = {"zero_init": bool(values["BN.ZERO_INIT_FINAL_GAMMA"])}
    notes = (_CIFAR_BUDGET,) if cifar and values["TRAIN.AUTO_MATCH"] else ()
    return PublishedNetwork(_spec(name, widths, options, {"zero_init": not cifar}), notes)


def _mobilenet(values: Mapping[str, Any]) -> PublishedNetwork:
    # The first of the six published widths is read by no layer; the stem has 32 channels.
    return PublishedNetwork(_spec("mobilenet-v1", _widths(values, 6)[1:], {}, {}), (_OUTPUTS,))


def _vgg(values: Mapping[str, Any]) -> PublishedNetwork:
    widths = _widths(values, 4)  # the last two stages share a width
    return PublishedNetwork(_spec("vgg13-pool", [*widths, widths[-1]], {}, {}), (_OUTPUTS,))


_ACTIVATIONS = ("swish", "relu")
_HEADS = {"conv_head": "conv", "linear_head": "linear", "simple_head": "conv"}


def _efficientnet(values: Mapping[str, Any]) -> PublishedNetwork:
    def of(name: str) -> Any:
        return values[f"EFFICIENT_NET.{name}"]

    if of("ACT_FUN") not in _ACTIVATIONS:
        raise UserError(f"presets: EFFICIENT_NET.ACT_FUN = {of('ACT_FUN')!r}: expected swish or relu.")
    if of("HEAD_TYPE") not in _HEADS:
        raise UserError(
            f"presets: EFFICIENT_NET.HEAD_TYPE = {of('HEAD_TYPE')!r}: expected {', '.join(_HEADS)}."
        )
    for name in ("SE_RATIO", "DC_RATIO", "DROPOUT_RATIO"):
        if not 0 <= of(name) < 1:
            raise UserError(f"presets: EFFICIENT_NET.{name} = {of(name)}: expected a share in [0, 1).")
    for name in ("STEM_W", "HEAD_W"):
        if of(name) < 1:
            raise UserError(f"presets: EFFICIENT_NET.{name} = {of(name)}: expected a positive whole number.")
    stages = _stages(values)
    count = len(stages["depths"])
    baseline = list(B0_WIDTHS)
    if of("WIDTHS") or count != len(B0_WIDTHS):
        baseline = _widths(values, count, "EFFICIENT_NET.WIDTHS")
    dense = values["RESNET.TRANS_FUN"] == "mbconv_transform"
    widths = baseline if dense else _widths(values, count)
    if values["TRAIN.AUTO_MATCH"] and widths != baseline:
        raise UserError(
            "presets: TRAIN.AUTO_MATCH: RGRAPH.DIM_LIST differs from EFFICIENT_NET.WIDTHS, the widths of the "
            "network whose cost is to be met; give both the same."
        )
    options = stages | {
        "baseline": tuple(baseline), "stem": of("STEM_W"),
        "head": 0 if of("HEAD_TYPE") == "simple_head" else of("HEAD_W"),
        "head_type": _HEADS[of("HEAD_TYPE")], "se": of("SE_RATIO") if of("SE_ENABLED") else 0.0,
        "dropout": 0.0 if of("HEAD_TYPE") == "linear_head" else of("DROPOUT_RATIO"),
        "drop_connect": of("DC_RATIO"), "drop_schedule": "constant" if of("DC_RATIO") else "linear",
        "activation": of("ACT_FUN"), "linear_projection": of("LIN_PROJ"),
    }  # fmt: skip
    usual = _NUMBERS_OF_B0 | {
        "baseline": B0_WIDTHS, "stem": 32, "head": 1280, "head_type": "conv", "se": 0.25, "dropout": 0.0,
        "drop_connect": 0.0, "drop_schedule": "linear", "activation": "swish", "linear_projection": True,
    }  # fmt: skip
    return PublishedNetwork(_spec("efficientnet-b0", widths, options, usual))


_NUMBERS = {"depths": "DEPTHS", "kernels": "KERNELS", "strides": "STRIDES", "expansions": "EXP_RATIOS"}
_NUMBERS_OF_B0: dict[str, Any] = {
    "depths": tuple(stage.depth for stage in B0),
    "kernels": tuple(stage.kernel for stage in B0),
    "strides": tuple(stage.stride for stage in B0),
    "expansions": tuple(stage.expansion for stage in B0),
}


def _stages(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return depths, kernels, strides and expansions; a list that is left out is EfficientNet-B0's."""
    lists = {
        name: tuple(values[f"EFFICIENT_NET.{key}"]) or _NUMBERS_OF_B0[name] for name, key in _NUMBERS.items()
    }
    lengths = {_NUMBERS[name]: len(numbers) for name, numbers in lists.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{count} of {key}" for key, count in lengths.items())
        raise UserError(f"presets: EFFICIENT_NET: one number per stage each is expected, got {shown}.")
    if odd := [kernel for kernel in lists["kernels"] if kernel not in (3, 5)]:
        raise UserError(f"presets: EFFICIENT_NET.KERNELS: {odd[0]}: the published padding fits 3 and 5 alone.")
    for name, key in _NUMBERS.items():
        if low := [number for number in lists[name] if number < 1]:
            raise UserError(f"presets: EFFICIENT_NET.{key}: {low[0]}: expected numbers of at least 1.")
    return lists
