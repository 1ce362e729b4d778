"""Groups of target rows that the user names: they are held out together."""

from dataclasses import replace

import numpy as np


def with_groups(target, groups, n_rows, sample_weight):
    """The target, knowing which of its rows the user wants held out together.

    Parameters
    ----------
    target : Domain
        Without the rows of weight zero.
    groups : array-like of shape (n_rows,) or None
        Hashable labels.
    n_rows : int
        Rows that ``fit`` received.
    sample_weight : array-like of shape (n_rows,), number or None
    """
    if groups is None:
        return target
    numbers = check_groups(groups, n_rows)
    if sample_weight is not None:
        numbers = numbers[np.broadcast_to(np.asarray(sample_weight, dtype=float) > 0, n_rows)]
    return replace(target, named=numbers)


def check_groups(groups, n_rows):
    """Numbers in place of the user's labels of groups."""
    shape = np.shape(groups) if hasattr(groups, "shape") else None
    if isinstance(groups, (str, bytes)) or not hasattr(groups, "__len__"):
        raise ValueError(f"groups is {groups!r}: pass an array with the group of every row")
    if shape not in (None, (len(groups),)) or len(groups) != n_rows:
        raise ValueError(
            f"groups has shape {shape or (len(groups),)}, and the target has {n_rows} rows: pass "
            "the group of every row, in one dimension"
        )
    values = groups.tolist() if hasattr(groups, "tolist") else list(groups)
    numbers = {}
    for row, value in enumerate(values):
        try:
            numbers.setdefault(value, len(numbers))
        except TypeError:
            raise ValueError(
                f"groups holds {value!r} at row {row}, a {type(value).__name__}: pass numbers, "
                "strings or other hashable values, in one dimension"
            ) from None
        if _is_missing(value):
            raise ValueError(
                f"groups is missing at row {row} ({value!r}): name the group of every row; a row "
                "that belongs to no other gets a name of its own"
            )
    return np.array([numbers[value] for value in values], dtype=int)


def _is_missing(value):
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA says neither yes nor no.
        return True
