"""Published YAML configs into presets of ours: every key is used, known to change nothing, or refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from graph2nn.errors import UserError, shown, unknown
from graph2nn.experiments.presets.cifar import CIFAR
from graph2nn.experiments.presets.definition import Preset
from graph2nn.experiments.presets.published_graphs import FIRST_LAYER, graphs_of, wiring_of
from graph2nn.experiments.presets.published_imagenet import PHOTOS
from graph2nn.experiments.presets.published_keys import DEFAULTS, ONLY, why_nothing
from graph2nn.experiments.presets.published_networks import CLASSES, LAYERS, network_of
from graph2nn.files import read_text_file
from graph2nn.training.recipe import Recipe
from graph2nn.yaml_values import read_yaml

_SCHEDULES = {"cos": "cosine", "steps": "step", "exp": "exponential"}
#: Fields of a recipe and the keys that set them.
_RECIPE = {
    "epochs": "OPTIM.MAX_EPOCH", "batch_size": "TRAIN.BATCH_SIZE", "lr": "OPTIM.BASE_LR",
    "momentum": "OPTIM.MOMENTUM", "nesterov": "OPTIM.NESTEROV", "dampening": "OPTIM.DAMPENING",
    "weight_decay": "OPTIM.WEIGHT_DECAY", "warmup_epochs": "OPTIM.WARMUP_EPOCHS",
    "warmup_factor": "OPTIM.WARMUP_FACTOR", "eval_every": "TRAIN.EVAL_PERIOD",
}  # fmt: skip
_WANTED = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


def read_published_config(path: Path) -> Preset:
    """Read a config of the published code as a preset; ``--select best`` is the graph it names.

    Args:
        path: YAML, as the published code reads it; what it leaves out has that code's default.

    Raises:
        UserError: no such file, not YAML, an unknown key, a value of the wrong type, or one that has no
            counterpart here.
    """
    try:
        tree = read_yaml(read_text_file(path, "presets"))
    except yaml.YAMLError as error:
        raise UserError(f"presets: {path} is not YAML ({' '.join(str(error).split())}).") from None
    if not isinstance(tree, dict):
        raise UserError(f"presets: {path} does not hold a config of the published code.")
    return convert(flat(tree), name=path.stem[:60])


def flat(tree: Mapping[Any, Any]) -> dict[str, Any]:
    """Return ``{"OPTIM.BASE_LR": 0.1, …}`` of a config in sections.

    Raises:
        UserError: a section that is not one.
    """
    sections = {key.partition(".")[0] for key in DEFAULTS if "." in key}
    values: dict[str, Any] = {}
    for name, value in tree.items():
        if name in sections and not isinstance(value, Mapping):
            raise UserError(f"presets: {name} = {shown(value)} is not a section of keys.")
        if isinstance(value, Mapping):
            values |= {f"{name}.{key}": entry for key, entry in value.items()}
        else:
            values[str(name)] = value
    return values


def convert(given: Mapping[str, Any], *, name: str) -> Preset:
    """Turn values of published keys into a preset.

    Args:
        given: ``{"OPTIM.BASE_LR": 0.1, …}``; what is left out has the published default.
        name: of the preset.

    Raises:
        UserError: see :func:`read_published_config`.
    """
    values: dict[str, Any] = dict(DEFAULTS)
    for key, value in given.items():
        if key not in DEFAULTS:
            raise unknown("presets: published key", key, DEFAULTS)
        values[key] = _typed(key, value)
        if key in ONLY and values[key] != DEFAULTS[key]:
            raise UserError(
                f"presets: {key} = {shown(value)} has no counterpart here: {ONLY[key]}; "
                f"only {DEFAULTS[key]!r} is understood."
            )
    _check_network(values, given)
    _check_data(values, given)
    data = str(values["TRAIN.DATASET"])
    graphs, best = graphs_of(values)
    network = network_of(values)
    first, end = int(values["RGRAPH.SEED_TRAIN_START"]), int(values["RGRAPH.SEED_TRAIN_END"])
    if not 0 <= first < end:
        raise UserError(
            f"presets: RGRAPH.SEED_TRAIN_START = {first} and RGRAPH.SEED_TRAIN_END = {end} leave no seed; "
            "expected 0 ≤ start < end."
        )
    return Preset(
        name=name,
        about="Converted from a config of the published code.",
        model=network.spec,
        data=data,
        recipe=_recipe(values, data),
        graphs=graphs,
        seeds=end - first,
        first_seed=first,
        best=best,
        match=_match(values),
        start=str(values["TRAIN.START_CHECKPOINT"]) or None,
        notes=(*network.notes, *_remarks(values)),
        **wiring_of(values),
    )


def _remarks(values: Mapping[str, Any]) -> tuple[str, ...]:
    """What is to be known about the graph of a config."""
    drawn = "talk" in str(values["RESNET.TRANS_FUN"]) and values["RGRAPH.MESSAGE_TYPE"] == "random"
    return (FIRST_LAYER,) if drawn else ()


def _typed(key: str, value: Any) -> Any:
    """Return a value that has the type of the key's default, as the published config demands."""
    kind = type(DEFAULTS[key])
    if kind is list:
        whole = isinstance(value, list | tuple) and all(_is_whole(entry) for entry in value)
        if not whole:
            raise UserError(f"presets: {key} = {shown(value)} is not a list of whole numbers.")
        return [int(entry) for entry in value]
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind is float and number:
        return float(value)
    if kind is not float and type(value) is kind:
        return value
    hint = " (YAML reads 1e-4 as text; write 1.0e-4)" if kind is float and isinstance(value, str) else ""
    raise UserError(f"presets: {key} = {shown(value)} is not {_WANTED[kind]}{hint}.")


