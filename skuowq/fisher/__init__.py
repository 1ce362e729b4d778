"""Scores and Fisher information, per row: of softmax regression, and of torch modules.

:func:`softmax_mean_score`, :func:`softmax_fisher_product` and :func:`projected_fisher` never form a
matrix of the size of the parameters; :func:`softmax_fisher_information` does.
"""

from skuowq._data.source_record import SourceRecord

from ._leave_one_out import leave_one_out_loss
from ._penalised_contrasts import penalised_gram, penalised_gram_by_products
from ._projected_fisher import projected_fisher
from ._softmax_regression import (
    contrast_basis,
    fit_softmax,
    softmax_fisher_information,
    softmax_fisher_product,
    softmax_mean_score,
    softmax_probabilities,
)
from ._source_record import source_record

__all__ = [
    "SourceRecord",
    "contrast_basis",
    "fit_softmax",
    "leave_one_out_loss",
    "penalised_gram",
    "penalised_gram_by_products",
    "projected_fisher",
    "softmax_fisher_information",
    "softmax_fisher_product",
    "softmax_mean_score",
    "softmax_probabilities",
    "source_record",
]
