"""Source weights from a softmax regression on the rows of target and sources.

Two calibrations. Both start from contrasts between the sources and the target, measured by the
Fisher information, and end in :func:`skuowq.weights.optimal_source_weights`.

- ``"reml"``: every domain has its own intercepts (see `own_intercepts`), and the discrepancy is
  that of the features' effects alone. At the current weighted fit the domains' mean efficient
  scores ``g_i`` are compared: with ``a`` the intercepts and ``b`` the effects, ``g = g_b - H_ba
  H_aa^-1 g_a``, whose information is ``H = H_bb - H_ba H_aa^-1 H_ab``, of a row of the weighted
  mixture. With ``n`` the mixture's size and ``P`` the ridge penalty, one penalised Newton step
  from each score gives the contrasts

      delta_i = (H + P / n)^-1 (g_i - g_0),    S_ij = delta_i' H delta_j / d,
      d = trace[ ((H + P / n)^-1 H)^2 ],

  and no fit on the few target rows alone is needed. ``S`` carries noise ``1 / N_0`` and
  ``1 / N_i`` on average over the ``d`` directions that the penalty leaves free, as long as the
  model is right, class shares are alike (a row's scores have the mixture's covariance H), the
  penalty is small beside the rows and the target's rows far outnumber the features. The rows are
  in the fit that judges them, so with fewer there is less noise, and less of everything: half of
  it with 10 features and 50 target rows, a tenth with 64 and 30, a thirtieth with 200 and 50. Then
  sources of all kinds look identical, and the target's rows alone decide (see `weigh`),
  held out, how much of the weights they support. On features that the sources have taught a source
  then weighs at most what the plug-in gives it. ``S`` is a distance to first order: it is ``G``
  near the target, and may be half of it or twice where sources are far.
- ``"plugin"`` (the paper's; arXiv 2601.10779) and ``"debiased"``: contrasts of separately fitted
  parameters in the metric of the Fisher information at the target's, averaged over the target's
  rows. The plug-in's dynamic rule fits the target's parameters again with the current weights;
  "debiased" keeps the target's own fit, for only its noise is known to be ``1 / N_0``.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from skuowq._held_out.independent_rows import share_of_independent
from skuowq._uowq.weighing import SoftmaxFit
from skuowq._utils._factor import factorise
from skuowq.fisher import (
    penalised_gram_by_products,
    softmax_fisher_product,
)
from skuowq.rules import Sizes

from .contrast_gram import contrast_gram
from .known_fit import KnownFit, known_fit
from .own_intercepts import PRIOR_VARIANCE, intercepts_and_variance
from .own_slopes import effects_apart, slope_variance
from .softmax_held_out import can_hold_out, held_out_loss
from .softmax_own_fits import OwnFits, worth_own_fits

# Up to here the Fisher information is formed; above, products with it are enough.
MAX_EXPLICIT_PARAMETERS = 2000
# The target's own slopes need all eigenvectors of it.
_MAX_SLOPES = 800
# Scores forgive a fit that stops early; contrasts of separate fits do not.
_SEPARATE_FIT_TOL = 1e-6


class Problem(Protocol):
    """The softmax regression of target and sources, wherever the sources' rows are.

    `SoftmaxProblem` has them here; `SumsProblem` has sources that answer with sums.

    Attributes
    ----------
    n_classes : int
    n_parameters : int
        Of the columns that all domains share.
    penalty, full_penalty : ndarray
        Of these columns; and with one for each domain's own intercept, where there are any.
    intercept_variance : float
    target_matrix, target_labels, target_weight, target_groups : ndarray
        The target's rows.
    """

    def with_intercept_variance(self, variance):
        """The same with own intercepts of this variance."""

    def domain_sizes(self):
        """``N0`` and the ``N_i``."""

    def fit_mixture(self, domain_weights, *, target_weight=None, **how):
        """The fit with these weights of the domains; start, curvature and tolerance say how."""

    def alone(self, which, theta, tol):
        """Fits to the rows of some sources alone, and what these rows show there.

        Parameters
        ----------
        which : ndarray of int
            Numbers of the sources.
        theta : ndarray of shape (n_design_columns, n_contrasts)
            A fit that was looked at, where these start.
        tol : float

        Returns
        -------
        found : dict of (ndarray, ndarray, ndarray)
            By the number: the parameters, without own intercepts; the mean score and the
            information there.
        """

    def look(self, theta, domain_weights=None):
        """What the domains show at a fit, as a `RowsLook` or a `SumsLook`.

        Parameters
        ----------
        theta : ndarray of shape (n_design_columns, n_classes - 1)
        domain_weights : ndarray of shape (n_domains,), default=None
            Sources without weight are not looked at. None looks at all of everything.
        """


def softmax_model(problem, measure, *, n_jobs, random_state):
    """The softmax model that has the contrasts which a rule reads.

    Parameters
    ----------
    problem : Problem
        Of rows that are here, for "fits".
    measure : {"scores", "fits"}
        As in :class:`skuowq.rules.Rule`.
    n_jobs : int or None
        Workers for separate fits.
    random_state : int, RandomState or None
        For the trace probes of models with many parameters.

    Returns
    -------
    model : DomainModel
    """
    share = share_of_independent(
        problem.target_matrix,
        problem.target_labels,
        problem.n_classes,
        problem.target_weight,
        problem.penalty,
        problem.target_groups,
    )
    n_target, n_samples = problem.domain_sizes()
    sizes = Sizes(n_target, n_samples, np.ones(len(n_samples)), share)
    if measure == "scores":
        return SoftmaxScores(problem, sizes, random_state)
    return SoftmaxFits(problem, sizes, n_jobs)


class Unmeasured:
    """No model at all, for a discrepancy that is given: the rows are not looked at.

    Parameters
    ----------
    sizes : Sizes
    n_parameters : int
    """

    def __init__(self, sizes, n_parameters):
        self.sizes, self.n_parameters = sizes, n_parameters
        self.start = np.zeros(len(sizes.n_rows))

    def contrasts(self, weights):
        """None to see."""
        return None, self.n_parameters

    def finish(self, weights):
        """Nothing is known."""
        return SoftmaxFit()


class SoftmaxScores:
    """``S`` and ``d`` at the fit with given weights, from efficient score functions."""

    def __init__(self, problem, sizes, random_state):
        self.sizes = sizes
        self.problem = problem.with_intercept_variance(PRIOR_VARIANCE)
        self.rng = check_random_state(random_state)
        self.known = KnownFit()
        self.first_fit = self.intercepts = self.judged_fit = self.apart = None
        # All sources together weigh as much as the target: bad ones cannot carry the first fit.
        n_target, n_samples = sizes.n_independent, sizes.n_samples
        self.start = np.full(len(n_samples), min(1.0, n_target / n_samples.sum()))

    def can_hold_out(self):
        """Whether any class of the target has rows in more than one group to learn it from."""
        return can_hold_out(self.problem)

    def held_out_loss(self, weights):
        """In nats of independent rows."""
        loss, fitted = held_out_loss(self.problem, weights, self.known)
        if self.judged_fit is None:  # The first candidate is the weights that were found.
            self.judged_fit = fitted
        return self.sizes.independent_share * loss

    def finish(self, weights):
        """A fit near the weights, own intercepts, and the variance of the target's own slopes."""
        theta = self.known.theta if self.judged_fit is None else self.judged_fit
        shares = weights * self.sizes.n_samples
        slopes = 0.0
        if self.apart is not None and shares.any():
            slopes = slope_variance(*self.apart, shares / shares.sum())
        return SoftmaxFit(self.problem.intercept_variance, self.intercepts, theta, slopes)

    def contrasts(self, source_weights):
        """Of the domains' mean efficient scores."""
        problem, sizes = self.problem, self.sizes
        # At a fit in which the copies of few rows weigh most, their scores say nothing.
        domain_weights = np.append(sizes.independent_share, source_weights)
        theta = self._fit(domain_weights)
        look = problem.look(theta)
        self._estimate_intercepts(look)
        scores = look.scores()
        contrasts = scores[:, 1:] - scores[:, :1]
        total = sizes.n_independent + source_weights @ sizes.n_samples
        ridge = np.repeat(problem.penalty, problem.n_classes - 1) / total
        if problem.n_parameters > MAX_EXPLICIT_PARAMETERS:
            self.known = KnownFit(theta)
            return self._gram_by_products(look, domain_weights, ridge, contrasts)
        # The last column is constant: its parameters are the intercepts, the others the effects.
        n_effects = len(ridge) - (problem.n_classes - 1)
        self.known = known_fit(look, domain_weights)
        curvature = self.known.curvature(domain_weights)
        H = curvature.common
        projection = _projection(H[:, n_effects:], ridge)
        efficient = projection @ H[:, :n_effects]
        if self.apart is None and problem.n_parameters <= _MAX_SLOPES:
            self.apart = effects_apart(scores, curvature, sizes.n_samples)
        contrasts = self._efficient_contrasts(scores, theta, projection, efficient)
        return contrast_gram(efficient, ridge[:n_effects], contrasts)

    def _fit(self, domain_weights):
        """The fit with these weights; the first is kept."""
        theta = self.problem.fit_mixture(
            domain_weights, start=self.known.theta, curvature=self.known.curvature(domain_weights)
        )
        if self.first_fit is None:
            self.first_fit = theta
        return theta

    def _efficient_contrasts(self, scores, theta, projection, efficient):
        """Of the effects, (n_effects, n_sources)."""
        return projection @ (scores[:, 1:] - scores[:, :1])

    def second_opinion(self):
        """The same with fits of each source alone, where these are good."""
        problem, sizes = self.problem, self.sizes
        which = worth_own_fits(problem, sizes)
        if not len(which) or problem.n_parameters > MAX_EXPLICIT_PARAMETERS:
            return None
        return SoftmaxSteps(problem, sizes, which, self.first_fit)

    def _estimate_intercepts(self, look):
        """Every domain's own intercepts, and their variance for the next fit."""
        problem = self.problem
        gradient, curvature = look.intercept_slopes()
        gradient[0] *= self.sizes.independent_share
        curvature[0] *= self.sizes.independent_share
        own = look.theta[len(problem.penalty) :]
        self.intercepts, variance = intercepts_and_variance(
            gradient, curvature, own, problem.intercept_variance
        )
        self.problem = problem.with_intercept_variance(variance)

    def _gram_by_products(self, look, domain_weights, ridge, contrasts):
        """Without the information's matrix, which is too large."""
        n_contrasts = self.problem.n_classes - 1
        n_effects = len(ridge) - n_contrasts

        def efficient_product(directions):
            padded = np.zeros((len(ridge), directions.shape[1]))
            padded[:n_effects] = directions
            return projection @ look.product(domain_weights, padded)

        border = look.product(domain_weights, np.eye(len(ridge), n_contrasts, -n_effects))
        projection = _projection(border, ridge)
        diagonal = look.diagonal(domain_weights)[:n_effects]
        diagonal -= np.sum(projection.coupling * border[:n_effects], axis=1)
        return penalised_gram_by_products(
            efficient_product, diagonal, ridge[:n_effects], projection @ contrasts, self.rng
        )


