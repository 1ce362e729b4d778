"""The Gaussian linear model of target and sources of which squares and products are known.

All that :class:`LinearModel` needs of a source is in these, so one round is enough.
"""

from dataclasses import dataclass

import numpy as np

from .noise_variance import own_ridge_by_sums


@dataclass(frozen=True, eq=False)
class LinearSums:
    """In place of a `LinearProblem`.

    Attributes
    ----------
    target_rows : tuple of ndarray
        Columns in the units of the design, with a constant last; y; weights.
    target_groups : ndarray of int of shape (n_rows,)
    sums : list of RegressionRecord
        Of the target and of every source, in the units of the design and of y.
    penalty : ndarray of shape (n_columns,)
    own_levels : bool
    """

    target_rows: tuple
    target_groups: np.ndarray
    sums: list
    penalty: np.ndarray
    own_levels: bool

    def own_fits(self):
        """See `LinearProblem`."""
        ridge = self.penalty[:-1]
        return [
            own_ridge_by_sums(P[:-1, :-1], P[:-1, -1], P[-1, -1], total, ridge)
            for P, total in ((own.products, own.n_samples) for own in self.sums[1:])
        ]

    def counts(self):
        """See `LinearProblem`."""
        return np.array([own.n_samples for own in self.sums])

    def means(self):
        """See `LinearProblem`."""
        mean = np.array([own.mean for own in self.sums])
        y_mean = mean[:, -1].copy()
        mean[:, -1] = 1.0
        return mean, y_mean

    def residual_means(self, theta):
        """See `LinearProblem`."""
        columns, y = self.means()
        return y - columns @ theta

    def residual_products(self, theta):
        """See `LinearProblem`."""
        columns, _ = self.means()
        found = (self.counts() * self.residual_means(theta))[:, None] * columns
        for own, P in zip(found, (own.products for own in self.sums), strict=True):
            own[:-1] += P[:-1, -1] - P[:-1, :-1] @ theta[:-1]
        return found

    def normal_equations(self, factors):
        """See `LinearProblem`."""
        columns, y = self.means()
        counted = factors * self.counts()
        A, b = (columns.T * counted) @ columns, columns.T @ (counted * y)
        for factor, own in zip(factors, self.sums, strict=True):
            A[:-1, :-1] += factor * own.products[:-1, :-1]
            b[:-1] += factor * own.products[:-1, -1]
        return A, b
