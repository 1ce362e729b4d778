"""Logistic regressions on columns far from zero: centred for the optimiser, and put back."""

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import validate_data

from skuowq._data.design_columns import dense_if_small

from .fit_to_the_end import fit_to_the_end

# Of its standard deviation: a column whose mean is further from 0 is far away.
_FAR = 2.0
_FREE_INTERCEPT = ("lbfgs", "newton-cg", "newton-cholesky")


def centred(logistic, X, sample_weight):
    """The columns less their means, where a free intercept takes these back.

    Parameters
    ----------
    logistic : LogisticRegression
    X : {ndarray, CSR matrix, DataFrame} of shape (n_rows, n_features)
    sample_weight : ndarray of shape (n_rows,)

    Returns
    -------
    values : {ndarray, CSR matrix} of shape (n_rows, n_features)
        An array is a copy. Large sparse matrices stay as they are.
    means : ndarray of shape (n_features,)
        0 where nothing was taken.
    """
    values = dense_if_small(X) if sparse.issparse(X) else np.asarray(X).astype(float)
    if sparse.issparse(values) or logistic.solver not in _FREE_INTERCEPT:
        return values, np.zeros(X.shape[1])
    means = np.average(values, axis=0, weights=sample_weight)
    values -= means
    return values, means


def fit_centred(logistic, X, y, sample_weight):
    """Fit to rows; far from 0 lbfgs needs more steps than it has.

    Parameters
    ----------
    logistic, X, sample_weight
        As in `centred`.
    y : ndarray of shape (n_rows,)

    Returns
    -------
    logistic : LogisticRegression
        Fitted.
    """
    plain = type(logistic).fit is LogisticRegression.fit and logistic.fit_intercept
    if not plain:
        return logistic.fit(X, y, sample_weight=sample_weight)
    values, means = centred(logistic, X, sample_weight)
    if not means.any() or np.all(np.abs(means) <= _FAR * values.std(axis=0)):
        return fit_to_the_end(logistic, X, y, sample_weight)
    fit_to_the_end(logistic, values, y, sample_weight)
    logistic.intercept_ = logistic.intercept_ - logistic.coef_ @ means
    validate_data(logistic, X, skip_check_array=True)  # Sets the features' number and names.
    return logistic
