"""Contrasts between domains under a penalised fit, and its effective number of parameters.

Let ``H`` be the Fisher information of one row, ``P / n`` the ridge penalty per row, and ``g`` a
difference of mean scores. One penalised Newton step gives the contrast ``delta = A^-1 g`` with
``A = H + P / n``. For several contrasts, measured by H,

    S = delta' H delta / d,    d = trace[(A^-1 H)^2].

If the scores are noise with covariance ``H / N``, then ``E[S] = 1 / N``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from skuowq._utils._factor import factorise
from skuowq._utils._warn import warn

# Lower bound for the effective number of parameters, which is 0 if H is.
_LEAST_FREE = 1e-300


def penalised_gram(H: NDArray, ridge: NDArray, contrasts: NDArray) -> tuple[NDArray, float]:
    """Compute the Gram matrix ``S`` of the contrasts and the effective number of parameters ``d``.

    The arguments are not checked.

    Parameters
    ----------
    H : ndarray of shape (n_parameters, n_parameters)
        Fisher information of one row.
    ridge : ndarray of shape (n_parameters,)
        Diagonal of ``P / n``.
    contrasts : ndarray of shape (n_parameters, n_contrasts)
        Differences of mean scores.

    Returns
    -------
    gram : ndarray of shape (n_contrasts, n_contrasts)
    n_effective : float
        ``d``, at least 1: even under a strong penalty at least one number is measured.
    """
    steps, d = _steps(H, ridge, contrasts)
    return _semidefinite(steps.T @ H @ steps / max(d, _LEAST_FREE)), max(d, 1.0)


def penalised_factor(H: NDArray, ridge: NDArray, contrasts: NDArray) -> tuple[NDArray, float]:
    """Compute ``F`` with ``S = F'F`` for very many contrasts, and ``d``.

    Parameters
    ----------
    H, ridge, contrasts
        As in `penalised_gram`.

    Returns
    -------
    factor : ndarray of shape (n_parameters, n_contrasts)
    n_effective : float
    """
    steps, d = _steps(H, ridge, contrasts)
    values, vectors = np.linalg.eigh((H + H.T) / 2)
    root = np.sqrt(np.maximum(values, 0) / max(d, _LEAST_FREE))
    return root[:, None] * (vectors.T @ steps), max(d, 1.0)


def _steps(H, ridge, contrasts):
    """Penalised Newton steps, and ``d``."""
    solve = factorise(H + np.diag(ridge))
    shrinkage = solve(H)
    return solve(contrasts), float(min(np.sum(shrinkage * shrinkage.T), len(H)))


def _semidefinite(gram):
    """The Gram matrix, with its negative eigenvalues set to 0 if rounding has made some."""
    if gram.diagonal().min(initial=0.0) >= 0:
        return gram
    values, vectors = np.linalg.eigh((gram + gram.T) / 2)
    return (vectors * np.maximum(values, 0)) @ vectors.T


def penalised_gram_by_products(
    product: Callable[[NDArray], NDArray],
    diagonal: NDArray,
    ridge: NDArray,
    contrasts: NDArray,
    rng: np.random.RandomState,
    n_probes: int = 8,
    rtol: float = 1e-3,
) -> tuple[NDArray, float]:
    """Compute `penalised_gram` without the matrix ``H``, from products ``H v`` alone.

    ``S`` comes from conjugate gradients, and ``d`` is estimated from random vectors. It warns if
    the conjugate gradients do not converge. The arguments are not checked.

    Parameters
    ----------
    product : callable
        Maps an array of shape (n_parameters, k) to H times this array.
    diagonal : ndarray of shape (n_parameters,)
        Diagonal of H, for the preconditioner.
    ridge, contrasts
        As in `penalised_gram`.
    rng : RandomState
        Draws the random vectors.
    n_probes : int, default=8
        Number of random vectors. The relative error of ``d`` is at most
        ``sqrt(2 / (n_probes d))``.
    rtol : float, default=1e-3
        Residual at which the conjugate gradients stop, relative to the right-hand side.

    Returns
    -------
    gram : ndarray of shape (n_contrasts, n_contrasts)
    n_effective : float

    Notes
    -----
    With the ridge R and ``B = R^(1/2) A^-1 R^(1/2)``, ``d = n - 2 trace B + trace B^2``. For a
    vector e of random signs, ``e'Be`` and ``|Be|^2`` estimate the two traces (Hutchinson).
    """
    n_parameters, n_contrasts = contrasts.shape
    signs = rng.choice([-1.0, 1.0], size=(n_parameters, n_probes))
    root = np.sqrt(ridge)[:, None]
    solved = conjugate_gradients(
        lambda v: product(v) + ridge[:, None] * v,
        np.hstack([contrasts, root * signs]),
        1 / (diagonal + ridge),
        rtol,
    )
    steps, reflected = solved[:, :n_contrasts], root * solved[:, n_contrasts:]
    traces = np.sum(reflected**2 - 2 * signs * reflected, axis=0)
    d = float(np.clip(n_parameters + traces.mean(), _LEAST_FREE, n_parameters))
    return steps.T @ product(steps) / d, max(d, 1.0)


def conjugate_gradients(product, columns, preconditioner, rtol, max_iter=500):
    """Solve for all columns at once, which needs one product with a matrix for each step."""
    x = np.zeros_like(columns)
    residual = columns.copy()
    z = preconditioner[:, None] * residual
    direction = z.copy()
    energy = np.sum(residual * z, axis=0)
    goal = rtol * np.linalg.norm(columns, axis=0)
    for _ in range(max_iter):
        if np.all(np.linalg.norm(residual, axis=0) <= goal):
            break
        image = product(direction)
        curvature = np.sum(direction * image, axis=0)
        # A column that is solved exactly has no curvature left along its direction.
        size = np.divide(energy, curvature, out=np.zeros_like(energy), where=curvature > 0)
        x += size * direction
        residual -= size * image
        z = preconditioner[:, None] * residual
        last, energy = energy, np.sum(residual * z, axis=0)
        direction *= np.divide(energy, last, out=np.zeros_like(energy), where=last > 0)
        direction += z
    else:
        warn(
            f"Conjugate gradients stopped after {max_iter} steps, short of a residual of {rtol:g}: "
            "the discrepancy is inexact. Scale the features or raise the penalty.",
            ConvergenceWarning,
        )
    return x
