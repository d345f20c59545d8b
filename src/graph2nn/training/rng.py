"""Random number generators: one per purpose of each run, and torch's global one, which dropout uses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor


def stream(seed: int, purpose: str) -> torch.Generator:
    """Return a CPU generator for one purpose of one run, so that no two purposes share random numbers."""
    digest = hashlib.sha256(f"{purpose}/{seed}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


@contextmanager
def own_random_numbers(seed: int) -> Iterator[None]:
    """Dropout and its like draw from torch's global generator: give it a start, and give it back after."""
    with torch.random.fork_rng():
        torch.manual_seed(stream(seed, "dropout").initial_seed())
        yield


def global_states(device: torch.device) -> dict[str, Tensor]:
    """Return the states of torch's global generators that a training on ``device`` draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_global_states(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Put torch's global generators into the states that :func:`global_states` returned."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(states["mps"])
