"""Linear regression with Gaussian noise of known variance."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import stats
from sklearn.utils import check_random_state

from ._family import Family
from ._population import check_population


@dataclass(frozen=True, eq=False)
class LinearRegression(Family):
    """Linear regression with Gaussian noise; the features are drawn from a given population.

    The law of the features is the same in all domains and not a parameter, so the divergence is a
    mean over the population, exactly. The coefficients are the parameters; for an intercept give
    the population a column of ones. A finite sample's features differ from the population's, so
    the error formula is a limit here, though the divergence is a quadratic.

    Parameters
    ----------
    population : array-like of shape (n_rows, n_parameters)
        Feature vectors, all equally likely; their columns linearly independent.
    noise_variance : float, default=1.0
        Known variance of y given the features, above 0.

    Raises
    ------
    ValueError
        If the population's columns are linearly dependent, or the variance is not above 0.

    Examples
    --------
    >>> from skuowq.theory import LinearRegression
    >>> family = LinearRegression([[1, -1], [1, 1]], noise_variance=2.0)
    >>> family.fisher_information([0, 0]).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    >>> family.maximum_likelihood([[1, -1, 3], [1, 1, 5]]).tolist()
    [4.0, 1.0]
    """

    population: object = field(repr=False)
    noise_variance: float = 1.0

    def __post_init__(self):
        _ = self._population
        if not (np.isfinite(self.noise_variance) and self.noise_variance > 0):
            raise ValueError(
                f"noise_variance is {self.noise_variance!r}, and must be finite and above 0: pass "
                "the variance of y given the features"
            )

    @cached_property
    def _population(self):
        return check_population(self.population)

    @property
    def n_parameters(self):
        return self._population.shape[1]

    @property
    def _width(self):
        return len(self._population) + self.n_parameters**2

    @cached_property
    def _information(self):
        X = self._population
        return X.T @ X / (len(X) * self.noise_variance)

    def fisher_information(self, theta):
        return np.broadcast_to(self._information, (*np.shape(theta), self.n_parameters))

    def kl_divergence(self, theta_0, theta):
        step = np.subtract(theta, theta_0)
        return 0.5 * np.sum((step @ self._information) * step, axis=-1)

    def sample(self, theta, n_samples, random_state=None):
        rng = check_random_state(random_state)
        X = self._population[rng.randint(len(self._population), size=n_samples)]
        y = X @ theta + np.sqrt(self.noise_variance) * rng.standard_normal(n_samples)
        return np.column_stack([X, y])

    def _row_statistics(self, rows):
        X, y = rows[:, :-1], rows[:, -1:]
        return np.hstack([(X[:, :, None] * X[:, None]).reshape(len(X), -1), X * y])

    def _draw_statistics(self, theta, n_rows, n_repeats, rng):
        X = self._population
        counts = stats.multinomial.rvs(
            n_rows, np.full(len(X), 1 / len(X)), size=n_repeats, random_state=rng
        )
        noise = np.sqrt(counts * self.noise_variance) * rng.standard_normal(counts.shape)
        return np.hstack([counts @ self._row_products, (counts * (X @ theta) + noise) @ X])

    @cached_property
    def _row_products(self):
        X = self._population
        return (X[:, :, None] * X[:, None]).reshape(len(X), -1)

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
