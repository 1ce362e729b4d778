"""Sources in the order of their distance from the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.parallel import Parallel, delayed

from skuowq._data.sources import Sources
from skuowq._data.types import SourcesLike

from ._dataset_distance import dataset_distance


@dataclass(frozen=True)
class SourceRanking:
    """Sources and their distances, the nearest first. It prints as a table.

    Attributes
    ----------
    names : tuple of str
    distances : ndarray of shape (n_sources,)
    order : ndarray of int of shape (n_sources,)
        Position of each source in the given order.
    """

    names: tuple[str, ...]
    distances: np.ndarray
    order: np.ndarray

    def __str__(self):
        width = max(len("source"), *(len(name) for name in self.names))
        lines = [f"{'source':{width}s}  distance"]
        lines += [
            f"{name:{width}s}  {distance:8.4g}"
            for name, distance in zip(self.names, self.distances, strict=True)
        ]
        return "\n".join(lines)


def rank_sources(
    X: ArrayLike,
    y: ArrayLike,
    sources: SourcesLike,
    *,
    method: str = "gaussian",
    reg: float = 0.05,
    n_jobs: int | None = None,
) -> SourceRanking:
    """Rank sources by their dataset distance from a target.

    It is a fast check before a fit. The distance depends on where the classes are and not on their
    names: a source with all labels exchanged is as near as before, and noise may be near. So it
    does not say what a source is worth; the weights of ``UOWQClassifier`` do. Standardise the
    columns first.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows of the target.
    y : array-like of shape (n_samples,)
        Labels of the target.
    sources : list of (X, y), dict or Sources
        The sources. Their sample weights are not used.
    method, reg
        As in :func:`dataset_distance`.
    n_jobs : int, default=None
        Number of processes over sources.

    Returns
    -------
    ranking : SourceRanking

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skuowq.transport import rank_sources
    >>> X, y = load_iris(return_X_y=True)
    >>> print(rank_sources(X, y, {"far": (X + 2, y), "near": (X + 0.1, y)}))
    source  distance
    near      0.2828
    far        5.657
    """
    sources = Sources(sources)
    found = Parallel(n_jobs)(
        delayed(dataset_distance)(X, y, X_i, y_i, method, reg=reg)
        for X_i, y_i, _ in sources._triples
    )
    order = np.argsort(found, kind="stable")
    return SourceRanking(
        names=tuple(sources.names[i] for i in order),
        distances=np.array(found)[order],
        order=order,
    )
