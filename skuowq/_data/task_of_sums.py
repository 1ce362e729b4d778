"""The one door of the regressor, for sources of which sums are enough: asked, or on record."""

from dataclasses import replace
from itertools import compress

import numpy as np
from scipy.sparse import issparse

from .regression_record import RegressionRecord
from .sources import source_label
from .target_range import RowsInRange, leave_out_far_records
from .task import read_task
from .task_elsewhere import TaskElsewhere, read_task_elsewhere


def read_task_of_sums(rows, sample_weight, sources, groups):
    """As `read_task_elsewhere`, for responses, and for sources of which some may be records.

    Parameters
    ----------
    rows, sample_weight, sources, groups
        As in `read_task`.

    Returns
    -------
    task : TaskElsewhere
        Its domains are `Asked` or `RegressionRecord`.
    """
    given = zip(sources.names, sources._entries, strict=True)
    records = {name: entry for name, entry in given if isinstance(entry, RegressionRecord)}
    for name, record in records.items():
        _check_columns(record, source_label(name), rows.X.shape[1])
    if len(records) < sources.n_sources:
        others = sources.drop(list(records))
        task = read_task_elsewhere(rows, sample_weight, others, groups, labels="numbers")
    else:
        task = _without_sources(read_task(rows, sample_weight, None, groups, labels="numbers"))
    if not records:
        return task
    on_record = _in_range(task.target, records)
    return replace(
        task, left=_together(task, records, on_record, sources.names), names=list(sources.names)
    )


def _without_sources(task):
    target = task.target
    if issparse(target.X):
        target = replace(target, X=target.X.toarray())
    return TaskElsewhere(target, task.left, None, [], task.rows)


def _check_columns(record, label, n_features):
    if record.n_features != n_features:
        raise ValueError(
            f"{label} has {record.n_features} features, the target has {n_features}: pass the same "
            "columns in the same order."
        )


def _in_range(target, records):
    """The records of columns that are in the target's units, with a warning of others."""
    centre = np.average(target.X, axis=0, weights=target.sample_weight)

    def sizes_and_spreads(record):
        away = record.mean[:-1] - centre
        return np.sqrt([record.variance + away**2, record.variance])

    return leave_out_far_records(target, list(records.values()), list(records), sizes_and_spreads)


def _together(task, records, on_record, names):
    """What is left of the sources that are asked and of those on record, in their order."""
    domains, kept, unseen = {}, {}, {}
    for own, left in ((task.names, task.left), (list(records), on_record)):
        domains |= zip(compress(own, left.kept), left.domains, strict=True)
        kept |= zip(own, left.kept, strict=True)
        unseen |= zip(own, left.unseen, strict=True)
    return RowsInRange(
        [domains[name] for name in names if kept[name]],
        np.array([kept[name] for name in names]),
        [],
        np.array([unseen[name] for name in names]),
    )
