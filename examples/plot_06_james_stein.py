"""
One source, measured from the data: James and Stein
===================================================

Estimate the discrepancy of one source without bias, and weigh the source by it. The weighted fit is
then a well-known one: the positive-part James-Stein estimator, which shrinks the target's fit
towards the source's. The share of the target's own fit is ``1 - d / (N0 |D|^2)``, where ``D`` is
the contrast of the two fits. Stein has ``d - 2`` in place of ``d``.

**Claim.** With ``d - 2`` and at least three parameters, no source makes the fit worse on average
than leaving it out, however far it is. This is a theorem. Any factor up to ``2 (d - 2)`` is as
safe. A larger one gains more on identical sources and less on others. The default of this package
takes one standard error of ``|D|^2`` for noise, a factor of ``d + sqrt(2 d)``, but never more than
``2 (d - 2)`` where ``d >= 4``. It is safe there, and within 7 % of safe at ``d = 3``.

**Limitation.** With one or two parameters, no rule that ever uses the source is safe. And the
theorem is about Gaussian means with a known covariance. With few rows of other families it holds as
far as the fits are normal.
"""

import matplotlib.pyplot as plt
import numpy as np

from skuowq.theory import Exponential, GaussianMean, james_stein_error, minimal_error, validate
from skuowq.weights import estimate_discrepancy

N_TARGET, N_SOURCE, N_REPEATS = 20, 1000, 20_000
rng = np.random.RandomState(0)


def default_error(d, tau):
    """Simulated error of the package's own rule at K = 1, over that of the target alone."""
    noise_target = rng.normal(size=(N_REPEATS, d)) / np.sqrt(N_TARGET)
    contrasts = np.sqrt(tau) + rng.normal(size=(N_REPEATS, d)) / np.sqrt(N_SOURCE) - noise_target
    squared = np.sum(contrasts**2, axis=1) / d
    # The rule on a grid, then between its points: one call costs as much as a thousand draws.
    grid = np.linspace(0, squared.max(), 400)
    found = [estimate_discrepancy([[q]], N_TARGET, [N_SOURCE], d).item() for q in grid]
    s = 1 / (1 / N_SOURCE + np.interp(squared, grid, found))
    fits = noise_target + (s / (N_TARGET + s))[:, None] * contrasts
    # Over the same draws' error, of which most noise is.
    return np.sum(fits**2) / np.sum(noise_target**2)


def default_factor(d):
    """The factor in place of d - 2, from what the estimator says of one large contrast."""
    found = estimate_discrepancy([[1.0]], N_TARGET, [N_SOURCE], d).item()
    return d / (found + 1 / N_TARGET + 1 / N_SOURCE)


# %%
# Error over that of the target alone, against the distance of the source.
taus = np.geomspace(1e-4, 10, 61)
figure, axes = plt.subplots(2, 2, figsize=(11, 7.5), layout="constrained", sharex=True)
print(f"worst error over that of the target alone\n{'d':>4s}{'d - 2':>8s}{'d':>8s}{'default':>9s}")
for ax, d in zip(axes.flat, [1, 3, 5, 20], strict=True):
    alone = d / (2 * N_TARGET)
    stein = james_stein_error(N_TARGET, N_SOURCE, taus, d) / alone
    debiased = james_stein_error(N_TARGET, N_SOURCE, taus, d, shrinkage=d) / alone
    factor = default_factor(d)
    default = james_stein_error(N_TARGET, N_SOURCE, taus, d, shrinkage=factor) / alone
    simulated = [default_error(d, tau) for tau in taus[::5]]
    oracle = np.array([minimal_error(N_TARGET, N_SOURCE, tau, d) for tau in taus]) / alone
    ax.plot(taus, stein, "-", color="#d1662a", label="shrinkage d - 2 (James-Stein)")
    ax.plot(taus, debiased, "--", color="black", label="shrinkage d (debiased discrepancy)")
    ax.plot(taus, default, "-.", color="#1f4e79", label="the default")
    ax.plot(
        taus[::5], simulated, "o", color="#1f4e79", markersize=4, label="the default, simulated"
    )
    ax.plot(taus, oracle, ":", color="0.4", label="oracle: knows the distance")
    ax.axhline(1, color="0.6", linewidth=1, label="target only")
    ax.set(xscale="log", ylim=(0, max(1.1, 1.05 * debiased.max())))
    ax.set_title(f"d = {d}" + (": d - 2 is the target alone" if d < 3 else ""), loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    print(f"{d:4d}{stein.max():8.3f}{debiased.max():8.3f}{default.max():9.3f}")
names = axes[0, 0].get_legend_handles_labels()
figure.legend(*names, loc="outside lower center", ncols=3, frameon=False)
for ax in axes[1]:
    ax.set_xlabel(r"discrepancy $\tau$ of the source")
for ax in axes[:, 0]:
    ax.set_ylabel("expected KL error over target only's")

# %%
# The closed form against simulation: exact for the Gaussian mean, a limit for others.
for family, theta, step, n in [
    (GaussianMean(5), np.zeros(5), 0.2, 20),
    (Exponential(5), np.ones(5), 0.2, 20),
    (Exponential(5), np.ones(5), 0.2 / 100, 200_000),
]:
    theta_source = (theta + step)[:, None]
    print(validate(family, theta, theta_source, n, 50 * n, claim="james_stein", random_state=0))
plt.show()
