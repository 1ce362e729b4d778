"""
Do the sources help?
====================

Fifty labelled images of digits are the target. Four other collections are at hand, and the labels
of two of them are wrong. Do these collections help on new images of the target? There is no test
set: cross-validation on the target's own rows has to tell.

``negative_transfer_gap`` fits twice on each fold, with the sources and without them, and scores
both on the rows held out. The gap is the loss with the sources less the loss without them. Below 0
the sources help, above 0 they hurt.

**Claim.** Weighted by skuowq, the four collections help. With weight 1 for every row, two of them
would help and the two wrong ones hurt.

**Limitation.** Fifty rows tell large gaps from 0, and no small ones. The interval is about new rows
of the target, not about new sources. It is wide on purpose: its folds share most of their rows.
"""

import matplotlib.pyplot as plt
import numpy as np

from skuowq import UOWQClassifier
from skuowq.datasets import load_digit_domains
from skuowq.metrics import negative_transfer_gap
from skuowq.plotting import NegativeTransferDisplay, WeightHistoryDisplay

digits = load_digit_domains(random_state=0)
X, y, sources = digits.X_target, digits.y_target, digits.sources


# %%
# With a discrepancy of 0 every row of a source counts as much as a row of the target.
def with_weight_1(names):
    return UOWQClassifier(discrepancy=np.zeros((len(names), len(names))))


right, wrong = ["rotated", "contrast"], ["noisy_labels", "shifted_labels"]
cases = {
    "all four, weighted": (UOWQClassifier(), [*sources]),
    "all four, weight 1": (with_weight_1(sources), [*sources]),
    "right labels, weight 1": (with_weight_1(right), right),
    "wrong labels, weight 1": (with_weight_1(wrong), wrong),
}
gaps = {
    case: negative_transfer_gap(
        estimator,
        X,
        y,
        sources={name: sources[name] for name in names},
        n_repeats=1,
        random_state=0,
    )
    for case, (estimator, names) in cases.items()
}

# %%
# The scores are minus the log loss, so the gap is in nats.
for case, result in gaps.items():
    low, high = result.interval
    print(f"{case:24s} gap {result.gap:6.2f}, between {low:5.2f} and {high:5.2f}")
NegativeTransferDisplay.from_results(gaps)

# %%
# How did the weights come about? From step to step the model is fitted with the weights so far, and
# compares the sources with the target anew. The last step asks the target's held-out rows.
model = UOWQClassifier().fit(X, y, sources=sources)
WeightHistoryDisplay.from_estimator(model)
plt.show()
