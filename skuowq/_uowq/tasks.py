"""Rows of many tasks, task by task."""

import warnings
from dataclasses import dataclass

import numpy as np

from skuowq._data.groups import check_groups
from skuowq._data.labels import as_column, distinct_labels, find_labels, plain_labels
from skuowq._data.sources import Sources
from skuowq._utils._sklearn import _safe_indexing


@dataclass(frozen=True)
class TaskParts:
    """Rows, labels and weights of every task.

    Attributes
    ----------
    tasks : ndarray of shape (n_tasks,)
        Sorted.
    triples : list of (X, y, sample_weight)
    groups : list of ndarray or None
        Groups of the rows, where the user names any.
    """

    tasks: np.ndarray
    triples: list
    groups: list

    def __len__(self):
        return len(self.triples)

    @property
    def names(self):
        """The tasks as plain Python values."""
        return plain_labels(self.tasks)


def split_by_task(X, y, weight, task, groups):
    """Rows task by task, those of weight zero dropped.

    Parameters
    ----------
    X, y, weight : rows, labels and weights
    task : array-like of shape (n_rows,) or None
        None takes all rows for one task.
    groups : array-like of shape (n_rows,) or None

    Returns
    -------
    parts : TaskParts
    """
    tasks, codes = _check_task(np.zeros(len(y), dtype=int) if task is None else task, len(y))
    groups = None if groups is None else check_groups(groups, len(y))
    used = weight > 0
    seen = np.unique(codes[used])
    rows = [np.flatnonzero(used & (codes == code)) for code in seen]
    triples = [(_safe_indexing(X, own), y[own], weight[own]) for own in rows]
    named = [None if groups is None else groups[own] for own in rows]
    parts = TaskParts(tasks[seen], triples, named)
    for name, (_, labels, _) in zip(parts.names, triples, strict=True):
        if len(parts) > 1 and len(distinct_labels(labels, "y")[0]) < 2:
            raise ValueError(
                f"task {name!r} has the single class {plain_labels(labels)[0]!r}: it cannot "
                "tell classes apart. Pass rows of at least two classes of it, or leave it out."
            )
    return parts


def fit_one_task(classifier, t, parts):
    """The classifier, fitted with one task as target and the others as sources."""
    X, y, weight = parts.triples[t]
    named = zip(parts.names, parts.triples, strict=True)
    others = {f"task {name!r}": part for k, (name, part) in enumerate(named) if k != t}
    sources = Sources(others) if others else None
    with warnings.catch_warnings():
        # That a class is some other tasks' only is no news here.
        warnings.filterwarnings("ignore", "Classes .* appear only in the sources", UserWarning)
        return classifier.fit(X, y, sources, sample_weight=weight, groups=parts.groups[t])


def codes_of_known_tasks(task, n_rows, tasks):
    """The number of each row's task among those that were fitted."""
    if task is None and len(tasks) > 1:
        raise ValueError(
            f"task is missing, and there are {len(tasks)} tasks: pass task=, each row's, "
            f"one of {plain_labels(tasks)}"
        )
    if task is None:
        return np.zeros(n_rows, dtype=int)
    given, codes = _check_task(task, n_rows)
    known = find_labels(given, tasks)
    if np.any(known < 0):
        raise ValueError(
            f"task holds {plain_labels(given[known < 0])}, which were not fitted: use "
            f"{plain_labels(tasks)}"
        )
    return known[codes]


def _check_task(task, n_rows):
    """The tasks, sorted, and the number of each row's."""
    task = as_column(task)
    if task.shape != (n_rows,):
        raise ValueError(
            f"task has shape {task.shape}, and there are {n_rows} rows: pass each row's task"
        )
    tasks, codes = distinct_labels(task, "task")
    if np.any(codes < 0):
        raise ValueError("task holds missing values: name every row's task, or leave the row out")
    return tasks, codes
