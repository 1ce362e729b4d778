"""The door of the estimators: target and sources, checked once, with labels as class indices.

Data frames stay data frames where the user's estimator may want their columns; everything else
becomes a float array or CSR matrix. Rows of weight zero are dropped here, so nothing below sees
them.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples, check_consistent_length, validate_data

from skuowq._utils._sklearn import _check_sample_weight, _safe_indexing
from skuowq._utils._warn import warn

from .held_together import held_together
from .labels import check_type, distinct_labels, find_labels, label_kind, plain_labels
from .sources import source_label


@dataclass(frozen=True)
class Domain:
    """Rows of one domain.

    Attributes
    ----------
    X : {ndarray, CSR matrix, DataFrame} of shape (n_rows, ...)
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


@dataclass(frozen=True)
class TargetRows:
    """The target as ``fit`` received it, after scikit-learn's own checks.

    Attributes
    ----------
    X, y : rows and labels
    n_given : int
        Rows that ``fit`` received.
    columns : list or None
        Names of the columns of a data frame.
    frames : bool
        Whether X is still a data frame, and the sources' are to stay so.
    checks : dict
        What the base estimator takes, as arguments of `check_array`.
    learnt : dict
        ``n_features_in_`` and, where there are names, ``feature_names_in_``.
    """

    X: object
    y: object
    n_given: int
    columns: list | None
    frames: bool
    checks: dict
    learnt: dict


def take_rows(domain, rows):
    """Some rows of a domain."""
    X, weight = _safe_indexing(domain.X, rows), domain.sample_weight[rows]
    named = None if domain.named is None else domain.named[rows]
    return replace(domain, X=X, y=domain.y[rows], sample_weight=weight, named=named)


def check_domains(estimator, X, y, sample_weight, sources, *, keep_frames, check, classes):
    """Validate everything that ``fit`` receives.

    Parameters
    ----------
    estimator : estimator
        Receives ``n_features_in_`` and ``feature_names_in_``.
    X, y, sample_weight : target rows
    sources : Sources or None
    keep_frames : bool
        Leave X, a data frame, and the sources', as they are.
    check : dict
        What the base estimator takes, as arguments of `check_array`.
    classes : {"union", "target"}
        Whether classes that only sources have are kept.

    Returns
    -------
    target : Domain
    sources : list of Domain
    classes_ : ndarray of shape (n_classes,)
    """
    raw, labels = _check_rows(
        estimator, X, y, sample_weight, sources, keep_frames, check, check_labels
    )
    return common_labels(raw, labels, sources, classes)


def common_labels(raw, labels, sources, classes):
    """Domains whose labels index classes that all share, and these classes."""
    classes_ = _common_classes([y for _, y, _ in raw], labels, classes)
    if sources is not None and len(classes_) < 2:
        raise ValueError(
            f"The target has the single class {plain_labels(classes_)[0]!r}, and classes='target' "
            "leaves the sources' others out: pass classes='union'."
        )
    domains = []
    for (X_i, y_i, weight_i), label in zip(raw, ["the target", *labels], strict=True):
        kept = np.isin(y_i, classes_)
        if not kept.all():
            rows = np.flatnonzero(kept)
            X_i, y_i, weight_i = _safe_indexing(X_i, rows), y_i[rows], weight_i[rows]
        if label != "the target" and len(np.unique(y_i)) < 2:
            raise ValueError(_one_class_message(label, y_i, classes))
        domains.append(Domain(X_i, np.searchsorted(classes_, y_i), weight_i, label))
    return domains[0], domains[1:], classes_


def check_separate_domains(estimator, X, y, sample_weight, sources, *, check):
    """As `check_domains`, for sources whose labels are their own.

    Returns
    -------
    target : Domain
    sources : list of Domain
    classes : list of ndarray
        Of the target and of every source; `y` of a domain holds indices into its own.
    """
    raw, labels = _check_rows(estimator, X, y, sample_weight, sources, False, check, check_labels)
    return separate_labels(raw, labels, sources)


def separate_labels(raw, labels, sources):
    """Domains whose labels index classes of their own, and the classes of each."""
    domains, classes = [], []
    for (X_i, y_i, weight_i), label in zip(raw, ["the target", *labels], strict=True):
        own, indices = np.unique(y_i, return_inverse=True)
        if len(own) < 2 and (label != "the target" or sources is not None):
            raise ValueError(_one_class_message(label, y_i, "union"))
        domains.append(Domain(X_i, indices, weight_i, label))
        classes.append(own)
    return domains[0], domains[1:], classes


def _check_rows(estimator, X, y, sample_weight, sources, keep_frames, check, check_y):
    """`check_parts` of a target that is not yet checked."""
    rows = read_target(estimator, X, y, frames=keep_frames, checks=check)
    return check_parts(rows, sample_weight, sources, check_y)


