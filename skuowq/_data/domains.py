"""Rows of a domain, and checks of a source's rows against the target's.

Data frames stay data frames where the user's estimator may want their columns; everything else
becomes a float array or CSR matrix.
"""

from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, column_or_1d

from skuowq._utils._sklearn import _safe_indexing

from .dataset_rows import DatasetRows, stack
from .held_together import held_together
from .sources import source_label


@dataclass(frozen=True)
class Domain:
    """Rows of one domain.

    Attributes
    ----------
    X : {ndarray, CSR matrix, DataFrame} of shape (n_rows, ...) or DatasetRows
    y : ndarray of shape (n_rows,)
        Indices into the classes, or numbers.
    sample_weight : ndarray of shape (n_rows,)
    label : str
        What messages call the domain.
    named : ndarray of int of shape (n_rows,) or None
        Numbers of the groups that the user has named.
    """

    X: object
    y: np.ndarray
    sample_weight: np.ndarray
    label: str = "the target"
    named: np.ndarray | None = None

    @cached_property
    def groups(self):
        """Rows with one number are held out together: copies, and those named together."""
        return held_together(self.X, self.named)

    @property
    def n_samples(self):
        """Rows, counted by their weights."""
        return float(self.sample_weight.sum())


def take_rows(domain, rows):
    """Some rows of a domain."""
    X, weight = _safe_indexing(domain.X, rows), domain.sample_weight[rows]
    named = None if domain.named is None else domain.named[rows]
    return replace(domain, X=X, y=domain.y[rows], sample_weight=weight, named=named)


def concatenate_rows(parts):
    """Stack arrays, CSR matrices or data frames; categories of a frame are united, not lost."""
    if isinstance(parts[0], DatasetRows):
        return stack(parts)
    if sparse.issparse(parts[0]):
        return sparse.vstack(parts, format="csr")
    if hasattr(parts[0], "vstack"):  # polars
        return reduce(lambda above, below: above.vstack(below), parts)
    if not is_frame(parts[0]):
        return np.concatenate(parts)
    import pandas as pd

    parts = [part.reset_index(drop=True) for part in parts]
    for column in parts[0].columns[[isinstance(t, pd.CategoricalDtype) for t in parts[0].dtypes]]:
        values = [part[column].astype("category") for part in parts]
        united = pd.api.types.union_categoricals(values, ignore_order=True).categories
        dtype = pd.CategoricalDtype(united, ordered=bool(parts[0][column].cat.ordered))
        parts = [
            part.assign(**{column: value.astype(dtype)})
            for part, value in zip(parts, values, strict=True)
        ]
    return pd.concat(parts, ignore_index=True)


def pooled_rows(X, y, sources):
    """Rows and labels of all domains, less those of weight zero."""
    X = np.asarray(X) if isinstance(X, (list, tuple)) or is_series(X) else X
    parts, labels = [X], [column_or_1d(y)]
    columns = column_names(X)
    given = [] if sources is None else zip(sources._triples, sources.names, strict=True)
    for (X_i, y_i, weight), name in given:
        X_i = np.asarray(X_i) if is_series(X_i) else X_i
        if len(X_i.shape) != len(X.shape):
            raise ValueError(
                f"{source_label(name)} has {len(X_i.shape)} axes, the target has "
                f"{len(X.shape)}: pass both as columns, or both as a list of texts."
            )
        if len(X.shape) > 1:  # Texts have no columns.
            check_columns(X_i, X.shape[1], columns, source_label(name))
        if (is_frame(X), sparse.issparse(X)) != (is_frame(X_i), sparse.issparse(X_i)):
            raise ValueError(
                f"{source_label(name)} is a {type(X_i).__name__}, the target is a "
                f"{type(X).__name__}: pass both in one form."
            )
        y_i = np.asarray(y_i)
        if weight is not None:
            X_i, y_i, _ = drop_zero_weight(X_i, y_i, weight)
        parts.append(X_i)
        labels.append(y_i)
    return concatenate_rows(parts), np.concatenate(labels)


def is_frame(X):
    return hasattr(X, "iloc") and hasattr(X, "columns")


def column_names(X):
    """Names of a data frame's columns, of pandas or another library; None where it has none."""
    if is_frame(X):
        return list(X.columns)
    # polars and narwhals have a list of strings there, pyarrow has its own attribute.
    names = getattr(X, "column_names", getattr(X, "columns", None))
    return list(names) if isinstance(names, (list, tuple)) else None


def is_series(X):
    """One column of a data frame, such as of texts."""
    return hasattr(X, "iloc") and not hasattr(X, "columns")


