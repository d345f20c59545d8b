"""Options of the recipe beyond the paper: off by default they change nothing, on they do what they say."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

import graph2nn as g
from graph2nn.errors import UserError
from graph2nn.training.averaging import WeightAverage
from graph2nn.training.checkpoints import Checkpoints, Saving
from graph2nn.training.epoch import Epoch, final, stalled
from graph2nn.training.mixing import Mixing
from graph2nn.training.optimiser import make
from graph2nn.training.recipe import LATER
from graph2nn.training.steps import eager_step

RNG = np.random.default_rng(0)
DATA = g.Dataset.from_arrays(RNG.normal(size=(160, 6)), [0, 1] * 80, name="noise")
PLAIN = g.Recipe(epochs=4, batch_size=16, lr=0.01)


def network():
    return g.build_model("mlp3", None, [16], 2, input_size=DATA.image_shape, stem=16)


def epochs(*scores):
    return [
        Epoch(n, 0.1, 1.0, 1.0, 1.0, s, 0.0, 0.0, validation_error=s) for n, s in enumerate(scores, start=1)
    ]


def test_later_options_at_their_defaults_enter_no_identity():
    assert all(name not in PLAIN.identity for name in LATER)
    assert '"clip":1.0' in g.Recipe(clip=1.0).identity


def test_adamw_is_fused_and_moves_as_torchs_plain_one():
    torch.manual_seed(1)
    model = network()
    plain = copy.deepcopy(model)
    recipe = g.Recipe(optimiser="adamw", lr=0.01, weight_decay=0.1)
    fused = make(model.parameters(), recipe)
    assert fused.defaults["fused"]
    other = torch.optim.AdamW(plain.parameters(), lr=0.01, weight_decay=0.1, foreach=False)
    x = torch.randn(16, 6)
    for _ in range(5):
        for module, optimiser in ((model, fused), (plain, other)):
            optimiser.zero_grad()
            module(x).square().sum().backward()
            optimiser.step()
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
def test_muon_takes_matrices_and_adamw_the_rest():
    model = network()
    parts = make(model.parameters(), g.Recipe(optimiser="muon"))._parts
    assert {weight.ndim for group in parts[0].param_groups for weight in group["params"]} == {2}
    assert {weight.ndim for group in parts[1].param_groups for weight in group["params"]} == {1}
    with pytest.raises(UserError, match="stores none"):
        make([torch.nn.Parameter(torch.zeros(3))], g.Recipe(optimiser="muon"))


def test_clipping_bounds_the_norm_of_all_gradients_together():
    x, y = torch.randn(16, 6), torch.arange(16) % 2
    norms = []
    for clip in (None, 1e-3):
        torch.manual_seed(1)
        model = network()
        before = [weight.detach().clone() for weight in model.parameters()]
        eager_step(model, torch.optim.SGD(model.parameters(), lr=1.0), clip=clip)(x, y)
        moved = [a.detach() - b for a, b in zip(model.parameters(), before, strict=True)]
        norms.append(float(torch.cat([each.flatten() for each in moved]).norm()))
    assert norms[0] > 0.01
    assert norms[1] == pytest.approx(1e-3, rel=1e-2)


def test_the_average_of_constant_weights_is_these_weights():
    model = network()
    average = WeightAverage(model, 0.99)
    expected = {name: value.clone() for name, value in model.state_dict().items()}
    for _ in range(3):
        average.update(model)
    with average.applied(model):
        for name, value in model.state_dict().items():
            assert torch.allclose(value.float(), expected[name].float())


def test_with_ema_the_network_left_behind_is_the_one_that_was_evaluated():
    model = network()
    last = g.train(model, DATA, PLAIN.model_copy(update={"ema": 0.9}), seed=1)[-1]
    assert g.evaluate(model, DATA).error == last.test_error


def test_mixup_mixes_samples_and_targets_alike_and_draws_by_place():
    mixing = Mixing(g.Recipe(mixup=0.4), seed=3, classes=2)
    x, y = torch.eye(4), torch.tensor([0, 1, 0, 1])
    mixed, soft = mixing(x, y, 1, 5)
    assert torch.allclose(mixed.sum(dim=1), torch.ones(4))
    assert torch.allclose(soft.sum(dim=1), torch.ones(4))
    assert torch.allclose(mixed[:, [0, 2]].sum(dim=1), soft[:, 0])
    assert torch.equal(mixing(x, y, 1, 5)[0], mixed)
    assert not torch.equal(mixing(x, y, 1, 6)[0], mixed)


def test_cutout_zeroes_one_square_at_most():
    x = torch.ones(8, 3, 10, 10)
    cut, _ = Mixing(g.Recipe(cutout=4), seed=1, classes=2)(x, torch.zeros(8, dtype=torch.int64), 1, 1)
    gone = (cut == 0).sum(dim=(1, 2, 3)) / 3
    assert int(gone.max()) == 16
    assert int(gone.min()) >= 4
    with pytest.raises(UserError, match="cutout is for images"):
        g.train(network(), DATA, PLAIN.model_copy(update={"cutout": 4}), seed=1)


def test_early_stopping_ends_after_patience_and_keeps_the_best():
    assert not stalled(epochs(5, 4, 4.5), 2)
    assert stalled(epochs(5, 4, 4.5, 4.2), 2)
    assert final(epochs(5, 4, 4.5, 4), 2).epoch == 2
    assert final(epochs(5, 4, 4.5), 0).epoch == 3
    model = network()
    history = g.train(model, DATA, PLAIN.model_copy(update={"epochs": 40, "patience": 2}), seed=1)
    best = final(history, 2)
    assert len(history) < 40
    assert g.evaluate(model, DATA, split="validation").error == best.validation_error


def test_early_stopping_without_a_validation_part_is_refused():
    data = g.load_dataset("digits")
    model = g.build_model("mlp3", None, [16], input_size=data.image_shape, stem=16)
    with pytest.raises(UserError, match=r"no validation part.*--validation 0\.1"):
        g.train(model, data, g.Recipe(epochs=2, patience=1), seed=1)


@pytest.mark.parametrize(
    "options",
    [{"optimiser": "adamw", "lr": 1e-3}, {"ema": 0.9, "mixup": 0.3}, {"patience": 9, "clip": 1.0}],
)
def test_a_resumed_run_is_the_run_undisturbed(tmp_path, options):
    recipe = PLAIN.model_copy(update=options)
    whole, parts = network(), network()
    expected = g.train(whole, DATA, recipe, seed=2)

    class StoppedError(Exception):
        pass

    def leave(epoch):
        if epoch.epoch == 3:
            raise StoppedError

    kept = Checkpoints(tmp_path, {}, Saving.parse("1epochs", keep=2))
    with pytest.raises(StoppedError):
        g.train(parts, DATA, recipe, seed=2, checkpoints=kept, on_epoch=leave)
    resumed = network()
    again = g.train(
        resumed, DATA, recipe, seed=2, checkpoints=Checkpoints(tmp_path, {}, Saving.parse("1epochs"))
    )
    assert [e.test_error for e in again] == [e.test_error for e in expected]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
