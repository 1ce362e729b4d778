"""How far sources are trusted: a factor for each, by what the target's own held-out rows say.

Sixty rows cannot tell the best of a few candidates for sure, and to pick one is to be far off now
and then. So candidates are averaged by their evidence: the row weights that are trained with are
the mean of theirs. Only half of the evidence is believed, as the same few rows are all of it.
"""

import warnings
from dataclasses import dataclass
from itertools import product

import numpy as np
from joblib import delayed
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning

from ._utils._folds import folds_of

# A label's probability counts for no less: one row must not decide.
_LEAST_PROBABILITY = 1e-3
_BELIEVED = 0.5


@dataclass(frozen=True)
class Trust:
    """What was found.

    Attributes
    ----------
    factors : ndarray of shape (n_sources,)
    gate_share : float
        Of the factors, what goes to rows as the gate weighs them; the rest goes to all alike.
    losses : dict of (float, bool) to float
        Held-out log loss of every common factor, with the gate and without.
    """

    factors: np.ndarray
    gate_share: float
    losses: dict


def choose_trust(fit, target, n_sources, grid, *, gate, n_folds, parallel, seed):
    """Find the sources' factors, and how much to gate, by cross-validation on the target's rows.

    First one factor for all sources, the mean of those in a grid by their evidence; then each
    source in turn keeps it, or is shut off or used in full where the held-out loss of the best
    candidate falls by more than its standard error.

    Parameters
    ----------
    fit : callable
        ``fit(rows, factors, gate_share)`` learns from these rows of the target and all sources, and
        returns a function from row numbers of the target to class probabilities.
    target : Domain
    n_sources : int
    grid : sequence of float
        Factors to try. Without 0 among them sources are not looked at one by one.
    gate : bool
        Whether there is a gate to use. Not to use it is tried as well.
    n_folds, seed : int
    parallel : joblib.Parallel

    Returns
    -------
    trust : Trust
    """
    folds = folds_of(target.y, n_folds, seed) if len(target.y) > 2 else []

    def losses(factors, gated):
        """Held-out log loss of every row of the target."""
        parts = parallel(
            delayed(_fold_losses)(fit, target, rows, held, factors, float(gated))
            for rows, held in folds
        )
        found = np.empty(len(target.y))
        for (_, held), part in zip(folds, parts, strict=True):
            found[held] = part
        return found

    weight = target.sample_weight

    def mean(values):
        return float(np.average(values, weights=weight))

    if len(folds) < 2:
        return Trust(np.ones(n_sources), float(gate), {})  # Nothing to hold out.
    candidates = [(c, gate) for c in grid]
    if gate:
        # Without the gate only in full: it is there for sources that need none.
        candidates += [(c, False) for c in grid if c >= 1]
    tried = {key: losses(np.full(n_sources, key[0]), key[1]) for key in candidates}
    means = {key: mean(found) for key, found in tried.items()}
    evidence = -_BELIEVED * weight.sum() * np.array(list(means.values()))
    belief = dict(zip(means, softmax(evidence), strict=True))
    average = sum(p * factor for (factor, _), p in belief.items())
    by_gate = sum(p * factor for (factor, gated), p in belief.items() if gated)
    gate_share = by_gate / average if average > 0 else float(gate)
    factors = np.full(n_sources, average)
    if n_sources > 1 and 0.0 in grid:
        common, gated = min(means, key=means.get)
        tested, best = np.full(n_sources, common), tried[common, gated]
        for source, factor in product(range(n_sources), (0.0, max(1.0, common))):
            if factor == tested[source]:
                continue
            changed = tested.copy()
            changed[source] = factor
            found = losses(changed, gated)
            if mean(best - found) > _standard_error(best - found, weight):
                tested, best = changed, found
                factors[source] = factor
    return Trust(factors, gate_share, means)


def _fold_losses(fit, target, rows, held, factors, gate_share):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # The final fit says it once.
        model = fit(rows, factors, gate_share)
    probability = model(held)[np.arange(len(held)), target.y[held]]
    return -np.log(np.maximum(probability, _LEAST_PROBABILITY))


def _standard_error(values, weight):
    mean = np.average(values, weights=weight)
    variance = np.average((values - mean) ** 2, weights=weight)
    total, squares = weight.sum(), (weight**2).sum()
    return np.sqrt(variance * squares / (total**2 - squares))
