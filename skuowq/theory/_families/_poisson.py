"""Rows of independent counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import kl_div

from ._family import Family, check_count, check_positive, diagonal


@dataclass(frozen=True)
class Poisson(Family):
    """Independent Poisson counts with unknown rates, the parameters.

    Parameters
    ----------
    n_parameters : int, default=1
        Number of counts in a row, at least 1.

    Raises
    ------
    ValueError
        If `n_parameters` is not a positive integer.

    Examples
    --------
    >>> from skuowq.theory import Poisson
    >>> family = Poisson()
    >>> (family.fisher_information([4.0]).round(6) + 0.0).tolist()
    [[0.25]]
    >>> (family.maximum_likelihood([[3], [0]], sample_weight=[2, 1]).round(6) + 0.0).tolist()
    [2.0]
    """

    n_parameters: int = 1

    def __post_init__(self):
        check_count("n_parameters", self.n_parameters, 1, "the number of counts in a row")

    def fisher_information(self, theta: ArrayLike) -> NDArray:
        # Infinite at the edge, where a fit to few rows may lie.
        with np.errstate(divide="ignore"):
            return diagonal(1 / np.asarray(theta, dtype=float))

    def kl_divergence(self, theta_0: ArrayLike, theta: ArrayLike) -> NDArray:
        return kl_div(theta_0, theta).sum(axis=-1)

    def _sample(self, theta, n_samples, rng):
        shape = (n_samples, self.n_parameters)
        return rng.poisson(theta, size=shape).astype(float)

    def _check_range(self, name, theta):
        super()._check_range(name, theta)
        check_positive(name, theta, "rates")

    def _check_rows(self, rows):
        if np.any(rows < 0) or np.any(rows % 1):
            raise ValueError("rows hold numbers that are no counts: pass whole numbers, at least 0")

    def _row_statistics(self, rows):
        return rows

    def _draw_statistics(self, theta, n_rows, n_repeats, rng):
        shape = (n_repeats, self.n_parameters)
        return stats.poisson.rvs(n_rows * theta, size=shape, random_state=rng).astype(float)

    def _fit(self, mean_statistics):
        return mean_statistics
