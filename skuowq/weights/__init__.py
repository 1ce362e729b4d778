"""Weights for sources and for rows, as functions of arrays.

:func:`optimal_source_weights` gives one weight for each source. It needs how far the fit on each
source is from the fit on the target. :func:`density_ratio` gives one weight for each row of a
source.

All functions check their arguments. :mod:`skuowq.weights.checked` has those that do not.
"""

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
