"""A source of one class is left out, or used where single rows are weighed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from skuowq import DiscriminatorGateClassifier, OT3LClassifier, UOWQClassifier
from skuowq.datasets import make_classification_tasks

TASKS = make_classification_tasks(
    n_target=40, n_samples=(120, 90), discrepancies=(0.05, 0.5), n_features=3, random_state=0
)
X, y, X_TEST = TASKS.X_target, TASKS.y_target, TASKS.X_test
GOOD, (X_2, _) = TASKS.sources
ZEROS = np.zeros(len(X_2), dtype=int)


@pytest.mark.parametrize(
    "estimator",
    [
        UOWQClassifier(),
        UOWQClassifier(discrepancy="plugin"),
        UOWQClassifier(DecisionTreeClassifier(max_depth=2, random_state=0)),
        DiscriminatorGateClassifier(UOWQClassifier(), random_state=0),
        OT3LClassifier(random_state=0),
    ],
)
@pytest.mark.parametrize("label", [0, 7])
def test_it_is_left_out(estimator, label):
    expected = estimator.fit(X, y, {"good": GOOD}).predict_proba(X_TEST)
    weights = getattr(estimator, "source_weights_", None)
    sources = {"one": (X_2, ZEROS + label), "good": GOOD}
    with pytest.warns(UserWarning, match=f"source 'one' has the single class {label}: .*left out"):
        estimator.fit(X, y, sources)
    assert_allclose(estimator.predict_proba(X_TEST), expected)
    assert_array_equal(estimator.classes_, [0, 1, 2])
    if weights is not None:
        assert_allclose(estimator.source_weights_, [0.0, *weights])
        assert estimator.source_n_samples_[0] == 0


@pytest.mark.parametrize("weight", [np.ones(len(X_2)), None])
def test_it_may_be_the_only_one_or_of_one_class_by_its_weights(weight):
    labels = ZEROS.copy()
    if weight is not None:
        labels[:30], weight[:30] = 1, 0.0
    alone = UOWQClassifier().fit(X, y)
    with pytest.warns(UserWarning, match="single class 0"):
        clf = UOWQClassifier().fit(X, y, [(X_2, labels, weight)])
    assert_array_equal(clf.source_weights_, [0.0])
    assert_allclose(clf.predict_proba(X_TEST), alone.predict_proba(X_TEST))


def test_rows_of_classes_that_the_target_lacks():
    far = {"good": GOOD, "far": (X_2, 7 + (ZEROS.cumsum() + np.arange(len(X_2))) % 2)}
    with pytest.warns(UserWarning, match="fewer than two of the target's classes .*union"):
        clf = UOWQClassifier(classes="target").fit(X, y, far)
    assert clf.source_weights_[1] == 0


def test_a_gate_uses_it():
    """As trusted as the source that the rows of this class come from."""
    own = GOOD[1] == 0
    sources = {"zeros": (GOOD[0][own], GOOD[1][own]), "rest": (GOOD[0][~own], GOOD[1][~own])}
    gate = DiscriminatorGateClassifier(LogisticRegression(), trust=1.0, random_state=0)
    gate.fit(X, y, sources)
    assert gate.gate_weights_[0].sum() > 0.2 * own.sum()
    assert_array_equal(gate.trust_, 1.0)
