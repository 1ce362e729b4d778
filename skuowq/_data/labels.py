"""Labels of rows, of any kind that a column holds: domains, tasks and classes.

Labels are told apart once, as numbers of the distinct ones; below that only the numbers are
compared. A label that comes from elsewhere is found by one function, after it was brought to the
dtype of the labels: equality between two dtypes is not what their hashes or sorted orders say.
"""

import datetime
from numbers import Real

import numpy as np

_TIMES = (datetime.date, datetime.timedelta, np.datetime64, np.timedelta64)


def as_column(labels):
    """Labels as an array: of numpy's dtype where it holds them unchanged, of objects otherwise."""
    if isinstance(labels, (list, tuple)):
        return _narrow(list(labels))
    dtype = getattr(labels, "dtype", None)
    if dtype is not None and not isinstance(dtype, np.dtype) and hasattr(labels, "astype"):
        labels = labels.astype(object)  # pandas' own dtypes; as arrays they lose time zones.
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "OTV":
        return labels
    narrow = _narrow(labels.tolist())
    floats = _numpy_dtype(dtype)
    return narrow.astype(floats) if narrow.dtype.kind == "f" and floats.kind == "f" else narrow


def distinct_labels(labels, argument):
    """The distinct labels of a column, and the number of each row's.

    Parameters
    ----------
    labels : array-like of shape (n_rows,)
    argument : str
        What messages call them.

    Returns
    -------
    distinct : ndarray of shape (n_labels,)
        Sorted; labels that have no order among them by type and name.
    codes : ndarray of int of shape (n_rows,)
        -1 where a label is missing.

    Raises
    ------
    TypeError
        For labels that cannot be told apart by a hash, such as lists.
    """
    labels = as_column(labels)
    if labels.dtype.kind != "O":
        missing = labels != labels  # NaN and NaT.
        distinct, codes = np.unique(labels[~missing], return_inverse=True)
        numbers = np.full(labels.shape, -1)
        numbers[~missing] = codes
        return distinct, numbers
    present = {}
    for label in labels:
        try:
            present.setdefault(label, label)
        except TypeError as error:
            raise TypeError(
                f"{argument} holds {label!r}, a {type(label).__name__}, by which rows cannot be "
                "told apart: use strings, numbers, dates or tuples of these."
            ) from error
    ordered = _in_order([label for label in present if not _is_missing(label)])
    number = {label: k for k, label in enumerate(ordered)}
    codes = np.array([number.get(label, -1) for label in labels], dtype=int)
    return _objects(ordered), codes


def check_type(labels, argument):
    """Of labels that are neither numbers nor times scikit-learn takes strings."""
    if labels.dtype.kind not in "SO" or all(isinstance(label, str) for label in labels):
        return
    kinds = sorted({type(label).__name__ for label in labels})
    raise ValueError(
        f"Unknown label type: {argument} holds labels of type {', '.join(kinds)}: convert them to "
        "strings, or to integers, and leave out rows without a label."
    )


def find_labels(wanted, distinct):
    """The number that each of some labels has among the distinct ones, -1 where it has none."""
    number = {label: k for k, label in enumerate(distinct)}
    return np.array([_find(label, number, distinct.dtype) for label in wanted], dtype=int)


def plain_labels(distinct):
    """Labels as keys and for messages: Python's own, but for times, whose unit would be lost."""
    return list(distinct) if distinct.dtype.kind in "Mm" else distinct.tolist()


def label_names(distinct):
    """A name for each label, different for different labels."""
    if distinct.dtype.kind == "M":
        return [str(np.datetime_as_string(label, unit="auto")) for label in distinct]
    names = [str(label) for label in distinct]
    return names if len(set(names)) == len(names) else [repr(label) for label in distinct]


def label_kind(labels):
    """What labels are, in a word: those of different kinds are never equal."""
    kinds = {"U": "text", "S": "text", "O": "text", "T": "text", "M": "dates", "m": "durations"}
    return kinds.get(labels.dtype.kind, "numbers")


def _numpy_dtype(dtype):
    """The values' dtype, of pandas' categories and of its numbers that may be missing as well."""
    values = dtype.categories.dtype if hasattr(dtype, "categories") else dtype
    values = getattr(values, "numpy_dtype", values)
    return values if isinstance(values, np.dtype) else np.dtype(object)


def _narrow(labels):
    """Python's objects as an array of a dtype that leaves them as they are."""
    if labels and all(_is_time(label, type(labels[0])) for label in labels):
        return np.array([_as_time(label) for label in labels])
    try:
        # numpy makes strings of numbers among strings, columns of tuples, and rounds integers.
        narrow = np.asarray(labels)
        if narrow.ndim == 1 and narrow.dtype.kind in "biufcUS" and narrow.tolist() == labels:
            return narrow
    except ValueError:
        pass
    return _objects(labels)


def _is_time(label, kind):
    """Whether a label is a time of one kind without a zone, numpy's or pandas'."""
    numpys = isinstance(label, (np.datetime64, np.timedelta64)) or hasattr(label, "to_numpy")
    return numpys and type(label) is kind and getattr(label, "tzinfo", None) is None


def _as_time(label):
    return label.to_numpy() if hasattr(label, "to_numpy") else label


def _objects(labels):
    return np.fromiter(labels, dtype=object, count=len(labels))


def _is_missing(label):
    if isinstance(label, tuple):
        return any(map(_is_missing, label))
    differs = label != label  # NaN and NaT do from themselves; of pandas' NA nobody knows.
    return label is None or not isinstance(differs, (bool, np.bool_)) or bool(differs)


def _in_order(labels):
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=lambda label: (type(label).__name__, str(label)))


def _find(label, number, dtype):
    try:
        return number.get(_in_units_of(label, dtype), -1)
    except TypeError:  # Without a hash it is no label.
        return -1


def _in_units_of(label, dtype):
    """A number or a time as a dtype has it."""
    if dtype.kind == "f" and isinstance(label, Real):
        return dtype.type(label)  # 0.1 is not float32's 0.1.
    if dtype.kind in "Mm" and isinstance(label, _TIMES) and getattr(label, "tzinfo", None) is None:
        time = np.asarray(_as_time(label))
        time = time.astype(dtype.kind) if time.dtype.kind == "O" else time
        if time.dtype.kind == dtype.kind and time.astype(dtype) == time:
            return time.astype(dtype)[()]
    return label
