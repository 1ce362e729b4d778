"""From fitted contrasts to discrepancies, and on to weights.

The contrast Gram matrix is ``S_ij = (thetahat_i - thetahat_0)' J (thetahat_j - thetahat_0) / d``.
As an estimate of the discrepancy ``G`` it carries noise: ``E[S] = G + 11' / N_0 + diag(1 / N_i)``.

- ``"plugin"``: S itself, as the paper has it (arXiv 2601.10779). With few target rows even
  identical sources look ``1 / N_0`` away.
- ``"debiased"``: S less its noise, projected onto the positive semidefinite cone.
- ``"reml"``: every source's own discrepancy by the likelihood of a random-effects model; then the
  sources' weighted mean, which knows more about the target than any of them, is judged for a shift
  that all share, and the answers with and without it are averaged by their evidence.
"""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from skuowq._utils._checks import check_discrepancy, check_sizes

from ._program import SourceWeights, check_bound, check_solver, solve_checked, weights_record
from ._reml import reml_fit

METHODS = ("reml", "debiased", "plugin")
# Below, a matrix of squares is near a singular one.
_LEAST_DIAGONAL = 1e-6
# Before the contrasts are seen, a shift that all sources share is thrice as likely absent.
_ODDS_AGAINST_A_SHIFT = 3.0


def estimate_discrepancy(
    contrast_gram: ArrayLike,
    n_target: float,
    n_samples: ArrayLike,
    n_parameters: float,
    *,
    method: str = "reml",
) -> NDArray:
    """Estimate the discrepancy ``G`` from the Gram matrix of fitted contrasts.

    Parameters
    ----------
    contrast_gram : array-like of shape (n_sources, n_sources)
        ``S``: inner products of the contrasts in the metric of the Fisher information of one row,
        divided by `n_parameters`.
    n_target : float
        Rows of the target, ``N0``; need not be a whole number.
    n_samples : array-like of shape (n_sources,)
        Rows of each source, ``N_i``.
    n_parameters : int
        ``d``, the number of parameters the contrasts span.
    method : {"reml", "debiased", "plugin"}, default="reml"
        The estimator.

    Returns
    -------
    discrepancy : ndarray of shape (n_sources, n_sources)
        Positive semidefinite.

    Raises
    ------
    ValueError
        For an unknown method, sizes that are not above 0, or a matrix of the wrong shape.

    Notes
    -----
    For one source, ``"reml"`` is ``max(S / b - 1/N0 - 1/N, 0)``: the weighted fit is a
    positive-part James-Stein estimator that shrinks to the source. A contrast of noise alone has
    ``S`` near the noise, give or take ``sqrt(2 / d)`` of it, so ``b = 1 + sqrt(2/d)`` takes one
    standard error for noise; but never more than ``b = 2 (d - 2) / d``, up to which the rule does
    no harm on average however far the source, and for ``d <= 4`` ``b = 1``. ``"debiased"`` has
    ``b = 1`` throughout.

    For several, with ``u_i = 1 / (1/N_i + tau_i)`` the precision of each source, their mean
    contrast ``sum_i u_i D_i / U`` has noise ``1/N0 + 1/U``, ``U = sum_i u_i``. Its square ``S_u``
    gives the shift ``c = max(S_u / b - 1/N0 - 1/U, 0)`` and the evidence for one,
    ``g = (d/2) (r - 1 - log r)`` with ``r = S_u / (1/N0 + 1/U)`` where ``r > 1``. ``G`` is
    ``diag(tau) + p c 11'`` with ``p = logistic(g - log 3)``. Part of a large shift is in ``tau``,
    too: sources beside a target they are all far from may look half again as far as they are.

    Examples
    --------
    >>> from skuowq.weights import estimate_discrepancy
    >>> estimate = estimate_discrepancy([[0.09]], 20, [1000], 50, method="plugin")
    >>> (estimate.round(4) + 0.0).tolist()
    [[0.09]]
    >>> (estimate_discrepancy([[0.09]], 20, [1000], 50).round(4) + 0.0).tolist()
    [[0.024]]
    """
    S, n_target, n_samples, d = _check(contrast_gram, n_target, n_samples, n_parameters, method)
    candidates, evidence = candidate_discrepancies(S, n_target, n_samples, d, method)
    return _average(candidates, evidence)


