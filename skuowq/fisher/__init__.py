"""Scores and Fisher information of softmax regression, per row.

:func:`softmax_mean_score` and :func:`softmax_fisher_product` never form a matrix of the size of the
parameters; :func:`softmax_fisher_information` does.
"""

from ._softmax_regression import (
    contrast_basis,
    fit_softmax,
    softmax_fisher_information,
    softmax_fisher_product,
    softmax_mean_score,
    softmax_probabilities,
)

__all__ = [
    "contrast_basis",
    "fit_softmax",
    "softmax_fisher_information",
    "softmax_fisher_product",
    "softmax_mean_score",
    "softmax_probabilities",
]
