"""How much evidence held-out rows of the target are, and what is believed of it.

Every constant of belief stands here. Rows are few, so all of them are mild.
"""

import numpy as np
from scipy.special import softmax

# Held-out losses of a few rows differ by luck as well: half of the evidence is believed.
BELIEVED = 0.5
# The probability of a label counts for no less: one row must not decide.
LEAST_PROBABILITY = 1e-3
# Shares of the source weights that are tried beside all and none of them.
_SMALLER_SHARES = (0.1, 0.01)
# Before the rows are seen, against each other candidate: that the weights stand, and that no source
# helps.
_ODDS_ON_ALL = 4.0
_ODDS_ON_NOTHING = 3.0
# So much in favour of the weights against no sources, and they stand as they are.
_CLEAR_EVIDENCE = np.log(100)
# A stack's three predictions: rows' worth of belief in each before any row is held out.
STACK_PRIOR_ROWS = np.array([2.0, 1.0, 0.0])
# Rows' worth of belief that no average of numbers has errors that cancel.
STACK_PRIOR_ERRORS = 3.0


def candidate_weights(source_weights, n_samples):
    """Weights as they are, none, less of them, and as much in total but alike for all sources."""
    shares = [1.0, 0.0, *_SMALLER_SHARES]
    candidates = [share * source_weights for share in shares]
    if len(source_weights) > 1:
        alike = source_weights @ n_samples / n_samples.sum()
        candidates.append(np.full_like(source_weights, alike))
    return candidates


def stands(everything, nothing):
    """Whether losses with the weights and without sources leave no doubt."""
    return BELIEVED * (nothing - everything) > _CLEAR_EVIDENCE


def posterior_mean(candidates, losses):
    """Mean of `candidate_weights` by their held-out losses, in nats over all rows."""
    odds = np.array([_ODDS_ON_ALL, _ODDS_ON_NOTHING, *np.ones(len(candidates) - 2)])
    posterior = softmax(np.log(odds) - BELIEVED * np.array(losses))
    return posterior @ np.array(candidates)
