"""Ridge and LinearRegression from the target's rows and sources that answer with sums."""

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

from skuowq._data.design_columns import design_units
from skuowq._data.elsewhere import ask
from skuowq._data.read_part import ProductSums, product_sums, products_of
from skuowq._data.task_elsewhere import read_task_elsewhere
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

    compares = "sources that are elsewhere"
    takes_frames = False

    @classmethod
    def takes(cls, base, given, rule):
        """As `RidgeRoad`, for sources of which any is elsewhere."""
        return given == "elsewhere" and super().takes(base, given, rule)

    def check(self, rule):
        """Refuse what sums cannot give."""
        super().check(rule)
        if not self.base.fit_intercept or self.base.positive:
            raise ValueError(
                f"estimator is {self.base!r}, and from sources that are elsewhere a regression "
                "with an intercept and coefficients of either sign is fitted: change it, or load "
                "the rows"
            )

    def read(self, rows, sample_weight, sources, groups):
        """The task, whose sources can be asked."""
        return read_task_elsewhere(rows, sample_weight, sources, groups, labels="numbers")

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
    """`ProductSums` of the target and of every source: the one round."""
    target = task.target
    here = products_of(target.X, target.y, target.sample_weight)
    return [here, *ask(task.domains, product_sums, task.reading)]


def weigh_by_sums(task, sums, rule, options, bounds, ridge=None):
    """As `weigh_by_linear`, from sums of the target and of every source."""
    target = task.target
    means = np.array([own.mean[:-1] for own in sums])
    variances = np.array([own.products.diagonal()[:-1] / own.total for own in sums])
    centre, scale, penalty = design_units(
        means,
        variances,
        sum(own.total for own in sums),
        ridge=1.0 if ridge is None else getattr(ridge, "alpha", 0.0),
        standardise=ridge is None,
    )
    y_mean = np.average(target.y, weights=target.sample_weight)
    origin, units = np.append(centre, y_mean), np.append(scale, 1.0)
    problem = LinearSums(
        target_rows=(in_units(target.X, centre, scale), target.y - y_mean, target.sample_weight),
        target_groups=target.groups,
        sums=[_in_units_of(own, origin, units) for own in sums],
        penalty=penalty,
        own_levels=options.own_levels,
    )
    return weigh(LinearModel(problem, rule.measure), rule, **bounds)


def _in_units_of(own, origin, units):
    mean, products = (own.mean - origin) / units, own.products / units[:, None] / units
    return ProductSums(own.total, mean, products)


def _fitted(base, task, sums, weights, levels):
    """The regression of all rows with the weights of their domains, moved to the target's level."""
    y_means = np.array([own.mean[-1] for own in sums]) + levels[0] - levels
    means = np.array([own.mean[:-1] for own in sums])
    counts = weights * np.array([own.total for own in sums])
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
