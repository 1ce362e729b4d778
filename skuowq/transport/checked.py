"""Entry points for callers who check arguments themselves, such as the estimators.

`by_class` splits rows by class. It assumes an array of rows and as many labels, none of them
missing. `check_two_rows` is one of the checks of :func:`skuowq.transport.class_distances`: call it
to refuse a class of one row in words of your own. `class_scores` and `far_classes` are the two
steps in which :func:`skuowq.transport.select_target_rows` finds the far classes of the target.

The constants are the names that the options of this package may take, for estimators that check
their parameters:

- ``METHODS``: `method` of :func:`skuowq.transport.class_distances`;
- ``STRATEGIES``: `strategy` of :func:`skuowq.transport.select_target_rows`;
- ``AGGREGATES``: `aggregate` of the same function.
"""

from ._class_distances import METHODS, by_class, check_two_rows
from ._select_rows import AGGREGATES, STRATEGIES, class_scores, far_classes

__all__ = [
    "AGGREGATES",
    "METHODS",
    "STRATEGIES",
    "by_class",
    "check_two_rows",
    "class_scores",
    "far_classes",
]
