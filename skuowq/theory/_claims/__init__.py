"""The claims of the theory. Each makes a plan: the claimed numbers, and how to simulate them."""

from ._argmin import plan_argmin
from ._discrepancy import plan_plugin_bias, plan_reml
from ._errors import (
    plan_all_rows,
    plan_distance,
    plan_error,
    plan_optimal_quantity,
    plan_optimal_weight,
    plan_sample_size,
)
from ._james_stein import plan_james_stein
from ._normality import plan_normality
from ._sandwich import plan_sandwich
from ._setting import Setting
from ._unequal_noise import plan_unequal_noise

PLANS = {
    "error": plan_error,
    "optimal_weight": plan_optimal_weight,
    "argmin": plan_argmin,
    "all_rows": plan_all_rows,
    "optimal_quantity": plan_optimal_quantity,
    "normality": plan_normality,
    "plugin_bias": plan_plugin_bias,
    "reml": plan_reml,
    "james_stein": plan_james_stein,
    "sandwich": plan_sandwich,
    "unequal_noise": plan_unequal_noise,
    "sample_size": plan_sample_size,
    "distance": plan_distance,
}

__all__ = ["PLANS", "Setting"]
