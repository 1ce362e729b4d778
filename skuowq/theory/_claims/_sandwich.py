"""Claim: if the model is wrong about the rows, the sandwich covariance says what they count for.

Suppose that the scores of the rows of domain i have the covariance ``V_i`` and not ``J``. An
estimate from n rows then has the covariance ``J^-1 V_i J^-1 / n``. With
``kappa_i = trace(J^-1 V_i) / d``,

    E KL = (d / 2) [kappa_0 N0 + sum_i kappa_i w_i^2 n_i + (w n)' G (w n)] / (N0 + s)^2,

which is the error of ``N_i / kappa_i`` rows with the weights ``kappa_i w_i / kappa_0``. The model
can be wrong in two ways. A family may draw rows from another distribution than it fits
(`Family.score_covariance`). Or rows may come in groups of equal rows. Then a group counts as one
row, and ``V_i`` is larger by the size of the groups.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from skuowq.theory._error import asymptotic_error

from ._errors import simulate_errors, width_of
from ._plan import DIFFERENCE, Plan


def plan_sandwich(setting, group_sizes):
    K = setting.n_sources
    if group_sizes is None:
        group_sizes = [4] + K * [1]
    groups = np.asarray(group_sizes, dtype=float)
    if groups.shape != (K + 1,) or not _are_whole(groups):
        raise ValueError(
            f"group_sizes is {group_sizes!r}, and must hold {K + 1} whole numbers of at least 1: "
            "pass one for each domain, the target first"
        )
    rows = np.append(setting.n_target, setting.n_samples)
    if not setting.family.fractional_rows and np.any(rows % groups):
        raise ValueError(
            f"rows {rows.tolist()} cannot be dealt into groups of {groups.tolist()}: take "
            "multiples of the group sizes"
        )
    setting = replace(setting, group_sizes=groups)
    J = setting.family.fisher_information(setting.theta_target)
    V = setting.family.score_covariance(setting.theta_target)
    kappa = groups * np.trace(np.linalg.solve(J, V)) / setting.n_parameters
    return plan_of_kappa(setting, kappa, "sandwich")


def plan_of_kappa(setting, kappa, name):
    """Errors at the weights that use `kappa` (one for each domain), and at those that ignore it."""
    relative = kappa[1:] / kappa[0]
    independent = replace(
        setting,
        n_target=setting.n_target / kappa[0],
        n_samples=setting.n_samples / kappa[1:],
        group_sizes=None,
        row_families=None,
    )
    believed = setting.optimal_weights()
    best = independent.optimal_weights() / relative
    multiples = (0.0, 0.5, 2.0)
    weights = np.vstack([best, believed, *np.outer(multiples, best)])
    errors = asymptotic_error(
        independent.n_target,
        independent.n_samples,
        weights * relative,
        setting.discrepancy,
        setting.n_parameters,
    )
    labels = (
        f"{name} w*",
        f"model's w* less {name} w*",
        *(f"{multiple:g} {name} w*" for multiple in multiples),
    )
    contrasts = np.eye(len(weights))
    contrasts[1, 0] = -1
    n_samples = np.broadcast_to(setting.n_samples, weights.shape)
    return Plan(
        labels=labels,
        grid=weights,
        theory=contrasts @ errors,
        quantity=DIFFERENCE,
        simulate=partial(simulate_errors, setting, n_samples, weights, contrasts),
        width=width_of(setting, n_samples),
        scale=np.abs(contrasts) @ errors,
    )


def _are_whole(groups):
    return np.isfinite(groups).all() and np.all(groups >= 1) and not np.any(groups % 1)
