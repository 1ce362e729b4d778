"""Losses of rows under fits without their groups: a full fit, to the end, for every group."""

import numpy as np
from scipy.optimize import minimize


def softmax_fit(X, y, basis, sample_weight, penalty):
    """Ridge-penalised softmax regression, theta (n_features, n_classes - 1)."""
    shape = X.shape[1], basis.shape[1]

    def objective(flat):
        theta = flat.reshape(shape)
        logits = X @ theta @ basis.T
        logits -= logits.max(axis=1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        error = np.eye(len(basis))[y] - np.exp(log_p)
        loss = -sample_weight @ log_p[np.arange(len(y)), y] + penalty @ np.sum(theta**2, axis=1) / 2
        slope = -X.T @ (sample_weight[:, None] * error @ basis) + penalty[:, None] * theta
        return loss, slope.ravel()

    options = {"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-9}
    start = np.zeros(shape).ravel()
    return minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x.reshape(shape)


def losses(X, y, basis, sample_weight, penalty, groups):
    """Log loss of every row of a group under the fit to all rows of the others."""
    found = np.empty(len(y))
    for group in set(groups):
        held = np.array([g == group for g in groups])
        theta = softmax_fit(X[~held], y[~held], basis, sample_weight[~held], penalty)
        for j in np.flatnonzero(held):
            p = np.exp(basis @ theta.T @ X[j])
            found[j] = -np.log(p[y[j]] / p.sum())
    return found


def ridge_errors(Z, y, sample_weight, penalty, groups):
    """Errors of rows under ridge regressions without their groups."""
    found = np.empty(len(y))
    for group in set(groups):
        held = np.array([g == group for g in groups])
        kept = Z[~held].T * sample_weight[~held]
        theta = np.linalg.solve(kept @ Z[~held] + np.diag(penalty), kept @ y[~held])
        found[held] = y[held] - Z[held] @ theta
    return found
