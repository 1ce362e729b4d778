"""Rows that fall into one of several categories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import rel_entr

from ._family import Family, check_count, check_positive, diagonal


@dataclass(frozen=True)
class Categorical(Family):
    """One of several categories, with unknown probabilities.

    The parameters are the probabilities of all categories except the last.

    Parameters
    ----------
    n_categories : int, default=3
        Number of categories, at least 2. There is one parameter fewer.

    Raises
    ------
    ValueError
        If `n_categories` is not an integer of at least 2.

    Examples
    --------
    >>> from skuowq.theory import Categorical
    >>> family = Categorical(3)
    >>> (family.fisher_information([0.5, 0.25]).round(6) + 0.0).tolist()
    [[6.0, 4.0], [4.0, 8.0]]
    >>> (family.maximum_likelihood([[0], [0], [1], [2]]).round(6) + 0.0).tolist()
    [0.5, 0.25]
    """

    n_categories: int = 3

    def __post_init__(self):
        check_count("n_categories", self.n_categories, 2, "the number of categories")

    @property
    def n_parameters(self) -> int:
        """Free parameters ``d``."""
        return self.n_categories - 1

    def fisher_information(self, theta: ArrayLike) -> NDArray:
        p = _all_probabilities(theta)
        # Infinite at the edge, where a fit to few rows may lie.
        with np.errstate(divide="ignore"):
            return diagonal(1 / p[..., :-1]) + (1 / p[..., -1])[..., None, None]

    def kl_divergence(self, theta_0: ArrayLike, theta: ArrayLike) -> NDArray:
        return rel_entr(_all_probabilities(theta_0), _all_probabilities(theta)).sum(axis=-1)

    def _sample(self, theta, n_samples, rng):
        rows = rng.choice(self.n_categories, size=n_samples, p=_all_probabilities(theta))
        return rows[:, None].astype(float)

    def _check_range(self, name, theta):
        super()._check_range(name, theta)
        check_positive(name, _all_probabilities(theta), "probabilities whose sum is below 1")

    @property
    def _n_columns(self):
        return 1

    def _check_rows(self, rows):
        if not np.isin(rows, np.arange(self.n_categories)).all():
            raise ValueError(
                f"rows hold other numbers than 0 to {self.n_categories - 1}: pass categories by "
                "number"
            )

    def _row_statistics(self, rows):
        return (rows == np.arange(self.n_categories - 1)).astype(float)

    def _draw_statistics(self, theta, n_rows, n_repeats, rng):
        counts = stats.multinomial.rvs(
            n_rows, _all_probabilities(theta), size=n_repeats, random_state=rng
        )
        return counts[:, :-1].astype(float)

    def _fit(self, mean_statistics):
        return mean_statistics


def _all_probabilities(theta):
    theta = np.asarray(theta, dtype=float)
    rest = 1 - theta.sum(axis=-1, keepdims=True)
    # What rounding leaves of a category that was never seen.
    rest[np.abs(rest) < 1e-14] = 0
    return np.concatenate([theta, rest], axis=-1)
