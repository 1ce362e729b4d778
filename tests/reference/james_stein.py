"""Risk of a rule for one source, by quadrature over the length of the contrast."""

import numpy as np
from scipy.special import ive
from scipy.stats import ncx2


def risk(rule, d, n_target, n_source, distances, n_points=300):
    """Expected KL error at each distance; `rule` maps a squared contrast per parameter to ``s``.

    With ``D ~ N(delta, v I)``, ``v = 1/N0 + 1/N``, the fit errs by an independent part of variance
    ``1/(N0 + N)`` and by ``(f - c) D + c delta``, ``f = s/(N0 + s)``, ``c = (1/N0)/v``. Given its
    length, D points along delta by a ratio of Bessel functions.
    """
    v = 1 / n_target + 1 / n_source
    c = (1 / n_target) / v
    risks = []
    for distance in distances:
        centre = distance / np.sqrt(v)
        z = np.linspace(max(centre - 9, 1e-3), centre + np.sqrt(d) + 9, n_points)
        density = 2 * z * ncx2.pdf(z**2, d, max(centre**2, 1e-12))
        density /= density.sum()
        length = z * np.sqrt(v)
        s = np.array([rule(r**2 / d) for r in length])
        h = s / (n_target + s) - c
        kappa = np.maximum(z * centre, 1e-12)
        cosine = ive(d / 2, kappa) / np.maximum(ive(d / 2 - 1, kappa), 1e-300)
        moved = h**2 * length**2 + 2 * c * h * length * distance * cosine + (c * distance) ** 2
        risks.append(0.5 * (d / (n_target + n_source) + density @ moved))
    return np.array(risks)
