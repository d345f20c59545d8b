"""Published YAML configs into presets of ours: every key is used, known to change nothing, or refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from graph2nn.errors import UserError, unknown
from graph2nn.experiments.presets.cifar import CIFAR
from graph2nn.experiments.presets.imagenet import EIGHT
from graph2nn.experiments.presets.preset import Preset
from graph2nn.models.registry import architecture
from graph2nn.results.config import GraphSpec, ModelSpec
from graph2nn.training.recipe import Recipe

#: Values of the published code where a file leaves a key out; only those that are read here.
_DEFAULTS: dict[str, Any] = {
    "MODEL.DEPTH": 0, "MODEL.NUM_CLASSES": 10, "MODEL.LAYERS": 3, "MODEL.LOSS_FUN": "cross_entropy",
    "RESNET.TRANS_FUN": "basic_transform", "RESNET.NUM_GROUPS": 1, "RESNET.STRIDE_1X1": False,
    "RESNET.APPEND1x1": 0,
    "RGRAPH.DIM_FIRST": 16, "RGRAPH.DIM_LIST": [], "RGRAPH.GROUP_NUM": 32, "RGRAPH.MESSAGE_TYPE": "ws",
    "RGRAPH.SPARSITY": 0.5, "RGRAPH.P": 0.0, "RGRAPH.SEED_GRAPH": 1, "RGRAPH.SEED_TRAIN_START": 1,
    "RGRAPH.SEED_TRAIN_END": 2, "RGRAPH.KEEP_GRAPH": True, "RGRAPH.ADD_1x1": 0, "RGRAPH.DIRECTED": False,
    "BN.USE_PRECISE_STATS": True, "BN.NUM_SAMPLES_PRECISE": 1024, "BN.EPS": 1e-5, "BN.MOM": 0.1,
    "OPTIM.BASE_LR": 0.1, "OPTIM.LR_POLICY": "cos", "OPTIM.GAMMA": 0.1, "OPTIM.STEP_SIZE": 1, "OPTIM.STEPS": [],
    "OPTIM.LR_MULT": 0.1, "OPTIM.MAX_EPOCH": 200, "OPTIM.MOMENTUM": 0.9, "OPTIM.DAMPENING": 0.0,
    "OPTIM.NESTEROV": True, "OPTIM.WEIGHT_DECAY": 5e-4, "OPTIM.WARMUP_FACTOR": 0.1, "OPTIM.WARMUP_EPOCHS": 0,
    "TRAIN.DATASET": "", "TRAIN.BATCH_SIZE": 128, "TRAIN.SPLIT": "train", "TRAIN.AUTO_MATCH": False,
    "EFFICIENT_NET.DC_RATIO": 0.0, "EFFICIENT_NET.DROPOUT_RATIO": 0.0, "EFFICIENT_NET.ACT_FUN": "swish",
}  # fmt: skip
#: What we have one way of doing: another value is refused.
_ONLY = (
    "MODEL.LOSS_FUN", "RESNET.NUM_GROUPS", "RESNET.STRIDE_1X1", "RESNET.APPEND1x1", "RGRAPH.KEEP_GRAPH",
    "RGRAPH.ADD_1x1", "RGRAPH.DIRECTED", "BN.EPS", "BN.MOM", "OPTIM.STEP_SIZE", "OPTIM.DAMPENING",
    "TRAIN.SPLIT",
    "EFFICIENT_NET.DC_RATIO", "EFFICIENT_NET.DROPOUT_RATIO", "EFFICIENT_NET.ACT_FUN",
)  # fmt: skip
#: What leaves the result as it is, or is fixed in our networks: machines, paths, logging, shapes by name.
_PASSED_OVER = (
    "TEST.", "DATA_LOADER.", "CUDNN.", "MEM.", "EFFICIENT_NET.", "NUM_GPUS", "OUT_DIR", "CFG_DEST", "RNG_SEED",
    "LOG_DEST", "LOG_PERIOD", "DIST_BACKEND", "HOST", "PORT", "ONLINE_FLOPS", "TENSORBOARD", "MODEL.TYPE",
    "MODEL.NUM_CLASSES", "RESNET.WIDTH_PER_GROUP", "RESNET.GROUP_SIZE", "RGRAPH.TALK_MODE", "RGRAPH.AGG_FUNC",
    "RGRAPH.UPPER", "RGRAPH.STEM_MODE", "RGRAPH.GROUP_SIZE", "RGRAPH.SEED_TRAIN", "RGRAPH.SAVE_GRAPH",
    "BN.ZERO_INIT_FINAL_GAMMA", "TRAIN.EVAL_PERIOD", "TRAIN.CHECKPOINT_PERIOD", "TRAIN.AUTO_RESUME",
    "TRAIN.START_CHECKPOINT",
)  # fmt: skip
_SCHEDULES = {"cos": "cosine", "steps": "step", "exp": "exponential"}
_CORTICES = {"mcwhole": "mcwhole", "mcwholeraw": "mcwhole", "mcvisual": "mcvisual", "mcvisualraw": "mcvisual",
             "cat": "cat", "catraw": "cat"}  # fmt: skip


def read_published_config(path: Path) -> Preset:
    """Read a config of the published code as a preset; ``--select best`` is the graph it names.

    Args:
        path: YAML, as the published code reads it; what it leaves out has that code's default.

    Raises:
        UserError: no such file, not YAML, an unknown key, or a value that we have no counterpart of.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"presets: {path} cannot be read ({getattr(error, 'strerror', error)}).") from None
    except yaml.YAMLError as error:
        raise UserError(f"presets: {path} is not YAML ({' '.join(str(error).split())}).") from None
    if not isinstance(tree, dict):
        raise UserError(f"presets: {path} holds no config of the published code.")
    return convert(_flat(tree), name=path.stem[:60])


