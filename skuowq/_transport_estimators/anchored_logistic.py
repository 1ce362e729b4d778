"""A logistic regression that starts at known coefficients and pays for every step from there."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.base import clone

from skuowq._utils._logistic import inverse_penalty


def fit_anchored(logistic, X, y, sample_weight, classes, coef, intercept):
    """Minimise ``sum w l(x, y) + |theta - anchor|^2 / 2C`` over coefficients and intercepts.

    Where the anchor is 0 this is the ridge of scikit-learn's, but for its intercepts, which are
    free there: classes without a row would be ruled out for ever.

    Parameters
    ----------
    logistic : LogisticRegression
        For its parameters; not changed.
    X : ndarray of shape (n_rows, n_features)
    y : ndarray of int of shape (n_rows,)
        Indices into `classes`.
    sample_weight : ndarray of shape (n_rows,)
    classes : ndarray of shape (n_classes,)
    coef, intercept : ndarray of shapes (n_classes, n_features) and (n_classes,)
        The anchor.

    Returns
    -------
    logistic : LogisticRegression
        Fitted.
    """
    n_rows, n_features = X.shape
    anchor = np.column_stack([coef, intercept])
    rows = np.column_stack([X, np.full(n_rows, float(logistic.fit_intercept))])
    # Two classes have one vector there, half of which each has here.
    ridge = (2 if len(classes) == 2 else 1) / inverse_penalty(logistic)

    def objective(flat):
        theta = flat.reshape(anchor.shape)
        log_p = log_softmax(rows @ theta.T, axis=1)
        residuals = np.exp(log_p)
        residuals[np.arange(n_rows), y] -= 1
        away = theta - anchor
        value = ridge * np.sum(away**2) / 2 - sample_weight @ log_p[np.arange(n_rows), y]
        return value, ((residuals.T * sample_weight) @ rows + ridge * away).ravel()

    found = minimize(
        objective,
        anchor.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 10_000, "maxfun": 20_000, "gtol": 1e-6, "ftol": 1e-12},
    )
    theta = found.x.reshape(anchor.shape)
    if len(classes) == 2:
        theta = theta[1:] - theta[:1]
    fitted = clone(logistic)
    fitted.classes_, fitted.n_features_in_ = classes, n_features
    fitted.coef_, fitted.intercept_ = theta[:, :-1].copy(), theta[:, -1].copy()
    fitted.n_iter_ = np.array([found.nit])
    return fitted
