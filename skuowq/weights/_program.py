"""The convex program that computes source weights from discrepancies.

The program. With ``M = diag(1/N) + G``, the mixture ``alpha`` minimises
``t(alpha) = alpha' M alpha`` over the simplex. The effective source size is ``s = 1 / t``, and a
row of source i has the weight ``w_i = s alpha_i / N_i`` (arXiv 2601.10779; here G is per parameter,
so t has no factor d).

With a bound. A bound ``w <= max_weight`` makes the mixture depend on the target's size. The
weighted fit is then a mixture ``beta = (N0, w_1 N_1, ...) / (N0 + s)`` of the target and the
sources. Its error is proportional to ``beta_0^2 / N0 + beta' M beta``, and the bound is linear:
``beta_i <= max_weight N_i / N0 beta_0``.

How it is solved. There are four methods, tried in this order:

1. the stationary point ``M u = 1``, if it is feasible: always for one source and for REML's
   discrepancies;
2. an active set in doubled precision, also for biases that cancel one another;
3. cvxpy, where it is installed; then the weights are put exactly on the bounds they are close to;
4. whole numbers, for biases that cancel beyond doubled precision.

What is certified. First M is shown to be positive definite, as a gap proves nothing if the program
is not convex. A method's result is accepted if its objective is above 0 and its gap is at most
1e-6, with the possible effect of rounding included. All results of this module pass
`weights_record`: the weights are finite and not negative, and the gap is between 0 and 1e-6.
"""

from __future__ import annotations

import contextlib
import numbers
import os
import sys
import warnings
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from skuowq._utils._checks import check_discrepancy, check_sizes
from skuowq._utils._optional import import_optional

from ._active_set import accurate_product, active_set_mixture, bounded_pivots, factor_of
from ._factor_form import FactorForm
from ._whole_numbers import MAX_SOURCES, WholeProgram

# A method's result is accepted when its relative Frank-Wolfe gap is at most this.
_GAP_TOLERANCE = 1e-6
# Above this many sources the active set is faster than the interior point, and as exact.
_CVXPY_MAX_SOURCES = 1000
_LARGEST_BOUND = 1e20
_TOO_ILL = (
    "The discrepancy matrix is too ill conditioned: drop sources that are copies of one another, "
    "or add a small multiple of its diagonal to it."
)


@dataclass(frozen=True)
class SourceWeights:
    """Optimal source weights, and a proof of how close to the optimum they are.

    Attributes
    ----------
    source_weights : ndarray of shape (n_sources,)
        ``w``: the weight of one row of each source. A target row has weight 1.
    mixture_weights : ndarray of shape (n_sources,)
        ``alpha``: the share of each source among the weighted source rows. The shares sum to 1, or
        all are 0 if no source is used.
    effective_source_size : float
        ``s``: how many target rows the sources are worth.
    gap : float
        The objective is at most this fraction above its minimum, with the possible effect of
        rounding included (the relative Frank-Wolfe gap). If weights were averaged, it is the
        largest gap among them.
    """

    source_weights: np.ndarray
    mixture_weights: np.ndarray
    effective_source_size: float
    gap: float