def read_target(estimator, X, y, *, frames, checks):
    """X and y as scikit-learn checks them.

    Parameters
    ----------
    estimator : estimator
        A copy of the one that is fitted: it learns the columns, and a fit that fails leaves the
        last one whole.
    X, y : as ``fit`` received them
    frames : bool
        Leave X, a data frame, as it is.
    checks : dict
        What the base estimator takes, as arguments of `check_array`.

    Returns
    -------
    rows : TargetRows
    """
    columns, n_given = (list(X.columns) if is_frame(X) else None), _num_samples(X)
    if frames:
        validate_data(estimator, X, skip_check_array=True)
        if y is None:
            raise ValueError("y is None, but the target's labels are required.")
        check_consistent_length(X, y)
        _check_frame(X, checks["ensure_all_finite"] == "allow-nan", "the target")
    else:
        X, y = validate_data(estimator, X, y, multi_output=True, **checks)
    names = ("n_features_in_", "feature_names_in_")
    learnt = {name: getattr(estimator, name) for name in names if hasattr(estimator, name)}
    return TargetRows(X, y, n_given, columns, frames, checks, learnt)


def check_parts(rows, sample_weight, sources, check_y):
    """Rows, labels and weights of the target and every source, and what messages call these."""
    X, y, columns, check = rows.X, rows.y, rows.columns, rows.checks
    allow_nan = check["ensure_all_finite"] == "allow-nan"
    y = check_y(y, "the target")
    # The dtype is the weights'; integer X must not round them.
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not np.any(weight > 0):  # scikit-learn 1.7 lets it pass.
        raise ValueError("Sample weights must contain at least one non-zero number.")
    raw = [_drop_zero_weight(X, y, weight)]
    labels = []
    for (X_i, y_i, weight_i), name in zip(*_triples(sources), strict=True):
        label = source_label(name)
        labels.append(label)
        check_columns(X_i, X.shape[1], columns, label)
        if rows.frames:
            _check_source_frame(X_i, X, allow_nan, label)
        else:
            X_i = _check_source_array(X_i, X, check, label)
        y_i = check_y(y_i, label)
        weight_i = np.ones(len(y_i)) if weight_i is None else weight_i
        raw.append(_drop_zero_weight(X_i, y_i, weight_i))
    _check_target_classes(raw[0][1], sources)
    return raw, labels


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


def check_unlabeled(X_unlabeled, X, n_rows, sources, *, keep_frames, check):
    """Rows of the target without labels: those of ``fit``, else those that the sources carry.

    Parameters
    ----------
    X_unlabeled : rows given to ``fit``, or None
    X : rows of the target, checked
    n_rows : int
        Rows of the target that ``fit`` received.
    sources : Sources or None
    keep_frames, check
        As in `check_domains`.
    """
    if X_unlabeled is None:
        X_unlabeled = None if sources is None else sources.X_unlabeled
    elif _num_samples(X_unlabeled) == n_rows:
        raise ValueError(
            f"X_unlabeled has {n_rows} rows, as many as the target: cross-validation in "
            "scikit-learn cuts such fit parameters along with the rows, so it may have been cut. "
            "Carry it in the sources: skuowq.Sources(sources, X_unlabeled=X_unlabeled)."
        )
    if X_unlabeled is None:
        return None
    check_columns(X_unlabeled, X.shape[1], list(X.columns) if is_frame(X) else None, "X_unlabeled")
    if keep_frames:
        _check_source_frame(
            X_unlabeled, X, check["ensure_all_finite"] == "allow-nan", "X_unlabeled"
        )
        return X_unlabeled
    return _check_source_array(X_unlabeled, X, check, "X_unlabeled")


def pooled_rows(X, y, sources):
    """Rows and labels of all domains, less those of weight zero."""
    X = np.asarray(X) if isinstance(X, (list, tuple)) else X
    parts, labels = [X], [np.asarray(y)]
    columns = list(X.columns) if is_frame(X) else None
    for (X_i, y_i, weight), name in zip(*_triples(sources), strict=True):
        check_columns(X_i, X.shape[1], columns, source_label(name))
        if (is_frame(X), sparse.issparse(X)) != (is_frame(X_i), sparse.issparse(X_i)):
            raise ValueError(
                f"{source_label(name)} is a {type(X_i).__name__}, the target is a "
                f"{type(X).__name__}: pass both in one form."
            )
        y_i = np.asarray(y_i)
        if weight is not None:
            X_i, y_i, _ = _drop_zero_weight(X_i, y_i, weight)
        parts.append(X_i)
        labels.append(y_i)
    return concatenate_rows(parts), np.concatenate(labels)


def concatenate_rows(parts):
    """Stack arrays, CSR matrices or data frames; categories of a frame are united, not lost."""
    if sparse.issparse(parts[0]):
        return sparse.vstack(parts, format="csr")
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


def _triples(sources):
    if sources is None:
        return [], []
    return sources._triples, sources.names


def is_frame(X):
    return hasattr(X, "iloc") and hasattr(X, "columns")


def number_columns(X):
    """Columns of a frame that hold real numbers."""
    # To pandas timedeltas and complex numbers are numbers.
    return X.select_dtypes(include="number", exclude=["timedelta", "complexfloating"])


