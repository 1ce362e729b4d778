"""The sums that a source computes where its rows are, for a linear regression elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_consistent_length

from skuowq._data.held_together import row_keys
from skuowq._data.regression_record import RegressionRecord, record_of_rows
from skuowq._data.task_labels import check_numbers
from skuowq._data.types import Matrix
from skuowq._utils._checks import as_numbers

from ._arguments import some_row_weights

_MOST_FEATURES = 5000
# Of two rows the mean and the products tell both.
_FEWEST_ROWS = 3
# The first rows nearly always show that there are so many.
_LOOKED_AT = 1000


def regression_record(
    X: Matrix, y: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> RegressionRecord:
    """Compute the sums of a source that a linear regression needs in place of its rows.

    Run it where the rows are, and send the result: :class:`~skuowq.UOWQRegressor` around a Ridge
    or a LinearRegression takes records in place of rows. The fit is the one from the rows, up to
    rounding. A record holds no rows, only sums over them. With few rows these sums still reveal
    much about single rows.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows of the source, in the same columns and units as the target.
    y : array-like of shape (n_samples,)
        Responses.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows. None gives each row weight 1.

    Returns
    -------
    record : RegressionRecord
        It needs ``8 (n_features + 1) (n_features + 2) + 8`` bytes for any number of rows.

    Raises
    ------
    ValueError
        If the data do not fit together, hold values that are no finite numbers, or have fewer than
        three different rows: of one or two rows the record tells every value.

    Notes
    -----
    The range of the columns is not in a record, for it would be values of single rows. So a source
    far outside the target's range is recognised by its root mean squares, and left out as a whole;
    of rows, those far outside can be left out alone. Squares and products cannot tell residuals
    that are a hundred-millionth of y.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skuowq.fisher import regression_record
    >>> regression_record(*load_diabetes(return_X_y=True))
    RegressionRecord(442 rows, 10 features, 1,064 bytes)
    """
    X = check_array(X, accept_sparse="csr", dtype=np.float64, input_name="X")
    y = check_numbers(y, "the rows")
    check_consistent_length(X, y)
    if X.shape[1] > _MOST_FEATURES:
        raise ValueError(
            f"X has {X.shape[1]:,} columns, and a record holds their number squared, of at most "
            f"{_MOST_FEATURES:,}: reduce the features"
        )
    given = None if sample_weight is None else as_numbers("sample_weight", sample_weight)
    weight = some_row_weights(given, len(y))
    n_rows = _different_rows(X, y, np.flatnonzero(weight))
    if n_rows < _FEWEST_ROWS:
        raise ValueError(
            f"X and y have {n_rows} different row{'s' * (n_rows > 1)} of weight above 0, and of "
            f"fewer than {_FEWEST_ROWS} a record tells every value: put them together with other "
            "rows before, or send them as they are"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        record = record_of_rows(X, y, weight)
    if not np.isfinite(record.products).all():
        raise ValueError(
            "X or y holds values whose squares are too large for a float: bring them to other units"
        )
    return record


def _different_rows(X, y, rows):
    """How many rows are no copies of one another; where there are enough, of the first alone."""
    for looked_at in (rows[:_LOOKED_AT], rows):
        keys = row_keys(X[looked_at]), row_keys(y[looked_at, None])
        found = len(np.unique(np.column_stack(keys), axis=0))
        if found >= _FEWEST_ROWS:
            break
    return found
