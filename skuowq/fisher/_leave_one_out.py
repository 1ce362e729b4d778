"""Approximate leave-one-out loss of a penalised softmax regression, without refitting."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix
from scipy.special import logsumexp

from skuowq._utils._factor import factorise

from ._arguments import check_parameters, class_indices, row_weights
from ._softmax_regression import class_probabilities, contrast_basis

_ROUNDING = 1e-14


def leave_one_out_loss(
    X: NDArray | csr_matrix,
    y: ArrayLike,
    theta: ArrayLike,
    penalised_information: NDArray,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> NDArray:
    """Compute the log loss of each row under the fit without it, to first order.

    Nothing is refitted: one Newton step approximates the fit without the row. The approximation is
    good if no row decides its own fit.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Rows used in the fit.
    y : ndarray of shape (n_samples,)
        Class indices 0 to n_classes - 1, of any integer dtype.
    theta : ndarray of shape (n_features, n_classes - 1)
        The fitted coefficients.
    penalised_information : ndarray of shape (n_parameters, n_parameters)
        ``A``: the information of all rows of the fit together, plus the ridge penalty.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows in the fit. None is 1. A row is left out with all of its weight.
    groups : array-like of shape (n_samples,), default=None
        Rows with the same value here are left out together. None leaves out each row by itself. Put
        copies of a row into one group: otherwise the fit without one copy still contains the other.

    Returns
    -------
    loss : ndarray of shape (n_samples,)

    Notes
    -----
    Let ``A`` be the curvature of the objective, ``m_j`` the weight of row j,
    ``F_j = V'(diag p_j - p_j p_j')V``, ``h_j = m_j (x_j (x) I)' A^-1 (x_j (x) I)`` and
    ``r_j = V'(e_{y_j} - p_j)``. One Newton step without row j changes the contrasts of its logits
    by ``-h_j (I - F_j h_j)^-1 r_j``. For a group it is the same step with the blocks of all its
    rows. The step is good while the eigenvalues of ``F_j h_j`` stay below about 0.7.
    """
    theta = check_parameters(theta, X)
    y = class_indices(y, theta.shape[1] + 1, X.shape[0])
    weight = row_weights(sample_weight, X.shape[0])
    return leave_one_out(X, y, theta, penalised_information, weight, groups)[0]


def leave_one_out(
    X: NDArray | csr_matrix,
    y: NDArray,
    theta: NDArray,
    penalised_information: NDArray,
    sample_weight: NDArray | None = None,
    groups: ArrayLike | None = None,
) -> tuple[NDArray, float]:
    """`leave_one_out_loss` without a check, and how far it can be trusted.

    Parameters
    ----------
    X, y, theta, penalised_information, sample_weight, groups
        As in :func:`leave_one_out_loss`.

    Returns
    -------
    loss : ndarray of shape (n_samples,)
    largest : float
        The largest eigenvalue of any ``F_j h_j``. Above about 0.7 the loss is not good.
    """
    n_features, n_contrasts = theta.shape
    basis = contrast_basis(n_contrasts + 1)
    X = X if isinstance(X, np.ndarray) else X.toarray()
    n_samples = len(X)
    # Columns (j, a): x_j in the rows of theta's column a.
    rows = np.einsum("jf,ab->fajb", X, np.eye(n_contrasts))
    rows = rows.reshape(n_features * n_contrasts, n_samples * n_contrasts)
    solve = factorise(penalised_information)
    solved = solve(rows)
    solved = solved.reshape(n_features, n_contrasts, n_samples, n_contrasts)
    weight = np.ones(n_samples) if sample_weight is None else sample_weight
    leverage = np.einsum("jf,fajb->jab", X, solved) * weight[:, None, None]
    probabilities = class_probabilities(X, theta)[0].T
    mean = probabilities @ basis
    curvature = np.einsum("jc,ca,cb->jab", probabilities, basis, basis)
    curvature -= mean[:, :, None] * mean[:, None, :]
    residual = basis[y] - mean
    step, largest = np.empty((n_samples, n_contrasts)), 0.0
    alone, together = _by_size(groups, n_samples)
    if len(alone):
        h, F = leverage[alone], curvature[alone]
        largest = np.abs(np.linalg.eigvals(F @ h)).max()
        step[alone] = (h @ np.linalg.solve(_rest(F @ h), residual[alone][:, :, None]))[:, :, 0]
    for group in together:
        F = weight[group, None, None] * curvature[group]
        r = weight[group, None] * residual[group]
        step[group], share = _group_step(X[group], solved[:, :, group], F, r, solve)
        largest = max(largest, share)
    logits = (X @ theta - step) @ basis.T
    return logsumexp(logits, axis=1) - logits[np.arange(n_samples), y], float(largest)


def _by_size(groups, n_samples):
    """Rows that form a group by themselves, and the rows of each other group."""
    if groups is None:
        return np.arange(n_samples), []
    _, groups, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    rows = np.split(np.argsort(groups, kind="stable"), np.cumsum(sizes)[:-1])
    return np.flatnonzero(sizes[groups] == 1), [part for part in rows if len(part) > 1]


def _group_step(X, solved, F, r, solve):
    """How far a Newton step without a group changes the contrasts of the logits of its rows.

    Parameters
    ----------
    X : ndarray of shape (m, n_features)
    solved : ndarray of shape (n_features, n_contrasts, m, n_contrasts)
        ``A^-1`` times the rows.
    F : ndarray of shape (m, n_contrasts, n_contrasts)
    r : ndarray of shape (m, n_contrasts)
        F and r include the weights of the rows.
    solve : callable
        Solves with ``A``.

    Returns
    -------
    step : ndarray of shape (m, n_contrasts)
    largest : float
        Eigenvalue of the group's share in its own fit.
    """
    n_parameters = X.shape[1] * r.shape[1]
    if r.size <= n_parameters:
        H = np.einsum("if,fajb->iajb", X, solved)
        share = np.einsum("iab,ibjc->iajc", F, H).reshape(r.size, r.size)
        moved = H.reshape(r.size, r.size) @ np.linalg.solve(_rest(share), r.ravel())
    else:  # The same, in the parameters' space, which is the smaller one.
        own = np.einsum("if,iab,ig->fagb", X, F, X, optimize=True)
        share = solve(own.reshape(n_parameters, n_parameters))
        moved = np.linalg.solve(_rest(share), solve((X.T @ r).ravel()))
        moved = X @ moved.reshape(X.shape[1], -1)
    return moved.reshape(r.shape), np.abs(np.linalg.eigvals(share)).max()


def _rest(share):
    """What is left without rows of this share in their own fit.

    Where they decide it, that is nothing, and the step 0 / 0 but for rounding.
    """
    return (1 + _ROUNDING) * np.eye(share.shape[-1]) - share
