"""Any classifier whose `fit` takes `sample_weight`: weights by a stand-in, three fits stacked."""

from functools import partial

import numpy as np
from sklearn.base import clone

from skuowq._data.domains import concatenate_rows
from skuowq._held_out.stack import stack_fits
from skuowq._uowq.fitted import Plain, Stacked
from skuowq._utils._base_estimator import sample_weight_name, seeded

from .class_shares import at_the_targets_class_shares, balance, is_balanced
from .road import Road
from .softmax_weighing import weigh_by_softmax
from .thinning import thin_rows, without_negligible


class RowsRoad(Road):
    """Weighed by a softmax regression on standardised columns, and fitted to weighted rows."""

    @classmethod
    def takes(cls, base, given, rule):
        """Every classifier; what takes no weights is refused by `check`."""
        return True

    def check(self, rule):
        """Its fit must take weights."""
        if hasattr(self.base, "_validate_params"):
            self.base._validate_params()
        self.weight_name = sample_weight_name(self.base)
        super().check(rule)

    def fit(self, task, rule):
        """One fit with the weights; for a rule that cross-validates, three that are stacked."""
        weighing = weigh_by_softmax(
            task,
            task.target,
            task.domains,
            rule,
            self.options,
            self.bounds(rule),
            ridge=1.0,
            standardise=True,
        )
        weighing = without_negligible_sources(weighing, task.target, task.domains, task.classes)
        base = seeded(self.base, self.options.random_state)
        fit = partial(
            fit_weighted_rows, base, self.weight_name, task.classes, weighing.model, task.domains
        )
        return weighing, fit_or_stack(fit, task, rule, weighing, self.options)


def fit_or_stack(fit, task, rule, weighing, options, n_folds=5):
    """The estimator fitted with the weights; if the rule cross-validates, stacked with two others.

    Parameters
    ----------
    fit : callable
        ``fit(target, source_weights)`` returns a fitted estimator.
    task : Task
    rule : Rule
    weighing : Weighing
    options : Options
    n_folds : int, default=5
        Parts in which the target's rows are held out.

    Returns
    -------
    fitted : Plain or Stacked
    """
    weights = weighing.weights.source_weights
    if not (task.domains and rule.cross_validates):
        return Plain(fit(task.target, weights), task.classes)
    estimator, stack = stack_fits(
        fit,
        task.target,
        task.domains,
        weights,
        task.classes,
        options.n_jobs,
        weighing.sizes.independent_share,
        options.max_weight,
        n_folds,
    )
    if stack is None:
        return Plain(estimator, task.classes)
    return Stacked(estimator, stack, task.classes)


def fit_weighted_rows(base, weight_name, classes, model, domains, target, source_weights):
    """A classifier on weighted rows; sources of weight zero stay out of it.

    Parameters
    ----------
    base : classifier
        Not changed.
    weight_name : str
        Under which its fit takes weights.
    classes : ndarray of shape (n_classes,)
    model : SoftmaxFit
        With the own intercepts.
    domains : list of Domain
    target : Domain
    source_weights : ndarray of shape (n_sources,)

    Returns
    -------
    estimator : classifier
    """
    domains = at_the_targets_class_shares(domains, model.own_intercepts)
    parts = [(target.X, target.y, target.sample_weight)]
    parts += [
        thin_rows(domain, w, i)
        for i, (domain, w) in enumerate(zip(domains, source_weights, strict=True))
        if w > 0
    ]
    X, y, weight = zip(*parts, strict=True)
    X, y, weight = concatenate_rows(X), np.concatenate(y), np.concatenate(weight)
    estimator = clone(base)
    balanced = bool(np.any(source_weights > 0)) and is_balanced(estimator)
    if balanced:
        # By the classes' shares in the target, not among rows of all domains. As weights of rows:
        # scikit-learn does not find the label "0" in a dict of class weights.
        weight = weight * balance(len(classes), target)[y]
        estimator.set_params(class_weight=None)
    estimator.fit(X, classes[y], **{weight_name: weight})
    return estimator.set_params(class_weight="balanced") if balanced else estimator


def without_negligible_sources(weighing, target, domains, classes=None):
    """The weighing without negligible sources, unless a class would go with them."""
    weights = weighing.weights.source_weights
    n_rows = np.array([domain.n_samples for domain in domains])
    kept = without_negligible(weights, n_rows, target.n_samples)
    if classes is not None:
        used = [target.y, *(D.y for D, w in zip(domains, kept, strict=True) if w > 0)]
        if len(np.unique(np.concatenate(used))) < len(classes):
            kept = weights
    return weighing.with_weights(kept)
