"""A logistic regression, which is the model that the theory weighs: no stand-in, no stack."""

from functools import partial

import numpy as np
from sklearn.base import clone

from skuowq._data.domains import concatenate_rows
from skuowq._uowq.fitted import Plain
from skuowq._utils._base_estimator import seeded
from skuowq._utils._logistic import is_logistic, ridge_of

from .class_shares import at_the_targets_class_shares, balance, is_balanced
from .own_intercepts_fit import fit_with_own_intercepts, takes_own_intercepts
from .road import Road
from .softmax_weighing import weigh_by_softmax


class LogisticRoad(Road):
    """Weighed by the same features and penalty, and fitted with every domain's own intercepts."""

    @classmethod
    def takes(cls, base, given, rule):
        """Logistic regressions, but those that choose their penalty by cross-validation."""
        return is_logistic(base)

    def check(self, rule):
        """Its penalty is read before its own fit would check it."""
        self.base._validate_params()
        super().check(rule)

    def fit(self, task, rule):
        """One weighted fit."""
        ridge = ridge_of(self.base)
        weighing = weigh_by_softmax(
            task,
            task.target,
            task.domains,
            rule,
            self.options,
            self.bounds(rule),
            ridge=ridge,
            standardise=False,
        )
        base = seeded(self.base, self.options.random_state)
        weights = weighing.weights.source_weights
        fit = partial(fit_weighted_logistic, base, task.classes, weighing.model, weights)
        return weighing, Plain(fit(task.target, task.domains), task.classes)


def fit_weighted_logistic(base, classes, model, source_weights, target, domains):
    """A logistic regression on weighted rows; sources of weight zero stay out of it.

    Parameters
    ----------
    base : LogisticRegression
        Not changed.
    classes : ndarray of shape (n_classes,)
    model : SoftmaxFit
        With the own intercepts.
    source_weights : ndarray of shape (n_sources,)
    target : Domain
    domains : list of Domain

    Returns
    -------
    estimator : LogisticRegression
    """
    used = source_weights > 0
    own_intercepts = used.any() and model.intercept_variance > 0 and takes_own_intercepts(base)
    if not own_intercepts:
        domains = at_the_targets_class_shares(domains, model.own_intercepts)
    parts = [(target.X, target.y, target.sample_weight)]
    parts += [
        (domain.X, domain.y, w * domain.sample_weight)
        for domain, w in zip(domains, source_weights, strict=True)
        if w > 0
    ]
    X, y, weight = zip(*parts, strict=True)
    sizes = [len(y_k) for y_k in y]
    X, y, weight = concatenate_rows(X), np.concatenate(y), np.concatenate(weight)
    estimator = clone(base)
    balanced = used.any() and is_balanced(estimator)
    if balanced:
        # By the classes' shares in the target, not among rows of all domains. As weights of rows:
        # scikit-learn does not find the label "0" in a dict of class weights.
        weight = weight * balance(len(classes), target)[y]
        estimator.set_params(class_weight=None)
    if own_intercepts:
        start = _start(model.theta, np.append(True, used))
        variance = model.intercept_variance
        fit_with_own_intercepts(estimator, X, classes[y], weight, sizes, variance, start)
    else:
        estimator.fit(X, classes[y], sample_weight=weight)
    return estimator.set_params(class_weight="balanced") if balanced else estimator


def _start(theta, kept):
    """The softmax fit without the intercepts of sources that are left out."""
    common, own = np.split(theta, [len(theta) - len(kept)])
    return np.vstack([common, own[kept]])
