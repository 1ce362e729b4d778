"""Noise variances of many domains, each from few rows: own fits, drawn towards one another.

A domain's residuals about its own ridge regression tell its variance with so many degrees of
freedom; ten rows and fourteen features have next to none. Variances of all domains are taken for
draws from a scaled inverse chi-square law, whose scale and degrees of freedom their spread tells
(Smyth, 2004), and each is replaced by its posterior mean.
"""

import numpy as np
from scipy import sparse
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

# Of a domain: more tell next to nothing new of one number.
_MAX_NUMBERS = 20_000_000
# Of few domains the spread says little: so many rows' worth of belief that variances are alike.
_USUAL_DF = 10.0
_FEWEST_DOMAINS = 4
_DF_BOUNDS = (2.0, 1e4)


def own_ridge(Z, y, weight, penalty):
    """A domain's own ridge regression with a free intercept.

    Parameters
    ----------
    Z : {ndarray, CSR matrix} of shape (n_rows, n_effects)
    y, weight : ndarray of shape (n_rows,)
    penalty : ndarray of shape (n_effects,)
        Above 0.

    Returns
    -------
    coef : ndarray of shape (n_effects,)
    squares : float
        Weighted sum of squared residuals.
    df : float
        Residual degrees of freedom: what `squares` is over the variance on average.
    """
    step = 1 + len(y) * Z.shape[1] // _MAX_NUMBERS
    Z, y, weight = Z[::step], y[::step], weight[::step]
    Z = Z.toarray() if sparse.issparse(Z) else Z
    total = weight.sum()
    centred = (Z - weight @ Z / total) / np.sqrt(penalty)
    y = y - weight @ y / total
    root = np.sqrt(weight)
    U, s, Vt = np.linalg.svd(centred * root[:, None], full_matrices=False)
    along = U.T @ (root * y)
    kept = s**2 / (s**2 + 1)
    coef = Vt.T @ (along * s / (s**2 + 1)) / np.sqrt(penalty)
    squares = np.sum(root**2 * y**2) - np.sum(along**2 * kept * (2 - kept))
    df = total - 1 - np.sum(kept * (2 - kept))
    return coef, max(float(squares), 0.0), max(float(df), 0.0)


def drawn_together(squares, df):
    """Posterior means of variances.

    Parameters
    ----------
    squares, df : ndarray of shape (n_domains,)
        Sums of squares and their degrees of freedom.

    Returns
    -------
    variances : ndarray of shape (n_domains,)
        Above 0.
    """
    known = df > 1
    total = squares[known].sum()
    if total == 0:  # Nothing varies about its fit, or nothing can be told: all rows weigh alike.
        return np.ones(len(df))
    usual = total / df[known].sum()
    prior_df = _prior_df(squares[known] / df[known], df[known])
    return (prior_df * usual + squares) / (prior_df + df)


def _prior_df(variances, df):
    """Degrees of freedom of the law that the variances are drawn from, by their logarithms."""
    if len(variances) < _FEWEST_DOMAINS or np.any(variances <= 0):
        return _USUAL_DF
    logs = np.log(variances) - digamma(df / 2) + np.log(df / 2)
    excess = np.var(logs, ddof=1) - np.mean(polygamma(1, df / 2))
    low, high = _DF_BOUNDS
    if excess <= polygamma(1, high / 2):
        return high
    if excess >= polygamma(1, low / 2):
        return low
    return brentq(lambda d: polygamma(1, d / 2) - excess, low, high)
