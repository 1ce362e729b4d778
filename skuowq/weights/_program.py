"""The convex program that turns discrepancies into source weights.

With ``M = diag(1/N) + G``, the mixture ``alpha`` minimises ``t(alpha) = alpha' M alpha`` over the
simplex, the effective source size is ``s = 1 / t`` and a row of source i weighs
``w_i = s alpha_i / N_i`` (arXiv 2601.10779; G is per parameter here, so t carries no factor d).

A bound ``w <= max_weight`` couples the mixture with the total. The weighted fit then is a mixture
``beta = (N0, w_1 N_1, ...) / (N0 + s)`` over target AND sources, its error is proportional to
``beta_0^2 / N0 + beta' M beta``, and the bound is linear: ``beta_i <= max_weight N_i / N0 beta_0``.

Three roads, the cheapest first, each judged by the same certificate: the stationary point
``M u = 1`` where it is feasible (always for one source and for REML's discrepancies), cvxpy, and an
active-set solution by non-negative least squares for what the interior-point solver cannot do.
"""

import numbers
import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, cholesky

from skuowq._utils._checks import check_discrepancy, check_sizes

from ._active_set import active_set_mixture

# A road's answer is taken when its relative Frank-Wolfe gap is below this.
_GAP_TOLERANCE = 1e-6
# Above this many sources the active set is faster than the interior point, and as exact.
_CVXPY_MAX_SOURCES = 1000


@dataclass(frozen=True)
class SourceWeights:
    """Optimal source weights and their certificate.

    Attributes
    ----------
    source_weights : ndarray of shape (n_sources,)
        ``w``: the weight of one row of each source; a target row weighs 1.
    mixture_weights : ndarray of shape (n_sources,)
        ``alpha``: each source's share, summing to 1 (all zero where no source is used).
    effective_source_size : float
        ``s``: how many target rows the sources are worth.
    gap : float
        Frank-Wolfe gap relative to the objective: the objective is at most this fraction above
        its minimum.
    """

    source_weights: np.ndarray
    mixture_weights: np.ndarray
    effective_source_size: float
    gap: float


def solve_source_weights(n_samples, discrepancy, *, n_target=None, max_weight=None, solver=None):
    """Optimal weights of the sources, given their discrepancies.

    Minimises ``alpha' (diag(1/N) + G) alpha`` over the simplex. For one source this is
    ``w = 1 / (1 + tau N)``.

    Parameters
    ----------
    n_samples : array-like of shape (n_sources,)
        Rows of each source, above 0; need not be whole numbers.
    discrepancy : array-like of shape (n_sources, n_sources)
        ``G``, squared parameter discrepancy per parameter, symmetric and positive semidefinite. A
        vector of shape (n_sources,) is taken as its diagonal.
    n_target : float, default=None
        Rows of the target. The unbounded optimum does not depend on it; required with
        `max_weight`.
    max_weight : float, default=None
        Upper bound on every source weight. None sets no bound: weights above 1 are rare (sources
        with opposite biases) and right.
    solver : str, default=None
        Name of a cvxpy solver. None solves in closed form where that is feasible and with
        CLARABEL otherwise.

    Returns
    -------
    result : SourceWeights
        Weights, mixture, effective source size and the certificate.

    Raises
    ------
    ValueError
        For sizes, discrepancies or bounds out of range, and unknown solver names.
    RuntimeError
        When no road reaches a relative gap of 1e-6.

    Examples
    --------
    >>> from skuowq.weights import solve_source_weights
    >>> result = solve_source_weights([100, 100], [[0.01, 0.0], [0.0, 1.0]])
    >>> result.source_weights.round(4).tolist()
    [0.5, 0.0099]
    >>> round(result.effective_source_size, 2)
    50.99
    """
    n_samples = check_sizes(n_samples, "n_samples")
    discrepancy = check_discrepancy(discrepancy, len(n_samples))
    matrix = discrepancy + np.diag(1 / n_samples)
    caps = None
    if max_weight is not None:
        n_target = _check_bound(n_target, max_weight)
        if max_weight == 0:
            zeros = np.zeros(len(n_samples))
            return SourceWeights(zeros, zeros.copy(), 0.0, 0.0)
        # The target joins the mixture as entry 0.
        matrix = np.block(
            [
                [np.full((1, 1), 1 / n_target), np.zeros((1, len(n_samples)))],
                [np.zeros((len(n_samples), 1)), matrix],
            ]
        )
        caps = max_weight * n_samples / n_target
    if solver is not None:
        solver = check_solver(solver)
    mixture, gap = _best_mixture(matrix, caps, solver)
    if caps is None:
        size = 1 / (mixture @ matrix @ mixture)
        source_weights = size * mixture / n_samples
    else:
        source_weights = n_target * mixture[1:] / (mixture[0] * n_samples)
        source_weights = np.minimum(source_weights, max_weight)
    return weights_record(source_weights, n_samples, gap)


def weights_record(source_weights, n_samples, gap):
    """`SourceWeights` from the weights alone."""
    rows = source_weights * n_samples
    size = float(rows.sum())
    mixture = rows / size if size > 0 else np.zeros(len(rows))
    return SourceWeights(source_weights, mixture, size, float(gap))


