"""From fitted contrasts to discrepancies, and on to weights.

The contrast Gram matrix is ``S_ij = (thetahat_i - thetahat_0)' J (thetahat_j - thetahat_0) / d``.
As an estimate of the discrepancy ``G`` it carries noise: ``E[S] = G + 11' / N_0 + diag(1 / N_i)``.

- ``"plugin"``: S itself, as the paper has it (arXiv 2601.10779). With few target rows even
  identical sources look ``1 / N_0`` away.
- ``"debiased"``: S less its noise, projected onto the positive semidefinite cone.
- ``"reml"``: the likelihood of a random-effects model, with and without a shift common to all
  sources, the two averaged by their evidence.
"""

import numpy as np
from scipy.special import expit

from skuowq._utils._checks import check_discrepancy, check_sizes

from ._program import check_bound, check_solver, solve_checked, weights_record
from ._reml import reml_fits

METHODS = ("reml", "debiased", "plugin")


def estimate_discrepancy(contrast_gram, n_target, n_samples, n_parameters, *, method="reml"):
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
    For one source, ``"reml"`` and ``"debiased"`` are both ``max(S - 1/N0 - 1/N, 0)``, and the
    weighted fit is the positive-part James-Stein estimator that shrinks to the source.

    Examples
    --------
    >>> from skuowq.weights import estimate_discrepancy
    >>> estimate_discrepancy([[0.06]], 20, [1000], 50, method="plugin").item()
    0.06
    >>> round(estimate_discrepancy([[0.06]], 20, [1000], 50).item(), 4)
    0.009
    """
    arguments = _check(contrast_gram, n_target, n_samples, n_parameters, method)
    candidates, evidence = _candidates(*arguments, method)
    return _average(candidates, evidence)


def optimal_source_weights(
    contrast_gram,
    n_target,
    n_samples,
    n_parameters,
    *,
    method="reml",
    max_weight=None,
    solver=None,
):
    """Estimate the discrepancy and solve for the weights, model averaging included.

    With ``method="reml"`` the weights of the fits with and without a common shift are averaged by
    ``p = logistic(gain in log likelihood - log max(d, 3))``: averaging the weights rather than the
    discrepancies keeps an unlikely but large shift from deciding. A shift that gains less than 0.01
    has no say (p = 0). The likelihood may have several maxima; the best found from a few starting
    points is taken, which need not be the highest.

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
    >>> result.source_weights.round(3).tolist()
    [1.0, 0.002]
    """
    result, _ = weights_and_discrepancy(
        contrast_gram,
        n_target,
        n_samples,
        n_parameters,
        method=method,
        max_weight=max_weight,
        solver=solver,
    )
    return result


def weights_and_discrepancy(
    contrast_gram, n_target, n_samples, n_parameters, *, method, max_weight, solver
):
    """`optimal_source_weights` and `estimate_discrepancy` for the price of one."""
    S, n_target, n_samples, d = _check(contrast_gram, n_target, n_samples, n_parameters, method)
    candidates, evidence = _candidates(S, n_target, n_samples, d, method)
    solver = None if solver is None else check_solver(solver)
    if max_weight is not None:
        check_bound(n_target, max_weight)
    # Positive semidefinite by construction, so not checked again.
    results = [solve_checked(n_samples, G, n_target, max_weight, solver) for G in candidates]
    averaged = _average([result.source_weights for result in results], evidence)
    record = weights_record(averaged, n_samples, max(result.gap for result in results))
    return record, _average(candidates, evidence)


def _candidates(S, n_target, n_samples, n_parameters, method):
    """Discrepancies and their posterior weights; more than one only where evidence decides."""
    if method == "plugin":
        return [S], [1.0]
    if method == "debiased":
        return [_project(S - 1 / n_target - np.diag(1 / n_samples))], [1.0]
    own, shifted = reml_fits(S, n_target, n_samples, n_parameters)
    if shifted is None:
        return [np.diag(own.tau)], [1.0]
    gain = shifted.log_likelihood - own.log_likelihood
    p = expit(gain - np.log(max(n_parameters, 3)))
    return [np.diag(own.tau), np.diag(shifted.tau) + shifted.shift], [1 - p, p]


def _average(values, evidence):
    return sum(p * value for p, value in zip(evidence, values, strict=True))


def _project(S):
    """Nearest positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(S)
    projected = (vectors * np.maximum(values, 0)) @ vectors.T
    return (projected + projected.T) / 2


def _check(contrast_gram, n_target, n_samples, n_parameters, method):
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}.")
    n_samples = check_sizes(n_samples, "n_samples")
    n_target = float(check_sizes([n_target], "n_target")[0])
    if not 0 < n_parameters < np.inf:
        raise ValueError(f"n_parameters must be finite and above 0, got {n_parameters!r}.")
    S = check_discrepancy(contrast_gram, len(n_samples), "contrast_gram")
    return S, n_target, n_samples, n_parameters
