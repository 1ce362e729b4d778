"""Empirical-Bayes (REML) estimate of the discrepancy.

In coordinates where the Fisher information is the identity, each of the ``d`` coordinates of the
contrasts ``thetahat_i - thetahat_0`` is an independent draw of a K-vector with covariance

    Sigma = diag(v) + a 11',    v_i = 1 / N_i + tau_i,    a = 1 / N_0 + c,

``tau_i >= 0`` the source's own discrepancy and ``c >= 0`` a shift common to all sources. With ``S``
the K x K Gram matrix of the contrasts divided by ``d``, the log likelihood is

    -(d / 2) [ log det Sigma + trace(Sigma^-1 S) ].

It may have several maxima. EM, with the target's own error as the latent variable, runs from all
starting points at once; L-BFGS finishes the best. Sigma is diagonal plus rank one, so a step costs
O(K^2). The unknowns are bounded below by their noise floors ``1 / N_i`` and ``1 / N_0``: a
discrepancy of exactly zero sits on the bound.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

_EM_STEPS = 15
# Nats of log likelihood: with less to gain a shift has no say in the average.
_WORTH_A_SHIFT = 0.01


@dataclass(frozen=True)
class RemlFit:
    """Own discrepancies ``tau`` (K,), the common ``shift`` and the log likelihood reached."""

    tau: np.ndarray
    shift: float
    log_likelihood: float


def reml_fits(S, n_target, n_samples, n_parameters):
    """Fits without and with a common shift; the second is None where the shift is zero.

    One source's own discrepancy and a shift are one thing: the moments are the maximum.
    """
    floor = np.append(1 / n_samples, 1 / n_target)
    if len(n_samples) == 1:
        tau = np.maximum(np.diag(S) - floor[0] - floor[1], 0)
        value, _ = _negative_log_likelihood(floor + np.append(tau, 0), S)
        return RemlFit(tau, 0.0, -0.5 * n_parameters * value), None
    starts = _starts(S, floor)
    own = _polish(S, floor, _best_start(S, floor, starts, False)[0], n_parameters, False)
    starts = np.vstack([starts, _shifted_starts(S, floor), floor + np.append(own.tau, 0)])
    start, value = _best_start(S, floor, starts, True)
    if -0.5 * n_parameters * value < own.log_likelihood + _WORTH_A_SHIFT:
        return own, None
    shifted = _polish(S, floor, start, n_parameters, True)
    return own, (shifted if shifted.shift > 0 else None)


def _best_start(S, floor, starts, common_shift):
    """EM from all starts; the best point reached and its ``log det + trace``."""
    variances = _expectation_maximisation(S, floor, starts, common_shift)
    values = [_negative_log_likelihood(v, S)[0] for v in variances]
    best = int(np.argmin(values))
    return variances[best], values[best]


def _polish(S, floor, start, n_parameters, common_shift):
    lower = np.log(floor)
    # Nothing can be further away than the largest contrast seen.
    upper = np.log(4 * np.diag(S).max() + 4 * floor)
    if not common_shift:
        upper[-1] = lower[-1]

    def objective(log_variances):
        value, slope = _negative_log_likelihood(np.exp(log_variances), S)
        return value, slope * np.exp(log_variances)

    result = minimize(
        objective,
        np.clip(np.log(start), lower, upper),
        jac=True,
        method="L-BFGS-B",
        bounds=np.column_stack([lower, upper]),
        options={"maxiter": 500, "ftol": 1e-10, "gtol": 1e-5},
    )
    excess = np.where(result.x <= lower, 0.0, np.exp(result.x) - floor)
    return RemlFit(excess[:-1], float(excess[-1]), -0.5 * n_parameters * result.fun)


def _expectation_maximisation(S, floor, starts, common_shift):
    """EM steps from every row of `starts` (B, K + 1) at once.

    Given the target's error ``e ~ N(0, a)``, the contrasts ``D_i = e_i - e`` are independent; its
    posterior has precision ``p = 1/a + sum_i 1/v_i`` and mean ``-sum_i D_i / v_i / p``.
    """
    variances = starts.copy()
    for _ in range(_EM_STEPS):
        u = 1 / variances[:, :-1]
        precision = 1 / variances[:, -1] + u.sum(axis=1)
        Su = u @ S
        spread = np.sum(u * Su, axis=1) / precision**2 + 1 / precision
        v = np.diag(S) - 2 * Su / precision[:, None] + spread[:, None]
        variances[:, :-1] = np.maximum(v, floor[:-1])
        if common_shift:
            variances[:, -1] = np.maximum(spread, floor[-1])
    return variances


def _negative_log_likelihood(variances, S):
    """``log det Sigma + trace(Sigma^-1 S)`` and its derivatives in ``v`` and ``a``."""
    u, a = 1 / variances[:-1], variances[-1]
    own = S.diagonal()
    total = u.sum()
    damping = a / (1 + a * total)
    Su = S @ u
    uSu = u @ Su
    value = np.log1p(a * total) - np.log(u).sum() + own @ u - damping * uSu
    # Diagonals of Sigma^-1 and Sigma^-1 S Sigma^-1, with Sigma^-1 = diag(u) - damping u u'; then
    # 1' Sigma^-1 1 and 1' Sigma^-1 S Sigma^-1 1, with Sigma^-1 1 = shrink u.
    slope = np.empty(len(variances))
    slope[:-1] = u - damping * u**2 - u**2 * (own - 2 * damping * Su + damping**2 * uSu)
    shrink = 1 / (1 + a * total)
    slope[-1] = shrink * total - shrink**2 * uSu
    return value, slope


def _starts(S, floor):
    """Moments; all sources identical to the target; two of them in turn as a second target."""
    own = S.diagonal()
    moments = own - floor[-1]
    anchors = np.argsort(own - floor[:-1])[:2]
    distances = own + own[anchors, None] - 2 * S[anchors] - floor[:-1][anchors, None]
    tau = np.vstack([moments, floor[:-1], distances])
    return np.column_stack([np.maximum(tau, floor[:-1]), np.full(len(tau), floor[-1])])


def _shifted_starts(S, floor):
    """All that sources share taken as a shift, or all of the nearest one's contrast."""
    own = S.diagonal()
    K = len(own)
    shifts = np.array([(S.sum() - np.trace(S)) / (K * (K - 1)), own.min()])
    shifts = np.maximum(shifts, floor[-1])
    return np.column_stack([np.maximum(own - shifts[:, None], floor[:-1]), shifts])
