"""Claim: where the rows of a domain are not independent, its information counts less.

Rows in groups of ``kappa`` equal rows make scores with ``kappa`` times the variance that the model
believes: the sandwich ``J^-1 V J^-1`` with ``V = kappa J``. The error is then that of ``N / kappa``
independent rows, each with ``kappa`` times the weight:

    E KL = (d / 2) [kappa_0 N0 + sum_i kappa_i w_i^2 n_i + (w n)' G (w n)] / (N0 + s)^2.
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
    if groups.shape != (K + 1,) or np.any(groups < 1) or np.any(groups != np.round(groups)):
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
    relative = groups[1:] / groups[0]
    independent = replace(
        setting,
        n_target=setting.n_target / groups[0],
        n_samples=setting.n_samples / groups[1:],
        group_sizes=None,
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
        "sandwich w*",
        "model's w* less sandwich w*",
        *(f"{multiple:g} sandwich w*" for multiple in multiples),
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
    )
