"""Spectral radius of a sparse matrix given by its connections."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, eigs

from graph2nn.errors import UserError

#: Up to this many nodes all eigenvalues are computed.
DENSE = 256
#: Above this many connections a multiplication takes long: accuracy is asked for less, and given up sooner.
MANY = 1_000_000


def spectral_radius(
    edge_index: npt.NDArray[np.int64], weights: npt.NDArray[np.float64], n: int, *, seed: int = 0
) -> float:
    """Return the largest absolute eigenvalue of the matrix whose row ``to`` reads column ``from``.

    Small matrices are solved densely, larger ones by ARPACK's implicitly restarted Arnoldi iteration
    (Lehoucq, Sorensen and Yang, 1998). Where that does not converge, because many eigenvalues have nearly the
    same size, the growth of a vector over 200 multiplications is taken, accurate to about a percent. Above
    a million connections the iteration is given up sooner, and 80 multiplications are taken.

    Args:
        edge_index: ``[2, connections]``, from and to.
        weights: ``[connections]``.
        n: number of nodes.
        seed: of the vector that the iteration starts from; the result depends on it within its accuracy.

    Returns:
        The radius, above 0.

    Raises:
        UserError: the connections form no cycle: every eigenvalue is 0.

    Example:
        >>> import numpy as np
        >>> spectral_radius(np.array([[0, 1], [1, 0]]), np.array([2.0, 0.5]), 2)
        1.0
    """
    source, target = edge_index
    matrix = sparse.csr_array((weights, (target, source)), shape=(n, n))
    components, _ = connected_components(matrix, directed=True, connection="strong")
    if components == n and not matrix.diagonal().any():
        raise UserError(
            "connectome: the connections form no cycle, so that the spectral radius is 0 whatever the weights; "
            "use spectral_radius=None."
        )
    if n <= DENSE:
        return float(np.abs(np.linalg.eigvals(matrix.toarray())).max())
    start = np.random.default_rng(seed).standard_normal(n)
    many = len(weights) > MANY
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            largest = eigs(
                matrix, k=1, which="LM", v0=start, ncv=40, tol=1e-2 if many else 1e-4,
                maxiter=4 if many else 50, return_eigenvectors=False,
            )  # fmt: skip
        return float(np.abs(largest[0]))
    except (ArpackNoConvergence, ArpackError):
        return _growth(matrix, start, 80 if many else 200)


def _growth(matrix: sparse.csr_array, vector: npt.NDArray[np.float64], steps: int) -> float:
    """Return the mean growth of a vector per multiplication, over the second half of the steps."""
    logarithms = []
    for _ in range(steps):
        length = float(np.linalg.norm(vector))
        vector = matrix @ (vector / length)
        logarithms.append(np.log(np.linalg.norm(vector)))
    return float(np.exp(np.mean(logarithms[steps // 2 :])))
