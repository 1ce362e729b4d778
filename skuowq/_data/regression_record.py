"""What a linear regression needs of a source: sums of squares and products."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from .record_checks import check_factor, check_units, fields_of_json

# Numbers of a block of rows whose products are summed.
_BLOCK_ENTRIES = 2**18
# A column that varies by less than this fraction of its mean is constant up to rounding.
_ROUNDING = 1e-12
# In JSON, holds the format.
_KEY = "skuowq_regression_record"


@dataclass(frozen=True, eq=False)
class RegressionRecord:
    """Sums over a source's rows; all that a linear regression needs of them.

    Made by :func:`skuowq.fisher.regression_record` where the rows live.
    :class:`~skuowq.UOWQRegressor` takes it in place of the rows. ``a + b`` is the record of the
    rows of both; ``c * a`` counts every row c times.

    Attributes
    ----------
    n_samples : float
        Rows, counted by their weights.
    mean : ndarray of shape (n_features + 1,)
        Weighted means of the columns and, last, of y.
    products : ndarray of shape (n_features + 1, n_features + 1)
        Weighted sums of squares and products of the columns and y, all less their means. About 0
        they would lose the digits of columns that lie far from 0.
    """

    n_samples: float
    mean: np.ndarray
    products: np.ndarray

    # An array times a record is not an array of records.
    __array_ufunc__ = None

    @property
    def n_features(self):
        """Columns of the rows that it stands for."""
        return len(self.mean) - 1

    @property
    def nbytes(self):
        """Size of the numbers, ``8 (n_features + 1) (n_features + 2) + 8``."""
        return self.mean.nbytes + self.products.nbytes + 8

    @property
    def variance(self):
        """Of the columns; 0 where nothing but rounding is left of it."""
        variance = self.products.diagonal()[:-1] / self.n_samples
        return np.where(variance > (_ROUNDING * self.mean[:-1]) ** 2, variance, 0.0)

    def __add__(self, other):
        if not isinstance(other, RegressionRecord):
            return NotImplemented
        if self.n_features != other.n_features:
            raise ValueError(
                f"the records have {self.n_features} and {other.n_features} features: records of "
                "one source have the same columns"
            )
        n_samples = self.n_samples + other.n_samples
        if not n_samples > 0:  # Two parts of a source in which no row counts.
            return self
        away = other.mean - self.mean
        between = self.n_samples * other.n_samples / n_samples * np.outer(away, away)
        return RegressionRecord(
            n_samples,
            self.mean + other.n_samples / n_samples * away,
            self.products + other.products + between,
        )

    def __radd__(self, other):
        return self if isinstance(other, Real) and other == 0 else NotImplemented  # As in sum.

    def __mul__(self, factor):
        if not isinstance(factor, Real):
            return NotImplemented
        check_factor(factor)
        factor = float(factor)
        return replace(self, n_samples=factor * self.n_samples, products=factor * self.products)

    __rmul__ = __mul__

    def in_units(
        self,
        scale: ArrayLike,
        origin: ArrayLike = 0.0,
        *,
        y_scale: float = 1.0,
        y_origin: float = 0.0,
    ) -> RegressionRecord:
        """Express the record in other units, ``(X - origin) / scale``.

        Parameters
        ----------
        scale : float or array-like of shape (n_features,)
            Such as ``scale_`` of the `StandardScaler` that the target goes through.
        origin : float or array-like of shape (n_features,), default=0.0
            Such as its ``mean_``.
        y_scale, y_origin : float, default=1.0 and 0.0
            The same for the responses, ``(y - y_origin) / y_scale``.

        Returns
        -------
        record : RegressionRecord
            The one that `regression_record` would make of such rows.
        """
        n = self.n_features
        scale, origin = check_units(n, scale, origin)
        y_scale, y_origin = check_units(0, y_scale, y_origin, ("y_scale", "y_origin"))
        units = np.append(np.broadcast_to(scale, n), y_scale)
        origins = np.append(np.broadcast_to(origin, n), y_origin)
        return replace(
            self,
            mean=(self.mean - origins) / units,
            products=self.products / units[:, None] / units,
        )

    def to_json(self) -> str:
        """Write the record as JSON, to the last digit.

        Returns
        -------
        text : str
            `from_json` reads it.
        """
        fields = {"mean": self.mean.tolist(), "products": self.products.tolist()}
        return json.dumps({_KEY: 1, "n_samples": self.n_samples, **fields})

    @classmethod
    def from_json(cls, text: str) -> RegressionRecord:
        """Read a record that `to_json` has written.

        Parameters
        ----------
        text : str

        Returns
        -------
        record : RegressionRecord

        Raises
        ------
        ValueError
            If the text is something else.
        """
        fields = fields_of_json(text, _KEY, cls.__name__)
        return cls(fields["n_samples"], np.array(fields["mean"]), np.array(fields["products"]))

    def __repr__(self):
        return (
            f"RegressionRecord({self.n_samples:,.6g} rows, {self.n_features} features, "
            f"{self.nbytes:,} bytes)"
        )


def record_of_rows(X, y, weight):
    """`RegressionRecord` of rows that are checked; they may be none.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_rows, n_features)
    y, weight : ndarray of shape (n_rows,)
    """
    n_columns = X.shape[1] + 1
    total = weight.sum()
    if not total > 0:
        return RegressionRecord(0.0, np.zeros(n_columns), np.zeros((n_columns, n_columns)))
    mean = np.append(weight @ X, weight @ y) / total
    products = np.zeros((n_columns, n_columns))
    step = max(1, _BLOCK_ENTRIES // n_columns)
    for start in range(0, X.shape[0], step):
        rows = slice(start, start + step)
        block = X[rows].toarray() if sparse.issparse(X) else X[rows]
        Z = np.column_stack([block, y[rows]]) - mean
        products += Z.T @ (Z * weight[rows, None])
    return RegressionRecord(float(total), mean, products)


def check_record(record, label):
    """Refuse a record that somebody else than us has made, and not well.

    Parameters
    ----------
    record : RegressionRecord
    label : str
        What messages call it.
    """
    shapes = np.shape(record.mean), np.shape(record.products)
    if len(shapes[0]) != 1 or shapes[1] != 2 * shapes[0]:
        raise ValueError(
            f"{label} is a record whose mean and products have shapes {shapes[0]} and {shapes[1]}: "
            "make it with fisher.regression_record"
        )
    numbers = [record.n_samples, *record.mean, *np.ravel(record.products)]
    if not np.isfinite(numbers).all() or not record.n_samples > 0:
        raise ValueError(
            f"{label} is a record of {record.n_samples!r} rows with numbers that are not finite, "
            "or without rows: make it with fisher.regression_record"
        )
