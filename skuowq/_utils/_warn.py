"""Warnings that point at the user's own line."""

import sys
import warnings

_NOT_THE_USERS = ("skuowq", "sklearn", "joblib")


def warn(message, category=UserWarning):
    """Warn as if from the nearest line that belongs to neither this package nor scikit-learn."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_ours(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_THE_USERS
