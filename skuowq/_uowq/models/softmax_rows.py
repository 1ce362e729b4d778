"""The softmax regression of target and sources whose rows are all here, stacked."""

import itertools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from skuowq.fisher import contrast_basis
from skuowq.fisher.checked import (
    DomainDesign,
    class_probabilities,
    fit_checked,
    information,
    information_by_domain,
    information_diagonal,
    information_product,
    mean_score,
)

from .own_intercepts import point_of_source


@dataclass(frozen=True)
class SoftmaxProblem:
    """Stacked rows of target and sources, the target's first.

    Attributes
    ----------
    matrix : {ndarray, CSR matrix} of shape (n_rows, n_columns)
        Columns that all domains share; the last is constant.
    labels : ndarray of shape (n_rows,)
        Class indices.
    row_weight : ndarray of shape (n_rows,)
        The rows' own weights.
    sizes : list of int
        Rows of the target and of every source.
    n_classes : int
    penalty : ndarray of shape (n_columns,)
    intercept_variance : float, default=0
        Above 0, every domain has its own intercepts beside the common ones, with this variance.
    groups : ndarray of int of shape (sizes[0],), default=None
        Rows of the target with one number are held out together; None holds each out by itself.
    """

    matrix: object
    labels: np.ndarray
    row_weight: np.ndarray
    sizes: list
    n_classes: int
    penalty: np.ndarray
    intercept_variance: float = 0.0
    groups: np.ndarray | None = None

    @property
    def target_groups(self):
        """Groups of the target's rows."""
        return np.arange(self.sizes[0]) if self.groups is None else self.groups

    @property
    def target_matrix(self):
        """The target's rows."""
        return self.matrix[: self.sizes[0]]

    @property
    def target_labels(self):
        """Class indices of the target's rows."""
        return self.labels[: self.sizes[0]]

    @property
    def target_weight(self):
        """The target's rows' own weights."""
        return self.row_weight[: self.sizes[0]]

    @property
    def design(self):
        """The columns, and one for each domain's own intercept."""
        if not self.intercept_variance:
            return self.matrix
        return DomainDesign(self.matrix, np.asarray(self.sizes))

    @property
    def full_penalty(self):
        """Of the design's columns; a variance is a ridge penalty's inverse."""
        if not self.intercept_variance:
            return self.penalty
        return np.append(self.penalty, np.full(len(self.sizes), 1 / self.intercept_variance))

    @property
    def n_parameters(self):
        """Of the columns that all domains share."""
        return len(self.penalty) * (self.n_classes - 1)

    def with_intercept_variance(self, variance):
        return replace(self, intercept_variance=variance)

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
        return self.mixed_weight(np.append(1.0, source_weights))

    def mixed_weight(self, domain_weights):
        """Every row's weight: its own times its domain's."""
        return np.repeat(domain_weights, self.sizes) * self.row_weight

    def look(self, theta, domain_weights=None):
        """See `Problem`."""
        everywhere = domain_weights is None or np.any(domain_weights[1:] > 0)
        return RowsLook(self, theta, everywhere)

    def fit_mixture(self, domain_weights, *, target_weight=None, **how):
        """The fit with these weights of the domains, the target's first.

        Parameters
        ----------
        domain_weights : ndarray of shape (n_domains,)
        target_weight : ndarray of shape (sizes[0],), default=None
            In place of the own weights of the target's rows.
        **how : dict
            Start, curvature and tolerance; see `fit`.
        """
        weight = self.mixed_weight(domain_weights)
        if target_weight is not None:
            weight[: self.sizes[0]] = domain_weights[0] * target_weight
        # Without sources their rows need not be looked at.
        rows = slice(None) if np.any(domain_weights[1:] > 0) else self.domains[0]
        return self.fit(weight[rows], rows=rows, **how)

    def fit(self, weight, start=None, curvature=None, rows=slice(None), tol=1e-3):
        return fit_checked(
            self.design[rows],
            self.labels[rows],
            self.n_classes,
            weight,
            self.full_penalty,
            start=start,
            curvature=curvature,
            tol=tol,
        )

    def alone(self, which, theta, tol):
        """See `Problem`."""
        starts = {k: point_of_source(theta, len(self.penalty), k) for k in which.tolist()}
        plain = self.with_intercept_variance(0.0)
        return {k: plain._alone(k, start, tol) for k, start in starts.items()}

    def _alone(self, k, start, tol):
        rows = self.domains[1 + k]
        weight = self.row_weight[rows]
        theta = self.fit(weight, start=start, rows=rows, tol=tol)
        p, _ = class_probabilities(self.matrix[rows], theta)
        score = mean_score(self.matrix[rows], self.labels[rows], p, weight)
        return theta, score.ravel(), information(self.matrix[rows], p, weight)


