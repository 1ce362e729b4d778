"""The weighted logistic regression with own intercepts and slopes, from sums at points.

The optimum is that of :func:`fit_with_own_effects`, which takes rows. Here Newton's method finds
it, a round for each step.
"""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skuowq._utils._factor import factorise
from skuowq._utils._warn import warn
from skuowq.fisher.checked import point_sums

_STEPS = 50
# What a step may still gain, in nats, for each parameter.
_TOL = 1e-12
_SHORTEST = 1e-6


def fit_own_effects(problem, source_weights, penalty, intercept_variance, slope_variance, start):
    """Effects and intercepts of the target.

    Parameters
    ----------
    problem : SumsProblem
    source_weights : ndarray of shape (n_sources,)
    penalty : ndarray of shape (n_columns,)
        Of the common parameters; 0 for the intercepts.
    intercept_variance, slope_variance : float
        Of every domain's own intercepts, and of the target's own effects. 0 leaves them out.
    start : ndarray of shape (n_columns + n_domains, n_contrasts) or (n_columns, n_contrasts)
        Common parameters, and own intercepts where there are any.

    Returns
    -------
    theta : ndarray of shape (n_columns, n_contrasts)
        In the units of the design.
    n_steps : int
    """
    fit = _Fit(problem, source_weights, penalty, intercept_variance, slope_variance, start)
    loss, slope = fit.loss_and_slope(fit.start)
    at = fit.start
    for step_number in range(_STEPS):
        step = factorise(fit.curvature(at))(slope)
        left = slope @ step / 2
        if left <= _TOL * len(at):
            return fit.of_target(at), step_number
        size = 1.0
        while size > _SHORTEST:
            trial = at - size * step
            found = fit.loss_and_slope(trial)
            # The last term allows for rounding in sums of many losses.
            if found[0] <= loss - 1e-4 * size * left + 1e-13 * abs(loss):
                break
            size /= 2
        else:
            return fit.of_target(at), step_number
        at, (loss, slope) = trial, found
        if size == 1.0 and left <= _TOL**0.5 * len(at):
            return fit.of_target(at), step_number + 1  # Steps square what is left.
    warn(
        f"the weighted fit did not converge in {_STEPS} Newton steps: scale the columns or lower C",
        ConvergenceWarning,
    )
    return fit.of_target(at), _STEPS


class _Fit:
    """The objective over common parameters, own intercepts of sources, and the target's own."""

    def __init__(self, problem, source_weights, penalty, intercept_variance, slope_variance, start):
        self.problem, self.weights = problem, source_weights
        self.which = source_weights > 0
        self.used = np.flatnonzero(self.which)
        p, self.c = len(penalty), problem.n_classes - 1
        self.shape = (p, self.c)
        own = np.full(p, 1 / slope_variance if slope_variance else np.inf)
        own[-1] = 1 / intercept_variance if intercept_variance else np.inf
        self.free = np.repeat(np.isfinite(own), self.c)
        ridge = np.repeat(1 / intercept_variance, len(self.used) * self.c) if own_of(own) else []
        self.has_own = own_of(own)
        of_target = np.repeat(own, self.c)[self.free]
        self.ridge = np.concatenate([np.repeat(penalty, self.c), of_target, ridge])
        self.start = np.zeros(len(self.ridge))
        m, u = p * self.c, int(self.free.sum())
        self.parts = m, m + u
        self.start[:m] = start[:p].ravel()
        if self.has_own and len(start) > p:
            self.start[m + u - self.c : m + u] = start[p]
            self.start[m + u :] = start[p + 1 :][self.used].ravel()

    def _split(self, at):
        """Common parameters, those of the target, and the sources' own intercepts."""
        m, end = self.parts
        common = at[:m].reshape(self.shape)
        target = common.copy().ravel()
        target[self.free] += at[m:end]
        intercepts = np.zeros((len(self.weights), self.c))
        if self.has_own:
            intercepts[self.used] = at[end:].reshape(-1, self.c)
        return common, target.reshape(self.shape), intercepts

    def of_target(self, at):
        return self._split(at)[1]

    def _sums(self, at):
        """With the information, which a step from there needs: one round for both."""
        problem = self.problem
        common, target, intercepts = self._split(at)
        rows = [(problem.target_matrix, problem.target_labels, problem.target_weight)]
        here = point_sums(rows, target, True)
        return here, problem.sources.at(common, intercepts, self.which, True)

    def loss_and_slope(self, at):
        here, there = self._sums(at)
        m, end = self.parts
        slope = self.ridge * at
        loss = here.loss + slope @ at / 2
        slope[:m] += here.gradient.ravel()
        slope[m:end] += here.gradient.ravel()[self.free]
        for i, k in enumerate(self.used):
            sums, w = there[k], self.weights[k]
            loss += w * sums.loss
            slope[:m] += w * sums.gradient.ravel()
            if self.has_own:
                slope[self._of_source(i)] += w * sums.gradient[-1]
        return loss, slope

    def curvature(self, at):
        here, there = self._sums(at)
        m, end = self.parts
        H = np.diag(self.ridge)
        J = here.information
        H[:m, :m] += J
        H[:m, m:end] = J[:, self.free]
        H[m:end, :m] = J[self.free]
        H[m:end, m:end] += J[np.ix_(self.free, self.free)]
        for i, k in enumerate(self.used):
            sums, w = there[k], self.weights[k]
            H[:m, :m] += w * sums.information
            if self.has_own:
                own = self._of_source(i)
                H[own, own] += w * sums.own
                H[:m, own] = w * sums.border
                H[own, :m] = w * sums.border.T
        return H

    def _of_source(self, i):
        end = self.parts[1]
        return slice(end + i * self.c, end + (i + 1) * self.c)


def own_of(penalties):
    """Whether domains have intercepts of their own, from the penalties of the target's."""
    return bool(np.isfinite(penalties[-1]))
