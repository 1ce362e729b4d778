"""Weights and weighted fit in turn, until no weight moves."""

import numpy as np

# Updates end early once no weight moves by more than this.
_SETTLED = 3e-2


def alternate(weigh, start, n_updates, report, *, damped):
    """Find weights at which the fit with them gives them again.

    Parameters
    ----------
    weigh : callable
        Takes weights, makes the fit with them, and returns the `SourceWeights` that it gives.
    start : ndarray of shape (n_sources,)
    n_updates : int
        How often weights and fit alternate after the first weights.
    report : callable
        Called with the number of the update, its weights and the gap of their program.
    damped : bool
        Whether weights that swing go half the way: they look too low from above and too high from
        below.

    Returns
    -------
    weights : ndarray of shape (n_sources,)
    gap : float
        Of the last program.
    """
    current = previous = start
    swings = False
    for update in range(n_updates + 1):
        result = weigh(current)
        found = result.source_weights
        settled = np.abs(found - current).max() <= _SETTLED
        swings = swings or (damped and update > 1 and (found - current) @ (current - previous) < 0)
        if swings and not settled:
            found = (found + current) / 2
        previous, current = current, found
        report(update, current, result.gap)
        if settled:
            break
    return current, result.gap