@dataclass(frozen=True)
class RowsLook:
    """What the rows show at a fit.

    Attributes
    ----------
    problem : SoftmaxProblem
    theta : ndarray of shape (n_design_columns, n_classes - 1)
    everywhere : bool
        Whether at all rows, or at the target's alone.
    """

    problem: object
    theta: np.ndarray
    everywhere: bool = True

    @property
    def _rows(self):
        return slice(None) if self.everywhere else self.problem.domains[0]

    @cached_property
    def probabilities(self):
        """(n_classes, n_rows), the target's rows first."""
        return class_probabilities(self.problem.design[self._rows], self.theta)[0]

    @property
    def target_probabilities(self):
        """(n_classes, n_target_rows)"""
        return self.probabilities[:, : self.problem.sizes[0]]

    def scores(self):
        """Every domain's mean score in the common parameters, (n_parameters, n_domains)."""
        problem = self.problem
        return np.column_stack(
            [
                mean_score(
                    problem.matrix[rows],
                    problem.labels[rows],
                    self.probabilities[:, rows],
                    problem.row_weight[rows],
                ).ravel()
                for rows in problem.domains
            ]
        )

    def intercept_slopes(self):
        """Gradient and information of every domain's log likelihood in its own intercepts."""
        problem = self.problem
        basis = contrast_basis(problem.n_classes)
        gradient, curvature = [], []
        for rows in problem.domains:
            p, weight = self.probabilities[:, rows], problem.row_weight[rows]
            observed = np.bincount(problem.labels[rows], weight, minlength=problem.n_classes)
            expected = p @ weight
            gradient.append(basis.T @ (observed - expected))
            curvature.append(basis.T @ (np.diag(expected) - (p * weight) @ p.T) @ basis)
        return np.array(gradient), np.array(curvature)

    def traces(self):
        """Of every domain's information in its own intercepts."""
        problem = self.problem
        spread = 1 - np.sum(self.probabilities**2, axis=0)
        return problem.design.domain_sums(problem.row_weight * spread)

    def information(self, domain_weights):
        """Of a row of the mixture with these weights of the domains."""
        design = self.problem.design[self._rows]
        weight = self.problem.mixed_weight(domain_weights)
        return information(design, self.probabilities, weight[self._rows])

    def information_by_domain(self):
        """Of every domain's rows."""
        problem = self.problem
        return information_by_domain(problem.design, self.probabilities, problem.row_weight)

    def information_of_target(self):
        """Of the target's rows alone, as the only domain."""
        problem = self.problem
        design = problem.design.first_domain()
        return information_by_domain(design, self.target_probabilities, problem.target_weight)

    def product(self, domain_weights, directions):
        """Common information of a row of the mixture, times directions."""
        weight = self.problem.mixed_weight(domain_weights)
        return information_product(self.problem.matrix, self.probabilities, weight, directions)

    def diagonal(self, domain_weights):
        """Of the common information of a row of the mixture."""
        weight = self.problem.mixed_weight(domain_weights)
        return information_diagonal(self.problem.matrix, self.probabilities, weight)