def discrepancy_std_error(
    discrepancy: ArrayLike,
    n_target: float,
    n_samples: ArrayLike,
    n_parameters: float,
    *,
    method: str = "reml",
) -> NDArray:
    """Standard errors of estimated own discrepancies, from sampling noise.

    Parameters
    ----------
    discrepancy : array-like of shape (n_sources, n_sources)
        The estimate.
    n_target, n_samples, n_parameters, method
        As in :func:`estimate_discrepancy`.

    Returns
    -------
    std_error : ndarray of shape (n_sources,)

    Notes
    -----
    For "plugin" and "debiased", and for one source, a squared contrast has a scaled chi-square law:
    ``sqrt(2/d) E[S_ii]``. For "reml" the contrasts' coordinates are draws with covariance ``Sigma =
    diag(1/N + tau) + (1/N0 + c) 11'``, ``tau_i + c`` the own discrepancy; the Fisher information of
    ``tau`` and ``c`` has the entries ``(d/2) (Sigma^-1)_ij^2``, ``(d/2) (Sigma^-1 1)_i^2`` and
    ``(d/2) (1' Sigma^-1 1)^2``. It knows nothing of the bound at 0: where the estimate is 0, the
    truth may well be 2 standard errors off, hardly 5.

    Examples
    --------
    >>> from skuowq.weights import discrepancy_std_error
    >>> (discrepancy_std_error([[0.024]], 20, [1000], 50).round(3) + 0.0).tolist()
    [0.015]
    """
    G, n_target, n_samples, d = _check(
        discrepancy, n_target, n_samples, n_parameters, method, "discrepancy"
    )
    if method == "reml":
        _check_shared_shift(G)
    return std_error_of_checked(G, n_target, n_samples, d, method)


def std_error_of_checked(
    G: NDArray, n_target: float, n_samples: NDArray, d: float, method: str
) -> NDArray:
    """`discrepancy_std_error` without a check.

    Parameters
    ----------
    G : ndarray of shape (n_sources, n_sources)
        The estimate. For "reml" it must be one that this rule makes: each source's own discrepancy
        on the diagonal, plus one number everywhere.
    n_target : float
    n_samples : ndarray of shape (n_sources,)
    d : float
        Number of parameters.
    method : {"reml", "debiased", "plugin"}

    Returns
    -------
    std_error : ndarray of shape (n_sources,)
    """
    own = np.diag(G)
    if method == "plugin":
        return np.sqrt(2 / d) * own
    if method == "debiased" or len(own) == 1:
        return np.sqrt(2 / d) * (own + 1 / n_target + 1 / n_samples)
    shift = max(G[0, 1], 0.0)  # As REML has it, all sources share it.
    # One of 1e17 rows and more has no noise beside a shift that all share.
    noise = 1 / n_samples + np.maximum(own - shift, 0.0)
    u = 1 / np.maximum(noise, np.finfo(float).eps * own)
    shared = 1 / (1 / n_target + shift)
    information = _ReducedInformation(u, shared)
    return np.sqrt(2 / d * information.variances())


class _ReducedInformation:
    """Squares of ``Sigma^-1``, bordered by those of its row sums and of their sum.

    ``Sigma^-1 = diag(u) - damping u u'`` with ``damping = 1 / (shared + U)``, ``U = sum u`` and
    ``1 / shared`` the variance that all sources have in common; its rows sum to
    ``damping shared u``. In units in which the entries are of one size. Diagonal plus rank one
    inside the border.
    """

    def __init__(self, u, shared):
        total = u.sum()
        damping = 1 / (shared + total)
        self.unit = np.append(u, damping * shared * total)
        self.diagonal = 1 - 2 * damping * u
        self.rank_one = damping * u
        self.border = damping * shared * (u / total)

    def variances(self):
        """Of every own part plus the shared one."""
        # Far from singular, where no source outweighs all others: without a matrix.
        if self.diagonal.min() > _LEAST_DIAGONAL:
            solved = self._solve(self.border)
            left = 1 - self.border @ solved
            if left > _LEAST_DIAGONAL:
                own = 1 / self.diagonal - (self._inverse_rank_one()) ** 2
                shared = 1 / self.unit[-1]
                mixed = solved / self.unit[:-1]
                return own / self.unit[:-1] ** 2 + (mixed - shared) ** 2 / left
        # As a sum of squares, which rounding cannot make negative.
        values, vectors = np.linalg.eigh(self._matrix())
        known = values > len(values) * np.finfo(float).eps * values[-1]
        own, shared = vectors[:-1] / self.unit[:-1, None], vectors[-1] / self.unit[-1]
        return ((own + shared) ** 2)[:, known] @ (1 / values[known])

    def _matrix(self):
        inside = np.diag(self.diagonal) + np.outer(self.rank_one, self.rank_one)
        return np.block([[inside, self.border[:, None]], [self.border[None], np.ones((1, 1))]])

    def _inverse_rank_one(self):
        divided = self.rank_one / self.diagonal
        return divided / np.sqrt(1 + self.rank_one @ divided)

    def _solve(self, vector):
        removed = self._inverse_rank_one()
        return vector / self.diagonal - removed * (removed @ vector)


