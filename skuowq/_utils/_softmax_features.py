"""Numeric features for the softmax model that measures the sources.

Any column a user's estimator takes must become a number here: missing values are imputed and
marked, categories become indicators. Standardised columns and a constant; the ridge penalty acts on
the columns as they were, so a linear model keeps its own.
"""

import numpy as np
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from ._domains import concatenate_rows, is_frame
from ._labels import distinct_labels

# Intercepts carry no penalty in the model; this keeps them finite where a class has no rows.
_INTERCEPT_PENALTY = 1e-4
_MAX_CATEGORIES = 30


def make_design(features, *, inverse_penalty, standardise):
    """Design of the softmax model on the rows of all domains.

    Parameters
    ----------
    features : list of {ndarray, CSR matrix, DataFrame}
        X of every domain.
    inverse_penalty : float
        ``C`` of scikit-learn's logistic regression.
    standardise : bool
        Whether the penalty acts on the standardised columns rather than on the given ones.

    Returns
    -------
    Z : {ndarray, CSR matrix} of shape (n_rows, n_columns)
        Rows of all domains, stacked; the last column is constant.
    penalty : ndarray of shape (n_columns,)
        Ridge penalty of each column.
    centre, scale : ndarray of shape (n_columns - 1,)
        The columns are the given ones less their centre, divided by their scale.
    """
    X = _numeric(concatenate_rows(features))
    if sparse.issparse(X):
        mean = np.zeros(X.shape[1])
        variance = np.asarray(X.multiply(X).mean(axis=0)).ravel()
    else:
        mean, variance = X.mean(axis=0), X.var(axis=0)
    # A constant column tells nothing; its penalty then stands for itself.
    variance[variance <= 1e-24 * np.maximum(mean**2, 1e-300)] = 1.0
    if standardise:
        scale = np.sqrt(variance)
        penalty = np.full(X.shape[1], 1 / inverse_penalty)
    else:
        # The optimum is the given columns'; the units only make the curvature, penalty included,
        # alike in all of them.
        scale = np.sqrt(variance + 1 / (inverse_penalty * X.shape[0]))
        penalty = 1 / (inverse_penalty * scale**2)
    if sparse.issparse(X):
        Z = sparse.hstack([X @ sparse.diags(1 / scale), np.ones((X.shape[0], 1))], format="csr")
    else:
        Z = np.empty((X.shape[0], X.shape[1] + 1))
        np.subtract(X, mean, out=Z[:, :-1])
        Z[:, :-1] /= scale
        Z[:, -1] = 1.0
    return Z, np.append(penalty, _INTERCEPT_PENALTY), mean, scale


def in_given_units(theta, centre, scale):
    """Parameters for the given columns: effects, then intercepts, common and own."""
    theta = theta.copy()
    n_effects = len(scale)
    theta[:n_effects] /= scale[:, None]
    theta[n_effects] -= centre @ theta[:n_effects]
    return theta


def _numeric(X):
    if is_frame(X):
        numbers, categories = _frame_columns(X)
        order = list(range(len(numbers) + len(categories)))
        if not order:
            return np.zeros((len(X), 1))
        encoder = OneHotEncoder(handle_unknown="ignore", max_categories=_MAX_CATEGORIES)
        transformer = make_column_transformer(
            (_imputer(), order[: len(numbers)]), (encoder, order[len(numbers) :])
        )
        X = transformer.fit_transform(np.column_stack(numbers + categories))
        return sparse.csr_matrix(X) if sparse.issparse(X) else np.asarray(X, dtype=float)
    values = X.data if sparse.issparse(X) else X
    if X.dtype == np.float16:
        X = X.astype(np.float64)
    return _imputer().fit_transform(X) if np.isnan(values).any() else X


def _frame_columns(X):
    """Columns of a frame that are numbers, and those that are categories, as their numbers.

    Dates and durations are numbers of seconds: as categories nearly every row would be one. What no
    softmax regression can read, complex numbers and values without a hash, is left out.
    """
    from pandas.api import types

    numbers, categories = [], []
    for j in range(X.shape[1]):
        column = X.iloc[:, j]
        if types.is_datetime64_any_dtype(column) or types.is_timedelta64_dtype(column):
            numbers.append(_seconds(column))
        elif types.is_complex_dtype(column):
            continue
        elif types.is_numeric_dtype(column):
            numbers.append(column.to_numpy(dtype=float, na_value=np.nan))
        else:
            try:
                distinct, codes = distinct_labels(column, "X")
            except TypeError:
                continue
            # A missing value is a category, the last.
            categories.append(np.where(codes < 0, len(distinct), codes))
    return numbers, categories


def _seconds(column):
    passed = column - column.min()
    return passed.dt.total_seconds().to_numpy(dtype=float, na_value=np.nan)


def _imputer():
    return SimpleImputer(add_indicator=True, keep_empty_features=True)
