"""Configs of the published code, as facts of their keys and values, become presets of ours."""

import pytest
import yaml

from graph2nn.cli import main
from graph2nn.errors import UserError
from graph2nn.experiments import PRESETS, Preset
from graph2nn.experiments.presets.convert import convert, read_published_config

SGD = {"OPTIM.MOMENTUM": 0.9, "OPTIM.NESTEROV": True, "OPTIM.MAX_EPOCH": 100}
MLP = {
    "MODEL.TYPE": "mlpnet", "MODEL.LAYERS": 3, "RESNET.TRANS_FUN": "talklinear_transform",
    "RGRAPH.GROUP_NUM": 64,
    "RGRAPH.DIM_FIRST": 512, "RGRAPH.DIM_LIST": [512], "RGRAPH.SPARSITY": 0.128001, "RGRAPH.P": 0.128063,
    "RGRAPH.SEED_GRAPH": 4, "RGRAPH.SEED_TRAIN_START": 1, "RGRAPH.SEED_TRAIN_END": 6, "OPTIM.BASE_LR": 0.1,
    "OPTIM.LR_POLICY": "cos", "OPTIM.WEIGHT_DECAY": 0.0005, "OPTIM.MAX_EPOCH": 200, "TRAIN.DATASET": "cifar10",
    "TRAIN.BATCH_SIZE": 128, "NUM_GPUS": 1, "DATA_LOADER.NUM_WORKERS": 4, "CUDNN.BENCHMARK": False,
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
    "MODEL.TYPE": "efficientnet", **SGD, "EFFICIENT_NET.STEM_W": 32, "RGRAPH.GROUP_NUM": 16,
    "OPTIM.BASE_LR": 0.2,
    "RGRAPH.DIM_LIST": [16, 24, 40, 80, 112, 192, 320], "OPTIM.WEIGHT_DECAY": 5e-5, "TRAIN.DATASET": "imagenet",
    "TRAIN.BATCH_SIZE": 512,
}  # fmt: skip
CNN = {
    "MODEL.TYPE": "cnn", "MODEL.LAYERS": 6, "RESNET.TRANS_FUN": "convtalk_transform", **SGD,
    "OPTIM.BASE_LR": 0.025,
    "RGRAPH.DIM_LIST": [64, 128, 256], "OPTIM.WEIGHT_DECAY": 5e-4, "TRAIN.DATASET": "imagenet",
    "TRAIN.BATCH_SIZE": 32, "RGRAPH.GROUP_NUM": 64, "RGRAPH.SPARSITY": 0.259739, "RGRAPH.P": 0.057986,
    "RGRAPH.SEED_GRAPH": 8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        (MLP, "mlp-cifar10"), (R34, "resnet34-imagenet-1gpu"), (EFFICIENT, "efficientnet-imagenet"),
        (CNN, "cnn6-imagenet-1gpu"),
    ],
)  # fmt: skip
def test_published_values_are_those_of_our_presets(published, ours):
    found, known = convert(published, name=ours), PRESETS[ours]
    assert found.recipe == known.recipe
    assert found.model == known.model
    assert found.data == known.data


def test_the_graph_and_the_seeds_come_along():
    found = convert(MLP, name="x")
    assert found.seeds == 5
    assert found.best.ws_flex.model_dump() == {"n": 64, "sparsity": 0.128001, "p": 0.128063, "seed": 4}
    assert convert(R34, name="x").best is None  # its layers are dense: the baseline
    brain = convert({**MLP, "RGRAPH.MESSAGE_TYPE": "mcwholeraw", "RGRAPH.GROUP_NUM": 71}, name="x")
    assert (brain.graphs, brain.best) == (("mcwhole",), None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"OPTIM.BASE_LRR": 1}, "published key 'OPTIM.BASE_LRR' is not known; did you mean 'OPTIM.BASE_LR'"),
        ({"RGRAPH.KEEP_GRAPH": False}, "RGRAPH.KEEP_GRAPH = False has no counterpart"),
        ({"OPTIM.LR_POLICY": "cosine"}, "OPTIM.LR_POLICY 'cosine' is not known; did you mean 'cos'"),
        ({"TRAIN.DATASET": "cifar100"}, "did you mean 'cifar10'"),
        ({"MODEL.TYPE": "mlp"}, "did you mean 'mlpnet'"),
        ({"RGRAPH.MESSAGE_TYPE": "ba"}, "RGRAPH.MESSAGE_TYPE 'ba' is not known"),
    ],
)
def test_what_has_no_counterpart_is_refused(change, said):
    with pytest.raises(UserError, match=said):
        convert({**MLP, **change}, name="x")


def test_a_file_is_converted_by_the_command(tmp_path, capsys):
    tree: dict = {}
    for key, value in R34.items():
        part, name = key.split(".")
        tree.setdefault(part, {})[name] = value
    (tmp_path / "r34.yaml").write_text(yaml.safe_dump(tree))
    assert read_published_config(tmp_path / "r34.yaml").name == "r34"
    assert main(["presets", "--published", str(tmp_path / "r34.yaml")]) == 0
    printed = Preset.from_yaml(capsys.readouterr().out)
    assert printed.recipe.steps == (30, 60, 90)
    (tmp_path / "bad.yaml").write_text("a: [")
    for name, said in (("bad.yaml", "is not YAML"), ("no.yaml", "cannot be read")):
        assert main(["presets", "--published", str(tmp_path / name)]) == 2
        assert said in capsys.readouterr().err
    assert main(["presets", "mlp-digits", "--published", str(tmp_path / "r34.yaml")]) == 2
