"""Mathematics on arrays: from contrasts to discrepancies, from discrepancies to source weights."""

from ._discrepancy import (
    discrepancy_std_error,
    estimate_discrepancy,
    optimal_source_weights,
)
from ._program import SourceWeights, solve_source_weights

__all__ = [
    "SourceWeights",
    "discrepancy_std_error",
    "estimate_discrepancy",
    "optimal_source_weights",
    "solve_source_weights",
]
