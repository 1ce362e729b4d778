"""What becomes of light sources where the estimator counts rows rather than weights."""

import numpy as np

from skuowq._utils._sklearn import _safe_indexing

# A row kept weighs at least this much of a target row.
LEAST_WEIGHT = 0.3
# Sources that together make up less than this of all weight are left out.
_NEGLIGIBLE = 0.05


def without_negligible(source_weights, n_samples, n_target):
    """The weights, those of the lightest sources 0 as long as these are under 5 % of everything.

    To leave them out costs the theory's error no more than that; to keep them may cost a tree,
    which needs few rows for a leaf, a great deal.
    """
    worth = source_weights * n_samples
    order = np.argsort(worth)
    negligible = order[np.cumsum(worth[order]) < _NEGLIGIBLE * (n_target + worth.sum())]
    kept = source_weights.copy()
    kept[negligible] = 0.0
    return kept


def thin_rows(domain, weight, number=0):
    """Rows, labels and weights of a source for an estimator that counts rows.

    A tree's leaf needs so many rows, whatever they weigh, and takes the value of those it has: one
    that holds rows of a harmful source alone is wrong however little they weigh. So a source
    lighter than 0.3 a row gives only as many rows as weigh 0.3 each and together what all were to
    weigh: those at equal steps of weight in label order, so heavier rows come sooner.

    Parameters
    ----------
    domain : Domain
    weight : float
        The weight of the source's rows, above 0.
    number : int, default=0
        Of the source: sources start at different points of a step, or many small ones would all
        give rows of their middle class.

    Returns
    -------
    X, y, row_weight
    """
    n_rows = len(domain.y)
    n_kept = min(n_rows, int(np.ceil(n_rows * weight / LEAST_WEIGHT)))
    if n_kept == n_rows:
        return domain.X, domain.y, weight * domain.sample_weight
    order = np.argsort(domain.y, kind="stable")
    reached = np.cumsum(domain.sample_weight[order])
    # Multiples of the golden ratio are spread evenly, however many there are; the first is 1/2.
    offset = (0.5 + number * (np.sqrt(5) - 1) / 2) % 1
    steps = (np.arange(n_kept) + offset) / n_kept * reached[-1]
    kept, times = np.unique(order[np.searchsorted(reached, steps)], return_counts=True)
    row_weight = times * (weight * domain.n_samples / n_kept)
    return _safe_indexing(domain.X, kept), domain.y[kept], row_weight
