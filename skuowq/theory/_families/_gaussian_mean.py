"""Gaussian rows with unknown mean. For this family the theory is exact."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._family import QuadraticFamily, check_count


@dataclass(frozen=True, eq=False)
class GaussianMean(QuadraticFamily):
    """Gaussian rows with unknown mean and known covariance.

    It is the only family for which the error formula is exact for all numbers of rows. So a
    simulation can refute a wrong factor, as there are no higher-order terms.

    Parameters
    ----------
    n_parameters : int
        Length ``d`` of the mean, at least 1.
    covariance : float or array-like of shape (n_parameters, n_parameters), default=None
        Covariance of one row, symmetric and positive definite. A number is that multiple of the
        identity; None is the identity.
    row_covariance : float or array-like of shape (n_parameters, n_parameters), default=None
        The true covariance of the rows, if the model is wrong about it. It is for the claim
        "sandwich". None takes `covariance`.

    Raises
    ------
    ValueError
        If `n_parameters` is not a positive integer, or a covariance is not positive definite.

    Examples
    --------
    >>> from skuowq.theory import GaussianMean
    >>> family = GaussianMean(2, covariance=4.0)
    >>> (family.fisher_information([0, 0]).round(6) + 0.0).tolist()
    [[0.25, 0.0], [0.0, 0.25]]
    >>> round(float(family.kl_divergence([0, 0], [2, 2])), 6) + 0.0
    1.0
    """

    n_parameters: int
    covariance: ArrayLike | None = field(default=None, repr=False)
    row_covariance: ArrayLike | None = field(default=None, repr=False)

    fractional_rows = True

    def __post_init__(self):
        check_count("n_parameters", self.n_parameters, 1, "the length of the mean")
        # A wrong covariance must fail here and not at the first use.
        _ = self._cholesky, self._row_cholesky

    @cached_property
    def _cholesky(self):
        return self._factor("covariance", 1.0 if self.covariance is None else self.covariance)

    @cached_property
    def _row_cholesky(self):
        if self.row_covariance is None:
            return self._cholesky
        return self._factor("row_covariance", self.row_covariance)

    def _factor(self, name, covariance):
        d = self.n_parameters
        covariance = np.array(covariance, dtype=float)
        if covariance.ndim == 0:
            covariance = covariance * np.eye(d)
        if covariance.shape != (d, d):
            raise ValueError(
                f"{name} has shape {covariance.shape}, and n_parameters is {d}: pass a number "
                f"or an array of shape ({d}, {d})"
            )
        try:
            factor = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            factor = np.full((d, d), np.nan)
        # The factorisation reads one triangle only; NaN passes through it unseen.
        unlike = np.abs(covariance - covariance.T).max() > 1e-8 * np.abs(covariance).max()
        if not np.isfinite(factor).all() or unlike:
            raise ValueError(
                f"{name} is not symmetric and positive definite: drop redundant coordinates, "
                "or add a small multiple of the identity"
            )
        return factor

    @cached_property
    def _information(self):
        inverse = np.linalg.inv(self._cholesky)
        return inverse.T @ inverse

    def score_covariance(self, theta: ArrayLike) -> NDArray:
        factor = self._information @ self._row_cholesky
        return factor @ factor.T

    def _with_noise(self, ratio):
        return replace(self, row_covariance=ratio * self._row_cholesky @ self._row_cholesky.T)

    def _sample(self, theta, n_samples, rng):
        noise = rng.standard_normal((n_samples, self.n_parameters))
        return theta + noise @ self._row_cholesky.T

    def _row_statistics(self, rows):
        return rows

    def _draw_statistics(self, theta, n_rows, n_repeats, rng):
        noise = rng.standard_normal((n_repeats, self.n_parameters)) @ self._row_cholesky.T
        noise *= np.sqrt(n_rows)
        return np.add(noise, n_rows * theta, out=noise)

    def _fit(self, mean_statistics):
        return mean_statistics
