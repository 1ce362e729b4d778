"""How many independent rows the target's are worth, where some are copies or belong together."""

import numpy as np

from skuowq._data.held_together import independent_share
from skuowq.fisher import fit_softmax
from skuowq.fisher.checked import class_probabilities


def share_of_independent(matrix, labels, n_classes, row_weight, penalty, groups):
    """Independent rows that the target's are worth, as a share of the sum of their weights.

    By the errors of the target's own fit: where sources lead a fit astray, it errs on rows that are
    alike in one direction, be they copies or not.

    Parameters
    ----------
    matrix : {ndarray, CSR matrix} of shape (n_rows, n_columns)
        Rows of the target; the last column is constant.
    labels, row_weight : ndarray of shape (n_rows,)
    n_classes : int
    penalty : ndarray of shape (n_columns,)
    groups : ndarray of int of shape (n_rows,)
        Of the rows that are held out together.
    """
    if groups.max() + 1 == len(groups) and np.all(row_weight <= 1):
        return 1.0
    theta = fit_softmax(matrix, labels, n_classes, row_weight, penalty, tol=1e-3)
    residuals = -class_probabilities(matrix, theta)[0].T
    residuals[np.arange(len(labels)), labels] += 1
    return independent_share(residuals, row_weight, groups)
