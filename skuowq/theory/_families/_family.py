"""What a model family must provide, so that each claim can be tested with it.

Each family has a fixed number of sufficient statistics, which are sums over the rows. The weighted
fit is a function of their weighted mean. So a simulation draws the sums from their own
distribution, and never draws rows: a thousand fits on a million rows take no longer than on ten.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from skuowq._data.types import Seed


class Family(ABC):
    """Base class of the parametric families that `validate` simulates.

    A family draws rows, fits them with weights, and knows its Fisher information and its
    divergence.

    Attributes
    ----------
    n_parameters : int
        Number of free parameters ``d``.
    """

    if TYPE_CHECKING:
        # A field in some families, computed in others.
        @property
        def n_parameters(self) -> int: ...

    # Whether a sum over a fractional number of rows has a distribution.
    fractional_rows = False

    @property
    def _width(self):
        """How many numbers a simulated fit holds at most; it decides the size of a chunk."""
        return self.n_parameters

    @abstractmethod
    def fisher_information(self, theta: ArrayLike) -> NDArray:
        """Compute the Fisher information ``J`` of ONE row.

        Parameters
        ----------
        theta : array-like of shape (..., n_parameters)

        Returns
        -------
        information : ndarray of shape (..., n_parameters, n_parameters)
        """

    def score_covariance(self, theta: ArrayLike) -> NDArray:
        """Compute the covariance ``V`` of the score of one row.

        It is ``J``, unless the rows are drawn from another distribution than the model assumes.

        Parameters
        ----------
        theta : array-like of shape (n_parameters,)

        Returns
        -------
        covariance : ndarray of shape (n_parameters, n_parameters)
        """
        return self.fisher_information(theta)

    @abstractmethod
    def kl_divergence(self, theta_0: ArrayLike, theta: ArrayLike) -> NDArray:
        """Compute the Kullback-Leibler divergence of one row from `theta_0` to `theta`.

        Parameters
        ----------
        theta_0, theta : array-like of shape (..., n_parameters)
            The true and the fitted parameters. They broadcast against each other.

        Returns
        -------
        divergence : ndarray of shape (...)
            In nats. It is infinite if `theta` excludes rows that are possible at `theta_0`.
        """

    def sample(self, theta: ArrayLike, n_samples: int, random_state: Seed = None) -> NDArray:
        """Draw rows.

        Parameters
        ----------
        theta : array-like of shape (n_parameters,)
        n_samples : int
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        rows : ndarray of shape (n_samples, n_columns)
            For a regression, the features and then y.

        Raises
        ------
        ValueError
            If `theta` has the wrong shape or is out of range.
        """
        theta = np.asarray(theta, dtype=float)
        self._check_range("theta", theta)
        check_count("n_samples", n_samples, 0, "the number of rows")
        return self._sample(theta, n_samples, check_random_state(random_state))

    @abstractmethod
    def _sample(self, theta, n_samples, rng):
        """Draw rows at parameters that have been checked."""

    def maximum_likelihood(
        self, rows: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> NDArray:
        """Compute the weighted maximum likelihood fit.

        Parameters
        ----------
        rows : array-like of shape (n_samples, n_columns)
            Rows as `sample` returns them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, at least 0. None gives all rows the same weight.

        Returns
        -------
        theta : ndarray of shape (n_parameters,)

        Raises
        ------
        ValueError
            If the fit does not exist, for instance because there are too few rows.
        """
        rows = np.asarray(rows, dtype=float)
        if rows.ndim != 2 or rows.shape[1] != self._n_columns or not len(rows):
            raise ValueError(
                f"rows has shape {rows.shape}, and must have shape (n_samples, {self._n_columns}) "
                "with at least one row: pass rows as `sample` returns them"
            )
        if not np.isfinite(rows).all():
            raise ValueError("rows hold NaN or infinity, and must be finite: drop those rows")
        self._check_rows(rows)
        if sample_weight is None:
            sample_weight = np.ones(len(rows))
        weight = np.asarray(sample_weight, dtype=float)
        right = weight.shape == (len(rows),) and np.isfinite(weight).all() and (weight >= 0).all()
        if not right or not weight.any():
            raise ValueError(
                f"sample_weight must hold {len(rows)} finite numbers of at least 0, not all 0: "
                "pass one weight for each row"
            )
        with np.errstate(divide="ignore"):
            fit = self._fit(np.average(self._row_statistics(rows), axis=0, weights=weight)[None])
        if not np.isfinite(fit).all():
            raise ValueError("these rows have no maximum likelihood fit: pass more of them")
        return fit[0]

    def discrepancy(self, theta_target: ArrayLike, theta_sources: ArrayLike) -> NDArray:
        """Compute the true discrepancy ``G = Theta' J Theta / d``, with ``J`` of the target.

        Parameters
        ----------
        theta_target : array-like of shape (n_parameters,)
        theta_sources : array-like of shape (n_parameters, n_sources)
            One column for each source.

        Returns
        -------
        discrepancy : ndarray of shape (n_sources, n_sources)

        Raises
        ------
        ValueError
            If a shape does not fit `n_parameters`, or a parameter is out of range.
        """
        theta_target, theta_sources = self._check_truth(theta_target, theta_sources)
        contrasts = theta_sources - theta_target[:, None]
        J = self.fisher_information(theta_target)
        return contrasts.T @ J @ contrasts / self.n_parameters

    def _check_truth(self, theta_target, theta_sources):
        """Check the true parameters; returns them as float arrays."""
        theta_target = np.asarray(theta_target, dtype=float)
        theta_sources = np.asarray(theta_sources, dtype=float)
        d = self.n_parameters
        self._check_range("theta_target", theta_target)
        if theta_sources.ndim != 2 or theta_sources.shape[0] != d or theta_sources.shape[1] == 0:
            raise ValueError(
                f"theta_sources has shape {theta_sources.shape}, and must have shape "
                f"({d}, n_sources): pass one column for each source"
            )
        for i, theta in enumerate(theta_sources.T):
            self._check_range(f"theta_sources[:, {i}]", theta)
        return theta_target, theta_sources

    def _with_noise(self, ratio):
        """The family with `ratio` times the noise variance, if it has one."""
        raise ValueError(
            f"{type(self).__name__} has no noise beside its parameters: take GaussianMean or "
            "LinearRegression for the claim 'unequal_noise'"
        )

    def _check_range(self, name, theta):
        """Refuse parameters that the family cannot have."""
        if theta.shape != (self.n_parameters,):
            raise ValueError(
                f"{name} has shape {theta.shape}, and must have shape ({self.n_parameters},): pass "
                "one entry for each parameter of the family"
            )
        if not np.isfinite(theta).all():
            raise ValueError(
                f"{name} holds NaN or infinity, and must be finite: pass the true parameters"
            )

    @property
    def _n_columns(self):
        return self.n_parameters

    def _check_rows(self, rows):
        """Refuse finite rows that the family cannot draw. By default there are none."""
        return

    @abstractmethod
    def _row_statistics(self, rows):
        """Sufficient statistics of each row, (n_samples, n_statistics)."""

    @abstractmethod
    def _draw_statistics(self, theta, n_rows, n_repeats, rng):
        """Sums of the sufficient statistics over `n_rows` fresh rows, (n_repeats, n_statistics)."""

    @abstractmethod
    def _fit(self, mean_statistics):
        """Fits from weighted means of the statistics, (n_repeats, n_parameters)."""


class QuadraticFamily(Family):
    """A family whose Fisher information, `_information`, is the same at all parameters.

    Its divergence is exactly half a squared distance.
    """

    _information: NDArray

    def fisher_information(self, theta: ArrayLike) -> NDArray:
        return np.broadcast_to(self._information, (*np.shape(theta), self.n_parameters))

    def kl_divergence(self, theta_0: ArrayLike, theta: ArrayLike) -> NDArray:
        step = np.subtract(theta, theta_0)
        return 0.5 * np.sum((step @ self._information) * step, axis=-1)


def check_count(name, value, least, what):
    """Refuse anything but an integer of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(
            f"{name} is {value!r}, and must be an integer of at least {least}: pass {what}"
        )


def check_positive(name, theta, what):
    """Refuse parameters that are not above 0."""
    if not (theta > 0).all():
        raise ValueError(f"{name} holds {theta.min():g}, and must be above 0: pass {what}")


def diagonal(values):
    """Diagonal matrices from vectors on the last axis."""
    # Not times the identity: a value may be infinite.
    found = np.zeros((*values.shape, values.shape[-1]))
    np.einsum("...ii->...i", found)[...] = values
    return found
