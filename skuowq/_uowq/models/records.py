"""Source weights where sources are records: the target's rows, and quadratics for the rest.

As in `softmax.py`, with each source's log likelihood to second order around the point of its
record, ``n [g'd - d'J d / 2]``, ``d = theta + own intercepts - theta_i``. The weighted fit is then
a few Newton steps on the target's rows; the first, from the sources' mean, is the
precision-weighted average of all domains' estimates.
"""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skuowq._held_out.independent_rows import share_of_independent
from skuowq._uowq.weighing import SoftmaxFit
from skuowq._utils._factor import factorise
from skuowq._utils._warn import warn
from skuowq.fisher import penalised_gram, softmax_fisher_information, softmax_mean_score
from skuowq.fisher.checked import class_probabilities, leave_one_out
from skuowq.rules import Sizes

from .own_intercepts import PRIOR_VARIANCE, intercepts_and_variance

_NEWTON_STEPS = 100
# For each parameter: with fewer a source's own fit is its penalty's more than its rows'.
_ROWS_FOR_A_STEP = 10
_N_FOLDS = 10
# Of a column, beside its mean: it varies by no more where it is constant.
_ROUNDING = 16 * np.finfo(float).eps
# One Newton step without rows that decide their own fit is no approximation of the fit without.
_MAX_LEVERAGE = 0.7
# Of a step, until one leads downhill.
_LENGTHS = 0.5 ** np.arange(30)


@dataclass(frozen=True)
class RecordProblem:
    """The target's rows, with a constant last, and the sources' records.

    Attributes
    ----------
    matrix : ndarray of shape (n_rows, n_columns)
    labels, row_weight : ndarray of shape (n_rows,)
    records : list of SourceRecord
        Of the same classes and columns.
    n_classes : int
    penalty : ndarray of shape (n_columns,)
    groups : ndarray of int of shape (n_rows,)
        Rows with one number are held out together.
    """

    matrix: np.ndarray
    labels: np.ndarray
    row_weight: np.ndarray
    records: list
    n_classes: int
    penalty: np.ndarray
    groups: np.ndarray


class RecordModel:
    """The target's rows and the sources' quadratics, at the weighted fit.

    Parameters
    ----------
    problem : RecordProblem
    measure : {"scores"} or None
        As in :class:`skuowq.rules.Rule`.

    Attributes
    ----------
    sizes : Sizes
    start : ndarray of shape (n_sources,)
    fit : RecordFit
        Its ``theta`` has the common parameters of the last fit.
    """

    def __init__(self, problem, measure):
        self.measure = measure
        share = share_of_independent(
            problem.matrix,
            problem.labels,
            problem.n_classes,
            problem.row_weight,
            problem.penalty,
            problem.groups,
        )
        self.fit = RecordFit(problem)
        # At a fit in which the copies of few rows weigh most, their scores say nothing.
        self.measured = RecordFit(replace(problem, row_weight=share * problem.row_weight))
        n_target, n_rows = self.fit.sizes[0], self.fit.sizes[1:]
        self.sizes = Sizes(n_target, n_rows, np.ones(len(n_rows)), share)
        self.start = np.full(len(n_rows), min(1.0, share * n_target / n_rows.sum()))

    def contrasts(self, weights):
        """``S`` and ``d`` from efficient scores."""
        if self.measure is None:
            return None, float(self.fit.theta.size)
        self.measured.solve(weights)
        self.fit.start_at(self.measured)
        return self.measured.score_contrasts(weights)

    def can_hold_out(self):
        """Not the only group of rows that belong together: it would leave nothing."""
        return self.fit.problem.groups.max() > 0

    def held_out_loss(self, weights):
        """Of the target's rows, each group left out in turn, in nats of independent rows."""
        return self.sizes.independent_share * self.fit.held_out_loss(weights)

    def second_opinion(self):
        """None: the likelihood is quadratic, and scores are steps."""

    def finish(self, weights):
        """Common parameters of the final fit and, last, the target's own intercepts."""
        fit = self.fit
        fit.solve(weights)
        return SoftmaxFit(fit.variance, fit.own, np.vstack([fit.theta, fit.own[:1]]))


