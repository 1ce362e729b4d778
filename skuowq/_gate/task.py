"""What a gate is fitted to: the data of one call of ``fit``, checked."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from skuowq._data.dataset_rows import DatasetRows
from skuowq._data.sources import Sources
from skuowq._data.task import Task


@dataclass(frozen=True)
class GateTask(Task):
    """A task, and what the gate needs beside it.

    Attributes
    ----------
    X_unlabeled : array, DatasetRows or None
    sources : Sources or None
        As they were given, with rows that the domains lack.
    labelled : bool
        Whether the target's labels are its own. Else they stand in, and are not to be read.
    features : callable
        ``features(task)`` returns vectors for the rows of the target and of every source, where
        these are read from data sets.
    """

    X_unlabeled: object
    sources: Sources | None
    labelled: bool
    features: Callable

    @cached_property
    def flat(self):
        """The target and the sources, every row a vector: what linear models of the gate see."""
        parts = [self.target, *self.domains]
        if isinstance(self.target.X, DatasetRows):
            vectors = self.features(self)
        else:
            vectors = [_flat_rows(part.X) for part in parts]
        return [
            replace(part, X=X, named=part.named if X is part.X else part.groups)
            for part, X in zip(parts, vectors, strict=True)
        ]


def _flat_rows(X):
    """Rows of any number of axes as vectors."""
    return X.reshape(len(X), -1) if isinstance(X, np.ndarray) and X.ndim > 2 else X
