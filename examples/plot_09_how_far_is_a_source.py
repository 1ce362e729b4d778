"""
How far is a source?
====================

Optimal transport measures how far the rows and classes of a source are from the target's, before
anything is fitted. That is cheap and has no parameters. What a source is worth is another question.
Here the truth is known. Of the digits, two sources are good and two have wrong labels. Of the
generated tasks, the true discrepancy is set.

The example ranks sources by the dataset distance and by the weights of ``UOWQClassifier``, and
draws the distances between the classes of one source and the target.

**Claim.** Transport sees where classes lie, not what they are called. Of the four sources, the one
whose labels are all shifted by one is the nearest. The weights leave it out, because they ask what
a fit on the source does to the target's labels. Where no labels are wrong, both find the order.

**Limitation.** Distances also compare shapes that a classifier may not care about, and weights
belong to one model. Use a ranking to screen, and fit with what is left.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr

from skuowq import UOWQClassifier
from skuowq.datasets import load_digit_domains, make_classification_tasks
from skuowq.plotting import ClassDistancesDisplay
from skuowq.transport import rank_sources

# %%
# Digits: "rotated" and "contrast" are good, the labels of the other two are wrong.
digits = load_digit_domains(n_per_class=10, random_state=0)
X, y = digits.X_target, digits.y_target
ranking = rank_sources(X, y, digits.sources, method="exact")
clf = UOWQClassifier().fit(X, y, sources=digits.sources)
weight = dict(zip(clf.source_names_, clf.source_weights_, strict=True))
print(f"{'digits':16s}{'distance':>9s}{'weight':>8s}")
for name, distance in zip(ranking.names, ranking.distances, strict=True):
    print(f"{name:16s}{distance:9.2f}{weight[name]:8.3f}")

# %%
# Generated tasks: the same question, ten times, with eight sources of growing discrepancy.
truth = np.array([0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0])
agreement = {"distance": [], "weight": []}
for seed in range(10):
    tasks = make_classification_tasks(
        n_target=100, n_samples=(300,) * 8, discrepancies=truth, random_state=seed
    )
    sources = {str(value): source for value, source in zip(truth, tasks.sources, strict=True)}
    found = rank_sources(tasks.X_target, tasks.y_target, sources)
    distances = dict(zip(found.names, found.distances, strict=True))
    fitted = UOWQClassifier().fit(tasks.X_target, tasks.y_target, sources=sources)
    agreement["distance"].append(spearmanr(truth, [distances[name] for name in sources])[0])
    agreement["weight"].append(-spearmanr(truth, fitted.source_weights_)[0])
print("\nrank correlation with the true discrepancy, mean and standard error over ten draws")
for name, values in agreement.items():
    print(f"{name:9s}{np.mean(values):6.2f} ({np.std(values, ddof=1) / np.sqrt(10):.2f})")

# %%
# Left: near and worthless. Right: why; the shifted source's class 3 is the target's 2.
figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
for name, distance in zip(ranking.names, ranking.distances, strict=True):
    axes[0].scatter(distance, weight[name], s=60, color="#1f4e79")
    axes[0].annotate(
        name, (distance, weight[name]), xytext=(0, 8), textcoords="offset points", ha="center"
    )
axes[0].set(xlabel="dataset distance", ylabel="weight of a source row", title="Digits")
axes[0].margins(x=0.3, y=0.15)
axes[0].spines[["top", "right"]].set_visible(False)
ClassDistancesDisplay.from_data(X, y, *digits.sources["shifted_labels"], method="exact", ax=axes[1])
axes[1].set_title("Classes of the shifted source and the target")
plt.show()
