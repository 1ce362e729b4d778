"""Softmax regression as a statistical model: likelihood, scores, Fisher information.

Convention. The class probabilities are ``p(x) = softmax(V theta' x)``. ``theta`` has the shape
``(n_features, n_classes - 1)``, and ``V`` is an orthonormal basis of the contrasts between classes
(its columns sum to 0). ``theta V'`` are the usual coefficients, one vector for each class. They sum
to 0 over the classes, so no direction of ``theta`` is redundant. An intercept is a constant column
of ``X``. The score is the gradient of the log likelihood with respect to ``theta``. The Fisher
information is that of one row.

Internally the probabilities have the shape ``(n_classes, n_samples)``. Sums over the few classes
then run along contiguous memory, which makes them much faster.
"""

from __future__ import annotations

from functools import cache
from typing import Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, issparse

from ._arguments import (
    check_n_classes,
    check_parameters,
    class_indices,
    row_weights,
    some_row_weights,
)
from ._domain_design import (
    DomainDesign,
    DomainInformation,
    InformationByDomain,
    InformationWithout,
    information_solver,
)

# The tables that a softmax regression takes.
Rows: TypeAlias = NDArray | csr_matrix | DomainDesign
# Up to this many parameters, Newton steps with an explicit Hessian are fastest.
NEWTON_MAX_PARAMETERS = 400
_MAX_NEWTON_STEPS = 60
# A chord step leaves at most such a share of what is left to gain; where no new curvature is to be
# had, a slower one is still faster than other methods.
_CHORD_RATE = 0.2
_LONE_CHORD_RATE = 0.5
_BLOCK_ENTRIES = 2**16
_PRODUCT_ENTRIES = 2**21


def contrast_basis(n_classes: int) -> NDArray:
    """Return the orthonormal basis of the contrasts between classes.

    Parameters
    ----------
    n_classes : int
        Number of classes, at least 2.

    Returns
    -------
    basis : ndarray of shape (n_classes, n_classes - 1)
        Orthonormal columns that sum to 0 (the Helmert contrasts).

    Examples
    --------
    >>> from skuowq.fisher import contrast_basis
    >>> (contrast_basis(2).ravel().round(3) + 0.0).tolist()
    [-0.707, 0.707]
    """
    check_n_classes(n_classes)
    return _basis(n_classes).copy()


@cache
def _basis(n_classes):
    steps = np.arange(1, n_classes)
    basis = -np.triu(np.ones((n_classes, n_classes - 1)))
    basis[steps, steps - 1] = steps
    basis /= np.sqrt(steps * (steps + 1))
    basis.flags.writeable = False
    return basis


def softmax_probabilities(X: NDArray | csr_matrix, theta: ArrayLike) -> NDArray:
    """Compute the class probabilities ``softmax(V theta' x)`` of each row.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    theta : array-like of shape (n_features, n_classes - 1)
        Coefficients along :func:`contrast_basis`.

    Returns
    -------
    probabilities : ndarray of shape (n_samples, n_classes)
    """
    theta = check_parameters(theta, X)
    return np.ascontiguousarray(class_probabilities(X, theta)[0].T)


def softmax_mean_score(
    X: NDArray | csr_matrix, y: ArrayLike, theta: ArrayLike, sample_weight: ArrayLike | None = None
) -> NDArray:
    """Compute the mean score of softmax regression, ``mean_j x_j (e_{y_j} - p_j)' V``.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Class indices 0 to n_classes - 1, of any integer dtype.
    theta : ndarray of shape (n_features, n_classes - 1)
        The point at which the score is computed.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights of the rows. None gives each row weight 1.

    Returns
    -------
    score : ndarray of shape (n_features, n_classes - 1)
        Divided by the sum of the weights.
    """
    theta = check_parameters(theta, X)
    y = class_indices(y, theta.shape[1] + 1, X.shape[0])
    weight = some_row_weights(sample_weight, X.shape[0])
    return mean_score(X, y, class_probabilities(X, theta)[0], weight)


