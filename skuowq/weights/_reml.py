"""Empirical-Bayes (REML) estimate of every source's own discrepancy.

In coordinates where the Fisher information is the identity, each of the ``d`` coordinates of the
contrasts ``thetahat_i - thetahat_0`` is an independent draw of a K-vector with covariance

    Sigma = diag(v) + 11' / N_0,    v_i = 1 / N_i + tau_i,

``tau_i >= 0`` the source's own discrepancy. With ``S`` the K x K Gram matrix of the contrasts
divided by ``d``, the log likelihood is

    -(d / 2) [ log det Sigma + trace(Sigma^-1 S) ].

It may have several maxima. EM, with the target's own error as the latent variable, runs from all
starting points at once; L-BFGS finishes the best. Sigma is diagonal plus rank one, so a step costs
O(K^2). The unknowns are bounded below by their noise floors ``1 / N_i``: a discrepancy of exactly
zero sits on the bound.
"""

import numpy as np
from scipy.optimize import minimize

_EM_STEPS = 15


def reml_fit(S, n_target, n_samples):
    """Own discrepancies ``tau`` (K,) at the best maximum found from a few starting points."""
    floor = 1 / n_samples
    starts = _expectation_maximisation(S, floor, 1 / n_target, _starts(S, floor, 1 / n_target))
    values = [_negative_log_likelihood(v, S, n_target)[0] for v in starts]
    lower = np.log(floor)
    # Nothing can be further away than the largest contrast seen.
    upper = np.log(4 * np.diag(S).max() + 4 * floor)

    def objective(log_variances):
        value, slope = _negative_log_likelihood(np.exp(log_variances), S, n_target)
        return value, slope * np.exp(log_variances)

    result = minimize(
        objective,
        np.clip(np.log(starts[np.argmin(values)]), lower, upper),
        jac=True,
        method="L-BFGS-B",
        bounds=np.column_stack([lower, upper]),
        options={"maxiter": 500, "ftol": 1e-10, "gtol": 1e-5},
    )
    return np.where(result.x <= lower, 0.0, np.exp(result.x) - floor)


def _expectation_maximisation(S, floor, target_noise, starts):
    """EM steps from every row of `starts` (B, K) at once.

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
        v = np.diag(S) - 2 * Su / precision[:, None] + spread[:, None]
        variances = np.maximum(v, floor)
    return variances


def _negative_log_likelihood(variances, S, n_target):
    """``log det Sigma + trace(Sigma^-1 S)``, short of a constant, and its derivatives in ``v``."""
    u = 1 / variances
    own = S.diagonal()
    total = u.sum()
    damping = 1 / (n_target + total)
    Su = S @ u
    uSu = u @ Su
    value = np.log1p(total / n_target) - np.log(u).sum() + own @ u - damping * uSu
    # Diagonals of Sigma^-1 and Sigma^-1 S Sigma^-1, with Sigma^-1 = diag(u) - damping u u'.
    slope = u - damping * u**2 - u**2 * (own - 2 * damping * Su + damping**2 * uSu)
    return value, slope


def _starts(S, floor, target_noise):
    """Moments; all sources identical to the target; two of them in turn as a second target."""
    own = S.diagonal()
    anchors = np.argsort(own - floor)[:2]
    distances = own + own[anchors, None] - 2 * S[anchors] - floor[anchors, None]
    return np.maximum(np.vstack([own - target_noise, floor, distances]), floor)
