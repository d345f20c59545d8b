"""Configs of the published code, as facts of their keys and values, become presets of ours."""

from __future__ import annotations

import pytest
import yaml

from graph2nn.cli import main
from graph2nn.data import Dataset, Split
from graph2nn.errors import UserError
from graph2nn.experiments import PRESETS, Preset, plan
from graph2nn.experiments.network import build
from graph2nn.experiments.presets.convert import convert, read_published_config
from graph2nn.experiments.presets.published_keys import CHANGES_NOTHING, DEFAULTS, ONLY, why_nothing
from graph2nn.experiments.presets.published_networks import LAYERS

SGD = {"OPTIM.MOMENTUM": 0.9, "OPTIM.NESTEROV": True, "OPTIM.MAX_EPOCH": 100, "TRAIN.AUTO_MATCH": True}
MLP = {
    "MODEL.TYPE": "mlpnet", "MODEL.LAYERS": 3, "RESNET.TRANS_FUN": "talklinear_transform",
    "RGRAPH.GROUP_NUM": 64,
    "RGRAPH.DIM_FIRST": 512, "RGRAPH.DIM_LIST": [512], "RGRAPH.SPARSITY": 0.128001, "RGRAPH.P": 0.128063,
    "RGRAPH.SEED_GRAPH": 4, "RGRAPH.SEED_TRAIN_START": 1, "RGRAPH.SEED_TRAIN_END": 6, "OPTIM.BASE_LR": 0.1,
    "OPTIM.LR_POLICY": "cos", "OPTIM.WEIGHT_DECAY": 0.0005, "OPTIM.MAX_EPOCH": 200, "TRAIN.DATASET": "cifar10",
    "TRAIN.BATCH_SIZE": 128, "NUM_GPUS": 1, "DATA_LOADER.NUM_WORKERS": 4, "CUDNN.BENCHMARK": False,
    "TRAIN.AUTO_MATCH": True, "TEST.DATASET": "cifar10", "TEST.SPLIT": "test",
}  # fmt: skip
R34 = {
    "MODEL.TYPE": "resnet", "MODEL.DEPTH": 34, "MODEL.NUM_CLASSES": 1000, **SGD,
    "RESNET.TRANS_FUN": "channelbasic_transform", "RGRAPH.DIM_LIST": [64, 128, 256, 512],
    "OPTIM.BASE_LR": 0.025,
    "OPTIM.LR_POLICY": "steps", "OPTIM.STEPS": [0, 30, 60, 90], "OPTIM.LR_MULT": 0.1,
    "OPTIM.WEIGHT_DECAY": 1e-4,
    "TRAIN.DATASET": "imagenet", "TRAIN.BATCH_SIZE": 32, "BN.ZERO_INIT_FINAL_GAMMA": True,
}  # fmt: skip
EFFICIENT = {
    "MODEL.TYPE": "efficientnet", "MODEL.NUM_CLASSES": 1000, **SGD, "RESNET.TRANS_FUN": "mbconv_transform",
    "EFFICIENT_NET.STEM_W": 32, "RGRAPH.GROUP_NUM": 16, "EFFICIENT_NET.DEPTHS": [1, 2, 2, 3, 3, 4, 1],
    "EFFICIENT_NET.WIDTHS": [16, 24, 40, 80, 112, 192, 320], "EFFICIENT_NET.EXP_RATIOS": [1, 6, 6, 6, 6, 6, 6],
    "EFFICIENT_NET.STRIDES": [1, 2, 2, 2, 1, 2, 1], "EFFICIENT_NET.KERNELS": [3, 3, 5, 3, 5, 5, 3],
    "OPTIM.BASE_LR": 0.2,
    "RGRAPH.DIM_LIST": [16, 24, 40, 80, 112, 192, 320], "OPTIM.WEIGHT_DECAY": 5e-5, "TRAIN.DATASET": "imagenet",
    "TRAIN.BATCH_SIZE": 512, "NUM_GPUS": 8,
}  # fmt: skip
CNN = {
    "MODEL.TYPE": "cnn", "MODEL.NUM_CLASSES": 1000, "MODEL.LAYERS": 6, **SGD,
    "RESNET.TRANS_FUN": "convtalk_transform", "OPTIM.BASE_LR": 0.025, "RGRAPH.DIM_FIRST": 64,
    "RGRAPH.DIM_LIST": [64, 128, 256], "OPTIM.WEIGHT_DECAY": 5e-4, "TRAIN.DATASET": "imagenet",
    "TRAIN.BATCH_SIZE": 32, "RGRAPH.GROUP_NUM": 64, "RGRAPH.SPARSITY": 0.259739, "RGRAPH.P": 0.057986,
    "RGRAPH.SEED_GRAPH": 8,
}  # fmt: skip
MOBILE = {
    "MODEL.TYPE": "mobilenet", "RESNET.TRANS_FUN": "groupbasictalk_transform", "TRAIN.DATASET": "imagenet",
    "RGRAPH.DIM_LIST": [32, 64, 128, 256, 512, 1024], "RGRAPH.GROUP_NUM": 16,
}  # fmt: skip
VGG = {
    "MODEL.TYPE": "vgg", "RESNET.TRANS_FUN": "convtalk_transform", "TRAIN.DATASET": "cifar10",
    "RGRAPH.DIM_LIST": [64, 128, 256, 512], "RGRAPH.GROUP_NUM": 64,
}  # fmt: skip
TALK_CIFAR = {
    **CNN, "MODEL.NUM_CLASSES": 10, "TRAIN.DATASET": "cifar10", "TRAIN.BATCH_SIZE": 128, "TEST.SPLIT": "test",
    "RGRAPH.STEM_MODE": "downsample",
}  # fmt: skip
R20 = {
    **R34, "MODEL.DEPTH": 20, "MODEL.NUM_CLASSES": 10, "TRAIN.DATASET": "cifar10", "RGRAPH.GROUP_NUM": 16,
    "RESNET.TRANS_FUN": "groupseptalk_transform", "RGRAPH.DIM_LIST": [16, 32, 64], "TEST.SPLIT": "test",
    "BN.ZERO_INIT_FINAL_GAMMA": False,
}  # fmt: skip
SYMMETRIC = {**MLP, "RESNET.TRANS_FUN": "symlinear_transform", "TRAIN.AUTO_MATCH": False}
SHUFFLED = {**MLP, "RESNET.TRANS_FUN": "groupshufflelinear_transform", "RGRAPH.GROUP_SIZE": 8}
EN_TALK = {**EFFICIENT, "RESNET.TRANS_FUN": "mbtalkconv_transform", "EFFICIENT_NET.DC_RATIO": 0.2}
EXPONENTIAL = {**MLP, "OPTIM.LR_POLICY": "exp", "OPTIM.WARMUP_EPOCHS": 5, "OPTIM.GAMMA": 0.95}
#: Configs that read different keys: each key of the published config is read by one of them.
CONFIGS = {
    "mlp": MLP, "dense resnet": R34, "dense efficientnet": EFFICIENT, "cnn": CNN, "mobilenet": MOBILE,
    "vgg": VGG, "cnn cifar": TALK_CIFAR, "resnet cifar": R20, "symmetric": SYMMETRIC, "shuffled": SHUFFLED,
    "efficientnet": EN_TALK, "exponential": EXPONENTIAL,
}  # fmt: skip


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        (MLP, "mlp-cifar10"), (R34, "resnet34-imagenet-1gpu"), (EFFICIENT, "efficientnet-imagenet"),
        (CNN, "cnn6-imagenet-1gpu"),
    ],
)  # fmt: skip
def test_published_values_are_those_of_our_presets(published, ours):
    converted, preset = convert(published, name=ours), PRESETS[ours]
    for field in ("recipe", "model", "data", "match", "symmetric", "groups", "first_seed"):
        assert getattr(converted, field) == getattr(preset, field), field


