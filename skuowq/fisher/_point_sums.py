"""What the rows of one domain add to a softmax regression at a point: sums that can travel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ._softmax_regression import contrast_basis, information, loss_and_gradient


@dataclass(frozen=True, eq=False)
class PointSums:
    """Sums over rows at a point; those of two parts of a domain add up.

    The last column of the rows is constant, so the last row of ``theta`` holds the intercepts.

    Attributes
    ----------
    total : float
        Sum of the rows' weights.
    loss : float
        Minus the log likelihood.
    gradient : ndarray of shape (n_columns, n_contrasts)
        Of the loss.
    own : ndarray of shape (n_contrasts, n_contrasts)
        Information in the intercepts.
    information : ndarray of shape (n_parameters, n_parameters) or None
        In all parameters; None where nobody has asked for it.
    """

    total: float
    loss: float
    gradient: np.ndarray
    own: np.ndarray
    information: np.ndarray | None = None

    def __add__(self, other):
        J = None if self.information is None else self.information + other.information
        return PointSums(
            self.total + other.total,
            self.loss + other.loss,
            self.gradient + other.gradient,
            self.own + other.own,
            J,
        )

    @property
    def border(self) -> NDArray:
        """Information between all parameters and the intercepts, (n_parameters, n_contrasts)."""
        return cast(NDArray, self.information)[:, -len(self.own) :]


def point_sums(
    blocks: Iterable[tuple[NDArray, NDArray, NDArray]], theta: NDArray, with_information: bool
) -> PointSums:
    """Sum over rows at a point.

    Parameters
    ----------
    blocks : iterable of (X, y, weight)
        Some rows at a time, with a last column of ones; class indices of type ``intp``; weights.
    theta : ndarray of shape (n_columns, n_contrasts)
    with_information : bool

    Returns
    -------
    sums : PointSums
    """
    n_contrasts = theta.shape[1]
    basis = contrast_basis(n_contrasts + 1)
    total, loss, gradient = 0.0, 0.0, np.zeros(theta.shape)
    own = np.zeros((n_contrasts, n_contrasts))
    J = np.zeros((theta.size, theta.size)) if with_information else None
    for X, y, weight in blocks:
        n = weight.sum()
        if not n > 0:
            continue
        more_loss, slope, p = loss_and_gradient(X, y, weight, theta)
        total, loss = total + n, loss + more_loss
        gradient += slope
        if J is None:
            weighted = p * weight
            own += basis.T @ (np.diag(weighted.sum(axis=1)) - weighted @ p.T) @ basis
        else:
            J += n * information(X, p, weight)
    own = own if J is None else J[-n_contrasts:, -n_contrasts:].copy()
    return PointSums(float(total), float(loss), gradient, own, J)
