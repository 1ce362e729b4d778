"""A logistic regression with own intercepts and slopes, folded into an ordinary one."""

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import validate_data

from skuowq._utils._logistic import is_unpenalised
from skuowq.fisher import contrast_basis

from .centred_columns import centred
from .fit_to_the_end import fit_to_the_end


def takes_own_intercepts(logistic):
    """Whether an indicator column means an intercept of known variance, found by the solver.

    Not without intercepts, which it would split; not without a ridge penalty, which holds it; not
    in a subclass whose fit may do anything; and sag and saga stop far from the optimum where
    columns differ in height.
    """
    return (
        type(logistic).fit is LogisticRegression.fit
        and logistic.fit_intercept
        and not is_unpenalised(logistic)
        and getattr(logistic, "penalty", "l2") in ("l2", "deprecated")
        and not logistic.l1_ratio
        and logistic.solver not in ("sag", "saga")
    )


def fit_with_own_effects(logistic, X, y, sample_weight, sizes, model, start):
    """Fit to stacked domains; the result predicts for the first.

    Every domain has its own intercept, and the first one its own slopes, around common ones.

    Parameters
    ----------
    logistic : LogisticRegression
    X : {ndarray, CSR matrix, DataFrame} of shape (n_rows, n_features)
    y, sample_weight : array-like of shape (n_rows,)
    sizes : sequence of int
        Rows of each domain.
    model : SoftmaxFit
        With the variances of own intercepts and slopes, as contrasts between classes.
    start : ndarray of shape (n_features + 1 + n_domains, n_contrasts)
        Where the optimiser starts: effects, the common and the own intercepts, as contrasts.

    Returns
    -------
    logistic : LogisticRegression
        Fitted; its intercept and coefficients are those of the first domain.
    """
    n_classes, n_features, n_domains = len(np.unique(y)), X.shape[1], len(sizes)
    height = _height(model.intercept_variance, logistic.C, n_classes)
    slope_height = _height(model.slope_variance, logistic.C, n_classes)
    values, middle = centred(logistic, X, sample_weight)
    indicators = _indicators(sizes, height)
    slopes, centre, scale = _own_slopes(values, middle, sizes[0], slope_height, model)
    if sparse.issparse(values) or n_domains > n_features:
        parts = [sparse.csr_matrix(part) for part in (values, indicators, slopes)]
        rows = sparse.hstack(parts, format="csr")
    else:
        rows = np.hstack([values, indicators.toarray(), slopes])
    n_parameters = (n_features + 1 + n_domains, n_classes - 1)
    # Not where a class has no row of any weight, or columns are categories to the softmax model.
    if start.shape == n_parameters:
        vectors = np.sqrt(2) * start.T if n_classes == 2 else contrast_basis(n_classes) @ start.T
        coefficients = np.zeros((len(vectors), rows.shape[1]))
        coefficients[:, : n_features + n_domains] = np.delete(vectors, n_features, axis=1)
        coefficients[:, n_features : n_features + n_domains] /= height
        logistic.coef_ = coefficients
        logistic.intercept_ = vectors[:, n_features] + vectors[:, :n_features] @ middle
        warm_start = logistic.warm_start
        fit_to_the_end(logistic.set_params(warm_start=True), rows, y, sample_weight)
        logistic.set_params(warm_start=warm_start)
    else:
        fit_to_the_end(logistic, rows, y, sample_weight)
    common, own, away = np.split(logistic.coef_, [n_features, n_features + n_domains], axis=1)
    logistic.intercept_ = logistic.intercept_ + height * own[:, 0] - common @ middle
    logistic.coef_ = common.copy()
    if slopes.shape[1]:
        away = slope_height * away / scale
        logistic.coef_ += away
        logistic.intercept_ -= away @ centre
    validate_data(logistic, X, skip_check_array=True)  # Sets the features' number and names.
    return logistic


def _height(variance, C, n_classes):
    """Height of a column whose coefficient, times it, has this variance as a contrast.

    The penalty on a coefficient is ``|coefficient|^2 / 2C``. Two classes have one coefficient,
    sqrt(2) times the contrast.
    """
    return np.sqrt(variance / C * (2 if n_classes == 2 else 1))


def _indicators(sizes, height):
    n_rows = sum(sizes)
    domain = np.repeat(np.arange(len(sizes)), sizes)
    return sparse.csr_matrix(
        (np.full(n_rows, height), (np.arange(n_rows), domain)), shape=(n_rows, len(sizes))
    )


def _own_slopes(values, middle, n_first, height, model):
    """Standardised columns of the first domain's rows, 0 for all others, and their units.

    `middle` has been taken from the values.
    """
    n_rows, n_features = values.shape
    scale = np.ones(n_features) if model.scale is None else model.scale
    centre = np.zeros(n_features) if model.centre is None else model.centre
    if not height or len(scale) != n_features:
        return np.zeros((n_rows, 0)), None, None
    first = values[:n_first]
    first = first.toarray() if sparse.issparse(first) else first
    columns = np.zeros((n_rows, n_features))
    columns[:n_first] = height * (first + (middle - centre)) / scale
    return columns, centre, scale