def _is_whole(entry: Any) -> bool:
    return isinstance(entry, int | float) and not isinstance(entry, bool) and float(entry).is_integer()


def _check_network(values: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Check model and layers, which decide what the other keys mean."""
    kind = values["MODEL.TYPE"]
    if kind not in LAYERS:
        raise unknown("presets: MODEL.TYPE", str(kind), LAYERS)
    if "RESNET.TRANS_FUN" not in given:
        # A template for generated configs: the published code stops at it. Its layers are dense.
        values["RESNET.TRANS_FUN"] = LAYERS[kind][0]
    if values["RESNET.TRANS_FUN"] not in LAYERS[kind]:
        raise unknown(f"presets: RESNET.TRANS_FUN of {kind}", str(values["RESNET.TRANS_FUN"]), LAYERS[kind])


def _check_data(values: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Check data set and splits: one data set, trained on its training split, tested on the other."""
    kind, data = values["MODEL.TYPE"], str(values["TRAIN.DATASET"])
    if data not in CLASSES:
        raise unknown("presets: TRAIN.DATASET", data, CLASSES)
    only = {"mlpnet": "cifar10", "efficientnet": "imagenet", "mobilenet": "imagenet"}
    if only.get(kind, data) != data:
        raise UserError(f"presets: TRAIN.DATASET = {data!r}: the published code has no {kind} for it.")
    if given.get("TEST.DATASET", data) != data:
        raise UserError(
            f"presets: TEST.DATASET = {values['TEST.DATASET']!r} is not TRAIN.DATASET = {data!r}; "
            "a network is tested on the data set it is trained on."
        )
    split = "test" if data == "cifar10" else "val"
    if given.get("TEST.SPLIT", split) != split:
        raise UserError(
            f"presets: TEST.SPLIT = {values['TEST.SPLIT']!r} has no counterpart here; "
            f"{data} is tested on {split!r}."
        )
    classes = given.get("MODEL.NUM_CLASSES", CLASSES[data])
    if classes != CLASSES[data] and not why_nothing("MODEL.NUM_CLASSES", values):
        raise UserError(f"presets: MODEL.NUM_CLASSES = {classes}, yet {data} has {CLASSES[data]} classes.")


def _match(values: Mapping[str, Any]) -> Any:
    """Return how widths are found: not at all without ``TRAIN.AUTO_MATCH``."""
    kind, layer = values["MODEL.TYPE"], str(values["RESNET.TRANS_FUN"])
    if not values["TRAIN.AUTO_MATCH"]:
        return "none"
    if kind in ("vgg", "mobilenet"):
        raise UserError(
            f"presets: TRAIN.AUTO_MATCH: the published code has no budget for {kind}; leave it out."
        )
    if layer.startswith("sym"):
        raise UserError(
            f"presets: TRAIN.AUTO_MATCH: the published count leaves layers of {layer} out and ends at widths "
            "that do not fit; leave it out."
        )
    if layer.startswith("group") and kind == "mlpnet":
        return "none"  # counted as dense there, so that they cost what the baseline costs
    return "published" if values["RGRAPH.UPPER"] else "published-below"


def _recipe(values: Mapping[str, Any], data: str) -> Recipe:
    policy, batch, gpus = str(values["OPTIM.LR_POLICY"]), values["TRAIN.BATCH_SIZE"], values["NUM_GPUS"]
    if policy not in _SCHEDULES:
        raise unknown("presets: OPTIM.LR_POLICY", policy, _SCHEDULES)
    if gpus < 1 or batch % gpus:
        raise UserError(f"presets: NUM_GPUS = {gpus} does not divide TRAIN.BATCH_SIZE = {batch}.")
    precise = values["BN.NUM_SAMPLES_PRECISE"] if values["BN.USE_PRECISE_STATS"] else 0
    changes = {field: values[key] for field, key in _RECIPE.items()} | {
        "schedule": _SCHEDULES[policy],
        "steps": _steps(values) if policy == "steps" else (),
        "gamma": values["OPTIM.LR_MULT" if policy == "steps" else "OPTIM.GAMMA"] if policy != "cos" else 0.1,
        "precise_bn": precise,
        "precise_bn_batch": batch // gpus if gpus > 1 and precise else 0,
    }
    for field, key in (("bn_eps", "BN.EPS"), ("bn_momentum", "BN.MOM")):
        if not why_nothing(key, values):
            changes[field] = None if values[key] == DEFAULTS[key] else values[key]
    if not changes["warmup_epochs"]:
        changes.pop("warmup_factor")
    base = CIFAR if data == "cifar10" else PHOTOS
    try:
        return Recipe.model_validate({**base.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        key = {"gamma": "OPTIM.LR_MULT or OPTIM.GAMMA", "steps": "OPTIM.STEPS",
               "bn_eps": "BN.EPS", "bn_momentum": "BN.MOM",
               "precise_bn": "BN.NUM_SAMPLES_PRECISE"}.get(field) or _RECIPE[field]  # fmt: skip
        message = f"{first['msg'][0].lower()}{first['msg'][1:]}"
        raise UserError(f"presets: {key} = {shown(first['input'])}: {message}.") from None


def _steps(values: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the epochs at which the rate falls: the published list starts with 0, that of the base rate."""
    steps = values["OPTIM.STEPS"]
    if not steps or steps[0] != 0:
        raise UserError(f"presets: OPTIM.STEPS = {shown(steps)}: expected a list that starts with 0.")
    return tuple(steps[1:])
