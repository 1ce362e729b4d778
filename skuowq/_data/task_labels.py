"""Labels of target and sources: classes that all share, classes of their own, or numbers."""

from itertools import compress

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skuowq._utils._sklearn import _safe_indexing
from skuowq._utils._warn import warn

from .domains import Domain
from .labels import check_type, distinct_labels, find_labels, label_kind, plain_labels

_ENCODING_REMEDY = (
    "Labels must be coded alike on both sides. cross_val_predict, CalibratedClassifierCV, "
    "BaggingClassifier, VotingClassifier and StackingClassifier hand y on as 0, 1, ...: tell the "
    "sources the target's classes, Sources(sources, target_classes=y). OneVsRestClassifier makes "
    "labels of its own: use the estimator, which takes many classes, without it."
)


def common_labels(raw, labels, sources, classes, least):
    """Domains whose labels index classes that all share, and these classes.

    Classes of sources that have fewer than `least` are not learnt.
    """
    classes_ = classes_to_learn([y for _, y, _ in raw], labels, sources, classes, least)
    domains = []
    for (X_i, y_i, weight_i), label in zip(raw, ["the target", *labels], strict=True):
        kept = np.isin(y_i, classes_)
        if label != "the target" and len(np.unique(y_i[kept])) < least:
            warn_of_few_classes(label, y_i, classes_)
        if not kept.all():
            rows = np.flatnonzero(kept)
            X_i, y_i, weight_i = _safe_indexing(X_i, rows), y_i[rows], weight_i[rows]
        domains.append(Domain(X_i, np.searchsorted(classes_, y_i), weight_i, label))
    return domains[0], domains[1:], classes_


def classes_to_learn(ys, labels, sources, classes, least):
    """Classes that all domains share.

    Parameters
    ----------
    ys : list of ndarray
        Labels of the target and of every source; each at least once.
    labels : list of str
        What messages call the sources.
    sources : Sources or None
    classes : {"union", "target", "sources"}
    least : int
        Sources of fewer classes have no say.
    """
    telling = [len(np.unique(y)) >= least for y in ys[1:]]
    ys = [ys[0], *compress(ys[1:], telling)]
    found = _common_classes(ys, list(compress(labels, telling)), classes)
    if classes == "sources" and len(found) < 2:
        raise ValueError(
            f"All source rows have the class {plain_labels(found)[0]!r}, and no row of the target "
            "is labelled: pass sources of at least two classes."
        )
    if sources is not None and len(found) < 2:
        raise ValueError(
            f"The target has the single class {plain_labels(found)[0]!r}, and classes='target' "
            "leaves the sources' others out: pass classes='union'."
        )
    return found


def separate_labels(raw, labels, sources):
    """Domains whose labels index classes of their own, and the classes of each."""
    domains, classes = [], []
    for (X_i, y_i, weight_i), label in zip(raw, ["the target", *labels], strict=True):
        own, indices = np.unique(y_i, return_inverse=True)
        if len(own) < 2 and label != "the target":
            warn_of_few_classes(label, y_i, own)
        elif len(own) < 2 and sources is not None:
            raise ValueError(
                f"the target has the single class {plain_labels(own)[0]!r}: it cannot tell classes "
                "apart. Pass rows of at least two classes."
            )
        domains.append(Domain(X_i, indices, weight_i, label))
        classes.append(own)
    return domains[0], domains[1:], classes


def check_labels(y, label):
    if type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "iub":
        return y
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
    if classes == "sources":
        return ours
    if classes == "target" or not len(only_sources):
        return target
    warn(
        f"Classes {plain_labels(only_sources)} appear only in the sources; they are learnt, and "
        "predict_proba has a column for each. Pass classes='target' to leave their rows out."
    )
    return np.union1d(target, ours)


def check_target_classes(y, known):
    """Refuse labels that meta-estimators have coded anew."""
    if known is None:
        return
    present, _ = distinct_labels(y, "y")
    unknown = present[find_labels(present, known) < 0]
    if len(unknown):
        raise ValueError(
            f"The target has the classes {plain_labels(unknown)}, but its classes are said to be "
            f"{plain_labels(known)}. " + _ENCODING_REMEDY
        )


def warn_of_few_classes(label, y, classes):
    own, wanted = np.unique(y), plain_labels(classes)
    if len(own) > 1:
        fact = f"rows of fewer than two of the target's classes {wanted}"
        remedy = "classes='union' learns its other classes"
    else:
        fact = f"the single class {plain_labels(own)[0]!r}"
        remedy = "Pass rows of at least two classes, or drop it"
    warn(f"{label} has {fact}: it cannot tell classes apart, and is left out. {remedy}.")
