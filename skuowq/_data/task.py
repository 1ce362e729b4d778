"""The one door of the estimators: target and sources, checked once.

Rows of weight zero are dropped here, so nothing below sees them.
"""

from dataclasses import dataclass
from itertools import compress

import numpy as np
from sklearn.utils.validation import _num_samples

from skuowq._utils._sklearn import _check_sample_weight

from .dataset_rows import DatasetRows, is_dataset
from .domains import (
    Domain,
    check_columns,
    check_source_array,
    check_source_frame,
    check_source_rows,
    drop_zero_weight,
)
from .groups import with_groups
from .sources import source_label
from .target_range import RowsInRange, leave_out_far_rows
from .task_labels import (
    check_labels,
    check_numbers,
    check_target_classes,
    common_labels,
    separate_labels,
)


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


@dataclass(frozen=True)
class Task:
    """Target and sources, as every fit sees them.

    Attributes
    ----------
    target : Domain
    left : RowsInRange
        The sources without rows far outside the target's range.
    classes : ndarray of shape (n_classes,), list of ndarray or None
        Labels that the indices stand for: of all domains, of the target and every source, or None
        where labels are numbers.
    names : list of str
        Of all sources that were given.
    rows : TargetRows
    """

    target: Domain
    left: RowsInRange
    classes: object
    names: list
    rows: TargetRows

    @property
    def domains(self):
        """The sources that take part."""
        return self.left.domains

    @property
    def used_classes(self):
        """With separate labels, classes of the target and of the sources that take part."""
        return [self.classes[0], *compress(self.classes[1:], self.left.kept)]

    @property
    def n_features(self):
        """Columns of X."""
        return self.rows.learnt["n_features_in_"]

    @property
    def n_entries(self):
        """Rows of all domains that have rows, times columns."""
        n_rows = [len(domain.y) for domain in [self.target, *self.domains] if hasattr(domain, "y")]
        return sum(n_rows) * self.n_features


def read_task(
    rows, sample_weight, sources, groups, *, labels="common", classes="union", least_classes=2
):
    """The one door of the estimators: everything that ``fit`` receives, checked once.

    Parameters
    ----------
    rows : TargetRows
    sample_weight, groups
        Of the target's rows, as ``fit`` received them.
    sources : Sources or None
    labels : {"common", "separate", "numbers"}, default="common"
        Whether domains share their classes, have classes of their own, or have numbers for labels.
    classes : {"union", "target", "sources"}, default="union"
        For common labels: whether classes that only sources have are kept. "sources" are theirs
        alone, where the target's labels stand in for unknown ones.
    least_classes : int, default=2
        Sources of fewer classes are left out, with a warning.

    Returns
    -------
    task : Task
    """
    check_y = check_numbers if labels == "numbers" else check_labels
    raw, called = check_parts(rows, sample_weight, sources, check_y)
    if labels == "numbers":
        target, *domains = (Domain(*part) for part in raw)
        found = None
    elif labels == "separate":
        target, domains, found = separate_labels(raw, called, sources)
    else:
        target, domains, found = common_labels(raw, called, sources, classes, least_classes)
    target = with_groups(target, groups, rows.n_given, sample_weight)
    names = [] if sources is None else list(sources.names)
    least = 1 if labels == "numbers" else least_classes
    telling = np.array([len(np.unique(domain.y)) >= least for domain in domains], dtype=bool)
    usable = list(compress(domains, telling)), list(compress(names, telling))
    left = leave_out_far_rows(target, *usable, n_classes=least).among(telling)
    return Task(target, left, found, names, rows)


def check_parts(rows, sample_weight, sources, check_y):
    """Rows, labels and weights of the target and every source, and what messages call these."""
    X, y = rows.X, check_y(rows.y, "the target")
    # The dtype is the weights'; integer X must not round them.
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not np.any(weight > 0):  # scikit-learn 1.7 lets it pass.
        raise ValueError(
            "Sample weights must contain at least one non-zero number, and sample_weight has none: "
            "pass positive weights, or leave it out."
        )
    raw = [drop_zero_weight(X, y, weight)]
    labels = []
    given = [] if sources is None else zip(sources._triples, sources.names, strict=True)
    for (X_i, y_i, weight_i), name in given:
        label = source_label(name)
        labels.append(label)
        X_i = _check_like(X_i, rows, label)
        y_i = check_y(y_i, label)
        weight_i = np.ones(len(y_i)) if weight_i is None else weight_i
        raw.append(drop_zero_weight(X_i, y_i, weight_i))
    if sources is not None:
        check_target_classes(raw[0][1], sources._target_classes)
    return raw, labels


def check_unlabeled(X_unlabeled, rows, sources):
    """Rows of the target without labels: those of ``fit``, else those that the sources carry.

    Parameters
    ----------
    X_unlabeled : rows given to ``fit``, or None
    rows : TargetRows
    sources : Sources or None
    """
    if X_unlabeled is None:
        X_unlabeled = None if sources is None else sources.X_unlabeled
    elif _num_samples(X_unlabeled) == rows.n_given:
        raise ValueError(
            f"X_unlabeled has {rows.n_given} rows, as many as the target: cross-validation in "
            "scikit-learn cuts such fit parameters along with the rows, so it may have been cut. "
            "Carry it in the sources: skuowq.Sources(sources, X_unlabeled=X_unlabeled)."
        )
    if X_unlabeled is None:
        return None
    if is_dataset(X_unlabeled):
        X_unlabeled = DatasetRows.of(X_unlabeled, "X_unlabeled")
    return _check_like(X_unlabeled, rows, "X_unlabeled")


def _check_like(X, rows, label):
    """Further rows, checked against those of the target."""
    check_source_rows(X, rows.X, label)
    if isinstance(X, DatasetRows):
        return X
    check_columns(X, rows.X.shape[1], rows.columns, label)
    if rows.frames:
        check_source_frame(X, rows.X, rows.checks["ensure_all_finite"] == "allow-nan", label)
        return X
    return check_source_array(X, rows.X, rows.checks, label)
