"""Posterior of the scales of a smooth surface over the plane, and what follows from not knowing them.

The likeliest length scales of a shallow surface are often far from the true ones, and draws of the surface that
take them for granted say too little about where it is lowest (49 to 73 % coverage where 95 % was meant). So the
scales are drawn from their posterior: a normal approximation at its mode, corrected by importance weights (Rue,
Martino and Chopin 2009, doi:10.1111/j.1467-9868.2008.00700.x, integrate the same way).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Prior of the logarithms of the length scales of C and L (in ranges of the points), of the surface's standard
#: deviation and of the points' own (in standard deviations of the errors): means and standard deviations.
PRIOR_MEAN = np.log([0.7, 0.7, 0.7, 0.15, 1.0])
PRIOR_SD = np.array([0.8, 0.8, 1.2, 1.2, 1.5])
#: Proposals for the importance weights, their degrees of freedom, and posterior draws that are kept.
PROPOSALS, FREEDOM, KEPT = 150, 6.0, 32
#: Points that the scales are drawn from at most; the surfaces are drawn given all of them.
MOST_POINTS = 150
#: Length scales (in ranges of the points) and permutations of the test for any dependence on the plane.
LENGTHS, PERMUTATIONS = (0.15, 0.5, 1.5), 999


@dataclass(frozen=True)
class Scales:
    """Draws from the posterior of the scales of a surface.

    Attributes:
        points: C and L in ranges of the points, ``[rows, 2]``.
        error: errors, centred and in units of their standard deviation, ``[rows]``.
        variance: known variance of each, in the same units, ``[rows]``.
        thetas: logarithms of both length scales, of the surface's standard deviation and of the points' own,
            ``[draws, 4]``.
        offset, unit: what ``error`` was centred by and divided by.
    """

    points: Floats
    error: Floats
    variance: Floats
    thetas: Floats
    offset: float
    unit: float
    _centre: Floats
    _range: Floats

    def surfaces(self, at: Floats, draws: int, rng: np.random.Generator) -> Floats:
        """Draw surfaces given the errors, the scales integrated out.

        Args:
            at: C and L, ``[cells, 2]``.
            draws: of the surface.
            rng: of the draws.

        Returns:
            ``[draws, cells]``, in the units of the errors.
        """
        places = (at - self._centre) / self._range
        counts = np.bincount(np.arange(draws) % len(self.thetas), minlength=len(self.thetas))
        parts = []
        for theta, count in zip(self.thetas, counts, strict=True):
            if not count:
                continue
            root = self._factor(theta)
            cross = kernel(places, self.points, theta)
            half = _solved(root, cross.T)
            # The mean is unknown: its generalised least squares estimate, and what that costs.
            ones = _solved(root, np.ones(len(self.error)))
            white = _solved(root, self.error)
            level = float(ones @ white / (ones @ ones))
            short = 1 - half.T @ ones
            middle = level + half.T @ (white - level * ones)
            spread = kernel(places, places, theta) - half.T @ half + np.outer(short, short) / (ones @ ones)
            parts.append(middle + rng.standard_normal((count, len(at))) @ _root(spread).T)
        drawn: Floats = self.offset + self.unit * np.concatenate(parts)
        return drawn

    def _factor(self, theta: Floats) -> Floats:
        covariance = kernel(self.points, self.points, theta)
        covariance[np.diag_indices_from(covariance)] += self.variance + np.exp(2 * theta[3]) + 1e-9
        return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)


def kernel(one: Floats, other: Floats, theta: Floats) -> Floats:
    """Matérn 5/2 covariance of ``one [rows, 2]`` with ``other [columns, 2]``.

    Args:
        one: points, ``[rows, 2]``.
        other: points, ``[columns, 2]``.
        theta: logarithms: 0 and 1 the length scales of C and L, 2 the standard deviation of the smooth part,
            4 that of the slope.

    Returns:
        ``[rows, columns]``.
    """
    from scipy.spatial.distance import cdist

    scale = np.exp(theta[:2])
    distance = np.sqrt(5) * cdist(one / scale, other / scale)
    smooth = np.exp(2 * theta[2]) * (1 + distance + distance**2 / 3) * np.exp(-distance)
    covariance: Floats = smooth + np.exp(2 * theta[4]) * one @ other.T
    return covariance


def draw_scales(points: Floats, error: Floats, variance: Floats, rng: np.random.Generator) -> Scales:
    """Draw the scales of a surface from their posterior.

    Args:
        points: C and L, ``[rows, 2]``.
        error: mean error (%), ``[rows]``.
        variance: of each mean, from its runs, ``[rows]``.
        rng: of the draws.

    Returns:
        The draws.
    """
    from scipy import optimize

    centre, extent = points.mean(axis=0), np.ptp(points, axis=0)
    extent = np.where(extent > 0, extent, 1.0)
    offset, unit = float(error.mean()), float(error.std()) or 1.0
    empty = np.empty((0, len(PRIOR_MEAN)))
    scaled = Scales(
        (points - centre) / extent,
        (error - offset) / unit,
        variance / unit**2,
        empty,
        offset,
        unit,
        centre,
        extent,
    )

    some = scaled
    if len(error) > MOST_POINTS:
        few = np.sort(rng.choice(len(error), MOST_POINTS, replace=False))
        some = replace(
            scaled, points=scaled.points[few], error=scaled.error[few], variance=scaled.variance[few]
        )

    def surprise(theta: Floats) -> float:
        return -_log_posterior(some, theta)

    mode = optimize.minimize(surprise, PRIOR_MEAN, method="L-BFGS-B", bounds=[(-4.0, 4.0)] * len(PRIOR_MEAN)).x
    curvature = _hessian(surprise, mode)
    values, vectors = np.linalg.eigh(curvature)
    # Nowhere wider than the prior, however flat the posterior is at its mode.
    root = vectors / np.sqrt(np.maximum(values, 1 / PRIOR_SD.max() ** 2))
    steps = (
        rng.standard_normal((PROPOSALS, len(PRIOR_MEAN)))
        / np.sqrt(rng.chisquare(FREEDOM, PROPOSALS) / FREEDOM)[:, None]
    )
    proposed = mode + steps @ root.T
    proposed = np.clip(proposed, -5.0, 5.0)
    density = -(FREEDOM + len(PRIOR_MEAN)) / 2 * np.log1p((steps**2).sum(axis=1) / FREEDOM)
    weight = np.array([_log_posterior(some, theta) for theta in proposed]) - density
    share = np.exp(weight - weight.max())
    picked = rng.choice(PROPOSALS, KEPT, p=share / share.sum())
    return replace(scaled, thetas=proposed[picked])


def dependence(points: Floats, error: Floats, rng: np.random.Generator) -> float:
    """P-value of errors that have nothing to do with C and L, by permutation of the points.

    The statistic is the largest standardised ``y' K y`` over smooth kernels of three length scales.

    Args:
        points: C and L, ``[rows, 2]``.
        error: ``[rows]``.
        rng: of the permutations.

    Returns:
        A p-value.
    """
    scaled = (points - points.mean(axis=0)) / np.maximum(np.ptp(points, axis=0), 1e-12)
    squared = ((scaled[:, None] - scaled) ** 2).sum(axis=-1)
    orders = np.stack([np.arange(len(error)), *(rng.permutation(len(error)) for _ in range(PERMUTATIONS))])
    y = (error - error.mean())[orders]
    forms = np.stack([((y @ np.exp(-squared / (2 * length**2))) * y).sum(axis=1) for length in LENGTHS])
    spread = np.maximum(forms.std(axis=1, keepdims=True), 1e-300)
    largest = ((forms - forms.mean(axis=1, keepdims=True)) / spread).max(axis=0)
    return float((largest >= largest[0] - 1e-12).mean())


def _log_posterior(scaled: Scales, theta: Floats) -> float:
    """Restricted log likelihood, the mean integrated out, plus the log prior."""
    try:
        root = scaled._factor(theta)
    except np.linalg.LinAlgError:
        return -1e12
    ones = _solved(root, np.stack([np.ones(len(scaled.error)), scaled.error], axis=1))
    inner, middle = float(ones[:, 0] @ ones[:, 0]), float(ones[:, 0] @ ones[:, 1])
    rest = float(ones[:, 1] @ ones[:, 1]) - middle**2 / inner
    likelihood = -float(np.log(np.diag(root)).sum()) - 0.5 * np.log(inner) - 0.5 * rest
    return float(likelihood - 0.5 * (((theta - PRIOR_MEAN) / PRIOR_SD) ** 2).sum())


def _hessian(function: Callable[[Floats], float], at: Floats, step: float = 0.05) -> Floats:
    size = len(at)
    eye = step * np.eye(size)
    made = np.empty((size, size))
    for i in range(size):
        for j in range(i, size):
            made[i, j] = made[j, i] = (
                function(at + eye[i] + eye[j])
                - function(at + eye[i] - eye[j])
                - function(at - eye[i] + eye[j])
                + function(at - eye[i] - eye[j])
            ) / (4 * step**2)
    return made


def _solved(root: Floats, right: Floats) -> Floats:
    """Solve with a lower triangular matrix."""
    from scipy.linalg import solve_triangular

    solution: Floats = solve_triangular(root, right, lower=True, check_finite=False)
    return solution


def _root(covariance: Floats) -> Floats:
    """Lower factor of a covariance matrix that rounding may have left a hair below positive."""
    size = np.trace(covariance) / len(covariance)
    for jitter in (1e-8, 1e-6, 1e-4):
        try:
            root = np.linalg.cholesky(covariance + jitter * size * np.eye(len(covariance)))
            return np.asarray(root, dtype=np.float64)
        except np.linalg.LinAlgError:
            continue
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)), dtype=np.float64)
