"""Claims about the error: the formula, the best weights, and the best numbers of rows."""

from functools import partial

import numpy as np

from skuowq.theory._error import asymptotic_error, minimal_error, optimal_quantity, optimal_weight

from ._plan import DIFFERENCE, ERROR, Plan

# Rounding to whole rows changes a smaller optimal quantity too much.
_LEAST_QUANTITY = 10


def plan_error(setting, source_weights=None):
    n_samples = np.atleast_2d(setting.n_samples)
    if source_weights is None and len(n_samples) == 1:
        multiples = (0, 0.25, 0.5, 1, 2, 4)
        optimum = setting.optimal_weights()
        weights = np.vstack([np.outer(multiples, optimum), np.ones_like(optimum)])
        labels = tuple(f"{multiple:g} w*" for multiple in multiples) + ("w = 1",)
    else:
        weights, labels = _given_points(setting, n_samples, source_weights)
    return _plan_points(setting, labels, weights, np.broadcast_to(n_samples, weights.shape))


def _given_points(setting, n_samples, source_weights):
    if source_weights is None:
        weights = np.array([setting.optimal_weights(n) for n in n_samples])
    else:
        weights = np.asarray(source_weights, dtype=float)
        if weights.ndim != 2 or weights.shape[0] == 0:
            raise ValueError(
                f"source_weights has shape {weights.shape}, and must have shape (n_points, "
                f"{setting.n_sources}): pass one grid point a row"
            )
    # It checks that these fit together.
    asymptotic_error(setting.n_target, n_samples, weights, setting.discrepancy, 1)
    weights, n_samples = np.broadcast_arrays(weights, n_samples)
    labels = ["w = " + _listed(w) for w in weights]
    if np.any(n_samples != n_samples[0]):
        labels = [f"n = {_listed(n)}, {label}" for n, label in zip(n_samples, labels, strict=True)]
    return weights, tuple(labels)


def plan_optimal_weight(setting):
    optimum = setting.optimal_weights()
    multiples = (0.5, 0.8, 0.95, 1.05, 1.25, 2)
    rivals = [multiple * optimum for multiple in multiples]
    labels = [f"{multiple:g} w*" for multiple in multiples]
    # Multiples of w* test the total only. Changing one source at a time tests the mixture.
    for i in range(setting.n_sources if setting.n_sources > 1 else 0):
        steps = (0.5, 2) if optimum[i] > 0 else (0.1,)
        for step in steps:
            rival = optimum.copy()
            rival[i] = step * (optimum[i] or optimum.mean())
            rivals.append(rival)
            labels.append(f"w_{i + 1} = {rival[i]:.3g}")
    weights = np.vstack([optimum, *rivals])
    labels = ("w*", *(f"{label} less w*" for label in labels))
    n_samples = np.broadcast_to(setting.n_samples, weights.shape)
    # The first number comes from the optimum of the program and not from the formula at w*.
    least = minimal_error(
        setting.n_target, setting.n_samples, setting.discrepancy, setting.n_parameters
    )
    return _plan_less_the_first(setting, labels, weights, weights, n_samples, least)


def plan_all_rows(setting):
    """``n* = N``: with the best weights for the rows used, fewer rows of any source are worse."""
    n_samples, labels = [setting.n_samples], ["all rows"]
    for i in range(setting.n_sources):
        for part in (0.05, 0.25, 0.5, 0.75):
            fewer = setting.n_samples.copy()
            fewer[i] = _whole_rows(setting, part * fewer[i])
            n_samples.append(fewer)
            labels.append(f"n_{i + 1} = {fewer[i]:.4g} less all rows")
    n_samples = np.array(n_samples)
    weights = np.array([setting.optimal_weights(n) for n in n_samples])
    return _plan_less_the_first(setting, tuple(labels), n_samples, weights, n_samples)


