"""The softmax regression of target and sources whose rows may be elsewhere: sums at points.

The driver sends a point, and every source answers with the sums over its rows there: loss,
gradient, information. They are the sums that a fit to stacked rows forms, so weights and fit are
the same up to rounding. One exchange of this kind is a round.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from skuowq._data.elsewhere import ask
from skuowq._data.read_part import Reading, read_part
from skuowq.fisher.checked import (
    DomainInformation,
    InformationByDomain,
    class_probabilities,
    fit_likelihood,
    point_sums,
)

from .own_fits_sums import fit_each_alone
from .own_intercepts import point_of_source

# Numbers of a block of rows in the units of the design.
_BLOCK_ENTRIES = 2**16
# Points whose answers are kept: a fit looks back no further.
_POINTS_KEPT = 3


@dataclass(frozen=True, eq=False)
class Question:
    """Where sources are to sum: what all of them are told.

    Attributes
    ----------
    reading : Reading
    centre, scale : ndarray of shape (n_features,)
        The model's columns are the given ones less their centre, divided by their scale.
    theta : ndarray of shape (n_features + 1, n_contrasts)
    with_information : bool
    """

    reading: Reading
    centre: np.ndarray
    scale: np.ndarray
    theta: np.ndarray
    with_information: bool


def sums_of_part(part, where, question, own):
    """`PointSums` of a part at the point, and beyond it by a source's own parameters; see `ask`.

    These are of the last columns, (n_own, n_contrasts): of the constant one alone, or of all.
    """
    bounds, beyond = own
    rows = read_part(part, where, question.reading, bounds)
    theta = question.theta.copy()
    theta[-len(beyond) :] += beyond
    blocks = _blocks(*rows, question.centre, question.scale)
    return point_sums(blocks, theta, question.with_information)


def in_units(X, centre, scale, out=None):
    """Rows in the units of the design, with a last column of ones."""
    Z = np.empty((len(X), X.shape[1] + 1)) if out is None else out[: len(X)]
    np.subtract(X, centre, out=Z[:, :-1])
    Z[:, :-1] /= scale
    Z[:, -1] = 1.0
    return Z


def _blocks(X, y, weight, centre, scale):
    """A few rows at a time in these units, each time in the same memory."""
    step = max(1, _BLOCK_ENTRIES // (X.shape[1] + 1))
    out = np.empty((min(step, len(X)), X.shape[1] + 1))
    for start in range(0, len(X), step):
        rows = slice(start, start + step)
        yield in_units(X[rows], centre, scale, out), y[rows], weight[rows]


class SourceSums:
    """Sources that answer with sums; their last answers are kept.

    Parameters
    ----------
    asked : list of Asked
    reading : Reading
    centre, scale : ndarray of shape (n_features,)
    """

    def __init__(self, asked, reading, centre, scale):
        self.asked, self.reading = asked, reading
        self.centre, self.scale = centre, scale
        self._kept = {}

    @property
    def totals(self):
        """Sums of the weights of each source's rows."""
        return np.array([source.n_samples for source in self.asked])

    def squares(self):
        """Weighted sums of squares of each source's columns, the constant one last."""
        columns = [source.columns for source in self.asked]
        own = [c.squares + c.total * (c.mean - self.centre) ** 2 for c in columns]
        return np.column_stack([np.array(own) / self.scale**2, self.totals])

    def at(self, theta, intercepts, which, with_information=False):
        """Answers at a point.

        Parameters
        ----------
        theta : ndarray of shape (n_columns, n_contrasts)
        intercepts : ndarray of shape (n_sources, n_contrasts)
            Every source's own, beside the common ones.
        which : ndarray of bool of shape (n_sources,)
            The sources that are wanted.
        with_information : bool, default=False

        Returns
        -------
        sums : dict of PointSums
            By the number of the source.
        """
        known = self._kept.pop((theta.tobytes(), intercepts.tobytes()), {})
        lacking = [
            k
            for k in np.flatnonzero(which).tolist()
            if k not in known or (with_information and known[k].information is None)
        ]
        if lacking:
            own = {k: intercepts[k : k + 1] for k in lacking}
            known |= self._ask(theta, own, with_information)
        self._kept[theta.tobytes(), intercepts.tobytes()] = known
        while len(self._kept) > _POINTS_KEPT:
            del self._kept[next(iter(self._kept))]
        return {k: known[k] for k in np.flatnonzero(which).tolist()}

    def at_points(self, points):
        """Answers of some sources, each at a point of its own, with the information.

        Parameters
        ----------
        points : dict of ndarray of shape (n_columns, n_contrasts)
            By the number of the source.

        Returns
        -------
        sums : dict of PointSums
        """
        origin = np.zeros(next(iter(points.values())).shape)
        return self._ask(origin, points, with_information=True)

    def _ask(self, theta, own, with_information):
        question = Question(self.reading, self.centre, self.scale, theta, with_information)
        asked = [self.asked[k] for k in own]
        answers = ask(asked, sums_of_part, question, list(own.values()))
        return dict(zip(own, answers, strict=True))


