"""A logistic regression, which is the model that the theory weighs: no stand-in, no stack."""

from functools import partial

import numpy as np

from skuowq._uowq.fitted import Plain
from skuowq._utils._base_estimator import seeded
from skuowq._utils._logistic import is_logistic, ridge_of
from skuowq._utils._threads import one_thread

from .centred_columns import fit_centred
from .class_shares import at_the_targets_class_shares, fit_stacked
from .own_effects_fit import fit_with_own_effects, takes_own_intercepts
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
        weighing = weigh_by_softmax(task, rule, self.options, self.bounds(rule), ridge)
        base = seeded(self.base, self.options.random_state)
        weights = weighing.weights.source_weights
        fit = partial(fit_weighted_logistic, base, task.classes, weighing.model, weights)
        with one_thread():  # Its products wait for memory: more threads are no faster.
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
    sizes = [len(y_k) for _, y_k, _ in parts]

    def fit(estimator, X, y, weight):
        if not own_intercepts:
            return fit_centred(estimator, X, y, weight)
        start = _start(model.theta, np.append(True, used))
        return fit_with_own_effects(estimator, X, y, weight, sizes, model, start)

    return fit_stacked(base, parts, target, classes, fit)


def _start(theta, kept):
    """The softmax fit without the intercepts of sources that are left out."""
    common, own = np.split(theta, [len(theta) - len(kept)])
    return np.vstack([common, own[kept]])