def solve_source_weights(
    n_samples: ArrayLike,
    discrepancy: ArrayLike,
    *,
    n_target: float | None = None,
    max_weight: float | None = None,
    solver: str | None = None,
) -> SourceWeights:
    """Compute the optimal weights of the sources from their discrepancies.

    The weights minimise the expected error of the weighted fit. For one source the optimum is
    ``w = 1 / (1 + tau N)``. In general the mixture minimises ``alpha' (diag(1/N) + G) alpha`` over
    the simplex.

    Parameters
    ----------
    n_samples : array-like of shape (n_sources,)
        Number of rows of each source, above 0. They need not be whole numbers.
    discrepancy : array-like of shape (n_sources, n_sources)
        ``G``, the squared discrepancy of the parameters, divided by their number. It must be
        symmetric and positive semidefinite. A vector of shape (n_sources,) is its diagonal.
    n_target : float, default=None
        Number of target rows. It is needed with `max_weight` only: without a bound the optimum does
        not depend on it.
    max_weight : float, default=None
        Upper bound for each source weight. None sets no bound. Weights above 1 are rare and
        correct: they occur if sources have opposite biases.
    solver : str, default=None
        Name of a cvxpy solver. None uses the closed form where it is feasible, and CLARABEL
        otherwise.

    Returns
    -------
    result : SourceWeights
        The weights, the mixture, the effective source size and the gap.

    Raises
    ------
    ValueError
        If a size, a discrepancy or a bound is out of range, or the solver is unknown.
    RuntimeError
        If ``diag(1/N) + G`` is not positive definite, or no method reaches a relative gap of 1e-6.

    See Also
    --------
    optimal_source_weights : Estimates the discrepancy as well.

    Notes
    -----
    Each result is certified: the program is convex, its objective is above 0, the weights are
    finite and at least 0, and the objective is at most 1e-6 of itself above its minimum. The input
    is taken as exact.

    Discrepancies that are very large compared with ``1/N`` can be a problem for double precision.
    Let ``r = max_i N_i G_ii``, and let K be the number of sources.

    - Up to ``K r = 1e14``, the program can be solved for each semidefinite G in spite of rounding.
    - Beyond this, up to ``r = 1e24`` and 300 sources, it is solved if ``diag(1/N) + G`` is positive
      definite, and refused otherwise.
    - With more than 300 sources and a `max_weight`, sources whose biases cancel may be refused
      above ``r = 1e8``.
    - Rounding in the entries of G moves the optimum by up to about ``1e-16 K r`` of itself. This
      depends on how G was computed, so `gap` does not contain it.

    Examples
    --------
    >>> from skuowq.weights import solve_source_weights
    >>> result = solve_source_weights([100, 100], [[0.01, 0.0], [0.0, 1.0]])
    >>> (result.source_weights.round(4) + 0.0).tolist()
    [0.5, 0.0099]
    >>> round(result.effective_source_size, 2) + 0.0
    50.99
    """
    n_samples = check_sizes(n_samples, "n_samples")
    discrepancy = check_discrepancy(discrepancy, len(n_samples))
    if solver is not None:
        solver = check_solver(solver)
    if max_weight is not None:
        n_target = check_bound(n_target, max_weight)
    return solve_checked(n_samples, discrepancy, n_target, max_weight, solver)


def solve_checked(
    n_samples: NDArray,
    discrepancy: NDArray,
    n_target: float | None,
    max_weight: float | None,
    solver: str | None,
) -> SourceWeights:
    """`solve_source_weights` without a check.

    Parameters
    ----------
    n_samples : ndarray of shape (n_sources,)
        Rows of each source, from 1e-100 to 1e100.
    discrepancy : ndarray of shape (n_sources, n_sources)
        Symmetric and positive semidefinite, its entries below 1e100 in size.
    n_target : float or None
        Needed with `max_weight` only.
    max_weight : float or None
    solver : str or None
        As `check_solver` returns it.

    Returns
    -------
    result : SourceWeights
    """
    if max_weight == 0:
        return weights_record(np.zeros(len(n_samples)), n_samples, 0.0)
    if isinstance(discrepancy, FactorForm):
        if max_weight is None and solver is None:
            weights, gap = _weights_in_factors(discrepancy, n_samples)
            if gap <= _GAP_TOLERANCE:
                return weights_record(weights, n_samples, gap)
        discrepancy = np.asarray(discrepancy)
    program = _ConvexProgram(discrepancy, n_samples)
    if max_weight is None:
        weights, gap = _free_weights(program, solver)
    else:
        weights, gap = _bounded_weights(program, n_target, max_weight, solver)
    return weights_record(weights, n_samples, gap)


