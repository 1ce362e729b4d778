"""Which rows are held out together, and how many independent ones they are worth.

Who is judged by a row must not have learned from a copy of it. So copies of a row, as oversampling
and the bootstrap make them, are held out all at once, as are rows that the user says belong
together: the visits of one patient.

Copies are rows of equal features, whatever their labels. Where features take few values rows are
equal by chance; to hold out those of one label alone would leave the others behind, and the fits
without them would be wrong about that very case.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from .dataset_rows import DatasetRows

# Numbers hashed at a time, so that memory does not grow with the rows.
_BLOCK = 2**20


def held_together(X, named=None):
    """Number every row by its group: copies, rows of one name, and what these two join.

    Parameters
    ----------
    X : {ndarray, sparse matrix, DataFrame} of shape (n_rows, ...)
    named : ndarray of int of shape (n_rows,), default=None
        Of rows with one number the user says that they belong together.

    Returns
    -------
    groups : ndarray of int of shape (n_rows,)
        Numbered by their first rows, sorted by value: folds do not depend on the order of rows, nor
        on the units of columns.
    """
    keys = row_keys(X)
    groups = np.unique(keys, return_inverse=True)[1]
    if named is not None:
        n_rows, n_copies = len(groups), groups.max() + 1
        links = (np.ones(n_rows), (groups, n_copies + named))
        n_nodes = n_copies + named.max() + 1
        graph = sparse.csr_matrix(links, shape=(n_nodes, n_nodes))
        groups = connected_components(graph, directed=False)[1][groups]
    place = np.argsort(_by_value(X, keys))
    first = np.full(groups.max() + 1, len(groups))
    np.minimum.at(first, groups, place)
    _, groups = np.unique(first[groups], return_inverse=True)
    return groups


def _by_value(X, keys):
    """Rows in the order of their first columns' values; of equal ones, and of data sets, by key."""
    if isinstance(X, DatasetRows):
        return np.argsort(keys)
    n_columns = max(1, _BLOCK // len(keys))
    if hasattr(X, "iloc"):
        X = _frame_codes(X.iloc[:, :n_columns])
    columns = X[:, :n_columns]
    columns = columns.toarray() if sparse.issparse(columns) else columns.reshape(len(keys), -1)
    return np.lexsort((keys, *columns.T[:n_columns][::-1]))


def row_keys(X):
    """A number for every row, the same for rows of equal values.

    It depends on the values alone: not on their dtype, on the sign of a zero, on whether zeros are
    stored, or on other rows. That two different rows share one by chance is next to impossible.
    Rows of a data set are not read: equal ones have the same number there.

    Parameters
    ----------
    X : {ndarray, sparse matrix, DataFrame} of shape (n_rows, ...) or DatasetRows

    Returns
    -------
    keys : ndarray of integers of shape (n_rows,)
    """
    if isinstance(X, DatasetRows):
        return X.keys
    if hasattr(X, "iloc"):
        X = _frame_codes(X)
    if sparse.issparse(X):
        X = sparse.csr_matrix(X, copy=True)
        X.sum_duplicates()
        keys = np.zeros(X.shape[0], dtype=np.uint64)
        rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
        np.add.at(keys, rows, _hashed(X.data, X.indices))
    else:
        X = np.asarray(X)
        X = X.reshape(len(X), -1)
        step = max(1, _BLOCK // max(X.shape[1], 1))
        columns = np.arange(X.shape[1])
        keys = np.empty(len(X), dtype=np.uint64)
        for start in range(0, len(X), step):
            part = slice(start, start + step)
            keys[part] = _hashed(X[part], columns).sum(axis=1, dtype=np.uint64)
    return keys


def _frame_codes(X):
    """Numbers that are the same where the values of a column are."""
    import pandas as pd

    def is_real(dtype):
        return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype)

    return np.column_stack(
        [
            X.iloc[:, k].to_numpy(dtype=float, na_value=np.nan)
            if is_real(X.dtypes.iloc[k])
            else pd.util.hash_array(X.iloc[:, k].astype(str).to_numpy(dtype=object))
            for k in range(X.shape[1])
        ]
    )


def _hashed(values, columns):
    """Numbers of 64 bits, mixed well, from values and the numbers of their columns; 0 of 0."""
    values = np.asarray(values, dtype=np.float64)
    bits = np.where(np.isnan(values), np.nan, values).view(np.uint64)
    mixed = _mix(bits + _mix(np.asarray(columns, dtype=np.uint64)))
    return np.where(values == 0, np.uint64(0), mixed)


def _mix(bits):
    """The finaliser of splitmix64 (Steele et al., 2014)."""
    with np.errstate(over="ignore"):
        bits = (bits + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def groups_with_label(y, groups):
    """How many groups have rows of each label."""
    return np.bincount(np.unique(np.column_stack([groups, y]), axis=0)[:, 1])


def label_of_groups(y, groups):
    """Every group's label; of several the one that the fewest groups have.

    So groups dealt by label spread the rare classes.

    Parameters
    ----------
    y : ndarray of int of shape (n_rows,)
        Class indices.
    groups : ndarray of int of shape (n_rows,)
        Numbers from 0 without gaps.

    Returns
    -------
    labels : ndarray of int of shape (n_groups,)
    """
    pairs = np.unique(np.column_stack([groups, y]), axis=0)
    rarest_first = pairs[np.argsort(np.bincount(pairs[:, 1])[pairs[:, 1]], kind="stable")]
    _, first = np.unique(rarest_first[:, 0], return_index=True)
    return rarest_first[first, 1]


def independent_share(residuals, weight, groups):
    """Independent rows that some rows are worth, as a share of the sum of their weights.

    Errors of ten copies of a row are one error ten times over; errors of rows that are equal by
    chance, or of a patient's visits, may differ as those of any rows do. So the errors tell: by the
    design effect ``sum_g |sum_j w_j r_j|^2 / sum_j w_j |r_j|^2`` of the groups g of rows j, as
    cluster-robust variances have it (Liang and Zeger, 1986). A row of weight ten counts as ten
    copies.

    Parameters
    ----------
    residuals : ndarray of shape (n_rows, n_outputs)
        Errors of predictions: of numbers, or of probabilities.
    weight : ndarray of shape (n_rows,)
    groups : ndarray of int of shape (n_rows,)

    Returns
    -------
    share : float
        At most 1, and 1 where all groups are of one row of weight 1 or less.
    """
    weighted = weight[:, None] * residuals
    sums = [np.bincount(groups, column) for column in weighted.T]
    alone, together = np.sum(weighted * residuals), np.sum(np.square(sums))
    return float(alone / together) if together > alone else 1.0
