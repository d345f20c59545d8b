"""Parabola through points, with the confidence band of its mean."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import Floats
from graph2nn.errors import UserError


@dataclass(frozen=True)
class Quadratic:
    """A least-squares parabola a·x² + b·x + c.

    Attributes:
        coefficients: (a, b, c).
        r2: share of the variance of y that the parabola explains; NaN if y does not vary.
        points: number of points fitted.
        x_min, x_max: range of the points; outside it the parabola is a guess.
        vertex: (x, y) of the turning point, or None for a straight line. A minimum where a > 0.
        residual: standard deviation of y about the parabola, with n − 3 degrees of freedom.

    Example:
        >>> x, y = quadratic_fit([0, 1, 2, 3, 4], [5, 2, 1, 2, 5]).vertex
        >>> round(x, 6), round(y, 6)
        (2.0, 1.0)
    """

    coefficients: tuple[float, float, float]
    r2: float
    points: int
    x_min: float
    x_max: float
    vertex: tuple[float, float] | None
    residual: float
    _centre: float = field(repr=False)
    _scale: float = field(repr=False)
    _beta: Floats = field(repr=False, compare=False)
    _spread: Floats = field(repr=False, compare=False)

    def predict(self, x: npt.ArrayLike) -> Floats:
        """Height of the parabola at ``x``, the shape of ``x``."""
        height: Floats = self._design(x) @ self._beta
        return height

    def band(self, x: npt.ArrayLike, *, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Low and high ends of the pointwise interval of the mean at ``x``.

        The textbook one: t quantile times the standard error of the fit, which takes the points as
        independent and evenly spread about a true parabola.
        """
        from scipy import stats

        design = self._design(x)
        error = self.residual * np.sqrt(np.einsum("...i,ij,...j->...", design, self._spread, design))
        reach = float(stats.t.ppf((1 + confidence) / 2, self.points - 3)) * error
        middle: Floats = design @ self._beta
        return middle - reach, middle + reach

    def _design(self, x: npt.ArrayLike) -> Floats:
        z = (np.asarray(x, dtype=np.float64) - self._centre) / self._scale
        return np.stack([z**2, z, np.ones_like(z)], axis=-1)


def group_means(
    x: npt.ArrayLike, y: npt.ArrayLike, groups: int, *, confidence: float = 0.95
) -> tuple[Floats, Floats, Floats]:
    """Mean x and mean y with its interval in groups of neighbouring x of as equal sizes as can be.

    Args:
        x: ``[points]``.
        y: ``[points]``.
        groups: number of groups; each needs two points.
        confidence: of the intervals, Student's, with the scatter pooled over the groups.

    Returns:
        Means of x, means of y and half the widths of their intervals, each ``[groups]``.
    """
    from scipy import stats

    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    parts = np.array_split(np.argsort(xs, kind="stable"), groups)
    middle = np.array([xs[part].mean() for part in parts])
    height = np.array([ys[part].mean() for part in parts])
    freedom = len(xs) - groups
    variance = sum(((ys[part] - ys[part].mean()) ** 2).sum() for part in parts) / freedom
    quantile = float(stats.t.ppf((1 + confidence) / 2, freedom))
    return middle, height, quantile * np.sqrt(variance / np.array([len(part) for part in parts]))


def lack_of_fit(fit: Quadratic, x: npt.ArrayLike, y: npt.ArrayLike, groups: int) -> float:
    """P-value of an F-test that group means depart from a parabola no more than chance.

    Args:
        fit: parabola through the points.
        x: ``[points]``.
        y: ``[points]``.
        groups: of neighbouring x, more than three.

    Returns:
        A p-value.
    """
    from scipy import stats

    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    rest = ys - fit.predict(xs)
    parts = np.array_split(np.argsort(xs, kind="stable"), groups)
    within = float(sum(((rest[part] - rest[part].mean()) ** 2).sum() for part in parts))
    between = max(0.0, float((rest**2).sum()) - within)
    freedom = (groups - 3, len(xs) - groups)
    if within <= 0:
        return float("nan")
    return float(stats.f.sf((between / freedom[0]) / (within / freedom[1]), *freedom))


def quadratic_fit(x: npt.ArrayLike, y: npt.ArrayLike) -> Quadratic | None:
    """Fit a parabola by least squares.

    Args:
        x: ``[points]``.
        y: ``[points]``.

    Returns:
        The parabola, or None with fewer than four distinct x: three always lie on one exactly.

    Raises:
        UserError: x and y differ in length, or hold something that is not finite.

    Example:
        >>> parabola = quadratic_fit([0, 1, 2, 3, 4], [5, 2, 1, 2, 5])
        >>> round(parabola.r2, 6), parabola.points
        (1.0, 5)
    """
    xs, ys = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    if len(xs) != len(ys):
        raise UserError(f"quadratic_fit: {len(xs)} values of x and {len(ys)} of y; they come in pairs.")
    if not (np.isfinite(xs).all() and np.isfinite(ys).all()):
        raise UserError("quadratic_fit: x and y must be finite; drop the points that are not.")
    if len(np.unique(xs)) < 4:
        return None
    # Centred and scaled, the normal equations stay well conditioned whatever the units of x.
    centre, scale = float(xs.mean()), float(np.ptp(xs)) / 2
    z = (xs - centre) / scale
    design = np.stack([z**2, z, np.ones_like(z)], axis=-1)
    if np.linalg.matrix_rank(design) < 3:  # x apart by less than its rounding
        return None
    beta: Floats = np.linalg.lstsq(design, ys, rcond=None)[0].astype(np.float64)
    rest = float(((ys - design @ beta) ** 2).sum())
    total = float(((ys - ys.mean()) ** 2).sum())
    a, b = float(beta[0]) / scale**2, float(beta[1]) / scale - 2 * float(beta[0]) * centre / scale**2
    c = float(beta[2]) - float(beta[1]) * centre / scale + float(beta[0]) * (centre / scale) ** 2
    bends = abs(float(beta[0])) > 1e-12 * max(1.0, float(np.abs(ys).max()))
    top = -float(beta[1]) / (2 * float(beta[0])) if bends else 0.0
    vertex = (centre + scale * top, float(beta[2]) + float(beta[1]) * top / 2) if bends else None
    return Quadratic(
        coefficients=(a, b, c),
        r2=1 - rest / total if total > 1e-24 * max(1.0, float((ys**2).sum())) else float("nan"),
        points=len(xs),
        x_min=float(xs.min()),
        x_max=float(xs.max()),
        vertex=vertex,
        residual=float(np.sqrt(rest / (len(xs) - 3))),
        _centre=centre,
        _scale=scale,
        _beta=beta,
        _spread=np.linalg.inv(design.T @ design).astype(np.float64),
    )
