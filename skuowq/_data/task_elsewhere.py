"""The one door of the estimators, for sources that are elsewhere: they are asked, not read."""

from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from scipy.sparse import issparse

from .elsewhere import as_asked, ask, try_to_ask, warn_of_missing
from .read_part import Reading, column_sums, far_sums, spreads
from .sources import source_label
from .target_range import RowsInRange, judge_ranges, put_among_all, without_outliers
from .task import Task, read_task
from .task_labels import check_target_classes, classes_to_learn, warn_of_few_classes


@dataclass(frozen=True)
class TaskElsewhere(Task):
    """A `Task` whose domains are `Asked`.

    Attributes
    ----------
    reading : Reading
        How their parts are read.
    """

    reading: Reading | None = None


def read_task_elsewhere(rows, sample_weight, sources, groups, *, labels="common", classes="union"):
    """As `read_task`, for sources of which any is elsewhere.

    Parameters
    ----------
    rows, sample_weight, sources, groups, labels, classes
        As in `read_task`; the labels are not separate.

    Returns
    -------
    task : TaskElsewhere
    """
    numbers = labels == "numbers"
    task = read_task(rows, sample_weight, None, groups, labels=labels)
    columns, n_features = task.rows.columns, task.n_features
    reading = Reading(n_features, columns, rows.checks, numbers)
    asked = [
        as_asked(entry, source_label(name))
        for entry, name in zip(sources._entries, sources.names, strict=True)
    ]
    asked, kept = _described(asked, reading, sources.missing)
    target = task.target
    if issparse(target.X):
        target = replace(target, X=target.X.toarray())
    if not numbers:
        known = task.classes
        check_target_classes(known, sources._target_classes)
        called = [source.label for source in asked]
        ys = [known, *(source.columns.labels for source in asked)]
        found = classes_to_learn(ys, called, sources, classes, 2)
        task = replace(task, classes=found)
        target = replace(target, y=np.searchsorted(found, known)[target.y])
        reading = replace(reading, classes=found, others=classes == "target")
        asked, telling = _of_classes(asked, reading)
        kept = _among(kept, telling)
    asked, in_range, unseen = _in_range(target, asked, reading)
    unseen = put_among_all(kept, unseen, 0.0)
    left = RowsInRange(asked, _among(kept, in_range), [], unseen)
    return TaskElsewhere(target, left, task.classes, list(sources.names), task.rows, reading)


def _among(kept, of_these):
    """Which of all are kept, where some of those kept are not."""
    kept = kept.copy()
    kept[kept] = of_these
    return kept


def _described(asked, reading, missing):
    """The sources that can be read, with what is known of their columns; and which these are."""
    found, errors = try_to_ask(asked, column_sums, reading)
    if errors and missing != "drop":
        raise errors[min(errors)]
    for error in errors.values():
        warn_of_missing(error)
    for source, columns in zip(asked, found, strict=True):
        if columns is not None and not columns.n_rows:
            raise ValueError(f"{source.label} is empty: leave it out.")
    kept = np.array([columns is not None for columns in found])
    pairs = compress(zip(asked, found, strict=True), kept)
    return [replace(source, columns=columns) for source, columns in pairs], kept


def _of_classes(asked, reading):
    """The sources that can tell two of the classes apart, without rows of others."""
    telling = np.ones(len(asked), dtype=bool)
    for k, source in enumerate(asked):
        labels = source.columns.labels
        inside = np.isin(labels, reading.classes)
        if inside.sum() < 2:
            warn_of_few_classes(source.label, labels, reading.classes)
            telling[k] = False
    asked = list(compress(asked, telling))
    fewer = [not np.isin(source.columns.labels, reading.classes).all() for source in asked]
    return _described_again(asked, fewer, reading), telling


def _described_again(asked, which, reading):
    """The sources, some of them with fewer rows than before."""
    numbers = np.flatnonzero(which)
    if not len(numbers):
        return asked
    asked = list(asked)
    found = ask([asked[k] for k in numbers], column_sums, reading)
    for k, columns in zip(numbers, found, strict=True):
        asked[k] = replace(asked[k], columns=columns)
    return asked


def _in_range(target, asked, reading):
    """The sources without rows far outside the target's range, and which are left.

    Last, what `RowsInRange.unseen` holds.
    """

    def usual_spans(spans):
        middle = [found.middle_half() for found in ask(asked, spreads, reading)]
        return without_outliers(np.array(middle), spans)

    def far_rows(i, lowest, highest):
        [found] = ask([asked[i]], far_sums, reading, [(lowest, highest)])
        return found.far_rows(reading.numbers)

    judged = judge_ranges(
        target,
        [source.label for source in asked],
        [source.columns.n_rows for source in asked],
        lambda: [source.columns.limits for source in asked],
        usual_spans,
        far_rows,
        1 if reading.numbers else 2,
    )
    kept = np.array([found.kept for found in judged], dtype=bool)
    bounds = [found.bounds for found in compress(judged, kept)]
    asked = [
        source.with_bounds(own) for source, own in zip(compress(asked, kept), bounds, strict=True)
    ]
    asked = _described_again(asked, [own is not None for own in bounds], reading)
    return asked, kept, np.array([found.unseen for found in judged])
