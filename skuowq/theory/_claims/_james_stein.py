"""Claims: the weighted fit on one source is a James-Stein estimator, and Stein's never harms."""

from functools import partial

import numpy as np

from skuowq.theory._error import optimal_weight
from skuowq.theory._james_stein import james_stein_error

from ._plan import DIFFERENCE, Plan


def plan_james_stein(setting):
    d = setting.n_parameters
    if setting.n_sources > 1:
        raise ValueError(
            f"theta_sources holds {setting.n_sources} sources, and 'james_stein' is for one: pass "
            "one column at a time"
        )
    if d < 3:
        raise ValueError(
            f"the family has {d} parameters, and no rule dominates the target's own fit for "
            "fewer than 3 (Stein): take a family with more"
        )
    N0, N, tau = setting.n_target, setting.n_samples.item(), setting.discrepancy.item()
    alone = d / (2 * N0)
    stein = james_stein_error(N0, N, tau, d)
    debiased = james_stein_error(N0, N, tau, d, shrinkage=d)
    labels = (
        "target only",
        "shrinkage d - 2",
        "shrinkage d (debiased G)",
        "shrinkage d - 2 less target only",
        "debiased G less James-Stein with d",
    )
    return Plan(
        labels=labels,
        grid=np.full((len(labels), 1), tau),
        # It never harms: a difference above 0 is claimed to be 0, and a simulation refutes it.
        theory=np.array([alone, stein, debiased, min(stein - alone, 0), 0]),
        quantity=DIFFERENCE,
        simulate=partial(_simulate, setting),
        width=6 * setting.family._width,
        scale=np.full(len(labels), alone),
    )


def _simulate(setting, n_repeats, rng):
    N0, N, d = setting.n_target, setting.n_samples.item(), setting.n_parameters
    (target,) = setting.draw_statistics(0, [N0], n_repeats, rng).values()
    (source,) = setting.draw_statistics(1, [N], n_repeats, rng).values()
    fit = setting.family._fit
    own = fit(target / N0)
    contrasts = fit(source / N) - own
    J = setting.family.fisher_information(setting.theta_target)
    squared = np.sum((contrasts @ J) * contrasts, axis=1)

    def error(w):
        mean = (target + w[:, None] * source) / (N0 + w * N)[:, None]
        return setting.divergence(fit(mean))

    def by_share(shrinkage):
        """Errors with Stein's share for the fit on the target."""
        share = np.maximum(1 - shrinkage / (N0 * squared), N0 / (N0 + N))
        return error(N0 * (1 / share - 1) / N)

    # The same by weights: the debiased discrepancy, then 1 / (1 + tau N).
    debiased = error(optimal_weight(N, np.maximum(squared / d - 1 / N0 - 1 / N, 0)))
    alone, stein = setting.divergence(own), by_share(d - 2)
    return np.array([alone, stein, debiased, stein - alone, debiased - by_share(d)])