def weights_record(source_weights: NDArray, n_samples: NDArray, gap: float) -> SourceWeights:
    """Make a `SourceWeights` of the weights. This is the one place that certifies them.

    Parameters
    ----------
    source_weights : ndarray of shape (n_sources,)
    n_samples : ndarray of shape (n_sources,)
        Rows of each source, above 0.
    gap : float
        Frank-Wolfe gap relative to the objective.

    Returns
    -------
    result : SourceWeights

    Raises
    ------
    RuntimeError
        If a weight is negative or not finite, or the gap is above 1e-6.
    """
    rows = source_weights * n_samples
    size = float(rows.sum())
    if not (np.all(source_weights >= 0) and np.isfinite(size) and 0 <= gap <= _GAP_TOLERANCE):
        raise RuntimeError(
            f"The weights cannot be certified: they range from {np.min(source_weights):.3g} to "
            f"{np.max(source_weights):.3g}, with a relative gap of {gap:.1e}, but must be finite "
            f"and at least 0, with a gap between 0 and {_GAP_TOLERANCE:.0e}. {_TOO_ILL}"
        )
    mixture = rows / size if size > 0 else np.zeros(len(rows))
    return SourceWeights(source_weights, mixture, size, float(gap))


class _ConvexProgram:
    """A program whose matrix is shown to be positive definite, and the factor of this matrix."""

    def __init__(self, discrepancy, n_samples):
        self.discrepancy, self.n_samples = discrepancy, n_samples
        self.variance = 1 / n_samples
        self.matrix = discrepancy + np.diag(self.variance)
        self.scaled, self.goal, self.unit = _unit_diagonal(self.matrix)
        self.factor = self._factor()
        self.whole = None
        if self.factor is None:
            if len(n_samples) <= MAX_SOURCES:
                self.whole = WholeProgram(discrepancy, n_samples)
            if self.whole is None or not self.whole.is_convex():
                raise self._not_convex()

    def _rounding(self):
        """Twice the error that rounding may cause in the Cholesky factor of the scaled matrix."""
        return 2 * np.finfo(float).eps * len(self.scaled)

    def _factor(self):
        """Cholesky factor of a matrix slightly below the scaled one; None if there is none."""
        lowered = self.scaled.copy()
        lowered.flat[:: len(lowered) + 1] -= self._rounding()
        try:
            return cho_factor(lowered, overwrite_a=True)
        except LinAlgError:
            return None

    def stationary_rows(self):
        """``u`` with ``M u = 1``, or None."""
        if self.factor is None:
            return None
        u = cho_solve(self.factor, self.goal, check_finite=False)
        # The factor is of a matrix that is a little smaller: one step of refinement.
        u += cho_solve(self.factor, self.goal - self.scaled @ u, check_finite=False)
        return u / self.unit

    def in_whole_numbers(self, near, n_target=None, max_weight=None):
        """Weights and gap by the last method, starting from the mixture that another one found."""
        whole = self.whole
        if whole is None and len(self.matrix) <= MAX_SOURCES:
            whole = WholeProgram(self.discrepancy, self.n_samples)
            if not whole.is_convex():  # Units too far apart: convex all the same.
                whole = None
        if whole is None:
            return None, np.inf
        used = np.ones(len(self.matrix), bool)
        if near is not None:
            used = near * self.unit > 1e-5 * np.max(near * self.unit)
        return whole.minimum(used, n_target, max_weight)

    def _not_convex(self):
        lift = 2 * max(0.0, -np.linalg.eigvalsh(self.scaled)[0]) + 2 * self._rounding()
        fact = "is not positive definite"
        if self.whole is None:
            fact = f"cannot be shown to be positive definite, of more than {MAX_SOURCES} sources"
        return RuntimeError(
            f"The weight program was not solved: discrepancy + diag(1 / n_samples) {fact}, so that "
            "its optimum is undetermined. The discrepancies are up to "
            f"{(self.discrepancy.diagonal() * self.n_samples).max():.1e} times 1 / n_samples, and "
            "rounding in one may outweigh the other. Add "
            f"{lift:.1e} * numpy.diag(numpy.diag(discrepancy)) to the discrepancy, or drop sources "
            "that are copies of one another."
        )


def _weights_in_factors(discrepancy, n_samples):
    """Weights without a bound and their gap, from a matrix that is not formed."""
    mixture, gradient, hidden = discrepancy.optimal_mixture(1 / n_samples)
    if mixture is None or mixture.min() < 0:
        return None, np.inf
    return mixture / (mixture @ gradient) / n_samples, _gap(mixture, gradient, hidden, None)


