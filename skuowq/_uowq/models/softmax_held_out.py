"""How well a weighted softmax fit predicts rows of the target that it has not seen."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse

from skuowq._data.held_together import groups_with_label, label_of_groups
from skuowq.fisher.checked import (
    NEWTON_MAX_PARAMETERS,
    class_probabilities,
    information,
    leave_one_out,
)

_MAX_JUDGED_ROWS = 500
# With fewer, fits know so much less of the target that sources look better than they are.
_N_FOLDS = 10
# One Newton step without a row that decides its own fit is no approximation of that fit, nor is one
# from a fit so sure of all labels, in nats a row, that its curvature is gone.
_MAX_LEVERAGE = 0.7
_LEAST_LOSS = 0.05


def can_hold_out(problem):
    """Whether there are rows of the target to judge by."""
    return len(_judged(problem)[0]) > 0


def held_out_loss(problem, weights, known):
    """Log loss of the target's rows, each under a fit that has not seen it, in nats in all.

    Parameters
    ----------
    problem : SoftmaxProblem
    weights : ndarray of shape (n_sources,)
    known : KnownFit
        Where the fits start. Where its information is too large to be formed, and where rows
        nearly decide their own fit, they are held out in ten folds, not one at a time.

    Returns
    -------
    loss : float
    theta : ndarray of shape (n_design_columns, n_classes - 1)
        The fit to all rows, where it was made; where the fits started else.
    """
    # Without sources their rows need not be looked at.
    rows = slice(None) if np.any(weights > 0) else problem.domains[0]
    fits = _Fits(problem, np.append(1.0, weights), rows, known)
    if known.curvature(fits.domain_weights) is None:
        return _folds(fits), known.theta
    return _leave_one_out(fits)


@dataclass(frozen=True)
class _Fits:
    """Fits of all rows with given weights of the domains, and of parts of them.

    Attributes
    ----------
    problem : SoftmaxProblem
    domain_weights : ndarray of shape (n_domains,)
    rows : slice
        All rows, or the target's alone.
    known : KnownFit
    """

    problem: object
    domain_weights: np.ndarray
    rows: slice
    known: object

    @property
    def weight(self):
        """Of every row."""
        return self.problem.weigh(self.domain_weights[1:])[self.rows]

    def fit(self):
        """The fit of all rows."""
        near = self.known.curvature(self.domain_weights)
        return self.problem.fit(self.weight, start=self.known.theta, curvature=near, rows=self.rows)

    def curvature(self, probabilities, row_weight):
        """Information of a row at a fit, where rows have these weights of their own."""
        design = self.problem.design
        if np.any(self.domain_weights[1:] > 0):
            at = design, probabilities, row_weight, self.domain_weights
            near = self.known.curvature_at(*at)
            if near is not None:
                return near
        weight = np.repeat(self.domain_weights, self.problem.sizes) * row_weight
        return information(design[self.rows], probabilities, weight[self.rows])

    def without(self, held_out, theta=None, probabilities=None):
        """The fit without some rows of the target, from a fit with them where that is near."""
        kept = self.problem.row_weight.copy()
        kept[held_out] = 0
        curvature = None if theta is None else self.curvature(probabilities, kept)
        weight = np.repeat(self.domain_weights, self.problem.sizes) * kept
        return self.problem.fit(
            weight[self.rows],
            start=theta,
            curvature=curvature,
            rows=self.rows,
            # To a twentieth of a nat: a fit that stops early still knows the rows held out.
            tol=0.1 / self.problem.n_parameters,
        )


def _leave_one_out(fits):
    """Held-out log loss of the target's rows, each left out in turn, to first order; the fit."""
    problem, weight = fits.problem, fits.weight
    target = problem.domains[0]
    judged, _ = _judged(problem)
    row_weight = problem.row_weight[target][judged]
    theta = fits.fit()
    probabilities, _ = class_probabilities(problem.design[fits.rows], theta)
    curvature = fits.curvature(probabilities, problem.row_weight)
    ridge = np.repeat(problem.full_penalty, problem.n_classes - 1)
    own, labels = theta[: problem.matrix.shape[1] + 1], problem.labels[target][judged]
    _, log_probabilities = class_probabilities(_rows(problem, judged), own)
    fitted = row_weight @ log_probabilities[labels, np.arange(len(judged))]
    separated = -fitted < _LEAST_LOSS * row_weight.sum()
    losses, leverage = leave_one_out(
        _rows(problem, judged),
        labels,
        own,
        curvature.profiled(weight.sum(), ridge),
        row_weight,
        problem.target_groups[judged],
    )
    if leverage > _MAX_LEVERAGE or separated:
        # Newton's method knows how far it has to go; other fits must not start where they end.
        near = problem.n_parameters <= NEWTON_MAX_PARAMETERS and not separated
        return _folds(fits, *((theta, probabilities) if near else ())), theta
    # Rows that are not judged are no evidence.
    return row_weight @ losses, theta


def _folds(fits, *near):
    """Held-out log loss of the target's rows from refits without a tenth of them."""
    problem = fits.problem
    target = problem.domains[0]
    judged, place = _judged(problem)
    total = 0.0
    for fold in range(min(_N_FOLDS, place.max() + 1)):
        held_out = judged[place % _N_FOLDS == fold]
        theta = fits.without(held_out, *near)
        own = theta[: problem.matrix.shape[1] + 1]
        _, log_probabilities = class_probabilities(_rows(problem, held_out), own)
        labels = problem.labels[target][held_out]
        losses = -log_probabilities[labels, np.arange(len(labels))]
        total += problem.row_weight[target][held_out] @ losses
    return total


def _rows(problem, chosen):
    """Some of the target's rows, with a constant column for its own intercepts."""
    rows = problem.matrix[problem.domains[0]][chosen]
    rows = rows.toarray() if issparse(rows) else rows
    return np.column_stack([rows, np.ones(len(rows))])


def _judged(problem):
    """Rows of the target to judge by, and their groups' places.

    Groups are in label order: every thinning and fold gets its share of each class. Without its
    only group nobody could have learned a class from the target, so that group judges nothing.
    """
    groups, y = problem.target_groups, problem.labels[problem.domains[0]]
    labels = label_of_groups(y, groups)
    order = np.argsort(labels, kind="stable")
    order = order[groups_with_label(y, groups)[labels[order]] > 1]
    order = order[:: 1 + len(order) // _MAX_JUDGED_ROWS]
    place = np.full(len(labels), -1)
    place[order] = np.arange(len(order))
    judged = np.argsort(place[groups], kind="stable")
    judged = judged[place[groups[judged]] >= 0]
    return judged, place[groups[judged]]
