"""
Many sources: one convex program
================================

Four sources of unequal size: one is nearly right, two are off in opposite directions, one is far
away. The weights come from one convex program over the shares of the sources,
``min alpha' (diag(1/N) + G) alpha``. Its value gives their total.

**Claim.** The simulated error is least at the program's weights, for all sources at once. Biases in
opposite directions cancel in the mixture, so a row of a source may weigh more than a row of the
target. The mixture is better than simple rules such as equal weights or the best source alone.

**Limitation.** To cancel biases one has to know the whole of ``G``, with its directions. From few
target rows only its diagonal can be estimated, and a shift that all sources share. So a fit in
practice has the error "diagonal of G" on the left, not the lower one. With a common shift ``c`` no
number of sources is worth more than ``1 / c`` target rows.
"""

import matplotlib.pyplot as plt
import numpy as np

from skuowq.plotting import TransferErrorDisplay, WeightCurveDisplay
from skuowq.theory import (
    GaussianMean,
    asymptotic_error,
    error_curve,
    minimal_error,
    simulate_curve,
    validate,
    weight_curve,
)
from skuowq.weights import solve_source_weights

N_TARGET, D = 25, 4
N_SOURCES = np.array([60, 150, 150, 1000])
NAMES = ["nearly right", "off one way", "off the other way", "far"]
family, theta_target = GaussianMean(D), np.zeros(D)
theta_sources = np.column_stack(
    [[0.05, 0, 0, 0], [0.0, 0.5, 0, 0], [0.0, -0.35, 0, 0], [0.0, 0, 1.5, 0]]
)
G = family.discrepancy(theta_target, theta_sources)

# %%
# With the whole of G, and with its diagonal only.
print(f"{'':20s}{'rows':>6s}{'tau':>8s}{'whole G':>9s}{'diagonal':>10s}")
whole, diagonal = solve_source_weights(N_SOURCES, G), solve_source_weights(N_SOURCES, np.diag(G))
columns = (NAMES, N_SOURCES, np.diag(G), whole.source_weights, diagonal.source_weights)
for name, n, tau, w, v in zip(*columns, strict=True):
    print(f"{name:20s}{n:6d}{tau:8.3f}{w:9.3f}{v:10.3f}")

rules = {
    "target only": np.zeros(4),
    "all rows at weight 1": np.ones(4),
    "nearly right alone": np.array([1.0, 0, 0, 0]),
    "program, diagonal of G": diagonal.source_weights,
    "program, whole G": whole.source_weights,
}
print(f"\n{'expected KL error (nats)':26s}")
for name, w in rules.items():
    print(f"{name:26s}{asymptotic_error(N_TARGET, N_SOURCES, w, G, D):8.4f}")
print(f"{'least (certificate)':26s}{minimal_error(N_TARGET, N_SOURCES, G, D):8.4f}\n")

# %%
# No step away from the program's weights helps: the minimum of the simulated error itself.
arguments = (family, theta_target, theta_sources, N_TARGET, N_SOURCES)
print(validate(*arguments, claim="argmin", n_repeats=100_000, random_state=0), "\n")

# %%
# Along the effective source size, and how the weights answer to one source that moves.
figure, axes = plt.subplots(1, 2, figsize=(11.5, 4.4), layout="constrained")
for name, matrix in [("whole G: biases cancel", G), ("diagonal of G", np.diag(np.diag(G)))]:
    # Weights from what is known of G; errors by the truth.
    w = solve_source_weights(N_SOURCES, matrix).source_weights
    curve = error_curve(N_TARGET, N_SOURCES, G, D, along="effective_size", source_weights=w)
    curve = simulate_curve(curve, family, theta_target, theta_sources, random_state=0)
    TransferErrorDisplay.from_curve(curve, ax=axes[0], name=name)
axes[0].set_title("the total, for two mixtures", loc="left")
WeightCurveDisplay.from_curve(weight_curve(N_SOURCES, G, source=1), names=NAMES, ax=axes[1])
axes[1].set_title("one of the pair moves away, the other answers", loc="left")
plt.show()
