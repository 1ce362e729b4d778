"""Class shares: those of the sources brought to the target's, and classes that count alike."""

from dataclasses import replace

import numpy as np
from sklearn.base import clone

from skuowq._data.domains import concatenate_rows
from skuowq._uowq.models.own_intercepts import log_class_share_ratios

# Logarithm: no class of a source vanishes.
_LEAST_RATIO = -30.0


def at_the_targets_class_shares(domains, own_intercepts):
    """Source rows reweighted, within their source's weight, as often as the target has classes."""
    if own_intercepts is None:
        return domains
    reweighted = []
    for domain, ratios in zip(domains, log_class_share_ratios(own_intercepts), strict=True):
        # Of a source far away, intercepts may be in the hundreds.
        logarithms = ratios[domain.y] - ratios[domain.y].max()
        weight = domain.sample_weight * np.exp(np.maximum(logarithms, _LEAST_RATIO))
        weight *= domain.n_samples / weight.sum()
        reweighted.append(replace(domain, sample_weight=weight))
    return reweighted


def fit_stacked(base, parts, target, classes, fit):
    """A clone of the estimator, fitted to stacked rows; "balanced" means the target's classes.

    Parameters
    ----------
    base : classifier
        Not changed.
    parts : list of (X, y, weight)
        The target's rows, and those of the sources that take part.
    target : Domain
    classes : ndarray of shape (n_classes,)
    fit : callable
        ``fit(estimator, X, y, weight)`` fits to rows and labels.

    Returns
    -------
    estimator : classifier
    """
    X, y, weight = zip(*parts, strict=True)
    X, y, weight = concatenate_rows(X), np.concatenate(y), np.concatenate(weight)
    estimator = clone(base)
    balanced = len(parts) > 1 and estimator.get_params().get("class_weight") == "balanced"
    if balanced:
        # By the classes' shares in the target, not among rows of all domains. As weights of rows:
        # scikit-learn does not find the label "0" in a dict of class weights.
        weight = weight * balance(len(classes), target)[y]
        estimator.set_params(class_weight=None)
    fit(estimator, X, classes[y], weight)
    return estimator.set_params(class_weight="balanced") if balanced else estimator


def balance(n_classes, target):
    """Class weights that make all classes of the target count alike; a lacking one has one row."""
    totals = np.bincount(target.y, target.sample_weight, minlength=n_classes)
    totals[totals == 0] = target.sample_weight.mean()
    return totals.sum() / (n_classes * totals)