class SoftmaxSteps(SoftmaxScores):
    """Scores, and for large sources the steps to fits of their own.

    Parameters
    ----------
    problem, sizes
        As in `SoftmaxScores`.
    which : ndarray of int
        Numbers of the large sources.
    first_fit : ndarray of shape (n_design_columns, n_contrasts)
        That of the scores, whose first weights are the same.
    """

    def __init__(self, problem, sizes, which, first_fit):
        super().__init__(problem, sizes, None)
        self.which, self.first_fit, self.own_fits = which, first_fit, None

    def _fit(self, domain_weights):
        # Before there are own fits, this is the first one.
        return self.first_fit if self.own_fits is None else super()._fit(domain_weights)

    def _efficient_contrasts(self, scores, theta, projection, efficient):
        common = theta[: len(self.problem.penalty)]
        if self.own_fits is None:
            self.own_fits = OwnFits(self.problem, self.which, theta)
        projected = projection @ scores
        for k in self.which.tolist():
            step, ridge = self.own_fits.steps(k, common, self.sizes.n_samples[k])
            projected[:, 1 + k] = efficient @ step + ridge * step
        return projected[:, 1:] - projected[:, :1]


@dataclass(frozen=True)
class _Projection:
    """Rows of the effects less what the intercepts explain of them: ``M_b - H_ba H_aa^-1 M_a``."""

    coupling: np.ndarray  # H_ba H_aa^-1

    def __matmul__(self, rows):
        n_effects = len(self.coupling)
        return rows[:n_effects] - self.coupling @ rows[n_effects:]


