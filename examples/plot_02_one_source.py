"""
One source, and the law w* = 1 / (1 + tau N)
============================================

Twenty rows of the target and two hundred of one source. How much should a row of the source weigh?
The theory has one answer for all parametric models: ``w* = 1 / (1 + tau N)``, where ``tau`` is the
squared distance between source and target per parameter, measured by the Fisher information.

**Claim.** The error formula is the simulated error, at every weight and distance; its minimum lies
at ``w*``; and no weight up to twice ``w*`` is worse than leaving the source out.

**Limitation.** The law needs ``tau``, which has to be estimated. Two examples are about that:
:ref:`sphx_glr_auto_examples_plot_05_plug_in.py` and
:ref:`sphx_glr_auto_examples_plot_06_james_stein.py`. The formula is exact for a Gaussian mean, as
drawn here. For everything else it is a limit:
:ref:`sphx_glr_auto_examples_plot_07_when_the_theory_fails.py`.
"""

import matplotlib.pyplot as plt
import numpy as np

from skuowq.plotting import BiasVarianceDisplay, TransferErrorDisplay, WeightCurveDisplay
from skuowq.theory import (
    GaussianMean,
    error_curve,
    optimal_weight,
    simulate_curve,
    validate,
    weight_curve,
)

N_TARGET, N_SOURCE, D = 20, 200, 5
family, theta_target = GaussianMean(D), np.zeros(D)

# %%
# The error along the weight for a near, a middling and a far source. Bottom right: the law itself.
# Of sources at the same distance, those with more rows get less weight per row.
figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
for ax, tau in zip(axes.flat, [0.001, 0.02, 0.2], strict=False):
    theta_source = np.full((D, 1), np.sqrt(tau))
    curve = error_curve(N_TARGET, N_SOURCE, tau, D)
    curve = simulate_curve(curve, family, theta_target, theta_source, random_state=0)
    TransferErrorDisplay.from_curve(curve, ax=ax)
    w = optimal_weight(N_SOURCE, tau)
    ax.set_title(rf"$\tau$ = {tau}: $w^*$ = 1 / (1 + {tau * N_SOURCE:g}) = {w:.2f}", loc="left")
    names = ax.get_legend_handles_labels()
    ax.get_legend().remove()  # One legend for the three.
figure.legend(*names, loc="outside lower center", ncols=5, frameon=False)

ax = axes[1, 1]
for n in (20, 200, 2000):
    WeightCurveDisplay.from_curve(weight_curve(n, 0.01), names=[f"{n} rows"], ax=ax)
ax.set_title("the law: more rows, less weight for each", loc="left")

# %%
# What the error is made of: variance falls as rows come in, squared bias rises with their weight.
display = BiasVarianceDisplay.from_curve(error_curve(N_TARGET, N_SOURCE, 0.02, D))
display.ax_.set_title("variance falls with the weight, squared bias rises", loc="left")

# %%
# The simulated error is least at w*: its own minimum, found without the formula.
for tau in (0.001, 0.02, 0.2):
    theta_source = np.full((D, 1), np.sqrt(tau))
    print(
        validate(
            family, theta_target, theta_source, N_TARGET, N_SOURCE, claim="argmin", random_state=0
        )
    )
plt.show()
