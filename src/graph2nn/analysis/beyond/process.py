"""Gaussian process over the (C, L) plane: a smooth surface of error with its uncertainty."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph2nn.arrays import Floats


@dataclass(frozen=True)
class Process:
    """A fitted process: Matérn 5/2 with one length scale an axis, plus a deviation of each point of its own.

    Attributes:
        lengths: length scales of C and L, in their own units.
        height: standard deviation of the surface about its mean (points).
        own: standard deviation of the points about the surface beyond their known noise: what C and L do not
            tell of a graph (points).
    """

    lengths: tuple[float, float]
    height: float
    own: float
    _model: Any
    _centre: Floats
    _range: Floats
    _offset: float
    _unit: float

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Posterior mean and standard deviation of the surface at ``points [rows, 2]``, each ``[rows]``."""
        mean, deviation = self._model.predict((points - self._centre) / self._range, return_std=True)
        # The library's answer is for a new graph, with its own deviation; the surface is without it.
        variance = np.maximum(deviation**2 - self._own_variance, 0)
        return self._offset + self._unit * mean, self._unit * np.sqrt(variance)

    @property
    def _own_variance(self) -> float:
        return float(self._model.kernel_.k2.noise_level)


def fit_process(points: Floats, error: Floats, variance: Floats, start: Process | None = None) -> Process:
    """Fit by marginal likelihood.

    Args:
        points: C and L, ``[rows, 2]``.
        error: mean error (%), ``[rows]``.
        variance: of each mean, from its runs, ``[rows]``.
        start: begin at, and stay with, its length scales: for cross-validation.

    Returns:
        The process.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    if start is None:
        centre, extent = points.mean(axis=0), np.ptp(points, axis=0)
        extent = np.where(extent > 0, extent, 1.0)
        # Bounds: no surface wiggles between neighbouring cells, none is told from a plane beyond ten ranges.
        kernel = ConstantKernel(1.0, (1e-2, 1e3)) * Matern([0.5, 0.5], (0.08, 10.0), nu=2.5)
        kernel = kernel + WhiteKernel(0.1, (1e-6, 10.0))
    else:
        centre, extent, kernel = start._centre, start._range, start._model.kernel_
    offset = float(np.average(error, weights=1 / (variance + error.var() + 1e-12)))
    unit = (float(error.std()) or 1.0) if start is None else start._unit
    model = GaussianProcessRegressor(
        kernel, alpha=np.maximum(variance, 1e-10) / unit**2, optimizer=None if start else "fmin_l_bfgs_b"
    )
    with warnings.catch_warnings():
        # A scale at the end of its range is an answer (no deviation of their own), not a failure.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit((points - centre) / extent, (error - offset) / unit)
    fitted = model.kernel_
    return Process(
        lengths=(
            float(fitted.k1.k2.length_scale[0] * extent[0]),
            float(fitted.k1.k2.length_scale[1] * extent[1]),
        ),
        height=unit * float(np.sqrt(fitted.k1.k1.constant_value)),
        own=unit * float(np.sqrt(fitted.k2.noise_level)),
        _model=model,
        _centre=centre,
        _range=extent,
        _offset=offset,
        _unit=unit,
    )
