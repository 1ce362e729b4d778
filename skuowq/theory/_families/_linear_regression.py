"""Linear regression with Gaussian noise of known variance."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from skuowq.theory._arguments import above_zero, one_number

from ._family import QuadraticFamily
from ._population import check_population, row_products


@dataclass(frozen=True, eq=False)
class LinearRegression(QuadraticFamily):
    """Linear regression with Gaussian noise and features drawn from a given population.

    The distribution of the features is the same in all domains and is not a parameter. So the
    divergence is exactly a mean over the population. The parameters are the
    coefficients. For an intercept, add a column of ones to the population. The error formula is a
    limit here, although the divergence is quadratic: the features of a sample differ from the
    population.

    Parameters
    ----------
    population : array-like of shape (n_rows, n_parameters)
        Feature vectors, all equally likely. The columns must be linearly independent.
    noise_variance : float, default=1.0
        Known variance of y given the features, above 0.
    row_noise_variance : array-like of shape (n_rows,), default=None
        The true variance of y at each row of the population, if the model is wrong about it. It is
        for the claim "sandwich". None takes `noise_variance` for all rows.

    Raises
    ------
    ValueError
        If the population's columns are linearly dependent, or the variance is not above 0.

    Examples
    --------
    >>> from skuowq.theory import LinearRegression
    >>> family = LinearRegression([[1, -1], [1, 1]], noise_variance=2.0)
    >>> (family.fisher_information([0, 0]).round(6) + 0.0).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    >>> (family.maximum_likelihood([[1, -1, 3], [1, 1, 5]]).round(6) + 0.0).tolist()
    [4.0, 1.0]
    """

    population: ArrayLike = field(repr=False)
    noise_variance: float = 1.0
    row_noise_variance: ArrayLike | None = field(default=None, repr=False)

    def __post_init__(self):
        one_number("noise_variance", self.noise_variance, "pass the variance of y")
        _ = self._row_noise

    @cached_property
    def _row_noise(self):
        n_rows = len(self._population)
        if self.row_noise_variance is None:
            return np.full(n_rows, float(self.noise_variance))
        noise = above_zero("row_noise_variance", self.row_noise_variance, "pass variances of y")
        if noise.shape != (n_rows,):
            raise ValueError(
                f"row_noise_variance has shape {noise.shape}, and the population has {n_rows} "
                "rows: pass one variance for each"
            )
        return noise

    @cached_property
    def _population(self):
        return check_population(self.population)

    @property
    def n_parameters(self) -> int:
        """Free parameters ``d``."""
        return self._population.shape[1]

    @property
    def _width(self):
        return len(self._population) + self.n_parameters**2

    @cached_property
    def _information(self):
        X = self._population
        return X.T @ X / (len(X) * self.noise_variance)

    def score_covariance(self, theta: ArrayLike) -> NDArray:
        X = self._population
        return (X * self._row_noise[:, None]).T @ X / (len(X) * self.noise_variance**2)

    def _with_noise(self, ratio):
        return replace(self, row_noise_variance=ratio * self._row_noise)

    def _sample(self, theta, n_samples, rng):
        drawn = rng.randint(len(self._population), size=n_samples)
        X = self._population[drawn]
        y = X @ theta + np.sqrt(self._row_noise[drawn]) * rng.standard_normal(n_samples)
        return np.column_stack([X, y])

    @property
    def _n_columns(self):
        return self.n_parameters + 1

    def _row_statistics(self, rows):
        X, y = rows[:, :-1], rows[:, -1:]
        return np.hstack([row_products(X), X * y])

    def _draw_statistics(self, theta, n_rows, n_repeats, rng):
        X = self._population
        counts = stats.multinomial.rvs(
            n_rows, np.full(len(X), 1 / len(X)), size=n_repeats, random_state=rng
        )
        noise = np.sqrt(counts * self._row_noise) * rng.standard_normal(counts.shape)
        return np.hstack([counts @ self._row_products, (counts * (X @ theta) + noise) @ X])

    @cached_property
    def _row_products(self):
        return row_products(self._population)

    def _fit(self, mean_statistics):
        d = self.n_parameters
        gram = mean_statistics[:, : d * d].reshape(-1, d, d)
        size = np.diagonal(gram, axis1=1, axis2=2)
        try:
            pivots = np.diagonal(np.linalg.cholesky(gram), axis1=1, axis2=2) ** 2
        except np.linalg.LinAlgError:
            pivots = np.zeros_like(size)
        if np.any(pivots <= 1e-12 * size):
            raise ValueError(
                "the features of some sample are linearly dependent, and it has no fit: take more "
                "rows"
            )
        return np.linalg.solve(gram, mean_statistics[:, d * d :, None])[..., 0]
