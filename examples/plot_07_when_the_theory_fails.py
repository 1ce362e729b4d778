"""
When the theory fails
=====================

The error formula is a limit. It needs many rows, sources within a few ``1/sqrt(N0)`` of the target,
and a model that is right. This example breaks each condition in turn.

**Claim.** (a) With few rows the formula is off by terms of the order of ``1/N0``: by 10 to 20 % at
ten rows here, up or down with the family. For a Gaussian mean it is exact. (b) Far sources do the
same: far from the truth the divergence is no longer a quadratic. A source that weighs too much then
errs by another amount than the formula says, here by less. At the best weight this matters little,
because far sources get next to no weight. (c) Rows that are not what the model believes count for
less. Here they come in groups of equal rows. With the rows divided by
``kappa = trace(J^-1 V) / d`` the formula is right again (the sandwich).

**Limitation.** This example knows ``kappa``. From ten rows it cannot be estimated well, and this
package does not try.
"""

import matplotlib.pyplot as plt
import numpy as np

from skuowq.plotting import ValidationDisplay
from skuowq.theory import (
    Bernoulli,
    Exponential,
    Gaussian,
    GaussianMean,
    Poisson,
    SoftmaxRegression,
    asymptotic_error,
    validate,
)

population = np.column_stack([np.ones(8), np.linspace(-1.5, 1.5, 8)])
# family, the target's truth, and a contrast of about one standard error of ten rows
settings = {
    "Gaussian mean": (GaussianMean(2), [0.0, 0.0], [0.3, 0.2]),
    "Gaussian, mean and variance": (Gaussian(), [0.0, 1.0], [0.2, 0.3]),
    "Poisson, rate 2": (Poisson(), [2.0], [0.4]),
    "exponential": (Exponential(), [1.0], [0.3]),
    "softmax regression": (SoftmaxRegression(population), [0.2, 0.5], [0.5, 0.4]),
}
styles = dict(zip(settings, ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1))), strict=True))
markers = dict(zip(settings, "osD^v", strict=True))
colors = dict(zip(settings, ("#1f4e79", "#d1662a", "#3a9178", "#8c5fa8", "black"), strict=True))


def draw(ax, name, x, result):
    ratio = result.simulated / result.theory
    ax.errorbar(
        x,
        ratio,
        2 * result.std_error / result.theory,
        color=colors[name],
        linestyle=styles[name],
        marker=markers[name],
        markerfacecolor="white",
        capsize=2,
        label=name,
    )


# %%
# (a) Few rows. From 10 target rows to 10,000, the distances shrinking with the root of the rows;
# softmax regression starts at 80, below which some samples have no fit. (b) Distance, at 1,000 rows
# each and the weight that is best for one standard error.
figure, axes = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
for name, (family, theta, contrast) in settings.items():
    n = 80 if name == "softmax regression" else 10
    theta, contrast = np.array(theta), np.array(contrast) * np.sqrt(10 / n)
    result = validate(
        family,
        theta,
        (theta + contrast)[:, None],
        n,
        3 * n,
        claim="sample_size",
        multiples=[1, 2, 4, 8, 32, 128, 1000],
        random_state=0,
    )
    draw(axes[0], name, n * result.grid[:, 0], result)
axes[0].set(xscale="log", xlabel="target rows $N_0$ (the source has thrice as many)")
axes[0].set_title("(a) few rows", loc="left")

for name, (family, theta, contrast) in settings.items():
    theta, contrast = np.array(theta), np.array(contrast) / 10
    result = validate(
        family,
        theta,
        (theta + contrast)[:, None],
        1000,
        1000,
        claim="distance",
        multiples=[0, 1, 2, 4, 8, 16],
        random_state=0,
    )
    draw(axes[1], name, result.grid[:, 0], result)
axes[1].set(xlabel=r"distance of the source, in about $1/\sqrt{N_0}$")
axes[1].set_title("(b) far sources at a weight too large for them", loc="left")
for ax in axes:
    ax.axhline(1, color="0.6", linewidth=1, label="as the formula says")
    ax.set_ylabel("simulated error over the formula's")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].legend(frameon=False, fontsize="small", title="bars: 2 standard errors")

# %%
# (c) Rows in groups of four: visits of the same patients, taken for different ones.
family, theta = Bernoulli(2), np.array([0.3, 0.6])
source = (theta + [0.01, -0.01])[:, None]
groups = validate(
    family, theta, source, 4000, 4000, claim="sandwich", group_sizes=[1, 4], random_state=0
)
print(groups)
G = family.discrepancy(theta, source)
believed = asymptotic_error(4000, [4000], groups.grid[[0]], G, 2)[0]
print(
    f"\nthe model believes in an error of {believed:.3e} at these weights; simulated: "
    f"{groups.simulated[0]:.3e} ({groups.std_error[0]:.0e})\n"
)

# %%
# All of it as z scores: what chance allows, and what it does not.
few = validate(Exponential(), [1.0], [[1.3]], 10, 30, random_state=0)
many = validate(Exponential(), [1.0], [[1.003]], 100_000, 300_000, random_state=0)
display = ValidationDisplay.from_results(
    {
        "exponential, 10 target rows": few,
        "exponential, 100,000 target rows": many,
        "groups of rows, sandwich": groups,
    }
)
plt.show()
