"""Statements about transfer: the error formula, its optima, and validators that try to refute them.

The functions are plain formulas on arrays. A model family with known truth and `validate` hold them
against simulation, with a z score for every number claimed.
"""

from ._error import asymptotic_error, minimal_error, optimal_quantity, optimal_weight
from ._families import GaussianMean
from ._validate import ValidationResult, validate

__all__ = [
    "GaussianMean",
    "ValidationResult",
    "asymptotic_error",
    "minimal_error",
    "optimal_quantity",
    "optimal_weight",
    "validate",
]
