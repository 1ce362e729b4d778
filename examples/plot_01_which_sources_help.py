"""
Which sources help?
===================

Five labelled images of each handwritten digit are the target. Four other collections are at hand:
two are useful (slightly rotated images; images of another contrast) and two are harmful (most
labels are noise; every label is off by one). Nothing tells which is which.

The example measures them, shows what each is worth, and compares the weighted fit with the
alternatives a careful user would try, on 500 or so images that nobody trained on.

**Claim.** The default rule (REML, restricted maximum likelihood) finds the useful sources from 50
target rows. The paper's rule (plug-in) does not. It takes fitted parameters for the true ones, so
from few rows even a perfect source looks far away. Its dynamic form measures again after each
weighted fit, and there a bad source can pull the target's parameters to itself.

**Limitation.** One draw of images is one draw: the spread over draws is in
``benchmarks/digits.py``. Where every source is harmful the weights are small but not zero.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skuowq import UOWQClassifier
from skuowq.datasets import load_digit_domains
from skuowq.plotting import SourceWeightsDisplay
from skuowq.rules import PlugIn

# %%
# The data: scikit-learn's digits, dealt into disjoint shares, one for each domain.
digits = load_digit_domains(random_state=0)
X, y, sources = digits.X_target, digits.y_target, digits.sources
print(f"target: {len(y)} labelled images, {len(digits.y_test)} to test on")
print("sources: " + ", ".join(f"{name} {len(y_i)}" for name, (_, y_i) in sources.items()), "\n")

# %%
# One call measures the sources, weighs them and fits a logistic regression to all rows.
model = UOWQClassifier(LogisticRegression(max_iter=1000)).fit(X, y, sources=sources)
print(model.source_report_, "\n")


# %%
# The alternatives. "good sources only" knows in hindsight which sources to trust.
def with_fixed_weights(weights):
    def fit():
        rows = [
            (X, y, 1.0),
            *((*pair, w) for pair, w in zip(sources.values(), weights, strict=True)),
        ]
        rows = [(X_i, y_i, w) for X_i, y_i, w in rows if w > 0]
        sample_weight = np.concatenate([np.full(len(y_i), w) for _, y_i, w in rows])
        return LogisticRegression(max_iter=1000).fit(
            np.concatenate([X_i for X_i, _, _ in rows]),
            np.concatenate([y_i for _, y_i, _ in rows]),
            sample_weight,
        )

    return fit


def with_uowq(**options):
    estimator = UOWQClassifier(LogisticRegression(max_iter=1000), **options)
    return lambda: estimator.fit(X, y, sources=sources)


equal_mass = len(y) / sum(len(y_i) for _, y_i in sources.values())
methods = {
    "target only": with_fixed_weights([0, 0, 0, 0]),
    "pooled": with_fixed_weights([1, 1, 1, 1]),
    "equal mass": with_fixed_weights([equal_mass] * 4),
    "plug-in, static": with_uowq(discrepancy=PlugIn(n_updates=0)),
    "plug-in, dynamic": with_uowq(discrepancy="plugin"),
    "REML (default)": with_uowq(),
    "hindsight: good only": with_fixed_weights([1, 1, 0, 0]),
}
print(f"{'':22s}{'log loss':>9s}{'accuracy':>10s}{'fit time':>10s}")
for name, fit in methods.items():
    start = time.perf_counter()
    fitted = fit()
    seconds = time.perf_counter() - start
    loss = log_loss(digits.y_test, fitted.predict_proba(digits.X_test))
    accuracy = fitted.score(digits.X_test, digits.y_test)
    print(f"{name:22s}{loss:9.3f}{accuracy:10.3f}{seconds:8.2f} s")

# %%
# The weights at a glance.
SourceWeightsDisplay.from_estimator(model)
plt.show()
