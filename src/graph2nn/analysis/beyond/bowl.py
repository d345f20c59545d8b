"""Quadratic surface over the (C, L) plane: the six-parameter rival of the smooth surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graph2nn.arrays import Floats

#: 1, C, L, C², CL, L².
TERMS = 6


@dataclass(frozen=True)
class Bowl:
    """A least-squares fit of 1, C, L, C², CL, L² (centred and scaled).

    Attributes:
        freedom: points less terms.
        residual: standard deviation of the points about it.
    """

    freedom: int
    residual: float
    _centre: Floats
    _range: Floats
    _beta: Floats
    _spread: Floats

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Height and its standard error at ``points [rows, 2]``, each ``[rows]``."""
        design = _design((points - self._centre) / self._range)
        variance = np.einsum("ri,ij,rj->r", design, self._spread, design)
        return design @ self._beta, self.residual * np.sqrt(variance)

    def samples(self, points: Floats, draws: int, rng: np.random.Generator) -> Floats:
        """Draw surfaces from the posterior under flat priors (multivariate t), ``[draws, rows]``.

        Args:
            points: C and L, ``[rows, 2]``.
            draws: how many.
            rng: random numbers.

        Returns:
            The surfaces.
        """
        scale = self.residual * np.sqrt(self.freedom / rng.chisquare(self.freedom, draws))
        root = np.linalg.cholesky(self._spread)
        beta = self._beta + scale[:, None] * (rng.standard_normal((draws, TERMS)) @ root.T)
        surface: Floats = beta @ _design((points - self._centre) / self._range).T
        return surface


def fit_bowl(points: Floats, error: Floats) -> Bowl | None:
    """Fit ``error [rows]`` over ``points [rows, 2]``.

    Returns:
        None with fewer than eight points, or points that leave the six terms undetermined.
    """
    if len(points) < TERMS + 2:
        return None
    centre, extent = points.mean(axis=0), np.ptp(points, axis=0)
    extent = np.where(extent > 0, extent, 1.0)
    design = _design((points - centre) / extent)
    if np.linalg.matrix_rank(design) < TERMS:
        return None
    beta: Floats = np.linalg.lstsq(design, error, rcond=None)[0].astype(np.float64)
    freedom = len(points) - TERMS
    return Bowl(
        freedom=freedom,
        residual=float(np.sqrt(((error - design @ beta) ** 2).sum() / freedom)),
        _centre=centre,
        _range=extent,
        _beta=beta,
        _spread=np.linalg.inv(design.T @ design).astype(np.float64),
    )


def _design(z: Floats) -> Floats:
    c, length = z[:, 0], z[:, 1]
    return np.stack([np.ones_like(c), c, length, c**2, c * length, length**2], axis=1)
