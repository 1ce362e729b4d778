"""Softmax regression as a statistical model: likelihood, scores, Fisher information.

Convention. Class probabilities are ``p(x) = softmax(V theta' x)`` with ``theta`` of shape
``(n_features, n_classes - 1)`` and ``V`` an orthonormal basis of the contrasts between classes
(columns sum to zero). The usual one-vector-a-class coefficients are ``theta V'``; they sum to zero
over the classes, so nothing is lost, and no direction of ``theta`` is redundant. An intercept is a
constant column of ``X``. "Score" is the gradient of the log likelihood in ``theta``; information is
per row.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

# Up to this many parameters a Newton step with an explicit Hessian is the fastest road.
_NEWTON_MAX_PARAMETERS = 400


def contrast_basis(n_classes):
    """Orthonormal basis of the contrasts between classes.

    Parameters
    ----------
    n_classes : int
        Number of classes, at least 2.

    Returns
    -------
    basis : ndarray of shape (n_classes, n_classes - 1)
        Orthonormal columns, each summing to zero (the Helmert contrasts).

    Examples
    --------
    >>> from skuowq.fisher import contrast_basis
    >>> contrast_basis(2).ravel().round(3).tolist()
    [-0.707, 0.707]
    """
    steps = np.arange(1, n_classes)
    basis = -np.triu(np.ones((n_classes, n_classes - 1)))
    basis[steps, steps - 1] = steps
    return basis / np.sqrt(steps * (steps + 1))


def softmax_probabilities(X, theta):
    """Class probabilities ``softmax(V theta' x)`` of every row.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    theta : ndarray of shape (n_features, n_classes - 1)

    Returns
    -------
    probabilities : ndarray of shape (n_samples, n_classes)
    """
    return softmax(X @ theta @ contrast_basis(theta.shape[1] + 1).T, axis=1)


def softmax_mean_score(X, y, theta, sample_weight=None):
    """Mean score function of softmax regression, ``mean_j x_j (e_{y_j} - p_j)' V``.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Class indices 0 to n_classes - 1.
    theta : ndarray of shape (n_features, n_classes - 1)
        The point where the score is taken.
    sample_weight : ndarray of shape (n_samples,), default=None
        Row weights; None counts every row once.

    Returns
    -------
    score : ndarray of shape (n_features, n_classes - 1)
        Per row: divided by the sum of the weights.
    """
    weight = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    residual = -softmax_probabilities(X, theta)
    residual[np.arange(len(y)), y] += 1
    residual *= (weight / weight.sum())[:, None]
    return X.T @ (residual @ contrast_basis(theta.shape[1] + 1))


def softmax_fisher_information(X, theta, sample_weight=None):
    """Fisher information of one row, ``mean_j x_j x_j' (x) V' (diag p_j - p_j p_j') V``.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The rows over which the information is averaged.
    theta : ndarray of shape (n_features, n_classes - 1)
    sample_weight : ndarray of shape (n_samples,), default=None

    Returns
    -------
    fisher_information : ndarray of shape (n_parameters, n_parameters)
        In the order of ``theta.ravel()``; ``n_parameters = n_features * (n_classes - 1)``.

    See Also
    --------
    softmax_fisher_product : The same matrix times vectors, without forming it.
    """
    n_features, n_contrasts = theta.shape
    weight = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    weight = weight / weight.sum()
    basis = contrast_basis(n_contrasts + 1)
    probabilities = softmax_probabilities(X, theta)
    mean_contrast = probabilities @ basis
    information = np.empty((n_features, n_contrasts, n_features, n_contrasts))
    for a in range(n_contrasts):
        for b in range(a + 1):
            curvature = probabilities @ (basis[:, a] * basis[:, b])
            curvature -= mean_contrast[:, a] * mean_contrast[:, b]
            block = X.T @ _scale_rows(X, weight * curvature)
            block = block if isinstance(block, np.ndarray) else block.toarray()
            information[:, a, :, b] = information[:, b, :, a] = block
    return information.reshape(n_features * n_contrasts, -1)


def softmax_fisher_product(X, theta, directions, sample_weight=None):
    """Fisher information of one row times vectors, without forming the matrix.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    theta : ndarray of shape (n_features, n_classes - 1)
    directions : ndarray of shape (n_parameters, n_directions)
        Each column in the order of ``theta.ravel()``.
    sample_weight : ndarray of shape (n_samples,), default=None

    Returns
    -------
    products : ndarray of shape (n_parameters, n_directions)
    """
    weight = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    weight = weight / weight.sum()
    basis = contrast_basis(theta.shape[1] + 1)
    probabilities = softmax_probabilities(X, theta)
    products = np.empty(directions.shape)
    for k, direction in enumerate(directions.T):
        step = X @ direction.reshape(theta.shape) @ basis.T
        step -= np.sum(probabilities * step, axis=1, keepdims=True)
        step *= probabilities * weight[:, None]
        products[:, k] = (X.T @ (step @ basis)).ravel()
    return products


def fit_softmax(X, y, n_classes, sample_weight, penalty, start=None, tol=1e-6):
    """Weighted, ridge-penalised maximum likelihood of softmax regression.

    Minimises ``sum_j weight_j loss_j + 1/2 sum penalty theta^2``. Classes without rows are allowed:
    the penalty keeps their parameters finite.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Class indices 0 to n_classes - 1.
    n_classes : int
    sample_weight : ndarray of shape (n_samples,)
    penalty : ndarray of shape (n_features,)
        Ridge penalty of each feature's row of ``theta``, above 0.
    start : ndarray of shape (n_features, n_classes - 1), default=None
        Where the optimiser starts; None starts at zero.
    tol : float, default=1e-6
        The fit stops when no entry of the penalised mean score exceeds it.

    Returns
    -------
    theta : ndarray of shape (n_features, n_classes - 1)
    """
    shape = (X.shape[1], n_classes - 1)
    start = np.zeros(shape) if start is None else start
    if np.prod(shape) <= _NEWTON_MAX_PARAMETERS:
        theta = _newton(X, y, sample_weight, penalty, start, tol)
        if theta is not None:
            return theta
    scale = 1 / sample_weight.sum()

    def objective(flat):
        loss, gradient = _loss_and_gradient(X, y, sample_weight, penalty, flat.reshape(shape))
        return scale * loss, scale * gradient.ravel()

    options = {"maxiter": 1000, "gtol": tol, "ftol": 1e-14}
    result = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    return result.x.reshape(shape)


def _newton(X, y, sample_weight, penalty, theta, tol, max_iter=30):
    """Newton's method with step halving; None when it does not get there."""
    total = sample_weight.sum()
    ridge = np.repeat(penalty, theta.shape[1])
    loss, gradient = _loss_and_gradient(X, y, sample_weight, penalty, theta)
    for _ in range(max_iter):
        if np.abs(gradient).max() <= tol * total:
            return theta
        hessian = total * softmax_fisher_information(X, theta, sample_weight)
        hessian[np.diag_indices_from(hessian)] += ridge
        step = cho_solve(cho_factor(hessian), gradient.ravel()).reshape(theta.shape)
        decrement = np.vdot(gradient, step)
        size = 1.0
        while size > 1e-4:
            trial = theta - size * step
            trial_loss, trial_gradient = _loss_and_gradient(X, y, sample_weight, penalty, trial)
            # The last term forgives rounding in sums of many losses.
            if trial_loss <= loss - 1e-4 * size * decrement + 1e-12 * abs(loss):
                break
            size /= 2
        else:
            return None
        theta, loss, gradient = trial, trial_loss, trial_gradient
    return None


def _loss_and_gradient(X, y, sample_weight, penalty, theta):
    basis = contrast_basis(theta.shape[1] + 1)
    log_probabilities = log_softmax(X @ theta @ basis.T, axis=1)
    rows = np.arange(len(y))
    loss = -np.dot(sample_weight, log_probabilities[rows, y])
    residual = np.exp(log_probabilities)
    residual[rows, y] -= 1
    residual *= sample_weight[:, None]
    gradient = X.T @ (residual @ basis) + penalty[:, None] * theta
    return loss + 0.5 * np.sum(penalty[:, None] * theta**2), gradient


def _scale_rows(X, factor):
    if isinstance(X, np.ndarray):
        return X * factor[:, None]
    return X.multiply(factor[:, None]).tocsr()
