"""Surfaces of error over the plane of C and L with a known lowest point, to calibrate the statistics by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from graph2nn import catalogue

Floats = npt.NDArray[np.float64]
#: Cosines that a random surface is the sum of.
WAVES = 400


def bowl(rows: pd.DataFrame, depth: float, lowest: tuple[float, float] = (0.4, 2.3)) -> Floats:
    """A bowl over C and L, lowest at these."""
    c, length = _places(rows).T
    height: Floats = 32 + depth * (((c - lowest[0]) / 0.5) ** 2 + (length - lowest[1]) ** 2)
    return height


@dataclass(frozen=True)
class Bowl:
    """A bowl of ``depth`` points half a range of C or a unit of L from its lowest point."""

    depth: float
    lowest: tuple[float, float]

    def at(self, rows: pd.DataFrame, draw: int) -> Floats:
        """Heights at these C and L; every draw is the same."""
        return bowl(rows, self.depth, self.lowest)


@dataclass(frozen=True)
class Random:
    """A random surface, a draw of a Gaussian process.

    Args:
        height: standard deviation over the graphs of ``n64-52``, points.
        length: length scale, in ranges of C and L.
        rough: of a Matérn 5/2 process rather than of one with all derivatives.
    """

    height: float
    length: float
    rough: bool

    def at(self, rows: pd.DataFrame, draw: int) -> Floats:
        """Heights at these C and L."""
        weights, frequencies, phases = _waves(self.length, self.rough, draw)

        def wave(of: pd.DataFrame) -> Floats:
            every: Floats = np.cos(_places(of) / _RANGES @ frequencies.T + phases) @ weights
            return every

        graphs = wave(catalogue("n64-52"))
        height: Floats = 32 + self.height * (wave(rows) - graphs.mean()) / graphs.std()
        return height


_RANGES = np.array([1.0, 3.0])


@lru_cache(maxsize=4)
def _waves(length: float, rough: bool, draw: int) -> tuple[Floats, Floats, Floats]:
    """Weights, frequencies ``[waves, 2]`` and phases (Rahimi and Recht 2007)."""
    rng = np.random.default_rng([29, draw])
    frequencies = rng.standard_normal((WAVES, 2)) / length
    if rough:
        frequencies /= np.sqrt(rng.chisquare(5, WAVES) / 5)[:, None]
    return rng.standard_normal(WAVES), frequencies, rng.uniform(0, 2 * np.pi, WAVES)


def _places(rows: pd.DataFrame) -> Floats:
    places: Floats = rows[["clustering", "path_length"]].to_numpy(dtype=np.float64)
    return places


#: Bowls lowest in the middle of the plane or towards its dense end, and random surfaces.
SURFACES: Mapping[str, Bowl | Random] = {
    **{
        f"bowl of {depth:g} points {place}": Bowl(depth, lowest)
        for place, lowest in (("in the middle", (0.4, 2.3)), ("near the dense end", (0.7, 1.5)))
        for depth in (0.1, 0.2, 0.5, 1.0, 3.0)
    },
    **{
        f"{'rough' if rough else 'smooth'} random surface of {height:g} points": Random(height, length, rough)
        for rough, length in ((False, 1.0), (True, 0.5))
        for height in (0.15, 0.5)
    },
}
