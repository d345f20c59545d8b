"""Options of the published code: match from below, SGD's dampening, norms, precise BN per GPU, scaling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_sweep import configs
from torch import nn

from graph2nn.budget import match
from graph2nn.cli import main
from graph2nn.cli.completion import PRESET_NAMES
from graph2nn.data import load_dataset
from graph2nn.data.photos.transforms import cut
from graph2nn.errors import UserError
from graph2nn.experiments import PRESETS
from graph2nn.experiments.launchers import launch
from graph2nn.experiments.sweep_file import read_plans
from graph2nn.graphs.ws_flex import ws_flex
from graph2nn.models import build_model
from graph2nn.training import Recipe, train
from graph2nn.training.checkpoints import Saving
from graph2nn.training.optimiser import sgd

GRAPH = ws_flex(64, 9.3, 0.2, 7)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def network():
    return build_model("mlp3", None, [16], input_size=(1, 8, 8), stem=16)


# --- match -----------------------------------------------------------------------------------------------


def test_the_published_match_from_below_ends_on_the_other_side_of_the_budget():
    """``UPPER: False``: with one stage, the widest network that costs no more than the baseline."""
    above, below = match("mlp5", GRAPH, method="published"), match("mlp5", GRAPH, method="published-below")
    assert below.macs <= below.target <= above.macs
    assert above.widths[0] - below.widths[0] == 1
    assert match("mlp5", GRAPH, method="published", side="below").widths == below.widths
    assert match("mlp5", method="published-below").widths == [512]


def walked_below(cost, widths, target, scalings):
    """The published walk for ``UPPER: False``, spelt out: flags say whether the cost is below the target."""
    dims = list(widths)
    for _ in range(scalings):
        scale = round((target / cost(dims)) ** 0.5, 2)
        ratios = [dim / dims[0] for dim in dims]
        first = round(dims[0] * scale)
        dims = [round(first * ratio) for ratio in ratios]
    flag = start = 1 if cost(dims) < target else -1
    while flag == start:
        ratios = [dim / dims[0] for dim in dims]
        dims = [round((dims[0] + start) * ratio) for ratio in ratios]
        flag = 1 if cost(dims) < target else -1
    if flag < 0:
        ratios = [dim / dims[0] for dim in dims]
        dims = [round((dims[0] - start) * ratio) for ratio in ratios]
    start = 1 if cost(dims) < target else -1
    for stage, times in enumerate([round(dim / dims[0]) for dim in dims]):
        for _ in range(times if stage else 0):
            dims[stage] += start
            if (1 if cost(dims) < target else -1) != start:
                dims[stage] -= start
                break
    return dims


@pytest.mark.parametrize("name", ["cnn3-cifar", "resnet34"])
def test_several_stages_follow_the_published_walk(name):
    from graph2nn.budget.bill import Bill
    from graph2nn.models import architecture
    from graph2nn.wiring import Relational

    known = architecture(name)
    bill = Bill(
        lambda widths: known.shapes(widths, known.num_classes, known.input_size),
        Relational(GRAPH),
        known.widths,
    )
    below = match(name, GRAPH, method="published-below")
    assert below.widths == walked_below(bill.published_macs, known.widths, below.target, known.scalings)
    assert below.macs <= below.target


def test_no_match_keeps_the_widths_whatever_they_cost():
    unmatched = match("mlp5", GRAPH, method="none", widths=[512])
    assert (unmatched.widths, unmatched.method) == ([512], "none")
    assert unmatched.macs < 0.8 * unmatched.target


# --- training --------------------------------------------------------------------------------------------


def test_dampening_is_that_of_sgd():
    recipe = Recipe(nesterov=False, dampening=0.5)
    (group,) = sgd([nn.Parameter(torch.zeros(1))], recipe).param_groups
    assert group["dampening"] == 0.5
    with pytest.raises(UserError, match="expected 0 with nesterov"):
        Recipe(dampening=0.5)
    assert Recipe(dampening=0.5, momentum=0).dampening == 0.5


def test_eps_and_momentum_of_every_batch_norm(digits):
    model = network()
    train(model, digits, Recipe(epochs=1, bn_eps=1e-2, bn_momentum=0.3), seed=1)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
    assert norms
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-2, 0.3)}
    other = network()
    other.stem[1][1].eps = 1e-4  # left as it is
    train(other, digits, Recipe(epochs=1), seed=1)
    assert other.stem[1][1].eps == 1e-4


def test_precise_bn_takes_batches_of_its_own(digits):
    seen = {}
    for batch in (0, 16):
        model = network()
        recipe = Recipe(epochs=1, batch_size=64, precise_bn=128, precise_bn_batch=batch)
        train(model, digits, recipe, seed=1)
        seen[batch] = int(model.stem[1][1].num_batches_tracked)
    assert seen == {0: 2, 16: 8}


def test_an_evaluation_before_training_changes_nothing_else(digits):
    histories, told = [], []
    for first in (False, True):
        model = network()
        recipe = Recipe(epochs=2, evaluate_first=first)
        history = train(model, digits, recipe, seed=1, on_epoch=told.append if first else None)
        histories.append([(epoch.epoch, epoch.train_loss, epoch.test_error) for epoch in history])
    assert histories[0] == histories[1]
    assert [epoch.epoch for epoch in told] == [0, 1, 2]
    assert np.isnan(told[0].train_loss)
    assert 70 < told[0].test_error <= 100


# --- photos ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("box", "size"), [((3, 2, 43, 32), 13), ((10, 8, 20, 18), 24)])
def test_scaling_without_antialiasing_is_plain_bilinear(box, size):
    """As OpenCV's INTER_LINEAR on the crop: between the four pixels nearest to each new centre."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    left, top, right, bottom = box
    part = torch.from_numpy(pixels[top:bottom, left:right]).permute(2, 0, 1)[None].double()
    expected = nn.functional.interpolate(part, (size, size), mode="bilinear", align_corners=False)[0]
    plain = cut(Image.fromarray(pixels), box, size, antialias=False)
    assert np.abs(plain - expected.numpy()).max() <= 1.0
    if size < right - left:  # scaled down: antialiasing averages over what lies between
        smooth = cut(Image.fromarray(pixels), box, size)
        assert smooth.std() < 0.8 * plain.std()


