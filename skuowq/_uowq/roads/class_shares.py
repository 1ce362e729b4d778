"""Class shares: those of the sources brought to the target's, and classes that count alike."""

from dataclasses import replace

import numpy as np

from skuowq._uowq.models.own_intercepts import class_share_ratios


def at_the_targets_class_shares(domains, own_intercepts):
    """Source rows reweighted, within their source's weight, as often as the target has classes."""
    if own_intercepts is None:
        return domains
    reweighted = []
    for domain, ratios in zip(domains, class_share_ratios(own_intercepts), strict=True):
        weight = domain.sample_weight * ratios[domain.y]
        weight *= domain.n_samples / weight.sum()
        reweighted.append(replace(domain, sample_weight=weight))
    return reweighted


def is_balanced(estimator):
    """Whether the user wants classes to count alike."""
    return estimator.get_params().get("class_weight") == "balanced"


def balance(n_classes, target):
    """Class weights that make all classes of the target count alike; a lacking one has one row."""
    totals = np.bincount(target.y, target.sample_weight, minlength=n_classes)
    totals[totals == 0] = target.sample_weight.mean()
    return totals.sum() / (n_classes * totals)
