"""From fitted contrasts to discrepancies, and from these to weights.

A contrast is the difference between the parameters fitted on a source and those fitted on the
target. The Gram matrix of the contrasts is
``S_ij = (thetahat_i - thetahat_0)' J (thetahat_j - thetahat_0) / d``. It estimates the discrepancy
``G``, but it contains noise: ``E[S] = G + 11' / N_0 + diag(1 / N_i)``. There are three estimators:

- ``"plugin"``: S itself, as in the paper (arXiv 2601.10779). With few target rows, even a source
  that is identical to the target seems to be ``1 / N_0`` away.
- ``"debiased"``: S minus its expected noise, projected onto the positive semidefinite matrices.
- ``"reml"``: the own discrepancy of each source is estimated by restricted maximum likelihood in a
  random-effects model. Groups of sources that share a shift are looked for. Then the weighted mean
  of the sources is tested for a shift that they all share. The results with and without the latter
  are averaged by their evidence.
"""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from skuowq._utils._checks import check_discrepancy, check_sizes

from ._factor_form import MANY_SOURCES, FactorForm, Matrix, OwnAndShift, mean_of
from ._program import SourceWeights, check_bound, check_solver, solve_checked, weights_record
from ._reml import low_rank_parts, reml_fit
from ._shared_shifts import (
    MOST_PRECISE,
    discrepancy_of,
    groups_in,
    mean_precision,
    shared_shifts,
)

METHODS = ("reml", "debiased", "plugin")
# Below, a matrix of squares is near a singular one.
_LEAST_DIAGONAL = 1e-6
# Discrepancies beside 1 / n_samples: above, rounding in one may outweigh the other.
_ROUNDING_MAY_DECIDE = 1e10
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

    The discrepancy says how far each source is from the target. The larger it is, the smaller the
    weight of the source.

    Parameters
    ----------
    contrast_gram : array-like of shape (n_sources, n_sources)
        ``S``: inner products of the contrasts, measured by the Fisher information of one row and
        divided by `n_parameters`. A contrast is the difference between the parameters fitted on a
        source and those fitted on the target.
    n_target : float
        Number of target rows, ``N0``. It need not be a whole number.
    n_samples : array-like of shape (n_sources,)
        Number of rows of each source, ``N_i``.
    n_parameters : float
        ``d``, the number of parameters in a contrast.
    method : {"reml", "debiased", "plugin"}, default="reml"
        The estimator.

        - "reml": the most reliable one with few target rows.
        - "debiased": subtracts the expected noise. Simpler, but less precise with several sources.
        - "plugin": the Gram matrix itself, as in the paper. With few target rows it overestimates
          the discrepancy of good sources.

    Returns
    -------
    discrepancy : ndarray of shape (n_sources, n_sources)
        Positive semidefinite.

    Raises
    ------
    ValueError
        If the method is unknown, a size is not above 0, or the matrix has the wrong shape.

    See Also
    --------
    discrepancy_std_error : How precise the estimate is.
    optimal_source_weights : The weights that follow from it.

    Notes
    -----
    For one source, "reml" is ``max(S / b - 1/N0 - 1/N, 0)``. The weighted fit is then a
    positive-part James-Stein estimator that shrinks towards the source. If a contrast is noise
    alone, ``S`` is about as large as the expected noise, with a relative standard error of
    ``sqrt(2 / d)``. So ``b = 1 + sqrt(2/d)`` treats one standard error as noise. It is limited to
    ``2 (d - 2) / d``: up to this value the rule does no harm on average, even if the source is far
    away. For ``d <= 4``, ``b = 1``. "debiased" always has ``b = 1``.

    Several sources may be wrong in the same way. So groups of at least two of them are looked for
    that share a shift: members of group g have ``omega_g`` in common, beside their own ``tau_i``.
    Candidates are the clusters of the sources' own differences. A group is taken in if the log
    likelihood grows by more than the logarithm of ``3 (K - 2)``, at most three of them, and not for
    more than 1,000 sources.

    Then ``u_i`` is the precision of source i, ``1 / (1/N_i + tau_i)`` where no group is found, and
    ``U`` is the sum of the ``u_i``. The mean contrast ``sum_i u_i D_i / U`` has the noise
    ``1/N0 + 1/U``; ``S_u`` is its square. The estimated shift is
    ``c = max(S_u / b - 1/N0 - 1/U, 0)``. With ``r = S_u / (1/N0 + 1/U)``, the evidence for a shift
    is ``g = (d/2) (r - 1 - log r)`` if ``r > 1``, and 0 otherwise. The result is
    ``G = diag(tau) + sum_g omega_g z_g z_g' + p c 11'`` with ``p = logistic(g - log 3)``; ``z_g``
    is 1 for the members of group g. Part of a large shift is also contained in ``tau``. So if all
    sources are far from the target, they may seem up to half as far again as they are.

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
    return np.asarray(mean_of(candidates, evidence))