# --- the command -----------------------------------------------------------------------------------------


def test_help_names_every_preset_and_files(capsys):
    assert tuple(PRESETS) == PRESET_NAMES
    for command in ("train", "sweep"):
        assert main([command, "--help"]) == 0
        shown = "".join(capsys.readouterr().out.replace("│", " ").split())
        assert all(name in shown for name in PRESETS), command
        assert "YAMLfile" in shown


def test_a_sweep_saves_as_train_does(tmp_path, digits):
    outcome = launch(configs(digits)[:1], digits, tmp_path, saving=Saving(seconds=0, epochs=1, keep=None))
    assert not outcome.failed
    (run,) = (tmp_path / "runs").iterdir()
    assert list((run / "checkpoints").glob("*"))
    (plan,) = read_plans(tmp_path)
    assert (plan.work["saving"]["epochs"], plan.work["loggers"]) == (1, [])


def test_a_sweep_logs_as_train_does(tmp_path, digits):
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    assert not launch(configs(digits)[:1], digits, tmp_path, loggers=["tensorboard"]).failed
    assert list(tmp_path.rglob("events.out.tfevents*"))


def test_a_sweep_on_several_devices_takes_no_launcher(tmp_path, capsys):
    words = ["sweep", "mlp-digits", "--select", "baseline", "--devices", "2", "--out", str(tmp_path)]
    assert main([*words, "--workers", "2"]) == 2
    assert "leave --launcher and --workers out" in capsys.readouterr().err
    assert (
        main(["sweep", "mlp-digits", "--select", "baseline", "--logger", "paper", "--out", str(tmp_path)]) == 2
    )
    assert "'paper' is not known" in capsys.readouterr().err


def test_a_sweep_on_two_cpu_ranks(tmp_path):
    words = ["--set", "recipe.epochs=1", "--set", "model.widths=[16]", "--set", "model.options.stem=16"]
    sweep = ["sweep", "mlp-digits", "--select", "baseline", "--seeds", "2", "--devices", "2", *words]
    assert main([*sweep, "--device", "cpu", "--out", str(tmp_path)]) == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_the_recipe_says_how_photos_are_scaled(tmp_path, monkeypatch):
    from photo_files import tree

    from graph2nn.data.photos import load_imagenet
    from graph2nn.data.photos import split as photos

    seen = []
    read = photos.Reader.__getitem__

    def noted(reader, item):
        seen.append(reader.antialias)
        return read(reader, item)

    monkeypatch.setattr(photos.Reader, "__getitem__", noted)
    data = load_imagenet(tree(tmp_path / "photos"), tmp_path / "cache", size=16, workers=0, progress=False)
    for antialias in (True, False):
        seen.clear()
        recipe = Recipe(epochs=1, batch_size=4, precise_bn=0, antialias=antialias)
        train(nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, data.num_classes)), data, recipe, seed=1)
        assert set(seen) == {antialias}