def softmax_fisher_information(
    X: NDArray | csr_matrix, theta: ArrayLike, sample_weight: ArrayLike | None = None
) -> NDArray:
    """Compute the Fisher information of one row of softmax regression.

    It is ``mean_j x_j x_j' (x) V' (diag p_j - p_j p_j') V``, with the Kronecker product ``(x)``.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The rows over which the mean is taken.
    theta : array-like of shape (n_features, n_classes - 1)
        The point at which the information is computed.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows. None gives each row weight 1.

    Returns
    -------
    fisher_information : ndarray of shape (n_parameters, n_parameters)
        In the order of ``theta.ravel()``; ``n_parameters = n_features * (n_classes - 1)``.

    See Also
    --------
    softmax_fisher_product : The product of this matrix with vectors, without forming it.
    """
    theta = check_parameters(theta, X)
    weight = some_row_weights(sample_weight, X.shape[0])
    # Of a matrix it is a matrix.
    return cast(NDArray, information(X, class_probabilities(X, theta)[0], weight))


def softmax_fisher_product(
    X: NDArray | csr_matrix,
    theta: ArrayLike,
    directions: NDArray,
    sample_weight: ArrayLike | None = None,
) -> NDArray:
    """Multiply the Fisher information of one row with vectors, without forming the matrix.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    theta : array-like of shape (n_features, n_classes - 1)
        The point at which the information is computed.
    directions : ndarray of shape (n_parameters, n_directions)
        Each column is in the order of ``theta.ravel()``.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows. None gives each row weight 1.

    Returns
    -------
    products : ndarray of shape (n_parameters, n_directions)
    """
    theta = check_parameters(theta, X)
    weight = some_row_weights(sample_weight, X.shape[0])
    return information_product(X, class_probabilities(X, theta)[0], weight, directions)


def fit_softmax(
    X: NDArray | csr_matrix,
    y: ArrayLike,
    n_classes: int,
    sample_weight: ArrayLike,
    penalty: ArrayLike,
    *,
    start: NDArray | None = None,
    curvature: NDArray | None = None,
    tol: float = 1e-5,
) -> NDArray:
    """Fit a softmax regression with weights and a ridge penalty.

    It minimises ``sum_j weight_j loss_j + 1/2 sum penalty theta^2``. Classes without rows are
    allowed, as the penalty keeps their parameters finite.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Class indices 0 to n_classes - 1, of any integer dtype.
    n_classes : int
    sample_weight : ndarray of shape (n_samples,)
    penalty : ndarray of shape (n_features,)
        Ridge penalty for the row of ``theta`` of each feature, above 0.
    start : ndarray of shape (n_features, n_classes - 1), default=None
        Where the optimiser starts. None starts at 0.
    curvature : ndarray of shape (n_parameters, n_parameters), default=None
        Fisher information of one row near `start`, from an earlier fit. It saves time: a new one is
        computed only if the steps with this one are too slow.
    tol : float, default=1e-5
        Decreasing it makes the fit more precise, at the cost of time. The fit stops if the
        objective is at most ``tol * n_parameters / 2`` above its minimum. Sampling noise changes it
        by about ``n_parameters / 2``.

    Returns
    -------
    theta : ndarray of shape (n_features, n_classes - 1)

    Raises
    ------
    ValueError
        If the labels are not class indices, or the weights or the penalty do not fit.
    """
    check_n_classes(n_classes)
    y = class_indices(y, n_classes, X.shape[0])
    sample_weight = row_weights(sample_weight, X.shape[0])
    penalty = np.asarray(penalty, dtype=float)
    if penalty.shape != (X.shape[1],):
        raise ValueError(
            f"penalty has shape {penalty.shape}, and X has {X.shape[1]} columns: pass one each"
        )
    return fit_checked(
        X, y, n_classes, sample_weight, penalty, start=start, curvature=curvature, tol=tol
    )


