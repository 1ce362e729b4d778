"""Ridge and LinearRegression from the target's rows, and sums of sources: asked, or on record."""

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

from skuowq._data.design_columns import design_units
from skuowq._data.elsewhere import Asked, ask
from skuowq._data.read_part import product_sums
from skuowq._data.regression_record import record_of_rows
from skuowq._data.task_of_sums import read_task_of_sums
from skuowq._uowq.fitted import Plain
from skuowq._uowq.models.linear import LinearModel
from skuowq._uowq.models.linear_sums import LinearSums
from skuowq._uowq.models.softmax_sums import in_units
from skuowq._uowq.weigh import weigh
from skuowq._utils._base_estimator import seeded
from skuowq._utils._factor import factorise

from .regression import RidgeRoad, nothing_linear


class RidgeElsewhereRoad(RidgeRoad):
    """Weighed and fitted by squares and products, for which sources are asked once."""

    compares = "sources that are elsewhere or on record"
    takes_frames = False

    @classmethod
    def takes(cls, base, given, rule):
        """As `RidgeRoad`, for sources of which any is elsewhere or has no rows."""
        return given in ("elsewhere", "models") and super().takes(base, given, rule)

    def check(self, rule):
        """Refuse what sums cannot give."""
        super().check(rule)
        if not self.base.fit_intercept or self.base.positive:
            raise ValueError(
                f"estimator is {self.base!r}, and from sources that are elsewhere or on record a "
                "regression with an intercept and coefficients of either sign is fitted: change "
                "it, or load the rows"
            )

    def read(self, rows, sample_weight, sources, groups):
        """The task, whose sources can be asked or are records."""
        return read_task_of_sums(rows, sample_weight, sources, groups)

    def fit(self, task, rule):
        """One weighted fit, in closed form."""
        base = clone(seeded(self.base, self.options.random_state))
        target = task.target
        if not task.domains:
            fitted = base.fit(target.X, target.y, target.sample_weight)
            return nothing_linear(target), Plain(fitted)
        sums = sums_of_domains(task)
        weighing = weigh_by_sums(task, sums, rule, self.options, self.bounds(rule), self.base)
        weights, levels = weighing.weights.source_weights, weighing.model.levels
        return weighing, Plain(_fitted(base, task, sums, np.append(1.0, weights), levels))


def sums_of_domains(task):
    """`RegressionRecord` of the target and of every source: the one round."""
    target = task.target
    here = record_of_rows(target.X, target.y, target.sample_weight)
    asked = [source for source in task.domains if isinstance(source, Asked)]
    answers = iter(ask(asked, product_sums, task.reading))
    return [here] + [
        next(answers) if isinstance(source, Asked) else source for source in task.domains
    ]


def weigh_by_sums(task, sums, rule, options, bounds, ridge=None):
    """As `weigh_by_linear`, from sums of the target and of every source."""
    target = task.target
    means = np.array([own.mean[:-1] for own in sums])
    variances = np.array([own.variance for own in sums])
    centre, scale, penalty = design_units(
        means,
        variances,
        sum(own.n_samples for own in sums),
        ridge=1.0 if ridge is None else getattr(ridge, "alpha", 0.0),
        standardise=ridge is None,
    )
    y_mean = np.average(target.y, weights=target.sample_weight)
    problem = LinearSums(
        target_rows=(in_units(target.X, centre, scale), target.y - y_mean, target.sample_weight),
        target_groups=target.groups,
        sums=[own.in_units(scale, centre, y_origin=y_mean) for own in sums],
        penalty=penalty,
        own_levels=options.own_levels,
    )
    return weigh(LinearModel(problem, rule.measure), rule, **bounds)


def _fitted(base, task, sums, weights, levels):
    """The regression of all rows with the weights of their domains, moved to the target's level."""
    y_means = np.array([own.mean[-1] for own in sums]) + levels[0] - levels
    means = np.array([own.mean[:-1] for own in sums])
    counts = weights * np.array([own.n_samples for own in sums])
    centre, level = counts @ means / counts.sum(), counts @ y_means / counts.sum()
    away = means - centre
    A = (away.T * counts) @ away
    b = away.T @ (counts * (y_means - level))
    for w, own in zip(weights, sums, strict=True):
        A += w * own.products[:-1, :-1]
        b += w * own.products[:-1, -1]
    if isinstance(base, LinearRegression):
        base.coef_ = np.linalg.lstsq(A, b, rcond=None)[0]
        base.rank_, base.singular_ = len(b), np.sqrt(np.maximum(np.linalg.eigvalsh(A), 0))[::-1]
    else:
        base.coef_ = factorise(A + base.alpha * np.eye(len(b)))(b)
        base.n_iter_, base.solver_ = None, "cholesky"
    base.intercept_ = float(level - centre @ base.coef_)
    base.n_features_in_ = task.n_features
    return base
