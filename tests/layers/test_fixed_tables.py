"""Tables that are not saved are there wherever the module goes, whatever becomes of its memory."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from empty_memory import emptied, hollow

from graph2nn.layers.grouped_linear import ChannelShuffle


def shuffle():
    return ChannelShuffle(10, 3, dim=1)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: hollow(shuffle),
        emptied,
        copy.deepcopy,
        lambda module: emptied(copy.deepcopy(module)),
        lambda module: pickle.loads(pickle.dumps(module)),
        lambda module: module.type(torch.float64),
        lambda module: emptied(module.to("meta")),
    ],
    ids=["meta", "emptied", "copy", "copy emptied", "pickle", "another type", "to meta and back"],
)
def test_a_shuffle_stays_what_it_was(change):
    x = torch.arange(30).reshape(3, 10)
    module = shuffle()
    expected = module(x).clone()
    changed = change(module)
    assert torch.equal(changed(x), expected)
    assert not changed.state_dict()
    assert not expected.equal(x)


def test_without_memory_there_are_no_numbers_but_shapes():
    with torch.device("meta"):
        module = shuffle()
        assert module(torch.empty(3, 10)).shape == (3, 10)
    assert module.order.is_meta