def test_the_graph_and_the_seeds_come_along():
    converted = convert(MLP, name="x")
    assert converted.seeds == 5
    assert converted.best.ws_flex.model_dump() == {"n": 64, "sparsity": 0.128001, "p": 0.128063, "seed": 4}
    assert convert(R34, name="x").best is None  # its layers are dense: the baseline
    cat = {**MLP, "RGRAPH.MESSAGE_TYPE": "catraw", "RGRAPH.GROUP_NUM": 52}
    assert (convert(cat, name="x").graphs, convert(cat, name="x").best) == (("cat",), None)
    both = {**cat, "RGRAPH.MESSAGE_TYPE": "cat"}  # symmetrised there
    assert convert(both, name="x").graphs == ("cat:symmetrised",)
    later = convert({**MLP, "RGRAPH.SEED_TRAIN_START": 3}, name="x")
    assert (later.first_seed, later.seeds) == (3, 3)


#: Other values to try for a key, where one more of its default's kind does not say it all.
OTHERS = {
    "MODEL.TYPE": ["resnet", "nonsense"], "MODEL.DEPTH": [18, 50, 26], "MODEL.LAYERS": [9, 0],
    "MODEL.NUM_CLASSES": [100],
    "RESNET.TRANS_FUN": ["channelsep_transform", "talkbottleneck_transform", "nonsense"],
    "EFFICIENT_NET.DEPTHS": [[2, 2, 2, 3, 3, 4, 1], [1]],
    "EFFICIENT_NET.WIDTHS": [[16, 24, 40, 80, 112, 192, 400]],
    "EFFICIENT_NET.EXP_RATIOS": [[1, 4, 6, 6, 6, 6, 6], [1, 4.5, 6, 6, 6, 6, 6]],
    "EFFICIENT_NET.STRIDES": [[1, 2, 2, 2, 2, 1, 1]], "EFFICIENT_NET.KERNELS": [[3, 3, 3, 3, 5, 5, 3]],
    "EFFICIENT_NET.HEAD_TYPE": ["simple_head", "linear_head", "none"],
    "EFFICIENT_NET.ACT_FUN": ["relu", "gelu"],
    "EFFICIENT_NET.DC_IMP": ["pt"], "RGRAPH.DIM_LIST": [[48], [72, 128, 256], [32, 48, 64, 96], [1, 2]],
    "RGRAPH.STEM_MODE": ["default", "wide"],
    "RGRAPH.MESSAGE_TYPE": ["er", "tree", "cycle", "hypercube", "random", "ba", "mcwhole", "nonsense"],
    "RGRAPH.SPARSITY": [0.3, 2.0], "RGRAPH.P": [0.7, 1.5], "BN.EPS": [1e-3, -1.0], "BN.MOM": [0.2, 2.0],
    "OPTIM.LR_POLICY": ["cos", "exp", "cosine"], "OPTIM.STEPS": [[0, 10], [5]], "OPTIM.MOMENTUM": [0.5, 1.0],
    "OPTIM.DAMPENING": [0.1], "OPTIM.BASE_LR": [0.3, -1.0], "OPTIM.LR_MULT": [0.2, 0.0], "OPTIM.GAMMA": [0.2],
    "TRAIN.DATASET": ["imagenet", "cifar10", "cifar100"], "TRAIN.SPLIT": ["val"], "TEST.SPLIT": ["train"],
    "TEST.DATASET": ["imagenet", "cifar10"], "TRAIN.START_CHECKPOINT": ["model.pyth"], "NUM_GPUS": [4, 3],
    "RGRAPH.GROUP_NUM": [8, 1000], "RGRAPH.SEED_TRAIN_START": [2, 9], "RGRAPH.SEED_TRAIN_END": [8, 0],
}  # fmt: skip


