"""Any classifier whose `fit` takes `sample_weight`: weights by a stand-in, several fits stacked."""

from dataclasses import replace
from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression

from skuowq._held_out.stack import stack_fits
from skuowq._uowq.fitted import Plain, Stacked
from skuowq._utils._base_estimator import sample_weight_name, seeded

from .class_shares import at_the_targets_class_shares, fit_stacked
from .domain_columns import KnowsDomains, domains_shown, with_columns_of_domains
from .linear_member import linear_fit
from .logistic import fit_weighted_logistic
from .road import Road
from .softmax_weighing import weigh_by_softmax
from .thinning import thin_rows, without_negligible

# Of the stand-in's own fit.
STAND_IN_MAX_ITER = 1000
# Five are no better for probabilities, and twice as slow.
N_FOLDS = 2
# Without sources of 5 % of all weight the variance grows by less.
_DEARER = 1.1


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
        """One fit with the weights; for a rule that cross-validates, several that are stacked."""
        weighing = weigh_by_softmax(task, rule, self.options, self.bounds(rule))
        weighing = without_negligible_sources(weighing, task)
        base = seeded(self.base, self.options.random_state)
        fit = partial(
            fit_weighted_rows, base, self.weight_name, task.classes, weighing.model, task.domains
        )
        weights = weighing.weights.source_weights
        linear = partial(
            fit_weighted_logistic,
            LogisticRegression(max_iter=STAND_IN_MAX_ITER),
            task.classes,
            replace(weighing.model, centre=None, scale=None),  # Its columns are standardised.
            weights,
        )
        options = self.options
        fitted = fit_or_stack(fit, task, rule, weighing, options, linear=linear, n_folds=N_FOLDS)
        return weighing, fitted


def fit_or_stack(fit, task, rule, weighing, options, *, linear=None, n_folds=5):
    """The estimator fitted with the weights; if the rule cross-validates, stacked with others.

    Parameters
    ----------
    fit : callable
        ``fit(target, source_weights, shown=None)`` returns a fitted estimator; `shown` are domains
        that get an indicator column each.
    task : Task
    rule : Rule
    weighing : Weighing
    options : Options
    linear : callable, default=None
        ``linear(target, domains)`` fits the model that weighs the sources to transformed rows. None
        is for estimators, networks for one, that get neither domain columns nor this model beside
        them.
    n_folds : int, default=5
        Parts in which the target's rows are held out.

    Returns
    -------
    fitted : Plain or Stacked
    """
    weights = weighing.weights.source_weights
    in_full = np.minimum(1.0, np.full_like(weights, options.max_weight or np.inf))
    if not (task.domains and rule.cross_validates) or options.max_weight == 0:
        return Plain(fit(task.target, weights), task.classes)
    fits = [partial(fit, source_weights=w) for w in (weights, 0.0 * weights)]
    if linear is None:
        fits.append(partial(fit, source_weights=in_full))
    else:
        shown = domains_shown(task.domains)
        fits.append(partial(fit, source_weights=in_full, shown=shown))
        fits += [member for member in [linear_fit(linear, task)] if member is not None]
    estimator, stack = stack_fits(
        fits,
        task.target,
        task.domains,
        task.classes,
        options.n_jobs,
        weighing.sizes.independent_share,
        n_folds,
        options.verbose,
    )
    if stack is None:
        return Plain(estimator, task.classes)
    return Stacked(estimator, stack, task.classes)


def fit_weighted_rows(
    base,
    weight_name,
    classes,
    model,
    domains,
    target,
    source_weights,
    shown=None,
    rows_of=thin_rows,
):
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
    shown : ndarray of int, default=None
        Domains with an indicator column. None adds no columns.
    rows_of : callable, default=thin_rows
        From a source, its weight and its number to rows, labels and weights.

    Returns
    -------
    estimator : classifier
    """
    domains = at_the_targets_class_shares(domains, model.own_intercepts)
    parts = [(target.X, target.y, target.sample_weight)]
    parts += [
        rows_of(domain, w, i)
        for i, (domain, w) in enumerate(zip(domains, source_weights, strict=True))
        if w > 0
    ]

    def fit(estimator, X, y, weight):
        # Boosted trees cut columns into bins seven times as fast without weights.
        weights = {} if np.all(weight == 1) else {weight_name: weight}
        return estimator.fit(X, y, **weights)

    if shown is None:
        return fit_stacked(base, parts, target, classes, fit)
    parts = with_columns_of_domains(parts, shown, source_weights)
    return KnowsDomains(fit_stacked(base, parts, target, classes, fit), shown)


def without_negligible_sources(weighing, task):
    """The weighing without negligible sources; see `without_what_counts_little`."""
    labels = None
    if task.classes is not None:
        labels = [np.unique(domain.y) for domain in (task.target, *task.domains)]
    return without_what_counts_little(weighing, task.classes, labels)


def without_what_counts_little(weighing, classes, labels):
    """The weighing without negligible sources.

    Unless a class would go with them, or the theory's error would grow: a light source may cancel
    the bias of a heavy one.

    Parameters
    ----------
    weighing : Weighing
    classes : ndarray of shape (n_classes,) or None
        None where labels are numbers.
    labels : list of ndarray or None
        Distinct ones of every domain, the target's first, or what stands for them.

    Returns
    -------
    weighing : Weighing
    """
    weights, sizes = weighing.weights.source_weights, weighing.sizes
    kept = without_negligible(weights, sizes.n_rows, sizes.n_target)
    if classes is not None:
        used = [own for own, w in zip(labels, np.append(1.0, kept), strict=True) if w > 0]
        if len(np.unique(np.concatenate(used))) < len(classes):
            kept = weights
    alone, before, after = (weighing.error(w) for w in (np.zeros_like(weights), weights, kept))
    bound = min(_DEARER * before, alone) if before <= alone else _DEARER * before
    return weighing.with_weights(kept if after <= bound * (1 + 1e-9) else weights)
