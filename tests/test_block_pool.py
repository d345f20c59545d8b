"""Sharing kernels among threads: any number of them, after a fork, inside DataLoader workers."""

import multiprocessing

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader

from graph2nn.graphs import ws_flex
from graph2nn.layers.block import BlockConv2d, BlockLinear
from graph2nn.layers.block.pool import cut

GRAPH = ws_flex(16, 5, 0.3, 1)


@given(costs=st.lists(st.integers(1, 50), max_size=40), parts=st.integers(1, 9))
def test_cuts_cover_all_units_once_in_fair_parts(costs, parts):
    ranges = cut(np.array(costs, dtype=np.int64), parts)
    assert [unit for low, high in ranges for unit in range(low, high)] == list(range(len(costs)))
    assert len(ranges) <= parts
    for low, high in ranges:
        assert sum(costs[low:high]) <= sum(costs) / parts + max(costs)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def results(model, x):
    x = x.clone().requires_grad_()
    y = model(x)
    return [y, *torch.autograd.grad(y.square().sum(), [x, *model.parameters()])]


@pytest.mark.parametrize("kernel", [(1, 1, 0), (3, 1, 1), (3, 2, 1)])
def test_the_number_of_threads_does_not_change_a_bit(threads, kernel):
    side, stride, padding = kernel
    conv = BlockConv2d(GRAPH, 20, 35, side, stride=stride, padding=padding)
    linear = BlockLinear(GRAPH, 70, 90)
    threads(1)
    alone = results(conv, X := torch.randn(3, 20, 12, 12)), results(linear, Z := torch.randn(40, 70))
    for count in (2, 5, 3):
        threads(count)
        for a, b in zip((results(conv, X), results(linear, Z)), alone, strict=True):
            assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


class Outputs(torch.utils.data.Dataset):
    """Samples a block layer has gone over, as a frozen feature extractor in a loader would."""

    def __init__(self, layer):
        self.layer = layer

    def __len__(self):
        return 4

    def __getitem__(self, index):
        torch.set_num_threads(2)
        with torch.no_grad():
            return self.layer(torch.full((50,), float(index)))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_forked_worker_computes_with_threads_of_its_own(threads):
    threads(2)
    layer = BlockLinear(GRAPH, 50, 60)
    samples = Outputs(layer)
    expected = torch.stack([samples[i] for i in range(4)])  # the pool is at work before the fork
    loader = DataLoader(samples, batch_size=4, num_workers=1, multiprocessing_context="fork", timeout=60)
    assert torch.equal(next(iter(loader)), expected)
    assert isinstance(layer, nn.Module)
