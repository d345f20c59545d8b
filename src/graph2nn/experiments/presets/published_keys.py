"""The config of the published code as data: every key, its default, and which of them change nothing.

Facts of facebookresearch/graph2nn (pycls/config.py and the code that reads it).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Every key of the published config with its default.
DEFAULTS: Mapping[str, Any] = {
    "MODEL.TYPE": "", "MODEL.DEPTH": 0, "MODEL.NUM_CLASSES": 10, "MODEL.LOSS_FUN": "cross_entropy",
    "MODEL.LAYERS": 3,
    "RESNET.TRANS_FUN": "basic_transform", "RESNET.NUM_GROUPS": 1, "RESNET.WIDTH_PER_GROUP": 64,
    "RESNET.STRIDE_1X1": False, "RESNET.APPEND1x1": 0, "RESNET.GROUP_SIZE": 2,
    "EFFICIENT_NET.STEM_W": 32, "EFFICIENT_NET.DEPTHS": [], "EFFICIENT_NET.WIDTHS": [],
    "EFFICIENT_NET.EXP_RATIOS": [], "EFFICIENT_NET.SE_ENABLED": True, "EFFICIENT_NET.SE_RATIO": 0.25,
    "EFFICIENT_NET.LIN_PROJ": True, "EFFICIENT_NET.STRIDES": [], "EFFICIENT_NET.KERNELS": [],
    "EFFICIENT_NET.HEAD_TYPE": "conv_head", "EFFICIENT_NET.HEAD_W": 1280, "EFFICIENT_NET.ACT_FUN": "swish",
    "EFFICIENT_NET.DC_RATIO": 0.0, "EFFICIENT_NET.DC_IMP": "tf", "EFFICIENT_NET.DROPOUT_RATIO": 0.0,
    "RGRAPH.DIM_FIRST": 16, "RGRAPH.DIM_LIST": [], "RGRAPH.STEM_MODE": "default", "RGRAPH.TALK_MODE": "dense",
    "RGRAPH.GROUP_NUM": 32, "RGRAPH.GROUP_SIZE": 1, "RGRAPH.MESSAGE_TYPE": "ws", "RGRAPH.DIRECTED": False,
    "RGRAPH.SPARSITY": 0.5, "RGRAPH.P": 0.0, "RGRAPH.SEED_GRAPH": 1, "RGRAPH.SEED_TRAIN": 1,
    "RGRAPH.SEED_TRAIN_START": 1, "RGRAPH.SEED_TRAIN_END": 2, "RGRAPH.KEEP_GRAPH": True, "RGRAPH.ADD_1x1": 0,
    "RGRAPH.UPPER": True, "RGRAPH.AUTO_MATCH": True, "RGRAPH.AGG_FUNC": "sum", "RGRAPH.SAVE_GRAPH": False,
    "BN.EPS": 1e-5, "BN.MOM": 0.1, "BN.USE_PRECISE_STATS": True, "BN.NUM_SAMPLES_PRECISE": 1024,
    "BN.ZERO_INIT_FINAL_GAMMA": False,
    "OPTIM.BASE_LR": 0.1, "OPTIM.LR_POLICY": "cos", "OPTIM.GAMMA": 0.1, "OPTIM.STEP_SIZE": 1, "OPTIM.STEPS": [],
    "OPTIM.LR_MULT": 0.1, "OPTIM.MAX_EPOCH": 200, "OPTIM.MOMENTUM": 0.9, "OPTIM.DAMPENING": 0.0,
    "OPTIM.NESTEROV": True, "OPTIM.WEIGHT_DECAY": 5e-4, "OPTIM.WARMUP_FACTOR": 0.1, "OPTIM.WARMUP_EPOCHS": 0,
    "TRAIN.DATASET": "", "TRAIN.SPLIT": "train", "TRAIN.BATCH_SIZE": 128, "TRAIN.EVAL_PERIOD": 1,
    "TRAIN.CHECKPOINT_PERIOD": 10, "TRAIN.AUTO_RESUME": True, "TRAIN.START_CHECKPOINT": "",
    "TRAIN.AUTO_MATCH": False,
    "TEST.DATASET": "", "TEST.SPLIT": "val", "TEST.BATCH_SIZE": 200,
    "DATA_LOADER.NUM_WORKERS": 4, "DATA_LOADER.PIN_MEMORY": True, "MEM.RELU_INPLACE": True,
    "CUDNN.BENCHMARK": False, "NUM_GPUS": 1, "OUT_DIR": "/tmp", "CFG_DEST": "config.yaml", "RNG_SEED": 1,
    "LOG_DEST": "stdout", "LOG_PERIOD": 10, "DIST_BACKEND": "nccl", "HOST": "localhost", "PORT": 12002,
    "ONLINE_FLOPS": False, "TENSORBOARD": False,
}  # fmt: skip

#: Keys that change nothing in any network, and why.
CHANGES_NOTHING: Mapping[str, str] = {
    "RESNET.WIDTH_PER_GROUP": "the published networks do not read it; widths are RGRAPH.DIM_LIST",
    "RESNET.GROUP_SIZE": "the published networks do not read it; grouped layers read RGRAPH.GROUP_SIZE",
    "EFFICIENT_NET.DC_IMP": "both implementations drop a sample with the same probability",
    "RGRAPH.SEED_TRAIN": "set by the loop over SEED_TRAIN_START … SEED_TRAIN_END",
    "RGRAPH.AUTO_MATCH": "never read; TRAIN.AUTO_MATCH decides",
    "RGRAPH.SAVE_GRAPH": "writes weights and masks next to the results; --log-graphs and checkpoints do here",
    "TRAIN.CHECKPOINT_PERIOD": "how often the state is saved; --checkpoint-every",
    "TRAIN.AUTO_RESUME": "a run always goes on from its checkpoint here",
    "TEST.BATCH_SIZE": "the error of the whole split does not depend on it",
    "DATA_LOADER.NUM_WORKERS": "speed; that workers replay one augmentation stream there is not reproduced",
    "DATA_LOADER.PIN_MEMORY": "speed",
    "MEM.RELU_INPLACE": "memory",
    "CUDNN.BENCHMARK": "speed",
    "OUT_DIR": "where results go; --out",
    "CFG_DEST": "name of a copy of the config; config.yaml of each run",
    "RNG_SEED": "never read; the seeds are SEED_TRAIN_START … SEED_TRAIN_END",
    "LOG_DEST": "where the log goes",
    "LOG_PERIOD": "how often the log has a line; --log-every",
    "DIST_BACKEND": "how processes talk",
    "HOST": "how processes talk",
    "PORT": "how processes talk",
    "ONLINE_FLOPS": "prints a second count of the cost; graph2nn cost",
    "TENSORBOARD": "writes a log; --logger tensorboard",
}

#: Keys of which one value is understood, and why another is refused.
ONLY: Mapping[str, str] = {
    "MODEL.LOSS_FUN": "it is the only loss of the published code",
    "RESNET.NUM_GROUPS": "the published networks do not read it",
    "RESNET.STRIDE_1X1": "the published networks do not read it",
    "RESNET.APPEND1x1": "the published networks do not read it",
    "RGRAPH.TALK_MODE": "the published layers do not read it",
    "RGRAPH.AGG_FUNC": "the published layers sum whatever it says",
    "RGRAPH.KEEP_GRAPH": "another graph in each layer is graph2nn.Layerwise in Python",
    "RGRAPH.ADD_1x1": "the published code has no such layers",
    "OPTIM.STEP_SIZE": "the published schedules do not read it",
    "TRAIN.SPLIT": "networks are trained on the training split",
}

_RELATIONAL = ("GROUP_NUM", "MESSAGE_TYPE", "SPARSITY", "P", "SEED_GRAPH", "DIRECTED")


def why_nothing(key: str, values: Mapping[str, Any]) -> str | None:
    """Say why a key changes nothing in the network and training of a config; None if it may.

    Args:
        key: one of :data:`DEFAULTS`.
        values: the whole config, defaults filled in.
    """
    if key in CHANGES_NOTHING:
        return CHANGES_NOTHING[key]
    section, _, name = key.partition(".")
    kind, layer = values["MODEL.TYPE"], str(values["RESNET.TRANS_FUN"])
    readers = _READERS.get(key, ("efficientnet",) if section == "EFFICIENT_NET" else None)
    if readers is not None and kind not in readers:
        return f"a {kind} network does not read it"
    dealt = name == "GROUP_NUM" and layer.startswith("groupshuffle")
    if section == "RGRAPH" and name in _RELATIONAL and "talk" not in layer and not dealt:
        return f"the layers of {layer} do not follow a graph"
    return _in_context(key, values)


#: Model types that read a key, where not all do.
_READERS: Mapping[str, tuple[str, ...]] = {
    "MODEL.DEPTH": ("resnet",),
    "MODEL.LAYERS": ("mlpnet", "cnn"),
    "MODEL.NUM_CLASSES": ("mlpnet", "cnn", "resnet", "efficientnet"),
    "RGRAPH.DIM_FIRST": ("mlpnet", "cnn"),
    "RGRAPH.STEM_MODE": ("cnn",),
    "RGRAPH.GROUP_SIZE": ("mlpnet",),
    "RGRAPH.DIRECTED": ("cnn", "resnet", "efficientnet", "mobilenet", "vgg"),
    "BN.EPS": ("mlpnet", "cnn", "resnet", "efficientnet"),
    "BN.MOM": ("mlpnet", "cnn", "resnet", "efficientnet"),
    "BN.ZERO_INIT_FINAL_GAMMA": ("mlpnet", "resnet"),
}


def _in_context(key: str, values: Mapping[str, Any]) -> str | None:
    """Say why a key that the network reads changes nothing next to the values of other keys."""
    layer, message = str(values["RESNET.TRANS_FUN"]), str(values["RGRAPH.MESSAGE_TYPE"])
    policy = values["OPTIM.LR_POLICY"]
    counted_dense = values["MODEL.TYPE"] == "mlpnet" and layer.startswith("group")
    conditions: dict[str, tuple[bool, str]] = {
        "RGRAPH.GROUP_SIZE": (not layer.startswith("group"), f"the layers of {layer} are not grouped"),
        "RGRAPH.SPARSITY": (message not in ("ws", "er", "random"), f"a graph {message} has no sparsity"),
        "RGRAPH.P": (message != "ws", f"a graph {message} is not rewired"),
        "RGRAPH.SEED_GRAPH": (message not in ("ws", "er", "tree"), f"a graph {message} is not drawn from it"),
        "RGRAPH.DIRECTED": (
            message == "random" or "mc" in message or "cat" in message,
            f"a graph {message} has its own directions"),
        "RGRAPH.STEM_MODE": (values["TRAIN.DATASET"] != "cifar10", "only the stem on CIFAR-10 reads it"),
        "TRAIN.AUTO_MATCH": (counted_dense, "the published count takes grouped layers for dense ones"),
        "RGRAPH.UPPER": (not values["TRAIN.AUTO_MATCH"] or counted_dense, "nothing is matched"),
        "RGRAPH.DIM_LIST": (layer == "mbconv_transform", "the dense EfficientNet reads EFFICIENT_NET.WIDTHS"),
        "BN.NUM_SAMPLES_PRECISE": (not values["BN.USE_PRECISE_STATS"], "precise statistics are off"),
        "OPTIM.GAMMA": (policy != "exp", "only the policy exp reads it"),
        "OPTIM.STEPS": (policy != "steps", "only the policy steps reads it"),
        "OPTIM.LR_MULT": (policy != "steps", "only the policy steps reads it"),
        "OPTIM.WARMUP_FACTOR": (not values["OPTIM.WARMUP_EPOCHS"], "there is no warm-up"),
        "EFFICIENT_NET.SE_RATIO": (not values["EFFICIENT_NET.SE_ENABLED"], "squeeze-excite is off"),
        "EFFICIENT_NET.HEAD_W": (
            values["EFFICIENT_NET.HEAD_TYPE"] == "simple_head", "a simple head has no such layer"),
        "EFFICIENT_NET.DROPOUT_RATIO": (
            values["EFFICIENT_NET.HEAD_TYPE"] == "linear_head", "the published linear head has no dropout"),
        "NUM_GPUS": (
            not values["BN.USE_PRECISE_STATS"], "say --devices; the batch of each device is the published one"),
    }  # fmt: skip
    holds, reason = conditions.get(key, (False, ""))
    return reason if holds else None
