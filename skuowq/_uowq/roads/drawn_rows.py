"""Estimators that need rows, with sources that are elsewhere: a sample of rows is fetched.

The stand-in's sums give the weights. Then each source gives rows drawn at random, as many as its
share of what all sources are worth, within the budget that the user has stated. Each row stands for
as many as were left behind.
"""

from dataclasses import replace
from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils import check_random_state

from skuowq._data.draw_rows import drawn_domains, shares_of_budget
from skuowq._data.target_range import RowsInRange
from skuowq._data.task_elsewhere import read_task_elsewhere
from skuowq._utils._base_estimator import is_network, sample_weight_name, seeded

from .elsewhere import weigh_elsewhere
from .logistic import fit_weighted_logistic
from .regression import all_rows, fit_weighted_regression, nothing_linear
from .regression_elsewhere import sums_of_domains, weigh_by_sums
from .road import Road
from .rows import (
    N_FOLDS,
    STAND_IN_MAX_ITER,
    fit_or_stack,
    fit_weighted_rows,
    without_what_counts_little,
)
from .thinning import LEAST_WEIGHT


class DrawnRowsRoad(Road):
    """Any classifier whose `fit` takes `sample_weight`."""

    measures: tuple[str | None, ...] = ("scores", None)
    compares = "sources that are elsewhere"
    remedy = "they take 'reml' or an array"
    takes_frames = False
    regressor = False

    @classmethod
    def takes(cls, base, given, rule):
        """Every estimator whose sources are elsewhere; what takes no weights `check` refuses."""
        return given == "elsewhere"

    def check(self, rule):
        """Its fit must take weights."""
        name = type(self.base).__name__
        if is_network(self.base):
            raise ValueError(
                f"estimator is a {name}, and networks do not learn from sources that are "
                "elsewhere: load a part of their rows, or pass another estimator"
            )
        if hasattr(self.base, "_validate_params"):
            self.base._validate_params()
        self.weight_name = sample_weight_name(self.base, regressor=self.regressor)
        super().check(rule)

    def read(self, rows, sample_weight, sources, groups):
        """The task, whose sources can be asked, and the budget."""
        self.max_rows = sources.max_rows
        if self.max_rows is None:
            raise ValueError(
                f"estimator is a {type(self.base).__name__}, which needs rows, and those of the "
                "sources are elsewhere: say how many may be fetched, Sources(..., "
                "max_rows=100_000); they are drawn in proportion to what the sources are worth"
            )
        return read_task_elsewhere(
            rows, sample_weight, sources, groups, labels=self.labels, classes=self.options.classes
        )

    def fit(self, task, rule):
        """One fit with the weights; for a rule that cross-validates, several that are stacked."""
        weighing = self.weigh(task, rule)
        if task.domains:
            weighing = without_what_counts_little(weighing, task.classes, self.labels_of(task))
        weights = weighing.weights.source_weights
        used = np.flatnonzero(weights > 0)
        drawn = self._drawn(task, weights, used)
        own = replace(weighing, weights=replace(weighing.weights, source_weights=weights[used]))
        base = seeded(self.base, self.options.random_state)
        return weighing, self.fit_drawn(base, drawn, rule, own, np.append(0, 1 + used))

    def _drawn(self, task, weights, used):
        """The task with rows of the sources that are used."""
        asked = [task.domains[k] for k in used]
        n_rows = np.array([source.columns.n_rows for source in asked])
        worth = weights[used] * np.array([source.n_samples for source in asked])
        # Lighter than 0.3 a row they would only take room in a leaf; see `thin_rows`.
        most = np.minimum(n_rows, np.ceil(worth / LEAST_WEIGHT).astype(int))
        shares = np.maximum(shares_of_budget(worth, most, self.max_rows), 1)
        seed = check_random_state(self.options.random_state).randint(2**31 - 1)
        domains = drawn_domains(asked, task.reading, shares, seed) if asked else []
        return replace(task, left=RowsInRange(domains, task.left.kept, []))

    def weigh(self, task, rule):
        """Weights by the stand-in's sums."""
        return weigh_elsewhere(task, rule, self.options, self.bounds(rule))[0]

    def labels_of(self, task):
        """Distinct labels of every domain, the target's first."""
        of_target = task.classes[np.unique(task.target.y)]
        return [of_target, *(source.columns.labels for source in task.domains)]

    def fit_drawn(self, base, drawn, rule, weighing, used):
        """The estimator on the target's rows and those drawn.

        Parameters
        ----------
        base : estimator
        drawn : Task
        rule : Rule
        weighing : Weighing
            With the weights of the sources that are used.
        used : ndarray of int
            Numbers of the domains that are used, the target's 0 first.
        """
        model = weighing.model
        if model.theta is not None:
            common, own = np.split(model.theta, [drawn.n_features + 1])
            model = replace(
                model,
                own_intercepts=model.own_intercepts[used],
                theta=np.vstack([common, own[used]]),
            )
        fit = partial(
            fit_weighted_rows,
            base,
            self.weight_name,
            drawn.classes,
            model,
            drawn.domains,
            rows_of=all_rows,
        )
        linear = partial(
            fit_weighted_logistic,
            LogisticRegression(max_iter=STAND_IN_MAX_ITER),
            drawn.classes,
            model,
            weighing.weights.source_weights,
        )
        options = self.options
        return fit_or_stack(fit, drawn, rule, weighing, options, linear=linear, n_folds=N_FOLDS)


class DrawnRowsRegressionRoad(DrawnRowsRoad):
    """Any regressor whose `fit` takes `sample_weight`."""

    labels = "numbers"
    measures = ("scores", "fits", None)
    regressor = True

    def weigh(self, task, rule):
        """Weights by the stand-in's sums."""
        if not task.domains:
            return nothing_linear(task.target)
        sums = sums_of_domains(task)
        return weigh_by_sums(task, sums, rule, self.options, self.bounds(rule))

    def labels_of(self, task):
        """Numbers are no classes."""

    def fit_drawn(self, base, drawn, rule, weighing, used):
        """See `DrawnRowsRoad`."""
        levels, weights = weighing.model.levels[used], weighing.weights.source_weights
        fit = partial(
            fit_weighted_regression, base, self.weight_name, drawn.domains, levels, all_rows
        )

        def linear(target, domains):
            return fit_weighted_regression(
                Ridge(), "sample_weight", domains, levels, all_rows, target, weights
            )

        return fit_or_stack(fit, drawn, rule, weighing, self.options, linear=linear)