class RecordFit:
    """The weighted fit, every domain with intercepts of its own.

    Attributes
    ----------
    theta : ndarray of shape (n_columns, n_contrasts)
        Common parameters.
    own : ndarray of shape (1 + n_sources, n_contrasts)
        Own intercepts, the target's first.
    variance : float
        Of these.
    sizes : ndarray of shape (1 + n_sources,)
    """

    def __init__(self, problem):
        self.problem = problem
        self.sizes = np.array(
            [problem.row_weight.sum(), *(record.n_samples for record in problem.records)]
        )
        self.n_contrasts = problem.n_classes - 1
        self.variance = PRIOR_VARIANCE
        self.theta = np.average(
            [record.theta for record in problem.records], axis=0, weights=self.sizes[1:]
        )
        self.own = np.zeros((len(self.sizes), self.n_contrasts))
        self.ridge = np.repeat(problem.penalty, self.n_contrasts)

    def start_at(self, other):
        """Take over the parameters of another fit."""
        self.theta, self.own, self.variance = other.theta.copy(), other.own.copy(), other.variance

    def solve(self, weights):
        """Newton's method on common parameters and the target's own intercepts."""
        self._newton(weights)
        self.own, self.variance = intercepts_and_variance(
            *self._own_slopes(), self.own, self.variance
        )
        self._newton(weights)

    def _newton(self, weights):
        q, c = self.theta.size, self.n_contrasts
        A_sources, b_sources = self._sources(weights)
        A_sources += np.diag(self.ridge)
        loss = self._start(A_sources, b_sources)
        for _ in range(_NEWTON_STEPS):
            score, J = self._target()
            n = self.sizes[0]
            A = n * np.block([[J, J[:, q - c :]], [J[q - c :], J[q - c :, q - c :]]])
            A[:q, :q] += A_sources
            A[q:, q:] += np.eye(c) / self.variance
            self.A = A
            slope = n * np.append(score, score[q - c :])
            slope[:q] += b_sources - A_sources @ self.theta.ravel()
            slope[q:] -= self.own[0] / self.variance
            step = factorise(A)(slope)
            if slope @ step < 1e-8 * q:
                return
            # The target's part is far from quadratic where few rows are separated.
            theta, own = self.theta, self.own[0].copy()
            for length in _LENGTHS:
                self.theta = theta + length * step[:q].reshape(theta.shape)
                self.own[0] = own + length * step[q:]
                shorter = self._objective(A_sources, b_sources)
                if shorter <= loss - 1e-4 * length * (slope @ step):
                    break
            else:
                self.theta, self.own[0] = theta, own
                return  # Rounding allows no descent.
            loss = shorter
        warn(
            f"the weighted fit did not converge in {_NEWTON_STEPS} Newton steps: scale the columns "
            "or lower C",
            ConvergenceWarning,
        )

    def _start(self, A_sources, b_sources):
        """The objective where Newton's method starts: here, or at 0 where that is better.

        A model in other units is sure of wrong labels, and nothing is curved there.
        """
        loss = self._objective(A_sources, b_sources)
        here = self.theta, self.own[0].copy()
        self.theta, self.own[0] = np.zeros_like(self.theta), 0.0
        at_zero = self._objective(A_sources, b_sources)
        if at_zero < loss:
            return at_zero
        self.theta, self.own[0] = here
        return loss

    def _objective(self, A_sources, b_sources):
        problem, at, flat = self.problem, self.theta.copy(), self.theta.ravel()
        at[-1] += self.own[0]
        _, log_p = class_probabilities(problem.matrix, at)
        loss = -problem.row_weight @ log_p[problem.labels, np.arange(len(problem.labels))]
        loss += flat @ A_sources @ flat / 2 - b_sources @ flat
        return loss + self.own[0] @ self.own[0] / (2 * self.variance)

    def _target(self):
        """Mean score and information of the target's rows, with its own intercepts."""
        problem, at = self.problem, self.theta.copy()
        at[-1] += self.own[0]
        score = softmax_mean_score(problem.matrix, problem.labels, at, problem.row_weight)
        return score.ravel(), softmax_fisher_information(problem.matrix, at, problem.row_weight)

    def _sources(self, weights):
        """``sum_k w_k n_k`` of the sources' curvature, and it times where each has its optimum.

        Their own intercepts are profiled out, held by their variance alone.
        """
        q, c = self.theta.size, self.n_contrasts
        A, b = np.zeros((q, q)), np.zeros(q)
        for record, w in zip(self.problem.records, weights, strict=True):
            if w == 0:
                continue
            J, n = record.information, w * record.n_samples
            g = record.score.ravel() + J @ record.theta.ravel()
            held = factorise(J[q - c :, q - c :] + np.eye(c) / (self.variance * n))(J[q - c :])
            A += n * (J - J[:, q - c :] @ held)
            b += n * (g - held.T @ g[q - c :])
        return A, b

    def _own_slopes(self):
        """Gradient and curvature of every domain's likelihood in its own intercepts."""
        q, c = self.theta.size, self.n_contrasts
        score, J = self._target()
        slopes, curvatures = [self.sizes[0] * score[q - c :]], [self.sizes[0] * J[q - c :, q - c :]]
        for k, record in enumerate(self.problem.records, start=1):
            score, J, n = self._score(record, self.own[k]), record.information, record.n_samples
            slopes.append(n * score[q - c :])
            curvatures.append(n * J[q - c :, q - c :])
        return np.array(slopes), np.array(curvatures)

    def _score(self, record, own):
        away = self.theta - record.theta
        away[-1] += own
        return record.score.ravel() - record.information @ away.ravel()

    def score_contrasts(self, weights):
        """``S`` and ``d`` from efficient scores, every domain's intercepts projected out.

        A source far away is sure of its labels where its record was made: its information there is
        small, and its score no measure of its distance. Where its rows determine its fit, the step
        that the score asks for is one.
        """
        q, c = self.theta.size, self.n_contrasts
        score, J = self._target()
        parts = [(score, J)]
        parts += [
            (self._score(record, own), record.information)
            for record, own in zip(self.problem.records, self.own[1:], strict=True)
        ]
        omega = np.append(1.0, weights) * self.sizes
        efficient, own = [], []
        for score, J in parts:
            # A class without a row leaves no information on its intercept.
            held = factorise(J[q - c :, q - c :] + np.eye(c) * 1e-9)(J[q - c :, : q - c]).T
            efficient.append(score[: q - c] - held @ score[q - c :])
            own.append(J[: q - c, : q - c] - held @ J[q - c :, : q - c])
        H = np.tensordot(omega / omega.sum(), own, 1)
        contrasts = []
        for score, J, n in zip(efficient[1:], own[1:], self.sizes[1:], strict=True):
            if n >= _ROWS_FOR_A_STEP * q:
                ridge = np.diag(self.ridge[: q - c] / n)
                score = (H + ridge) @ factorise(J + ridge)(score)
            contrasts.append(score - efficient[0])
        contrasts = np.array(contrasts).T
        unknown = self._unknown_effects(
            H, np.tensordot(omega / omega.sum(), [J for _, J in parts], 1)
        )
        H[unknown], H[:, unknown], contrasts[unknown] = 0.0, 0.0, 0.0
        return penalised_gram(H, self.ridge[: q - c] / omega.sum(), contrasts)

    def _unknown_effects(self, efficient, information):
        """Of columns that vary nowhere but for rounding: what is known of them is rounding too."""
        c = self.n_contrasts
        rounding = _ROUNDING * np.repeat(self.problem.records[0].centre, c)
        of_a_constant = rounding**2 * np.tile(information.diagonal()[-c:], len(rounding) // c)
        return efficient.diagonal() <= of_a_constant

    def held_out_loss(self, weights):
        self._newton(weights)
        problem = self.problem
        rows = np.column_stack([problem.matrix, np.ones(len(problem.labels))])
        theta = np.vstack([self.theta, self.own[:1]])
        losses, leverage = leave_one_out(
            rows, problem.labels, theta, self.A, problem.row_weight, problem.groups
        )
        if leverage > _MAX_LEVERAGE:
            losses = self._refitted_losses(weights)
        return problem.row_weight @ losses

    def _refitted_losses(self, weights):
        """Of the target's rows, by fits without a tenth of their groups at a time."""
        problem, groups = self.problem, self.problem.groups
        losses = np.empty(len(groups))
        for fold in range(min(_N_FOLDS, groups.max() + 1)):
            held = groups % _N_FOLDS == fold
            without = RecordFit(
                replace(
                    problem,
                    matrix=problem.matrix[~held],
                    labels=problem.labels[~held],
                    row_weight=problem.row_weight[~held],
                )
            )
            without.start_at(self)
            without._newton(weights)
            at = without.theta.copy()
            at[-1] += without.own[0]
            _, log_p = class_probabilities(problem.matrix[held], at)
            labels = problem.labels[held]
            losses[held] = -log_p[labels, np.arange(len(labels))]
        return losses
