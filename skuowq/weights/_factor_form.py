"""Matrices of very many sources, kept as the factors that they are made of.

A matrix of ten thousand sources takes 800 MB, and its factorisation minutes. What it is made of is
small: the contrasts have one number for each parameter, and REML's discrepancy one for each source.
`numpy.asarray` makes the matrix of it, and so does every operation of numpy but the product.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from ._active_set import exact_products

Matrix = Any  # An array, or a `FactorForm`.
# Above so many sources matrices stay in factors.
MANY_SOURCES = 1000
_MAX_PIVOTS = 300
# Exchanges of all sources on the wrong side that may fail to make these fewer.
_PATIENCE = 3
# A source at 0 stays there where it would be worth less, beside this.
_TOLERANCE = 1e-9


class FactorForm(NDArrayOperatorsMixin):
    """A symmetric, positive semidefinite matrix, shape (n_sources, n_sources).

    Subclasses have `diagonal`, ``_product(columns)`` and some rows by ``__getitem__``.
    """

    def __len__(self):
        return len(self.diagonal())

    @property
    def shape(self) -> tuple[int, int]:
        """As of the matrix."""
        return len(self), len(self)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[np.arange(len(self))], dtype=dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if ufunc is np.matmul and method == "__call__" and not options:
            left, right = inputs
            if left is self:
                return self._product(np.asarray(right))
            return self._product(np.asarray(left).T).T
        matrices = [np.asarray(part) if isinstance(part, FactorForm) else part for part in inputs]
        return getattr(ufunc, method)(*matrices, **options)


class ContrastGram(FactorForm):
    """``F'F``.

    Parameters
    ----------
    factor : ndarray of shape (n_parameters, n_sources)
    """

    def __init__(self, factor: NDArray) -> None:
        self.factor = factor

    def diagonal(self) -> NDArray:
        """Every source's own number, a squared norm of a column.

        Returns
        -------
        diagonal : ndarray of shape (n_sources,)
        """
        return np.einsum("pk,pk->k", self.factor, self.factor)

    def quadratic(self, x: NDArray) -> float:
        """``x' F'F x``, a sum of squares in which nothing cancels.

        Parameters
        ----------
        x : ndarray of shape (n_sources,)

        Returns
        -------
        value : float
        """
        image = self.factor @ x
        return float(image @ image)

    def _product(self, columns):
        return self.factor.T @ (self.factor @ columns)

    def __getitem__(self, index):
        return self.factor[:, index].T @ self.factor

    def optimal_mixture(self, variance: NDArray) -> tuple[NDArray | None, NDArray, NDArray]:
        """The mixture of least ``alpha' (diag(variance) + F'F) alpha``, by pivots on active sets.

        Parameters
        ----------
        variance : ndarray of shape (n_sources,)
            ``1 / N``.

        Returns
        -------
        mixture : ndarray of shape (n_sources,) or None
            None where the sets do not settle.
        gradient, hidden : ndarray of shape (n_sources,)
            Half the gradient there, and what rounding may have changed in it.
        """
        precision, pivots = 1 / variance, _Pivots(len(variance))
        for _ in range(_MAX_PIVOTS):
            solve = self._solver(precision * pivots.active)
            u = solve(np.ones(len(variance)))
            if not pivots.active.any():
                break
            image, hidden = self._image(u, variance)
            # The first solution is off where biases cancel one another.
            u += solve(1 - image)
            image, hidden = self._image(u, variance)
            wrong = np.where(pivots.active, u < 0, image + hidden < 1 - _TOLERANCE)
            if not wrong.any():
                mixture = u / u.sum()
                return (mixture, *self._image(mixture, variance))
            pivots.exchange(wrong)
        return None, precision, precision

    def _solver(self, precision):
        """``(diag(1 / precision) + F'F)^-1`` by Woodbury's identity, 0 for precision 0."""
        scaled = self.factor * precision
        inner = np.eye(len(self.factor)) + scaled @ self.factor.T
        return lambda right: precision * right - scaled.T @ np.linalg.solve(inner, scaled @ right)

    def _image(self, x, variance):
        """``(diag(variance) + F'F) x``, and what rounding may have changed in it.

        Where biases cancel, `F x` is a small difference of large numbers: it is summed exactly.
        """
        inner = np.array([math.fsum(np.concatenate(exact_products(row, x))) for row in self.factor])
        image = variance * x + self.factor.T @ inner
        reach = variance * np.abs(x) + np.abs(self.factor).T @ np.abs(inner)
        return image, np.finfo(float).eps * (2 + len(inner)) * reach


class _Pivots:
    """Which sources are used, exchanged until none is on the wrong side (Judice and Pires, 1994).

    All wrong ones at once, as long as they become fewer; then the last one alone, which must end.
    """

    def __init__(self, n_sources):
        self.active = np.ones(n_sources, dtype=bool)
        self.fewest, self.patience = n_sources + 1, _PATIENCE

    def exchange(self, wrong):
        """The wrong ones change sides."""
        if wrong.sum() < self.fewest:
            self.fewest, self.patience = wrong.sum(), _PATIENCE
        else:
            self.patience -= 1
        if self.patience < 0:
            last = np.flatnonzero(wrong)[-1]
            wrong = np.arange(len(wrong)) == last
        self.active = self.active ^ wrong


class OwnAndShift(FactorForm):
    """``diag(own) + shift 11'``.

    Parameters
    ----------
    own : ndarray of shape (n_sources,)
    shift : float, default=0.0
    """

    def __init__(self, own: NDArray, shift: float = 0.0) -> None:
        self.own, self.shift = own, shift

    def diagonal(self) -> NDArray:
        """With the shift, (n_sources,)."""
        return self.own + self.shift

    def quadratic(self, x: NDArray) -> float:
        """``x' G x``."""
        return float(self.own @ x**2 + self.shift * x.sum() ** 2)

    def _product(self, columns):
        own = self.own.reshape(-1, *[1] * (columns.ndim - 1))
        return own * columns + self.shift * columns.sum(axis=0)

    def __getitem__(self, index):
        rows = np.full((len(index), len(self.own)), self.shift)
        rows[np.arange(len(index)), index] += self.own[index]
        return rows

    def optimal_mixture(self, variance: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """As `ContrastGram.optimal_mixture`: shares like ``1 / (own + variance)``."""
        total = self.own + variance
        mixture = 1 / total
        mixture /= mixture.sum()
        gradient = total * mixture + self.shift
        return mixture, gradient, 4 * np.finfo(float).eps * gradient


def mean_of(matrices: list, shares: list[float]) -> Matrix:
    """Mean of some matrices, in factors where they differ in their shift alone.

    Parameters
    ----------
    matrices : list of ndarray or FactorForm of shape (n_sources, n_sources)
    shares : list of float
        They sum to 1.
    """
    if len(matrices) == 1:
        return matrices[0]
    if all(isinstance(G, OwnAndShift) and G.own is matrices[0].own for G in matrices):
        shift = sum(p * G.shift for p, G in zip(shares, matrices, strict=True))
        return OwnAndShift(matrices[0].own, shift)
    return sum(p * np.asarray(G) for p, G in zip(shares, matrices, strict=True))
