"""Approximate leave-one-out loss of a penalised softmax regression, without refitting."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import logsumexp

from ._arguments import check_parameters, class_indices, row_weights
from ._softmax_regression import class_probabilities, contrast_basis


def leave_one_out_loss(X, y, theta, penalised_information, sample_weight=None):
    """Log loss of every row under the fit without it, to first order.

    With ``A`` the curvature of the objective, ``F_j = V'(diag p_j - p_j p_j')V``,
    ``h_j = m_j (x_j (x) I)' A^-1 (x_j (x) I)`` and ``r_j = V'(e_{y_j} - p_j)``, one Newton step
    without row j moves its logits' contrasts by ``-h_j (I - F_j h_j)^-1 r_j``. A weight counts
    copies and one copy is left out, or what there is of it: ``m_j = min(weight_j, 1)``.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Rows that took part in the fit.
    y : ndarray of shape (n_samples,)
        Class indices 0 to n_classes - 1, of any integer dtype.
    theta : ndarray of shape (n_features, n_classes - 1)
        The fit.
    penalised_information : ndarray of shape (n_parameters, n_parameters)
        ``A``: information of all rows of the fit together plus the ridge penalty.
    sample_weight : ndarray of shape (n_samples,), default=None
        The rows' weights in the fit; None is 1.

    Returns
    -------
    loss : ndarray of shape (n_samples,)
        The step is good where rows do not decide their own fit: while the eigenvalues of
        ``F_j h_j`` stay below some 0.7.
    """
    theta = check_parameters(theta, X)
    y = class_indices(y, theta.shape[1] + 1, X.shape[0])
    weight = row_weights(sample_weight, X.shape[0])
    return leave_one_out(X, y, theta, penalised_information, weight)[0]


def leave_one_out(X, y, theta, penalised_information, sample_weight):
    """`leave_one_out_loss`, and the largest eigenvalue of any ``F_j h_j``."""
    n_features, n_contrasts = theta.shape
    basis = contrast_basis(n_contrasts + 1)
    X = X if isinstance(X, np.ndarray) else X.toarray()
    n_samples = len(X)
    # Columns (j, a): x_j in the rows of theta's column a.
    rows = np.einsum("jf,ab->fajb", X, np.eye(n_contrasts))
    rows = rows.reshape(n_features * n_contrasts, n_samples * n_contrasts)
    solved = cho_solve(cho_factor(penalised_information), rows)
    solved = solved.reshape(n_features, n_contrasts, n_samples, n_contrasts)
    leverage = np.einsum("jf,fajb->jab", X, solved)
    if sample_weight is not None:
        leverage *= np.minimum(sample_weight, 1)[:, None, None]
    probabilities = class_probabilities(X, theta)[0].T
    mean = probabilities @ basis
    curvature = np.einsum("jc,ca,cb->jab", probabilities, basis, basis)
    curvature -= mean[:, :, None] * mean[:, None, :]
    residual = basis[y] - mean
    own_share = curvature @ leverage
    shrink = np.eye(n_contrasts) - own_share
    largest = np.abs(np.linalg.eigvals(own_share)).max()
    step = leverage @ np.linalg.solve(shrink, residual[:, :, None])
    logits = (X @ theta - step[:, :, 0]) @ basis.T
    return logsumexp(logits, axis=1) - logits[np.arange(n_samples), y], float(largest)