def discrepancy_std_error(
    discrepancy: ArrayLike,
    n_target: float,
    n_samples: ArrayLike,
    n_parameters: float,
    *,
    method: str = "reml",
) -> NDArray:
    """Standard errors of the estimated discrepancies, due to sampling noise.

    Parameters
    ----------
    discrepancy : array-like of shape (n_sources, n_sources)
        The estimate, as :func:`estimate_discrepancy` returns it.
    n_target, n_samples, n_parameters, method
        As in :func:`estimate_discrepancy`.

    Returns
    -------
    std_error : ndarray of shape (n_sources,)
        One for each entry of the diagonal of `discrepancy`.

    Raises
    ------
    ValueError
        If an argument is out of its range, or `discrepancy` is none that `method` returns.

    Notes
    -----
    The standard error ignores the bound at 0. If the estimate is 0, the true value may be up to
    about 2 standard errors.

    For "plugin" and "debiased", and for one source, a squared contrast follows a scaled chi-square
    distribution, so the standard error is ``sqrt(2/d) E[S_ii]``. For "reml", the coordinates of the
    contrasts are draws with covariance ``Sigma = diag(1/N + tau) + (1/N0 + c) 11'``, where
    ``tau_i + c`` is the discrepancy of source i. The entries of the Fisher information of ``tau``
    and ``c`` are ``(d/2) (Sigma^-1)_ij^2``, ``(d/2) (Sigma^-1 1)_i^2`` and
    ``(d/2) (1' Sigma^-1 1)^2``. What groups of sources share is added in the same way.

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
        _check_shared_shifts(G)
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
    own = G.diagonal()
    if method == "plugin":
        return np.sqrt(2 / d) * own
    if method == "debiased" or len(own) == 1:
        return np.sqrt(2 / d) * (own + 1 / n_target + 1 / n_samples)
    if isinstance(G, OwnAndShift):
        groups, shifts, shift = np.zeros((len(own), 0)), np.zeros(0), G.shift
    else:
        groups, shifts, shift = groups_in(G)
    # One of 1e17 rows and more has no noise beside a shift that it shares.
    noise = 1 / n_samples + np.maximum(own - shift - groups @ shifts, 0.0)
    u = 1 / np.maximum(noise, np.finfo(float).eps * own)
    shared = 1 / (1 / n_target + shift)
    if len(shifts):
        u = 1 / np.maximum(noise, own / MOST_PRECISE)
        return np.sqrt(2 / d * _variances_with_groups(u, groups, shifts, shared))
    information = _ReducedInformation(u, shared)
    return np.sqrt(2 / d * information.variances())


def _variances_with_groups(u, groups, shifts, shared):
    """As `_ReducedInformation.variances`, where groups share shifts: nothing is sparse any more."""
    K = len(u)
    common = np.column_stack([groups, np.ones(K)])
    sizes = np.append(shifts, 1 / shared)
    B, inner, damped = low_rank_parts(u, sizes, common)
    R = np.linalg.inv(damped)
    precision = np.block([[np.diag(u) - B @ (R * sizes) @ B.T, B @ R], [(B @ R).T, inner @ R]])
    # In units in which the diagonal is 1.
    unit = np.sqrt(np.maximum(precision.diagonal(), np.finfo(float).tiny))
    values, vectors = np.linalg.eigh((precision / unit / unit[:, None]) ** 2)
    known = values > len(values) * np.finfo(float).eps * values[-1]
    wanted = np.column_stack([np.eye(K), common]) / unit**2 @ vectors
    return wanted[:, known] ** 2 @ (1 / values[known])


class _ReducedInformation:
    """The squared entries of ``Sigma^-1``, with its squared row sums and total as a border.

    ``Sigma^-1 = diag(u) - damping u u'``, with ``damping = 1 / (shared + U)`` and ``U = sum u``;
    ``1 / shared`` is the variance that all sources have in common. Its rows sum to
    ``damping shared u``. The units are chosen so that all entries are of similar size. Inside the
    border the matrix is diagonal plus rank one.
    """

    def __init__(self, u, shared):
        total = u.sum()
        damping = 1 / (shared + total)
        self.unit = np.append(u, damping * shared * total)
        self.diagonal = 1 - 2 * damping * u
        self.rank_one = damping * u
        self.border = damping * shared * (u / total)

    def variances(self):
        """Variances of each source's own part plus the shared one."""
        # If no source outweighs all others, the matrix is far from singular and need not be formed.
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
    """Estimate the discrepancy and compute the best weights of the sources.

    With ``method="reml"`` there are two sets of weights, with and without a shift that all sources
    share. The result is their average, weighted by the probability of a shift. The weights are
    averaged and not the discrepancies, so that an unlikely but large shift cannot decide alone.

    Parameters
    ----------
    contrast_gram, n_target, n_samples, n_parameters, method
        As in :func:`estimate_discrepancy`.
    max_weight, solver
        As in :func:`solve_source_weights`.

    Returns
    -------
    result : SourceWeights
        If weights were averaged, `gap` is the larger gap of the two.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    RuntimeError
        If the weights cannot be computed to the precision that is promised.

    See Also
    --------
    estimate_discrepancy : The first step alone.
    solve_source_weights : The second step alone.

    Notes
    -----
    The likelihood may have several maxima. It is maximised from a few starting points and the best
    result is taken, which need not be the highest maximum.

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
    results = [
        solve_checked(n_samples, _above_rounding(G, n_samples), n_target, max_weight, solver)
        for G in discrepancies
    ]
    averaged = np.array(belief) @ np.array([result.source_weights for result in results])
    record = weights_record(averaged, n_samples, max(result.gap for result in results))
    return record, mean_of(discrepancies, belief)


def _above_rounding(G, n_samples):
    """An estimate whose rounding does not decide whether there is an optimum: sources are far."""
    if isinstance(G, FactorForm) or not len(G):
        return G
    own = np.diag(G)
    if np.max(own * n_samples) < _ROUNDING_MAY_DECIDE:
        return G
    return G + np.diag(64 * np.finfo(float).eps * len(G) * own)


def candidate_discrepancies(
    S: NDArray, n_target: float, n_samples: NDArray, n_parameters: float, method: str
) -> tuple[list[Matrix], list[float]]:
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
    tau, groups, shifts = shared_shifts(tau, S, n_target, n_samples, n_parameters)
    many = len(tau) > MANY_SOURCES
    G = OwnAndShift(tau) if many else discrepancy_of(tau, groups, shifts)
    precision = mean_precision(tau, groups, shifts, n_samples)
    total = precision.sum()
    shift, p = _shift(precision @ S @ precision / total**2, 1 / n_target + 1 / total, n_parameters)
    if shift == 0:
        return [G], [1.0]
    return [G, OwnAndShift(tau, shift) if many else G + shift], [1 - p, p]


def _shift(contrast, noise, n_parameters):
    """Squared size of a shift and its probability, from a squared contrast and its noise."""
    d = n_parameters
    deflation = max(1.0, min(1 + np.sqrt(2 / d), 2 * (d - 2) / d))
    shift = max(contrast / deflation - noise, 0.0)
    ratio = max(contrast / noise, 1.0)
    evidence = d / 2 * (ratio - 1 - np.log(ratio))
    return shift, float(expit(evidence - np.log(_ODDS_AGAINST_A_SHIFT)))


def _project(S):
    """Nearest positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(S)
    projected = (vectors * np.maximum(values, 0)) @ vectors.T
    return (projected + projected.T) / 2


def _check_shared_shifts(G):
    """Refuse a matrix that REML never returns: off the diagonal it has what groups share."""
    if groups_in(G)[0] is None:
        shared = G[~np.eye(len(G), dtype=bool)]
        raise ValueError(
            "discrepancy is not one that method='reml' estimates: off the diagonal its entries "
            f"range from {shared.min():.3g} to {shared.max():.3g}, but must be what nested groups "
            "of sources share, between 0 and the least of the diagonal. Pass what "
            "estimate_discrepancy returned, or the method that made it."
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