def optimal_source_weights(
    contrast_gram: ArrayLike,
    n_target: float,
    n_samples: ArrayLike,
    n_parameters: float,
    *,
    method: str = "reml",
    max_weight: float | None = None,
    solver: str | None = None,
) -> SourceWeights:
    """Estimate the discrepancy and solve for the weights, model averaging included.

    With ``method="reml"`` the weights with and without a shift common to all sources are averaged
    by the probability of one (see :func:`estimate_discrepancy`): averaging the weights rather than
    the discrepancies keeps an unlikely but large shift from deciding. The likelihood may have
    several maxima; the best found from a few starting points is taken, which need not be the
    highest.

    Parameters
    ----------
    contrast_gram, n_target, n_samples, n_parameters, method
        As in :func:`estimate_discrepancy`.
    max_weight, solver
        As in :func:`solve_source_weights`.

    Returns
    -------
    result : SourceWeights
        `gap` is the larger of the averaged programs' gaps.

    Examples
    --------
    >>> import numpy as np
    >>> from skuowq.weights import optimal_source_weights
    >>> near_and_far = np.array([[0.05, 0.05], [0.05, 0.9]])
    >>> result = optimal_source_weights(near_and_far, 20, [500, 500], 60)
    >>> (result.source_weights.round(3) + 0.0).tolist()
    [1.0, 0.002]
    """
    result, _ = weights_and_discrepancy(
        *_check(contrast_gram, n_target, n_samples, n_parameters, method),
        method=method,
        max_weight=max_weight,
        solver=solver,
    )
    return result


def weights_and_discrepancy(
    contrast_gram: NDArray,
    n_target: float,
    n_samples: NDArray,
    n_parameters: float,
    *,
    method: str,
    max_weight: float | None,
    solver: str | None,
    n_independent: float | None = None,
) -> tuple[SourceWeights, NDArray]:
    """`optimal_source_weights` and `estimate_discrepancy` at once, without a check of the matrix.

    The check of the matrix alone takes minutes for ten thousand sources. `max_weight` and `solver`
    are checked here, which costs next to nothing.

    Parameters
    ----------
    contrast_gram : ndarray of shape (n_sources, n_sources)
        Symmetric, finite and positive semidefinite.
    n_target : float
        Rows of the target, above 0.
    n_samples : ndarray of shape (n_sources,)
        Rows of each source, above 0.
    n_parameters : float
    method : {"reml", "debiased", "plugin"}
    max_weight, solver
        As in :func:`solve_source_weights`.
    n_independent : float, default=None
        How many of the target's rows are not copies. The noise of the contrasts is that of so many
        rows. None means all of them.

    Returns
    -------
    weights : SourceWeights
    discrepancy : ndarray of shape (n_sources, n_sources)
    """
    n_independent = n_target if n_independent is None else n_independent
    candidates, belief = candidate_discrepancies(
        contrast_gram, float(n_independent), n_samples, n_parameters, method
    )
    return averaged_weights(
        candidates, belief, n_target, n_samples, max_weight=max_weight, solver=solver
    )


