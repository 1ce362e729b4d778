"""Hold the theory against simulation on a family with known truth.

Every comparison is a z-test: simulated mean minus claimed number, over the standard error of the
mean. All points of a grid share their random numbers, and claims about differences are tested on
paired differences.
"""

from dataclasses import dataclass
from functools import partial
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from skuowq.weights import solve_source_weights

from ._arguments import above_zero, one_number, one_per_source
from ._error import asymptotic_error, minimal_error, optimal_quantity, optimal_weight

# Numbers in the largest array of a simulation: 16 MB each, whatever the number of repeats.
_CHUNK_SIZE = 2_000_000
# Differences below this part of the largest number are rounding, not evidence.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False, repr=False)
class ValidationResult:
    """Claimed and simulated numbers, side by side; prints as a table.

    Attributes
    ----------
    claim : str
        What was tested; see `validate`.
    family : object
        The model family.
    labels : tuple of str
        One for each point, as printed.
    grid : ndarray of shape (n_points, n_sources)
        What varies over the points: source weights, or rows for the claim "optimal_quantity".
    theory : ndarray of shape (n_points,)
        The numbers claimed.
    simulated : ndarray of shape (n_points,)
        Means over the repeats.
    std_error : ndarray of shape (n_points,)
        Standard errors of these means.
    n_repeats : int
    """

    claim: str
    family: object
    labels: tuple
    grid: np.ndarray
    theory: np.ndarray
    simulated: np.ndarray
    std_error: np.ndarray
    n_repeats: int

    @property
    def z(self):
        """Simulated minus claimed, in standard errors, ndarray of shape (n_points,).

        A difference at the level of rounding counts as 0; another without any spread is infinite.
        """
        difference = self.simulated - self.theory
        scale = max(np.abs(self.theory).max(), np.abs(self.simulated).max())
        z = np.copysign(np.inf, difference)
        np.divide(difference, self.std_error, out=z, where=self.std_error > 0)
        z[np.abs(difference) <= _ROUNDING * scale] = 0
        return z

    @property
    def max_abs_z(self):
        """The largest absolute z: the theory is refuted where it exceeds 4, say."""
        return float(np.abs(self.z).max())

    def __repr__(self):
        width = max(len(label) for label in self.labels)
        head = (
            f"claim {self.claim!r} on {self.family!r}: largest |z| {self.max_abs_z:.2f} "
            f"({self.n_repeats} repeats)"
        )
        names = f"{'':{width}}  {'theory':>11} {'simulated':>11} {'std_error':>11} {'z':>6}"
        rows = (
            f"{label:{width}}  {theory:11.4e} {simulated:11.4e} {std_error:11.1e} {z:6.2f}"
            for label, theory, simulated, std_error, z in zip(
                self.labels, self.theory, self.simulated, self.std_error, self.z, strict=True
            )
        )
        return "\n".join([head, names, *rows])


@dataclass(frozen=True, eq=False)
class _Plan:
    """What to simulate, `n_samples` and `source_weights`, and what is claimed of it.

    The claim is on `contrasts @ errors`, with `errors` one entry for each simulated point.
    """

    labels: tuple
    grid: np.ndarray
    n_samples: np.ndarray
    source_weights: np.ndarray
    contrasts: np.ndarray
    theory: np.ndarray


