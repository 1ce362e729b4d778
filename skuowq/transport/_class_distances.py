"""Distances between the classes of one data set and those of another."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist, pdist
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.parallel import Parallel, delayed

from skuowq._data.domains import check_names, column_names
from skuowq._data.labels import distinct_labels, plain_labels
from skuowq._utils._optional import import_optional

METHODS = ("gaussian", "exact", "sinkhorn", "mmd")
# Bandwidths of the kernels, as multiples of the median squared distance.
_BANDWIDTHS = (0.125, 0.25, 0.5, 1.0, 2.0)
# At most so many rows of each data set are used for the median.
_MEDIAN_ROWS = 1000


def class_distances(
    X_target: ArrayLike,
    y_target: ArrayLike,
    X_source: ArrayLike,
    y_source: ArrayLike,
    method: str = "gaussian",
    *,
    reg: float = 0.05,
    n_jobs: int | None = None,
) -> NDArray:
    """Compute the distances between the classes of a source and those of a target.

    Parameters
    ----------
    X_target : array-like of shape (n_target, n_features)
        Rows of the target.
    y_target : array-like of shape (n_target,)
        Labels of the target.
    X_source : array-like of shape (n_source, n_features)
        Rows of the source, with the same columns as those of the target.
    y_source : array-like of shape (n_source,)
        Labels of the source. They may be other labels than those of the target.
    method : {"gaussian", "exact", "sinkhorn", "mmd"}, default="gaussian"
        The distance between two classes.

        - "gaussian": the 2-Wasserstein distance between Gaussians with the means and covariances of
          the classes. It is fast, and a lower bound of "exact".
        - "exact": the 2-Wasserstein distance between the rows.
        - "sinkhorn": the root of the Sinkhorn divergence. This is the transport cost with entropy,
          minus half of the cost of each class to itself.
        - "mmd": the squared maximum mean discrepancy, with the mean of five Gaussian kernels. It is
          unbiased, so it may be slightly below 0.
    reg : float, default=0.05
        Weight of the entropy for "sinkhorn", as a fraction of the largest squared distance between
        the two classes. Increasing it is faster, at the cost of precision.
    n_jobs : int, default=None
        Number of processes over pairs of classes.

    Returns
    -------
    distances : ndarray of shape (n_source_classes, n_target_classes)
        The source's classes are the rows, and the target's the columns, both in sorted order.

    Raises
    ------
    ValueError
        If the method is unknown, the data do not fit together, or a class has one row where two are
        needed ("gaussian", "mmd").

    See Also
    --------
    dataset_distance : One distance between two labelled data sets.

    Notes
    -----
    Between Gaussians, ``W^2 = |m - m'|^2 + tr(C + C' - 2 (C^1/2 C' C^1/2)^1/2)``. With few rows in
    many dimensions the covariances are noisy, and the noise increases the distance. So compare
    classes of similar sizes.

    References
    ----------
    Alvarez-Melis and Fusi, "Geometric dataset distances via optimal transport", NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skuowq.transport import class_distances
    >>> X, y = np.array([[0.0], [2.0], [10.0], [12.0]]), np.array([0, 0, 1, 1])
    >>> (class_distances(X + 1, y, X, y).round(1) + 0.0).tolist()
    [[1.0, 11.0], [9.0, 1.0]]
    """
    target, source = check_pair(X_target, y_target, X_source, y_source)
    if method not in METHODS:
        raise ValueError(f"method is {method!r}: pass one of {', '.join(METHODS)}")
    check_reg(reg)
    (first, first_names), (second, second_names) = by_class(*source), by_class(*target)
    if method in ("gaussian", "mmd"):
        remedy = "leave the class out, or pass method='exact'"
        check_two_rows(first, first_names, "the source", remedy)
        check_two_rows(second, second_names, "the target", remedy)
    scale = _median_squared(source[0], target[0]) if method == "mmd" else None
    return distances_of_parts(first, second, method, reg=reg, scale=scale, n_jobs=n_jobs)


def distances_of_parts(
    first: list[NDArray],
    second: list[NDArray],
    method: str,
    *,
    reg: float | None = None,
    scale: float | None = None,
    n_jobs: int | None = None,
) -> NDArray:
    """`class_distances` of rows that `by_class` has split, without a check."""
    if method == "gaussian":
        first, second = ([_moments(part) for part in parts] for parts in (first, second))
    found = Parallel(n_jobs)(
        delayed(_distance)(method, a, b, reg, scale) for a in first for b in second
    )
    return np.array(found).reshape(len(first), len(second))


def check_pair(X_target, y_target, X_source, y_source):
    """Check two data sets; returns them as arrays with the same number of columns."""
    check_names(X_source, column_names(X_target), "the source")
    parts = []
    for X, y, name in ((X_target, y_target, "the target"), (X_source, y_source, "the source")):
        X, y = check_array(X, dtype=np.float64, input_name=f"X of {name}"), column_or_1d(y)
        check_consistent_length(X, y)
        if np.any(distinct_labels(y, f"y of {name}")[1] < 0):
            raise ValueError(f"y of {name} has missing values: leave those rows out")
        parts.append((X, y))
    widths = [X.shape[1] for X, _ in parts]
    if widths[0] != widths[1]:
        raise ValueError(
            f"the source has {widths[1]} features, the target has {widths[0]}: bring both into one "
            "feature space"
        )
    return parts


def check_reg(reg):
    """Refuse a weight of the entropy that is not a number above 0."""
    if not (isinstance(reg, Real) and 0 < reg < np.inf):
        raise ValueError(f"reg is {reg!r}: pass a number above 0")


def by_class(X: NDArray, y: ArrayLike) -> tuple[list[NDArray], NDArray]:
    """Split rows by class.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Labels, none of them missing.

    Returns
    -------
    parts : list of ndarray
        The rows of each class.
    classes : ndarray of shape (n_classes,)
        Sorted.
    """
    classes, codes = distinct_labels(y, "y")
    return [X[codes == code] for code in range(len(classes))], classes


def check_two_rows(parts: Sequence[NDArray], classes: NDArray, whose: str, remedy: str) -> None:
    """Refuse classes of one row, which have no covariance.

    Parameters
    ----------
    parts : list of ndarray
        The rows of each class.
    classes : ndarray of shape (n_classes,)
    whose : str
        The data set, for the message.
    remedy : str
        What to do, for the message.

    Raises
    ------
    ValueError
        If a class has one row.
    """
    for part, label in zip(parts, plain_labels(classes), strict=True):
        if len(part) < 2:
            raise ValueError(
                f"class {label!r} of {whose} has one row, and its spread needs two: {remedy}"
            )


def _distance(method, first, second, reg, scale):
    if method == "gaussian":
        return gaussian_distance(first, second)
    if method == "mmd":
        return _squared_mmd(first, second, scale)
    cost = squared_distances(first, second)
    if method == "exact":
        return np.sqrt(max(transport_cost(cost), 0.0))
    eps = reg * cost.max()
    own = [squared_distances(part, part) for part in (first, second)]
    return np.sqrt(sinkhorn_divergence(cost, *own, eps))


def squared_distances(first, second):
    """Squared distances from differences; inner products are imprecise for rows far from 0."""
    return cdist(first, second, "sqeuclidean")


def _moments(X):
    """Mean, and a factor F of the covariance ``F' F``, with as many rows as X or fewer."""
    mean = X.mean(axis=0)
    factor = (X - mean) / np.sqrt(len(X) - 1)
    if len(X) > X.shape[1]:
        factor = np.linalg.qr(factor, mode="r")
    return mean, factor


def gaussian_distance(first, second):
    """2-Wasserstein distance of two Gaussians, each given by its mean and a covariance's factor.

    ``tr (C^1/2 D C^1/2)^1/2`` is the sum of the singular values of ``F G'``, where ``C = F' F`` and
    ``D = G' G``. With few rows of many columns that is a small matrix.
    """
    (m, factor), (n, other) = first, second
    if np.array_equal(m, n) and np.array_equal(factor, other):
        return 0.0  # The root of what rounding leaves would be about 1e-8.
    overlap = np.linalg.svd(factor @ other.T, compute_uv=False).sum()
    squared = ((m - n) ** 2).sum() + (factor**2).sum() + (other**2).sum() - 2 * overlap
    return float(np.sqrt(max(squared, 0.0)))


def transport_cost(cost, a=None, b=None):
    """Least cost of moving one distribution to another. None is a uniform distribution."""
    ot = import_optional("ot", "This distance of skuowq.transport")

    largest = cost.max()
    if largest == 0:
        return 0.0
    n, m = cost.shape
    a = np.full(n, 1 / n) if a is None else a
    b = np.full(m, 1 / m) if b is None else b
    # Costs of order 1, because the tolerances of the solver are absolute.
    cost = np.ascontiguousarray(cost / largest)
    return float(largest * ot.emd2(a, b, cost, numItermax=10_000_000))


def sinkhorn_divergence(cost, own_first, own_second, eps):
    """Entropic cost minus half of the cost of each part to itself; at least 0."""
    if eps == 0:
        return 0.0  # All rows are equal.
    value = _entropic_cost(cost, eps)
    value -= (_entropic_cost(own_first, eps) + _entropic_cost(own_second, eps)) / 2
    return max(value, 0.0)


def _entropic_cost(cost, eps):
    ot = import_optional("ot", "This distance of skuowq.transport")

    # In the log domain, because exp(-cost / eps) is 0 for most rows of a far class.
    plan = ot.sinkhorn(
        np.full(len(cost), 1 / len(cost)),
        np.full(cost.shape[1], 1 / cost.shape[1]),
        cost,
        eps,
        method="sinkhorn_log",
        numItermax=2000,
        stopThr=1e-7,
        warn=False,
    )
    uniform = 1 / plan.size
    positive = plan > 0
    entropy = np.sum(plan[positive] * np.log(plan[positive] / uniform))
    return float(np.sum(plan * cost) + eps * entropy)


def _median_squared(first, second):
    """Median squared distance between different rows, of at most a thousand of each part."""
    rng = np.random.RandomState(0)
    rows = np.vstack([part[rng.permutation(len(part))[:_MEDIAN_ROWS]] for part in (first, second)])
    median = np.median(pdist(rows, "sqeuclidean"))
    return median if median > 0 else 1.0


def _squared_mmd(first, second, scale):
    def kernel(a, b):
        squared = squared_distances(a, b) / scale
        return sum(np.exp(-squared / width) for width in _BANDWIDTHS) / len(_BANDWIDTHS)

    def within(part):
        n = len(part)
        return (kernel(part, part).sum() - n) / (n * (n - 1))

    return within(first) + within(second) - 2 * kernel(first, second).mean()
