"""Source weights from a Gaussian linear model on the rows of target and sources.

As in `softmax.py`, with closed forms in place of fits. Every domain has a noise variance of its
own, and a level of its own, normal around the common one with variance ``v``. A row of source i
carries ``sigma_0^2 / sigma_i^2`` of a target row's information, so with ``n_i`` rows it counts as
``N_i = n_i sigma_0^2 / sigma_i^2`` of them, and a row of weight ``w_i`` in the theory weighs
``w_i sigma_0^2 / sigma_i^2`` in the fit. At the current weighted fit with residuals r, in units of
the target's noise, the mean scores of the effects and the information of a row are those within
domains, so that levels are no distance:

    g_i = mean_i (x - m_i) r,    H = weighted mean_i of cov_i x,

and contrasts, noise and discrepancy follow as for softmax regression.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from skuowq._data.held_together import independent_share
from skuowq._uowq.weighing import LinearFit
from skuowq._utils._factor import factorise
from skuowq.rules import Sizes

from .contrast_gram import contrast_gram
from .noise_variance import drawn_together, own_ridge

_EM_STEPS = 10
# Of a row's own share in its fit: below, what is left of it is rounding.
_LEAST_LEFT = 1e-4
_N_FOLDS = 10
# Of the levels, before they are seen: in noise variances, worth one domain.
_PRIOR_LEVELS = 0.3


@dataclass(frozen=True)
class LinearProblem:
    """Stacked rows of target and sources, the target's first.

    Attributes
    ----------
    matrix : {ndarray, CSR matrix} of shape (n_rows, n_columns)
        The last column is constant.
    y, row_weight : ndarray of shape (n_rows,)
    sizes : list of int
        Rows of the target and of every source.
    penalty : ndarray of shape (n_columns,)
    own_levels : bool
    groups : ndarray of int of shape (sizes[0],), default=None
        Rows of the target with one number are held out together; None holds each out by itself.
    """

    matrix: object
    y: np.ndarray
    row_weight: np.ndarray
    sizes: list
    penalty: np.ndarray
    own_levels: bool
    groups: np.ndarray | None = None

    @property
    def target_groups(self):
        return np.arange(self.sizes[0]) if self.groups is None else self.groups

    @property
    def domains(self):
        edges = np.cumsum([0, *self.sizes])
        return [slice(a, b) for a, b in itertools.pairwise(edges)]

    @property
    def target_rows(self):
        """Columns, labels and weights of the target."""
        rows = self.domains[0]
        Z = self.matrix[rows]
        Z = Z.toarray() if hasattr(Z, "toarray") else Z
        return Z, self.y[rows], self.row_weight[rows]

    def own_fits(self):
        """Every source's own ridge regression; see `own_ridge`."""
        effects, ridge = self.matrix[:, :-1], self.penalty[:-1]
        return [
            own_ridge(effects[rows], self.y[rows], self.row_weight[rows], ridge)
            for rows in self.domains[1:]
        ]

    def counts(self):
        """Sums of the weights of each domain's rows."""
        return np.array([self.row_weight[rows].sum() for rows in self.domains])

    def means(self):
        """Of the columns and of the labels, in each domain."""
        counts = self.counts()
        columns = self.domain_products(np.ones(len(self.y))) / counts[:, None]
        return columns, self.domain_sums(self.y) / counts

    def residual_means(self, theta):
        """Of each domain, under a fit."""
        return self.domain_sums(self.y - self.matrix @ theta) / self.counts()

    def residual_products(self, theta):
        """``Z_k' diag(row weights) residuals_k`` of each domain, a row each."""
        return self.domain_products(self.y - self.matrix @ theta)

    def normal_equations(self, factors):
        """``sum_k factor_k Z_k' diag(row weights) (Z_k, y_k)``."""
        weight = np.repeat(factors, self.sizes) * self.row_weight
        Z = self.matrix
        if hasattr(Z, "toarray"):
            A = (Z.T @ Z.multiply(weight[:, None]).tocsr()).toarray()
        else:
            A = Z.T @ (Z * weight[:, None])
        return A, Z.T @ (weight * self.y)

    def domain_sums(self, values):
        """Weighted sums over each domain's rows."""
        weighted = (values.T * self.row_weight).T
        starts = np.cumsum([0, *self.sizes[:-1]])
        return np.add.reduceat(weighted, starts, axis=0)

    def domain_products(self, values):
        """``Z_k' diag(row weights) values_k`` of each domain, a row each."""
        weighted = self.row_weight * values
        return np.array([self.matrix[rows].T @ weighted[rows] for rows in self.domains])


