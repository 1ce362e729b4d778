"""Asymptotic error of the weighted maximum likelihood fit, and the weights that minimise it.

Convention. The target has ``N0`` rows of weight 1. Source ``i`` has ``n_i`` rows of weight ``w_i``.
The model has ``d`` parameters. ``J`` is the Fisher information of ONE row at the true parameters of
the target. The discrepancy is squared and divided by the number of parameters:
``G = Theta' J Theta / d``, where column i of ``Theta`` is ``theta_i - theta_0``. Its diagonal is
``tau``. The error is the expected Kullback-Leibler divergence from the true target distribution to
the fitted one. It keeps the factor 1/2: without sources the error is ``d / (2 N0)``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skuowq._utils._checks import check_sizes
from skuowq.weights.checked import error_of_rows, solve_checked

from ._arguments import (
    PARAMETERS,
    SOURCE_ROWS,
    TARGET_ROWS,
    TAU,
    WEIGHTS,
    above_zero,
    broadcast,
    discrepancy_matrix,
    not_negative,
    one_number,
    one_per_source,
    unwrap,
)

# The weight program takes discrepancies of up to 1e100.
_LEAST_WEIGHT = 1e-90


def asymptotic_error(
    n_target: float,
    n_samples: ArrayLike,
    source_weights: ArrayLike,
    discrepancy: ArrayLike,
    n_parameters: float,
) -> float | NDArray:
    """Compute the expected KL error of the weighted fit, for given weights and numbers of rows.

    The formula holds to first order in one over the numbers of rows:

        E KL = (d / 2) [N0 + s^2 t] / (N0 + s)^2,
        s = sum_i w_i n_i,    s^2 t = sum_i w_i^2 n_i + (w n)' G (w n).

    ``s^2 t`` is the variance of the sources plus their squared bias. (UOWQ, arXiv 2601.10779,
    writes the error as a sum of two fractions.) For a Gaussian mean with known covariance the
    formula is exact for all numbers of rows.

    Parameters
    ----------
    n_target : float
        Number of target rows ``N0``, above 0.
    n_samples : array-like of shape (..., n_sources)
        Number of rows used of each source, above 0. A scalar is one source.
    source_weights : array-like of shape (..., n_sources)
        Weight of one row of each source, at least 0. It may exceed 1. A scalar is one source.
        Leading axes broadcast against those of `n_samples`.
    discrepancy : array-like of shape (n_sources, n_sources)
        ``G``, symmetric and positive semidefinite. A vector is its diagonal. A scalar is one
        source.
    n_parameters : float
        ``d``, above 0. For a regularised fit, take the effective number of parameters.

    Returns
    -------
    error : float or ndarray of shape (...)
        In nats.

    Raises
    ------
    ValueError
        If a number is out of range, or the shapes do not fit together.

    See Also
    --------
    minimal_error : The error at the best weights.

    Examples
    --------
    A source that equals the target, with weight 1, is worth as many target rows as it has rows:

    >>> from skuowq.theory import asymptotic_error
    >>> round(asymptotic_error(20, 80, 1.0, 0.0, n_parameters=10), 6) + 0.0
    0.05
    >>> error = asymptotic_error(20, 80, [[0.0], [0.5], [1.0]], 0.1, n_parameters=10)
    >>> (error.round(4) + 0.0).tolist()
    [0.25, 0.2778, 0.37]
    """
    N0 = one_number("n_target", n_target, TARGET_ROWS)
    d = one_number("n_parameters", n_parameters, PARAMETERS)
    G = discrepancy_matrix(discrepancy)
    n = one_per_source("n_samples", above_zero("n_samples", n_samples, SOURCE_ROWS), len(G))
    return error_of_weights(N0, n, source_weights, G, d)


def error_of_weights(N0, n, source_weights, G, d):
    """`asymptotic_error` if all arguments but the weights have been checked."""
    w = not_negative("source_weights", source_weights, WEIGHTS)
    w = one_per_source("source_weights", w, len(G))
    try:
        with np.errstate(over="ignore"):
            mass = w * n
    except ValueError as failure:
        raise ValueError(
            f"source_weights of shape {w.shape} and n_samples of shape {n.shape} do not broadcast: "
            "pass one grid point a row in both, or a single row in one of them"
        ) from failure
    with np.errstate(all="ignore"):
        error = error_of_rows(N0, n, mass, G, d)
    if not np.all(np.isfinite(error)):
        raise too_far_apart(N0, n, G, w)
    return unwrap(error)


def too_far_apart(N0, n, G, w):
    """The exception for numbers for which the error leaves the range of double precision."""
    return ValueError(
        f"n_target is {N0:g}, n_samples goes from {np.min(n):g} to {np.max(n):g}, discrepancy to "
        f"{np.abs(G).max():g} and the weights to {np.max(w):g}: with numbers so far apart the "
        "error is out of the range of double precision; leave out sources of next to no worth"
    )


def minimal_error(
    n_target: float, n_samples: ArrayLike, discrepancy: ArrayLike, n_parameters: float
) -> float:
    """Compute the expected KL error at the best source weights, ``(d / 2) / (N0 + s*)``.

    ``s*`` says how many target rows the sources are worth (UOWQ, arXiv 2601.10779). It is
    ``1 / min_alpha t(alpha)``, where ``t(alpha) = alpha' (diag(1 / N) + G) alpha`` is minimised
    over the simplex. As ``t`` decreases in each ``N_i``, it is best to use all rows of each source.

    Parameters
    ----------
    n_target : float
        Number of target rows ``N0``, above 0.
    n_samples : array-like of shape (n_sources,)
        Number of rows available from each source, above 0. A scalar is one source.
    discrepancy : array-like of shape (n_sources, n_sources)
        ``G``, symmetric and positive semidefinite. A vector is its diagonal. A scalar is one
        source.
    n_parameters : float
        ``d``, above 0.

    Returns
    -------
    error : float
        In nats.

    Raises
    ------
    ValueError
        If a number is out of range, or the shapes do not fit together.

    Examples
    --------
    >>> from skuowq.theory import minimal_error
    >>> round(minimal_error(20, 80, 0.0, n_parameters=10), 6) + 0.0
    0.05
    >>> round(minimal_error(20, 80, 0.1, n_parameters=10), 4) + 0.0
    0.1731
    """
    N0 = one_number("n_target", n_target, TARGET_ROWS)
    d = one_number("n_parameters", n_parameters, PARAMETERS)
    G = discrepancy_matrix(discrepancy)
    n = one_per_source("n_samples", above_zero("n_samples", n_samples, SOURCE_ROWS), len(G))
    if n.ndim > 1:
        raise ValueError(
            f"n_samples has shape {n.shape}, and must be one row: each point of a grid has a "
            "program of its own, so call this function once for each"
        )
    return float(d / 2 / (N0 + best_weights(n, G).effective_source_size))


def best_weights(n, G):
    """`solve_source_weights` for a discrepancy that has been checked, which is the slow part."""
    return solve_checked(check_sizes(n, "n_samples"), G, None, None, None)


def equivalent_rows(n_samples: ArrayLike, noise_ratio: ArrayLike) -> float | NDArray:
    """Count how many target rows the rows of a noisier source are worth, ``n / r``.

    In a Gaussian linear model with unknown coefficients, a row with ``r`` times the noise variance
    of the target has ``1 / r`` of the Fisher information of a target row. All functions of this
    module hold if you pass ``n / r`` for the number of rows, and a discrepancy computed with the
    information of the target. In the fit such a row then needs the weight ``w / r``, where ``w`` is
    the weight that the theory gives. Without discrepancy this is generalised least squares.

    Parameters
    ----------
    n_samples : array-like
        Number of rows of the source, above 0.
    noise_ratio : array-like
        ``r``, the noise variance of the source divided by that of the target, above 0. Broadcasts
        against `n_samples`.

    Returns
    -------
    rows : float or ndarray

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    If the noise has twice the standard deviation, four rows are worth one. If the source is biased
    as well, the weight in the fit decreases by less than that:

    >>> from skuowq.theory import equivalent_rows, optimal_weight
    >>> n = equivalent_rows([400, 400], [1.0, 4.0])
    >>> (n.round(6) + 0.0).tolist()
    [400.0, 100.0]
    >>> weights = optimal_weight(n, 0.01) / [1.0, 4.0]
    >>> (weights.round(6) + 0.0).tolist()
    [0.2, 0.125]
    """
    n = above_zero("n_samples", n_samples, SOURCE_ROWS)
    r = above_zero("noise_ratio", noise_ratio, "pass the source's noise variance over the target's")
    n, r = broadcast(n_samples=n, noise_ratio=r)
    return unwrap(n / r)


def optimal_weight(n_source: ArrayLike, discrepancy: ArrayLike) -> float | NDArray:
    """Compute the best weight of the rows of a single source, ``w* = 1 / (1 + tau N)``.

    It does not depend on the number of target rows.

    Parameters
    ----------
    n_source : array-like
        Number of rows of the source, above 0.
    discrepancy : array-like
        ``tau``, the squared discrepancy per parameter, at least 0. Broadcasts against `n_source`.

    Returns
    -------
    weight : float or ndarray
        In (0, 1].

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> from skuowq.theory import optimal_weight
    >>> (optimal_weight(100, [0.0, 0.01, 0.09]).round(6) + 0.0).tolist()
    [1.0, 0.5, 0.1]
    """
    N = above_zero("n_source", n_source, SOURCE_ROWS)
    tau = not_negative("discrepancy", discrepancy, TAU)
    N, tau = broadcast(n_source=N, discrepancy=tau)
    return unwrap(1 / (1 + tau * N))


def implied_discrepancy(n_source: ArrayLike, weight: ArrayLike) -> float | NDArray:
    """Compute the discrepancy at which a weight is the best one, ``tau = (1 / w - 1) / N``.

    The inverse of `optimal_weight`. Given as `discrepancy`, these numbers give the sources of
    :class:`skuowq.UOWQClassifier` these weights: sources with independent contrasts have the
    optimum of single ones.

    Parameters
    ----------
    n_source : array-like
        Number of rows of the source, above 0.
    weight : array-like
        Weight of a row, in [0, 1]. Broadcasts against `n_source`.

    Returns
    -------
    discrepancy : float or ndarray
        Squared, per parameter; infinite for weights of 0, which weights below 1e-90 count as.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> from skuowq.theory import implied_discrepancy
    >>> (implied_discrepancy(100, [1.0, 0.5, 0.1]).round(6) + 0.0).tolist()
    [0.0, 0.01, 0.09]
    """
    N = above_zero("n_source", n_source, SOURCE_ROWS)
    w = not_negative("weight", weight, WEIGHTS)
    if np.any(w > 1):
        raise ValueError(
            f"weight holds {w.max():g}, and the best weight of a single source is at most 1: pass "
            "numpy.minimum(weight, 1)"
        )
    N, w = broadcast(n_source=N, weight=w)
    counts = w >= _LEAST_WEIGHT
    return unwrap(np.where(counts, (1 / np.where(counts, w, 1.0) - 1) / N, np.inf))


def optimal_quantity(
    n_target: ArrayLike, n_source: ArrayLike, discrepancy: ArrayLike
) -> float | NDArray:
    """Compute the best number of rows of a single source if each row has weight 1.

    All rows are best if ``N0 tau <= 1/2``. Otherwise ``n* = N0 / (2 N0 tau - 1)`` rows are best,
    or all rows if there are fewer. This is the rule of OTQMS, the predecessor of UOWQ, which
    chooses numbers of rows and not weights. Its error is never below that of all rows with
    `optimal_weight`.

    Parameters
    ----------
    n_target : array-like
        Number of target rows ``N0``, above 0.
    n_source : array-like
        Number of rows of the source ``N``, above 0.
    discrepancy : array-like
        ``tau``, the squared discrepancy per parameter, at least 0. The three arguments broadcast
        against each other.

    Returns
    -------
    quantity : float or ndarray
        In (0, n_source]. It is not rounded.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> from skuowq.theory import optimal_quantity
    >>> (optimal_quantity(10, 500, [0.01, 0.06, 0.3]).round(3) + 0.0).tolist()
    [500.0, 50.0, 2.0]
    """
    N0 = above_zero("n_target", n_target, TARGET_ROWS)
    N = above_zero("n_source", n_source, SOURCE_ROWS)
    tau = not_negative("discrepancy", discrepancy, TAU)
    N0, N, tau = broadcast(n_target=N0, n_source=N, discrepancy=tau)
    slope = 2 * N0 * tau - 1
    # If the slope is not positive, the error decreases in n without end.
    stationary = np.divide(N0, slope, out=np.full(N0.shape, np.inf), where=slope > 0)
    return unwrap(np.minimum(stationary, N))
