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
# Before the rows are seen: that the weights stand, that no source helps, that the cautious weights
# are right, and those of a second opinion; equal mass, a smaller share, and sources alike.
_ODDS = {
    "theory": 4.0,
    "none": 3.0,
    "cautious": 2.0,
    "second opinion": 2.0,
    "equal mass": 2.0,
    "smaller": 1.0,
    "alike": 1.0,
}
# So much in favour of the weights against no sources, and they stand as they are.
_CLEAR_EVIDENCE = np.log(100)
# Rows' worth of belief in the predictions of a stack before any row is held out: of the fit with
# the weights, of the target alone, of all rows, and of the linear model.
STACK_PRIOR_ROWS = np.array([1.0, 0.5, 1.0, 2.0])
# Rows' worth of belief that no average of numbers has errors that cancel.
STACK_PRIOR_ERRORS = 3.0


def candidate_weights(source_weights, cautious_weights, n_target, n_samples, second=None):
    """Weights that are tried on held-out rows.

    As they are, none, cautious ones, those of a second opinion where there is one, all sources
    together as much as the target, less of the weights, and as much in total but alike for all
    sources.

    Returns
    -------
    candidates : dict of str to ndarray of shape (n_sources,)
    """
    total = n_samples.sum()
    candidates = {
        "theory": source_weights,
        "none": np.zeros_like(source_weights),
        "cautious": cautious_weights,
    }
    if second is not None:
        candidates["second opinion"] = second
    candidates["equal mass"] = np.full_like(source_weights, min(1.0, n_target / total))
    candidates["smaller"] = _SMALLER_SHARE * source_weights
    if len(source_weights) > 1:
        alike = source_weights @ n_samples / total
        candidates["alike"] = np.full_like(source_weights, alike)
    return candidates


def stands(losses):
    """Whether the theory's weights beat those that were tried so far without a doubt."""
    otherwise = min(loss for name, loss in losses.items() if name != "theory")
    return BELIEVED * (otherwise - losses["theory"]) > _CLEAR_EVIDENCE


def posterior_mean(candidates, losses):
    """Mean of `candidate_weights` by their held-out losses by name, in nats over all rows."""
    odds = np.log([_ODDS[name] for name in candidates])
    posterior = softmax(odds - BELIEVED * np.array([losses[name] for name in candidates]))
    return posterior @ np.array(list(candidates.values()))
