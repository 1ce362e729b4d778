"""A logistic regression with own intercepts for every domain, folded into an ordinary one."""

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import validate_data

from skuowq._utils._logistic import is_unpenalised
from skuowq.fisher import contrast_basis


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


def fit_with_own_intercepts(logistic, X, y, sample_weight, sizes, variance, start):
    """Fit to stacked domains; the result predicts for the first.

    Parameters
    ----------
    logistic : LogisticRegression
    X : {ndarray, CSR matrix, DataFrame} of shape (n_rows, n_features)
    y, sample_weight : array-like of shape (n_rows,)
    sizes : sequence of int
        Rows of each domain.
    variance : float
        Of the own intercepts around the common one, as contrasts between classes.
    start : ndarray of shape (n_features + 1 + n_domains, n_contrasts)
        Where the optimiser starts: effects, the common and the own intercepts, as contrasts.

    Returns
    -------
    logistic : LogisticRegression
        Fitted; its intercept is that of the first domain.
    """
    # The penalty on an indicator's coefficient is |coefficient|^2 / 2C; a column of height h has
    # a coefficient of 1/h the intercept. Two classes have one coefficient, sqrt(2) times the
    # contrast.
    n_classes = len(np.unique(y))
    height = np.sqrt(variance / logistic.C * (2 if n_classes == 2 else 1))
    n_features = X.shape[1]
    values = X if sparse.issparse(X) else np.asarray(X).astype(float)
    domain = np.repeat(np.arange(len(sizes)), sizes)
    if sparse.issparse(X) or len(sizes) > n_features:
        columns = (np.full(len(domain), height), (np.arange(len(domain)), domain))
        rows = sparse.hstack([sparse.csr_matrix(values), sparse.csr_matrix(columns)], format="csr")
    else:
        rows = np.hstack([values, height * (domain[:, None] == np.arange(len(sizes)))])
    n_parameters = (n_features + 1 + len(sizes), n_classes - 1)
    # Not where a class has no row of any weight, or columns are categories to the softmax model.
    if start.shape == n_parameters:
        vectors = np.sqrt(2) * start.T if n_classes == 2 else contrast_basis(n_classes) @ start.T
        logistic.coef_ = np.delete(vectors, n_features, axis=1)
        logistic.coef_[:, n_features:] /= height
        logistic.intercept_ = vectors[:, n_features].copy()
        warm_start = logistic.warm_start
        logistic.set_params(warm_start=True).fit(rows, y, sample_weight)
        logistic.set_params(warm_start=warm_start)
    else:
        logistic.fit(rows, y, sample_weight)
    logistic.intercept_ = logistic.intercept_ + height * logistic.coef_[:, n_features]
    logistic.coef_ = logistic.coef_[:, :n_features].copy()
    validate_data(logistic, X, skip_check_array=True)  # Sets the features' number and names.
    return logistic