def others(key):
    """Values of a key unlike its default."""
    if key in OTHERS:
        return OTHERS[key]
    default = DEFAULTS[key]
    if isinstance(default, bool):
        return [True, False]
    if isinstance(default, str):
        return ["other"]
    return [[1, 2]] if isinstance(default, list) else [default * 2 + 1, default + 2]


def converted_or_refused(given):
    try:
        return convert(given, name="x")
    except UserError as error:
        return str(error)


@pytest.mark.parametrize("key", DEFAULTS)
def test_every_key_is_used_or_refused_or_known_to_change_nothing(key):
    used = False
    for given in CONFIGS.values():
        before = convert(given, name="x")
        for value in others(key):
            needless = key == "TEST.DATASET" and value == given["TRAIN.DATASET"]  # the only one it may be
            if needless or value == given.get(key, DEFAULTS[key]):
                continue
            changed = {**given, key: value}
            reason = why_nothing(key, {**DEFAULTS, **changed})
            after = converted_or_refused(changed)
            if isinstance(after, str):
                assert "\n" not in after
                assert after.startswith(("presets: ", "ws_flex: ", "gnm_random: "))
                used = True
                continue
            # Another value changes the preset exactly where nothing says that it does not.
            assert (after == before) == bool(reason), (key, value, given["MODEL.TYPE"], reason)
            used |= not reason
    assert used == (key not in CHANGES_NOTHING)
    assert not (key in CHANGES_NOTHING and key in ONLY)


