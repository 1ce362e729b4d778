"""Numeric features for the softmax model that measures the sources.

Any column a user's estimator takes must become a number here: missing values are imputed and
marked, categories become indicators. Standardised columns and a constant; the ridge penalty acts on
the columns as they were, so a linear model keeps its own.
"""

import itertools

import numpy as np
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.sparsefuncs import mean_variance_axis

from .domains import concatenate_rows, is_frame
from .labels import distinct_labels

# Intercepts carry no penalty in the model; this keeps them finite where a class has no rows.
_INTERCEPT_PENALTY = 1e-4
# Of an effect in standardised columns.
_LEAST_PENALTY = 1e-6
# Of a column's size: what varies less is constant but for rounding.
_ROUNDING = 1e-12
# Sparse matrices of so many entries, or of this share that is not 0, gain nothing by it.
SMALL = 2**20
_DENSE_SHARE = 0.25
MAX_CATEGORIES = 30


def make_design(domains, *, ridge, standardise):
    """Design of the linear model on the rows of all domains.

    Parameters
    ----------
    domains : list of Domain
        The target and the sources.
    ridge : float
        Penalty of a squared coefficient, ``1 / C`` of scikit-learn's logistic regression; 0 for a
        model without one. It is taken to be at least a millionth in standardised columns, so that
        the optimum is finite in whatever units.
    standardise : bool
        Whether the penalty acts on the standardised columns rather than on the given ones.

    Returns
    -------
    Z : {ndarray, CSR matrix} of shape (n_rows, n_columns)
        Rows of all domains, stacked; the last column is constant. A matrix with many entries, or
        few rows, is dense.
    penalty : ndarray of shape (n_columns,)
        Ridge penalty of each column.
    centre, scale : ndarray of shape (n_columns - 1,)
        The columns are the given ones less their centre, divided by their scale.
    """
    X = dense_if_small(_numeric(concatenate_rows([domain.X for domain in domains])))
    weights = [domain.sample_weight for domain in domains]
    total = sum(weight.sum() for weight in weights)
    moments = _moments(X, weights)
    centre, scale, penalty = design_units(*moments, total, ridge=ridge, standardise=standardise)
    if sparse.issparse(X):
        X, centre = _without_offsets(X, centre)
        Z = sparse.hstack([X @ sparse.diags(1 / scale), np.ones((X.shape[0], 1))], format="csr")
    else:
        Z = np.empty((X.shape[0], X.shape[1] + 1))
        np.subtract(X, centre, out=Z[:, :-1])
        Z[:, :-1] /= scale
        Z[:, -1] = 1.0
    return Z, penalty, centre, scale


def design_units(means, variances, total, *, ridge, standardise):
    """Units and penalties of the columns, from the moments of every domain.

    Parameters
    ----------
    means, variances : ndarray of shape (n_domains, n_features)
    total : float
        Sum of the weights of all rows.
    ridge, standardise
        As in `make_design`.

    Returns
    -------
    centre, scale : ndarray of shape (n_features,)
    penalty : ndarray of shape (n_features + 1,)
    """
    centre, spread = _common_units(means, variances)
    # A constant column tells nothing; its penalty then stands for itself.
    spread[spread == 0] = 1.0
    # Penalised as they are given, columns are put into units that make the curvature, penalty
    # included, alike in all of them.
    scale = spread if standardise else np.sqrt(spread**2 + ridge / total)
    penalty = np.full(len(scale), ridge) if standardise else ridge / scale**2
    return centre, scale, np.append(np.maximum(penalty, _LEAST_PENALTY), _INTERCEPT_PENALTY)


def dense_if_small(X):
    """Sparse matrices as arrays where that costs little; their columns can then be centred."""
    if not sparse.issparse(X):
        return X
    n_entries = X.shape[0] * X.shape[1]
    return X.toarray() if n_entries <= SMALL or X.nnz > _DENSE_SHARE * n_entries else X


def _common_units(means, variances):
    """Centre and spread of every column, on which a single domain has no hold.

    Medians over the domains, of their means and of their root mean squares around the centre. Of
    all rows together they would be those of one source in other units, and the columns of all
    others would look constant. A domain in which a column does not vary has no say in its spread.

    Parameters
    ----------
    means, variances : ndarray of shape (n_domains, n_features)

    Returns
    -------
    centre, spread : ndarray of shape (n_features,)
        A spread of 0 for constant columns.
    """
    centre = np.median(means, axis=0)
    squares = variances + (means - centre) ** 2
    squares[squares <= _ROUNDING**2 * np.abs(means).max(axis=0) ** 2] = np.nan
    spread = np.zeros(len(centre))
    varies = ~np.isnan(squares).all(axis=0)
    spread[varies] = np.exp(np.nanmedian(np.log(squares[:, varies]), axis=0) / 2)
    return centre, spread


def _moments(X, weights):
    """Means and variances of the columns in every domain, whose rows are stacked."""
    edges = np.cumsum([0, *map(len, weights)])
    parts = [
        mean_and_variance(X[start:stop], weight)
        for (start, stop), weight in zip(itertools.pairwise(edges), weights, strict=True)
    ]
    return tuple(np.array(values) for values in zip(*parts, strict=True))


def mean_and_variance(X, weight):
    if sparse.issparse(X):
        return mean_variance_axis(X, axis=0, weights=weight)
    share = weight / weight.sum()
    mean = share @ X
    return mean, share @ (X - mean) ** 2


def _without_offsets(X, centre):
    """Columns without a zero less their centre, and the centres that were taken off.

    Others cannot be far from 0 by their own spread, and would lose their zeros.
    """
    full = np.bincount(X.indices, minlength=X.shape[1]) == X.shape[0]
    centre = np.where(full, centre, 0.0)
    if full.any():
        X = X.copy()
        X.data = X.data - centre[X.indices]
    return X, centre


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
        encoder = OneHotEncoder(handle_unknown="ignore", max_categories=MAX_CATEGORIES)
        transformer = make_column_transformer(
            (imputer(), order[: len(numbers)]), (encoder, order[len(numbers) :])
        )
        X = transformer.fit_transform(np.column_stack(numbers + categories))
        return sparse.csr_matrix(X) if sparse.issparse(X) else np.asarray(X, dtype=float)
    values = X.data if sparse.issparse(X) else X
    if X.dtype == np.float16:
        X = X.astype(np.float64)
    return imputer().fit_transform(X) if np.isnan(values).any() else X


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


def imputer():
    return SimpleImputer(add_indicator=True, keep_empty_features=True)
