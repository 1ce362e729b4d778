"""The statistics that a source computes where its rows are, instead of sending the rows."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse import csr_matrix
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target

from skuowq._data.labels import check_type, distinct_labels, find_labels, plain_labels
from skuowq._data.source_record import SourceRecord, about
from skuowq._data.types import Matrix
from skuowq._utils._checks import as_numbers

from ._softmax_regression import (
    class_probabilities,
    contrast_basis,
    fit_checked,
    information,
    mean_score,
    squares,
)

_INTERCEPT_PENALTY = 1e-4
# Least penalty of an effect in standardised columns, so that the optimum is finite.
_LEAST_PENALTY = 1e-6
# A column that varies by less than this fraction of its mean is constant up to rounding.
_ROUNDING = 1e-12
_MOST_PARAMETERS = 5000


def source_record(
    X: Matrix,
    y: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    point: NDArray | SourceRecord | None = None,
    C: float = 1.0,
    sample_weight: ArrayLike | None = None,
) -> SourceRecord:
    """Compute statistics of a source that can be used in place of its rows.

    Run it where the rows are, and send the result: ``UOWQClassifier`` takes records in place of
    rows. A record holds no rows, only sums over them. With few rows these sums still reveal much
    about single rows.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows of the source, in the same columns and units as the target.
    y : array-like of shape (n_samples,)
        Labels.
    classes : array-like, default=None
        All classes of the target and the sources. Each record must have the same classes. None
        takes those of `y`.
    point : ndarray of shape (n_features + 1, n_classes - 1) or SourceRecord, default=None
        The parameters at which the statistics are computed, such as ``estimator.record_point_`` of
        an earlier fit. The last row holds the intercepts, at which all columns are 0. None fits a
        ridge regression to the source.
    C : float, default=1.0
        Inverse penalty of this ridge regression.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows. None gives each row weight 1.

    Returns
    -------
    record : SourceRecord
        It needs ``8 q (q + 2) + 8 n_features`` bytes for any number of rows, plus the classes, with
        ``q = (n_features + 1) (n_classes - 1)``.

    Raises
    ------
    ValueError
        If the data do not fit together, or a label is not among `classes`.

    Notes
    -----
    Let ``g`` be the mean score and ``J`` the information of a row at the point ``theta_i``. To
    second order the log likelihood of the n rows is ``n [g'd - d'J d / 2]`` plus a constant, with
    ``d = theta - theta_i``. The columns are centred at their means, ``record.centre``. Sparse
    columns that contain zeros are not centred.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skuowq.fisher import source_record
    >>> source_record(*load_iris(return_X_y=True))
    SourceRecord(150 rows, 4 features, 3 classes, 1,024 bytes)
    """
    X = check_array(X, accept_sparse="csr", dtype=np.float64, input_name="X")
    y = column_or_1d(y)
    check_consistent_length(X, y)
    present, labels = distinct_labels(y, "y")
    if np.any(labels < 0):
        raise ValueError("y has missing values: leave those rows out")
    check_type(present, "y")
    if classes is None:
        classes = present
    else:
        classes = distinct_labels(classes, "classes")[0]
        check_type(classes, "classes")
    place = find_labels(present, classes)
    if np.any(place < 0):
        unknown = plain_labels(present[place < 0])
        raise ValueError(f"y has the labels {unknown}, which are not among classes")
    if type_of_target(y).startswith("continuous"):
        raise ValueError(
            f"y holds numbers that are no classes, such as {y[0]!r}, and this record is of a "
            "classifier: pass class labels, or call regression_record for UOWQRegressor"
        )
    labels = place[labels].astype(np.intp, copy=False)
    if len(classes) < 2:
        raise ValueError(
            f"y has the single class {plain_labels(classes)[0]!r}: pass all classes as classes="
        )
    if not (isinstance(C, Real) and C > 0):
        raise ValueError(f"C is {C!r}: pass a number above 0")
    weight = (
        np.ones(len(y)) if sample_weight is None else as_numbers("sample_weight", sample_weight)
    )
    if weight.shape != y.shape or not np.all(np.isfinite(weight) & (weight >= 0)):
        raise ValueError(
            f"sample_weight has shape {weight.shape} and y {y.shape}: pass one finite number of at "
            "least 0 for each row"
        )
    if not weight.any():
        raise ValueError("sample_weight is 0 for all rows: pass at least one above 0")
    rows, centre = centred(X, weight)
    shape = (rows.shape[1], len(classes) - 1)
    if shape[0] * shape[1] > _MOST_PARAMETERS:
        raise ValueError(
            f"a record of {shape[0] - 1} features and {len(classes)} classes holds "
            f"{shape[0] * shape[1]:,} squared numbers, and {_MOST_PARAMETERS:,} squared are the "
            "most: reduce the features, or send a fitted model"
        )
    if point is None:
        penalty = record_penalty(rows, weight, centre, len(classes), 1 / C)
        theta = fit_checked(rows, labels, len(classes), weight, penalty)
    else:
        theta = as_numbers("point", getattr(point, "theta", point))
        if theta.shape != shape:
            raise ValueError(
                f"point has shape {theta.shape}, and {shape[0] - 1} features with {len(classes)} "
                f"classes need {shape}"
            )
        theta = about(theta, getattr(point, "centre", None), centre)
    probabilities, _ = class_probabilities(rows, theta)
    return SourceRecord(
        classes=classes,
        n_samples=float(weight.sum()),
        theta=theta,
        score=mean_score(rows, labels, probabilities, weight),
        information=information(rows, probabilities, weight),
        centre=centre,
    )


def centred(X, weight):
    """Centred rows with a last column of ones, and the means that were subtracted.

    Sparse columns that contain a zero are not centred. Their mean is never large compared with
    their spread.
    """
    if not sparse.issparse(X):
        centre = np.average(X, axis=0, weights=weight)
        return with_constant(X - centre), centre
    X = X.copy()
    X.sum_duplicates()
    full = np.bincount(X.indices, minlength=X.shape[1]) == X.shape[0]
    centre = np.where(full, X.T @ weight / weight.sum(), 0.0)
    X.data -= centre[X.indices]
    return with_constant(X), centre


def with_constant(X: NDArray | csr_matrix) -> NDArray | csr_matrix:
    """Rows with a last column of ones.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    Returns
    -------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features + 1)
    """
    if sparse.issparse(X):
        return sparse.hstack([X, np.ones((X.shape[0], 1))], format="csr")
    return np.column_stack([X, np.ones(len(X))])


def record_penalty(
    rows: NDArray | csr_matrix, weight: NDArray, centre: NDArray, n_classes: int, ridge: float
) -> NDArray:
    """Ridge penalty of each row of theta, as in scikit-learn's logistic regression.

    Parameters
    ----------
    rows : {ndarray, CSR matrix} of shape (n_rows, n_features + 1)
        Minus `centre`, with a last column of ones.
    weight : ndarray of shape (n_rows,)
    centre : ndarray of shape (n_features,)
    n_classes : int
    ridge : float
        ``1 / C``, or 0 for a regression without a penalty.

    Returns
    -------
    penalty : ndarray of shape (n_features + 1,)
        For each effect at least 1e-6 in standardised columns.
    """
    variance = (squares(rows).T @ weight / weight.sum())[:-1]
    variance[variance <= (_ROUNDING * centre) ** 2] = 1.0  # A constant column has no units.
    penalty = np.maximum(ridge, _LEAST_PENALTY * variance)
    # Two classes have one vector there, sqrt(2) times the contrast.
    return np.append((2 if n_classes == 2 else 1) * penalty, _INTERCEPT_PENALTY)


def theta_of(coef: ArrayLike, intercept: ArrayLike) -> NDArray:
    """Contrasts between classes from the coefficients that scikit-learn keeps.

    Parameters
    ----------
    coef : array-like of shape (n_classes, n_features) or (1, n_features)
        A vector for each class. Of two classes, one vector for the second is enough.
    intercept : array-like of shape (n_classes,) or (1,)

    Returns
    -------
    theta : ndarray of shape (n_features + 1, n_classes - 1)
    """
    vectors = np.column_stack([coef, intercept])
    if len(vectors) == 1:
        vectors = np.vstack([-vectors, vectors]) / 2
    return vectors.T @ contrast_basis(len(vectors))


def vectors_of(theta: NDArray) -> tuple[NDArray, NDArray]:
    """Coefficients as scikit-learn keeps them, from contrasts between classes.

    Parameters
    ----------
    theta : ndarray of shape (n_features + 1, n_classes - 1)

    Returns
    -------
    coef : ndarray of shape (n_classes, n_features) or (1, n_features)
        Of two classes, one vector for the second.
    intercept : ndarray of shape (n_classes,) or (1,)
    """
    vectors = contrast_basis(theta.shape[1] + 1) @ theta.T
    if len(vectors) == 2:
        vectors = vectors[1:] - vectors[:1]
    return vectors[:, :-1].copy(), vectors[:, -1].copy()
