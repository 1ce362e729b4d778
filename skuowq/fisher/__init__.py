"""Scores and Fisher information of softmax regression and of torch modules.

All are means over rows, so they belong to one row. :func:`softmax_fisher_information` returns a
matrix of shape (n_parameters, n_parameters). For many parameters use
:func:`softmax_fisher_product` or :func:`projected_fisher`, which never form this matrix.

:func:`source_record` computes statistics of a source where its rows are, for a fit elsewhere;
:func:`regression_record` does so for a linear regression.

Most functions check their arguments. :mod:`skuowq.fisher.checked` has those that do not.
"""

from skuowq._data.regression_record import RegressionRecord
from skuowq._data.source_record import SourceRecord

from ._leave_one_out import leave_one_out_loss
from ._penalised_contrasts import penalised_gram, penalised_gram_by_products
from ._projected_fisher import projected_fisher
from ._regression_record import regression_record
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
    "RegressionRecord",
    "SourceRecord",
    "contrast_basis",
    "fit_softmax",
    "leave_one_out_loss",
    "penalised_gram",
    "penalised_gram_by_products",
    "projected_fisher",
    "regression_record",
    "softmax_fisher_information",
    "softmax_fisher_product",
    "softmax_mean_score",
    "softmax_probabilities",
    "source_record",
]
