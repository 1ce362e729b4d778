"""Claim: r rows of a source with r times the noise variance of the target count as one row.

Under the model of the target, the scores of such rows have the covariance ``r J``. So an estimate
from n of them is as uncertain as one from ``n / r`` target rows: ``kappa_i`` of the sandwich
covariance is ``r_i``. In the fit such a row has the weight ``w_i / r_i``, where ``w_i`` is the best
weight for ``n_i / r_i`` rows.
"""

from dataclasses import replace

import numpy as np

from skuowq.theory._arguments import above_zero, one_per_source
from skuowq.theory._error import equivalent_rows

from ._sandwich import plan_of_kappa


def plan_unequal_noise(setting, noise_ratios):
    if noise_ratios is None:
        noise_ratios = np.full(setting.n_sources, 4.0)
    remedy = "pass each source's noise variance over the target's"
    ratios = above_zero("noise_ratios", noise_ratios, remedy)
    ratios = one_per_source("noise_ratios", ratios, setting.n_sources)
    if ratios.ndim > 1:
        raise ValueError(
            f"noise_ratios has shape {ratios.shape}, and must be ({setting.n_sources},): pass one "
            "number for each source"
        )
    J = setting.family.fisher_information(setting.theta_target)
    if not np.allclose(setting.family.score_covariance(setting.theta_target), J):
        raise ValueError(
            f"{type(setting.family).__name__} draws its rows from another law than it fits: leave "
            "out row_covariance or row_noise_variance, or use the claim 'sandwich'"
        )
    laws = (setting.family, *(setting.family._with_noise(ratio) for ratio in ratios))
    kappa = np.append(1.0, setting.n_samples / equivalent_rows(setting.n_samples, ratios))
    return plan_of_kappa(replace(setting, row_families=laws), kappa, "noise-aware")
