"""Checks of arguments. The functions of `skuowq.fisher.checked` do without them."""

from numbers import Integral

import numpy as np

from skuowq._data.labels import as_column


def check_n_classes(n_classes):
    """Refuse anything but an integer of at least 2."""
    if not isinstance(n_classes, Integral) or n_classes < 2:
        raise ValueError(f"n_classes is {n_classes!r}: pass the number of classes, 2 or more")


def class_indices(y, n_classes, n_rows):
    """`y` as integers of type ``intp``, in which index arithmetic cannot overflow."""
    y = as_column(y)
    if y.shape != (n_rows,):
        raise ValueError(f"y has shape {y.shape}, and X has {n_rows} rows: pass one class a row")
    remedy = (
        f"pass class indices, the integers 0 to {n_classes - 1}, such as "
        "np.unique(y, return_inverse=True)[1]"
    )
    if y.dtype.kind not in "iub":
        raise ValueError(f"y holds {y.dtype.name}: {remedy}")
    outside = (y < 0) | (y >= n_classes)
    if outside.any():
        raise ValueError(f"y holds {y[outside][0]}, and there are {n_classes} classes: {remedy}")
    return y.astype(np.intp, copy=False)


def row_weights(sample_weight, n_rows):
    """`sample_weight` as floats, finite and at least 0. None is 1 for each row."""
    if sample_weight is None:
        return np.ones(n_rows)
    weight = np.asarray(sample_weight, dtype=float)
    if weight.shape != (n_rows,):
        raise ValueError(
            f"sample_weight has shape {weight.shape}, and X has {n_rows} rows: pass one a row"
        )
    if not np.all(np.isfinite(weight) & (weight >= 0)):
        raise ValueError("sample_weight has entries that are below 0 or not finite: drop such rows")
    return weight


def some_row_weights(sample_weight, n_rows):
    """As `row_weights`, with at least one above 0, so that there is a mean over the rows."""
    weight = row_weights(sample_weight, n_rows)
    if not weight.any():
        raise ValueError("sample_weight is 0 for all rows: pass at least one above 0")
    return weight


def check_parameters(theta, X):
    """Refuse parameters whose shape does not fit the columns of X."""
    theta = np.asarray(theta, dtype=float)
    if theta.ndim != 2 or theta.shape[0] != X.shape[1] or theta.shape[1] < 1:
        raise ValueError(
            f"theta has shape {theta.shape}, and X has {X.shape[1]} columns: pass an array of "
            f"shape ({X.shape[1]}, n_classes - 1)"
        )
    return theta
