"""Source weights from a softmax regression on the rows of target and sources.

Two calibrations. Both start from contrasts between the sources and the target, measured by the
Fisher information, and end in :func:`skuowq.weights.optimal_source_weights`.

- ``"reml"``: at the current weighted fit ``theta`` the mean scores ``g_i`` of all domains are
  compared. With ``H`` the Fisher information of a row of the weighted mixture, ``n`` its size
  and ``P`` the ridge penalty, one penalised Newton step from each score gives the contrasts

      delta_i = (H + P / n)^-1 (g_i - g_0),    S_ij = delta_i' H delta_j / d,
      d = trace[ ((H + P / n)^-1 H)^2 ],

  so that ``S`` carries noise ``1 / N_0`` and ``1 / N_i`` on average over the ``d`` directions that
  the penalty leaves free, and no fit on the few target rows alone is needed. In the end the
  target's rows judge how much of the weights they support (:func:`supported_share`).
- ``"plugin"`` (the paper's; arXiv 2601.10779) and ``"debiased"``: contrasts of separately fitted
  parameters in the metric of the Fisher information at the target's, averaged over the target's
  rows. The dynamic rule fits the target's parameters again with the current weights.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import softmax
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from .fisher import fit_softmax, softmax_fisher_product
from .fisher._leave_one_out import leave_one_out_loss
from .fisher._softmax_regression import class_probabilities, information, mean_score
from .weights import SourceWeights
from .weights._discrepancy import weights_and_discrepancy
from .weights._program import weights_record

# Up to here the Fisher information is formed; above, products with it are enough.
_MAX_EXPLICIT_PARAMETERS = 1500
_TRACE_PROBES = 20
# Updates end early once no weight moves by more than this.
_SETTLED = 3e-2
# Scores forgive a fit that stops early; contrasts of separate fits do not.
_SEPARATE_FIT_TOL = 1e-6
# Weights that the target's held-out rows prefer 100 to 1 to no sources stand as they are.
_CLEAR_EVIDENCE = np.log(100)
_SMALLER_SHARES = (0.3, 0.1, 0.03, 0.01)
_MAX_JUDGED_ROWS = 500
_N_FOLDS = 5


@dataclass(frozen=True)
class SoftmaxWeights:
    """Weights, and how they came about.

    Attributes
    ----------
    weights : SourceWeights
    discrepancy : ndarray of shape (n_sources, n_sources)
    n_parameters : float
        ``d``: directions free of the penalty for "reml", all parameters otherwise.
    history : ndarray of shape (n_steps, n_sources)
        Source weights after every update, and for "reml" after the target's judgement.
    """

    weights: SourceWeights
    discrepancy: np.ndarray
    n_parameters: float
    history: np.ndarray


@dataclass(frozen=True)
class SoftmaxProblem:
    """Stacked rows of target and sources, the target's first.

    Attributes
    ----------
    matrix : {ndarray, CSR matrix} of shape (n_rows, n_columns)
    labels : ndarray of shape (n_rows,)
        Class indices.
    row_weight : ndarray of shape (n_rows,)
        The rows' own weights.
    sizes : list of int
        Rows of the target and of every source.
    n_classes : int
    penalty : ndarray of shape (n_columns,)
    """

    matrix: object
    labels: np.ndarray
    row_weight: np.ndarray
    sizes: list
    n_classes: int
    penalty: np.ndarray

    @property
    def n_parameters(self):
        return len(self.penalty) * (self.n_classes - 1)

    @property
    def domains(self):
        edges = np.cumsum([0, *self.sizes])
        return [slice(a, b) for a, b in itertools.pairwise(edges)]

    def domain_sizes(self):
        """``N0`` and the ``N_i``: sums of row weights."""
        totals = np.array([self.row_weight[rows].sum() for rows in self.domains])
        return float(totals[0]), totals[1:]

    def weigh(self, source_weights):
        """Every row's weight: its own times its domain's, the target's being 1."""
        return np.repeat(np.append(1.0, source_weights), self.sizes) * self.row_weight

    def fit(self, weight, start=None, curvature=None, rows=slice(None), tol=1e-3):
        return fit_softmax(
            self.matrix[rows],
            self.labels[rows],
            self.n_classes,
            weight,
            self.penalty,
            start=start,
            curvature=curvature,
            tol=tol,
        )


