"""How well a weighted softmax fit predicts rows of the target that it has not seen."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse

from skuowq._data.held_together import groups_with_label, label_of_groups
from skuowq.fisher import contrast_basis
from skuowq.fisher.checked import (
    NEWTON_MAX_PARAMETERS,
    InformationWithout,
    class_probabilities,
    leave_one_out,
)

_MAX_JUDGED_ROWS = 500
# With fewer, fits know so much less of the target that sources look better than they are.
_N_FOLDS = 10
# One Newton step without a row that decides its own fit is no approximation of that fit, nor is one
# from a fit so sure of all labels, in nats a row, that its curvature is gone.
_MAX_LEVERAGE = 0.7
_LEAST_LOSS = 0.05
# What is left to gain at the fit goes into the losses of all rows, many times over. Of folds it is
# in nats: a fit that stops early still knows the rows held out.
_FIT_TOL, _FOLD_TOL = 1e-5, 1e-3


def can_hold_out(problem):
    """Whether there are rows of the target to judge by."""
    return len(_judged(problem)[0]) > 0


def held_out_loss(problem, weights, known):
    """Log loss of the target's rows, each under a fit that has not seen it, in nats in all.

    Parameters
    ----------
    problem : Problem
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
    fits = _Fits(problem, np.append(1.0, weights), known)
    if not known.has_curvature:
        theta = fits.fit()
        return _folds(fits, _NearFit(theta)), theta
    return _leave_one_out(fits)


@dataclass(frozen=True)
class _Fits:
    """Fits of all rows with given weights of the domains, and of parts of them.

    Attributes
    ----------
    problem : Problem
    domain_weights : ndarray of shape (n_domains,)
    known : KnownFit
    """

    problem: object
    domain_weights: np.ndarray
    known: object

    @property
    def total(self):
        """Sum of the weights of all rows."""
        return self.domain_weights @ np.append(*self.problem.domain_sizes())

    def fit(self):
        """The fit of all rows."""
        return self.problem.fit_mixture(
            self.domain_weights,
            start=self.known.theta,
            curvature=self.known.curvature(self.domain_weights),
            tol=_FIT_TOL,
        )

    def curvature(self, look):
        """Information of a row at a fit."""
        if np.any(self.domain_weights[1:] > 0):
            near = self.known.curvature_at(look, self.domain_weights)
            if near is not None:
                return near
        return look.information(self.domain_weights)

    def without(self, held_out, near=None):
        """The fit without some rows of the target, from a fit with them where that is near."""
        kept = self.problem.target_weight.copy()
        kept[held_out] = 0
        start = curvature = None
        if near is not None:
            start = near.theta
            if near.solve is not None:
                curvature = InformationWithout(near.solve, near.roots(self.problem, held_out))
        return self.problem.fit_mixture(
            self.domain_weights,
            target_weight=kept,
            start=start,
            curvature=curvature,
            tol=_FOLD_TOL / self.problem.n_parameters,
        )


@dataclass(frozen=True)
class _NearFit:
    """The fit of all rows, from which those without a fold of them start.

    Attributes
    ----------
    theta : ndarray of shape (n_design_columns, n_contrasts)
    probabilities : ndarray of shape (n_classes, n_target_rows) or None
        Of the target's rows.
    solve : callable or None
        Solves with the penalised information. None where that is too large to be formed.
    """

    theta: np.ndarray
    probabilities: np.ndarray | None = None
    solve: object = None

    def roots(self, problem, chosen):
        """``R`` for some rows of the target, whose information is ``R R'``."""
        X, p = _rows(problem, chosen), self.probabilities[:, chosen].T
        basis = contrast_basis(problem.n_classes)
        # V' (diag(sqrt p) - p sqrt(p)'), times its transpose, is V' (diag p - p p') V.
        root = np.sqrt(p)[:, None, :] * (basis.T - (p @ basis)[:, :, None])
        root *= np.sqrt(problem.target_weight[chosen])[:, None, None]
        roots = np.zeros((*self.theta.shape, *p.shape))
        roots[: X.shape[1]] = np.einsum("jf,jac->fajc", X, root)
        return roots.reshape(self.theta.size, -1)


def _leave_one_out(fits):
    """Held-out log loss of the target's rows, each left out in turn, to first order; the fit."""
    problem, total = fits.problem, fits.total
    judged, _ = _judged(problem)
    row_weight = problem.target_weight[judged]
    theta = fits.fit()
    look = problem.look(theta, fits.domain_weights)
    curvature = fits.curvature(look)
    ridge = np.repeat(problem.full_penalty, problem.n_classes - 1)
    own, labels = theta[: len(problem.penalty) + 1], problem.target_labels[judged]
    _, log_probabilities = class_probabilities(_rows(problem, judged), own)
    fitted = row_weight @ log_probabilities[labels, np.arange(len(judged))]
    separated = -fitted < _LEAST_LOSS * row_weight.sum()
    losses, leverage = leave_one_out(
        _rows(problem, judged),
        labels,
        own,
        curvature.profiled(total, ridge),
        row_weight,
        problem.target_groups[judged],
    )
    if leverage > _MAX_LEVERAGE or separated:
        near = None
        # From a fit so sure of all labels there is no way back. And few rows that decide it change
        # its curvature: of many parameters the fits without sources are as fast from the start.
        few = problem.n_parameters <= NEWTON_MAX_PARAMETERS
        if not separated and (few or fits.domain_weights[1:].any()):
            solve = curvature.solver(total, ridge)
            near = _NearFit(theta, look.target_probabilities, solve)
        return _folds(fits, near), theta
    # Rows that are not judged are no evidence.
    return row_weight @ losses, theta


def _folds(fits, near=None):
    """Held-out log loss of the target's rows from refits without a tenth of them."""
    problem = fits.problem
    judged, place = _judged(problem)
    total = 0.0
    for fold in range(min(_N_FOLDS, place.max() + 1)):
        held_out = judged[place % _N_FOLDS == fold]
        theta = fits.without(held_out, near)
        own = theta[: len(problem.penalty) + 1]
        _, log_probabilities = class_probabilities(_rows(problem, held_out), own)
        labels = problem.target_labels[held_out]
        losses = -log_probabilities[labels, np.arange(len(labels))]
        total += problem.target_weight[held_out] @ losses
    return total


def _rows(problem, chosen):
    """Some of the target's rows, with a constant column for its own intercepts."""
    rows = problem.target_matrix[chosen]
    rows = rows.toarray() if issparse(rows) else rows
    return np.column_stack([rows, np.ones(len(rows))])


def _judged(problem):
    """Rows of the target to judge by, and their groups' places.

    Groups are in label order: every thinning and fold gets its share of each class. Without its
    only group nobody could have learned a class from the target, so that group judges nothing.
    """
    groups, y = problem.target_groups, problem.target_labels
    labels = label_of_groups(y, groups)
    order = np.argsort(labels, kind="stable")
    order = order[groups_with_label(y, groups)[labels[order]] > 1]
    order = order[:: 1 + len(order) // _MAX_JUDGED_ROWS]
    place = np.full(len(labels), -1)
    place[order] = np.arange(len(order))
    judged = np.argsort(place[groups], kind="stable")
    judged = judged[place[groups[judged]] >= 0]
    return judged, place[groups[judged]]
