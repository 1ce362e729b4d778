"""The target's own effects of the features: how far they may be from the common ones.

A weight treats all directions alike: a source that is wrong about one feature loses weight for all
of them. So the target may have effects of its own beside the common ones, as it has its own
intercepts. They are normal with one variance in standardised columns. Sources say how large it is:
the target is taken to differ from them as they differ from one another (a mixed model; Daume,
"Frustratingly easy domain adaptation", 2007, is its case without a variance).
"""

import numpy as np

# Of one effect in standardised columns, as a contrast between classes.
_GRID = np.geomspace(1e-4, 1e2, 61)
# Half of such a variance is believed, nearly none of a smaller one: it may be the error of taking
# likelihoods to second order, or sources that are far for other reasons.
_DOUBTFUL = 0.3
# Directions in which the rows say less than this share of what they say in the clearest are none.
_LEAST_INFORMATION = 1e-4
# Keeps the intercepts' information invertible where all rows of a domain are certain.
_ROUNDING = 1e-10


def effects_apart(scores, curvature, n_rows):
    """Every source's effects less those of a fit, direction by direction, to second order.

    Parameters
    ----------
    scores : ndarray of shape (n_parameters, 1 + n_sources)
        Every domain's mean score in the common parameters, the target's first. The last parameters
        are the intercepts.
    curvature : DomainInformation
        Of a row of the weighted mixture.
    n_rows : ndarray of shape (n_sources,)

    Returns
    -------
    apart, noise : ndarray of shape (n_directions, n_sources)
        In the eigenvectors of the information, with eigenvalues ``l_j``, source k is
        ``q_j' g_k / l_j`` away from the fit, with sampling variance ``1 / (N_k l_j)``.

    Notes
    -----
    Every domain's own intercepts are profiled out. A column that is constant within domains then
    says nothing, as it should.
    """
    n_contrasts = curvature.own.shape[1]
    n_effects = len(scores) - n_contrasts
    border = curvature.border[:, :n_effects]
    least = _ROUNDING * np.trace(curvature.common) / len(scores)
    coupling = border @ np.linalg.inv(curvature.own + least * np.eye(n_contrasts))
    explained = np.tensordot(coupling, border, axes=([0, 2], [0, 2]))
    values, vectors = np.linalg.eigh(curvature.common[:n_effects, :n_effects] - explained)
    known = values > _LEAST_INFORMATION * values[-1]
    values = values[known][:, None]
    within = scores[:n_effects, 1:] - np.einsum("kba,ak->bk", coupling[1:], scores[n_effects:, 1:])
    return (vectors[:, known].T @ within) / values, 1 / (values * n_rows)


def slope_variance(apart, noise, shares):
    """Variance of the sources' effects around their mean, by maximum likelihood.

    Parameters
    ----------
    apart, noise : ndarray of shape (n_directions, n_sources)
        As `effects_apart` returns them.
    shares : ndarray of shape (n_sources,)
        Of the sources in all source weight. How far a source is matters as much as it weighs.

    Returns
    -------
    variance : float
        0 where one source has all the weight. Drawn towards 0.
    """
    losses = []
    for v in _GRID:
        precision = shares / (v + noise)
        mean = np.sum(precision * apart, axis=1) / precision.sum(axis=1)
        squares = np.sum(precision * (apart - mean[:, None]) ** 2)
        losses.append(squares + np.sum(shares * np.log(v + noise)))
    best = int(np.argmin(losses))
    found = float(_GRID[best]) if best else 0.0
    return found**2 / (found + _DOUBTFUL)
