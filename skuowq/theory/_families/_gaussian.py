"""Gaussian rows with unknown means and variances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._family import Family, check_count, check_positive, diagonal

# A larger mean would leave too few digits for a variance computed from squares.
_MAX_RATIO = 1e4


@dataclass(frozen=True)
class Gaussian(Family):
    """Independent Gaussian features, each with its own unknown mean and variance.

    The parameters are the means, then the variances. With few rows the fitted variance has a skewed
    distribution, so the error formula holds for many rows only. With fewer than four rows the
    expected error is infinite.

    Parameters
    ----------
    n_features : int, default=1
        Number of features, at least 1. There are twice as many parameters.

    Raises
    ------
    ValueError
        If `n_features` is not a positive integer.

    Examples
    --------
    >>> from skuowq.theory import Gaussian
    >>> family = Gaussian()
    >>> (family.fisher_information([0, 2.0]).round(6) + 0.0).tolist()
    [[0.5, 0.0], [0.0, 0.125]]
    >>> (family.maximum_likelihood([[1.0], [3.0]]).round(6) + 0.0).tolist()
    [2.0, 1.0]
    """

    n_features: int = 1

    def __post_init__(self):
        check_count("n_features", self.n_features, 1, "the number of columns")

    @property
    def n_parameters(self) -> int:
        """Free parameters ``d``."""
        return 2 * self.n_features

    def fisher_information(self, theta: ArrayLike) -> NDArray:
        _, variance = self._split(theta)
        return diagonal(np.concatenate([1 / variance, 0.5 / variance**2], axis=-1))

    def kl_divergence(self, theta_0: ArrayLike, theta: ArrayLike) -> NDArray:
        mean_0, variance_0 = self._split(theta_0)
        mean, variance = self._split(theta)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = variance_0 / variance
            divergence = 0.5 * (ratio - 1 - np.log(ratio) + (mean - mean_0) ** 2 / variance)
        return np.where(variance > 0, divergence, np.inf).sum(axis=-1)

    def _sample(self, theta, n_samples, rng):
        mean, variance = self._split(theta)
        noise = rng.standard_normal((n_samples, self.n_features))
        return mean + np.sqrt(variance) * noise

    def _check_range(self, name, theta):
        super()._check_range(name, theta)
        mean, variance = self._split(theta)
        check_positive(name, variance, "variances in the second half")
        if np.any(np.abs(mean) > _MAX_RATIO * np.sqrt(variance)):
            raise ValueError(
                f"{name} holds a mean of more than {_MAX_RATIO:g} standard deviations, beside "
                "which rounding hides the variance: subtract a constant from the rows"
            )

    @property
    def _n_columns(self):
        return self.n_features

    def _check_rows(self, rows):
        if np.any(np.ptp(rows, axis=0) == 0):
            raise ValueError("a column of rows is constant, and its variance has no fit")

    def _row_statistics(self, rows):
        return np.hstack([rows, rows**2])

    def _draw_statistics(self, theta, n_rows, n_repeats, rng):
        mean, variance = self._split(theta)
        shape = (n_repeats, self.n_features)
        total = n_rows * mean + np.sqrt(n_rows * variance) * rng.standard_normal(shape)
        # Around the mean: chi-square with n_rows - 1 degrees of freedom.
        around = 2 * variance * rng.standard_gamma((n_rows - 1) / 2, shape)
        return np.hstack([total, around + total**2 / n_rows])

    def _fit(self, mean_statistics):
        mean, square = self._split(mean_statistics)
        return np.concatenate([mean, square - mean**2], axis=-1)

    def _split(self, values):
        values = np.asarray(values, dtype=float)
        return values[..., : self.n_features], values[..., self.n_features :]