def _free_weights(program, solver):
    """Weights and gap by the first method whose result is certified."""
    # The active set needs no cvxpy, which takes longer to load than a fit takes.
    roads = [_stationary_point, _active_set, _interior_point]
    if solver is not None:
        roads = [partial(_interior_point, solver=solver)]
    elif len(program.matrix) > _CVXPY_MAX_SOURCES:
        roads.remove(_interior_point)
    gaps, near = [], None
    for road in roads:
        mixture, value, gap = road(program)
        if gap <= _GAP_TOLERANCE:
            return mixture / value / program.n_samples, gap
        gaps.append(gap)
        near = near if mixture is None else mixture
    if solver is None:
        weights, gap = program.in_whole_numbers(near)
        if gap <= _GAP_TOLERANCE:
            return weights, gap
        gaps.append(gap)
    raise _not_solved(min(gaps), solver)


def _judge(u, program):
    """The mixture, its objective and its gap, in double precision."""
    if u is None or np.any(u < 0) or not np.any(u > 0):
        return None, np.nan, np.inf
    mixture = u / u.sum()
    return mixture, mixture @ program.matrix @ mixture, frank_wolfe_gap(mixture, program.matrix)


def _stationary_point(program):
    """``M u = 1``: the optimum if each source is used."""
    return _judge(program.stationary_rows(), program)


def _interior_point(program, solver="CLARABEL"):
    u = _solve_by_cvxpy(program.matrix, None, solver)
    if u is None:
        return None, np.nan, np.inf
    # No bound above: the target's size drops out, any will do.
    exact = bounded_pivots(program.matrix, 1.0, np.full(len(u), np.inf), u)
    return min(_judge(exact, program), _judge(u, program), key=lambda candidate: candidate[2])


def _active_set(program):
    return active_set_mixture(program.discrepancy, program.variance)


def _bounded_weights(program, n_target, max_weight, solver):
    """Weights under the bound, and the gap of the mixture of target and sources."""
    M, n_samples = program.matrix, program.n_samples
    caps = max_weight * n_samples
    # The target joins the mixture as entry 0.
    matrix = np.zeros((len(M) + 1, len(M) + 1))
    matrix[0, 0], matrix[1:, 1:] = 1 / n_target, M
    bias = np.zeros_like(matrix)
    bias[1:, 1:] = program.discrepancy
    ratios = caps / n_target

    def judge(u):
        mixture = np.append(n_target, u)
        mixture /= mixture.sum()
        gap = frank_wolfe_gap(mixture, matrix, ratios)
        if gap > _GAP_TOLERANCE and len(u) > MAX_SOURCES:  # Of fewer, whole numbers do better.
            gap = _accurate_gap(mixture, bias, np.append(1 / n_target, program.variance), ratios)
        return np.minimum(u / n_samples, max_weight), gap

    candidates = []
    if solver is None:
        mixture, value, _ = _stationary_point(program)
        if mixture is not None and np.all(mixture / value <= caps):
            candidates.append(judge(mixture / value))
    near = None
    if not candidates or candidates[0][1] > _GAP_TOLERANCE:
        mixture = _solve_by_cvxpy(matrix, ratios, solver or "CLARABEL")
        near = caps / 2
        if mixture is not None:
            near = np.clip(n_target * mixture[1:] / mixture[0], 0, caps)
            candidates.append(judge(near))
        # If the user asked for a solver and it failed, no other one replaces it.
        if solver is None or mixture is not None:
            exact = bounded_pivots(M, n_target, caps, near)
            if exact is not None:
                candidates.append(judge(exact))
    if solver is None and all(gap > _GAP_TOLERANCE for _, gap in candidates):
        candidates.append(program.in_whole_numbers(near, n_target, max_weight))
    for weights, gap in reversed(candidates):
        if gap <= _GAP_TOLERANCE:
            return weights, gap
    raise _not_solved(min((gap for _, gap in candidates), default=np.inf), solver)


