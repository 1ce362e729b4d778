"""The weight program by active sets, with zeros and bounds met exactly.

At the minimum of ``alpha' M alpha`` over the simplex, ``M_AA u = 1`` for the set A of sources in
use, and ``alpha`` is ``u`` scaled to sum 1.

If large biases cancel one another, ``M alpha`` is a difference of numbers up to 1e15 times larger
than itself. Double precision then can neither improve the answer nor certify it. So the products
are summed without rounding (`math.fsum`), ``u`` is kept as the sum of two doubles, and the
discrepancy and the variance ``1 / N`` are never added. All scaling is by powers of two.
"""

import math
import warnings

import numpy as np
from scipy.linalg import LinAlgError, LinAlgWarning, cho_factor, cho_solve
from scipy.optimize import nnls

_MAX_PIVOTS = 50
_MAX_REFINEMENTS = 40


def bounded_pivots(M, n_target, caps, u):
    """Exact minimum of ``(N0 + u'Mu) / (N0 + 1'u)^2`` over ``0 <= u <= caps``.

    At the minimum ``(M u)_i = rho`` for the free sources, ``>= rho`` for those at 0 and ``<= rho``
    for those at their caps, with ``rho = (N0 + u'Mu) / (N0 + 1'u)``. Given which is which, with
    F the free and C the capped ones (at c), ``u_F = rho x - y`` for ``x = M_FF^-1 1``,
    ``y = M_FF^-1 M_FC c``, and ``rho = (N0 + c'(M_CC c - M_CF y)) / (N0 + 1'c - 1'y)``.

    The given `u` must be near the minimum.

    Returns
    -------
    u : ndarray of shape (n_sources,) or None
        None if the sets do not converge.
    """
    unit = np.sqrt(np.diag(M))
    low = u * unit <= 1e-5 * np.max(u * unit)
    high = u >= caps * (1 - 1e-5)
    for _ in range(_MAX_PIVOTS):
        free = ~(low | high)
        u = np.where(high, caps, 0.0)
        load = M[:, high] @ caps[high]
        right = np.column_stack([np.ones(len(u)), load])[free] / unit[free, None]
        if free.any():  # Older versions of scipy solve no empty systems.
            try:
                factor = cho_factor((M / np.outer(unit, unit))[np.ix_(free, free)])
            except LinAlgError:
                return None
            right = cho_solve(factor, right)
        x, y = (right / unit[free, None]).T
        own = u[high] @ (load[high] - M[np.ix_(high, free)] @ y)
        rho = (n_target + own) / (n_target + u.sum() - y.sum())
        u[free] = rho * x - y
        slack = M @ u - rho
        tolerance = 1e-9 * rho
        too_low, too_high = free & (u < 0), free & (u > caps)
        wrong = too_low | too_high | (low & (slack < -tolerance)) | (high & (slack > tolerance))
        if not wrong.any():
            return u
        low, high = (low & ~wrong) | too_low, (high & ~wrong) | too_high
    return None


