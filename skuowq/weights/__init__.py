"""Mathematics on arrays: weights of sources from contrasts, weights of rows from odds."""

from ._density_ratio import density_ratio
from ._discrepancy import (
    discrepancy_std_error,
    estimate_discrepancy,
    optimal_source_weights,
)
from ._program import SourceWeights, solve_source_weights

__all__ = [
    "SourceWeights",
    "density_ratio",
    "discrepancy_std_error",
    "estimate_discrepancy",
    "optimal_source_weights",
    "solve_source_weights",
]
