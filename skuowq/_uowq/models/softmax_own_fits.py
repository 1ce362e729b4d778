"""Sources compared by fits of their own, where they have many rows: a second opinion.

Scores of a source that contradicts the target are bounded, so far sources look near. Where there
are many of them, the first fit lies between them all, and the one source that is right looks as far
as the others: the weights stay where they began. A fit of the source alone is as far from the
target as the source is. It needs many rows, and where the features of the domains differ it says
more of these than of their labels. So its weights are no more than a candidate, which the target's
held-out rows judge (see `weigh`).
"""

import numpy as np

from skuowq._utils._factor import factorise

# With five sources and fewer the first fit is near enough to the target: nothing was gained.
_MANY_SOURCES = 6
# Of a source, for each parameter: its own fit is then good to about a tenth of a nat a parameter.
_ROWS_A_PARAMETER = 10
# In nats a parameter, twice: what a fit of one source may leave. Rows that are here and elsewhere
# stop at other points; so close to the optimum their weights agree, for a step or two more.
_FIT_TOL = 1e-10


class OwnFits:
    """The log likelihoods of some sources, to second order about their own optima.

    Parameters
    ----------
    problem : Problem
    which : ndarray of int
        Numbers of the sources.
    theta : ndarray of shape (n_design_columns, n_contrasts)
        The fit of all domains at which these fits start.

    Attributes
    ----------
    which : ndarray of int
    """

    def __init__(self, problem, which, theta):
        self.which, self.n_contrasts = which, problem.n_classes - 1
        self._quadratics = problem.alone(which, theta, _FIT_TOL)
        self._ridge = np.repeat(problem.penalty, self.n_contrasts)

    def steps(self, k, theta, n_samples):
        """The step from a fit to source k's own effects, as far as its rows show them.

        Parameters
        ----------
        k : int
        theta : ndarray of shape (n_columns, n_contrasts)
            Common parameters of the fit. Differences of intercepts are no distance.
        n_samples : float
            Sum of the weights of the source's rows.

        Returns
        -------
        step : ndarray of shape (n_effects,)
        ridge : ndarray of shape (n_effects,)
            Of the penalty, in units of a row's information.
        """
        own, score, J = self._quadratics[k]
        c = self.n_contrasts
        score = score + J @ (own - theta).ravel()
        # A class without a row leaves no information on its intercept.
        held = factorise(J[-c:, -c:] + 1e-9 * np.eye(c))(J[-c:, :-c]).T
        efficient = J[:-c, :-c] - held @ J[-c:, :-c]
        ridge = self._ridge[:-c] / n_samples
        return factorise(efficient + np.diag(ridge))(score[:-c] - held @ score[-c:]), ridge


def worth_own_fits(problem, sizes):
    """Numbers of the sources whose own fits are a second opinion; none where sources are few."""
    large = np.flatnonzero(sizes.n_rows >= _ROWS_A_PARAMETER * problem.n_parameters)
    return large if len(sizes.n_rows) >= _MANY_SOURCES else large[:0]
