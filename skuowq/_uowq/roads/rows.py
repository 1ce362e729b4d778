"""Any classifier whose `fit` takes `sample_weight`: weights by a stand-in, three fits stacked."""

from functools import partial

import numpy as np

from skuowq._held_out.stack import stack_fits
from skuowq._uowq.fitted import Plain, Stacked
from skuowq._utils._base_estimator import sample_weight_name, seeded

from .class_shares import at_the_targets_class_shares, fit_stacked
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
        weighing = weigh_by_softmax(task, rule, self.options, self.bounds(rule))
        weighing = without_negligible_sources(weighing, task)
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

    def fit(estimator, X, y, weight):
        return estimator.fit(X, y, **{weight_name: weight})

    return fit_stacked(base, parts, target, classes, fit)


def without_negligible_sources(weighing, task):
    """The weighing without negligible sources, unless a class would go with them."""
    weights, sizes = weighing.weights.source_weights, weighing.sizes
    kept = without_negligible(weights, sizes.n_rows, sizes.n_target)
    if task.classes is not None:
        used = [task.target.y]
        used += [D.y for D, w in zip(task.domains, kept, strict=True) if w > 0]
        if len(np.unique(np.concatenate(used))) < len(task.classes):
            kept = weights
    return weighing.with_weights(kept)
