"""Every domain's own intercepts: how far they spread, and where each domain's lie.

Domains often differ first in their class shares. An intercept of its own takes that out of the
comparison, so a source with other shares and the same features' effects keeps its worth. Own
intercepts are normal around the common one with variance ``v``; where domains agree ``v`` is small
and little is paid for them.
"""

import numpy as np

from skuowq.fisher import contrast_basis

# One domain's worth of belief in log odds that differ by somewhat less than one.
PRIOR_VARIANCE = 0.3
_PRIOR_DOMAINS = 1.0
_EM_STEPS = 10
# A second-order step from where a domain's rows are all saturated would overshoot by far.
_MAX_STEP = 3.0


def intercepts_and_variance(gradient, curvature, intercepts, variance):
    """EM steps for the variance from the domains' likelihoods to second order, slopes fixed.

    Parameters
    ----------
    gradient : ndarray of shape (n_domains, n_contrasts)
        Of the log likelihood of each domain's rows in its intercepts, at `intercepts`.
    curvature : ndarray of shape (n_domains, n_contrasts, n_contrasts)
        The information there.
    intercepts : ndarray of shape (n_domains, n_contrasts)
        Own intercepts, as contrasts between classes.
    variance : float
        Of one contrast; where the steps start.

    Returns
    -------
    intercepts : ndarray of shape (n_domains, n_contrasts)
        Most probable ones given all rows of their domain, whatever weight a source has: one
        Newton step from the fit, so not beyond 3 of it.
    variance : float
    """
    n_domains, n_contrasts = intercepts.shape
    # The unpenalised optimum of each domain is at intercepts + curvature^-1 gradient.
    linear = gradient + np.einsum("kab,kb->ka", curvature, intercepts)
    fitted = intercepts
    for _ in range(_EM_STEPS):
        covariance = np.linalg.inv(curvature + np.eye(n_contrasts) / variance)
        step = np.einsum("kab,kb->ka", covariance, linear) - fitted
        length = np.linalg.norm(step, axis=1, keepdims=True)
        intercepts = fitted + step * np.minimum(1, _MAX_STEP / np.maximum(length, _MAX_STEP))
        squares = np.sum(intercepts**2) + np.trace(covariance, axis1=1, axis2=2).sum()
        prior = _PRIOR_DOMAINS * n_contrasts
        variance = (squares + prior * PRIOR_VARIANCE) / (n_domains * n_contrasts + prior)
    return intercepts, float(variance)


def point_of_source(theta, n_columns, k):
    """Parameters of source k at a fit: the common ones, with its own intercepts where it has any.

    Parameters
    ----------
    theta : ndarray of shape (n_columns + n_domains, n_contrasts) or (n_columns, n_contrasts)
        The last common row holds the intercepts; the target's own come before the sources'.
    n_columns : int
    k : int

    Returns
    -------
    point : ndarray of shape (n_columns, n_contrasts)
    """
    point = theta[:n_columns].copy()
    if len(theta) > n_columns:
        point[-1] += theta[n_columns + 1 + k]
    return point


def log_class_share_ratios(intercepts):
    """How much more likely each class is in the target than in each source, features alike.

    Parameters
    ----------
    intercepts : ndarray of shape (n_domains, n_classes - 1)
        The target's first.

    Returns
    -------
    logarithms : ndarray of shape (n_sources, n_classes)
        Up to a number for each source.
    """
    basis = contrast_basis(intercepts.shape[1] + 1)
    return (intercepts[:1] - intercepts[1:]) @ basis.T