class LinearModel:
    """The ridge regression on all rows with weights, levels profiled out, and what it shows.

    Parameters
    ----------
    problem : LinearProblem or LinearSums
    measure : {"scores", "fits"} or None
        As in :class:`skuowq.rules.Rule`.

    Attributes
    ----------
    sizes : Sizes
    start : ndarray of shape (n_sources,)
    noise : ndarray of shape (n_domains,)
    relative : ndarray of shape (n_domains,)
        A row's information, in rows of the target.
    information : ndarray of shape (n_domains,)
        All rows of a domain, in rows of the target.
    level_variance : float
    levels : ndarray of shape (n_domains,)
    share : float
        Independent rows that the target's are worth, over the sum of their weights.
    """

    def __init__(self, problem, measure):
        self.problem, self.measure = problem, measure
        ridge = problem.penalty[:-1]
        Z, y, weight = problem.target_rows
        of_target = own_ridge(Z[:, :-1], y, weight, ridge)
        self.share = self._share_of_independent(of_target[0])
        if self.share < 1:
            # Copies tell no more of the noise than the rows that they are copies of.
            of_target = own_ridge(Z[:, :-1], y, self.share * weight, ridge)
        own = [of_target, *problem.own_fits()]
        self.coef = np.array([coef for coef, _, _ in own])
        squares, df = (np.array([part[k] for part in own]) for k in (1, 2))
        self.noise = drawn_together(squares, df)
        self.relative = self.noise[0] / self.noise
        self.counts = problem.counts()
        self.information = self.counts * self.relative
        self.means, self.y_means = problem.means()
        self.level_variance = _PRIOR_LEVELS * self.noise[0] if problem.own_levels else 0.0
        self.sizes = Sizes(self.counts[0], self.counts[1:], self.relative[1:], self.share)
        self.start = self._start()

    def _start(self):
        """All sources together weigh as much as the target; separate fits start without them."""
        n_target, n_samples = self.information[0], self.information[1:]
        share = 0.0 if self.measure == "fits" else min(1.0, n_target / n_samples.sum())
        return np.full(len(n_samples), share)

    def contrasts(self, weights):
        """``S`` and ``d`` at the fit with the theory's weights."""
        self.solve(weights)
        if self.measure == "scores":
            return self.score_contrasts(weights)
        d = float(len(self.problem.penalty) - self.problem.own_levels)
        return None if self.measure is None else self.fitted_contrasts(d), d

    def second_opinion(self):
        """None: the likelihood is quadratic, and scores are steps."""

    def finish(self, weights):
        """Noise and levels at the final fit."""
        self.solve(weights)
        return LinearFit(self.noise, self.levels, self.level_variance)

    def _share_of_independent(self, coef):
        """Of the target's rows, by the errors of its own fit."""
        Z, y, weight = self.problem.target_rows
        errors = y - Z[:, :-1] @ coef
        errors = errors - np.average(errors, weights=weight)
        return independent_share(errors[:, None], weight, self.problem.target_groups)

    def solve(self, weights):
        """Fit with the theory's weights of the sources; levels and their variance follow."""
        for _ in range(2):
            shrink = self._shrinkage()
            A, b = self._normal_equations(np.append(1.0, weights), shrink)
            self.theta = factorise(A + np.diag(self.problem.penalty))(b)
            mean = self.residual_means = self.problem.residual_means(self.theta)
            if not self.problem.own_levels:
                self.levels = np.zeros(len(mean))
                return
            prior = _PRIOR_LEVELS * self.noise[0]
            for _ in range(_EM_STEPS):
                shrink = self._shrinkage()
                squares = (shrink * mean) ** 2 + self.level_variance * (1 - shrink)
                self.level_variance = (squares.sum() + prior) / (len(mean) + 1)
            self.levels = self._shrinkage() * mean

    def score_contrasts(self, weights):
        """``S`` and ``d`` from the domains' mean scores of the effects."""
        problem, scale = self.problem, np.sqrt(self.noise[0])
        omega = np.append(1.0, weights)
        mean = self.residual_means
        full = np.ones(len(mean)) if problem.own_levels else np.zeros(len(mean))
        scores = problem.residual_products(self.theta) / scale
        scores -= (full * self.counts * mean / scale)[:, None] * self.means
        scores /= self.counts[:, None]
        total = omega @ self.information
        H = self._normal_equations(omega, full)[0] / total
        ridge = problem.penalty / total
        if problem.own_levels:
            H, ridge, scores = H[:-1, :-1], ridge[:-1], scores[:, :-1]
        return contrast_gram(H, ridge, (scores[1:] - scores[:1]).T)

    def fitted_contrasts(self, d):
        """``S`` from separate fits and the current one, in the metric of the target's rows."""
        Z, _, weight = self.problem.target_rows
        Z = (Z[:, :-1] - self.means[0, :-1]) * np.sqrt(weight / weight.sum())[:, None]
        moved = Z @ (self.coef[1:] - self.theta[:-1]).T
        return moved.T @ moved / (self.noise[0] * d)

    def can_hold_out(self):
        """Not the only group of rows that belong together: it would leave nothing."""
        return self.problem.target_groups.max() > 0

    def held_out_loss(self, weights):
        """Half of ``n log`` of the mean squared error of the target's rows under fits without."""
        problem = self.problem
        own = problem.own_levels
        shrink = self._shrinkage()
        shrink[0] = 0.0  # The target's level is a column of its own here.
        A, b = self._normal_equations(np.append(1.0, weights), shrink)
        A = A + np.diag(problem.penalty)
        Z, y, weight = problem.target_rows
        if own:
            border = weight @ Z
            ridge = self.noise[0] / self.level_variance
            A = np.block([[A, border[:, None]], [border[None], weight.sum() + ridge]])
            b = np.append(b, weight @ y)
            Z = np.column_stack([Z, np.ones(len(y))])
        solve = factorise(A)
        solved, errors = solve(Z.T), y - Z @ solve(b)
        groups = problem.target_groups
        errors = _left_out_errors(Z, solved, errors, weight, groups)
        if errors is None:
            errors = _refitted_errors(A, b, Z, y, weight, groups)
        mean = weight @ errors**2 / weight.sum()
        n_independent = self.share * weight.sum()
        return n_independent / 2 * np.log(max(mean, np.finfo(float).tiny))

    def _shrinkage(self):
        """Share of a domain's mean residual that is its level."""
        variance = self.counts * self.level_variance
        return variance / (variance + self.noise)

    def _normal_equations(self, omega, shrink):
        """``sum_k omega_k Z_k' V_k^-1 (Z_k, y_k)``, levels integrated out as far as `shrink`."""
        factors = omega * self.relative
        A, b = self.problem.normal_equations(factors)
        share = factors * shrink * self.counts
        A = A - (self.means.T * share) @ self.means
        return A, b - self.means.T @ (share * self.y_means)