def _solve_by_cvxpy(matrix, ratios, solver):
    """The solution of cvxpy, or None: it finds none, or is not installed.

    The form ``|C' v|^2`` keeps small curvatures precise.
    """
    try:
        cp = import_optional("cvxpy", "solver=")
    except ModuleNotFoundError:
        return None  # The methods after it need none.
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
            # An older cvxpy does not tell OSQP what to do with errors.
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            problem.solve(solver=solver)
    except cp.error.SolverError:
        return None
    return None if v.value is None else np.maximum(v.value, 0) / unit


def _unit_diagonal(matrix):
    """The matrix in units in which its diagonal is 1, so that sizes of any scale can be solved."""
    unit = np.sqrt(np.diag(matrix))
    g = 1 / unit
    return matrix / unit[:, None] / unit, g / g.max(), unit


def _not_solved(gap, solver):
    remedy = _TOO_ILL if solver is None else f"Pass solver=None instead of {solver!r}."
    return RuntimeError(
        f"The weight program was not solved: the best relative gap is {gap:.1e}, above "
        f"{_GAP_TOLERANCE:.0e}. {remedy}"
    )


def frank_wolfe_gap(mixture, matrix, ratios=None):
    """Upper bound on ``(f - f*) / f`` for ``f = mixture' M mixture``, rounding included.

    It is ``2 (f - min <v, M mixture>) / f``, the minimum taken over the feasible set, plus the
    error that rounding may cause in it.
    """
    # Rounding in a sum of K terms grows like the root of K.
    hidden = np.finfo(float).eps * np.sqrt(len(mixture)) * (np.abs(matrix) @ mixture)
    return _gap(mixture, matrix @ mixture, hidden, ratios)


def _accurate_gap(mixture, discrepancy, variance, ratios):
    """`frank_wolfe_gap` of ``diag(variance) + discrepancy`` with an accurate gradient."""
    gradient = accurate_product(discrepancy, variance, mixture, np.zeros_like(mixture))
    reach = np.abs(discrepancy) @ mixture + variance * mixture
    eps = np.finfo(float).eps
    return _gap(mixture, gradient, 2 * eps * np.abs(gradient) + eps**2 * reach, ratios)


def _gap(mixture, gradient, hidden, ratios):
    """Relative gap if each entry of the gradient may be wrong by `hidden`."""
    value = mixture @ gradient
    if not value > 0:  # Positive in truth: all digits have cancelled.
        return np.inf
    gradient = gradient - hidden
    if ratios is None:
        lowest = gradient.min()
    else:
        # Extreme points carry a set A of sources at their bounds: the best is a ratio
        # (g_0 + sum_A r g) / (1 + sum_A r), reached by taking the g in rising order.
        order = np.argsort(gradient[1:])
        numerator = gradient[0] + np.cumsum(np.append(0, (ratios * gradient[1:])[order]))
        denominator = 1 + np.cumsum(np.append(0, ratios[order]))
        lowest = (numerator / denominator).min()
    return 2 * (max(0.0, value - lowest) + mixture @ hidden) / value


def check_bound(n_target, max_weight):
    """Refuse a bound out of range, and one without the target's size; returns that size."""
    if not (isinstance(max_weight, numbers.Real) and 0 <= max_weight < np.inf):
        raise ValueError(f"max_weight must be a finite number >= 0 or None, got {max_weight!r}.")
    if max_weight > _LARGEST_BOUND:
        raise ValueError(
            f"max_weight is {max_weight:.3g}, above {_LARGEST_BOUND:.0e}, where rounding makes it "
            "no bound: pass None."
        )
    if n_target is None:
        raise ValueError(
            "max_weight needs n_target: the bounded optimum depends on the target's size."
        )
    return float(check_sizes([n_target], "n_target")[0])


def check_solver(solver: str) -> str:
    """Refuse what is not the name of an installed cvxpy solver of quadratic programs.

    Parameters
    ----------
    solver : str
        In capitals or not.

    Returns
    -------
    solver : str
        The name as cvxpy writes it, in capitals.

    Raises
    ------
    ValueError
        With the names of the solvers that would do.
    """
    cp = import_optional("cvxpy", f"solver={solver!r}")
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
    """Suppress the greeting of HiGHS, which writes to the file below `sys.stdout`."""
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