@dataclass(frozen=True, eq=False)
class SumsProblem:
    """The target's rows, and sources that answer with sums; a `Problem`.

    Attributes
    ----------
    target_matrix : ndarray of shape (n_rows, n_columns)
        In the units of the design; the last column is constant.
    target_labels, target_weight : ndarray of shape (n_rows,)
    target_groups : ndarray of int of shape (n_rows,)
    sources : SourceSums
    n_classes : int
    penalty : ndarray of shape (n_columns,)
    intercept_variance : float, default=0
    """

    target_matrix: np.ndarray
    target_labels: np.ndarray
    target_weight: np.ndarray
    target_groups: np.ndarray
    sources: SourceSums
    n_classes: int
    penalty: np.ndarray
    intercept_variance: float = 0.0

    @property
    def n_domains(self):
        """Target and sources."""
        return 1 + len(self.sources.asked)

    @property
    def n_parameters(self):
        """See `Problem`."""
        return len(self.penalty) * (self.n_classes - 1)

    @property
    def full_penalty(self):
        """See `Problem`."""
        if not self.intercept_variance:
            return self.penalty
        return np.append(self.penalty, np.full(self.n_domains, 1 / self.intercept_variance))

    def with_intercept_variance(self, variance):
        """See `Problem`."""
        return replace(self, intercept_variance=variance)

    def domain_sizes(self):
        """See `Problem`."""
        return float(self.target_weight.sum()), self.sources.totals

    def fit_mixture(self, domain_weights, *, target_weight=None, tol=1e-3, **how):
        """See `Problem`."""
        weight = self.target_weight if target_weight is None else target_weight
        likelihood = SumsLikelihood(self, domain_weights, weight)
        return fit_likelihood(likelihood, self.full_penalty, tol=tol, **how)

    def alone(self, which, theta, tol):
        """See `Problem`."""
        wanted = np.isin(np.arange(self.n_domains - 1), which)
        # The look at this fit has asked for these.
        first = self.sums(theta, wanted, with_information=True)
        first = {k: first[1 + k] for k in which.tolist()}
        starts = {k: point_of_source(theta, len(self.penalty), k) for k in first}
        found = fit_each_alone(self.sources.at_points, starts, first, self.penalty, tol)
        return {
            k: (own, -sums.gradient.ravel() / sums.total, sums.information / sums.total)
            for k, (own, sums) in found.items()
        }

    def look(self, theta, domain_weights=None):
        """See `Problem`."""
        if domain_weights is None:
            look = SumsLook(self, theta, np.ones(self.n_domains - 1, dtype=bool))
            look.with_information  # noqa: B018 (one round for all that is asked later)
            return look
        return SumsLook(self, theta, domain_weights[1:] > 0)

    def sums(self, theta, which, with_information=False, target_weight=None):
        """`PointSums` of the target, 0, and of the sources that are wanted, from 1, at a fit."""
        common, own = theta[: len(self.penalty)], theta[len(self.penalty) :]
        if not len(own):
            own = np.zeros((self.n_domains, self.n_classes - 1))
        here = common.copy()
        here[-1] += own[0]
        weight = self.target_weight if target_weight is None else target_weight
        rows = [(self.target_matrix, self.target_labels, weight)]
        found = {0: point_sums(rows, here, with_information)}
        answers = self.sources.at(common, own[1:], which, with_information)
        return found | {1 + k: answer for k, answer in answers.items()}


