"""The convex program that turns discrepancies into source weights.

With ``M = diag(1/N) + G``, the mixture ``alpha`` minimises ``t(alpha) = alpha' M alpha`` over the
simplex, the effective source size is ``s = 1 / t`` and a row of source i weighs
``w_i = s alpha_i / N_i`` (arXiv 2601.10779; G is per parameter here, so t carries no factor d).

A bound ``w <= max_weight`` couples the mixture with the total. The weighted fit then is a mixture
``beta = (N0, w_1 N_1, ...) / (N0 + s)`` over target AND sources, its error is proportional to
``beta_0^2 / N0 + beta' M beta``, and the bound is linear: ``beta_i <= max_weight N_i / N0 beta_0``.

Three roads, the cheapest first, each judged by the same certificate: the stationary point
``M u = 1`` where it is feasible (always for one source and for REML's discrepancies), cvxpy with
its answer put exactly on the bounds it points to, and an active set in doubled precision for biases
that cancel.
"""

import contextlib
import numbers
import os
import sys
import warnings
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from skuowq._utils._checks import check_discrepancy, check_sizes

from ._active_set import active_set_mixture, bounded_pivots, factor_of

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
        its minimum, rounding counted. Of averaged weights, the largest of the programs averaged.
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
    if solver is not None:
        solver = check_solver(solver)
    if max_weight is not None:
        n_target = check_bound(n_target, max_weight)
    return solve_checked(n_samples, discrepancy, n_target, max_weight, solver)


def solve_checked(n_samples, discrepancy, n_target, max_weight, solver):
    """`solve_source_weights` for arguments that are known to be in order."""
    if max_weight is None:
        mixture, value, gap = _free_mixture(discrepancy, 1 / n_samples, solver)
        return weights_record(mixture / value / n_samples, n_samples, gap)
    if max_weight == 0:
        return weights_record(np.zeros(len(n_samples)), n_samples, 0.0)
    u, gap = _bounded_rows(discrepancy, n_samples, n_target, max_weight, solver)
    return weights_record(np.minimum(u / n_samples, max_weight), n_samples, gap)


def weights_record(source_weights, n_samples, gap):
    """`SourceWeights` from the weights alone."""
    rows = source_weights * n_samples
    size = float(rows.sum())
    mixture = rows / size if size > 0 else np.zeros(len(rows))
    return SourceWeights(source_weights, mixture, size, float(gap))


def _free_mixture(discrepancy, variance, solver):
    """Mixture, objective and gap of the first road whose certificate holds."""
    matrix = discrepancy + np.diag(variance)
    roads = [_stationary_point, _interior_point, active_set_mixture]
    if solver is not None:
        roads = [partial(_interior_point, solver=solver)]
    elif len(matrix) > _CVXPY_MAX_SOURCES:
        roads.remove(_interior_point)
    gaps = []
    for road in roads:
        mixture, value, gap = road(discrepancy, variance)
        if gap <= _GAP_TOLERANCE:
            return mixture, value, gap
        gaps.append(gap)
    raise _not_solved(min(gaps), solver)


def _judge(u, discrepancy, variance):
    """Mixture of the sources' rows, its objective and gap in double precision."""
    if u is None or np.any(u < 0):
        return None, np.nan, np.inf
    mixture = u / u.sum()
    matrix = discrepancy + np.diag(variance)
    return mixture, mixture @ matrix @ mixture, frank_wolfe_gap(mixture, matrix)


def _stationary_point(discrepancy, variance):
    """``M u = 1``, the optimum when no source is left out."""
    R, g, unit = _unit_diagonal(discrepancy + np.diag(variance))
    try:
        return _judge(cho_solve(cho_factor(R), g) / unit, discrepancy, variance)
    except LinAlgError:
        return None, np.nan, np.inf


def _interior_point(discrepancy, variance, solver="CLARABEL"):
    matrix = discrepancy + np.diag(variance)
    u = _solve_by_cvxpy(matrix, None, solver)
    if u is None:
        return None, np.nan, np.inf
    # No bound above: the target's size drops out, any will do.
    exact = bounded_pivots(matrix, 1.0, np.full(len(u), np.inf), u)
    candidates = [_judge(exact, discrepancy, variance), _judge(u, discrepancy, variance)]
    return min(candidates, key=lambda candidate: candidate[2])