def plan_optimal_quantity(setting):
    if setting.n_sources > 1:
        raise ValueError(
            f"theta_sources holds {setting.n_sources} sources, and the rule of 'optimal_quantity' "
            "is for one: pass one column at a time"
        )
    N, tau = setting.n_samples.item(), setting.discrepancy.item()
    best = optimal_quantity(setting.n_target, N, tau)
    if not setting.family.fractional_rows and best < _LEAST_QUANTITY:
        raise ValueError(
            f"the optimal quantity is {best:.3g} rows, and rounding it to whole rows needs at "
            f"least {_LEAST_QUANTITY}: take a nearer source or more target rows"
        )
    near = np.array([0.25, 0.5, 0.8, 1.25, 2, 4]) * best
    grid = np.append(near[near < N], [N / 4, N / 2, N])
    best = _whole_rows(setting, best)
    grid = np.unique(_whole_rows(setting, grid))
    grid = grid[grid != best]
    rows = np.append(best, np.append(grid, N))[:, None]
    weights = np.ones_like(rows)
    weights[-1] = optimal_weight(N, tau)
    labels = (f"n* = {best:.4g}", *(f"n = {n:.4g} less n*" for n in grid), "n* less all rows at w*")
    return _plan_less_the_first(setting, labels, rows, weights, rows, last_is_better=True)


def plan_sample_size(setting, multiples):
    """Errors times the multiple of the rows, while the distances shrink with its square root."""
    settings = [setting.scaled(rows=c, distance=c**-0.5) for c in multiples]
    labels = tuple(f"{c:g} x rows (N0 = {c * setting.n_target:.4g})" for c in multiples)
    plans = [_at_the_optimum(scaled) for scaled in settings]
    theory = np.array([c * plan.theory[0] for c, plan in zip(multiples, plans, strict=True)])

    def simulate(n_repeats, rng):
        errors = [plan.simulate(n_repeats, rng)[0] for plan in plans]
        return np.array(multiples)[:, None] * errors

    quantity = "multiple of the rows x expected KL error (nats)"
    grid = np.array(multiples)[:, None]
    return Plan(labels, grid, theory, quantity, simulate, plans[0].width)


def plan_distance(setting, multiples):
    """Errors while the sources move away; the rows and the weights stay the same.

    The weights are w* for the given distances. If they followed the distance, far sources would get
    weight 0 and there would be nothing to test.
    """
    weights = setting.optimal_weights()[None]
    plans = [
        _plan_points(setting.scaled(distance=c), ("",), weights, setting.n_samples[None])
        for c in multiples
    ]
    labels = tuple(f"{c:g} x distance" for c in multiples)
    theory = np.array([plan.theory[0] for plan in plans])

    def simulate(n_repeats, rng):
        return np.array([plan.simulate(n_repeats, rng)[0] for plan in plans])

    return Plan(labels, np.array(multiples)[:, None], theory, ERROR, simulate, plans[0].width)


def _at_the_optimum(setting):
    weights = setting.optimal_weights()[None]
    return _plan_points(setting, ("w*",), weights, setting.n_samples[None])


def _plan_points(setting, labels, weights, n_samples):
    theory = asymptotic_error(
        setting.n_target, n_samples, weights, setting.discrepancy, setting.n_parameters
    )
    simulate = partial(simulate_errors, setting, n_samples, weights, np.eye(len(weights)))
    return Plan(labels, weights, theory, ERROR, simulate, width_of(setting, n_samples))


def _plan_less_the_first(
    setting, labels, grid, weights, n_samples, least=None, last_is_better=False
):
    """The first error, and the differences of the others from it.

    The claim is that the first error is the smallest. So if the formula gives a difference below 0,
    0 is claimed, and the simulation refutes it. With `last_is_better` the last error is claimed to
    be no larger than the first.
    """
    errors = asymptotic_error(
        setting.n_target, n_samples, weights, setting.discrepancy, setting.n_parameters
    )
    contrasts = np.eye(len(errors))
    contrasts[1:, 0] = -1
    if last_is_better:
        contrasts[-1] *= -1
    theory = contrasts @ errors
    theory[1:] = np.maximum(theory[1:], 0)
    if least is not None:
        theory[0] = least
    simulate = partial(simulate_errors, setting, n_samples, weights, contrasts)
    scale = np.abs(contrasts) @ errors
    return Plan(labels, grid, theory, DIFFERENCE, simulate, width_of(setting, n_samples), scale)


def simulate_errors(setting, n_samples, weights, contrasts, n_repeats, rng):
    return contrasts @ setting.errors(n_samples, weights, n_repeats, rng)


def width_of(setting, n_samples):
    """How many numbers are held for each repeat."""
    n_sums = 2 + sum(len(np.unique(n)) for n in n_samples.T)
    return setting.family._width * n_sums + len(n_samples)


def _whole_rows(setting, n):
    return n if setting.family.fractional_rows else np.maximum(np.round(n), 1)


def _listed(values):
    return ", ".join(f"{value:.6g}" for value in values)