def validate(
    family,
    theta_target,
    theta_sources,
    n_target,
    n_samples,
    *,
    claim="error",
    source_weights=None,
    n_repeats=20000,
    random_state=None,
):
    """Compare the theory with the simulated error of the weighted maximum likelihood fit.

    Parameters
    ----------
    family : GaussianMean
        A model family with known truth.
    theta_target : array-like of shape (n_parameters,)
        True parameters of the target.
    theta_sources : array-like of shape (n_parameters, n_sources)
        True parameters of the sources, one column each.
    n_target : float
        Target rows, above 0.
    n_samples : array-like of shape (n_sources,)
        Rows of each source, above 0; a scalar where there is one source.
    claim : {"error", "optimal_weight", "optimal_quantity"}, default="error"
        - "error": `asymptotic_error` is the error, over a grid of weights.
        - "optimal_weight": the error at the optimal weights w* is `minimal_error`, and that of
          multiples of w*, and of w* with one source's weight changed, exceeds it by what the
          formula says and never falls below it.
        - "optimal_quantity": with one source whose rows have weight 1, the error at
          `optimal_quantity` is the formula's, and that of other quantities exceeds it by what the
          formula says and never falls below it; nor does it fall below that of all rows at
          `optimal_weight`.
    source_weights : array-like of shape (n_points, n_sources), default=None
        The grid of the claim "error". None takes multiples of the optimal weights, and weights 1.
    n_repeats : int, default=20000
        Simulated fits, at least 2. Increasing it makes the test sharper in proportion to its square
        root, at the cost of time in proportion.
    random_state : int, RandomState instance or None, default=None
        Pass an int for a reproducible result.

    Returns
    -------
    result : ValidationResult

    Raises
    ------
    ValueError
        If an argument is out of its range, or does not fit the claim.

    Examples
    --------
    >>> from skuowq.theory import GaussianMean, validate
    >>> result = validate(GaussianMean(2), [0, 0], [[0.3], [0.1]], 20, 100, random_state=0)
    >>> result.max_abs_z < 4
    True
    """
    plans = {
        "error": partial(_plan_error, source_weights=source_weights),
        "optimal_weight": _plan_optimal_weight,
        "optimal_quantity": _plan_optimal_quantity,
    }
    if claim not in plans:
        raise ValueError(f"claim is {claim!r}, and must be one of {', '.join(map(repr, plans))}")
    if not isinstance(n_repeats, Integral) or n_repeats < 2:
        raise ValueError(
            f"n_repeats is {n_repeats!r}, and must be an integer of at least 2: a standard error "
            "needs two fits, and a useful one thousands"
        )
    if source_weights is not None and claim != "error":
        raise ValueError(
            f"source_weights is given, and claim {claim!r} chooses its own: leave it out, or use "
            "claim='error'"
        )
    G = family.discrepancy(theta_target, theta_sources)
    n_target = one_number("n_target", n_target, "pass the number of target rows")
    n_samples = above_zero("n_samples", n_samples, "pass the number of rows of each source")
    n_samples = one_per_source("n_samples", n_samples, len(G))
    if n_samples.ndim > 1:
        raise ValueError(f"n_samples has shape {n_samples.shape}, and must be ({len(G)},)")

    plan = plans[claim](n_target, n_samples, G, family.n_parameters)
    rng = check_random_state(random_state)
    simulate = partial(
        family.simulate_errors,
        theta_target,
        theta_sources,
        n_target,
        plan.n_samples,
        plan.source_weights,
        rng=rng,
    )
    n_points, n_sources = plan.n_samples.shape
    chunk = max(1, _CHUNK_SIZE // ((n_points + n_sources + 1) * family.n_parameters))
    sizes = (min(chunk, n_repeats - start) for start in range(0, n_repeats, chunk))
    outcomes = np.hstack([plan.contrasts @ simulate(n_repeats=size) for size in sizes])
    return ValidationResult(
        claim=claim,
        family=family,
        labels=plan.labels,
        grid=plan.grid,
        theory=plan.theory,
        simulated=outcomes.mean(axis=1),
        std_error=outcomes.std(axis=1, ddof=1) / np.sqrt(n_repeats),
        n_repeats=n_repeats,
    )


def _plan_error(n_target, n_samples, G, n_parameters, source_weights):
    if source_weights is None:
        multiples = (0, 0.25, 0.5, 1, 2, 4)
        optimum = _optimal_weights(n_samples, G)
        weights = np.vstack([np.outer(multiples, optimum), np.ones_like(optimum)])
        labels = tuple(f"{multiple:g} w*" for multiple in multiples) + ("w = 1",)
    else:
        weights = np.asarray(source_weights, dtype=float)
        if weights.ndim != 2 or weights.shape[0] == 0:
            raise ValueError(
                f"source_weights has shape {weights.shape}, and must have shape (n_points, "
                f"{len(G)}): pass one grid point a row"
            )
        labels = tuple("w = " + ", ".join(f"{w:.3g}" for w in point) for point in weights)
    theory = asymptotic_error(n_target, n_samples, weights, G, n_parameters)
    rows = np.broadcast_to(n_samples, weights.shape)
    return _Plan(labels, weights, rows, weights, np.eye(len(weights)), theory)


def _plan_optimal_weight(n_target, n_samples, G, n_parameters):
    optimum = _optimal_weights(n_samples, G)
    multiples = (0.5, 0.8, 0.95, 1.05, 1.25, 2)
    rivals = [multiple * optimum for multiple in multiples]
    labels = [f"{multiple:g} w*" for multiple in multiples]
    # Multiples of w* test the total alone; the mixture is tested by one source at a time.
    for i in range(len(G) if len(G) > 1 else 0):
        steps = (0.5, 2) if optimum[i] > 0 else (0.1,)
        for step in steps:
            rival = optimum.copy()
            rival[i] = step * (optimum[i] or optimum.mean())
            rivals.append(rival)
            labels.append(f"w_{i} = {rival[i]:.3g}")
    weights = np.vstack([optimum, *rivals])
    rows = np.broadcast_to(n_samples, weights.shape)
    errors = asymptotic_error(n_target, n_samples, weights, G, n_parameters)
    contrasts, theory = _less_the_first(errors)
    # A road of its own to the first number: the optimum of the program, not the formula at w*.
    theory[0] = minimal_error(n_target, n_samples, G, n_parameters)
    labels = ("w*", *(f"{label} less w*" for label in labels))
    return _Plan(labels, weights, rows, weights, contrasts, theory)


def _plan_optimal_quantity(n_target, n_samples, G, n_parameters):
    if len(G) > 1:
        raise ValueError(
            f"theta_sources holds {len(G)} sources, and the rule of 'optimal_quantity' is for one: "
            "pass one column at a time"
        )
    N, tau = n_samples.item(), G.item()
    best = optimal_quantity(n_target, N, tau)
    near = np.array([0.25, 0.5, 0.8, 1.25, 2, 4]) * best
    grid = np.unique(np.append(near[near < N], [N / 4, N / 2, N]))
    grid = grid[grid != best]
    rows = np.append(best, np.append(grid, N))[:, None]
    weights = np.ones_like(rows)
    weights[-1] = optimal_weight(N, tau)
    errors = asymptotic_error(n_target, rows, weights, G, n_parameters)
    contrasts, theory = _less_the_first(errors)
    # The other way round: all rows at their weight are the better rival.
    contrasts[-1] *= -1
    theory[-1] = max(errors[0] - errors[-1], 0)
    labels = (f"n* = {best:.4g}", *(f"n = {n:.4g} less n*" for n in grid), "n* less all rows at w*")
    return _Plan(labels, rows, rows, weights, contrasts, theory)


def _less_the_first(errors):
    """Contrasts that keep the first error and take it from the others, and what is claimed.

    The first is the least, so a difference below 0 is claimed to be 0: where the formula says
    otherwise the simulation refutes the claim.
    """
    contrasts = np.eye(len(errors))
    contrasts[1:, 0] = -1
    theory = contrasts @ errors
    theory[1:] = np.maximum(theory[1:], 0)
    return contrasts, theory


def _optimal_weights(n_samples, G):
    if len(G) == 1:
        return optimal_weight(n_samples, G[0])
    return solve_source_weights(n_samples, G).source_weights