class SumsLikelihood:
    """The weighted likelihood of all domains, as `fit_likelihood` asks for it.

    Parameters
    ----------
    problem : SumsProblem
    domain_weights : ndarray of shape (n_domains,)
    target_weight : ndarray of shape (n_rows,)
        Of the target's rows.
    """

    def __init__(self, problem, domain_weights, target_weight):
        self.problem, self.weights, self.target_weight = problem, domain_weights, target_weight
        self.which = domain_weights[1:] > 0
        self.n_common = len(problem.penalty)
        self.shape = (len(problem.full_penalty), problem.n_classes - 1)
        self.totals = np.append(target_weight.sum(), problem.sources.totals)
        self.total = domain_weights @ self.totals

    def _sums(self, theta, with_information=False):
        found = self.problem.sums(theta, self.which, with_information, self.target_weight)
        return found.items()

    def loss_and_gradient(self, theta):
        """See `Likelihood`."""
        loss, gradient = 0.0, np.zeros(self.shape)
        for k, sums in self._sums(theta):
            w = self.weights[k]
            loss += w * sums.loss
            gradient[: self.n_common] += w * sums.gradient
            if self.shape[0] > self.n_common:
                gradient[self.n_common + k] = w * sums.gradient[-1]
        return loss, gradient, theta

    def information(self, seen):
        """See `Likelihood`."""
        found = dict(self._sums(seen, with_information=True))
        mixed = mixed_information(found, self.weights, self.total)
        return mixed if self.shape[0] > self.n_common else mixed.common

    def squares(self):
        """See `Likelihood`."""
        problem = self.problem
        own = problem.target_matrix**2
        by_domain = np.vstack([self.target_weight @ own, problem.sources.squares()])
        common = self.weights @ by_domain
        if self.shape[0] == self.n_common:
            return common
        return np.append(common, self.weights * self.totals)


def mixed_information(sums, domain_weights, total):
    """Of a row of the mixture, from the sums of some domains by their numbers."""
    n_domains = len(domain_weights)
    m, c = sums[0].border.shape
    common = np.zeros((m, m))
    border, own = np.zeros((n_domains, m, c)), np.zeros((n_domains, c, c))
    for k, found in sums.items():
        share = domain_weights[k] / total
        common += share * found.information
        border[k], own[k] = share * found.border, share * found.own
    return DomainInformation(common, border, own)


@dataclass(frozen=True, eq=False)
class SumsLook:
    """What the domains show at a fit.

    Attributes
    ----------
    problem : SumsProblem
    theta : ndarray of shape (n_design_columns, n_classes - 1)
    which : ndarray of bool of shape (n_sources,)
        Sources that are looked at.
    """

    problem: SumsProblem
    theta: np.ndarray
    which: np.ndarray

    @cached_property
    def with_information(self):
        return self.problem.sums(self.theta, self.which, with_information=True)

    @property
    def _sums(self):
        return self.problem.sums(self.theta, self.which)

    @property
    def target_probabilities(self):
        """(n_classes, n_target_rows)"""
        theta = self.theta[: len(self.problem.penalty)].copy()
        theta[-1] += self.theta[len(theta)]
        return class_probabilities(self.problem.target_matrix, theta)[0]

    def scores(self):
        """See `RowsLook`."""
        sums = self._sums
        return np.column_stack(
            [-sums[k].gradient.ravel() / sums[k].total for k in range(self.problem.n_domains)]
        )

    def intercept_slopes(self):
        """See `RowsLook`."""
        sums = [self._sums[k] for k in range(self.problem.n_domains)]
        return np.array([-s.gradient[-1] for s in sums]), np.array([s.own for s in sums])

    def traces(self):
        """See `RowsLook`; 0 where nobody looks."""
        traces = np.zeros(self.problem.n_domains)
        for k, sums in self._sums.items():
            traces[k] = np.trace(sums.own)
        return traces

    def information(self, domain_weights):
        """See `RowsLook`."""
        total = domain_weights @ np.append(*self.problem.domain_sizes())
        return mixed_information(self.with_information, domain_weights, total)

    def information_by_domain(self):
        """See `RowsLook`."""
        return _by_domain([self.with_information[k] for k in range(self.problem.n_domains)])

    def information_of_target(self):
        """See `RowsLook`."""
        nobody = np.zeros(len(self.which), dtype=bool)
        return _by_domain([self.problem.sums(self.theta, nobody, with_information=True)[0]])


def _by_domain(sums):
    return InformationByDomain(
        np.array([found.information for found in sums]),
        np.array([found.border for found in sums]),
        np.array([found.own for found in sums]),
        np.array([found.total for found in sums]),
    )
