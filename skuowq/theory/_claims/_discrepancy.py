"""Claims about the estimates of the discrepancy: bias of the plug-in, consistency of REML."""

from functools import partial

import numpy as np

from ._plan import Plan

_SCORING_STEPS = 200
# Of a standard error: one per cent of the mean squared error.
_MAX_BIAS = 0.1
_QUANTITY = "squared discrepancy per parameter"


def plan_plugin_bias(setting):
    """``E[Ghat] = G + 11' / N0 + diag(1 / N)`` for the plug-in, its metric estimated as well."""
    K = setting.n_sources
    upper = np.triu_indices(K)
    expected = setting.discrepancy + _noise(setting)
    return Plan(
        labels=tuple(f"plug-in G_{i + 1}{j + 1}" for i, j in zip(*upper, strict=True)),
        grid=np.column_stack(upper) + 1,
        theory=expected[upper],
        quantity=_QUANTITY,
        simulate=partial(_plugin, setting, upper),
        width=(K + 2) * setting.family._width + setting.n_parameters**2,
    )


def _plugin(setting, upper, n_repeats, rng):
    fits = list(_own_fits(setting, n_repeats, rng))
    S = _contrast_gram(setting, fits, at=fits[0])
    return S[:, upper[0], upper[1]].T


def plan_reml(setting, multiples):
    """Mean squared errors of REML's own discrepancies, which tend to 0 as the rows grow.

    The likelihood of REML is tested. It is maximised here for many fits at once.

    The true parameters are fixed, so the contrasts of a coordinate have the covariance
    ``V = diag(1/N) + 11'/N0`` about their true values. REML solves
    ``u_i = [Sigma^-1 (S - Sigma) Sigma^-1]_ii = 0``. With ``a_i = Sigma^-1 e_i``,

        cov(u_i, u_j) = (2 (a_i'V a_j)^2 + 4 (a_i'V a_j) (a_i'G a_j)) / d,

    and to first order ``cov(tau) = A^-1 cov(u) A^-1``, ``A_ij = (Sigma^-1)_ij^2``.
    """
    G = setting.discrepancy
    own = np.diag(G)
    settings = [setting.scaled(rows=c) for c in multiples]
    variances = np.array([_reml_variance(scaled) for scaled in settings])
    # Contrasts that are not orthogonal bias the estimate, the less the more rows there are.
    expected = [
        own_discrepancies((G + _noise(scaled))[None], scaled.n_target, scaled.n_samples)[0]
        for scaled in settings
    ]
    bias = np.max(np.abs(np.array(expected) - own) / np.sqrt(variances))
    if bias > _MAX_BIAS:
        raise ValueError(
            f"the sources' contrasts are not orthogonal, and bias REML by {bias:.2g} standard "
            f"errors with these rows (at most {_MAX_BIAS:g} are neglected): take more rows, or "
            "sources that differ from the target in unrelated directions"
        )
    least = np.min(own / np.sqrt(variances[0]))
    if not least > 5:
        raise ValueError(
            f"some source's discrepancy is {least:.2g} standard errors of its estimate, and its "
            "law is that of the claim only beyond 5, where the bound at 0 plays no part: take "
            "more rows, or sources further away"
        )
    labels = tuple(f"tau_{i + 1}, {c:g} x rows" for c in multiples for i in range(len(own)))
    return Plan(
        labels=labels,
        grid=np.repeat(multiples, len(own))[:, None],
        theory=variances.ravel(),
        quantity="mean squared error of the own discrepancy",
        simulate=partial(_reml_errors, settings, own),
        width=(len(own) + 2) * setting.family._width + 6 * len(own) ** 2,
    )


def _reml_variance(setting):
    V, G, d = _noise(setting), setting.discrepancy, setting.n_parameters
    inverse = np.linalg.inv(V + np.diag(np.diag(G)))
    noise = inverse @ V @ inverse
    covariance = (2 * noise**2 + 4 * noise * (inverse @ G @ inverse)) / d
    information = np.linalg.inv(inverse**2)
    return np.diag(information @ covariance @ information)


def _reml_errors(settings, own, n_repeats, rng):
    errors = []
    for setting in settings:
        fits = list(_own_fits(setting, n_repeats, rng))
        S = _contrast_gram(setting, fits, at=setting.theta_target)
        tau = own_discrepancies(S, setting.n_target, setting.n_samples)
        errors.extend(((tau - own) ** 2).T)
    return np.array(errors)


def own_discrepancies(S, n_target, n_samples):
    """REML's own discrepancies for many Gram matrices at once, by Fisher scoring.

    It is another algorithm than that of `skuowq.weights`, for discrepancies well above 0.

    Parameters
    ----------
    S : ndarray of shape (n_repeats, n_sources, n_sources)

    Returns
    -------
    tau : ndarray of shape (n_repeats, n_sources)
    """
    floor = 1 / n_samples
    own = np.diagonal(S, axis1=1, axis2=2)
    variances = np.maximum(own - 1 / n_target, floor)
    for _ in range(_SCORING_STEPS):
        u = 1 / variances
        damping = 1 / (n_target + u.sum(axis=1))
        inverse = -damping[:, None, None] * u[:, :, None] * u[:, None]
        inverse[:, np.arange(len(floor)), np.arange(len(floor))] += u
        slope = np.sum((inverse @ S) * inverse, axis=2) - np.diagonal(inverse, axis1=1, axis2=2)
        step = np.linalg.solve(inverse**2, slope[..., None])[..., 0]
        new = np.maximum(variances + step, floor)
        moved = np.abs(new / variances - 1).max()
        variances = new
        if moved < 1e-10:
            return variances - floor
    raise RuntimeError(
        "Fisher scoring did not settle for some simulated contrasts: take more rows, or sources "
        "further away"
    )


def _own_fits(setting, n_repeats, rng):
    rows = [setting.n_target, *setting.n_samples]
    for domain, n in enumerate(rows):
        (total,) = setting.draw_statistics(domain, [n], n_repeats, rng).values()
        yield setting.family._fit(total / n)


def _contrast_gram(setting, fits, at):
    """``S`` of each repeat, in the metric of the Fisher information at the parameters `at`."""
    target, *sources = fits
    J = setting.family.fisher_information(at)
    if not np.isfinite(J).all():
        raise ValueError(
            f"n_target is {setting.n_target:g}, and some fits to so few rows lie at the edge of "
            "their range, where the Fisher information is infinite: pass more rows, or parameters "
            "away from the edge"
        )
    contrasts = np.stack([source - target for source in sources], axis=1)
    return contrasts @ J @ np.swapaxes(contrasts, 1, 2) / setting.n_parameters


def _noise(setting):
    return np.diag(1 / setting.n_samples) + 1 / setting.n_target