def softmax_source_weights(
    problem, *, method, n_updates, max_weight, solver, n_jobs, random_state, report
):
    """Weights by REML in score form, or by the paper's plug-in.

    Parameters
    ----------
    problem : SoftmaxProblem
    method : {"reml", "debiased", "plugin"}
    n_updates : int
        How often weights and weighted fit alternate after the first weights.
    max_weight, solver
        As in :func:`skuowq.weights.solve_source_weights`.
    n_jobs : int or None
        Workers for the separate fits of the plug-in.
    random_state : int, RandomState or None
        For the trace probes of models with many parameters.
    report : callable
        Called with the number of the update and its `SourceWeights`.

    Returns
    -------
    result : SoftmaxWeights
    """
    n_target, n_samples = problem.domain_sizes()
    if method == "reml":
        contrasts = _ScoreContrasts(problem, random_state)
    else:
        contrasts = _FittedContrasts(problem, n_jobs)
    current = contrasts.start
    history = []
    for update in range(n_updates + 1):
        gram, d = contrasts(current)
        result, discrepancy = weights_and_discrepancy(
            gram, n_target, n_samples, d, method=method, max_weight=max_weight, solver=solver
        )
        report(update, result)
        history.append(result.source_weights)
        settled = np.abs(result.source_weights - current).max() <= _SETTLED
        current = result.source_weights
        if settled:
            break
    if method == "reml":
        share = supported_share(
            problem, result.source_weights, contrasts.theta, contrasts.curvature
        )
        result = weights_record(share * result.source_weights, n_samples, result.gap)
        history.append(result.source_weights)
    return SoftmaxWeights(result, discrepancy, float(d), np.array(history))


class _ScoreContrasts:
    """``S`` and ``d`` at the fit with given weights, from score functions."""

    def __init__(self, problem, random_state):
        self.problem = problem
        self.rng = check_random_state(random_state)
        self.theta = self.curvature = None
        # All sources together weigh as much as the target: bad ones cannot carry the first fit.
        n_target, n_samples = problem.domain_sizes()
        self.start = np.full(len(n_samples), min(1.0, n_target / n_samples.sum()))

    def __call__(self, source_weights):
        problem = self.problem
        weight = problem.weigh(source_weights)
        self.theta = problem.fit(weight, start=self.theta, curvature=self.curvature)
        probabilities, _ = class_probabilities(problem.matrix, self.theta)
        scores = np.column_stack(
            [
                mean_score(
                    problem.matrix[rows],
                    problem.labels[rows],
                    probabilities[:, rows],
                    problem.row_weight[rows],
                ).ravel()
                for rows in problem.domains
            ]
        )
        contrasts = scores[:, 1:] - scores[:, :1]
        ridge = np.repeat(problem.penalty, problem.n_classes - 1) / weight.sum()
        if problem.n_parameters <= _MAX_EXPLICIT_PARAMETERS:
            self.curvature = information(problem.matrix, probabilities, weight)
            return penalised_gram(self.curvature, ridge, contrasts)
        return penalised_gram_by_products(
            lambda v: softmax_fisher_product(problem.matrix, self.theta, v, weight),
            ridge,
            contrasts,
            self.rng,
        )


def penalised_gram(H, ridge, contrasts):
    """``S`` and ``d`` of the module's first formula, with the matrix at hand."""
    factor = cho_factor(H + np.diag(ridge))
    shrinkage = cho_solve(factor, H)
    d = np.sum(shrinkage * shrinkage.T)
    steps = cho_solve(factor, contrasts)
    return _symmetric(steps.T @ H @ steps) / d, d


def penalised_gram_by_products(product, ridge, contrasts, rng, n_probes=_TRACE_PROBES):
    """The same from products ``H v`` alone: conjugate gradients and Hutchinson's trace.

    With ``z`` a random sign vector, ``E z' M^2 z = trace(M^2)`` and, for ``A = H + P / n``,
    ``z' M^2 z = (A^-1 z)' H (A^-1 H z)``.
    """
    n_parameters = len(ridge)
    probes = rng.choice([-1.0, 1.0], size=(n_parameters, n_probes))
    diagonal = np.mean(probes * product(probes), axis=1)
    preconditioner = 1 / (np.maximum(diagonal, 0) + ridge)
    system = LinearOperator(
        (n_parameters, n_parameters),
        matvec=lambda v: product(v.reshape(-1, 1)).ravel() + ridge * v.ravel(),
    )
    inverse = LinearOperator(system.shape, matvec=lambda v: preconditioner * v.ravel())

    def solve(columns):
        solved = [cg(system, c, rtol=1e-4, maxiter=200, M=inverse)[0] for c in columns.T]
        return np.column_stack(solved)

    steps = solve(contrasts)
    d = np.mean(np.sum(solve(probes) * product(solve(product(probes))), axis=0))
    d = float(np.clip(d, 1.0, n_parameters))
    return _symmetric(steps.T @ product(steps)) / d, d


