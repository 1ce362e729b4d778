"""Regressors: Ridge as it is, any other with a linear stand-in and several fits stacked."""

from functools import partial

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, Ridge

from skuowq._data.design_columns import make_design
from skuowq._data.domains import Domain, concatenate_rows
from skuowq._uowq.fitted import Plain
from skuowq._uowq.models.linear import LinearModel, LinearProblem
from skuowq._uowq.weigh import weigh
from skuowq._uowq.weighing import LinearFit, nothing_to_weigh
from skuowq._utils._base_estimator import sample_weight_name, seeded

from .domain_columns import KnowsDomains, with_columns_of_domains
from .road import Road
from .rows import fit_or_stack, without_negligible_sources
from .thinning import thin_rows


class RidgeRoad(Road):
    """The linear model that measures the sources is the estimator itself."""

    labels = "numbers"

    @classmethod
    def takes(cls, base, given, rule):
        """Ridge with one penalty for all responses, and LinearRegression."""
        return type(base) in (Ridge, LinearRegression) and np.ndim(getattr(base, "alpha", 0.0)) == 0

    def check(self, rule):
        """Its penalty is read before its own fit would check it."""
        self.base._validate_params()
        super().check(rule)

    def fit(self, task, rule):
        """One weighted fit."""
        weighing = weigh_by_linear(task, rule, self.options, self.bounds(rule), self.base)
        base = seeded(self.base, self.options.random_state)
        fitted = fit_weighted_regression(
            base,
            "sample_weight",
            task.domains,
            weighing.model.levels,
            all_rows,
            task.target,
            weighing.weights.source_weights,
        )
        return weighing, Plain(fitted)


class RegressionRowsRoad(Road):
    """Any regressor whose `fit` takes `sample_weight`."""

    labels = "numbers"

    @classmethod
    def takes(cls, base, given, rule):
        """Every regressor; what takes no weights is refused by `check`."""
        return True

    def check(self, rule):
        """Its fit must take weights."""
        self.weight_name = sample_weight_name(self.base, regressor=True)
        super().check(rule)

    def fit(self, task, rule):
        """One fit with the weights; for a rule that cross-validates, several that are stacked."""
        weighing = weigh_by_linear(task, rule, self.options, self.bounds(rule))
        if task.domains:
            weighing = without_negligible_sources(weighing, task)
        base = seeded(self.base, self.options.random_state)
        levels, weights = weighing.model.levels, weighing.weights.source_weights
        fit = partial(
            fit_weighted_regression, base, self.weight_name, task.domains, levels, thin_rows
        )

        def linear(target, domains):
            return fit_weighted_regression(
                Ridge(), "sample_weight", domains, levels, all_rows, target, weights
            )

        return weighing, fit_or_stack(fit, task, rule, weighing, self.options, linear=linear)


def weigh_by_linear(task, rule, options, bounds, ridge=None):
    """Weigh sources by a Gaussian linear model: that of a Ridge, or a stand-in."""
    target, domains = task.target, task.domains
    if not domains:
        return nothing_linear(target)
    parts = [target, *domains]
    matrix, penalty, _, _ = make_design(
        parts,
        ridge=1.0 if ridge is None else getattr(ridge, "alpha", 0.0),
        standardise=ridge is None,
    )
    y = np.concatenate([part.y for part in parts])
    problem = LinearProblem(
        matrix=matrix,
        y=y - np.average(target.y, weights=target.sample_weight),
        row_weight=np.concatenate([part.sample_weight for part in parts]),
        sizes=[len(part.y) for part in parts],
        penalty=penalty,
        own_levels=options.own_levels,
        groups=target.groups,
    )
    return weigh(LinearModel(problem, rule.measure), rule, **bounds)


def nothing_linear(target):
    """The weighing of no source at all."""
    nothing = LinearFit(np.full(1, np.nan), np.zeros(1), 0.0)
    n_parameters = float(target.X.shape[1])
    return nothing_to_weigh(target.n_samples, n_parameters, nothing, np.zeros((0, 0)))


def all_rows(domain, weight, number=0):
    """Rows, labels and weights of a source of which all rows are used."""
    return domain.X, domain.y, weight * domain.sample_weight


def fit_weighted_regression(
    base, weight_name, domains, levels, rows_of, target, source_weights, shown=None
):
    """One fit; sources of weight zero stay out of it, others are moved to the target's level."""
    parts = [(target.X, target.y, target.sample_weight)]
    for i, (domain, w) in enumerate(zip(domains, source_weights, strict=True)):
        if w > 0:
            moved = Domain(domain.X, domain.y + levels[0] - levels[1 + i], domain.sample_weight)
            parts.append(rows_of(moved, w, i))
    if shown is not None:
        parts = with_columns_of_domains(parts, shown, source_weights)
    X, y, weight = zip(*parts, strict=True)
    row_weights = {weight_name: np.concatenate(weight)}
    fitted = clone(base).fit(concatenate_rows(X), np.concatenate(y), **row_weights)
    return fitted if shown is None else KnowsDomains(fitted, shown)
