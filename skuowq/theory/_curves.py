"""Curves for plots: the error and its parts along one axis, and the best weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skuowq._data.types import Seed
from skuowq._utils._checks import as_numbers
from skuowq.weights import solve_source_weights
from skuowq.weights.checked import parts_of_rows

from ._arguments import (
    PARAMETERS,
    SOURCE_ROWS,
    TARGET_ROWS,
    above_zero,
    discrepancy_matrix,
    one_number,
    one_per_source,
)
from ._error import best_weights, error_of_weights, too_far_apart
from ._families import Family
from ._validate import check_family, validate
from ._validation_result import ValidationResult

_ALONG = ("weight", "effective_size", "quantity")


@dataclass(frozen=True, eq=False)
class ErrorCurve:
    """Expected KL error along one axis, in nats.

    Attributes
    ----------
    along : {"weight", "effective_size", "quantity"}
    source : int
        The source that varies.
    x : ndarray of shape (n_points,)
        Positions on the axis.
    x_label : str
        The axis in words, with its symbol and unit.
    variance, squared_bias : ndarray of shape (n_points,)
        The parts of the error.
    source_weights, n_samples : ndarray of shape (n_points, n_sources)
        Weights and numbers of rows at each point.
    n_target : float
    n_parameters : float
    discrepancy : ndarray of shape (n_sources, n_sources)
    target_only : float
        The error without sources.
    oracle : float
        The error at the best weights.
    simulated_x : ndarray of shape (n_simulated,) or None
        The points that `simulate_curve` has simulated.
    simulation : ValidationResult or None
        The results at these points.
    """

    along: str
    source: int
    x: np.ndarray
    x_label: str
    variance: np.ndarray
    squared_bias: np.ndarray
    source_weights: np.ndarray
    n_samples: np.ndarray
    n_target: float
    n_parameters: float
    discrepancy: np.ndarray
    target_only: float
    oracle: float
    simulated_x: np.ndarray | None = None
    simulation: ValidationResult | None = None

    @property
    def error(self) -> NDArray:
        """The error at each point: variance plus squared bias, of shape (n_points,)."""
        return self.variance + self.squared_bias


def error_curve(
    n_target: float,
    n_samples: ArrayLike,
    discrepancy: ArrayLike,
    n_parameters: float,
    *,
    along: str = "weight",
    source: int = 0,
    source_weights: ArrayLike | None = None,
    n_points: int = 201,
) -> ErrorCurve:
    """Compute the error formula along a weight, the effective source size or the rows of a source.

    Parameters
    ----------
    n_target : float
        Number of target rows ``N0``, above 0.
    n_samples : array-like of shape (n_sources,)
        Number of rows of each source, above 0. A scalar is one source.
    discrepancy : array-like of shape (n_sources, n_sources)
        ``G``, symmetric and positive semidefinite. A vector is its diagonal. A scalar is one
        source.
    n_parameters : float
        ``d``, above 0.
    along : {"weight", "effective_size", "quantity"}, default="weight"
        What varies along the curve.

        - "weight": the weight of `source`, from 0 to 1, or to twice its best weight if this is
          larger.
        - "effective_size": ``s = sum_i w_i n_i``, from 0 to three times its best value. The mixture
          of the sources stays the same.
        - "quantity": the number of rows used of `source`, from 1 to all of them, on a logarithmic
          scale.
    source : int, default=0
        The source that varies.
    source_weights : array-like of shape (n_sources,), default=None
        The weights of the sources. Along "weight" only those of the other sources are used. None
        takes the best weights; along "quantity", the best ones for the rows used at each point.
    n_points : int, default=201
        Number of points, at least 2.

    Returns
    -------
    curve : ErrorCurve

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from skuowq.theory import error_curve
    >>> curve = error_curve(20, 200, 0.02, n_parameters=5)
    >>> round(float(curve.x[curve.error.argmin()]), 2) + 0.0  # 1 / (1 + 0.02 * 200)
    0.2
    """
    N0 = one_number("n_target", n_target, TARGET_ROWS)
    d = one_number("n_parameters", n_parameters, PARAMETERS)
    G = discrepancy_matrix(discrepancy)
    n = _rows_of_each(n_samples, len(G))
    if along not in _ALONG:
        raise ValueError(f"along is {along!r}, and must be one of {', '.join(map(repr, _ALONG))}")
    _check_source(source, len(G))
    _check_points(n_points)
    best = best_weights(n, G)
    if source_weights is None:
        w = best.source_weights
    else:
        w = _one_setting("source_weights", as_numbers("source_weights", source_weights), len(G))
        error_of_weights(N0, n, w, G, d)  # It checks the weights.
    rows = np.tile(n, (n_points, 1))
    weights = np.tile(w, (n_points, 1))
    if along == "weight":
        x = np.linspace(0, max(1, 2 * best.source_weights[source]), n_points)
        weights[:, source] = x
        x_label = f"weight $w_{{{source + 1}}}$ of one source row (a target row = 1)"
    elif along == "effective_size":
        # The best weights may be too small to be written, their mixture is not.
        mass = best.mixture_weights if source_weights is None else w * n
        if source_weights is None and not mass.any():
            raise too_far_apart(N0, n, G, w)
        if not mass.any():
            raise ValueError(
                "source_weights are all 0, and no mixture can be kept along 'effective_size': pass "
                "at least one above 0"
            )
        x = np.linspace(0, 3 * best.effective_source_size, n_points)
        weights = x[:, None] * (mass / mass.sum() / n)
        x_label = r"effective source size $s = \sum_i w_i n_i$ (target rows)"
    else:
        x = np.geomspace(min(1, n[source] / 2), n[source], n_points)
        rows[:, source] = x
        if source_weights is None:
            weights = np.array([best_weights(row, G).source_weights for row in rows])
        x_label = f"rows used of the source, $n_{{{source + 1}}}$"
    with np.errstate(all="ignore"):
        variance, squared_bias = parts_of_rows(N0, rows, weights * rows, G, d)
    if not np.isfinite(variance + squared_bias).all():
        raise too_far_apart(N0, n, G, w)
    return ErrorCurve(
        along=along,
        source=source,
        x=x,
        x_label=x_label,
        variance=variance,
        squared_bias=squared_bias,
        source_weights=weights,
        n_samples=rows,
        n_target=N0,
        n_parameters=d,
        discrepancy=G,
        target_only=d / (2 * N0),
        oracle=float(d / 2 / (N0 + best.effective_source_size)),
    )


def simulate_curve(
    curve: ErrorCurve,
    family: Family,
    theta_target: ArrayLike,
    theta_sources: ArrayLike,
    *,
    n_points: int = 11,
    n_repeats: int = 20000,
    n_jobs: int | None = None,
    random_state: Seed = None,
    verbose: int = 0,
) -> ErrorCurve:
    """Simulate the error at some points of a curve, to compare it with the formula.

    Parameters
    ----------
    curve : ErrorCurve
        From `error_curve`.
    family, theta_target, theta_sources
        As in `validate`. Their discrepancy must be that of the curve.
    n_points : int, default=11
        Number of points to simulate, at least 2. They are spread evenly over the curve.
    n_repeats, n_jobs, random_state, verbose
        As in `validate`.

    Returns
    -------
    curve : ErrorCurve
        A copy with `simulated_x` and `simulation`.

    Raises
    ------
    ValueError
        If the discrepancy or the number of parameters of the family differs from the curve's.

    Examples
    --------
    >>> from skuowq.theory import GaussianMean, error_curve, simulate_curve
    >>> curve = error_curve(20, 200, 0.05, n_parameters=2)
    >>> curve = simulate_curve(curve, GaussianMean(2), [0, 0], [[0.3], [0.1]], random_state=0)
    >>> curve.simulation.max_abs_z < 4
    True
    """
    _check_points(n_points)
    if not isinstance(curve, ErrorCurve):
        raise TypeError(f"curve is a {type(curve).__name__}: pass what `error_curve` returns")
    check_family(family)
    G = family.discrepancy(theta_target, theta_sources)
    same = G.shape == curve.discrepancy.shape and np.allclose(G, curve.discrepancy, atol=1e-12)
    if not same or family.n_parameters != curve.n_parameters:
        raise ValueError(
            f"the family has {family.n_parameters} parameters and discrepancy {G.tolist()}, and "
            f"the curve {curve.n_parameters:g} and {curve.discrepancy.tolist()}: make the curve "
            "with family.n_parameters and family.discrepancy(theta_target, theta_sources)"
        )
    chosen = np.unique(np.linspace(0, len(curve.x) - 1, n_points).round().astype(int))
    rows, weights = curve.n_samples[chosen], curve.source_weights[chosen]
    x = curve.x[chosen]
    if curve.along == "quantity" and not family.fractional_rows:
        x, first = np.unique(np.maximum(np.round(x), 1), return_index=True)
        rows, weights = rows[first], weights[first]
        rows[:, curve.source] = x
    result = validate(
        family,
        theta_target,
        theta_sources,
        curve.n_target,
        rows,
        source_weights=weights,
        n_repeats=n_repeats,
        n_jobs=n_jobs,
        random_state=random_state,
        verbose=verbose,
    )
    return replace(curve, simulated_x=x, simulation=result)


@dataclass(frozen=True, eq=False)
class WeightCurve:
    """Best source weights while one source moves away from the target.

    Attributes
    ----------
    x : ndarray of shape (n_points,)
        Discrepancy of the source that moves.
    source_weights : ndarray of shape (n_points, n_sources)
    n_samples : ndarray of shape (n_sources,)
    source : int
        The source that moves.
    """

    x: np.ndarray
    source_weights: np.ndarray
    n_samples: np.ndarray
    source: int


def weight_curve(
    n_samples: ArrayLike, discrepancy: ArrayLike, *, source: int = 0, n_points: int = 121
) -> WeightCurve:
    """Compute the best weights of all sources while one of them moves away from the target.

    The source moves along its contrast. If its contrast is multiplied by ``c``, its own discrepancy
    is multiplied by ``c^2``, and its entries with other sources by ``c``.

    Parameters
    ----------
    n_samples : array-like of shape (n_sources,)
        Number of rows of each source, above 0. A scalar is one source.
    discrepancy : array-like of shape (n_sources, n_sources)
        ``G``. A vector is its diagonal, a scalar is one source.
    source : int, default=0
        The source that moves. Its discrepancy goes from a hundredth to a hundred times
        ``1 / n_samples[source]``, at which its weight alone would be one half.
    n_points : int, default=121
        Number of points, at least 2.

    Returns
    -------
    curve : WeightCurve

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from skuowq.theory import weight_curve
    >>> curve = weight_curve(100, 0.01, n_points=3)
    >>> (curve.x.round(6) + 0.0).tolist()
    [0.0001, 0.01, 1.0]
    >>> (curve.source_weights[:, 0].round(3) + 0.0).tolist()
    [0.99, 0.5, 0.01]
    """
    G = discrepancy_matrix(discrepancy)
    n = _rows_of_each(n_samples, len(G))
    _check_source(source, len(G))
    _check_points(n_points)
    taus = np.geomspace(0.01, 100, n_points) / n[source]
    weights = []
    for tau in taus:
        moved = G.copy()
        scale = np.sqrt(tau / G[source, source]) if G[source, source] > 0 else 0.0
        moved[source] *= scale
        moved[:, source] *= scale
        moved[source, source] = tau
        weights.append(solve_source_weights(n, moved).source_weights)
    return WeightCurve(taus, np.array(weights), n, source)


def _rows_of_each(n_samples, n_sources):
    return _one_setting("n_samples", above_zero("n_samples", n_samples, SOURCE_ROWS), n_sources)


def _one_setting(name, value, n_sources):
    """A number for each source; a curve has one setting, not many."""
    value = one_per_source(name, value, n_sources)
    if value.ndim > 1:
        raise ValueError(
            f"{name} has shape {value.shape}, and must be ({n_sources},): pass one number for each "
            "source"
        )
    return value


def _check_source(source, n_sources):
    if not isinstance(source, Integral) or isinstance(source, bool) or not 0 <= source < n_sources:
        raise ValueError(
            f"source is {source!r}, and must be a number from 0 to {n_sources - 1}: there are "
            f"{n_sources} sources"
        )


def _check_points(n_points):
    if not isinstance(n_points, Integral) or n_points < 2:
        raise ValueError(f"n_points is {n_points!r}, and must be an integer of at least 2")