def fit_checked(
    X: Rows,
    y: NDArray,
    n_classes: int,
    sample_weight: NDArray,
    penalty: NDArray,
    *,
    start: NDArray | None = None,
    curvature: NDArray | DomainInformation | InformationWithout | None = None,
    tol: float = 1e-5,
) -> NDArray:
    """`fit_softmax` without a check.

    Parameters
    ----------
    X : {ndarray, CSR matrix, DomainDesign} of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Class indices, of type ``intp``.
    n_classes : int
    sample_weight : ndarray of shape (n_samples,)
        At least 0.
    penalty : ndarray of shape (n_features,)
        Above 0.
    start
        As in :func:`fit_softmax`.
    curvature : ndarray, DomainInformation or InformationWithout, default=None
        As in :func:`fit_softmax`; one of the latter two where X is a `DomainDesign`.
    tol
        As in :func:`fit_softmax`.

    Returns
    -------
    theta : ndarray of shape (n_features, n_classes - 1)
    """
    rows = RowsLikelihood(X, y, n_classes, sample_weight)
    return fit_likelihood(rows, penalty, start=start, curvature=curvature, tol=tol)


class Likelihood(Protocol):
    """The rows of a fit, wherever they are: sums over them are all that the fit needs.

    Attributes
    ----------
    shape : tuple of two ints
        Of ``theta``.
    n_common : int
        Rows of ``theta`` that all domains share.
    total : float
        Sum of the weights.
    """

    shape: tuple[int, int]
    n_common: int
    total: float

    def loss_and_gradient(self, theta: NDArray) -> tuple[float, NDArray, object]:
        """Minus the log likelihood, its gradient, and what `information` needs of this point."""

    def information(self, seen: object) -> NDArray | DomainInformation:
        """Fisher information of a row at a point that was seen."""

    def squares(self) -> NDArray:
        """Weighted sum of squares of every column."""


class RowsLikelihood:
    """Rows that are here.

    Parameters
    ----------
    X, y, n_classes, sample_weight
        As in `fit_checked`.
    """

    def __init__(self, X, y, n_classes, sample_weight):
        self.X, self.y, self.weight = X, y, sample_weight
        self.shape = (X.shape[1], n_classes - 1)
        self.n_common = X.n_common if isinstance(X, DomainDesign) else X.shape[1]
        self.total = sample_weight.sum()

    def loss_and_gradient(self, theta):
        """See `Likelihood`."""
        return loss_and_gradient(self.X, self.y, self.weight, theta)

    def information(self, seen):
        """See `Likelihood`."""
        return information(self.X, seen, self.weight)

    def squares(self):
        """See `Likelihood`."""
        if not isinstance(self.X, DomainDesign):
            return squares(self.X).T @ self.weight
        common = squares(self.X.matrix).T @ self.weight
        return np.append(common, self.X.domain_sums(self.weight))


def fit_likelihood(
    likelihood: Likelihood,
    penalty: NDArray,
    *,
    start: NDArray | None = None,
    curvature: NDArray | DomainInformation | InformationWithout | None = None,
    tol: float = 1e-5,
) -> NDArray:
    """`fit_checked` for rows that may be anywhere.

    Parameters
    ----------
    likelihood : Likelihood
    penalty, start, curvature, tol
        As in `fit_checked`.

    Returns
    -------
    theta : ndarray of shape (n_features, n_classes - 1)
    """
    shape, total = likelihood.shape, likelihood.total
    if not total > 0:
        return np.zeros(shape)  # The penalty alone.
    problem = likelihood, penalty
    zero = np.zeros(shape)
    theta = zero if start is None else start
    state = _penalised(*problem, theta)
    # A start that is too sure of wrong labels may have almost no curvature.
    if state[0] > np.log(shape[1] + 1) * total:
        theta, curvature, state = zero, None, _penalised(*problem, zero)
    n_parameters = likelihood.n_common * shape[1]
    tol = tol * n_parameters / 2
    if n_parameters <= NEWTON_MAX_PARAMETERS:
        converged, found = _newton(*problem, theta, state, curvature, tol)
        if not converged and theta is not zero:
            state = _penalised(*problem, zero)
            converged, found = _newton(*problem, zero, state, None, tol)
        if converged:
            return found
        theta = found
    elif curvature is not None:
        converged, theta = _newton(*problem, theta, state, curvature, tol, forms=False)
        if converged:
            return theta
    scale = 1 / total
    unit = _units(likelihood, penalty)[:, None]

    def objective(flat):
        loss, gradient, _ = _penalised(*problem, flat.reshape(shape) * unit)
        return scale * loss, scale * (gradient * unit).ravel()

    # What is left is about ten times the last decrease.
    options = {"maxiter": 1000, "gtol": 1e-9, "ftol": 0.03 * tol * scale}
    first = (theta / unit).ravel()
    result = minimize(objective, first, jac=True, method="L-BFGS-B", options=options)
    return result.x.reshape(shape) * unit


