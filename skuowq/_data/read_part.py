"""A part of a source, read where it lies, and what is known of its columns and labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from .design_columns import mean_and_variance
from .domains import check_columns, drop_zero_weight
from .labels import label_kind, plain_labels
from .regression_record import record_of_rows
from .target_range import FarRows, count_outside, distinct_rows, limits_of, which_are_far
from .task_labels import check_labels, check_numbers

# Of a column's values: so many steps of their distribution tell its middle half.
_STEPS = 200
# Rows of which a part tells it.
_MOST_SAMPLED = 20_000


@dataclass(frozen=True)
class Reading:
    """How parts become numbers; the same for all sources.

    Attributes
    ----------
    n_features : int
    columns : list or None
        Names of the target's columns.
    checks : dict
        What the estimator takes, as arguments of `check_array`.
    numbers : bool
        Whether labels are numbers.
    classes : ndarray of shape (n_classes,) or None
        What labels are coded by; None leaves them as they are.
    others : bool
        Whether rows of other classes are left out, not refused.
    """

    n_features: int
    columns: list | None
    checks: dict
    numbers: bool = False
    classes: np.ndarray | None = None
    others: bool = False


def read_part(part, where, reading, bounds):
    """Rows, labels and weights of a part, checked, without what does not count.

    Parameters
    ----------
    part : tuple
        ``(X, y)`` or ``(X, y, sample_weight)``.
    where : str
        What messages call it.
    reading : Reading
    bounds : tuple of two ndarray or None

    Returns
    -------
    X : ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    weight : ndarray of shape (n_rows,)
    """
    X, y, weight = _triple(part, where)
    check_columns(X, reading.n_features, reading.columns, where)
    try:
        X = check_array(X, input_name="X", ensure_min_samples=0, **reading.checks)
        X = X.toarray() if sparse.issparse(X) else X
    except (TypeError, ValueError) as error:
        raise type(error)(f"{where}: {error}") from error
    X = X if X.dtype == np.float64 else X.astype(np.float64)
    y = (check_numbers if reading.numbers else check_labels)(np.asarray(y), where)
    if len(y) != len(X) or (weight is not None and weight.shape != (len(X),)):
        shape = "none" if weight is None else weight.shape
        raise ValueError(
            f"{where}: X has {len(X)} rows, y {len(y)} entries and sample_weight {shape}: pass one "
            "of each for a row"
        )
    if weight is None:
        weight = np.ones(len(y))
    elif not np.all(np.isfinite(weight) & (weight >= 0)):
        raise ValueError(f"{where}: sample_weight must be finite and at least 0.")
    X, y, weight = drop_zero_weight(X, y, weight)
    if reading.classes is not None and len(y):
        X, y, weight = _coded(X, y, weight, where, reading)
    if bounds is not None:
        kept = ~which_are_far(X, *bounds)
        X, y, weight = X[kept], y[kept], weight[kept]
    return X, y, weight


def _triple(part, where):
    if not isinstance(part, (tuple, list)) or len(part) not in (2, 3):
        raise TypeError(
            f"{where} is a {type(part).__name__}: it must give (X, y) or (X, y, weight)"
        )
    X, y, weight = (*part, None)[:3]
    return X, y, None if weight is None else np.asarray(weight, dtype=float)


def _coded(X, y, weight, where, reading):
    """Labels as indices into the classes."""
    classes = reading.classes
    if label_kind(y) != label_kind(classes):
        raise ValueError(
            f"{where}: the labels are {label_kind(y)}, those of the target are "
            f"{label_kind(classes)}: label both alike"
        )
    place = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    known = classes[place] == y
    if not known.all():
        if not reading.others:
            raise ValueError(
                f"{where}: the labels {plain_labels(np.unique(y[~known]))} are none of the classes "
                f"{plain_labels(classes)}, which the sources had when they were first read"
            )
        X, place, weight = X[known], place[known], weight[known]
    return X, place.astype(np.intp, copy=False), weight


@dataclass(frozen=True, eq=False)
class ColumnSums:
    """What is known of the columns and labels of some rows; adds up.

    Attributes
    ----------
    n_rows : int
    total : float
        Sum of the weights.
    mean, squares : ndarray of shape (n_features,)
        Weighted means, and weighted sums of squares about them.
    limits : ndarray of shape (2, n_features)
        Smallest and largest values.
    labels : ndarray
        Distinct ones; none where labels are numbers.
    where : str
    """

    n_rows: int
    total: float
    mean: np.ndarray
    squares: np.ndarray
    limits: np.ndarray
    labels: np.ndarray
    where: str

    @property
    def variance(self):
        """Of the columns."""
        return self.squares / self.total

    def __add__(self, other):
        if not other.n_rows or not self.n_rows:
            return self if self.n_rows else other
        if label_kind(self.labels) != label_kind(other.labels):
            raise ValueError(
                f"{other.where}: the labels are {label_kind(other.labels)}, those of {self.where} "
                f"are {label_kind(self.labels)}: label all parts alike"
            )
        total = self.total + other.total
        away = other.mean - self.mean
        low, high = zip(self.limits, other.limits, strict=True)
        return ColumnSums(
            self.n_rows + other.n_rows,
            total,
            self.mean + other.total / total * away,
            self.squares + other.squares + self.total * other.total / total * away**2,
            np.array([np.fmin(*low), np.fmax(*high)]),
            np.union1d(self.labels, other.labels),
            self.where,
        )


def column_sums(part, where, reading, own):
    """`ColumnSums` of a part; see `ask`."""
    X, y, weight = read_part(part, where, reading, own[0])
    labels = y[:0] if reading.numbers else np.unique(y)
    if not len(y):
        nothing = np.zeros(reading.n_features)
        return ColumnSums(0, 0.0, nothing, nothing, np.array([nothing, nothing]), labels, where)
    mean, variance = mean_and_variance(X, weight)
    total = weight.sum()
    return ColumnSums(len(y), total, mean, total * variance, limits_of(X), labels, where)


@dataclass(frozen=True, eq=False)
class Spreads:
    """Steps of the distribution of every column, from parts; adds up.

    Attributes
    ----------
    steps : list of ndarray of shape (n_steps, n_features)
    n_rows : list of int
    """

    steps: list
    n_rows: list

    def __add__(self, other):
        return Spreads(self.steps + other.steps, self.n_rows + other.n_rows)

    def middle_half(self):
        """Third quartile of every column less the first."""
        values = np.concatenate(self.steps)
        each = [n / len(part) for n, part in zip(self.n_rows, self.steps, strict=True)]
        rows = np.repeat(each, [len(part) for part in self.steps])
        order = np.argsort(values, axis=0)
        passed = np.cumsum(rows[order], axis=0)
        at = [np.argmax(passed > share * (rows.sum() - 1), axis=0) for share in (0.25, 0.75)]
        first, third = (
            np.take_along_axis(values, np.take_along_axis(order, k[None], 0), 0)[0] for k in at
        )
        return third - first


def spreads(part, where, reading, own):
    """`Spreads` of a part; see `ask`. Where sources are small, they are exact."""
    X, _, _ = read_part(part, where, reading, own[0])
    if not len(X):
        return Spreads([], [])
    X = X[distinct_rows(X)]
    values = np.sort(X[:: -(-len(X) // _MOST_SAMPLED)], axis=0)
    if len(values) > _STEPS:
        values = values[((np.arange(_STEPS) + 0.5) / _STEPS * len(values)).astype(int)]
    return Spreads([values], [len(X)])


@dataclass(frozen=True, eq=False)
class FarSums:
    """Rows of some parts that are far outside; adds up. A part's copies count as one."""

    n_far: int
    n_rows: int
    outside: np.ndarray
    n_distinct: int
    labels: np.ndarray

    def __add__(self, other):
        return FarSums(
            self.n_far + other.n_far,
            self.n_rows + other.n_rows,
            self.outside + other.outside,
            self.n_distinct + other.n_distinct,
            np.union1d(self.labels, other.labels),
        )

    def far_rows(self, numbers):
        """As `FarRows`."""
        n_labels = self.n_rows - self.n_far if numbers else len(self.labels)
        return FarRows(self.n_far, self.outside / self.n_distinct, n_labels)


def far_sums(part, where, shared, own):
    """`FarSums` of a part beyond ``own[1]``; see `ask`."""
    X, y, _ = read_part(part, where, shared, own[0])
    far = which_are_far(X, *own[1])
    distinct = X[distinct_rows(X)]
    labels = y[:0] if shared.numbers else np.unique(y[~far])
    outside = count_outside(distinct, *own[1])
    return FarSums(int(far.sum()), len(far), outside, len(distinct), labels)


def product_sums(part, where, reading, own):
    """`RegressionRecord` of a part; see `ask`."""
    return record_of_rows(*read_part(part, where, reading, own[0]))
