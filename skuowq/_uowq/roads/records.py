"""A logistic regression from the target's rows and sources without rows: records and models."""

from dataclasses import replace

import numpy as np
from scipy import sparse
from sklearn.base import clone

from skuowq._data.target_range import leave_out_far_records, sizes_and_spreads
from skuowq._data.task import read_task
from skuowq._uowq.fitted import Plain
from skuowq._uowq.models.record_sources import all_classes, records_of
from skuowq._uowq.models.records import RecordModel, RecordProblem
from skuowq._uowq.weigh import weigh
from skuowq._uowq.weighing import SoftmaxFit, nothing_to_weigh
from skuowq._utils._logistic import is_logistic, is_plain, ridge_of
from skuowq.fisher.checked import record_penalty, theta_of, vectors_of, with_constant

from .road import Road


class RecordsRoad(Road):
    """Weighed and fitted by the sources' likelihoods to second order."""

    measures = ("scores", None)
    compares = "sources without rows"
    remedy = "they take 'reml' or an array"
    takes_frames = False

    @classmethod
    def takes(cls, base, given, rule):
        """Sources of which at least one has no rows."""
        return given == "models"

    def check(self, rule):
        """Refuse what records say nothing of."""
        base = self.base
        if not is_logistic(base):
            raise ValueError(
                f"estimator is a {type(base).__name__}, and sources without rows are known by "
                "their effects alone: pass a LogisticRegression, or the sources' rows"
            )
        base._validate_params()
        if not (is_plain(base) and base.fit_intercept):
            raise ValueError(
                f"estimator is {base!r}, and sources without rows, which hold plain likelihoods, "
                "need fit_intercept=True, the default penalty and no class_weight"
            )
        super().check(rule)

    def read(self, rows, sample_weight, sources, groups):
        """The task with records for domains, and labels that index the classes of all."""
        task = read_task(rows, sample_weight, None, groups)
        X = task.target.X
        X = X.toarray() if sparse.issparse(X) else X
        classes = all_classes(task.classes, sources)
        labels = np.searchsorted(classes, task.classes)[task.target.y]
        target = replace(task.target, X=X, y=labels)
        centre = _centre(target)
        records = records_of(sources, X, classes, centre, ridge_of(self.base), rows.columns)
        left = leave_out_far_records(target, records, sources.names, sizes_and_spreads)
        names = list(sources.names)
        return replace(task, target=target, left=left, classes=classes, names=names)

    def fit(self, task, rule):
        """A few Newton steps on the target's rows and the sources' quadratics."""
        if not task.domains:
            return self._fit_alone(task)
        target, centre, n_classes = task.target, _centre(task.target), len(task.classes)
        matrix = with_constant(target.X - centre)
        ridge = ridge_of(self.base)
        problem = RecordProblem(
            matrix=matrix,
            labels=target.y,
            row_weight=target.sample_weight,
            records=task.domains,
            n_classes=n_classes,
            penalty=record_penalty(matrix, target.sample_weight, centre, n_classes, ridge),
            groups=target.groups,
        )
        weighing = weigh(RecordModel(problem, rule.measure), rule, **self.bounds(rule))
        theta = weighing.model.theta
        theta[-2] -= centre @ theta[:-2]
        estimator = self._estimator(task, theta, len(weighing.history))
        return weighing, self._fitted(estimator, theta)

    def _estimator(self, task, theta, n_iter):
        """The logistic regression with the target's own intercepts."""
        own = theta[:-1].copy()
        own[-1] += theta[-1]
        estimator = clone(self.base)
        coef, intercept = vectors_of(own)
        classes = task.classes
        if self.options.classes == "target":
            seen = np.unique(task.target.y)
            coef, intercept = _of_classes(coef, intercept, len(classes), seen)
            classes = classes[seen]
        estimator.classes_, estimator.n_features_in_ = classes, task.n_features
        estimator.coef_, estimator.intercept_ = coef, intercept
        estimator.n_iter_ = np.array([n_iter])
        return estimator

    def _fit_alone(self, task):
        """Where no source is left."""
        target = task.target
        labels = task.classes[target.y]
        estimator = clone(self.base).fit(target.X, labels, target.sample_weight)
        theta = theta_of(estimator.coef_, estimator.intercept_)
        theta = np.vstack([theta, np.zeros(theta.shape[1])])
        weighing = nothing_to_weigh(
            target.n_samples, theta[:-1].size, SoftmaxFit(theta=theta), np.zeros((1, 0))
        )
        return weighing, self._fitted(estimator, theta)

    def _fitted(self, estimator, theta):
        return Plain(estimator, estimator.classes_, {"record_point_": theta[:-1]})


def _centre(target):
    """Units may be far from 0, and intercepts have a small penalty."""
    return np.average(target.X, axis=0, weights=target.sample_weight)


def _of_classes(coef, intercept, n_classes, seen):
    """A softmax regression given that the class is one of a few: only their vectors matter."""
    if len(seen) == n_classes:
        return coef, intercept
    coef, intercept = coef[seen], intercept[seen]
    if len(seen) == 2:
        return coef[1:] - coef[:1], intercept[1:] - intercept[:1]
    return coef, intercept
