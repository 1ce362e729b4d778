"""The theory of source weights: the error formula, its optima, and tests of both by simulation.

The functions are formulas on arrays. :func:`validate` compares them with simulated fits of a model
family whose true parameters are known. It returns a z score for each number that is claimed.
"""

from ._curves import ErrorCurve, WeightCurve, error_curve, simulate_curve, weight_curve
from ._error import (
    asymptotic_error,
    equivalent_rows,
    implied_discrepancy,
    minimal_error,
    optimal_quantity,
    optimal_weight,
)
from ._families import (
    Bernoulli,
    Categorical,
    Exponential,
    Family,
    Gaussian,
    GaussianMean,
    LinearRegression,
    Poisson,
    SoftmaxRegression,
)
from ._james_stein import james_stein_error
from ._validate import validate
from ._validation_result import ValidationResult

__all__ = [
    "Bernoulli",
    "Categorical",
    "ErrorCurve",
    "Exponential",
    "Family",
    "Gaussian",
    "GaussianMean",
    "LinearRegression",
    "Poisson",
    "SoftmaxRegression",
    "ValidationResult",
    "WeightCurve",
    "asymptotic_error",
    "equivalent_rows",
    "error_curve",
    "implied_discrepancy",
    "james_stein_error",
    "minimal_error",
    "optimal_quantity",
    "optimal_weight",
    "simulate_curve",
    "validate",
    "weight_curve",
]
