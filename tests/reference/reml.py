"""REML transcribed: dense covariance, numpy's determinant and inverse, brute search."""

import numpy as np
from scipy.optimize import differential_evolution
from scipy.stats import chi2


def log_likelihood(tau, S, n_target, n_samples, d, groups=None, shifts=()):
    K = len(S)
    Sigma = np.diag(1 / np.asarray(n_samples) + tau) + np.ones((K, K)) / n_target
    for g, shift in enumerate(shifts):
        Sigma += shift * np.outer(groups[:, g], groups[:, g])
    _, log_det = np.linalg.slogdet(Sigma)
    return -0.5 * d * (log_det + np.trace(np.linalg.inv(Sigma) @ S))


def brute_maximum(S, n_target, n_samples, d, seed=0, groups=None):
    """Largest log likelihood found by differential evolution over the log variances."""
    floor = 1 / np.asarray(n_samples, dtype=float)
    K, largest = len(floor), np.diag(S).max()
    bounds = [(np.log(f), np.log(4 * largest + 4 * f)) for f in floor]
    if groups is not None:
        bounds += [(np.log(1e-4 * largest), np.log(4 * largest))] * groups.shape[1]

    def negative(x):
        return -log_likelihood(
            np.exp(x[:K]) - floor, S, n_target, n_samples, d, groups, np.exp(x[K:])
        )

    return -differential_evolution(negative, bounds, seed=seed, tol=1e-10, maxiter=400).fun


def shift_evidence(own, S, n_target, n_samples, d):
    """Shift and its probability: the mean contrast's length has a scaled chi-square law.

    Its likelihood at the best variance over that at the noise's, prior odds 1 : 3.
    """
    precision = np.linalg.inv(np.diag(1 / np.asarray(n_samples)) + own).sum(axis=1)
    mixture = precision / precision.sum()
    noise = 1 / n_target + 1 / precision.sum()
    square = d * (mixture @ S @ mixture)
    best = max(square / d, noise)
    at_best = chi2.pdf(square / best, d) / best
    at_noise = chi2.pdf(square / noise, d) / noise
    odds = at_best / at_noise / 3
    deflation = min(1 + np.sqrt(2 / d), 2 * (d - 2) / d) if d > 4 else 1
    return max(square / d / deflation - noise, 0), odds / (1 + odds)
