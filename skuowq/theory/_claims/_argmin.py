"""Claim: the program's weights are where the simulated error is least.

Written in shares ``lambda_i = w_i n_i / (N0 + s)`` of the weighted mean the error is a quadratic,
so a few points around the claimed optimum determine the whole simulated surface; its minimum over
shares at least 0 is then found numerically, by non-negative least squares.
"""

from functools import partial
from itertools import combinations

import numpy as np
from scipy.optimize import nnls

from ._errors import simulate_errors, width_of
from ._plan import Plan


def plan_argmin(setting):
    optimum = setting.optimal_weights()
    shares = optimum * setting.n_samples / (setting.n_target + optimum @ setting.n_samples)
    offsets = _offsets(shares)
    weights = _weights(setting, shares + offsets)
    n_samples = np.broadcast_to(setting.n_samples, weights.shape)
    return Plan(
        labels=tuple(f"argmin over w_{i + 1}" for i in range(setting.n_sources)),
        grid=optimum[:, None],
        theory=optimum,
        quantity="weight of one source row (a target row = 1)",
        simulate=partial(simulate_errors, setting, n_samples, weights, np.eye(len(weights))),
        width=width_of(setting, n_samples),
        summarise=partial(_minimum, setting, shares, offsets),
    )


def _offsets(shares):
    """As many points around `shares` as a quadratic has coefficients, (n_points, n_sources)."""
    n_sources = len(shares)
    target = 1 - shares.sum()
    # Wide enough to see the curvature beside tiny shares; none may take the whole of the target's.
    step = np.clip(shares / 4, target / n_sources / 8, target / n_sources / 4)
    units = np.diag(step)
    # Shares cannot fall below 0.
    second = np.where((shares >= step)[:, None], -units, 2 * units)
    pairs = [units[i] + units[j] for i, j in combinations(range(n_sources), 2)]
    return np.vstack([np.zeros(n_sources), units, second, *pairs])


def _minimum(setting, shares, offsets, errors):
    """Weights at the minimum of the quadratic through `errors`, at the points of `offsets`."""
    n_sources = len(shares)
    scale = np.abs(offsets).max(axis=0)
    x = offsets / scale
    upper = np.triu_indices(n_sources)
    design = np.hstack([np.ones((len(x), 1)), x, x[:, upper[0]] * x[:, upper[1]]])
    coefficients = np.linalg.solve(design, errors)
    slope = coefficients[1 : 1 + n_sources]
    curvature = np.zeros((n_sources, n_sources))
    curvature[upper] = coefficients[1 + n_sources :]
    curvature += curvature.T
    # In y = x + shares / scale >= 0: half y'Cy - (C x_0 - slope)'y.
    try:
        lower = np.linalg.cholesky(curvature)
    except np.linalg.LinAlgError as error:
        raise ValueError(
            "the simulated errors are too noisy for a minimum: raise n_repeats"
        ) from error
    right = np.linalg.solve(lower, curvature @ (shares / scale) - slope)
    y, _ = nnls(lower.T, right)
    return _weights(setting, y * scale)


def _weights(setting, shares):
    target = 1 - shares.sum(axis=-1, keepdims=True)
    return shares * setting.n_target / (target * setting.n_samples)
