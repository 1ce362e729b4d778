"""Empirical-Bayes (REML) estimate of the discrepancy.

In coordinates where the Fisher information is the identity, each of the ``d`` coordinates of the
contrasts ``thetahat_i - thetahat_0`` is an independent draw of a K-vector with covariance

    Sigma = diag(v) + a 11',    v_i = 1 / N_i + tau_i,    a = 1 / N_0 + c,

``tau_i >= 0`` the source's own discrepancy and ``c >= 0`` a shift common to all sources. With ``S``
the K x K Gram matrix of the contrasts divided by ``d``, the log likelihood is

    -(d / 2) [ log det Sigma + trace(Sigma^-1 S) ].

Sigma is diagonal plus rank one, so a step costs O(K^2). The unknowns are ``log v`` and ``log a``,
bounded below by their noise floors: a discrepancy of exactly zero sits on the bound.
"""

import numpy as np
from scipy.optimize import minimize


def reml_discrepancy(contrast_gram, n_target, n_samples, n_parameters, *, common_shift):
    """Maximise the likelihood over ``tau`` and, if asked, the common shift ``c``.

    Returns
    -------
    tau : ndarray of shape (n_sources,)
    shift : float
    log_likelihood : float
    """
    floor = 1 / n_samples
    shift_floor = 1 / n_target
    own = np.diag(contrast_gram)
    if len(floor) == 1:
        # One source: moments are the maximum, and its own discrepancy and a shift are one thing.
        tau = np.maximum(own - floor - shift_floor, 0)
        value, _, _ = _negative_log_likelihood(floor + tau, shift_floor, contrast_gram)
        return tau, 0.0, -0.5 * n_parameters * value
    lower = np.log(np.append(floor, shift_floor))
    # Nothing can be further away than the largest contrast seen.
    upper = np.maximum(lower, np.log(4 * own.max() + 4 * np.append(floor, shift_floor)))
    if not common_shift:
        upper[-1] = lower[-1]

    def objective(log_variances):
        variances = np.exp(log_variances)
        value, slope, shift_slope = _negative_log_likelihood(
            variances[:-1], variances[-1], contrast_gram
        )
        return value, np.append(slope, shift_slope) * variances

    best = None
    for start in _starts(contrast_gram, floor, shift_floor, common_shift):
        start = np.clip(np.log(start), lower, upper)
        result = minimize(
            objective,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=np.column_stack([lower, upper]),
            options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-9},
        )
        if best is None or result.fun < best.fun:
            best = result
    variances = np.exp(best.x)
    at_floor = best.x <= lower
    excess = np.where(at_floor, 0, np.maximum(variances - np.append(floor, shift_floor), 0))
    return excess[:-1], float(excess[-1]), -0.5 * n_parameters * best.fun


def _negative_log_likelihood(v, a, S):
    """``log det Sigma + trace(Sigma^-1 S)`` and its derivatives in ``v`` and ``a``."""
    u = 1 / v
    damping = a / (1 + a * u.sum())
    Su = S @ u
    uSu = u @ Su
    value = np.log(v).sum() + np.log1p(a * u.sum()) + np.diag(S) @ u - damping * uSu
    # diag(Sigma^-1) and diag(Sigma^-1 S Sigma^-1), Sigma^-1 = diag(u) - damping u u'.
    inverse = u - damping * u**2
    middle = u**2 * (np.diag(S) - 2 * damping * Su + damping**2 * uSu)
    # 1' Sigma^-1 1 and 1' Sigma^-1 S Sigma^-1 1, with Sigma^-1 1 = shrink * u.
    shrink = 1 - damping * u.sum()
    return value, inverse - middle, shrink * u.sum() - shrink**2 * uSu


def _starts(S, floor, shift_floor, common_shift):
    """Starting points ``(v, a)``: the likelihood may have several maxima."""
    own = np.diag(S)
    yield np.append(np.maximum(own - shift_floor, floor), shift_floor)
    yield np.append(floor, shift_floor)
    # A source taken as a second target: the others' discrepancy is their distance to it.
    for anchor in np.argsort(own - floor)[:2]:
        distance = own + own[anchor] - 2 * S[:, anchor]
        yield np.append(np.maximum(distance - floor[anchor], floor), shift_floor)
    if common_shift:
        K = len(own)
        between = (S.sum() - np.trace(S)) / (K * (K - 1))
        for shift in (between, own.min()):
            shift = max(shift, shift_floor)
            yield np.append(np.maximum(own - shift, floor), shift)
