"""Error model of a search: expected test error over (C, log L, log k), with the noise of training seeds."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from graph2nn.arrays import Floats
from graph2nn.experiments.search.space import Rows, Space
from graph2nn.experiments.search.trials import Trial

#: Where the hyperparameters are expected before any training: length scales as shares of the pool's range,
#: signal and noise as shares of the variance of the errors seen. A dozen noisy errors cannot tell them, so they
#: are held near these by a log-normal prior of this many e-folds. Chosen by replays of the published MLP and
#: ResNet-34.
LENGTH, SIGNAL, NOISE, DOUBT = 0.6, 2.5, 0.4, 0.25
#: Bounds of them all, which only keep the arithmetic sound.
BOUNDS = (1e-3, 1e3)
#: Hyperparameters are fitted to at most this many errors; the cost grows with their cube.
MOST = 800
#: How errors of longer training runs follow those of shorter ones, before any is seen: slope and its deviation.
SLOPE, SLOPE_SD = 1.0, 0.5


class _Regressor(Protocol):
    kernel_: object

    def predict(
        self, points: Floats, return_std: bool = ..., return_cov: bool = ...
    ) -> tuple[Floats, Floats]: ...


@dataclass(frozen=True)
class ExpectedError:
    """Expected error of a training run of ``epochs`` epochs over the space.

    A Gaussian process with a Matérn kernel; where shorter training runs are known too, it models what is left
    after a multiple of *their* surface is subtracted (Kennedy and O'Hagan 2000).

    Attributes:
        space: the graphs.
        epochs: of the training runs whose error it is.
        noise: standard deviation of one training's error around the surface, points of error.
        below: the surface of shorter training runs, if any, and ``slope`` its multiple.

    Example:
        >>> from graph2nn import catalogue
        >>> from graph2nn.experiments.search import Proposal
        >>> trials = [Trial(Proposal(row, 1, 5), 30.0 + row) for row in range(8)]
        >>> mean, sd = fit_error(Space(catalogue("n64-52")), trials).band()
        >>> mean.shape, bool(sd.min() > 0)
        ((52,), True)
    """

    space: Space
    epochs: int
    noise: float
    model: _Regressor
    centre: float
    scale: float
    below: ExpectedError | None = None
    slope: float = 0.0

    def joint(self, rows: Rows) -> tuple[Floats, Floats]:
        """Mean ``[rows]`` and covariance ``[rows, rows]`` of the expected errors of some graphs (%)."""
        mean, covariance = self.model.predict(self.space.features[rows], return_cov=True)
        # scikit-learn predicts new observations: their noise is not uncertainty of the surface.
        covariance = self.scale**2 * covariance - self.noise**2 * np.eye(len(rows))
        mean = self.centre + self.scale * mean
        if self.below is None:
            return mean, covariance
        lower, spread = self.below.joint(rows)
        return mean + self.slope * lower, covariance + self.slope**2 * spread

    def band(self, rows: Rows | None = None) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the expected errors of some or all graphs (%), ``[rows]`` each."""
        features = self.space.features if rows is None else self.space.features[rows]
        mean, sd = self.model.predict(features, return_std=True)
        mean = self.centre + self.scale * mean
        variance = np.maximum(self.scale**2 * sd**2 - self.noise**2, 0)
        if self.below is None:
            return mean, np.sqrt(variance)
        lower, spread = self.below.band(rows)
        return mean + self.slope * lower, np.sqrt(variance + (self.slope * spread) ** 2)


def fit_error(space: Space, trials: Sequence[Trial]) -> ExpectedError:
    """Fit the surface of the longest training runs among ``trials``, by way of the shorter ones.

    A training run that diverged counts as the worst error seen of its length.

    Raises:
        ValueError: no trial that ended with a number.

    Example:
        >>> from graph2nn import catalogue
        >>> from graph2nn.experiments.search import Proposal
        >>> trials = [Trial(Proposal(row, 1, 5), 30.0 + row) for row in range(8)]
        >>> fit_error(Space(catalogue("n64-52")), trials).epochs
        5
    """
    surface = None
    for epochs in sorted({trial.proposal.epochs for trial in trials}):
        longest = [trial for trial in trials if trial.proposal.epochs == epochs]
        if all(trial.diverged for trial in longest):
            continue
        worst = max(trial.error for trial in longest if not trial.diverged)
        rows = np.array([trial.proposal.row for trial in longest], dtype=np.int64)
        errors = np.array([worst if trial.diverged else trial.error for trial in longest])
        surface = fit_errors(space, rows, errors, epochs, below=surface)
    if surface is None:
        raise ValueError("a surface needs at least one training that ended with a number")
    return surface


def fit_errors(
    space: Space, rows: Rows, errors: Floats, epochs: int, below: ExpectedError | None = None
) -> ExpectedError:
    """Fit the errors (%) of training runs of one length; the likeliest hyperparameters given the prior.

    Args:
        space: the graphs.
        rows: graph of each run.
        errors: of each run.
        epochs: length of the runs.
        below: surface of shorter runs, a multiple of which is the prior mean; None for none.

    Returns:
        The surface.
    """
    slope, residual = 0.0, errors
    if below is not None:
        lower, _ = below.band(rows)
        slope = _slope(lower, errors, below.noise)
        residual = errors - slope * lower
    centre, scale = float(residual.mean()), float(residual.std())
    # A single training, or equal ones, say nothing about the spread; the level below may.
    scale = scale or (below.noise if below else 1.0)
    model = _regress(space.features[rows], (residual - centre) / scale)
    noise = scale * float(np.sqrt(model.kernel_.k2.noise_level))  # type: ignore[attr-defined]
    return ExpectedError(space, epochs, noise, model, centre, scale, below, slope)


def _slope(lower: Floats, errors: Floats, noise: float) -> float:
    """Slope of errors against the surface below, drawn towards the one expected before any was seen."""
    centred = lower - lower.mean()
    weight = max(noise, 1e-6) ** 2 / SLOPE_SD**2
    return float((centred @ (errors - errors.mean()) + weight * SLOPE) / (centred @ centred + weight))


def _regress(points: Floats, targets: Floats) -> _Regressor:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    lengths = np.full(points.shape[1], LENGTH)
    kernel = ConstantKernel(SIGNAL, BOUNDS) * Matern(lengths, BOUNDS, nu=2.5) + WhiteKernel(NOISE, BOUNDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = GaussianProcessRegressor(kernel, optimizer=_most_plausible)
        some = np.unique(np.linspace(0, len(points) - 1, MOST).round().astype(np.int64))
        if len(some) < len(points):
            kernel = model.fit(points[some], targets[some]).kernel_
            model = GaussianProcessRegressor(kernel, optimizer=None)
        fitted: _Regressor = model.fit(points, targets)
    return fitted


def _most_plausible(
    objective: Callable[[Floats], tuple[float, Floats]], start: Floats, bounds: Floats
) -> tuple[Floats, float]:
    """Minimise scikit-learn's negative log likelihood of log hyperparameters, less that of the prior."""
    from scipy import optimize

    def penalised(theta: Floats) -> tuple[float, Floats]:
        value, gradient = objective(theta)
        off = (theta - start) / DOUBT
        return float(value + 0.5 * off @ off), gradient + off / DOUBT

    result = optimize.minimize(
        penalised, start, jac=True, bounds=[(low, high) for low, high in bounds], method="L-BFGS-B"
    )
    return result.x, float(result.fun)