def _projection(border, ridge):
    """From the columns of the information that belong to the intercepts, the last ones."""
    n_effects = len(border) - border.shape[1]
    H_aa = border[n_effects:] + np.diag(ridge[n_effects:])
    return _Projection(factorise(H_aa)(border[:n_effects].T).T)


class SoftmaxFits:
    """``S`` from separate fits; the target's is replaced by the weighted fit after the first."""

    def __init__(self, problem, sizes, n_jobs):
        self.problem, self.sizes = problem, sizes
        self.theta = None
        # The first call is the static rule: the target's fit without any source.
        self.start = np.zeros(len(problem.sizes) - 1)
        self.sources = Parallel(n_jobs=n_jobs)(
            delayed(problem.fit)(problem.row_weight[rows], rows=rows, tol=_SEPARATE_FIT_TOL)
            for rows in problem.domains[1:]
        )

    def contrasts(self, source_weights):
        """Of the fitted parameters, in the metric of the target's rows."""
        problem = self.problem
        weight = problem.weigh(source_weights)
        self.theta = problem.fit(weight, start=self.theta, tol=_SEPARATE_FIT_TOL)
        contrasts = np.column_stack([(theta - self.theta).ravel() for theta in self.sources])
        target = problem.domains[0]
        products = softmax_fisher_product(
            problem.matrix[target], self.theta, contrasts, problem.row_weight[target]
        )
        d = problem.n_parameters
        return contrasts.T @ products / d, d

    def finish(self, weights):
        """The weighted fit."""
        return SoftmaxFit(theta=self.theta)
