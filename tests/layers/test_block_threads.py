"""Sharing kernels among threads: any number of them, after a fork, inside DataLoader workers."""

import multiprocessing
import subprocess
import sys

import numba
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader
from waiting import patience

from graph2nn.graphs import ws_flex
from graph2nn.layers.block import BlockConv2d, BlockLinear, openmp
from graph2nn.layers.block.threads import cut

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
    loader = DataLoader(
        samples, batch_size=4, num_workers=1, multiprocessing_context="fork", timeout=patience(60)
    )
    assert torch.equal(next(iter(loader)), expected)
    assert isinstance(layer, nn.Module)


@pytest.mark.parametrize("lent", [True, False])
def test_threads_of_torch_and_our_own_give_the_same(threads, monkeypatch, lent):
    threads(2)
    if lent and not openmp.available():
        pytest.skip("this torch does not run on GNU's OpenMP")
    layer, x = BlockConv2d(GRAPH, 20, 35, 3, padding=1), torch.randn(3, 20, 12, 12)
    expected = results(layer, x)
    monkeypatch.setattr(openmp, "available", lambda: lent)
    for _ in range(3):
        assert all(torch.equal(a, b) for a, b in zip(results(layer, x), expected, strict=True))


@numba.njit(nogil=True)
def mark(part, ranges, done, failing):
    """A kernel that counts how often each unit is done, and fails in some of its parts."""
    if part < 0:
        openmp.on_team(len(ranges))
        return
    for unit in range(ranges[part, 0], ranges[part, 1]):
        done[unit] += 1
    if part == failing:
        raise ValueError("one of them")


needs_team = pytest.mark.skipif(not openmp.available(), reason="this torch does not run on GNU's OpenMP")


@needs_team
@pytest.mark.parametrize("parts", [2, 5])
def test_a_team_does_all_the_work_once(parts):
    done = np.zeros(23, dtype=np.int64)
    ranges = cut(np.ones(23, dtype=np.int64), parts)
    for times in (1, 2):
        mark(-1, ranges, done, -1)
        assert (done == times).all()


@needs_team
def test_a_team_hands_on_errors_once_all_threads_are_done():
    done = np.zeros(9, dtype=np.int64)
    ranges = cut(np.ones(9, dtype=np.int64), 3)
    with pytest.raises(ValueError, match="one of them"):
        mark(-1, ranges, done, 1)
    assert (done == 1).all()
    mark(-1, ranges, done, -1)
    assert (done == 2).all()


@needs_team
def test_a_machine_without_the_library_still_has_the_symbols(threads):
    """Kernels refer to them wherever they run; without a team nobody calls them."""
    code = (
        "import torch\nfrom graph2nn.layers.block import openmp\nopenmp._library = lambda: None\n"
        "assert not openmp._bind()\nopenmp._FOUND = False\ntorch.set_num_threads(2)\n"
        "from graph2nn.graphs import ws_flex\nfrom graph2nn.layers.block import BlockLinear\n"
        "print(BlockLinear(ws_flex(16, 5, 0.3, 1), 70, 90)(torch.ones(40, 70)).shape)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[40, 90]" in found.stdout
