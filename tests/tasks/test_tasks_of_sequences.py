"""Scores of sequences: of the answers asked for, added up over batches; memory capacity by its definition."""

import pytest
import torch

from graph2nn.data.sequence_sets import asked, load_sequences
from graph2nn.tasks.registry import task_of
from graph2nn.tasks.sequences import Sequences, memory_capacity
from graph2nn.tasks.task import counted
from graph2nn.training.recipe import Recipe

WORDS = (
    "delayed-match:samples=40,test=20,hold=2",
    "narma10:samples=40,test=20,time=40",
    "memory-capacity:samples=40,test=20,time=30,delays=4",
)


def outputs_of(data, seed=0, noise=0.5):
    generator = torch.Generator().manual_seed(seed)
    labels = data.train.labels
    if data.numeric:
        return torch.nan_to_num(labels) + noise * torch.randn(labels.shape, generator=generator)
    return torch.randn(*labels.shape, data.num_classes, generator=generator)


@pytest.mark.parametrize("word", WORDS)
def test_sums_of_batches_add_up_and_steps_not_asked_for_do_not_matter(word):
    data = load_sequences(word)
    task, outputs, labels = task_of(data), outputs_of(data), data.train.labels
    whole = task.measured(task.sums(outputs, labels))
    parts = sum(task.sums(outputs[k : k + 10], labels[k : k + 10]) for k in range(0, 40, 10))
    assert task.measured(parts).score == pytest.approx(whole.score, rel=1e-6)
    outputs[~asked(labels)] = 1e6
    # As text: Python 3.13 no longer takes a NaN for itself.
    assert repr(task.measured(task.sums(outputs, labels))) == repr(whole)
    assert torch.isfinite(task.loss(Recipe())(outputs, labels))


@pytest.mark.parametrize(
    ("word", "name", "chance"),
    [(WORDS[0], "wrong answers", 50), (WORDS[1], "NRMSE", 1), (WORDS[2], "lost memory", 4)],
)
def test_right_answers_score_zero_and_constant_ones_score_chance(word, name, chance):
    data = load_sequences(word)
    task, labels = task_of(data), data.train.labels
    assert task.score.name == name
    if data.numeric:
        mean, sd = torch.tensor(data.target_mean), torch.tensor(data.target_sd)
        right, constant = (labels - mean) / sd, torch.zeros_like(labels)
    else:
        right = torch.nn.functional.one_hot(labels.clamp_min(0), 2).float()
        constant = torch.tensor([1.0, 0.0]).expand(*labels.shape, 2)
    assert task.measured(task.sums(right, labels)).score == pytest.approx(0, abs=1e-3)
    assert task.measured(task.sums(constant, labels)).score == pytest.approx(chance, rel=0.01)
    missed = float(task.missed(constant, labels))
    assert counted(missed, len(labels), task.reduction) == pytest.approx(chance, rel=0.01)


def test_lost_memory_is_what_the_capacity_lacks():
    data = load_sequences(WORDS[2])
    task, outputs, labels = task_of(data), outputs_of(data), data.train.labels
    drawn = Sequences(data.train.images.numpy(), labels.numpy(), asked(labels)[0].numpy(), 0, 1.0)
    lost = task.measured(task.sums(outputs, labels)).score
    assert lost == pytest.approx(4 - memory_capacity(outputs.numpy(), drawn), rel=1e-5)