def number_columns(X):
    """Columns of a frame that hold real numbers."""
    # To pandas timedeltas and complex numbers are numbers.
    return X.select_dtypes(include="number", exclude=["timedelta", "complexfloating"])


def check_columns(X_i, n_features, columns, label):
    """The source's columns are the target's, by name where both have names, and by number."""
    check_names(X_i, columns, label)
    shape = getattr(X_i, "shape", ())
    if len(shape) >= 2 and shape[1] != n_features:
        raise ValueError(
            f"{label} has {shape[1]} features, the target has {n_features}: pass the same columns "
            "in the same order."
        )


def check_names(X_i, columns, label):
    """The source's columns have the target's names, where both have names."""
    own = column_names(X_i)
    if columns is None or own is None or own == columns:
        return
    extra = [name for name in own if name not in columns]
    lost = [name for name in columns if name not in set(own)]
    what = (
        f"unknown columns {extra}, missing columns {lost}"
        if extra or lost
        else "the same columns in another order"
    )
    raise ValueError(f"{label} has {what}: pass the target's columns in the target's order.")


def check_frame(X, allow_nan, label):
    numbers = number_columns(X)
    values = numbers.to_numpy(dtype=float, na_value=np.nan)
    infinite = np.isinf(values).any(axis=0)
    if infinite.any():
        column = numbers.columns[infinite][0]
        raise ValueError(f"{label}: column {column!r} contains infinity: values must be finite.")
    missing = X.isna().to_numpy().any(axis=0)
    if missing.any() and not allow_nan:
        raise ValueError(
            f"{label}: column {X.columns[missing][0]!r} contains NaN, which the estimator does not "
            "take: impute it, in a pipeline around or inside, or use an estimator that does."
        )


def check_source_frame(X_i, X, allow_nan, label):
    if not is_frame(X_i):
        raise ValueError(
            f"{label} is a {type(X_i).__name__}, the target is a data frame: pass both as data "
            "frames with the same columns."
        )
    check_frame(X_i, allow_nan, label)
    _check_column_kinds(X_i, X, label)


def check_source_rows(X_i, X, label):
    """Rows of data sets go with rows of data sets; their shapes are seen when they are read."""
    if isinstance(X_i, DatasetRows) != isinstance(X, DatasetRows):
        kinds = [
            "a data set" if isinstance(rows, DatasetRows) else f"a {type(rows).__name__}"
            for rows in (X_i, X)
        ]
        raise TypeError(
            f"{label} is {kinds[0]}, the target is {kinds[1]}: pass data sets for all domains, or "
            "arrays for all (torch.utils.data.TensorDataset makes a data set of tensors, and "
            "skuowq.networks.extract_features an array of features)"
        )


def check_source_array(X_i, X, check, label):
    if _is_like(X_i, X):
        return X_i
    try:
        X_i = check_array(X_i, input_name="X", **check)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{label}: {error}") from error
    if X_i.shape[1:] != X.shape[1:]:
        raise ValueError(
            f"{label} has rows of shape {X_i.shape[1:]}, the target's have {X.shape[1:]}: bring "
            "them to one shape."
        )
    if sparse.issparse(X) != sparse.issparse(X_i):
        X_i = sparse.csr_matrix(X_i) if sparse.issparse(X) else X_i.toarray()
    return X_i


def _is_like(X_i, X):
    """Whether an array is in order as it is, which is seen a hundred times as fast as checked."""
    return (
        type(X_i) is type(X) is np.ndarray
        and X_i.dtype == X.dtype == np.float64
        and X_i.ndim == X.ndim == 2
        and X_i.shape[1] == X.shape[1]
        and len(X_i) > 0
        and bool(np.isfinite(X_i).all())
    )


def _check_column_kinds(X_i, X, label):
    for column in X.columns:
        kind, target_kind = _column_kind(X_i[column]), _column_kind(X[column])
        if kind != target_kind:
            raise ValueError(
                f"{label}: column {column!r} holds {kind}, the target's holds {target_kind}: "
                "convert one of them."
            )


def _column_kind(column):
    dtype = getattr(column.dtype, "categories", column).dtype  # Of a categorical, its values'.
    if getattr(dtype, "kind", "O") in "iufb":
        return "numbers"
    return {"M": "dates", "m": "durations"}.get(getattr(dtype, "kind", "O"), "text")


def drop_zero_weight(X, y, weight):
    kept = np.flatnonzero(weight > 0)
    if len(kept) == len(weight):
        return X, y, weight
    return _safe_indexing(X, kept), y[kept], weight[kept]
