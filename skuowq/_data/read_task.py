"""The one door of the estimators: target and sources, checked once."""

from dataclasses import dataclass

from .target_range import RowsInRange, leave_out_far_rows
from .task import (
    Domain,
    TargetRows,
    check_labels,
    check_numbers,
    check_parts,
    common_labels,
    separate_labels,
    with_groups,
)


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
    def n_features(self):
        """Columns of X."""
        return self.rows.learnt["n_features_in_"]


def read_task(rows, sample_weight, sources, groups, *, labels="common", classes="union"):
    """The one door of the estimators: everything that ``fit`` receives, checked once.

    Parameters
    ----------
    rows : TargetRows
    sample_weight, groups
        Of the target's rows, as ``fit`` received them.
    sources : Sources or None
    labels : {"common", "separate", "numbers"}, default="common"
        Whether domains share their classes, have classes of their own, or have numbers for labels.
    classes : {"union", "target"}, default="union"
        For common labels: whether classes that only sources have are kept.

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
        target, domains, found = common_labels(raw, called, sources, classes)
    target = with_groups(target, groups, rows.n_given, sample_weight)
    n_classes = 1 if labels == "numbers" else 2
    left = leave_out_far_rows(target, domains, sources, n_classes=n_classes)
    names = [] if sources is None else list(sources.names)
    return Task(target, left, found, names, rows)
