"""The weight program by trying every set of bounds, in exact fractions too, and by NNLS."""

from fractions import Fraction
from itertools import combinations, product

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


def exact_optimum(n_samples, discrepancy, n_target=None, max_weight=None):
    """``(weights, objective)`` in exact fractions; the numbers given are taken as exact.

    Without a bound the objective is ``t = alpha' M alpha``; with one it is
    ``(N0 + u'Mu) / (N0 + 1'u)^2``. Every source is at 0, free or at its bound; given which, the
    free ones solve linear equations in which ``rho = (N0 + u'Mu) / (N0 + 1'u)`` is found from
    ``M_FF u_F + M_FC c = rho``.
    """
    K = len(n_samples)
    N = [Fraction(n) for n in n_samples]
    G = [[Fraction(float(g)) for g in row] for row in np.asarray(discrepancy)]
    M = [[G[i][j] + (1 / N[i] if i == j else 0) for j in range(K)] for i in range(K)]
    N0 = Fraction(1) if n_target is None else Fraction(n_target)
    caps = None if max_weight is None else [Fraction(max_weight) * n for n in N]
    best = None
    for kinds in product(("zero", "free") if caps is None else ("zero", "free", "cap"), repeat=K):
        free = [i for i in range(K) if kinds[i] == "free"]
        u = [caps[i] if kinds[i] == "cap" else Fraction(0) for i in range(K)]
        if free:
            block = [[M[i][j] for j in free] for i in free]
            x = solve(block, [Fraction(1)] * len(free))
            load = [sum(M[i][j] * u[j] for j in range(K)) for i in range(K)]
            y = solve(block, [load[i] for i in free])
            own = sum(u[i] * load[i] for i in range(K)) - sum(
                u[i] * M[i][j] * y[k] for i in range(K) for k, j in enumerate(free)
            )
            rho = (N0 + own) / (N0 + sum(u) - sum(y))
            for k, i in enumerate(free):
                u[i] = rho * x[k] - y[k]
        if any(v < 0 for v in u) or (caps and any(v > c for v, c in zip(u, caps, strict=True))):
            continue
        quadratic = sum(u[i] * M[i][j] * u[j] for i in range(K) for j in range(K))
        if caps is not None:
            value = (N0 + quadratic) / (N0 + sum(u)) ** 2
        elif any(u):
            value = quadratic / sum(u) ** 2
        else:
            continue
        if best is None or value < best[1]:
            best = [v / n for v, n in zip(u, N, strict=True)], value
    return best


def is_convex(n_samples, discrepancy):
    """Whether ``diag(1/N) + G`` is positive definite, by exact elimination."""
    A = [[Fraction(float(g)) for g in row] for row in np.asarray(discrepancy)]
    for i, n in enumerate(n_samples):
        A[i][i] += 1 / Fraction(n)
    for i, row in enumerate(A):
        if row[i] <= 0:
            return False
        for r in range(i + 1, len(A)):
            factor = A[r][i] / row[i]
            A[r] = [a - factor * p for a, p in zip(A[r], row, strict=True)]
    return True


def exact_error(weights, n_samples, discrepancy, n_target=0):
    """``(N0 + u'Mu) / (N0 + 1'u)^2`` for ``u = w N``; without a target, ``t`` of the mixture."""
    u = [Fraction(float(w)) * Fraction(n) for w, n in zip(weights, n_samples, strict=True)]
    value = Fraction(n_target) + sum(v * v / Fraction(n) for v, n in zip(u, n_samples, strict=True))
    for v, row in zip(u, np.asarray(discrepancy), strict=True):
        value += v * sum(Fraction(float(g)) * x for g, x in zip(row, u, strict=True))
    return value / (Fraction(n_target) + sum(u)) ** 2


def solve(A, b):
    """Gaussian elimination in fractions, for positive definite A."""
    A = [[*row, value] for row, value in zip(A, b, strict=True)]
    n = len(A)
    for i in range(n):
        A[i] = [value / A[i][i] for value in A[i]]
        for r in range(n):
            if r != i:
                A[r] = [a - A[r][i] * p for a, p in zip(A[r], A[i], strict=True)]
    return [row[-1] for row in A]