def _bounded_rows(discrepancy, n_samples, n_target, max_weight, solver):
    """Rows' worth ``u = w N`` under the bound, and the gap of the mixture with the target."""
    M = discrepancy + np.diag(1 / n_samples)
    caps = max_weight * n_samples
    # The target joins the mixture as entry 0.
    matrix = np.zeros((len(M) + 1, len(M) + 1))
    matrix[0, 0], matrix[1:, 1:] = 1 / n_target, M
    ratios = caps / n_target

    def judge(u):
        mixture = np.append(n_target, u)
        return u, frank_wolfe_gap(mixture / mixture.sum(), matrix, ratios)

    candidates = []
    if solver is None:
        mixture, value, _ = _stationary_point(discrepancy, 1 / n_samples)
        if mixture is not None and np.all(mixture / value <= caps):
            candidates.append(judge(mixture / value))
    if not candidates or candidates[0][1] > _GAP_TOLERANCE:
        mixture = _solve_by_cvxpy(matrix, ratios, solver or "CLARABEL")
        near = caps / 2
        if mixture is not None:
            near = np.clip(n_target * mixture[1:] / mixture[0], 0, caps)
            candidates.append(judge(near))
        # A solver that was asked for and failed is not replaced.
        if solver is None or mixture is not None:
            exact = bounded_pivots(M, n_target, caps, near)
            if exact is not None:
                candidates.append(judge(exact))
    for u, gap in reversed(candidates):
        if gap <= _GAP_TOLERANCE:
            return u, gap
    raise _not_solved(min((gap for _, gap in candidates), default=np.inf), solver)


def _solve_by_cvxpy(matrix, ratios, solver):
    """cvxpy in the factor form ``|C' v|^2``, which keeps small curvature visible; may be None."""
    import cvxpy as cp

    R, g, unit = _unit_diagonal(matrix)
    v = cp.Variable(len(R), nonneg=True)
    constraints = [g @ v == 1]
    if ratios is not None:
        constraints.append(v[1:] <= cp.multiply(ratios * unit[1:] / unit[0], v[0]))
    problem = cp.Problem(cp.Minimize(cp.sum_squares(factor_of(R).T @ v)), constraints)
    try:
        with warnings.catch_warnings(), _silence(solver):
            # cvxpy warns that the answer may be inaccurate; the certificate decides.
            warnings.simplefilter("ignore", UserWarning)
            problem.solve(solver=solver)
    except cp.error.SolverError:
        return None
    return None if v.value is None else np.maximum(v.value, 0) / unit


def _unit_diagonal(matrix):
    """Units in which the diagonal is 1: the roads then survive sizes from 1 to 1e9."""
    unit = np.sqrt(np.diag(matrix))
    g = 1 / unit
    return matrix / np.outer(unit, unit), g / g.max(), unit


def _not_solved(gap, solver):
    remedy = (
        f"Pass solver=None instead of {solver!r}."
        if solver is not None
        else "The discrepancy matrix is too ill conditioned: drop sources that are copies of one "
        "another, or add a small multiple of its diagonal to it."
    )
    return RuntimeError(
        f"The weight program was not solved: the best relative gap is {gap:.1e}, above "
        f"{_GAP_TOLERANCE:.0e}. {remedy}"
    )


def frank_wolfe_gap(mixture, matrix, ratios=None):
    """``2 (f - min over the feasible set of <v, M mixture>) / f``, an upper bound on
    ``(f - f*) / f`` for ``f = mixture' M mixture``, and what rounding may hide from it."""
    gradient = matrix @ mixture
    value = mixture @ gradient
    rounding = np.finfo(float).eps * (mixture @ np.abs(matrix) @ mixture)
    if ratios is None:
        lowest = gradient.min()
    else:
        # Extreme points carry a set A of sources at their bounds: the best is a ratio
        # (g_0 + sum_A r g) / (1 + sum_A r), reached by taking the g in rising order.
        order = np.argsort(gradient[1:])
        numerator = gradient[0] + np.cumsum(np.append(0, (ratios * gradient[1:])[order]))
        denominator = 1 + np.cumsum(np.append(0, ratios[order]))
        lowest = (numerator / denominator).min()
    return (2 * max(0.0, value - lowest) + rounding) / value


def check_bound(n_target, max_weight):
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
    known = isinstance(solver, str) and solver.upper() in installed
    if not (known and _solves_such_programs(solver.upper())):
        fact = "does not solve quadratic programs" if known else "is not an installed cvxpy solver"
        able = ", ".join(sorted(filter(_solves_such_programs, installed)))
        raise ValueError(f"solver={solver!r} {fact}. Choose one of {able}, or None.")
    return solver.upper()


@cache
def _solves_such_programs(solver):
    """Whether cvxpy finds a way to hand a quadratic program to a solver."""
    import cvxpy as cp

    v = cp.Variable(2, nonneg=True)
    try:
        cp.Problem(cp.Minimize(cp.sum_squares(v)), [cp.sum(v) == 1]).get_problem_data(solver)
    except cp.error.SolverError:
        return False
    return True


@contextlib.contextmanager
def _silence(solver):
    """No greeting from HiGHS, which writes it below `sys.stdout` before it can be told not to."""
    if solver != "HIGHS":
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
