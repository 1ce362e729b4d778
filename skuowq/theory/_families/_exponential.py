"""Rows of independent waiting times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ._family import Family, check_count, check_positive, diagonal


@dataclass(frozen=True)
class Exponential(Family):
    """Independent exponential waiting times with unknown rates, the parameters.

    The fitted rate is one over a mean, so with few rows it is too large on average. The family
    shows how the error formula becomes true as the rows grow.

    Parameters
    ----------
    n_parameters : int, default=1
        Number of waiting times in a row, at least 1.

    Raises
    ------
    ValueError
        If `n_parameters` is not a positive integer.

    Examples
    --------
    >>> from skuowq.theory import Exponential
    >>> family = Exponential()
    >>> (family.fisher_information([0.5]).round(6) + 0.0).tolist()
    [[4.0]]
    >>> (family.maximum_likelihood([[1.0], [7.0]]).round(6) + 0.0).tolist()
    [0.25]
    """

    n_parameters: int = 1

    def __post_init__(self):
        check_count("n_parameters", self.n_parameters, 1, "the number of times in a row")

    def fisher_information(self, theta: ArrayLike) -> NDArray:
        return diagonal(np.asarray(theta, dtype=float) ** -2)

    def kl_divergence(self, theta_0: ArrayLike, theta: ArrayLike) -> NDArray:
        ratio = np.divide(theta, theta_0)
        return (ratio - 1 - np.log(ratio)).sum(axis=-1)

    def _sample(self, theta, n_samples, rng):
        shape = (n_samples, self.n_parameters)
        return rng.standard_exponential(shape) / theta

    def _check_range(self, name, theta):
        super()._check_range(name, theta)
        check_positive(name, theta, "rates")

    def _check_rows(self, rows):
        if np.any(rows < 0):
            raise ValueError("rows hold negative times: pass numbers of at least 0")

    def _row_statistics(self, rows):
        return rows

    def _draw_statistics(self, theta, n_rows, n_repeats, rng):
        shape = (n_repeats, self.n_parameters)
        return stats.gamma.rvs(n_rows, size=shape, random_state=rng) / theta

    def _fit(self, mean_statistics):
        return 1 / mean_statistics