@pytest.mark.parametrize(("kind", "layer"), [(kind, layer) for kind in LAYERS for layer in LAYERS[kind]])
def test_every_published_network_is_built_and_computes(kind, layer):
    data = "imagenet" if kind in ("efficientnet", "mobilenet") else "cifar10"
    given = {
        "MODEL.TYPE": kind, "RESNET.TRANS_FUN": layer, "TRAIN.DATASET": data, "RGRAPH.GROUP_NUM": 8,
        "RGRAPH.DIM_FIRST": 32, "RGRAPH.GROUP_SIZE": 4, "MODEL.DEPTH": 8, "RGRAPH.SPARSITY": 0.5,
        "RGRAPH.DIM_LIST": {"mlpnet": [32], "vgg": [32] * 4, "efficientnet": [16, 24, 40, 80, 112, 192, 320],
                            "mobilenet": [32] * 6}.get(kind, [32] * 3),
    }  # fmt: skip
    preset = convert(given, name="x")
    assert Preset.from_yaml(preset.to_yaml()) == preset
    graph = preset.best
    (config,) = plan(preset, [graph], (1,), data="tiny")
    network = build(config, tiny(64 if data == "imagenet" else 32), engine="masked")
    assert network.match.method == "none"
    widths = [32] * 5 if kind in ("vgg", "mobilenet") else given["RGRAPH.DIM_LIST"]
    assert network.match.widths == widths
    import torch

    size = 64 if data == "imagenet" else 32
    assert network.model.eval()(torch.zeros(1, 3, size, size)).shape == (1, 10)
    named = {type(module).__name__ for module in network.model.modules()}
    assert ("ChannelShuffle" in named) == layer.startswith("groupshuffle")
    relational = [module for module in network.model.modules() if hasattr(module, "symmetric")]
    assert bool(relational) == ("talk" in layer or "sym" in layer)
    assert all(module.symmetric == ("sum" if "sym" in layer else False) for module in relational)


def tiny(size):
    import torch

    split = Split(torch.zeros(4, 3, size, size, dtype=torch.uint8), torch.arange(4))
    classes = tuple(map(str, range(10)))
    return Dataset("tiny", "tiny", split, split, classes, mean=(0.0,) * 3, sd=(1.0,) * 3)


@pytest.mark.parametrize(
    ("base", "change", "model"),
    [
        (R34, {"RESNET.TRANS_FUN": "bottleneck_transform"}, ("resnet34-bottleneck", (64, 128, 256, 512), {})),
        (R34, {"BN.ZERO_INIT_FINAL_GAMMA": False}, ("resnet34", (), {"zero_init": False})),
        (R20, {}, ("resnet20-cifar-sep", (), {})),
        (CNN, {"RGRAPH.DIM_FIRST": 16}, ("cnn6", (), {"stem": 16})),
        (TALK_CIFAR, {}, ("cnn6-cifar", (), {"downsample": True})),
        (CNN, {"MODEL.LAYERS": 4}, ("cnn3-imagenet", (), {})),
        (VGG, {}, ("vgg13-pool", (), {})),
        (MOBILE, {}, ("mobilenet-v1", (), {})),
        (EN_TALK, {"EFFICIENT_NET.HEAD_TYPE": "linear_head"},
         ("efficientnet-b0", (), {"head_type": "linear", "drop_connect": 0.2, "drop_schedule": "constant"})),
        (EFFICIENT, {"EFFICIENT_NET.LIN_PROJ": False, "EFFICIENT_NET.ACT_FUN": "relu"},
         ("efficientnet-b0", (), {"activation": "relu", "linear_projection": False})),
    ],
)  # fmt: skip
def test_networks_and_their_options(base, change, model):
    spec = convert({**base, **change}, name="x").model
    assert (spec.name, spec.widths, spec.options) == model