def averaged_weights(
    discrepancies: list[NDArray],
    belief: list[float],
    n_target: float,
    n_samples: NDArray,
    *,
    max_weight: float | None,
    solver: str | None,
) -> tuple[SourceWeights, NDArray]:
    """Optimal weights for each of a few discrepancies, averaged by belief, and their mean.

    Parameters
    ----------
    discrepancies : list of ndarray of shape (n_sources, n_sources)
        Symmetric and positive semidefinite; not checked.
    belief : list of float
        They sum to 1.
    n_target, n_samples, max_weight, solver
        As in :func:`solve_source_weights`.

    Returns
    -------
    weights : SourceWeights
    discrepancy : ndarray of shape (n_sources, n_sources)
    """
    solver = None if solver is None else check_solver(solver)
    if max_weight is not None:
        check_bound(n_target, max_weight)
    # Positive semidefinite by construction, so not checked again.
    results = [solve_checked(n_samples, G, n_target, max_weight, solver) for G in discrepancies]
    averaged = _average([result.source_weights for result in results], belief)
    record = weights_record(averaged, n_samples, max(result.gap for result in results))
    return record, _average(discrepancies, belief)


def candidate_discrepancies(
    S: NDArray, n_target: float, n_samples: NDArray, n_parameters: float, method: str
) -> tuple[list[NDArray], list[float]]:
    """Discrepancies and how much each is believed; more than one only where evidence decides.

    Parameters
    ----------
    S : ndarray of shape (n_sources, n_sources)
        Inner products of the contrasts; symmetric, finite and positive semidefinite.
    n_target, n_samples, n_parameters, method
        As in :func:`estimate_discrepancy`, known to be in order.

    Returns
    -------
    discrepancies : list of ndarray of shape (n_sources, n_sources)
    belief : list of float
        They sum to 1.
    """
    if method == "plugin":
        return [S], [1.0]
    if method == "debiased":
        return [_project(S - 1 / n_target - np.diag(1 / n_samples))], [1.0]
    if len(n_samples) == 1:  # The source's own discrepancy and a common shift are one thing.
        shift, _ = _shift(S.item(), 1 / n_target + 1 / n_samples.item(), n_parameters)
        return [np.array([[shift]])], [1.0]
    tau = reml_fit(S, n_target, n_samples)
    precision = 1 / (1 / n_samples + tau)
    total = precision.sum()
    shift, p = _shift(precision @ S @ precision / total**2, 1 / n_target + 1 / total, n_parameters)
    if shift == 0:
        return [np.diag(tau)], [1.0]
    return [np.diag(tau), np.diag(tau) + shift], [1 - p, p]


def _shift(contrast, noise, n_parameters):
    """Squared size of a shift and its probability, from a squared contrast and its noise."""
    d = n_parameters
    deflation = max(1.0, min(1 + np.sqrt(2 / d), 2 * (d - 2) / d))
    shift = max(contrast / deflation - noise, 0.0)
    ratio = max(contrast / noise, 1.0)
    evidence = d / 2 * (ratio - 1 - np.log(ratio))
    return shift, float(expit(evidence - np.log(_ODDS_AGAINST_A_SHIFT)))


def _average(values, evidence):
    return sum(p * value for p, value in zip(evidence, values, strict=True))


def _project(S):
    """Nearest positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(S)
    projected = (vectors * np.maximum(values, 0)) @ vectors.T
    return (projected + projected.T) / 2


def _check_shared_shift(G):
    """Refuse what REML never estimates: sources whose biases have other than one part in common."""
    shared = G[~np.eye(len(G), dtype=bool)]
    rounding = 1e-8 * np.abs(G).max()
    if shared.size and (
        np.ptp(shared) > rounding
        or shared[0] < -rounding
        or shared[0] > G.diagonal().min() + rounding
    ):
        raise ValueError(
            "discrepancy is not one that method='reml' estimates: off the diagonal its entries "
            f"range from {shared.min():.3g} to {shared.max():.3g}, but must all be one number "
            "between 0 and the least of the diagonal. Pass what estimate_discrepancy returned, or "
            "the method that made it."
        )


def _check(contrast_gram, n_target, n_samples, n_parameters, method, name="contrast_gram"):
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}.")
    n_samples = check_sizes(n_samples, "n_samples")
    n_target = float(check_sizes([n_target], "n_target")[0])
    if not (isinstance(n_parameters, Real) and 0 < n_parameters < np.inf):
        raise ValueError(f"n_parameters must be finite and above 0, got {n_parameters!r}.")
    S = check_discrepancy(contrast_gram, len(n_samples), name)
    return S, n_target, n_samples, n_parameters
