"""Scores and Fisher information of softmax regression, per row.

:func:`softmax_mean_score` and :func:`softmax_fisher_product` never form a matrix of the size of the
parameters; :func:`softmax_fisher_information` does.
"""

from ._leave_one_out import leave_one_out_loss
from ._penalised_contrasts import penalised_gram, penalised_gram_by_products
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
    "leave_one_out_loss",
    "penalised_gram",
    "penalised_gram_by_products",
    "softmax_fisher_information",
    "softmax_fisher_product",
    "softmax_mean_score",
    "softmax_probabilities",
]