def _best_mixture(matrix, caps, solver):
    """The mixture of the first road whose certificate holds, and its relative gap."""
    # In units where the diagonal is 1 the roads survive sizes from 1 to 1e9.
    unit = np.sqrt(np.diag(matrix))
    correlation = matrix / np.outer(unit, unit)
    weight_one = 1 / unit
    weight_one = weight_one / weight_one.max()
    gaps = []
    for road in _roads(len(matrix), caps, solver):
        v, gap = road(correlation, weight_one, unit, caps)
        if v is None:
            continue
        mixture = np.maximum(v, 0) / unit
        mixture = _inside_caps(mixture / mixture.sum(), caps)
        gap = frank_wolfe_gap(mixture, matrix, caps) if gap is None else gap
        if gap <= _GAP_TOLERANCE:
            return mixture, gap
        gaps.append(gap)
    remedy = (
        f"Pass solver=None instead of {solver!r}."
        if solver is not None
        else "The discrepancy matrix is too ill conditioned: drop sources that are copies of one "
        "another, or add a small multiple of its diagonal to it."
    )
    raise RuntimeError(
        "The weight program was not solved: the best relative gap is "
        f"{min(gaps, default=np.inf):.1e}, above {_GAP_TOLERANCE:.0e}. {remedy}"
    )


def _roads(size, caps, solver):
    if solver is not None:
        return [partial(_interior_point, solver=solver)]
    roads = [_stationary_point]
    if size <= _CVXPY_MAX_SOURCES or caps is not None:
        roads.append(_interior_point)
    if caps is None:
        roads.append(_active_set)
    return roads


def _stationary_point(R, g, unit, caps):
    """``R v = g``, the optimum when no bound is active; None when one is."""
    try:
        v = cho_solve(cho_factor(R), g)
    except LinAlgError:
        return None, None
    mixture = v / unit
    outside = caps is not None and np.any(mixture[1:] > caps * mixture[0])
    return (None, None) if outside or np.any(v < 0) else (v, None)


def _interior_point(R, g, unit, caps, solver="CLARABEL"):
    """cvxpy, in the factor form ``|C' v|^2`` that keeps small curvature visible."""
    import cvxpy as cp

    v = cp.Variable(len(R), nonneg=True)
    constraints = [g @ v == 1]
    if caps is not None:
        constraints.append(v[1:] <= cp.multiply(caps * unit[1:] / unit[0], v[0]))
    problem = cp.Problem(cp.Minimize(cp.sum_squares(_factor(R).T @ v)), constraints)
    try:
        with warnings.catch_warnings():
            # cvxpy warns that the answer may be inaccurate; the certificate decides.
            warnings.simplefilter("ignore", UserWarning)
            problem.solve(solver=solver)
    except cp.error.SolverError:
        return None, None
    return (v.value if caps is not None else _on_its_support(R, g, v.value)), None


def _on_its_support(R, g, v):
    """The stationary point on the sources in use: exact zeros, full precision elsewhere."""
    if v is None:
        return None
    # In use where a source's own share exceeds what the solver leaves on those it has left.
    used = v > 1e-5 * v.max()
    exact = np.zeros(len(v))
    try:
        exact[used] = cho_solve(cho_factor(R[np.ix_(used, used)]), g[used])
    except LinAlgError:
        return v
    outside = (R @ exact)[~used] < g[~used]
    return v if np.any(exact < 0) or np.any(outside) else exact


def _active_set(R, g, unit, caps):
    """Non-negative least squares, polished and certified in doubled precision."""
    return active_set_mixture(R, _factor(R), g)


def _factor(R):
    """``C`` with ``R = C C'``, for matrices that may be singular to rounding."""
    try:
        return cholesky(R, lower=True)
    except LinAlgError:
        values, vectors = np.linalg.eigh(R)
        return vectors * np.sqrt(np.maximum(values, 1e-16 * values[-1]))


def _inside_caps(mixture, caps):
    if caps is None:
        return mixture
    mixture[1:] = np.minimum(mixture[1:], caps * mixture[0])
    return mixture / mixture.sum()


def frank_wolfe_gap(mixture, matrix, caps=None):
    """``2 (f - min over the feasible set of <v, M mixture>) / f``, an upper bound on
    ``(f - f*) / f`` for ``f = mixture' M mixture``."""
    gradient = matrix @ mixture
    value = mixture @ gradient
    if caps is None:
        return max(0.0, 2 * (value - gradient.min()) / value)
    # Extreme points carry a set A of sources at their caps: the best is a ratio
    # (g_0 + sum_A caps g) / (1 + sum_A caps), reached by taking the g in rising order.
    order = np.argsort(gradient[1:])
    numerator = gradient[0] + np.cumsum(np.append(0, (caps * gradient[1:])[order]))
    denominator = 1 + np.cumsum(np.append(0, caps[order]))
    return max(0.0, 2 * (value - (numerator / denominator).min()) / value)


def _check_bound(n_target, max_weight):
    if not (isinstance(max_weight, numbers.Real) and 0 <= max_weight < np.inf):
        raise ValueError(f"max_weight must be a finite number >= 0 or None, got {max_weight!r}.")
    if n_target is None:
        raise ValueError(
            "max_weight needs n_target: the bounded optimum depends on the target's size."
        )
    return float(check_sizes([n_target], "n_target")[0])


def check_solver(solver):
    import cvxpy as cp

    installed = cp.installed_solvers()
    if not isinstance(solver, str) or solver.upper() not in installed:
        raise ValueError(
            f"solver={solver!r} is not an installed cvxpy solver. Choose one of "
            f"{', '.join(sorted(installed))}, or None."
        )
    return solver.upper()
