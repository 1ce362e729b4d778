"""Choose target rows for fine-tuning, from classes far from the source, near it, or both (OT3L)."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state, column_or_1d

from skuowq._data.labels import distinct_labels
from skuowq._data.types import Seed
from skuowq._utils._checks import as_numbers
from skuowq._utils._optional import import_optional

STRATEGIES = ("mixed", "far", "near", "uniform", "stratified")
AGGREGATES = ("mean", "min", "ot")


def select_target_rows(
    distances: ArrayLike,
    y: ArrayLike,
    budget: int,
    *,
    strategy: str = "mixed",
    alpha: float = 0.5,
    aggregate: str = "mean",
    n_far: int | None = None,
    random_state: Seed = None,
) -> NDArray:
    """Choose a given number of target rows for fine-tuning.

    Parameters
    ----------
    distances : array-like of shape (n_source_classes, n_target_classes)
        From :func:`class_distances`, with the target classes in sorted order. "uniform" and
        "stratified" do not use it.
    y : array-like of shape (n_target,)
        Labels of the rows to choose from.
    budget : int
        Number of rows to choose.
    strategy : {"mixed", "far", "near", "uniform", "stratified"}, default="mixed"
        How the rows are chosen.

        - "far": from the classes far from the source.
        - "near": from the other classes.
        - "mixed": a share `alpha` from the far classes, and the rest from the near ones.
        - "uniform": any rows.
        - "stratified": the same number from each class.

        Among the far classes, and among the near ones, each class gives the same number of rows. If
        a class has too few, the others of its kind give more, and then all other classes.
    alpha : float in [0, 1], default=0.5
        For "mixed": the share of the rows from far classes.
    aggregate : {"mean", "min", "ot"}, default="mean"
        The distance of a target class from the source.

        - "mean": the mean distance from the source classes, as in the paper.
        - "min": the distance from the nearest source class.
        - "ot": its part of the cost of moving the source classes to the target classes, where all
          classes count the same.
    n_far : int, default=None
        Number of far classes. None takes half of the classes, rounded up.
    random_state : int, RandomState instance or None, default=None
        Draws the rows within the classes.

    Returns
    -------
    chosen : ndarray of int of shape (budget,)
        Sorted row numbers, without repeats.

    Raises
    ------
    ValueError
        If the budget is larger than the number of rows, or an argument is out of range.

    See Also
    --------
    skuowq.OT3LClassifier : Fine-tunes on the rows chosen.

    References
    ----------
    The OT3L paper. It calls "near" RS, "far" SD and "mixed" MS.

    Examples
    --------
    >>> import numpy as np
    >>> from skuowq.transport import select_target_rows
    >>> y = np.repeat([0, 1, 2, 3], 10)
    >>> distances = np.array([[1.0, 2.0, 8.0, 9.0]])
    >>> chosen = select_target_rows(distances, y, 8, strategy="mixed", alpha=0.75, random_state=0)
    >>> np.bincount(y[chosen])
    array([1, 1, 3, 3])
    """
    y = column_or_1d(y)
    classes, labels = distinct_labels(y, "y")
    if np.any(labels < 0):
        raise ValueError("y has missing values: leave those rows out")
    _check(strategy, aggregate, alpha, budget, len(y))
    rng = check_random_state(random_state)
    if strategy == "uniform":
        return np.sort(rng.permutation(len(y))[:budget])
    # The rows of each class, in the order in which they are taken.
    pools = [rng.permutation(np.flatnonzero(labels == k)) for k in range(len(classes))]
    everyone = np.arange(len(classes))
    if strategy == "stratified":
        wishes = [(everyone, budget)]
    else:
        distances = _checked_distances(distances, len(classes), n_far)
        far = far_classes(class_scores(distances, aggregate), n_far)
        near = np.setdiff1d(everyone, far)
        n_from_far = {"far": budget, "near": 0, "mixed": round(alpha * budget)}[strategy]
        wishes = [(far, n_from_far), (near, budget - n_from_far)]
    taken = np.zeros(len(classes), dtype=int)
    sizes = np.array([len(pool) for pool in pools])
    for group, wish in wishes:
        _take(taken, sizes, group, wish, rng)
    _take(taken, sizes, everyone, budget - taken.sum(), rng)  # Where a kind has too few.
    return np.sort(np.concatenate([pool[:n] for pool, n in zip(pools, taken, strict=True)]))


def class_scores(distances: NDArray, aggregate: str) -> NDArray:
    """Distance of each target class from the source.

    Parameters
    ----------
    distances : ndarray of shape (n_source_classes, n_target_classes)
    aggregate : {"mean", "min", "ot"}

    Returns
    -------
    scores : ndarray of shape (n_target_classes,)
    """
    if aggregate == "mean":
        return distances.mean(axis=0)
    if aggregate == "min":
        return distances.min(axis=0)
    ot = import_optional("ot", 'aggregate="ot"')

    n, m = distances.shape
    # Costs of order 1, because the tolerances of the solver are absolute.
    cost = np.ascontiguousarray(distances / (np.abs(distances).max() or 1.0))
    plan = ot.emd(np.full(n, 1 / n), np.full(m, 1 / m), cost)
    return m * (plan * distances).sum(axis=0)


def far_classes(scores: NDArray, n_far: int | None) -> NDArray:
    """Numbers of the classes that count as far, the farthest first.

    Parameters
    ----------
    scores : ndarray of shape (n_target_classes,)
        From `class_scores`.
    n_far : int or None
        How many. None takes half of the classes, rounded up.

    Returns
    -------
    far : ndarray of int
    """
    n_far = -(-len(scores) // 2) if n_far is None else n_far
    return np.argsort(-scores, kind="stable")[:n_far]


def _checked_distances(distances, n_classes, n_far):
    distances = np.atleast_2d(as_numbers("distances", distances))
    if distances.ndim != 2 or len(distances) == 0:
        raise ValueError(
            f"distances has shape {distances.shape}: pass one row for each class of the source and "
            "one column for each class of the target"
        )
    if distances.shape[1] != n_classes:
        raise ValueError(
            f"distances has {distances.shape[1]} columns, and y has {n_classes} classes: pass one "
            "column for each class of the target, sorted"
        )
    if not np.all(np.isfinite(distances)):
        raise ValueError("distances contains NaN or infinity: all must be finite")
    if not (n_far is None or (isinstance(n_far, Integral) and 0 <= n_far <= n_classes)):
        raise ValueError(f"n_far is {n_far!r}: pass a number of classes from 0 to {n_classes}")
    return distances


def _take(taken, sizes, group, wish, rng):
    """Take `wish` more rows from the classes of a group, as evenly as possible."""
    while wish > 0:
        open_classes = group[taken[group] < sizes[group]]
        if len(open_classes) == 0:
            return
        each, left = divmod(wish, len(open_classes))
        if each == 0:
            taken[rng.permutation(open_classes)[:left]] += 1
            return
        more = np.minimum(each, (sizes - taken)[open_classes])
        taken[open_classes] += more
        wish -= more.sum()


def _check(strategy, aggregate, alpha, budget, n_rows):
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy is {strategy!r}: pass one of {', '.join(STRATEGIES)}")
    if aggregate not in AGGREGATES:
        raise ValueError(f"aggregate is {aggregate!r}: pass one of {', '.join(AGGREGATES)}")
    if not (isinstance(alpha, Real) and 0 <= alpha <= 1):
        raise ValueError(f"alpha is {alpha!r}: pass a share from 0 to 1")
    if not (isinstance(budget, Integral) and 1 <= budget <= n_rows):
        raise ValueError(
            f"budget is {budget!r}: pass a number of rows from 1 to {n_rows}, the pool"
        )
