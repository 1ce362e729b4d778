"""Slow transcription of the error formula, in the paper's form and order, with plain loops."""


def asymptotic_error(n_target, n_samples, source_weights, discrepancy, n_parameters):
    """(d / 2) [N0 / (N0 + s)^2 + s^2 / (N0 + s)^2 t(alpha)]."""
    sources = range(len(n_samples))
    s = 0.0
    for i in sources:
        s += source_weights[i] * n_samples[i]
    if s == 0:
        return n_parameters / 2 / n_target
    alpha = [source_weights[i] * n_samples[i] / s for i in sources]
    t = 0.0
    for i in sources:
        t += alpha[i] ** 2 / n_samples[i]
        for j in sources:
            t += alpha[i] * discrepancy[i][j] * alpha[j]
    share = s / (n_target + s)
    return n_parameters / 2 * (n_target / (n_target + s) ** 2 + share**2 * t)
