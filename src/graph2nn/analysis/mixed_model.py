"""Linear mixed models by restricted maximum likelihood (REML), with Satterthwaite's degrees of freedom.

The model is ``y ~ N(X β, Σ θ_k K_k)`` with a few variance components θ. REML (Patterson and Thompson 1971,
doi:10.1093/biomet/58.3.545) by Fisher scoring; degrees of freedom of a contrast after Satterthwaite (1946) as
in Giesbrecht and Burns (1985). Components may be estimated below zero where the model says so: in balanced
designs the answer is then exactly that of the analysis of variance (paired t, Welch, two-way), whichever the
data call for.

Blocks of many networks trained with the same seeds are reduced, without loss, to their means by seed and two
sums of squares (:class:`SumOfSquares`), so that 19,710 runs cost no more than five.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Floats

#: Fisher scoring steps at most, and the change of the log-likelihood at which they end.
STEPS, TOLERANCE = 60, 1e-8
#: Smallest eigenvalue of a covariance matrix, relative to the variance of the data.
FLOOR = 1e-9


@dataclass(frozen=True)
class SumOfSquares:
    """A sum of squares that is ``λ · χ²(freedom)`` with ``λ = Σ weights[k] θ_k``, independent of ``y``."""

    value: float
    freedom: float
    weights: Mapping[str, float]


@dataclass(frozen=True)
class Fit:
    """A fitted model.

    Attributes:
        names: of the components.
        theta: their estimates, ``[components]``.
        covariance: inverse of the expected information about ``theta`` (pseudo-inverse where components
            cannot be told apart; contrasts of means do not need to).
        v: covariance matrix of ``y``.
        beta_weights: ``[parameters, rows]``: β is ``beta_weights @ y``.
    """

    names: tuple[str, ...]
    theta: Floats
    covariance: Floats
    v: Floats
    beta_weights: Floats


@dataclass(frozen=True)
class Contrast:
    """An estimate with its interval and its two-sided p-value (of the hypothesis that it is 0).

    Attributes:
        estimate: in the units of the data.
        low, high: interval.
        p_value: two-sided.
        standard_error: of the estimate.
        freedom: Satterthwaite's degrees of freedom.
    """

    estimate: float
    low: float
    high: float
    p_value: float
    standard_error: float
    freedom: float


def student(estimate: float, variance: float, freedom: float, confidence: float = 0.95) -> Contrast:
    """Interval and p-value of an estimate with a t distribution; NaN where the variance is unknown or 0.

    Args:
        estimate: its value.
        variance: of the estimate.
        freedom: degrees of freedom. Below one, where Satterthwaite's formula finds next to nothing known about
            the variance, they count as one: the interval of two observations.
        confidence: of the interval.

    Returns:
        Estimate, interval and p-value.
    """
    from scipy import stats

    if not (np.isfinite(variance) and variance > 0 and freedom > 0):
        nan = float("nan")
        return Contrast(float(estimate), nan, nan, nan, nan, nan)
    error = float(np.sqrt(variance))
    freedom = max(freedom, 1.0)
    reach = float(stats.t.ppf((1 + confidence) / 2, freedom)) * error
    p = 2 * float(stats.t.sf(abs(estimate) / error, freedom))
    return Contrast(float(estimate), float(estimate) - reach, float(estimate) + reach, p, error, float(freedom))


def fit_mixed_model(
    y: Floats,
    x: Floats,
    components: Mapping[str, Floats],
    squares: Sequence[SumOfSquares] = (),
    *,
    bounded: Sequence[str] = (),
) -> Fit:
    """Fit a model by REML.

    Args:
        y: ``[rows]``.
        x: ``[rows, parameters]``, of full column rank.
        components: matrix ``[rows, rows]`` of each variance component, by name.
        squares: further sums of squares that inform about the components.
        bounded: components that may not be negative. The others only have to leave a covariance matrix.

    Returns:
        The fit.
    """
    names = tuple(components)
    k = np.stack([components[name] for name in names])
    problem = _Problem(y, x, k, names, tuple(squares))
    theta = problem.start()
    state = problem.at(theta)
    assert state is not None  # equal shares of the variance are inside every range
    limits = np.array([name in bounded for name in names])
    for _ in range(STEPS):
        score, information = problem.derivatives(state)
        # A component at its bound that would leave the allowed range stays there for this step.
        free = ~(limits & (theta <= 0) & (score <= 0))
        step = np.zeros(len(names))
        inside = np.ix_(free, free)
        step[free] = np.linalg.pinv(information[inside], rcond=1e-10, hermitian=True) @ score[free]
        moved = problem.search(theta, step, state, limits)
        if moved is None:
            break
        gain = moved.likelihood - state.likelihood
        theta, state = moved.theta, moved
        if gain < TOLERANCE:
            break
    _, information = problem.derivatives(state)
    free = ~(limits & (theta <= 0))
    covariance = np.zeros_like(information)
    inside = np.ix_(free, free)
    covariance[inside] = np.linalg.pinv(information[inside], rcond=1e-10, hermitian=True)
    return Fit(names, theta, covariance, state.v, state.beta_weights)


def contrast_of(
    weights: Floats,
    y: Floats,
    fitted: Fit,
    components: Mapping[str, Floats],
    *,
    never_negative: Sequence[str] = (),
    floor: Sequence[str] = (),
) -> tuple[float, float, float]:
    """Estimate ``weights @ y``, its variance and its degrees of freedom.

    Args:
        weights: ``[rows]``.
        y: ``[rows]``.
        fitted: the model of ``y``.
        components: as given to :func:`fit_mixed_model`.
        never_negative: components that are left out where their estimate is negative.
        floor: components whose negative estimates count as 0 in the variance, so that it is never below what
            the others give; the degrees of freedom still know how uncertain they are.

    Returns:
        The three.
    """
    gradient = np.array([float(weights @ components[name] @ weights) for name in fitted.names])
    negative = fitted.theta < 0
    gradient[negative & np.isin(fitted.names, list(never_negative))] = 0.0
    without = np.where(negative & np.isin(fitted.names, list(floor)), 0.0, gradient)
    variance = float(without @ fitted.theta)
    spread = max(float(slope @ fitted.covariance @ slope) for slope in (gradient, without))
    freedom = 2 * variance**2 / spread if spread > 0 else float("inf")
    return float(weights @ y), variance, freedom


def kenward_roger(weights: Floats, x: Floats, fitted: Fit, components: Mapping[str, Floats]) -> float:
    """Return what estimating the components adds to the variance of ``weights @ β`` (Kenward and Roger 1997).

    Args:
        weights: ``[parameters]``.
        x: as given to :func:`fit_mixed_model`.
        fitted: the model.
        components: as given to :func:`fit_mixed_model`.

    Returns:
        A variance, to be added.
    """
    inverse = np.linalg.inv(fitted.v)
    vx = inverse @ x
    kv = np.stack([inverse @ components[name] for name in fitted.names])
    phi = np.linalg.inv(x.T @ vx)
    # V⁻¹ K V⁻¹ X of every component, and with it P and Q of the paper.
    kvx = kv @ vx
    p = -np.einsum("ra,krb->kab", x, kvx)
    q = np.einsum("kra,lrb->klab", np.einsum("kij,ja->kia", np.stack(list(components.values())), vx), kvx)
    inner = q - np.einsum("kab,bc,lcd->klad", p, phi, p)
    total = np.einsum("kl,klab->ab", fitted.covariance, inner)
    return max(0.0, 2 * float(weights @ phi @ total @ phi @ weights))


@dataclass(frozen=True)
class _State:
    theta: Floats
    v: Floats
    p: Floats
    py: Floats
    beta_weights: Floats
    lambdas: Floats
    likelihood: float


class _Problem:
    """Likelihood and derivatives of one model."""

    def __init__(
        self, y: Floats, x: Floats, k: Floats, names: tuple[str, ...], squares: tuple[SumOfSquares, ...]
    ) -> None:
        self.y, self.x, self.k, self.squares = y, x, k, squares
        self.loads = np.array([[s.weights.get(name, 0.0) for name in names] for s in squares])
        self.loads = self.loads.reshape(len(squares), len(names))
        self.value = np.array([s.value for s in squares])
        self.freedom = np.array([s.freedom for s in squares])
        rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
        total = float((rest**2).sum()) + float(self.value.sum())
        count = max(1, len(y) - x.shape[1]) + float(self.freedom.sum())
        # Errors that are all equal leave rounding only; a much smaller scale would overflow when inverted.
        self.scale = max(total / count, 1e-20 * max(1.0, float(np.square(y).max())))

    def start(self) -> Floats:
        return np.full(len(self.k), self.scale / len(self.k))

    def at(self, theta: Floats) -> _State | None:
        v: Floats = np.tensordot(theta, self.k, axes=1).astype(np.float64)
        lambdas = self.loads @ theta
        values, vectors = np.linalg.eigh(v)
        if values[0] < FLOOR * self.scale or (len(lambdas) and lambdas.min() < FLOOR * self.scale):
            return None
        inverse = (vectors / values) @ vectors.T
        vx = inverse @ self.x
        gram = self.x.T @ vx
        weights = np.linalg.solve(gram, vx.T)
        p = inverse - vx @ weights
        py = p @ self.y
        likelihood = -0.5 * (
            float(np.log(values).sum()) + float(np.linalg.slogdet(gram)[1]) + float(self.y @ py)
        )
        likelihood -= 0.5 * float((self.freedom * np.log(lambdas) + self.value / lambdas).sum())
        return _State(theta, v, p, py, weights, lambdas, likelihood)

    def derivatives(self, state: _State) -> tuple[Floats, Floats]:
        pk = state.p @ self.k
        score = 0.5 * (np.einsum("i,kij,j->k", state.py, self.k, state.py) - np.trace(pk, axis1=1, axis2=2))
        information = 0.5 * np.einsum("aij,bji->ab", pk, pk)
        inverse = 1 / state.lambdas
        score = score + 0.5 * self.loads.T @ (self.value * inverse**2 - self.freedom * inverse)
        information = information + 0.5 * (self.loads.T * (self.freedom * inverse**2)) @ self.loads
        return score, information

    def search(
        self, theta: Floats, step: Floats, state: _State, limits: npt.NDArray[np.bool_]
    ) -> _State | None:
        """Take the largest of ever shorter steps that does not lower the likelihood."""
        for halvings in range(25):
            moved = theta + step * 0.5**halvings
            moved = np.where(limits, np.maximum(moved, 0.0), moved)
            new = self.at(moved)
            if new is not None and new.likelihood >= state.likelihood:
                return new
        return None
