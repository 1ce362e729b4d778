"""REML transcribed: dense covariance, numpy's determinant and inverse, brute search."""

import numpy as np
from scipy.optimize import differential_evolution


def log_likelihood(tau, shift, S, n_target, n_samples, d):
    K = len(S)
    Sigma = np.diag(1 / np.asarray(n_samples) + tau) + (1 / n_target + shift) * np.ones((K, K))
    _, log_det = np.linalg.slogdet(Sigma)
    return -0.5 * d * (log_det + np.trace(np.linalg.inv(Sigma) @ S))


def brute_maximum(S, n_target, n_samples, d, common_shift, seed=0):
    """Largest log likelihood found by differential evolution over the log variances."""
    floor = np.append(1 / np.asarray(n_samples, dtype=float), 1 / n_target)
    upper = np.log(4 * np.diag(S).max() + 4 * floor)
    lower = np.log(floor)
    K = len(S)

    def negative(x):
        excess = np.exp(x) - floor[: len(x)]
        shift = excess[K] if common_shift else 0.0
        return -log_likelihood(excess[:K], shift, S, n_target, n_samples, d)

    n = K + 1 if common_shift else K
    bounds = list(zip(lower[:n], upper[:n], strict=True))
    return -differential_evolution(negative, bounds, seed=seed, tol=1e-10, maxiter=400).fun
