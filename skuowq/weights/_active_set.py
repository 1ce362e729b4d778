"""The weight program by active sets, in doubled precision: the road of last resort.

``min alpha' M alpha`` over the simplex is ``M_AA u = 1`` on the sources A in use, scaled to sum 1.
When large biases cancel one another, ``M alpha`` is a difference of numbers up to 1e15 times larger
than itself, and double precision can neither polish the answer nor certify it. Here the products
are summed without rounding (`math.fsum`) and ``u`` is kept as an unevaluated sum of two doubles.
"""

import math

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import nnls

_MAX_PIVOTS = 50
_MAX_REFINEMENTS = 40


def active_set_mixture(matrix, factor, weight_one):
    """Optimal mixture and its relative gap.

    Parameters
    ----------
    matrix : ndarray of shape (n_sources, n_sources)
        Unit-diagonal ``M``.
    factor : ndarray of shape (n_sources, n_sources)
        ``C`` with ``matrix = C C'`` to rounding.
    weight_one : ndarray of shape (n_sources,)
        ``g``: the program is ``min v' M v`` subject to ``g' v = 1, v >= 0``.

    Returns
    -------
    v : ndarray of shape (n_sources,)
    gap : float
        ``(f - lower bound) / f``, with the bound ``2 lambda - z' M z`` of any ``z`` for which
        ``M z >= lambda g``: the Frank-Wolfe bound where ``z = v``, but ``z`` is not rounded.
    """
    target = np.linalg.lstsq(factor, weight_one, rcond=None)[0]
    try:
        start = nnls(factor.T, target, maxiter=30 * len(matrix))[0]
    except RuntimeError:  # Cycling: the pivots below start from all sources.
        start = np.ones(len(matrix))
    active = start > 0
    best, best_gap = start, np.inf
    for _ in range(_MAX_PIVOTS):
        u, u_rest = _solve(matrix, weight_one, active)
        if u is None:
            break
        gradient = accurate_product(matrix, u, u_rest)
        if np.all(u >= 0):
            gap = _gap(matrix, weight_one, u, u_rest, gradient)
            if gap < best_gap:
                best, best_gap = u / (weight_one @ u), gap
        slack = gradient - weight_one
        wrong = np.where(active, u < 0, slack < -1e-9 * weight_one)
        if not wrong.any():
            break
        active = active ^ wrong
    return best, best_gap


def accurate_product(matrix, u, u_rest):
    """``matrix @ (u + u_rest)``, rounded once: Dekker's exact products, exactly summed."""
    product = matrix * u
    a, a_rest = _halves(matrix)
    b, b_rest = _halves(u)
    error = ((a * b - product) + a * b_rest + a_rest * b) + a_rest * b_rest
    terms = np.hstack([product, error, matrix * u_rest])
    return np.array([math.fsum(row) for row in terms])


def _halves(x):
    scaled = 134217729.0 * x  # 2**27 + 1
    high = scaled - (scaled - x)
    return high, x - high


def _solve(matrix, weight_one, active):
    """``M_AA u = g_A`` by iterative refinement, zero elsewhere."""
    block = matrix[np.ix_(active, active)]
    try:
        factor = cho_factor(block)
    except LinAlgError:
        return None, None
    u, u_rest = cho_solve(factor, weight_one[active]), np.zeros(active.sum())
    last = np.inf
    for _ in range(_MAX_REFINEMENTS):
        residual = weight_one[active] - accurate_product(block, u, u_rest)
        size = np.abs(residual / weight_one[active]).max()
        if size <= 1e-15 or size >= last:
            break
        last = size
        step = u_rest + cho_solve(factor, residual)
        total = u + step
        u, u_rest = total, step - (total - u)
    full, full_rest = np.zeros(len(matrix)), np.zeros(len(matrix))
    full[active], full_rest[active] = u, u_rest
    return full, full_rest


def _gap(matrix, weight_one, u, u_rest, gradient):
    """Relative gap of the rounded mixture, by the bound that the unrounded one proves."""
    value = _dot(u, gradient) + _dot(u_rest, gradient)
    level = (gradient / weight_one).min()
    scale = weight_one @ u
    bound = (2 * level * scale - value) / scale**2
    rounded = _dot(u, accurate_product(matrix, u, np.zeros_like(u))) / scale**2
    return max(0.0, (rounded - bound) / rounded)


def _dot(x, y):
    return math.fsum(x * y)