def active_set_mixture(discrepancy, variance):
    """Optimal mixture, its objective and the relative gap, in doubled precision.

    Parameters
    ----------
    discrepancy : ndarray of shape (n_sources, n_sources)
        ``G``.
    variance : ndarray of shape (n_sources,)
        ``1 / N``.

    Returns
    -------
    mixture : ndarray of shape (n_sources,)
    value : float
        ``alpha' M alpha``.
    gap : float
        ``(value - bound) / value``. The bound is ``2 lambda - z' M z``, for any ``z`` with
        ``M z >= lambda``. For ``z = alpha`` it is the Frank-Wolfe bound, but here ``z`` is the
        mixture before rounding.
    """
    M = discrepancy + np.diag(variance)
    scale = 2.0 ** np.round(np.log2(np.sqrt(np.diag(M))))
    G, D = discrepancy / np.outer(scale, scale), variance / scale**2
    ones = 1 / scale
    rounded = M / np.outer(scale, scale)
    factor = factor_of(rounded)
    try:
        target = np.linalg.lstsq(factor, ones, rcond=None)[0]
        with warnings.catch_warnings():
            # Older versions of scipy say that the matrix is ill conditioned; the pivots see to it.
            warnings.simplefilter("ignore", LinAlgWarning)
            active = nnls(factor.T, target, maxiter=30 * len(M))[0] > 0
    except (RuntimeError, ValueError):  # It cycles; scipy 1.12 also falls over an empty set.
        active = np.zeros(len(M), dtype=bool)
    if not active.any():  # The pivots start from all sources.
        active = np.ones(len(M), dtype=bool)
    best = None, np.nan, np.inf
    for _ in range(_MAX_PIVOTS):
        u, rest = _solve(G, D, rounded, ones, active)
        if u is None:
            break
        image = accurate_product(G, D, u, rest)
        if np.all(u >= 0):
            mixture, value, gap = _certify(G, D, ones, u, rest, image)
            if gap < best[2]:
                best = mixture / scale, value, gap
        wrong = np.where(active, u < 0, image - ones < -1e-9 * ones)
        if not wrong.any():
            break
        active = active ^ wrong
        if not active.any():
            break
    return best


def accurate_product(G, D, u, rest):
    """``(G + diag(D)) (u + rest)``, rounded once: Dekker's exact products, exactly summed."""
    terms = np.hstack(
        [
            *exact_products(G, u),
            G * rest,
            np.column_stack([*exact_products(D, u), D * rest]),
        ]
    )
    return np.array([math.fsum(row) for row in terms])


def exact_products(a, b):
    """``a * b`` as rounded product and its error."""
    product = a * b
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error


def _halves(x):
    scaled = 134217729.0 * x  # 2**27 + 1
    high = scaled - (scaled - x)
    return high, x - high


def _solve(G, D, rounded, ones, active):
    """``M_AA u = g_A`` by iterative refinement, zero elsewhere."""
    block = np.ix_(active, active)
    try:
        factor = cho_factor(rounded[block])
    except LinAlgError:
        return None, None
    goal = ones[active]
    u, rest = cho_solve(factor, goal), np.zeros(active.sum())
    last = np.inf
    for _ in range(_MAX_REFINEMENTS):
        residual = goal - accurate_product(G[block], D[active], u, rest)
        size = np.abs(residual / goal).max()
        if size <= 1e-15 or size >= last:
            break
        last = size
        step = rest + cho_solve(factor, residual)
        total = u + step
        u, rest = total, step - (total - u)
    full, full_rest = np.zeros(len(ones)), np.zeros(len(ones))
    full[active], full_rest[active] = u, rest
    return full, full_rest


def _certify(G, D, ones, u, rest, image):
    """The rounded mixture, its objective and its gap.

    The bound comes from the mixture before rounding. `hidden` is the error that doubled precision
    still leaves.
    """
    total = _dot(ones, u)
    hidden = np.finfo(float).eps ** 2 * (np.abs(G) @ u + D * u)
    value = (_dot(u, image) + _dot(rest, image) + _dot(u, hidden)) / total**2
    bound = 2 * ((image - hidden) / ones).min() / total - value
    mixture = u / total
    own = accurate_product(G, D, mixture, np.zeros_like(u))
    achieved = _dot(mixture, own) / _dot(ones, mixture) ** 2
    if not achieved > 0:
        return None, np.nan, np.inf
    rounding = np.finfo(float).eps * (mixture @ np.abs(own)) + _dot(mixture, hidden) / total
    return mixture, achieved, (max(0.0, achieved - bound) + rounding) / achieved


def factor_of(R):
    """``C`` with ``R = C C'``, also if R is singular up to rounding."""
    try:
        return np.linalg.cholesky(R)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(R)
        return vectors * np.sqrt(np.maximum(values, 1e-16 * values[-1]))


def _dot(x, y):
    return math.fsum(x * y)
