"""Fits to each source alone, from sums at points: all take their Newton step in the same round.

One fit after another would need as many rounds for each source as this needs for all of them.
"""

import numpy as np

from skuowq._utils._factor import factorise

# One that has not arrived by then stays where it is.
_MAX_ROUNDS = 50


def fit_each_alone(ask, starts, first, penalty, tol):
    """The fits of some sources, each to its own rows.

    Parameters
    ----------
    ask : callable
        Maps a dict of points, by the number of the source, to a dict of `PointSums` with the
        information there. One call is one round.
    starts : dict of ndarray of shape (n_columns, n_contrasts)
    first : dict of PointSums
        At the starts, with the information.
    penalty : ndarray of shape (n_columns,)
    tol : float
        As in :func:`skuowq.fisher.fit_softmax`.

    Returns
    -------
    found : dict of (ndarray, PointSums)
        The parameters, and the sums there.
    """
    fits = {k: _Fit(start, penalty, tol) for k, start in starts.items()}
    answers = first
    for _ in range(_MAX_ROUNDS):
        going = [k for k, sums in answers.items() if not fits[k].arrives(sums)]
        if not going:
            break
        answers = ask({k: fits[k].trial for k in going})
    return {k: (fit.at, fit.sums) for k, fit in fits.items()}


class _Fit:
    """Newton's method with step halving, which is told the sums at `trial`.

    Attributes
    ----------
    trial : ndarray of shape (n_columns, n_contrasts)
        Where it wants to know the sums.
    at : ndarray of shape (n_columns, n_contrasts)
        The best point so far.
    sums : PointSums
        At that point.
    """

    def __init__(self, start, penalty, tol):
        self.trial, self.penalty = start, penalty[:, None]
        self.tol = tol * start.size / 2
        self.at, self.bound = None, np.inf

    def arrives(self, sums):
        """Whether there is nothing left to gain; else `trial` is the next point."""
        loss = sums.loss + np.sum(self.penalty * self.trial**2) / 2
        # A start that is too sure of wrong labels may have almost no curvature.
        at_zero = np.log(self.trial.shape[1] + 1) * sums.total
        if self.at is None and loss > at_zero and self.trial.any():
            self.trial = np.zeros(self.trial.shape)
            return False
        if loss <= self.bound:
            self._choose_step(loss, sums)
            if self.left <= self.tol:
                return True
        else:
            self.size /= 2
        # The last term allows for rounding in sums of many losses.
        self.bound = self.loss - 1e-4 * self.size * self.left + 1e-12 * abs(self.loss)
        self.trial = self.at - self.size * self.step
        return False

    def _choose_step(self, loss, sums):
        self.at, self.loss, self.sums, self.size = self.trial, loss, sums, 1.0
        slope = (sums.gradient + self.penalty * self.at).ravel()
        ridge = np.repeat(self.penalty, self.at.shape[1])
        step = factorise(sums.information + np.diag(ridge))(slope)
        self.left, self.step = slope @ step / 2, step.reshape(self.at.shape)