def class_probabilities(X: Rows, theta: NDArray) -> tuple[NDArray, NDArray]:
    """Class probabilities of every row, and their logarithms.

    Parameters
    ----------
    X : {ndarray, CSR matrix, DomainDesign} of shape (n_samples, n_features)
    theta : ndarray of shape (n_features, n_classes - 1)

    Returns
    -------
    probabilities, log_probabilities : ndarray of shape (n_classes, n_samples)
    """
    probabilities, logits, log_total = _softmax(X, theta)
    return probabilities, logits - log_total


def mean_score(X: Rows, y: NDArray, probabilities: NDArray, weight: NDArray) -> NDArray:
    """`softmax_mean_score` from class probabilities.

    Parameters
    ----------
    X : {ndarray, CSR matrix, DomainDesign} of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Class indices.
    probabilities : ndarray of shape (n_classes, n_samples)
    weight : ndarray of shape (n_samples,)
        At least 0, and not all 0.

    Returns
    -------
    score : ndarray of shape (n_features, n_classes - 1)
    """
    basis = _basis(len(probabilities))
    residual = basis.T.take(y, axis=1)
    residual -= basis.T @ probabilities
    residual *= weight / weight.sum()
    return X.T @ residual.T


def information(X: Rows, probabilities: NDArray, weight: NDArray) -> NDArray | DomainInformation:
    """`softmax_fisher_information` from class probabilities.

    Parameters
    ----------
    X : {ndarray, CSR matrix, DomainDesign} of shape (n_samples, n_features)
    probabilities : ndarray of shape (n_classes, n_samples)
    weight : ndarray of shape (n_samples,)
        At least 0, and not all 0.

    Returns
    -------
    information : ndarray of shape (n_parameters, n_parameters) or DomainInformation
        A `DomainInformation` where X is a `DomainDesign`.
    """
    total = weight.sum()
    if not isinstance(X, DomainDesign):
        return _information_sums(X, _whole(X), 0, probabilities, weight)[0][0] / total
    n_domains = len(X.sizes)
    everything = ((rows, 0, domain) for rows, domain in X.blocks(_block_rows(X.matrix)))
    common, border, own = _information_sums(X.matrix, everything, n_domains, probabilities, weight)
    return DomainInformation(common[0] / total, border / total, own / total)


def information_by_domain(
    X: DomainDesign, probabilities: NDArray, weight: NDArray
) -> InformationByDomain:
    """Fisher information of each domain's rows, to be mixed with any weights of the domains.

    Parameters
    ----------
    X : DomainDesign
    probabilities : ndarray of shape (n_classes, n_samples)
    weight : ndarray of shape (n_samples,)
        The rows' own weights, at least 0.

    Returns
    -------
    information : InformationByDomain
    """
    apart = ((rows, domain, domain) for rows, domain in X.blocks(_block_rows(X.matrix)))
    n_domains = len(X.sizes)
    common, border, own = _information_sums(
        X.matrix, apart, n_domains, probabilities, weight, n_domains
    )
    return InformationByDomain(common, border, own, X.domain_sums(weight))


