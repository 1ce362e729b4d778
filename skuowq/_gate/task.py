"""What a gate is fitted to: the data of one call of ``fit``, checked."""

from dataclasses import dataclass

from skuowq._data.sources import Sources
from skuowq._data.task import Task


@dataclass(frozen=True)
class GateTask(Task):
    """A task, and what the gate needs beside it.

    Attributes
    ----------
    X_unlabeled : array or None
    sources : Sources or None
        As they were given, with rows that the domains lack.
    """

    X_unlabeled: object
    sources: Sources | None
