"""Sequence tasks: the known answers solve them, and a network of known memory scores what theory says."""

import numpy as np
import pytest
import torch

from graph2nn import ConnectomeRNN, RelationalGraph, UserError
from graph2nn.tasks.sequences import (
    SEQUENCE_TASKS,
    delayed_inputs,
    delayed_match,
    memory_capacity,
    n_back,
    narma10,
)


@pytest.mark.parametrize("name", SEQUENCE_TASKS)
def test_same_seed_same_samples(name):
    first, again, other = (SEQUENCE_TASKS[name](20, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.x, again.x)
    assert np.array_equal(first.y, again.y)
    assert not np.array_equal(first.x, other.x)
    assert first.x.dtype == np.float32
    assert len(first.counted) == first.x.shape[1]


def test_delayed_match_is_balanced_and_solved_by_one_symbol():
    task = delayed_match(1000, symbols=5, delay=7, seed=3)
    first, second = task.x[:, 0, :5].argmax(1), task.x[:, 8, :5].argmax(1)
    assert np.array_equal(task.y[:, -1], first == second)
    assert task.y[:, -1].mean() == 0.5
    assert not task.x[:, 1:8].any()
    assert task.counted.tolist() == [False] * 9 + [True]
    # Neither symbol alone tells.
    for shown in (first, second):
        shares = [task.y[shown == symbol, -1].mean() for symbol in range(5)]
        assert max(abs(np.array(shares) - 0.5)) < 0.15


def test_n_back_is_solved_by_its_definition():
    task = n_back(300, time=15, back=3, symbols=4, seed=1)
    shown = task.x.argmax(2)
    assert np.array_equal(task.y[:, 3:], shown[:, 3:] == shown[:, :-3])
    assert not task.y[:, :3].any()
    assert abs(task.y[:, 3:].mean() - 0.5) < 0.03
    assert task.counted.sum() == 12


def test_narma_follows_its_recurrence():
    task = narma10(5, time=60, seed=2)
    u, y = task.x[..., 0].astype(float), task.y[..., 0].astype(float)
    for t in range(20, 59):
        expected = (
            0.3 * y[:, t] + 0.05 * y[:, t] * y[:, t - 9 : t + 1].sum(1) + 1.5 * u[:, t + 1] * u[:, t - 8] + 0.1
        )
        np.testing.assert_allclose(y[:, t + 1], expected, rtol=1e-5)
    assert np.abs(narma10(200, time=300, seed=0).y).max() <= 1


def test_perfect_and_ignorant_predictions_have_known_capacity():
    task = delayed_inputs(4, time=400, delays=12, seed=0)
    assert memory_capacity(task.y, task) == pytest.approx(12)
    assert memory_capacity(np.ones_like(task.y), task) == 0
    noise = np.random.default_rng(1).standard_normal(task.y.shape)
    assert memory_capacity(noise, task) < 0.1
    with pytest.raises(UserError, match="predictions"):
        memory_capacity(task.y[:, :5], task)


def test_a_delay_line_remembers_as_many_steps_as_it_has_neurons():
    # Jaeger's bound is reached by a chain of linear neurons: neuron k holds the input of k steps before.
    neurons = 10
    chain = RelationalGraph.from_edge_index([range(neurons - 1), range(1, neurons)], neurons)
    network = ConnectomeRNN(
        chain, 1, 20, inputs=[0], outputs=range(neurons), weights="fixed", activation="linear",
        spectral_radius=None,
    )  # fmt: skip
    task = delayed_inputs(20, time=300, delays=20, seed=0)
    states = network.activity(torch.from_numpy(task.x)).numpy(force=True)
    rows = states[:, task.counted].reshape(-1, neurons).astype(float)
    targets = task.y[:, task.counted].reshape(-1, 20)
    solution = np.linalg.lstsq(rows / rows.std(axis=0), targets, rcond=None)[0]
    predicted = (states / rows.std(axis=0)) @ solution
    # Neuron 0 holds the present input, which is not asked for: nine delays are remembered.
    assert memory_capacity(predicted, task) == pytest.approx(neurons - 1, abs=0.2)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: delayed_match(0), "samples = 0"),
        (lambda: delayed_match(5, symbols=1), "symbols = 1"),
        (lambda: n_back(5, time=2, back=2), "time = 2, expected at least 3"),
        (lambda: n_back(5, matches=1.5), "outside"),
        (lambda: narma10(5, time=10), "time = 10, expected at least 21"),
        (lambda: delayed_inputs(5, delays=0), "delays = 0"),
    ],
)
def test_wrong_arguments_are_refused(draw, message):
    with pytest.raises(UserError, match=message):
        draw()
