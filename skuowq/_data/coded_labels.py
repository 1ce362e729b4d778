"""Where scikit-learn hands labels on as 0, 1, ..., the sources' are coded in the same way."""

from dataclasses import replace

import numpy as np

from skuowq._utils._sklearn import helper_that_codes

from .labels import as_column, distinct_labels, find_labels
from .source_record import SourceRecord
from .sources import Sources


def coded_like(sources, y):
    """Sources as a fit needs them to which a helper has handed coded labels of the target.

    Parameters
    ----------
    sources : Sources
    y : array-like
        Labels of the target, as ``fit`` received them.

    Returns
    -------
    sources : Sources
        The same where no helper codes labels.

    Raises
    ------
    ValueError
        If a helper codes labels, the sources do not know the target's classes, and some of the
        numbers are none of theirs: the others may be labels or codes.
    """
    helper = helper_that_codes()
    present = distinct_labels(as_column(y).ravel(), "y")[0] if helper else np.array([])
    if present.dtype.kind not in "iu" or not len(present) or present[0] < 0:
        return sources
    if sources.given_by == "elsewhere":
        raise ValueError(
            f"{helper} hands y on as 0, 1, ..., and labels that are elsewhere keep their names: "
            "pass integers 0, 1, ... as labels everywhere, or use the estimator without it"
        )
    known = sources._target_classes
    if known is not None:
        return _coded(sources, known) if present[-1] < len(known) else sources
    may_be_codes = np.array_equal(present, np.arange(len(present)))
    if may_be_codes and not set(present.tolist()) <= _labels_of(sources):
        raise ValueError(
            f"{helper} hands y on as 0, 1, ..., and some of these labels are none of the sources', "
            "whose own may stand for others: pass Sources(sources, target_classes=y)"
        )
    return sources


def _labels_of(sources):
    """All labels of the sources."""
    return {
        label
        for entry in sources._entries
        for label in (
            distinct_labels(entry[1], "y")[0] if isinstance(entry, tuple) else entry.classes
        ).tolist()
    }


def _coded(sources, known):
    """The labels as numbers among the known classes; those of other classes follow."""
    labels = [
        distinct_labels(np.ravel(as_column(entry[1])), "y") if isinstance(entry, tuple) else None
        for entry in sources._entries
    ]
    own = [found[0] for found in labels if found is not None]
    others = [classes[find_labels(classes, known) < 0] for classes in own]
    others = distinct_labels([label for part in others for label in part], "y")[0]

    def code(classes):
        place = find_labels(classes, known)
        return np.where(place < 0, len(known) + find_labels(classes, others), place)

    entries = []
    for entry, found in zip(sources._entries, labels, strict=True):
        if found is not None and np.all(found[1] >= 0):  # What is missing the fit refuses.
            X, _, weight = entry
            entries.append((X, code(found[0])[found[1]], weight))
        elif isinstance(entry, SourceRecord) and np.array_equal(entry.classes, known):
            entries.append(replace(entry, classes=np.arange(len(known))))
        else:
            entries.append(entry)
    known = np.arange(len(known))
    return Sources(entries, sources.names, *sources._known(sources.X_unlabeled, known))
