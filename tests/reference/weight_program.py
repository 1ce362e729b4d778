"""The weight program by trying every set of sources in use, and by NNLS as textbooks have it."""

from itertools import combinations

import numpy as np
from scipy.optimize import nnls


def every_active_set(n_samples, discrepancy):
    """``(source_weights, t)`` of the best stationary point over all subsets of sources."""
    M = np.diag(1 / np.asarray(n_samples, dtype=float)) + discrepancy
    K = len(M)
    best, best_value = None, np.inf
    for size in range(1, K + 1):
        for active in combinations(range(K), size):
            block = M[np.ix_(active, active)]
            u = np.linalg.solve(block, np.ones(size))
            if np.any(u < 0):
                continue
            value = 1 / u.sum()
            if value < best_value:
                best = np.zeros(K)
                best[list(active)] = u
                best_value = value
    return best / np.asarray(n_samples), best_value


def nnls_weights(n_samples, discrepancy):
    """``u = argmin_{u >= 0} 1/2 u'Mu - 1'u`` as one NNLS in units where diag M = 1; w = u / N."""
    M = np.diag(1 / np.asarray(n_samples, dtype=float)) + discrepancy
    unit = np.sqrt(np.diag(M))
    factor = np.linalg.cholesky(M / np.outer(unit, unit))
    v, _ = nnls(factor.T, np.linalg.solve(factor, 1 / unit))
    return v / unit / np.asarray(n_samples)
