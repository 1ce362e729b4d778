"""Claim: a source with r times the target's noise variance counts for one row in r.

Its rows' scores, under the model that the target follows, have covariance ``r J``, and its estimate
from n rows is as uncertain as one from ``n / r``: the sandwich's ``kappa_i`` is ``r_i``. In the fit
a row of it weighs ``w_i / r_i``, ``w_i`` being the best weight for ``n_i / r_i`` rows.
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