def _information_sums(matrix, blocks, n_domains, probabilities, weight, n_parts=1):
    """Sums of the information over blocks of rows: of common parameters, borders, intercepts.

    Parameters
    ----------
    matrix : {ndarray, CSR matrix} of shape (n_samples, n_features)
    blocks : iterable of (rows, part, domain)
        The part says to which of `n_parts` sums of the common block the rows belong.
    n_domains : int
        0 where domains have no intercepts.
    probabilities : ndarray of shape (n_classes, n_samples)
    weight : ndarray of shape (n_samples,)
    n_parts : int, default=1
    """
    n_features, n_contrasts = matrix.shape[1], len(probabilities) - 1
    basis = _basis(n_contrasts + 1)
    pairs = [(a, b) for a in range(n_contrasts) for b in range(a + 1)]
    products = np.array([basis[:, a] * basis[:, b] for a, b in pairs])
    common = np.zeros((n_parts, n_features, n_contrasts, n_features, n_contrasts))
    border = np.zeros((n_domains, n_features, n_contrasts, n_contrasts))
    own = np.zeros((n_domains, n_contrasts, n_contrasts))
    for rows, part, domain in blocks:
        block, p = matrix[rows], probabilities[:, rows]
        mean = basis.T @ p
        for (a, b), curvature in zip(pairs, products @ p, strict=True):
            curvature -= mean[a] * mean[b]
            curvature *= weight[rows]
            _add_gram(common[part, :, a, :, b], block, curvature, positive=a == b)
            if n_domains:
                border[domain, :, a, b] += block.T @ curvature
                own[domain, a, b] += curvature.sum()
    for a, b in pairs:
        common[:, :, b, :, a] = common[:, :, a, :, b]
        border[:, :, b, a] = border[:, :, a, b]
        own[:, b, a] = own[:, a, b]
    m = n_features * n_contrasts
    return common.reshape(n_parts, m, m), border.reshape(n_domains, m, n_contrasts), own


