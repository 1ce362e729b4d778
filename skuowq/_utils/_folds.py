"""Folds of few rows."""

import warnings

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold


def folds_of(y, n_folds, seed):
    """Rows to fit and rows held out, as many times as there are folds, but never more than rows.

    Every class is spread over the folds as evenly as its rows allow, however few they are.

    Parameters
    ----------
    y : ndarray of int of shape (n_rows,)
        Class indices.
    n_folds, seed : int
    """
    if np.bincount(y).max() < n_folds:
        cv = KFold(min(n_folds, len(y)), shuffle=True, random_state=seed)
        return list(cv.split(y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Of classes with fewer rows than folds.
        return list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(y, y))
