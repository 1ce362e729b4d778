"""Statements about transfer: the error formula, its optima, and validators that try to refute them.

The functions are plain formulas on arrays. Model families with known truth and `validate` hold them
against simulation, with a z score for every number claimed.
"""

from ._curves import ErrorCurve, WeightCurve, error_curve, simulate_curve, weight_curve
from ._error import (
    asymptotic_error,
    equivalent_rows,
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
    "james_stein_error",
    "minimal_error",
    "optimal_quantity",
    "optimal_weight",
    "simulate_curve",
    "validate",
    "weight_curve",
]
