"""
Which rows are wrong?
=====================

In many sources some rows are wrong and others right. Here 70 % of the images of each source are
turned, mirrored or speckled, and, independently, 70 % of the labels are random. The target is fifty
labelled images.

A gate weighs every source row by how likely it is in the target, given its label. The example
compares it with leaving the sources out, with taking them as they are, and with weights for whole
sources, alone and together with the gate.

**Claim.** Weights for rows reduce the influence of wrong labels, at the price of some right ones.
The log loss gains much, which weights for whole sources cannot give. Both together are level with
the gate.

**Limitation.** This is one draw of the images: ``benchmarks/gate`` has more. Accuracy hardly gains
here, and may lose. The gate believes the target's few labels, and costs a little where a source is
clean.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skuowq import DiscriminatorGateClassifier, UOWQClassifier
from skuowq.datasets import load_digit_domains, perturb_source
from skuowq.plotting import GateWeightsDisplay

# %%
# Two sources, both perturbed; we know which rows are wrong, the estimators do not.
digits = load_digit_domains(sources=["rotated", "contrast"], n_per_class=5, random_state=0)
X, y = digits.X_target, digits.y_target
sources, wrong = {}, {}
for name, (X_i, y_i) in digits.sources.items():
    X_i, y_i, _, wrong[name] = perturb_source(
        X_i, y_i, 0.7, 0.7, image_shape=(8, 8), return_masks=True, random_state=0
    )
    sources[name] = (X_i, y_i)

# %%
# The light gate: no network, any classifier.
logistic = LogisticRegression(max_iter=1000)
gate = DiscriminatorGateClassifier(logistic, random_state=0)
models = {
    "target only": DiscriminatorGateClassifier(logistic, trust=0.0),
    "sources as they are": DiscriminatorGateClassifier(logistic, gate=False, trust=1.0),
    "weights of sources": UOWQClassifier(logistic),
    "gate": gate,
    "gate and weights of sources": DiscriminatorGateClassifier(
        UOWQClassifier(logistic), random_state=0
    ),
}
print(f"{'':28s}{'log loss':>9s}{'accuracy':>10s}{'seconds':>9s}")
for name, model in models.items():
    start = time.perf_counter()
    model.fit(X, y, sources=sources)
    seconds = time.perf_counter() - start
    p = model.predict_proba(digits.X_test)
    accuracy = np.mean(p.argmax(axis=1) == digits.y_test)
    print(f"{name:28s}{log_loss(digits.y_test, p):9.3f}{accuracy:10.3f}{seconds:9.1f}")

# %%
# What the gate made of the rows: the means of right and wrong labels, and all weights.
print(f"\ntrust {gate.trust_}, rows of like worth {gate.effective_sample_size_.round()}")
for name, weights in zip(gate.source_names_, gate.gate_weights_, strict=True):
    right, bad = weights[~wrong[name]].mean(), weights[wrong[name]].mean()
    print(f"{name:10s} right labels weigh {right:.2f}, random ones {bad:.2f}")
display = GateWeightsDisplay.from_estimator(gate, perturbed=wrong)
plt.show()
