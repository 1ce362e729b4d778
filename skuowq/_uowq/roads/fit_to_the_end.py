"""Logistic regressions that lbfgs does not finish: Newton's method does."""

import warnings

import numpy as np
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning

# Each of Newton's steps solves a system of as many equations as there are coefficients.
_MOST_COEFFICIENTS = 500


def fit_to_the_end(logistic, X, y, sample_weight):
    """Fit; where lbfgs ends at its last step, as with a source far away, by Newton's method.

    Parameters
    ----------
    logistic : LogisticRegression
        With ``warm_start=True`` it starts at its coefficients.
    X : {ndarray, CSR matrix} of shape (n_rows, n_features)
    y, sample_weight : ndarray of shape (n_rows,)

    Returns
    -------
    logistic : LogisticRegression
        Fitted.
    """
    n_classes = len(np.unique(y))
    n_coefficients = (X.shape[1] + 1) * (1 if n_classes == 2 else n_classes)
    if logistic.solver != "lbfgs" or n_coefficients > _MOST_COEFFICIENTS:
        return logistic.fit(X, y, sample_weight)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            return logistic.fit(X, y, sample_weight)
    except ConvergenceWarning:
        with warnings.catch_warnings():
            # Of a Hessian without an inverse, where it goes on by lbfgs.
            warnings.simplefilter("ignore", LinAlgWarning)
            logistic.set_params(solver="newton-cholesky").fit(X, y, sample_weight)
        return logistic.set_params(solver="lbfgs")
