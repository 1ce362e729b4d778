"""Folds of few rows, those that belong together in one fold."""

import warnings

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from .held_together import label_of_groups


def folds_of(y, n_folds, seed, groups):
    """Rows to fit and rows held out, as many times as there are folds, but never more than groups.

    Every class is spread over the folds as evenly as its groups allow, however few they are.

    Parameters
    ----------
    y : ndarray of int of shape (n_rows,)
        Class indices.
    n_folds, seed : int
    groups : ndarray of int of shape (n_rows,)
        Rows with one number are in one fold.

    Returns
    -------
    folds : list of (ndarray, ndarray)
        None where there is one group: nothing can be held out.
    """
    _, groups = np.unique(groups, return_inverse=True)
    if groups.max() == 0:
        return []
    place = np.empty(groups.max() + 1, dtype=int)
    for fold, (_, held) in enumerate(_deal(label_of_groups(y, groups), n_folds, seed)):
        place[held] = fold
    fold_of_row = place[groups]
    return [
        (np.flatnonzero(fold_of_row != fold), np.flatnonzero(fold_of_row == fold))
        for fold in range(place.max() + 1)
    ]


def _deal(labels, n_folds, seed):
    if np.bincount(labels).max() < n_folds:
        cv = KFold(min(n_folds, len(labels)), shuffle=True, random_state=seed)
        return list(cv.split(labels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Of classes with fewer rows than folds.
        return list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(labels, labels))
