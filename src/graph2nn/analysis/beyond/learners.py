"""Models that predict error from measures: parabola, smooth surface, ridge regression, boosted trees."""

from __future__ import annotations

import numpy as np

from graph2nn.analysis.beyond import cell_groups
from graph2nn.analysis.beyond.folds import Predictor
from graph2nn.analysis.beyond.process import fit_process
from graph2nn.analysis.beyond.surface import Surface
from graph2nn.arrays import Floats, Longs

#: Keeps the parabola's equations solvable where a measure takes two values; far below any effect.
TINY = 1e-6


def curve(x: Floats, y: Floats) -> Predictor:
    """Quadratic in the columns of ``x [rows, few]``, products included, by least squares.

    Held-out values beyond the training range are predicted as its end: a parabola is not a guide out there.
    """

    def predict(train: Longs, test: Longs) -> Floats:
        inside, outside = _scaled(x, train, test)
        design, ahead = _quadratic(inside), _quadratic(outside)
        middle = y[train].mean()
        gram = design.T @ design + TINY * len(train) * np.eye(design.shape[1])
        answer: Floats = middle + ahead @ np.linalg.solve(gram, design.T @ (y[train] - middle))
        return answer

    return predict


def ridge(x: Floats, y: Floats) -> Predictor:
    """Ridge regression on the columns of ``x [rows, many]`` and their squares; penalty by leave-one-out."""

    def predict(train: Longs, test: Longs) -> Floats:
        from sklearn.linear_model import RidgeCV
        from sklearn.preprocessing import StandardScaler

        inside, outside = _scaled(x, train, test)
        scaler = StandardScaler().fit(np.hstack([inside, inside**2]))
        model = RidgeCV(np.logspace(-2, 4, 13)).fit(scaler.transform(np.hstack([inside, inside**2])), y[train])
        answer: Floats = model.predict(scaler.transform(np.hstack([outside, outside**2])))
        return answer

    return predict


def trees(x: Floats, y: Floats, seed: int = 0) -> Predictor:
    """Gradient-boosted shallow trees on the columns of ``x [rows, any]``.

    Args:
        x: features.
        y: what is predicted, ``[rows]``.
        seed: of the trees.

    Returns:
        Fits on some rows and predicts others.
    """

    def predict(train: Longs, test: Longs) -> Floats:
        from sklearn.ensemble import HistGradientBoostingRegressor

        model = HistGradientBoostingRegressor(
            max_iter=60,
            learning_rate=0.12,
            max_leaf_nodes=8,
            min_samples_leaf=5 if len(train) < 500 else 20,
            random_state=seed,
        )
        answer: Floats = model.fit(x[train], y[train]).predict(x[test])
        return answer

    return predict


def smooth(points: Floats, y: Floats, runs: Floats, surface: Surface) -> Predictor:
    """Gaussian process over C and L, ``points [rows, 2]``, made as ``surface`` is and with its scales.

    Args:
        points: C and L.
        y: what is predicted, ``[rows]``.
        runs: behind each row, ``[rows]``.
        surface: whose scales to take.

    Returns:
        Fits on some rows and predicts others.
    """
    variance = float((surface.points["variance"] * surface.points["runs"]).iloc[0])
    cell = cell_groups.cell_numbers(points, surface.binning, cell_groups.MEDIUM)

    def predict(train: Longs, test: Longs) -> Floats:
        at, error, count = points[train], y[train], runs[train]
        if surface.pooled:
            at, error, count, _ = cell_groups.pooled(at, error, count, cell[train])
        return fit_process(at, error, variance / count, surface.process).predict(points[test])[0]

    return predict


def _scaled(x: Floats, train: Longs, test: Longs) -> tuple[Floats, Floats]:
    """Columns centred, scaled, missing values at the middle, and held to the training range."""
    inside = x[train]
    centre, scale = np.nanmean(inside, axis=0), np.nanstd(inside, axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    low, high = np.nanmin(inside, axis=0), np.nanmax(inside, axis=0)
    ahead = np.clip(x[test], low, high)
    return np.nan_to_num((inside - centre) / scale), np.nan_to_num((ahead - centre) / scale)


def _quadratic(z: Floats) -> Floats:
    upper = np.triu_indices(z.shape[1])
    products = z[:, upper[0]] * z[:, upper[1]]
    return np.hstack([np.ones((len(z), 1)), z, products])