def _block_rows(matrix):
    """Rows that stay in the cache while all pairs of contrasts use them."""
    return max(1, matrix.shape[0] if issparse(matrix) else _BLOCK_ENTRIES // matrix.shape[1])


def _whole(matrix):
    step = _block_rows(matrix)
    return ((slice(start, start + step), 0, None) for start in range(0, matrix.shape[0], step))


def information_product(
    X: NDArray | csr_matrix, probabilities: NDArray, weight: NDArray, directions: NDArray
) -> NDArray:
    """`softmax_fisher_product` from class probabilities.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
    probabilities : ndarray of shape (n_classes, n_samples)
    weight : ndarray of shape (n_samples,)
        At least 0, and not all 0.
    directions : ndarray of shape (n_parameters, n_directions)

    Returns
    -------
    products : ndarray of shape (n_parameters, n_directions)
    """
    n_samples, n_features = X.shape
    basis = _basis(len(probabilities))
    n_contrasts, n_directions = basis.shape[1], directions.shape[1]
    columns = directions.reshape(n_features, -1)
    products = np.zeros(columns.shape)
    # Blocks of rows limit the memory: a row needs one number for each class and direction.
    step = max(1, _PRODUCT_ENTRIES // (len(probabilities) * n_directions))
    for start in range(0, n_samples, step):
        rows = slice(start, start + step)
        p = probabilities[:, rows].T[:, None, :]
        image = (X[rows] @ columns).reshape(-1, n_contrasts, n_directions)
        image = image.transpose(0, 2, 1) @ basis.T
        image -= np.sum(p * image, axis=2, keepdims=True)
        image *= p
        image *= weight[rows, None, None]
        back = (image @ basis).transpose(0, 2, 1)
        products += X[rows].T @ back.reshape(len(back), -1)
    return products.reshape(directions.shape) / weight.sum()


def information_diagonal(
    X: NDArray | csr_matrix, probabilities: NDArray, weight: NDArray
) -> NDArray:
    """Diagonal of the Fisher information of one row, from class probabilities.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
    probabilities : ndarray of shape (n_classes, n_samples)
    weight : ndarray of shape (n_samples,)
        At least 0, and not all 0.

    Returns
    -------
    diagonal : ndarray of shape (n_parameters,)
    """
    basis = _basis(len(probabilities))
    curvature = (basis**2).T @ probabilities - (basis.T @ probabilities) ** 2
    return (squares(X).T @ (curvature * weight).T).ravel() / weight.sum()


def squares(X):
    """Every entry squared."""
    return X.multiply(X) if issparse(X) else X**2


def _units(likelihood, penalty):
    """Units for the rows of theta in which the objective has about the same curvature in each."""
    curvature = (likelihood.squares() + penalty) / likelihood.total
    # A column of zeros without a penalty stays at the start, so any unit will do.
    return 1 / np.sqrt(np.where(curvature > 0, curvature, 1.0))


def _newton(likelihood, penalty, theta, state, curvature, tol, forms=True):
    """Newton's method with step halving; returns whether it converged, and where it stopped.

    A curvature matrix costs as much as several gradients. So one is used for several steps, as long
    as they converge fast (chord steps). Without `forms` there is only the one that is given.
    """
    chord_rate = _CHORD_RATE if forms else _LONE_CHORD_RATE
    total = likelihood.total
    ridge = np.repeat(penalty, theta.shape[1])
    loss, gradient, seen = state
    stale = curvature is not None
    solve = None
    for _ in range(_MAX_NEWTON_STEPS):
        if solve is None:
            if not stale:
                curvature = likelihood.information(seen)
            solve = information_solver(curvature, total, ridge)
            step = solve(gradient.ravel())
            left = 0.5 * np.dot(gradient.ravel(), step)
        size = 1.0
        while size > 1e-4:
            trial = theta - size * step.reshape(theta.shape)
            state = _penalised(likelihood, penalty, trial)
            # The last term allows for rounding in sums of many losses.
            if state[0] <= loss - 1e-4 * size * left + 1e-12 * abs(loss):
                break
            size /= 2
        else:
            if not (stale and forms):
                return False, theta
            solve, stale = None, False
            continue
        theta, (loss, gradient, seen) = trial, state
        # Half the decrement estimates what is left to gain. With a stale curvature the estimate is
        # trusted only while the steps converge fast.
        step = solve(gradient.ravel())
        left, last_left = 0.5 * np.dot(gradient.ravel(), step), left
        fast = left <= chord_rate * last_left
        if size == 1.0 and left <= tol and (fast or not stale):
            return True, theta
        if not fast:
            if not forms:
                return False, theta
            solve, stale = None, False
        else:
            stale = True
    return False, theta


def _penalised(likelihood, penalty, theta):
    """The objective, its gradient, and what the likelihood has seen."""
    loss, gradient, seen = likelihood.loss_and_gradient(theta)
    shrink = penalty[:, None] * theta
    return loss + 0.5 * np.vdot(theta, shrink), gradient + shrink, seen


def loss_and_gradient(
    X: Rows, y: NDArray, weight: NDArray, theta: NDArray
) -> tuple[float, NDArray, NDArray]:
    """Minus the log likelihood of weighted rows, its gradient, and their class probabilities.

    Parameters
    ----------
    X : {ndarray, CSR matrix, DomainDesign} of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Class indices, of type ``intp``.
    weight : ndarray of shape (n_samples,)
    theta : ndarray of shape (n_features, n_classes - 1)

    Returns
    -------
    loss : float
    gradient : ndarray of shape (n_features, n_classes - 1)
    probabilities : ndarray of shape (n_classes, n_samples)
    """
    probabilities, logits, log_total = _softmax(X, theta)
    own_logit = logits.ravel().take(y * len(weight) + np.arange(len(weight)))
    loss = np.dot(weight, log_total - own_logit)
    basis = _basis(len(probabilities))
    residual = basis.T @ probabilities
    residual -= basis.T.take(y, axis=1)
    residual *= weight
    return loss, X.T @ residual.T, probabilities


def _softmax(X, theta):
    """Probabilities, logits minus the largest of each row, and the log of their normaliser."""
    logits = _basis(theta.shape[1] + 1) @ (X @ theta).T
    logits -= logits.max(axis=0)
    probabilities = np.exp(logits)
    total = probabilities.sum(axis=0)
    probabilities /= total
    return probabilities, logits, np.log(total)


def _add_gram(result, X, factor, positive):
    """Add ``X' diag(factor) X`` to a dense matrix, in place."""
    if issparse(X):
        result += (X.T @ X.multiply(factor[:, None]).tocsr()).toarray()
    elif positive:  # Of a matrix with itself BLAS computes one half.
        Z = X * np.sqrt(np.maximum(factor, 0.0))[:, None]
        result += Z.T @ Z
    else:
        result += X.T @ (X * factor[:, None])
