"""Model families with known truth, on which the error formula can be put to the test.

A family offers `n_parameters`, `discrepancy` and `simulate_errors`: what `validate` asks for.
"""

from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral

import numpy as np


@dataclass(frozen=True, eq=False)
class GaussianMean:
    """Gaussian rows with unknown mean and known covariance.

    The one family for which the error formula holds exactly at every sample size, so that a
    simulation refutes a wrong factor and is not confused by higher orders.

    Parameters
    ----------
    n_parameters : int
        Length ``d`` of the mean, at least 1.
    covariance : float or array-like of shape (n_parameters, n_parameters), default=None
        Covariance of one row, symmetric and positive definite; a number stands for that multiple of
        the identity, None for the identity.

    Raises
    ------
    ValueError
        If `n_parameters` is not a positive integer, or `covariance` not positive definite.

    Examples
    --------
    >>> from skuowq.theory import GaussianMean
    >>> family = GaussianMean(2, covariance=4.0)
    >>> family.fisher_information.tolist()
    [[0.25, 0.0], [0.0, 0.25]]
    >>> float(family.kl_divergence([0, 0], [2, 2]))
    1.0
    """

    n_parameters: int
    covariance: object = field(default=None, repr=False)

    def __post_init__(self):
        if not isinstance(self.n_parameters, Integral) or self.n_parameters < 1:
            raise ValueError(
                f"n_parameters is {self.n_parameters!r}, and must be an integer of at least 1: "
                "pass the length of the mean"
            )
        # A wrong covariance fails here, and not at the first use.
        _ = self._cholesky

    @cached_property
    def _cholesky(self):
        d = self.n_parameters
        covariance = np.asarray(1.0 if self.covariance is None else self.covariance, dtype=float)
        if covariance.ndim == 0:
            covariance = covariance * np.eye(d)
        if covariance.shape != (d, d):
            raise ValueError(
                f"covariance has shape {covariance.shape}, and n_parameters is {d}: pass a number "
                f"or an array of shape ({d}, {d})"
            )
        try:
            factor = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            factor = np.full((d, d), np.nan)
        # The factorisation reads one triangle only; NaN passes through it unseen.
        if not np.isfinite(factor).all() or not np.allclose(covariance, covariance.T):
            raise ValueError(
                "covariance is not symmetric and positive definite: drop redundant coordinates, "
                "or add a small multiple of the identity"
            )
        return factor

    @cached_property
    def fisher_information(self):
        """Inverse covariance, ndarray of shape (n_parameters, n_parameters), at every mean."""
        inverse = np.linalg.inv(self._cholesky)
        return inverse.T @ inverse

    def kl_divergence(self, theta_0, theta):
        """Divergence from `theta_0` to `theta`, ``1/2 (theta - theta_0)' J (theta - theta_0)``.

        Parameters
        ----------
        theta_0, theta : array-like of shape (..., n_parameters)

        Returns
        -------
        divergence : ndarray of shape (...)
            In nats.
        """
        step = np.subtract(theta, theta_0)
        return 0.5 * np.sum((step @ self.fisher_information) * step, axis=-1)

    def discrepancy(self, theta_target, theta_sources):
        """The true discrepancy ``G = Theta' J Theta / d``.

        Parameters
        ----------
        theta_target : array-like of shape (n_parameters,)
        theta_sources : array-like of shape (n_parameters, n_sources)
            One column for each source.

        Returns
        -------
        discrepancy : ndarray of shape (n_sources, n_sources)

        Raises
        ------
        ValueError
            If a shape does not fit `n_parameters`, or an entry is not finite.
        """
        theta_target, theta_sources = self._check_means(theta_target, theta_sources)
        contrasts = theta_sources - theta_target[:, None]
        return contrasts.T @ self.fisher_information @ contrasts / self.n_parameters

    def simulate_errors(
        self, theta_target, theta_sources, n_target, n_samples, source_weights, n_repeats, rng
    ):
        """KL errors of the weighted maximum likelihood fit on fresh data, over a grid.

        The fit is the weighted mean of the domains' means. A mean of ``n`` rows is drawn from its
        own law ``N(theta, Sigma / n)``: rows are not needed. A repeat uses the same noise at every
        grid point, so that differences between points are far more precise than the points.

        Parameters
        ----------
        theta_target : array-like of shape (n_parameters,)
        theta_sources : array-like of shape (n_parameters, n_sources)
        n_target : float
        n_samples, source_weights : ndarray of shape (n_points, n_sources)
            Rows used and weight of one row, at each grid point.
        n_repeats : int
        rng : RandomState instance

        Returns
        -------
        errors : ndarray of shape (n_points, n_repeats)
        """
        theta_target, theta_sources = self._check_means(theta_target, theta_sources)
        theta = np.vstack([theta_target, theta_sources.T])
        # One entry for each domain from here on, the target first.
        rows = np.insert(n_samples, 0, n_target, axis=1)
        share = rows * np.insert(source_weights, 0, 1, axis=1)
        share /= share.sum(axis=1, keepdims=True)
        noise = rng.standard_normal((len(theta), n_repeats, self.n_parameters)) @ self._cholesky.T
        estimates = np.tensordot(share / np.sqrt(rows), noise, axes=1)
        estimates += (share @ theta)[:, None, :]
        return self.kl_divergence(theta_target, estimates)

    def _check_means(self, theta_target, theta_sources):
        theta_target = np.asarray(theta_target, dtype=float)
        theta_sources = np.asarray(theta_sources, dtype=float)
        d = self.n_parameters
        if theta_target.shape != (d,):
            raise ValueError(
                f"theta_target has shape {theta_target.shape}, and must have shape ({d},): pass "
                "one entry for each parameter of the family"
            )
        if theta_sources.ndim != 2 or theta_sources.shape[0] != d or theta_sources.shape[1] == 0:
            raise ValueError(
                f"theta_sources has shape {theta_sources.shape}, and must have shape "
                f"({d}, n_sources): pass one column for each source"
            )
        if not (np.isfinite(theta_target).all() and np.isfinite(theta_sources).all()):
            raise ValueError(
                "theta_target or theta_sources holds NaN or infinity, and must be finite: pass the "
                "true means"
            )
        return theta_target, theta_sources