def convert(given: Mapping[str, Any], *, name: str) -> Preset:
    """Turn ``{"OPTIM.BASE_LR": 0.1, …}`` into a preset; see :func:`read_published_config`."""
    for key, value in given.items():
        if key not in _DEFAULTS and not key.startswith(_PASSED_OVER):
            raise unknown("presets: published key", key, _DEFAULTS)
        if key in _ONLY and value != _DEFAULTS[key]:
            raise UserError(f"presets: {key} = {value!r} has no counterpart here; only {_DEFAULTS[key]!r} has.")
    values = {**_DEFAULTS, **given}
    data = str(values["TRAIN.DATASET"])
    if data not in ("cifar10", "imagenet"):
        raise unknown("presets: TRAIN.DATASET", data, ("cifar10", "imagenet"))
    relational = "talk" in str(values["RESNET.TRANS_FUN"])
    graph = _graph(values) if relational else None
    cortex = _CORTICES.get(str(values["RGRAPH.MESSAGE_TYPE"])) if relational else None
    return Preset(
        name=name,
        about="Converted from a config of the published code.",
        model=_model(values, data),
        data=data,
        recipe=_recipe(values, data),
        graphs=(cortex,) if cortex else ("n64-52",),
        seeds=max(1, int(values["RGRAPH.SEED_TRAIN_END"]) - int(values["RGRAPH.SEED_TRAIN_START"])),
        best=None if cortex else graph,
    )


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _graph(values: Mapping[str, Any]) -> GraphSpec | None:
    kind = str(values["RGRAPH.MESSAGE_TYPE"])
    if kind in _CORTICES:
        return None
    if kind != "ws":
        raise unknown("presets: RGRAPH.MESSAGE_TYPE", kind, ("ws", *_CORTICES))
    sparsity, p = float(values["RGRAPH.SPARSITY"]), float(values["RGRAPH.P"])
    return GraphSpec.of_ws_flex(int(values["RGRAPH.GROUP_NUM"]), sparsity, p, int(values["RGRAPH.SEED_GRAPH"]))


def _recipe(values: Mapping[str, Any], data: str) -> Recipe:
    policy = str(values["OPTIM.LR_POLICY"])
    if policy not in _SCHEDULES:
        raise unknown("presets: OPTIM.LR_POLICY", policy, _SCHEDULES)
    steps = [int(step) for step in values["OPTIM.STEPS"]]
    changes = {
        "epochs": values["OPTIM.MAX_EPOCH"],
        "batch_size": values["TRAIN.BATCH_SIZE"],
        "lr": values["OPTIM.BASE_LR"],
        "momentum": values["OPTIM.MOMENTUM"],
        "nesterov": values["OPTIM.NESTEROV"],
        "weight_decay": values["OPTIM.WEIGHT_DECAY"],
        "schedule": _SCHEDULES[policy],
        # The published list starts with 0, the epoch of the base rate itself.
        "steps": tuple(step for step in steps if step),
        "gamma": values["OPTIM.LR_MULT" if policy == "steps" else "OPTIM.GAMMA"],
        "warmup_epochs": values["OPTIM.WARMUP_EPOCHS"],
        "warmup_factor": values["OPTIM.WARMUP_FACTOR"],
        "precise_bn": values["BN.NUM_SAMPLES_PRECISE"] if values["BN.USE_PRECISE_STATS"] else 0,
    }
    base = CIFAR if data == "cifar10" else EIGHT
    return Recipe.model_validate({**base.model_dump(), **changes})


def _model(values: Mapping[str, Any], data: str) -> ModelSpec:
    kind = str(values["MODEL.TYPE"]) if "MODEL.TYPE" in values else ""
    names: dict[str, Callable[[], str]] = {
        "mlpnet": lambda: f"mlp{int(values['MODEL.LAYERS']) + 2}",
        "cnn": lambda: "cnn3-cifar" if data == "cifar10" else f"cnn{int(values['MODEL.LAYERS'])}",
        "resnet": lambda: f"resnet{int(values['MODEL.DEPTH'])}" + _residual(values, data),
        "efficientnet": lambda: "efficientnet-b0",
        "mobilenet": lambda: "mobilenet-v1",
        "vgg": lambda: f"vgg{int(values['MODEL.DEPTH']) or 16}",
    }
    if kind not in names:
        raise unknown("presets: MODEL.TYPE", kind, names)
    name = names[kind]()
    known = architecture(name)
    widths = tuple(int(width) for width in values["RGRAPH.DIM_LIST"])
    options = {"stem": int(values["RGRAPH.DIM_FIRST"])} if kind == "mlpnet" else {}
    if options.get("stem") == 512:
        options = {}
    return ModelSpec(name=name, widths=() if widths == tuple(known.widths) else widths, options=options)


def _residual(values: Mapping[str, Any], data: str) -> str:
    if data == "cifar10":
        return "-cifar"
    return "-sep" if "sep" in str(values["RESNET.TRANS_FUN"]) else ""
