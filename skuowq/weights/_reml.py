"""Estimate the discrepancy of each source by restricted maximum likelihood (REML).

Take coordinates in which the Fisher information is the identity. Then each of the ``d`` coordinates
of the contrasts ``thetahat_i - thetahat_0`` is an independent draw of a vector of length K with
covariance

    Sigma = diag(v) + 11' / N_0,    v_i = 1 / N_i + tau_i,

where ``tau_i >= 0`` is the own discrepancy of source i. Let ``S`` be the K x K Gram matrix of the
contrasts, divided by ``d``. The log likelihood is

    -(d / 2) [ log det Sigma + trace(Sigma^-1 S) ].

It may have several maxima. First EM runs from all starting points at once, with the error of the
target's fit as the latent variable. Then L-BFGS improves the best result. Sigma is diagonal plus
rank one, so a step costs O(K^2). Each ``v_i`` has the lower bound ``1 / N_i``; on this bound the
discrepancy is exactly 0.
"""

import numpy as np
from scipy.optimize import minimize

_EM_STEPS = 15
# A shift that is smaller, beside the largest squared contrast, is none.
_LEAST_SHIFT = 1e-4


def reml_fit(S, n_target, n_samples):
    """Own discrepancies at the best maximum found from a few starting points.

    Parameters
    ----------
    S : ndarray of shape (n_sources, n_sources)
    n_target : float
    n_samples : ndarray of shape (n_sources,)

    Returns
    -------
    tau : ndarray of shape (n_sources,)
    """
    floor = 1 / n_samples
    starts = _expectation_maximisation(S, floor, 1 / n_target, _starts(S, floor, 1 / n_target))
    target, everywhere = np.array([1 / n_target]), np.ones((len(S), 1))
    values = [negative_log_likelihood(v, target, everywhere, S)[0] for v in starts]
    best = starts[np.argmin(values)]
    _, variances, _ = likelihood_maximum(best, np.zeros(0), everywhere, S, n_target, floor)
    return variances - floor


def likelihood_maximum(variances, shifts, loadings, S, n_target, floor):
    """The likelihood's maximum near a start.

    Parameters
    ----------
    variances : ndarray of shape (n_sources,)
        ``v`` at the start.
    shifts : ndarray of shape (n_groups,)
        What groups share, at the start.
    loadings : ndarray of shape (n_sources, 1 + n_groups)
        A column of ones, for the target's error, and the groups' members.
    S : ndarray of shape (n_sources, n_sources)
    n_target : float
    floor : ndarray of shape (n_sources,)
        Least variances.

    Returns
    -------
    value : float
        Of `negative_log_likelihood`.
    variances : ndarray of shape (n_sources,)
        Exactly `floor` on that bound.
    shifts : ndarray of shape (n_groups,)
    """
    K, largest = len(floor), S.diagonal().max()
    least = np.append(floor, np.full(len(shifts), _LEAST_SHIFT * largest))
    # No source is further away than the largest contrast observed.
    most = np.append(4 * largest + 4 * floor, np.full(len(shifts), 4 * largest))
    lower, upper = np.log(least), np.log(most)

    def objective(logarithms):
        values = np.exp(logarithms)
        shared = np.append(1 / n_target, values[K:])
        value, slope, shared_slope = negative_log_likelihood(values[:K], shared, loadings, S)
        return value, np.append(slope, shared_slope[1:]) * values

    result = minimize(
        objective,
        np.clip(np.log(np.append(variances, shifts)), lower, upper),
        jac=True,
        method="L-BFGS-B",
        bounds=np.column_stack([lower, upper]),
        options={"maxiter": 500, "ftol": 1e-10, "gtol": 1e-5},
    )
    found = np.where(result.x <= lower, least, np.exp(result.x))
    return result.fun, np.maximum(found[:K], floor), found[K:]


def _expectation_maximisation(S, floor, target_noise, starts):
    """EM steps from all rows of `starts` (n_starts, n_sources) at once.

    Given the target's error ``e ~ N(0, 1 / N_0)``, the contrasts ``D_i = e_i - e`` are
    independent; its posterior has precision ``p = N_0 + sum_i 1 / v_i`` and mean
    ``-sum_i D_i / v_i / p``.
    """
    variances = starts
    for _ in range(_EM_STEPS):
        u = 1 / variances
        precision = 1 / target_noise + u.sum(axis=1)
        Su = u @ S
        spread = np.sum(u * Su, axis=1) / precision**2 + 1 / precision
        v = S.diagonal() - 2 * Su / precision[:, None] + spread[:, None]
        variances = np.maximum(v, floor)
    return variances


def negative_log_likelihood(variances, shared, loadings, S):
    """``log det Sigma + trace(Sigma^-1 S)`` and its derivatives.

    ``Sigma = diag(v) + A diag(c) A'``. As ``A`` has few columns, a call costs O(K^2).

    Parameters
    ----------
    variances : ndarray of shape (n_sources,)
        ``v``, above 0.
    shared : ndarray of shape (n_shared,)
        ``c``, above 0: variances of what several sources have in common.
    loadings : ndarray of shape (n_sources, n_shared)
        ``A``: 1 for a source that has its part of it, 0 for one that has none.
    S : ndarray of shape (n_sources, n_sources)

    Returns
    -------
    value : float
    slope : ndarray of shape (n_sources,)
        In ``v``.
    shared_slope : ndarray of shape (n_shared,)
        In ``c``.
    """
    u = 1 / variances
    own = S.diagonal()
    B, inner, damped = low_rank_parts(u, shared, loadings)
    R = np.linalg.inv(damped)
    M = R * shared
    BM, SB = B @ M, S @ B
    BSB = B.T @ SB
    value = np.linalg.slogdet(damped)[1] - np.log(u).sum() + own @ u - np.sum(M * BSB)
    # Diagonals of Sigma^-1 and of Sigma^-1 S Sigma^-1.
    precision = u - np.sum(BM * B, axis=1)
    explained = u**2 * own - 2 * u * np.sum(SB * BM, axis=1) + np.sum((BM @ BSB) * BM, axis=1)
    shared_slope = np.diag(inner @ R) - np.diag(R.T @ BSB @ R)
    return value, precision - explained, shared_slope


def low_rank_parts(u, shared, loadings):
    """``B = diag(u) A``, ``A'B`` and ``I + diag(c) A'B``, the inverse of the last being ``R``.

    Then ``Sigma^-1 = diag(u) - B R diag(c) B'`` and ``Sigma^-1 A = B R``.
    """
    B = u[:, None] * loadings
    inner = loadings.T @ B
    return B, inner, np.eye(len(shared)) + shared[:, None] * inner


def _starts(S, floor, target_noise):
    """Starts: moments; all sources equal to the target; each of the two nearest as a target."""
    own = S.diagonal()
    anchors = np.argsort(own - floor)[:2]
    distances = own + own[anchors, None] - 2 * S[anchors] - floor[anchors, None]
    return np.maximum(np.vstack([own - target_noise, floor, distances]), floor)