class _FittedContrasts:
    """``S`` from separate fits; the target's is replaced by the weighted fit after the first."""

    def __init__(self, problem, n_jobs):
        self.problem = problem
        self.theta = None
        # The first call is the static rule: the target's fit without any source.
        self.start = np.zeros(len(problem.sizes) - 1)
        self.sources = Parallel(n_jobs=n_jobs)(
            delayed(problem.fit)(problem.row_weight[rows], rows=rows, tol=_SEPARATE_FIT_TOL)
            for rows in problem.domains[1:]
        )

    def __call__(self, source_weights):
        problem = self.problem
        weight = problem.weigh(source_weights)
        self.theta = problem.fit(weight, start=self.theta, tol=_SEPARATE_FIT_TOL)
        contrasts = np.column_stack([(theta - self.theta).ravel() for theta in self.sources])
        target = problem.domains[0]
        products = softmax_fisher_product(
            problem.matrix[target], self.theta, contrasts, problem.row_weight[target]
        )
        d = problem.n_parameters
        return _symmetric(contrasts.T @ products) / d, d


def supported_share(problem, source_weights, theta, curvature):
    """How much of the weights the target's own rows support, from 0 to 1.

    The scores of a source that contradicts the target are bounded, so its discrepancy is
    underestimated where it is large, and the theory says nothing of distances beyond
    ``1 / sqrt(N0)``. The target's rows decide, by their held-out likelihood under shares of the
    weights from none to all: the posterior mean of the share, with half the prior on all.
    """

    def held_out_loss(share):
        return _held_out_loss(problem, share * source_weights, theta, curvature)

    everything, nothing = held_out_loss(1.0), held_out_loss(0.0)
    if everything < nothing - _CLEAR_EVIDENCE:
        return 1.0
    shares = np.array([1.0, 0.0, *_SMALLER_SHARES])
    losses = np.array([everything, nothing, *map(held_out_loss, _SMALLER_SHARES)])
    log_prior = np.log(np.where(shares == 1, 0.5, 0.5 / (len(shares) - 1)))
    return float(softmax(log_prior - losses) @ shares)


def _held_out_loss(problem, source_weights, theta, curvature):
    """Held-out log loss, summed over the target's rows (spread over all when there are many)."""
    target = problem.domains[0]
    rows = slice(None) if np.any(source_weights > 0) else target
    weight = problem.weigh(source_weights)[rows]
    # In label order, so that every fold and every thinning has its share of each class.
    order = np.argsort(problem.labels[target], kind="stable")
    if problem.n_parameters <= _MAX_EXPLICIT_PARAMETERS:
        judged = order[:: 1 + len(order) // _MAX_JUDGED_ROWS]
        theta = problem.fit(weight, start=theta, curvature=curvature, rows=rows)
        probabilities, _ = class_probabilities(problem.matrix[rows], theta)
        curvature = weight.sum() * information(problem.matrix[rows], probabilities, weight)
        curvature += np.diag(np.repeat(problem.penalty, problem.n_classes - 1))
        losses = leave_one_out_loss(
            problem.matrix[target][judged], problem.labels[target][judged], theta, curvature
        )
    else:
        judged, losses = order, np.empty(len(order))
        for fold in range(_N_FOLDS):
            held_out = order[fold::_N_FOLDS]
            kept = weight.copy()
            kept[held_out] = 0
            theta = problem.fit(kept, start=theta, rows=rows)
            _, log_probabilities = class_probabilities(problem.matrix[target][held_out], theta)
            labels = problem.labels[target][held_out]
            losses[fold::_N_FOLDS] = -log_probabilities[labels, np.arange(len(labels))]
    row_weight = problem.row_weight[target]
    return row_weight.sum() * np.average(losses, weights=row_weight[judged])


def _symmetric(matrix):
    return (matrix + matrix.T) / 2
