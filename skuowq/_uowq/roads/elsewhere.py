"""A logistic regression from the target's rows and sources that answer with sums."""

import numpy as np
from sklearn.base import clone

from skuowq._data.design_columns import design_units, mean_and_variance
from skuowq._data.task_elsewhere import read_task_elsewhere
from skuowq._uowq.fitted import Plain
from skuowq._uowq.models.own_effects_sums import fit_own_effects
from skuowq._uowq.models.softmax import MAX_EXPLICIT_PARAMETERS, Unmeasured, softmax_model
from skuowq._uowq.models.softmax_sums import SourceSums, SumsProblem, in_units
from skuowq._uowq.weigh import weigh
from skuowq._uowq.weighing import SoftmaxFit, nothing_to_weigh
from skuowq._utils._base_estimator import seeded
from skuowq._utils._logistic import is_logistic, is_plain, is_unpenalised, ridge_of
from skuowq.fisher.checked import vectors_of
from skuowq.rules import Sizes

from .road import Road


class ElsewhereRoad(Road):
    """Weighed and fitted in rounds: sources are asked for sums, and their rows stay."""

    measures = ("scores", None)
    compares = "sources that are elsewhere"
    remedy = "they take 'reml' or an array"
    takes_frames = False

    @classmethod
    def takes(cls, base, given, rule):
        """Logistic regressions whose sources are elsewhere, at least one."""
        return given == "elsewhere" and is_logistic(base)

    def check(self, rule):
        """Refuse what sums cannot give."""
        base = self.base
        base._validate_params()
        if not is_plain(base) or not base.fit_intercept or is_unpenalised(base):
            raise ValueError(
                f"estimator is {base!r}, and from sources that are elsewhere a logistic regression "
                "with intercepts, a ridge penalty and no class_weight is fitted: change it, or "
                "load the rows"
            )
        super().check(rule)

    def read(self, rows, sample_weight, sources, groups):
        """The task, whose sources can be asked."""
        return read_task_elsewhere(
            rows, sample_weight, sources, groups, classes=self.options.classes
        )

    def fit(self, task, rule):
        """One weighted fit."""
        weighing, problem = weigh_elsewhere(task, rule, self.options, self.bounds(rule), self.base)
        base = seeded(self.base, self.options.random_state)
        weights = weighing.weights.source_weights
        if not weights.any():
            target = task.target
            return weighing, Plain(
                clone(base).fit(target.X, task.classes[target.y], target.sample_weight),
                task.classes,
            )
        return weighing, Plain(_fitted(base, task, weighing, problem), task.classes)


def weigh_elsewhere(task, rule, options, bounds, logistic=None):
    """Weigh sources by the softmax regression of a logistic regression, or by a stand-in.

    Parameters
    ----------
    task : TaskElsewhere
    rule, options, bounds
        As in `weigh_by_softmax`.
    logistic : LogisticRegression, default=None
        None is the stand-in: a penalty of 1 on standardised columns.

    Returns
    -------
    weighing : Weighing
    problem : SumsProblem or None
        None where there is no source.
    """
    target, n_classes = task.target, len(task.classes)
    n_parameters = (task.n_features + 1) * max(n_classes - 1, 1)
    if not task.domains:
        return nothing_to_weigh(target.n_samples, float(n_parameters), SoftmaxFit()), None
    if n_parameters > MAX_EXPLICIT_PARAMETERS:
        raise ValueError(
            f"{task.n_features} features and {n_classes} classes have {n_parameters:,} parameters, "
            f"and sources that are elsewhere answer for at most {MAX_EXPLICIT_PARAMETERS:,}: "
            "reduce the features, or load the rows"
        )
    problem = _problem(task, logistic)
    if rule.measure is None:
        sizes = Sizes(target.n_samples, problem.sources.totals, np.ones(len(task.domains)))
        return weigh(Unmeasured(sizes, float(n_parameters)), rule, **bounds), problem
    model = softmax_model(
        problem, rule.measure, n_jobs=options.n_jobs, random_state=options.random_state
    )
    return weigh(model, rule, **bounds), problem


def _problem(task, logistic):
    target, n_classes = task.target, len(task.classes)
    here = mean_and_variance(target.X, target.sample_weight)
    means = np.array([here[0], *(source.columns.mean for source in task.domains)])
    variances = np.array([here[1], *(source.columns.variance for source in task.domains)])
    total = target.n_samples + sum(source.n_samples for source in task.domains)
    centre, scale, penalty = design_units(
        means,
        variances,
        total,
        ridge=1.0 if logistic is None else ridge_of(logistic),
        standardise=logistic is None,
    )
    return SumsProblem(
        target_matrix=in_units(target.X, centre, scale),
        target_labels=target.y,
        target_weight=target.sample_weight,
        target_groups=target.groups,
        sources=SourceSums(task.domains, task.reading, centre, scale),
        n_classes=n_classes,
        # scikit-learn penalises the difference of two classes' coefficients, sqrt(2) times the
        # contrast.
        penalty=(2 if n_classes == 2 else 1) * penalty,
    )


def _fitted(base, task, weighing, problem):
    """The logistic regression with the target's own intercepts and slopes."""
    model, centre, scale = weighing.model, problem.sources.centre, problem.sources.scale
    start = model.theta
    if start is None:
        start = np.zeros((len(problem.penalty), problem.n_classes - 1))
    penalty = (2 if problem.n_classes == 2 else 1) * ridge_of(base) / scale**2
    theta, n_steps = fit_own_effects(
        problem,
        weighing.weights.source_weights,
        np.append(penalty, 0.0),
        model.intercept_variance,
        model.slope_variance,
        start,
    )
    theta[:-1] /= scale[:, None]
    theta[-1] -= centre @ theta[:-1]
    estimator = clone(base)
    estimator.coef_, estimator.intercept_ = vectors_of(theta)
    estimator.classes_, estimator.n_iter_ = task.classes, np.array([n_steps])
    estimator.n_features_in_ = task.n_features
    return estimator
