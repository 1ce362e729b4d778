"""Groups of sources that are away from the target in the same way.

REML takes the sources' errors for independent. Then sources that agree with one another outvote the
target, although they may all be wrong: six sources with one error look like six witnesses. Here
they are one. Groups come from a hierarchical clustering of the sources' own differences, in which
the target has no part. Each coordinate of the contrasts then has the covariance

    Sigma = diag(v) + 11' / N_0 + sum_g omega_g z_g z_g',

where ``z_g`` is 1 for the members of group g, and ``omega_g`` is the squared size, per parameter,
of the shift that they share. A group is taken in only if the likelihood says so against the odds
below. Given the other parameters, the best ``omega`` of one more group has a closed form: with
``P = Sigma^-1``, ``q = z'Pz`` and ``r = z'PSPz``, the log likelihood grows by
``(d / 2) [r / q - 1 - log(r / q)]`` where ``r > q``.
"""

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.sparse.csgraph import connected_components

from ._factor_form import MANY_SOURCES
from ._reml import likelihood_maximum, low_rank_parts, negative_log_likelihood

MOST_GROUPS = 3
# A shift that is larger beside the noise cannot be told from the members' own in double precision.
MOST_PRECISE = 1e10
# Before the contrasts are seen, against any group at all; every group is then as likely as another.
_ODDS_AGAINST_A_GROUP = 3.0


def shared_shifts(tau, S, n_target, n_samples, n_parameters):
    """Own discrepancies again, where groups of sources share a shift.

    Parameters
    ----------
    tau : ndarray of shape (n_sources,)
        Own discrepancies without groups; see `reml_fit`.
    S : ndarray of shape (n_sources, n_sources)
    n_target : float
    n_samples : ndarray of shape (n_sources,)
    n_parameters : float

    Returns
    -------
    tau : ndarray of shape (n_sources,)
        Beside what the groups share.
    groups : ndarray of shape (n_sources, n_groups)
        1 for members, 0 for others. No group where none is likely.
    shifts : ndarray of shape (n_groups,)
        ``omega``.
    """
    K, largest = len(n_samples), S.diagonal().max()
    groups, shifts = np.zeros((K, 0)), np.zeros(0)
    in_range = 0 < largest * max(n_target, n_samples.max()) < MOST_PRECISE
    # Comparing all groups of K sources costs O(K^3).
    if not (3 <= K <= MANY_SOURCES and in_range):
        return tau, groups, shifts
    candidates = _clusters(np.asarray(S))
    least_gain = np.log(_ODDS_AGAINST_A_GROUP * candidates.shape[1])
    floor, fixed = 1 / n_samples, np.array([1 / n_target])
    variances, loadings = floor + tau, np.ones((K, 1))
    value = negative_log_likelihood(variances, fixed, loadings, S)[0]
    while candidates.shape[1] and len(shifts) < MOST_GROUPS:
        gains, sizes = _gains(candidates, variances, fixed, loadings, S, n_parameters)
        best = gains.argmax()
        if gains[best] < least_gain:
            break
        loadings = np.column_stack([loadings, candidates[:, best]])
        start = np.append(fixed[1:], sizes[best])
        better, variances, found = likelihood_maximum(
            variances, start, loadings, S, n_target, floor
        )
        # The closed form is a lower bound of the gain, but an optimiser may stop early.
        if (value - better) * n_parameters / 2 < least_gain:
            break
        value, fixed = better, np.append(1 / n_target, found)
        tau, groups, shifts = variances - floor, loadings[:, 1:], found
        candidates = np.delete(candidates, best, axis=1)
    return tau, groups, shifts


def discrepancy_of(tau, groups, shifts):
    """``G``: own discrepancies on the diagonal, and what groups share."""
    G = np.diag(tau)
    for members, shift in zip(groups.T, shifts, strict=True):
        G += shift * np.outer(members, members)
    return G


def mean_precision(tau, groups, shifts, n_samples):
    """Precision of every source's contrast in the best mean of all, the target's error aside.

    Parameters
    ----------
    tau, groups, shifts
        As `shared_shifts` returns them.
    n_samples : ndarray of shape (n_sources,)

    Returns
    -------
    precision : ndarray of shape (n_sources,)
        ``(diag(v) + sum_g omega_g z_g z_g')^-1 1``.
    """
    u = 1 / (1 / n_samples + tau)
    B, _, damped = low_rank_parts(u, shifts, groups)
    return u - B @ np.linalg.solve(damped, shifts * (groups.T @ u))


def groups_in(discrepancy):
    """The groups of a matrix that `discrepancy_of` made, a shift that all share aside.

    Parameters
    ----------
    discrepancy : ndarray of shape (n_sources, n_sources)

    Returns
    -------
    groups : ndarray of shape (n_sources, n_groups) or None
        None for a matrix of another kind.
    shifts : ndarray of shape (n_groups,)
    everywhere : float
        The shift that all share.
    """
    K = len(discrepancy)
    outside = ~np.eye(K, dtype=bool)
    shared, own = discrepancy[outside], discrepancy.diagonal()
    rounding = 1e-8 * np.abs(discrepancy).max()
    everywhere = float(shared.min(initial=np.inf)) if K > 1 else 0.0
    groups, shifts, rest = [], [], np.full((K, K), everywhere)
    for _ in range(MOST_GROUPS):
        above = (discrepancy - rest > rounding) & outside
        if not above.any():
            break
        _, labels = connected_components(above, directed=False)
        members = labels == np.bincount(labels).argmax()
        inside = np.outer(members, members)
        size = (discrepancy - rest)[inside & outside].min()
        groups.append(members.astype(float))
        shifts.append(size)
        rest = rest + size * inside
    wrong = np.abs(discrepancy - rest)[outside].max(initial=0.0) > rounding
    if wrong or everywhere < -rounding or np.any(rest.diagonal() > own + rounding):
        return None, np.zeros(0), everywhere
    return np.array(groups).reshape(-1, K).T, np.array(shifts), max(everywhere, 0.0)


def _clusters(S):
    """Members of every cluster of two sources and more, all sources together aside."""
    K, own = len(S), S.diagonal()
    i, j = np.triu_indices(K, 1)
    distances = np.sqrt(np.maximum(own[i] + own[j] - 2 * S[i, j], 0))
    members = list(np.eye(K))
    for first, second, _, _ in linkage(distances, "average"):
        members.append(members[int(first)] + members[int(second)])
    return np.array(members[K:-1]).reshape(-1, K).T


def _gains(candidates, variances, shared, loadings, S, n_parameters):
    """By how much the log likelihood grows with each group, and the squared size of its shift."""
    u = 1 / variances
    B, _, damped = low_rank_parts(u, shared, loadings)
    explained = np.linalg.solve(damped, shared[:, None] * (B.T @ candidates))
    weighted = u[:, None] * candidates - B @ explained
    q = np.sum(candidates * weighted, axis=0)
    ratio = np.maximum(np.sum(weighted * (S @ weighted), axis=0) / q, 1.0)
    return n_parameters / 2 * (ratio - 1 - np.log(ratio)), (ratio - 1) / q
