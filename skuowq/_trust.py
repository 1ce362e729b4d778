"""How far sources are trusted: a factor for each, chosen by the target's own held-out rows."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from joblib import Parallel, delayed
from sklearn.model_selection import KFold, StratifiedKFold

# A label's probability counts for no less: one row must not decide.
_LEAST_PROBABILITY = 1e-3


@dataclass(frozen=True)
class Trust:
    """What was found.

    Attributes
    ----------
    factors : ndarray of shape (n_sources,)
    gated : bool
        Whether the gate's row weights are used at all.
    losses : dict of (float, bool) to float
        Held-out log loss of every common factor, with the gate and without.
    """

    factors: np.ndarray
    gated: bool
    losses: dict


def choose_trust(fit, target, n_sources, grid, *, gate, n_folds, n_jobs, seed):
    """Choose the sources' factors, and whether to gate, by cross-validation on the target's rows.

    First one factor for all sources, from a grid that contains 0; then each source in turn keeps
    it, or gets another where the held-out loss falls by more than its standard error.

    Parameters
    ----------
    fit : callable
        ``fit(rows, factors, gated)`` learns from these rows of the target and all sources, and
        returns a function from row numbers of the target to class probabilities.
    target : Domain
    n_sources : int
    grid : sequence of float
        Factors to try, 0 among them.
    gate : bool
        Whether there is a gate to use. Not to use it is tried as well, with the factor 1.
    n_folds, n_jobs, seed : int

    Returns
    -------
    trust : Trust
    """
    folds = _folds(target.y, n_folds, seed)

    def losses(factors, gated):
        """Held-out log loss of every row of the target."""
        parts = Parallel(n_jobs)(
            delayed(_fold_losses)(fit, target, rows, held, factors, gated) for rows, held in folds
        )
        found = np.empty(len(target.y))
        for (_, held), part in zip(folds, parts, strict=True):
            found[held] = part
        return found

    weight = target.sample_weight

    def mean(values):
        return float(np.average(values, weights=weight))

    if len(folds) < 2:
        return Trust(np.zeros(n_sources), gate, {})
    # Without the gate only in full: it is there for sources that need none.
    candidates = [(0.0, gate)]
    candidates += [(c, gate) for c in grid if c > 0]
    if gate:
        candidates += [(c, False) for c in grid if c >= 1]
    tried = {key: losses(np.full(n_sources, key[0]), key[1]) for key in candidates}
    common, gated = min(tried, key=lambda key: mean(tried[key]))
    factors, best = np.full(n_sources, common), tried[common, gated]
    if n_sources > 1:
        for source, factor in product(range(n_sources), (0.0, max(1.0, common))):
            if factor == factors[source]:
                continue
            changed = factors.copy()
            changed[source] = factor
            found = losses(changed, gated)
            if mean(best - found) > _standard_error(best - found, weight):
                factors, best = changed, found
    return Trust(factors, gated, {key: mean(found) for key, found in tried.items()})


def _fold_losses(fit, target, rows, held, factors, gated):
    probability = fit(rows, factors, gated)(held)[np.arange(len(held)), target.y[held]]
    return -np.log(np.maximum(probability, _LEAST_PROBABILITY))


def _standard_error(values, weight):
    mean = np.average(values, weights=weight)
    variance = np.average((values - mean) ** 2, weights=weight)
    return np.sqrt(variance * (weight**2).sum()) / weight.sum()


def _folds(y, n_folds, seed):
    counts = np.bincount(y)
    fewest = counts[counts > 0].min()
    if len(y) < 3:
        return []
    if fewest >= 2:
        cv = StratifiedKFold(min(n_folds, fewest), shuffle=True, random_state=seed)
    else:
        cv = KFold(min(n_folds, len(y)), shuffle=True, random_state=seed)
    return list(cv.split(y, y))
