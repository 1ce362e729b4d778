"""Rows of independent binary features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import rel_entr

from ._family import Family, check_count, diagonal


@dataclass(frozen=True)
class Bernoulli(Family):
    """Independent features that are 1 with unknown probabilities, the parameters.

    Parameters
    ----------
    n_parameters : int, default=1
        Number of features, at least 1.

    Raises
    ------
    ValueError
        If `n_parameters` is not a positive integer.

    Examples
    --------
    >>> from skuowq.theory import Bernoulli
    >>> family = Bernoulli()
    >>> (family.fisher_information([0.2]).round(3) + 0.0).tolist()
    [[6.25]]
    >>> float(family.kl_divergence([0.5], [1.0]))
    inf
    """

    n_parameters: int = 1

    def __post_init__(self):
        check_count("n_parameters", self.n_parameters, 1, "the number of features")

    def fisher_information(self, theta: ArrayLike) -> NDArray:
        p = np.asarray(theta, dtype=float)
        # Infinite at the edge, where a fit to few rows may lie.
        with np.errstate(divide="ignore"):
            return diagonal(1 / (p * (1 - p)))

    def kl_divergence(self, theta_0: ArrayLike, theta: ArrayLike) -> NDArray:
        p, q = np.asarray(theta_0, dtype=float), np.asarray(theta, dtype=float)
        return (rel_entr(p, q) + rel_entr(1 - p, 1 - q)).sum(axis=-1)

    def _sample(self, theta, n_samples, rng):
        uniform = rng.uniform(size=(n_samples, self.n_parameters))
        return (uniform < theta).astype(float)

    def _check_range(self, name, theta):
        super()._check_range(name, theta)
        if not ((theta > 0) & (theta < 1)).all():
            wrong = theta[~((theta > 0) & (theta < 1))][0]
            raise ValueError(
                f"{name} holds {wrong:g}, and must lie between 0 and 1: pass probabilities"
            )

    def _check_rows(self, rows):
        if not np.isin(rows, (0, 1)).all():
            raise ValueError("rows hold other numbers than 0 and 1: pass yes as 1 and no as 0")

    def _row_statistics(self, rows):
        return rows

    def _draw_statistics(self, theta, n_rows, n_repeats, rng):
        shape = (n_repeats, self.n_parameters)
        return stats.binom.rvs(n_rows, theta, size=shape, random_state=rng).astype(float)

    def _fit(self, mean_statistics):
        # Weighted sums of counts may exceed their total by rounding.
        return np.clip(mean_statistics, 0, 1)
