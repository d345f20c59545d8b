"""Networks built without memory and then given some, which is filled with nonsense."""

from __future__ import annotations

import torch


def hollow(build):
    """The network of ``build()`` made on the device meta, then on the CPU by ``to_empty``."""
    with torch.device("meta"):
        network = build()
    return emptied(network)


def emptied(network):
    """``network.to_empty(device="cpu")``; torch fills new memory with NaN and the largest whole number."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        return network.to_empty(device="cpu")
    finally:
        torch.use_deterministic_algorithms(before)
