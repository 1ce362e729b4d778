"""How much evidence held-out rows of the target are, and what is believed of it.

Every constant of belief stands here. Rows are few, so all of them are mild.
"""

import numpy as np
from scipy.special import softmax

# Held-out losses of a few rows differ by luck as well: half of the evidence is believed.
BELIEVED = 0.5
# The probability of a label counts for no less: one row must not decide.
LEAST_PROBABILITY = 1e-3
# A share of the source weights that is tried beside all and none of them.
_SMALLER_SHARE = 0.1
# Before the rows are seen, in the order of `candidate_weights`: that the weights stand, that no
# source helps, that the cautious weights are right, equal mass, a smaller share, and sources alike.
_ODDS = np.array([4.0, 3.0, 2.0, 2.0, 1.0, 1.0])
# So much in favour of the weights against no sources, and they stand as they are.
_CLEAR_EVIDENCE = np.log(100)
# Rows' worth of belief in the predictions of a stack before any row is held out: of the fit with
# the weights, of the target alone, of all rows, and of the linear model.
STACK_PRIOR_ROWS = np.array([1.0, 0.5, 1.0, 2.0])
# Rows' worth of belief that no average of numbers has errors that cancel.
STACK_PRIOR_ERRORS = 3.0


def candidate_weights(source_weights, cautious_weights, n_target, n_samples):
    """Weights that are tried on held-out rows.

    As they are, none, cautious ones, all sources together as much as the target, less of the
    weights, and as much in total but alike for all sources.
    """
    total = n_samples.sum()
    candidates = [
        source_weights,
        np.zeros_like(source_weights),
        cautious_weights,
        np.full_like(source_weights, min(1.0, n_target / total)),
        _SMALLER_SHARE * source_weights,
    ]
    if len(source_weights) > 1:
        candidates.append(np.full_like(source_weights, source_weights @ n_samples / total))
    return candidates


def stands(everything, otherwise):
    """Whether losses with the weights and without them leave no doubt."""
    return BELIEVED * (otherwise - everything) > _CLEAR_EVIDENCE


def posterior_mean(candidates, losses):
    """Mean of `candidate_weights` by their held-out losses, in nats over all rows."""
    posterior = softmax(np.log(_ODDS[: len(candidates)]) - BELIEVED * np.array(losses))
    return posterior @ np.array(candidates)
