"""The weighted fit on one source is a James-Stein estimator; its exact error.

Let ``D`` be the fitted contrast, and ``tau = |D|^2 / d - 1/N0 - 1/N`` its debiased discrepancy. In
the weighted fit, the fit on the target alone has the share ``1 - d / (N0 |D|^2)``, at least
``N0 / (N0 + N)``. This is the positive-part James-Stein estimator that shrinks the fit on the
target towards the fit on the source, with ``d`` in place of Stein's ``d - 2``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import exp1, gammaincc, gammaln
from scipy.stats import chi2, poisson

from ._arguments import PARAMETERS, SOURCE_ROWS, TARGET_ROWS, TAU, not_negative, one_number, unwrap

# Above this Poisson mean a noncentral chi-square variable equals its mean to six digits.
_FAR = 1e6


def james_stein_error(
    n_target: float,
    n_source: float,
    discrepancy: ArrayLike,
    n_parameters: int,
    *,
    shrinkage: float | None = None,
) -> float | NDArray:
    """Compute the expected KL error of the fit on one source with an estimated discrepancy.

    `asymptotic_error` takes the weights as given. Here the weight of the source depends on the
    discrepancy estimated from the same rows. The result is exact for a Gaussian mean, and holds to
    first order for other families.

    Parameters
    ----------
    n_target : float
        Number of target rows ``N0``, above 0.
    n_source : float
        Number of rows of the source ``N``, above 0.
    discrepancy : array-like
        The true ``tau``, at least 0.
    n_parameters : int
        ``d``, at least 1.
    shrinkage : float, default=None
        ``a``, at least 0. It says how strongly the fit on the target is shrunk towards the source.
        None takes Stein's ``d - 2`` (0 for d <= 2): the error is never above that of the target
        alone, even if the source is far away. ``d`` belongs to the debiased discrepancy: the error
        is smaller if the source is near. For d <= 3 and a source that is not near, it is larger
        than that of the target alone.

    Returns
    -------
    error : float or ndarray
        In nats, of the shape of `discrepancy`.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    The share of the source in the fit is ``lambda = min(a / (N0 |D|^2), N / (N0 + N))``, where
    ``D`` is the fitted contrast, measured by the Fisher information. By Stein's lemma

        E KL = 1/2 [ d/N0 + E lambda^2 |D|^2 - (2/N0) E div(lambda D) ],

    where ``div(lambda D) = a (d - 2) / (N0 |D|^2)``, or ``lambda d`` if the share is at its bound.
    ``|D|^2`` divided by ``1/N0 + 1/N`` has a noncentral chi-square distribution, which is a Poisson
    mixture of central ones.

    Examples
    --------
    >>> from skuowq.theory import james_stein_error
    >>> target_only = 10 / (2 * 20)
    >>> ratio = james_stein_error(20, 1000, [0.0, 0.05, 0.5], 10) / target_only
    >>> (ratio.round(3) + 0.0).tolist()
    [0.143, 0.614, 0.94]
    """
    N0 = one_number("n_target", n_target, TARGET_ROWS)
    N = one_number("n_source", n_source, SOURCE_ROWS)
    d = one_number("n_parameters", n_parameters, PARAMETERS)
    tau = not_negative("discrepancy", discrepancy, TAU)
    if shrinkage is None:
        a = max(d - 2, 0.0)
    else:
        a = not_negative("shrinkage", shrinkage, "0 leaves the source out")
        if a.ndim:
            raise ValueError(f"shrinkage has shape {a.shape}, and must be one number")
        a = float(a)
    errors = [_error(N0, N, t, d, a) for t in tau.ravel().tolist()]
    if not np.all(np.isfinite(errors)):
        raise ValueError(
            f"n_target is {N0:g}, and the error of a fit on so little is out of the range of "
            "double precision: pass the number of labelled target rows"
        )
    return unwrap(np.array(errors).reshape(tau.shape))


def _error(N0, N, tau, d, a):
    # With v = 1/N0 + 1/N the bound is 1/(N0 v). So v, which may overflow, need not be computed. In
    # units of v the share is at its bound if x = |D|^2 / v is below a.
    bound = 1 / (1 + N0 / N)
    rate = d * tau * N0 * bound / 2
    if rate > _FAR:  # The bound is never reached, and 1/x is one over its mean.
        return (d + bound * a * (a - 2 * (d - 2)) / (d - 2 + 2 * rate)) / 2 / N0
    j = np.arange(poisson.ppf(1e-15, rate), poisson.isf(1e-15, rate) + 1)
    p = poisson.pmf(j, rate)
    k = d + 2 * j
    # Chi-square with k degrees of freedom: E[x; x <= a], P(x <= a), E[1/x; x > a].
    first = float(p @ (k * chi2.cdf(a, k + 2)))
    mass = float(p @ chi2.cdf(a, k))
    # If half of `a` rounds to 0, the moment may be infinite, but its product with `a` tends to 0.
    inverse = float(p @ _inverse_moment(k, a)) if a / 2 > 0 else 0.0
    return (d + bound * (first - 2 * d * mass + a * (a - 2 * (d - 2)) * inverse)) / 2 / N0


def _inverse_moment(k, x_0):
    """``E[1/x; x > x_0]`` of chi-squares, ``Gamma(k/2 - 1, x_0/2) / (2 Gamma(k/2))``."""
    z = x_0 / 2
    moment = np.empty_like(k)
    many = k > 2
    moment[many] = gammaincc(k[many] / 2 - 1, z) / (k[many] - 2)
    moment[k == 2] = exp1(z) / 2
    few = k < 2
    # Gamma(s, z) = (Gamma(s + 1, z) - z^s exp(-z)) / s lifts s = k/2 - 1 above 0.
    s = k[few] / 2 - 1
    upper = gammaincc(s + 1, z) - np.exp(s * np.log(z) - z - gammaln(s + 1))
    moment[few] = upper / s / 2
    return moment
