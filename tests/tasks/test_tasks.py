"""Tasks: their scores are what the textbook says, and add up over batches whatever the batches are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, r2_score, root_mean_squared_error
from torch.nn import functional as F

import graph2nn as g
from graph2nn.errors import UserError
from graph2nn.tasks import TOP1, Score
from graph2nn.tasks.classification import Classification
from graph2nn.tasks.registry import chance_score
from graph2nn.tasks.regression import Regression
from graph2nn.tasks.task import counted


def in_parts(task, outputs, targets, sizes=(1, 7, 30)):
    parts = zip(torch.split(outputs, sizes), torch.split(targets, sizes), strict=True)
    return task.measured(sum(task.sums(x, y) for x, y in parts))


@pytest.mark.parametrize("balanced", [False, True])
def test_classification_scores_are_those_of_scikit_learn(balanced):
    torch.manual_seed(1)
    outputs, targets = torch.randn(38, 7), torch.arange(38) % 5  # two classes have no sample
    measured = in_parts(Classification((1,) * 7, balanced), outputs, targets)
    top1 = 100 * float((outputs.argmax(dim=1) != targets).float().mean())
    with pytest.warns(UserWarning, match="y_pred contains classes"):
        expected = 100 * (1 - balanced_accuracy_score(targets, outputs.argmax(dim=1)))
    assert measured.others["balanced_error"] == pytest.approx(expected)
    assert measured.score == pytest.approx(expected if balanced else top1)
    assert measured.loss == pytest.approx(float(F.cross_entropy(outputs, targets)), rel=1e-6)


def test_regression_scores_are_those_of_scikit_learn_in_the_unit_of_the_target():
    torch.manual_seed(1)
    y = 50 + 12 * torch.randn(38, 1)
    outputs = torch.randn(38, 1)
    task = Regression(("price",), (50.0,), (12.0,))
    measured = in_parts(task, outputs, y)
    predicted = 50 + 12 * outputs
    assert task.score.label == "RMSE (units of price)"
    assert measured.score == pytest.approx(root_mean_squared_error(y.numpy(), predicted.numpy()), rel=1e-5)
    assert measured.others["r2"] == pytest.approx(r2_score(y.numpy(), predicted.numpy()), rel=1e-5)
    assert counted(float(task.missed(outputs, y)), 38, task.reduction) == pytest.approx(
        measured.score, rel=1e-5
    )


def test_several_targets_count_in_standard_deviations():
    y = torch.tensor([[0.0, 0.0], [2.0, 2000.0]])
    task = Regression(("metres", "grams"), (1.0, 1000.0), (1.0, 1000.0))
    assert task.measured(task.sums(torch.zeros(2, 2), y)).score == pytest.approx(1.0)
    assert task.score.unit == "standard deviations"


def test_class_weights_are_the_inverse_frequencies():
    task = Classification((30, 10))
    outputs, targets = torch.randn(6, 2), torch.tensor([0, 0, 1, 1, 0, 1])
    weight = torch.tensor([40 / 60, 40 / 20])
    found = task.loss(g.Recipe(class_weights=True))(outputs, targets)
    assert torch.allclose(found, F.cross_entropy(outputs, targets, weight=weight))


@pytest.mark.parametrize("options", [{"class_weights": True}, {"label_smoothing": 0.1}])
def test_options_for_classes_are_refused_for_numbers(options):
    with pytest.raises(UserError, match=f"{next(iter(options))} is for classes"):
        Regression(("y",), (0.0,), (1.0,)).loss(g.Recipe(**options))


def test_huber_is_refused_for_classes():
    with pytest.raises(UserError, match="regression_loss = 'huber' is for numbers"):
        Classification((1, 1)).loss(g.Recipe(regression_loss="huber"))


def test_scores_are_written_with_their_unit():
    assert TOP1.difference == "points"
    assert Score("RMSE", "units of price").difference == "units of price"
    assert Score("RMSE").difference == "RMSE"


def test_evaluating_by_hand_gives_what_training_says():
    x, y = np.random.default_rng(0).normal(size=(120, 5)), np.random.default_rng(1).normal(size=120)
    data = g.Dataset.from_arrays(x, y)
    model = g.build_model("mlp3", None, [16], 1, input_size=data.image_shape, stem=16)
    last = g.train(model, data, g.Recipe(epochs=2, batch_size=16, lr=0.01), seed=1)[-1]
    model.eval()
    with torch.no_grad():
        shown = (data.test.images - torch.tensor(data.mean)) / torch.tensor(data.sd)
        predicted = model(shown) * data.target_sd[0] + data.target_mean[0]
    assert last.test_error == pytest.approx(root_mean_squared_error(data.test.labels, predicted), rel=1e-4)
    assert g.evaluate(model, data, split="validation").error == pytest.approx(last.validation_error)


def test_chance_is_the_score_of_the_best_constant_answer():
    x, y = np.random.default_rng(0).normal(size=(200, 3)), np.array([0] * 160 + [1] * 20 + [2] * 20)
    assert chance_score(g.Dataset.from_arrays(x, y)) == pytest.approx(20.0)
    assert chance_score(g.Dataset.from_arrays(x, y, task="balanced")) == pytest.approx(100 * 2 / 3)
    assert chance_score(g.Dataset.from_arrays(x, x[:, 0])) is None
    few_matches = g.load_dataset("n-back:samples=40,test=400,matches=0.1")
    assert chance_score(few_matches) == pytest.approx(10, abs=1.5)
    assert chance_score(g.load_dataset("narma10:samples=4,test=4")) == 1.0
    assert chance_score(g.load_dataset("memory-capacity:delays=7,time=20,samples=4,test=4")) == 7.0
