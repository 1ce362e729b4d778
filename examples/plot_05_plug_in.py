"""
Why the plug-in rule wastes good sources
========================================

The best weights need the discrepancy, which nobody knows. The plug-in rule puts fitted parameters
in the place of the true ones. Its bias, ``1/N0 + 1/N``, looks small. But with few target rows
``1/N0`` is large.

**Claim.** To the static plug-in rule an identical source seems to be ``1/N0`` away. With many
parameters all sources together are then worth no more than about ``N0`` rows, however good they
are. The dynamic rule measures again from the weighted fit, and has the opposite fault. The weighted
fit has moved towards the sources, so they look near even if they are far, and the error can exceed
that of the target alone. Rules that subtract the noise (debiased, REML) have neither fault.

**Limitation.** If the source is about as far away as the target's own fit is uncertain, ``tau``
near ``1/N0``, no rule can tell whether it helps. There every rule loses against the oracle, which
knows the distance.
"""

import matplotlib.pyplot as plt
import numpy as np

from skuowq.theory import GaussianMean, minimal_error, validate
from skuowq.weights import optimal_source_weights

N_TARGET, N_SOURCE, D, N_REPEATS = 20, 1000, 20, 20_000
N0, N = N_TARGET, N_SOURCE
rng = np.random.RandomState(0)

# %%
# The bias, to begin with: three sources, 20,000 simulated fits.
family, theta_target = GaussianMean(D), np.zeros(D)
theta_sources = rng.normal(size=(D, 3)) * [0.0, 0.1, 0.5]
print(
    validate(
        family, theta_target, theta_sources, N0, [100, N, N], claim="plugin_bias", random_state=0
    ),
    "\n",
)


# %%
# One source at a growing distance. All rules see the same fits.
def static_plug_in(squared):
    return 1 / (1 / N + squared / D)


def dynamic_plug_in(squared):
    """The rule's fixed point: the contrast measured from the weighted fit, again and again."""
    s = np.zeros_like(squared)
    for _ in range(200):
        s = 1 / (1 / N + squared / D * (N0 / (N0 + s)) ** 2)
    return s


def reml(squared):
    """On a grid, then between its points: one call costs as much as a thousand draws."""
    grid = np.geomspace(squared.min(), squared.max(), 300)
    found = [optimal_source_weights([[q / D]], N0, [N], D).effective_source_size for q in grid]
    return np.interp(squared, grid, found)


rules = {"plug-in, static": static_plug_in, "plug-in, dynamic": dynamic_plug_in, "REML": reml}
styles = {"plug-in, static": "--", "plug-in, dynamic": ":", "REML": "-", "target only": "-."}
colors = dict(zip(styles, ("#d1662a", "#8c5fa8", "#1f4e79", "0.45"), strict=True))
noise_target = rng.normal(size=(N_REPEATS, D)) / np.sqrt(N0)
noise_source = rng.normal(size=(N_REPEATS, D)) / np.sqrt(N)
taus = np.geomspace(1e-4, 5, 25)  # The first is as good as 0: 1/N is ten times that.
ratios = {name: [] for name in [*rules, "target only"]}
worth = {name: [] for name in rules}
for tau in taus:
    contrasts = np.sqrt(tau) + noise_source - noise_target
    oracle = minimal_error(N0, N, tau, D)
    for name, rule in rules.items():
        s = rule(np.sum(contrasts**2, axis=1))
        fits = noise_target + (s / (N0 + s))[:, None] * contrasts
        ratios[name].append(np.sum(fits**2, axis=1).mean() / 2 / oracle)
        worth[name].append(s.mean())
    ratios["target only"].append(D / (2 * N0) / oracle)

figure, axes = plt.subplots(1, 2, figsize=(11.5, 4.4), layout="constrained")
for name, values in ratios.items():
    axes[0].plot(taus, values, styles[name], color=colors[name], label=name)
axes[0].axhline(1, color="0.6", linewidth=4, alpha=0.6, label="oracle")
axes[0].set(yscale="log", ylabel="expected KL error over the oracle's")
for name, values in worth.items():
    axes[1].plot(taus, values, styles[name], color=colors[name], label=name)
axes[1].plot(taus, 1 / (1 / N + taus), color="0.6", linewidth=4, alpha=0.6, label="oracle")
axes[1].axhline(N0, color="0.4", linewidth=0.8, label="N0, the target's rows")
axes[1].set(yscale="log", ylabel="what the source is taken to be worth (target rows)")
for ax in axes:
    ax.axvline(1 / N0, color="0.85", linewidth=6, zorder=0)
    ax.set(xscale="log", xlabel=r"discrepancy $\tau$ (grey band: 1/N0)")
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_title("one source: error over the oracle's", loc="left")
axes[1].set_title("and why", loc="left")

print(f"error over the oracle's, {N_REPEATS} repeats")
print(f"{'tau':>18s}" + "".join(f"{tau:8.2g}" for tau in taus[::3]))
for name, values in ratios.items():
    print(f"{name:18s}" + "".join(f"{value:8.2f}" for value in values[::3]))
plt.show()
