"""
Why all rows are used once weights are right
============================================

A source of 2,000 rows is somewhat off. Is it better to take only some of its rows? An earlier
method, OTQMS, does so: every row that it takes has weight 1, and it chooses how many to take.

**Claim.** With weight 1 there is a best number of rows. Beyond ``N0 / (2 N0 tau - 1)`` rows the
source pulls the fit away from the target. With the best weight for the rows used, the error falls
with every row. It ends at a level that weight 1 never reaches.

**Limitation.** The last rows gain little. A source at distance ``tau`` is worth at most ``1 / tau``
target rows, however many it has, and half of that after ``1 / tau`` rows. If rows cost time, a part
of the source does nearly as well.
"""

import matplotlib.pyplot as plt
import numpy as np

from skuowq.plotting import TransferErrorDisplay
from skuowq.theory import GaussianMean, error_curve, optimal_quantity, simulate_curve, validate

N_TARGET, N_SOURCE, D = 20, 2000, 5
family, theta_target = GaussianMean(D), np.zeros(D)

figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
for ax, tau in zip(axes, [0.05, 0.2], strict=True):
    theta_source = np.full((D, 1), np.sqrt(tau))
    for name, weights in [("weight 1", [1.0]), ("best weight for the rows used", None)]:
        curve = error_curve(N_TARGET, N_SOURCE, tau, D, along="quantity", source_weights=weights)
        curve = simulate_curve(curve, family, theta_target, theta_source, random_state=0)
        TransferErrorDisplay.from_curve(curve, ax=ax, name=name)
    n = optimal_quantity(N_TARGET, N_SOURCE, tau)
    ax.axvline(1 / tau, color="0.8", linewidth=1, zorder=0)
    ax.set_title(
        rf"$\tau$ = {tau}: with weight 1 best at {n:.0f} rows; grey: 1/$\tau$ = {1 / tau:.0f}",
        loc="left",
    )
    names = ax.get_legend_handles_labels()
    ax.get_legend().remove()  # One legend for both.
figure.legend(*names, loc="outside lower center", ncols=3, frameon=False)

# %%
# Both rules against simulation, on differences between points that share their rows.
for claim in ("all_rows", "optimal_quantity"):
    print(
        validate(
            family,
            theta_target,
            np.full((D, 1), np.sqrt(0.05)),
            N_TARGET,
            N_SOURCE,
            claim=claim,
            random_state=0,
        ),
        "\n",
    )
plt.show()