def _left_out_errors(Z, solved, errors, weight, groups):
    """Errors of rows under the fits without their groups; None where a group decides its own fit.

    With `solved`, ``A^-1 Z'``, the errors e of a group's rows become ``(I - Z_g A^-1 Z_g' W_g)^-1
    e_g`` without it.
    """
    left = 1 - weight * np.sum(Z * solved.T, axis=1)
    without = errors / np.where(left > _LEAST_LEFT, left, np.nan)
    order = np.argsort(groups, kind="stable")
    for rows in np.split(order, np.cumsum(np.bincount(groups))[:-1]):
        if len(rows) == 1:
            continue
        root = np.sqrt(weight[rows])
        kept = np.eye(len(rows)) - root[:, None] * (Z[rows] @ solved[:, rows]) * root
        values, vectors = np.linalg.eigh(kept)
        if values[0] <= _LEAST_LEFT:
            return None
        without[rows] = vectors @ ((vectors.T @ (root * errors[rows])) / values) / root
    return None if np.isnan(without).any() else without


def _refitted_errors(A, b, Z, y, weight, groups):
    """Errors of rows that decide their own fit, by fits without a tenth of them at a time."""
    errors = np.empty(len(y))
    for fold in range(min(_N_FOLDS, groups.max() + 1)):
        rows = np.flatnonzero(groups % _N_FOLDS == fold)
        Z_f = Z[rows] * weight[rows, None]
        without = A - Z[rows].T @ Z_f
        # What the rows alone knew is left to the smallest of the penalties.
        values, vectors = np.linalg.eigh(without)
        values = np.maximum(values, 1e-12 * values[-1])
        theta = vectors @ ((vectors.T @ (b - Z_f.T @ y[rows])) / values)
        errors[rows] = y[rows] - Z[rows] @ theta
    return errors
