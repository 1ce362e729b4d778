"""Noise variances of many domains, each from few rows: own fits, drawn towards one another.

A domain's residuals about its own ridge regression tell its variance with so many degrees of
freedom; ten rows and fourteen features have next to none. As Smyth (2004) does, the variances of
all domains are taken for draws from one law, whose centre and spread they tell together, and each
is drawn towards the centre; here on the logarithmic scale, on which a domain of a million times the
noise does not move the others.
"""

import numpy as np
from scipy import sparse
from scipy.special import digamma, polygamma

# Of a domain: more tell next to nothing new of one number.
_MAX_NUMBERS = 20_000_000
# Before they are seen, variances are thought to differ as those of so many rows do by chance, with
# so many domains' worth of belief.
_USUAL_DF = 10.0
_PRIOR_DOMAINS = 3.0
_STEPS = 50
# Of the median: a domain without any noise is not infinitely better than the others.
_LEAST_RATIO = 1e-6


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
    # Not what is left of the sum of squares: where there is next to no noise that is rounding.
    apart = root * y - U @ along
    squares = apart @ apart + np.sum((along / (s**2 + 1)) ** 2)
    df = total - 1 - np.sum(kept * (2 - kept))
    return coef, max(float(squares), 0.0), max(float(df), 0.0)


def own_ridge_by_sums(products, with_y, of_y, total, penalty):
    """`own_ridge` from sums of squares and products about the means.

    Parameters
    ----------
    products : ndarray of shape (n_effects, n_effects)
        Of the columns.
    with_y : ndarray of shape (n_effects,)
    of_y : float
    total : float
        Sum of the weights.
    penalty : ndarray of shape (n_effects,)
        Above 0.

    Returns
    -------
    coef, squares, df
        As of `own_ridge`, up to rounding: residuals of next to no size beside y are lost in it.
    """
    root = np.sqrt(penalty)
    values, vectors = np.linalg.eigh(products / root[:, None] / root)
    values = np.maximum(values, 0.0)
    along = vectors.T @ (with_y / root)
    kept = values / (values + 1)
    coef = vectors @ (along / (values + 1)) / root
    explained = np.sum(along**2 * (values + 2) / (values + 1) ** 2)
    df = total - 1 - np.sum(kept * (2 - kept))
    return coef, max(float(of_y - explained), 0.0), max(float(df), 0.0)


def drawn_together(squares, df):
    """Variances drawn towards one another, on a logarithmic scale.

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
    if not squares[known].any():  # Nothing varies about its fit, or nothing can be told.
        return np.ones(len(df))
    own = squares[known] / df[known]
    own = np.maximum(own, _LEAST_RATIO * np.median(own[own > 0]))
    half = df[known] / 2
    logs, noise = np.log(own) - digamma(half) + np.log(half), polygamma(1, half)
    usual = polygamma(1, _USUAL_DF / 2)
    spread, mean = usual, logs.mean()
    for _ in range(_STEPS):
        mean = np.average(logs, weights=1 / (spread + noise))
        share = spread / (spread + noise)
        found = (share * (logs - mean)) ** 2 + spread * (1 - share)
        spread = (_PRIOR_DOMAINS * usual + found.sum()) / (_PRIOR_DOMAINS + len(logs))
    return _posterior_means(squares, df, mean, spread)


def _posterior_means(squares, df, mean, spread):
    """Of variances, their logarithms normal before their squares are seen; by Laplace's method."""
    squares = np.maximum(squares, _LEAST_RATIO * np.exp(mean) * df)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(df > 0, np.log(squares / df), mean)
    log = np.minimum(own, mean)  # Left of the mode, from where Newton's method does not overshoot.
    for _ in range(_STEPS):
        pull = squares / 2 * np.exp(-log)
        log = log + (pull - df / 2 - (log - mean) / spread) / (pull + 1 / spread)
    variance = 1 / (squares / 2 * np.exp(-log) + 1 / spread)
    return np.exp(log + variance / 2)
