"""Claim: the simulated error is smallest at the weights that the program computes.

The error is a quadratic function of the shares ``lambda_i = w_i n_i / (N0 + s)`` of the weighted
mean. So a few points around the claimed optimum determine the simulated function everywhere. Its
minimum over the sources whose claimed weight is above 0 is the simulated optimum. A source whose
claimed weight is 0 must increase the error. Shares are compared and not weights: if a source
outweighs the target by far, the error hardly depends on its weight.
"""

from functools import partial
from itertools import combinations

import numpy as np

from skuowq.theory._error import asymptotic_error

from ._errors import simulate_errors, width_of
from ._plan import Plan


def plan_argmin(setting):
    optimum = setting.optimal_weights()
    shares = optimum * setting.n_samples / (setting.n_target + optimum @ setting.n_samples)
    scale, offsets = _points(shares)
    weights = _weights(setting, shares + scale * offsets)
    n_samples = np.broadcast_to(setting.n_samples, weights.shape)
    # Coefficients of the quadratic in units of `scale`: the constant, slopes, products.
    upper = np.triu_indices(setting.n_sources)
    products = offsets[:, upper[0]] * offsets[:, upper[1]]
    to_coefficients = np.linalg.inv(np.hstack([np.ones((len(offsets), 1)), offsets, products]))
    claimed = asymptotic_error(
        setting.n_target, n_samples, weights, setting.discrepancy, setting.n_parameters
    )
    used = shares > 0
    slopes = (to_coefficients @ claimed)[1 : 1 + len(shares)]
    return Plan(
        labels=tuple(
            f"best share of source {i + 1} (w* = {w:.3g})"
            if w > 0
            else f"rise with source {i + 1}, which has no weight"
            for i, w in enumerate(optimum)
        ),
        grid=optimum[:, None],
        theory=np.where(used, shares, np.maximum(slopes, 0)),
        quantity="share of the fit, w_i n_i / (N0 + s); rise in nats",
        simulate=partial(simulate_errors, setting, n_samples, weights, to_coefficients),
        width=width_of(setting, n_samples),
        summarise=partial(_minimum, shares, scale),
    )


def _points(shares):
    """Steps (n_sources,), and in units of them as many points as a quadratic has coefficients."""
    n_sources = len(shares)
    target = 1 - shares.sum()
    # Large enough to measure the curvature of tiny shares, and too small to use up the target's.
    scale = np.clip(shares / 4, target / n_sources / 8, target / n_sources / 4)
    units = np.eye(n_sources)
    # Shares cannot fall below 0.
    second = np.where((shares >= scale)[:, None], -units, 2 * units)
    pairs = [units[i] + units[j] for i, j in combinations(range(n_sources), 2)]
    return scale, np.vstack([np.zeros(n_sources), units, second, *pairs])


def _minimum(shares, scale, coefficients):
    """Shares of the used sources at the minimum, slopes of the others, and their derivatives.

    With slope ``g`` and curvature ``C`` over the used sources, the minimum is ``x = -C^-1 g`` away
    from the claimed point, so ``dx = -C^-1 (dg + dC x)``.
    """
    K = len(shares)
    upper = np.triu_indices(K)
    used = np.flatnonzero(shares > 0)
    slope = coefficients[1 : 1 + K]
    curvature = np.zeros((K, K))
    curvature[upper] = coefficients[1 + K :]
    curvature += curvature.T
    values, jacobian = slope.copy(), np.zeros((K, len(coefficients)))
    jacobian[np.arange(K), 1 + np.arange(K)] = 1
    if not len(used):
        return values, jacobian
    C = curvature[np.ix_(used, used)]
    if np.linalg.eigvalsh(C).min() <= 0:
        raise ValueError(
            "the simulated errors are too noisy for a minimum: take ten times the n_repeats"
        )
    x = np.zeros(K)
    x[used] = -np.linalg.solve(C, slope[used])
    # dg + dC x, by the coefficients.
    change = np.zeros((K, len(coefficients)))
    change[np.arange(K), 1 + np.arange(K)] = 1
    for k, (i, j) in enumerate(zip(*upper, strict=True)):
        change[i, 1 + K + k] += x[j]
        change[j, 1 + K + k] += x[i]
    values[used] = (shares + scale * x)[used]
    jacobian[used] = -scale[used, None] * np.linalg.solve(C, change[used])
    return values, jacobian


def _weights(setting, shares):
    target = 1 - shares.sum(axis=-1, keepdims=True)
    return shares * setting.n_target / (target * setting.n_samples)
