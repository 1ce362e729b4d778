"""What a gate is fitted to: the data of one call of ``fit``, checked."""

from dataclasses import dataclass

import numpy as np

from skuowq._data.domains import Domain
from skuowq._data.sources import Sources
from skuowq._data.target_range import RowsInRange


@dataclass(frozen=True)
class GateTask:
    """Target and sources.

    Attributes
    ----------
    target : Domain
    left : RowsInRange
        The sources, without rows far outside the target's range.
    classes : ndarray of shape (n_classes,)
    X_unlabeled : array or None
    sources : Sources or None
        As they were given, with rows that the domains lack.
    """

    target: Domain
    left: RowsInRange
    classes: np.ndarray
    X_unlabeled: object
    sources: Sources | None

    @property
    def domains(self):
        """The sources that take part."""
        return self.left.domains
