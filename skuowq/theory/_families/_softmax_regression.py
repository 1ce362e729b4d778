"""Softmax (multinomial logistic) regression without a penalty."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import log_softmax

from ._family import Family, check_count
from ._population import check_population, row_products

# About ten steps are enough. If the classes can be separated, there is no fit to converge to.
_NEWTON_STEPS = 30
# Squared length of the last Newton step, in nats, far below all simulated errors.
_TOLERANCE = 1e-18


@dataclass(frozen=True, eq=False)
class SoftmaxRegression(Family):
    """Softmax regression with features drawn from a given population.

    The distribution of the features is the same in all domains and is not a parameter. So the
    divergence is exactly a mean over the population. The parameters are the
    coefficients of all classes except the last, class by class; those of the last are 0. For
    intercepts, add a column of ones to the population.

    Parameters
    ----------
    population : array-like of shape (n_rows, n_features)
        Feature vectors, all equally likely. The columns must be linearly independent. A simulation
        draws the counts of the classes at each vector, so its cost grows with the number of vectors
        and not of rows. About twenty are enough.
    n_classes : int, default=2
        Number of classes, at least 2.

    Raises
    ------
    ValueError
        If the population's columns are linearly dependent, or `n_classes` is below 2.

    Examples
    --------
    >>> from skuowq.theory import SoftmaxRegression
    >>> family = SoftmaxRegression([[1, -1], [1, 1]])
    >>> (family.fisher_information([0, 0]).round(6) + 0.0).tolist()
    [[0.25, 0.0], [0.0, 0.25]]
    >>> rows = [[1, 1, 0], [1, 1, 0], [1, 1, 1], [1, -1, 0], [1, -1, 1], [1, -1, 1]]
    >>> (family.maximum_likelihood(rows).round(4) + 0.0).tolist()
    [0.0, 0.6931]
    """

    population: ArrayLike = field(repr=False)
    n_classes: int = 2

    def __post_init__(self):
        check_count("n_classes", self.n_classes, 2, "the number of classes")
        _ = self._population

    @cached_property
    def _population(self):
        return check_population(self.population)

    @property
    def n_parameters(self) -> int:
        """Free parameters ``d``."""
        return (self.n_classes - 1) * self._population.shape[1]

    @property
    def _width(self):
        free = self.n_classes - 1
        return 2 * len(self._population) * free * self.n_classes + 2 * self.n_parameters**2

    def fisher_information(self, theta: ArrayLike) -> NDArray:
        X = self._population
        p = np.exp(self._log_probabilities(theta))
        return self._information(p, np.full((*p.shape[:-2], len(X)), 1 / len(X)))

    def kl_divergence(self, theta_0: ArrayLike, theta: ArrayLike) -> NDArray:
        log_p, log_q = self._log_probabilities(theta_0), self._log_probabilities(theta)
        return np.sum(np.exp(log_p) * (log_p - log_q), axis=(-2, -1)) / len(self._population)

    def _sample(self, theta, n_samples, rng):
        drawn = rng.randint(len(self._population), size=n_samples)
        p = np.exp(self._log_probabilities(theta))
        y = (p.cumsum(axis=1)[drawn, :-1] < rng.uniform(size=(n_samples, 1))).sum(axis=1)
        return np.column_stack([self._population[drawn], y])

    @property
    def _n_columns(self):
        return self._population.shape[1] + 1

    def _check_rows(self, rows):
        if not np.isin(rows[:, -1], np.arange(self.n_classes)).all():
            raise ValueError(
                f"the last column of rows, y, holds other numbers than 0 to {self.n_classes - 1}: "
                "pass classes by number"
            )

    def _row_statistics(self, rows):
        """Membership in each cell: a feature vector of the population and a class."""
        X, y = rows[:, :-1], rows[:, -1]
        match = np.all(X[:, None] == self._population, axis=2)
        if not match.any(axis=1).all():
            raise ValueError(
                "rows hold a feature vector that is not in the population: pass rows as `sample` "
                "draws them"
            )
        cells = match.argmax(axis=1) * self.n_classes + y.astype(int)
        return np.eye(len(self._population) * self.n_classes)[cells]

    def _draw_statistics(self, theta, n_rows, n_repeats, rng):
        p = np.exp(self._log_probabilities(theta)) / len(self._population)
        counts = stats.multinomial.rvs(n_rows, p.ravel(), size=n_repeats, random_state=rng)
        return counts.astype(float)

    def _fit(self, mean_statistics):
        """Newton's method on all repeats at once, from coefficients 0, with halved steps."""
        X = self._population
        share = mean_statistics.reshape(-1, len(X), self.n_classes)
        rows = share.sum(axis=2)
        theta = np.zeros((len(share), self.n_parameters))
        loss = self._loss(theta, share)
        for _ in range(_NEWTON_STEPS):
            p = np.exp(self._log_probabilities(theta))
            slope = np.einsum("rmc,mi->rci", (share - rows[..., None] * p)[..., :-1], X)
            slope = slope.reshape(theta.shape)
            step = _solve(self._information(p, rows), slope)
            decrement = np.sum(step * slope, axis=1)
            if decrement.max() < _TOLERANCE:
                return theta + step
            size = np.ones(len(theta))
            for _ in range(30):
                candidate = theta + size[:, None] * step
                new = self._loss(candidate, share)
                worse = new > loss - 1e-4 * size * decrement + 1e-14
                if not worse.any():
                    break
                size[worse] /= 2
            theta, loss = candidate, new
        raise _no_fit()

    def _loss(self, theta, share):
        return -np.sum(share * self._log_probabilities(theta), axis=(1, 2))

    def _log_probabilities(self, theta):
        """(..., n_rows of the population, n_classes)."""
        theta = np.asarray(theta, dtype=float)
        beta = theta.reshape(*theta.shape[:-1], self.n_classes - 1, -1)
        logits = np.zeros((*theta.shape[:-1], len(self._population), self.n_classes))
        logits[..., :-1] = self._population @ np.swapaxes(beta, -1, -2)
        return log_softmax(logits, axis=-1)

    def _information(self, p, rows):
        """``sum_m rows_m x_m x_m' kron (diag(p_m) - p_m p_m')``, class by class."""
        n_features, free = self._population.shape[1], self.n_classes - 1
        p = p[..., :-1]
        metric = p[..., None] * (np.eye(free) - p[..., None, :]) * rows[..., None, None]
        metric = np.moveaxis(metric, -3, -1).reshape(-1, len(self._population))
        blocks = (metric @ self._row_products).reshape(
            *rows.shape[:-1], free, free, n_features, n_features
        )
        blocks = np.swapaxes(blocks, -3, -2)
        return blocks.reshape(*rows.shape[:-1], self.n_parameters, self.n_parameters)

    @cached_property
    def _row_products(self):
        return row_products(self._population)


def _solve(matrices, vectors):
    try:
        return np.linalg.solve(matrices, vectors[..., None])[..., 0]
    except np.linalg.LinAlgError as error:
        raise _no_fit() from error


def _no_fit():
    return ValueError(
        "some sample has no softmax fit, as its classes can be separated or its features are "
        "linearly dependent: take more rows, or a truth with smaller coefficients"
    )