def _check_frame(X, allow_nan, label):
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


def check_columns(X_i, n_features, columns, label):
    """The source's columns are the target's, by name where both have names, and by number."""
    if columns is not None and is_frame(X_i) and list(X_i.columns) != columns:
        extra = [name for name in X_i.columns if name not in columns]
        lost = [name for name in columns if name not in set(X_i.columns)]
        what = (
            f"unknown columns {extra}, missing columns {lost}"
            if extra or lost
            else "the same columns in another order"
        )
        raise ValueError(f"{label} has {what}: pass the target's columns in the target's order.")
    shape = getattr(X_i, "shape", ())
    if len(shape) >= 2 and shape[1] != n_features:
        raise ValueError(
            f"{label} has {shape[1]} features, the target has {n_features}: pass the same columns "
            "in the same order."
        )


def _check_source_frame(X_i, X, allow_nan, label):
    if not is_frame(X_i):
        raise ValueError(
            f"{label} is a {type(X_i).__name__}, the target is a data frame: pass both as data "
            "frames with the same columns."
        )
    _check_frame(X_i, allow_nan, label)
    _check_column_kinds(X_i, X, label)


def _check_source_array(X_i, X, check, label):
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


def check_labels(y, label):
    try:
        y = column_or_1d(y, warn=True)
        if y.dtype.kind == "f" and not np.all(np.isfinite(y)):
            raise ValueError("y contains NaN or infinity.")
        if y.dtype.kind in "mM" and np.isnat(y).any():
            raise ValueError("y contains NaT: leave out rows without a label.")
        check_type(y, "y")
        if y.dtype.kind not in "iubSU":  # Integers and strings cannot be a regression target.
            check_classification_targets(y)
    except ValueError as error:
        if label == "the target":
            raise
        raise ValueError(f"{label}: {error}") from error
    if y.dtype.kind == "O" and all(isinstance(value, str) for value in y):
        y = y.astype(str)
    return y


def check_numbers(y, label):
    try:
        y = column_or_1d(y, warn=True)
        if y.dtype.kind not in "iubf":
            try:
                y = y.astype(np.float64)
            except (TypeError, ValueError) as error:
                raise ValueError(f"y contains {error}: a regression needs numbers") from error
        y = y.astype(np.float64)
        if not np.all(np.isfinite(y)):
            raise ValueError("y contains NaN or infinity.")
    except ValueError as error:
        if label == "the target":
            raise
        raise ValueError(f"{label}: {error}") from error
    return y


def _drop_zero_weight(X, y, weight):
    kept = np.flatnonzero(weight > 0)
    if len(kept) == len(weight):
        return X, y, weight
    return _safe_indexing(X, kept), y[kept], weight[kept]


def _common_classes(ys, labels, classes):
    """Classes to learn; guards against labels that were encoded on one side only."""
    target = np.unique(ys[0])
    if len(ys) == 1:
        return target
    kinds = [label_kind(y) for y in ys]
    for kind, label in zip(kinds[1:], labels, strict=True):
        if kind != kinds[0]:
            raise ValueError(
                f"The labels of the target are {kinds[0]}, those of {label} are {kind}. "
                + _ENCODING_REMEDY
            )
    ours = np.unique(np.concatenate([np.unique(y) for y in ys[1:]]))
    only_target = np.setdiff1d(target, ours)
    only_sources = np.setdiff1d(ours, target)
    if len(only_target) and len(only_sources):
        raise ValueError(
            f"Classes {plain_labels(only_target)} appear only in the target and "
            f"{plain_labels(only_sources)} only in the sources. " + _ENCODING_REMEDY
        )
    if classes == "target" or not len(only_sources):
        return target
    warn(
        f"Classes {plain_labels(only_sources)} appear only in the sources; they are learnt, and "
        "predict_proba has a column for each. Pass classes='target' to leave their rows out."
    )
    return np.union1d(target, ours)


def _check_target_classes(y, sources):
    known = None if sources is None else sources._target_classes
    if known is None:
        return
    present, _ = distinct_labels(y, "y")
    unknown = present[find_labels(present, known) < 0]
    if len(unknown):
        raise ValueError(
            f"The target has the classes {plain_labels(unknown)}, but its classes are said to be "
            f"{plain_labels(known)}. " + _ENCODING_REMEDY
        )


_ENCODING_REMEDY = (
    "Labels must be coded alike on both sides. BaggingClassifier, VotingClassifier and "
    "StackingClassifier hand y on as 0, 1, ...: encode the labels of target and sources that way "
    "before. OneVsRestClassifier makes labels of its own: use the estimator, which takes many "
    "classes, without it."
)


def _one_class_message(label, y, classes):
    if len(y) == 0:
        return f"{label} has no row of the target's classes: leave it out or pass classes='union'."
    return (
        f"{label} has the single class {plain_labels(y)[0]!r}: it cannot tell classes apart. Pass "
        "rows of at least two classes or leave it out."
    )
