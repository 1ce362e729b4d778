"""Distance between labelled data sets: the optimal transport dataset distance (OTDD)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.parallel import Parallel, delayed

from skuowq._data.labels import distinct_labels

from ._class_distances import (
    by_class,
    check_pair,
    check_reg,
    check_two_rows,
    distances_of_parts,
    sinkhorn_divergence,
    squared_distances,
    transport_cost,
)

METHODS = ("gaussian", "exact", "sinkhorn")


def dataset_distance(
    X_target: ArrayLike,
    y_target: ArrayLike,
    X_source: ArrayLike,
    y_source: ArrayLike,
    method: str = "gaussian",
    *,
    reg: float = 0.05,
) -> float:
    """Compute the distance between two labelled data sets.

    It is the least cost of moving the rows of one data set to those of the other. Moving a row
    costs the squared distance of the rows, plus the squared distance of their classes as Gaussians.
    The names of the classes do not matter.

    Parameters
    ----------
    X_target, y_target, X_source, y_source
        As in :func:`class_distances`. Each class needs two rows.
    method : {"gaussian", "exact", "sinkhorn"}, default="gaussian"
        What is moved.

        - "gaussian": whole classes, as Gaussians. Its time does not grow with the pairs of rows. If
          the classes are Gaussian, it is an upper bound of "exact".
        - "exact": rows.
        - "sinkhorn": rows, with entropy. Half of the cost of each data set to itself is subtracted.
    reg : float, default=0.05
        Weight of the entropy for "sinkhorn", as a fraction of the largest cost.

    Returns
    -------
    distance : float
        It is 0 between a data set and itself.

    Raises
    ------
    ValueError
        If the method is unknown, the data do not fit together, or a class has one row.

    See Also
    --------
    class_distances : The distances between the classes.
    rank_sources : Sources in the order of this distance.

    Notes
    -----
    The squared distance is ``min_P sum_ij P_ij (|x_i - x_j|^2 + W^2(class of i, class of j))``. For
    "gaussian" it is ``min_p sum_ab p_ab 2 W^2(a, b)`` over couplings p of the classes.

    References
    ----------
    Alvarez-Melis and Fusi, "Geometric dataset distances via optimal transport", NeurIPS 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skuowq.transport import dataset_distance
    >>> X, y = load_iris(return_X_y=True)
    >>> round(dataset_distance(X, y, X, y), 3) + 0.0
    0.0
    >>> round(dataset_distance(X, y, X + [1, 0, 0, 0], y), 3) + 0.0
    1.414
    """
    target, source = check_pair(X_target, y_target, X_source, y_source)
    if method not in METHODS:
        raise ValueError(f"method is {method!r}: pass one of {', '.join(METHODS)}")
    check_reg(reg)
    split = []
    for (X, y), whose in ((source, "the source"), (target, "the target")):
        rows, classes = by_class(X, y)
        check_two_rows(rows, classes, whose, "leave the class out")
        split.append(rows)
    between = distances_of_parts(split[0], split[1], "gaussian") ** 2
    if method == "gaussian":
        shares = [np.bincount(distinct_labels(y, "y")[1]) / len(y) for _, y in (source, target)]
        return float(np.sqrt(max(transport_cost(2 * between, *shares), 0.0)))
    cost = _row_costs(source, target, between)
    if method == "exact":
        return float(np.sqrt(max(transport_cost(cost), 0.0)))
    own = [
        _row_costs(part, part, distances_of_parts(rows, rows, "gaussian") ** 2)
        for part, rows in zip((source, target), split, strict=True)
    ]
    return float(np.sqrt(sinkhorn_divergence(cost, own[0], own[1], reg * cost.max())))


def pairwise_dataset_distances(
    datasets: Sequence[tuple] | Mapping[str, tuple],
    method: str = "gaussian",
    *,
    reg: float = 0.05,
    n_jobs: int | None = None,
) -> NDArray:
    """Compute the distances between all pairs of several data sets.

    Parameters
    ----------
    datasets : list or dict of (X, y)
        The labelled data sets.
    method, reg
        As in :func:`dataset_distance`.
    n_jobs : int, default=None
        Number of processes over pairs of data sets.

    Returns
    -------
    distances : ndarray of shape (n_datasets, n_datasets)
        Symmetric, with zeros on the diagonal.
    """
    if isinstance(datasets, Mapping):
        datasets = list(datasets.values())
    pairs = list(itertools.combinations(range(len(datasets)), 2))
    found = Parallel(n_jobs)(
        delayed(dataset_distance)(*datasets[i], *datasets[j], method, reg=reg) for i, j in pairs
    )
    distances = np.zeros((len(datasets), len(datasets)))
    for (i, j), distance in zip(pairs, found, strict=True):
        distances[i, j] = distances[j, i] = distance
    return distances


def _row_costs(first, second, between):
    (X, y), (Z, z) = first, second
    rows, columns = distinct_labels(y, "y")[1], distinct_labels(z, "y")[1]
    return squared_distances(X, Z) + between[np.ix_(rows, columns)]