def test_forms_of_the_layers_and_of_the_match():
    assert convert(SYMMETRIC, name="x").symmetric == "sum"
    shuffled = convert(SHUFFLED, name="x")
    assert (shuffled.groups, shuffled.shuffle, shuffled.match) == (64, 64, "none")
    assert convert({**MLP, "TRAIN.AUTO_MATCH": False}, name="x").match == "none"
    assert convert({**MLP, "RGRAPH.UPPER": False}, name="x").match == "published-below"
    assert convert({**MLP, "TRAIN.START_CHECKPOINT": "a.pyth"}, name="x").start == "a.pyth"
    eight = convert({**R34, "NUM_GPUS": 8}, name="x").recipe
    assert (eight.precise_bn_batch, eight.antialias) == (4, False)
    directed = convert({**CNN, "RGRAPH.DIRECTED": True}, name="x")
    assert directed.best.build().directed
    assert not directed.shrink
    assert convert(CNN, name="x").shrink


def test_a_file_without_auto_match_keeps_its_widths():
    """Twelve of the published files have no TRAIN.AUTO_MATCH: 512 stays 512, where a match finds 754."""
    given = {**MLP, "TRAIN.AUTO_MATCH": False, "RGRAPH.SPARSITY": 0.5, "RGRAPH.P": 0.0}
    preset = convert(given, name="x")
    (config,) = plan(preset, [preset.best], (1,), data="tiny")
    assert build(config, tiny(32)).match.widths == [512]
    matched = config.model_copy(update={"match": "published"})
    assert build(matched, tiny(32)).match.widths == [754]


