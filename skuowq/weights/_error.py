"""The asymptotic error of a weighted fit, without a check of the arguments.

:func:`skuowq.theory.asymptotic_error` states the formula.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._factor_form import FactorForm
from ._whole_numbers import exact_square

# Squared biases are summed exactly where rounding would move the error by more than this.
_PRECISION = 1e-10


def error_of_rows(N0: float, n: NDArray, mass: NDArray, G: NDArray, d: float) -> NDArray:
    """Expected KL error of a weighted fit, to first order.

    Parameters
    ----------
    N0 : float
        Rows of the target.
    n : ndarray of shape (n_sources,)
        Rows of each source.
    mass : ndarray of shape (..., n_sources)
        The weight of each source times its rows.
    G : ndarray of shape (n_sources, n_sources)
        Discrepancies, squared and per parameter.
    d : float
        Number of parameters.

    Returns
    -------
    error : ndarray of shape (...)
    """
    variance, squared_bias = parts_of_rows(N0, n, mass, G, d)
    return variance + squared_bias


def parts_of_rows(
    N0: float, n: NDArray, mass: NDArray, G: NDArray, d: float
) -> tuple[NDArray, NDArray]:
    """The two parts of `error_of_rows`, which add up to it.

    Parameters
    ----------
    N0, n, mass, G, d
        As in `error_of_rows`.

    Returns
    -------
    variance, squared_bias : ndarray of shape (...)
    """
    # By shares of the fit, whose squares stay in range where those of rows would not.
    total = N0 + mass.sum(axis=-1)
    share = mass / total[..., None]
    variance = N0 / total / total + (share**2 / n).sum(axis=-1)
    return d / 2 * variance, d / 2 * _squared_bias(share, G, variance)


def _squared_bias(share, G, variance):
    """``share' G share`` for every row of shares, exactly where its digits cancel."""
    if isinstance(G, FactorForm):
        return G.quadratic(share)
    value = np.asarray(((share @ G) * share).sum(axis=-1))
    rounding = np.finfo(float).eps * ((np.abs(share) @ np.abs(G)) * np.abs(share)).sum(axis=-1)
    cancelled = rounding > _PRECISION * (variance + value)
    if np.any(cancelled):
        value[cancelled] = [exact_square(row, G) for row in share[cancelled]]
    # Rounding may have made the square of a discrepancy negative, where biases cancel.
    return np.maximum(value, 0.0)
