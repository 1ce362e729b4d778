"""Claim: the weighted fit is normally distributed around the weighted mean of the true parameters.

With the shares ``lambda_i = w_i n_i / (N0 + s)``, its limit distribution is

    N( theta_0 + sum_i lambda_i (theta_i - theta_0),  J^-1 [N0 + sum_i w_i^2 n_i] / (N0 + s)^2 ).
"""

from functools import partial

import numpy as np
from scipy.stats import chi2, norm

from ._errors import width_of
from ._plan import Plan

_LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9, 0.99])


def plan_normality(setting):
    d, K = setting.n_parameters, setting.n_sources
    n = setting.n_samples
    w = setting.optimal_weights()
    total = setting.n_target + w @ n
    mean = setting.theta_target + (setting.theta_sources - setting.theta_target[:, None]) @ (
        w * n / total
    )
    variance = (setting.n_target + w**2 @ n) / total**2
    # J = L L', so L' (fit - mean) has variance times the identity.
    factor = np.linalg.cholesky(setting.family.fisher_information(setting.theta_target))
    labels = (
        *(f"mean of coordinate {j + 1}" for j in range(d)),
        *(f"second moment about that, coordinate {j + 1}" for j in range(d)),
        *(f"below the {level:g} quantile, coordinate 1" for level in _LEVELS),
        *(f"inside the {level:g} ellipsoid" for level in _LEVELS),
    )
    theory = np.concatenate([np.zeros(d), np.ones(d), _LEVELS, _LEVELS])
    # The claim gives the variance of a frequency, also if all repeats are on one side.
    of_shares = np.tile(_LEVELS * (1 - _LEVELS), 2)
    return Plan(
        labels=labels,
        grid=np.broadcast_to(w, (len(labels), K)),
        theory=theory,
        quantity="moments and coverage of the standardised fit",
        simulate=partial(_simulate, setting, w[None], mean, factor / np.sqrt(variance)),
        width=width_of(setting, n[None]) + 4 * d,
        scale=np.ones(len(theory)),
        variance=np.append(np.full(2 * d, np.nan), of_shares),
    )


def _simulate(setting, weights, mean, factor, n_repeats, rng):
    (fits,) = setting.fits(setting.n_samples[None], weights, n_repeats, rng)
    u = ((fits - mean) @ factor).T
    below = u[0] <= norm.ppf(_LEVELS)[:, None]
    inside = np.sum(u**2, axis=0) <= chi2.ppf(_LEVELS, len(u))[:, None]
    return np.vstack([u, u**2, below, inside])