@pytest.mark.parametrize(
    ("base", "change", "said"),
    [
        (MLP, {"OPTIM.BASE_LRR": 1}, "'OPTIM.BASE_LRR' is not known; did you mean 'OPTIM.BASE_LR'"),
        (MLP, {"RGRAPH.KEEP_GRAPH": False}, "RGRAPH.KEEP_GRAPH = False has no counterpart"),
        (MLP, {"OPTIM.LR_POLICY": "cosine"}, "OPTIM.LR_POLICY 'cosine' is not known; did you mean 'cos'"),
        (MLP, {"TRAIN.DATASET": "cifar100"}, "did you mean 'cifar10'"),
        (MLP, {"MODEL.TYPE": "mlp"}, "did you mean 'mlpnet'"),
        (MLP, {"RESNET.TRANS_FUN": "talklinear"}, "did you mean 'talklinear_transform'"),
        (MLP, {"RGRAPH.MESSAGE_TYPE": "ba"}, "RGRAPH.MESSAGE_TYPE = 'ba': the published code stops"),
        (MLP, {"RGRAPH.MESSAGE_TYPE": "random", "RGRAPH.SPARSITY": 1.5}, "expected at least 2 nodes"),
        (MLP, {"RGRAPH.MESSAGE_TYPE": "cat"}, "GROUP_NUM = 64, yet the connectome cat has 52 nodes"),
        (MLP, {"MODEL.LAYERS": "abc"}, "MODEL.LAYERS = 'abc' is not a whole number"),
        (MLP, {"MODEL.LAYERS": True}, "MODEL.LAYERS = True is not a whole number"),
        (MLP, {"OPTIM.BASE_LR": -1}, "OPTIM.BASE_LR = -1.0: input should be greater than 0"),
        (MLP, {"OPTIM.WEIGHT_DECAY": "1e-4"}, "is not a number .YAML reads 1e-4 as text"),
        (MLP, {"OPTIM.BASE_LR": float("nan")}, "OPTIM.BASE_LR = nan is not a number"),
        (MLP, {"OPTIM.BASE_LR": float("inf")}, "OPTIM.BASE_LR = inf is not a number"),
        (MLP, {"RGRAPH.DIM_LIST": [512, 256]}, "expected 1 positive whole numbers"),
        (MLP, {"RGRAPH.DIM_LIST": 512}, "RGRAPH.DIM_LIST = 512 is not a list"),
        (MLP, {"BN.ZERO_INIT_FINAL_GAMMA": True}, "cannot learn"),
        (MLP, {"OPTIM.DAMPENING": 0.1}, "OPTIM.DAMPENING = 0.1: expected 0 with nesterov"),
        (MLP, {"TEST.SPLIT": "train"}, "cifar10 is tested on 'test'"),
        (MLP, {"RGRAPH.SEED_TRAIN_END": 1}, "leave no seed"),
        (TALK_CIFAR, {"RGRAPH.SEED_GRAPH": -1}, "SEED_GRAPH = -1 is not a seed; expected 0 or more"),
        (MLP, {"MODEL.NUM_CLASSES": 100}, "MODEL.NUM_CLASSES = 100, yet cifar10 has 10"),
        (R34, {"MODEL.DEPTH": 35}, "MODEL.DEPTH = 35: expected 18, 34, 50"),
        (R34, {"OPTIM.STEPS": [30, 60]}, "expected a list that starts with 0"),
        (R34, {"OPTIM.STEPS": [0, 60, 30]}, "OPTIM.STEPS = .*epochs in ascending order"),
        (SYMMETRIC, {"TRAIN.AUTO_MATCH": True}, "leaves layers of symlinear_transform out"),
        (SYMMETRIC, {"RGRAPH.DIM_FIRST": 256}, "needs one width throughout"),
        (SHUFFLED, {"RGRAPH.GROUP_SIZE": 7}, "GROUP_SIZE = 7 does not cut a width of 512"),
        (VGG, {"TRAIN.AUTO_MATCH": True}, "no budget for vgg"),
        (VGG, {"RGRAPH.DIM_LIST": [64, 128, 256, 512, 512]}, "expected 4 positive"),
        (MOBILE, {"RGRAPH.DIM_LIST": [64, 128, 256, 512, 1024]}, "expected 6 positive"),
        (MOBILE, {"TRAIN.DATASET": "cifar10"}, "the published code has no mobilenet for it"),
        (EFFICIENT, {"EFFICIENT_NET.KERNELS": [3, 3, 5, 3, 5, 7, 3]}, "7: the published padding fits 3 and 5"),
        (EFFICIENT, {"EFFICIENT_NET.EXP_RATIOS": [1, 4.5]}, "is not a list of whole numbers"),
        (TALK_CIFAR, {"RGRAPH.STEM_MODE": "wide"}, "expected 'default' or 'downsample'"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_refused_in_one_line(base, change, said):
    with pytest.raises(UserError, match=said) as refusal:
        convert({**base, **change}, name="x")
    assert "\n" not in str(refusal.value)


def tree_of(given):
    tree: dict = {}
    for key, value in given.items():
        part, _, name = key.partition(".")
        if name:
            tree.setdefault(part, {})[name] = value
        else:
            tree[part] = value
    return tree


def test_a_file_is_converted_by_the_command(tmp_path, capsys):
    (tmp_path / "r34.yaml").write_text(yaml.safe_dump(tree_of(R34)))
    assert read_published_config(tmp_path / "r34.yaml").name == "r34"
    assert main(["presets", "--published", str(tmp_path / "r34.yaml")]) == 0
    printed = Preset.from_yaml(capsys.readouterr().out)
    assert printed.recipe.steps == (30, 60, 90)
    assert main(["presets", "mlp-digits", "--published", str(tmp_path / "r34.yaml")]) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "is not YAML"),
        ("&a {OPTIM: *a}", "is not"),
        ("OPTIM: &o {BASE_LR: *o}", "is not"),
        ("RGRAPH: {DIM_LIST: &l [1, *l]}", "is not"),
        ("OPTIM: 5", "OPTIM = 5 is not a section of keys"),
        ("[1, 2]", "does not hold a config"),
        ("3: {4: 5}", "is not known"),
        ("MODEL: {TYPE: {a: 1}}", "MODEL.TYPE = .* is not a word"),
    ],
)
def test_a_file_that_is_not_a_config_is_refused_in_one_line(tmp_path, capsys, text, said):
    (tmp_path / "bad.yaml").write_text(text)
    assert main(["presets", "--published", str(tmp_path / "bad.yaml")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    import re

    assert re.search(said, error)
    assert main(["presets", "--published", str(tmp_path / "no.yaml")]) == 2
    assert "cannot be read" in capsys.readouterr().err
