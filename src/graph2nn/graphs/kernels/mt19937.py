"""CPython's ``random.Random``: MT19937 as 32-bit words, and the numbers drawn from them.

``random()`` takes two words a, b and gives ((a >> 5) · 2²⁶ + (b >> 6)) / 2⁵³; ``choice`` over n things takes
the top ``n.bit_length()`` bits of one word, again until they are below n (Matsumoto and Nishimura 1998;
CPython's ``Lib/random.py``, unchanged from 3.2 to 3.13).
"""

from __future__ import annotations

import math
import random

import numpy as np
import numpy.typing as npt

from graph2nn.graphs.kernels.jit import Int, compiled

#: Words in the state, and words made at a time.
WORDS = 624
_SHIFT = 397

Words = npt.NDArray[np.uint32]


def state_of(seed: int) -> Words:
    """Return the state ``[624]`` in which ``random.Random(seed)`` starts, for any int that CPython takes."""
    return np.array(random.Random(seed).getstate()[1][:WORDS], dtype=np.uint32)


def threshold_of(p: float) -> int:
    """Return t such that ``random() < p`` exactly where its 53-bit integer is below t."""
    return math.ceil(p * 2.0**53)  # scaling by a power of two is exact


@compiled
def _twist(high: np.uint32, low: np.uint32, far: np.uint32) -> np.uint32:
    mixed = np.uint32(high & np.uint32(0x80000000)) | np.uint32(low & np.uint32(0x7FFFFFFF))
    # 0 or the constant, without a branch that would be mispredicted half of the time. Casts keep numba, which
    # computes in 64 bits, from doing so: twice as many words fit into a vector.
    odd = np.uint32(low & np.uint32(1))
    matrix = np.uint32(odd * np.uint32(0x9908B0DF))
    return np.uint32(far ^ np.uint32(mixed >> np.uint32(1)) ^ matrix)


@compiled
def refill(state: Words, block: Words) -> None:
    """Advance the state by 624 words and write these, tempered, to ``block``."""
    # Three loops instead of indices modulo 624: each is free of divisions.
    for i in range(WORDS - _SHIFT):
        state[i] = _twist(state[i], state[i + 1], state[i + _SHIFT])
    for i in range(WORDS - _SHIFT, WORDS - 1):
        state[i] = _twist(state[i], state[i + 1], state[i + _SHIFT - WORDS])
    state[WORDS - 1] = _twist(state[WORDS - 1], state[0], state[_SHIFT - 1])
    for i in range(WORDS):
        a = state[i]
        b = np.uint32(a ^ np.uint32(a >> np.uint32(11)))
        c = np.uint32(b ^ np.uint32(np.uint32(b << np.uint32(7)) & np.uint32(0x9D2C5680)))
        d = np.uint32(c ^ np.uint32(np.uint32(c << np.uint32(15)) & np.uint32(0xEFC60000)))
        block[i] = np.uint32(d ^ np.uint32(d >> np.uint32(18)))


@compiled
def uniform53(first: Int, second: Int) -> np.int64:
    """Return the 53-bit integer behind ``random()``."""
    return np.int64((np.int64(first >> np.uint32(5)) << 26) | np.int64(second >> np.uint32(6)))
