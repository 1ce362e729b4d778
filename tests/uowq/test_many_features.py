"""More features than target rows: scores say little there, and the held-out rows must decide."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skuowq import UOWQClassifier
from skuowq.fisher import softmax_probabilities


@pytest.mark.parametrize(
    ("n_features", "n_classes", "C"),
    [
        (150, 2, 10.0),
        (60, 3, 100.0),
        pytest.param(1100, 3, 1.0, marks=pytest.mark.slow),
    ],
    ids=["separable", "small penalty", "no matrix formed"],
)
def test_an_unrelated_source_does_no_harm(n_features, n_classes, C):
    accuracy = {"with": [], "without": []}
    for seed in range(3):
        rng = np.random.default_rng(seed)

        def domain(n, theta, rng=rng):
            X = rng.normal(size=(n, n_features))
            p = softmax_probabilities(X, theta)
            return X, (rng.random((n, 1)) > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)

        few = rng.normal(size=(n_features, n_classes - 1)) * (np.arange(n_features) < 5)[:, None]
        X, y = domain(50, 3 * few)
        X_test, y_test = domain(2000, 3 * few)
        other = rng.normal(size=few.shape) / np.sqrt(n_features)
        source = domain(400, 5 * other)
        clf = UOWQClassifier(LogisticRegression(C=C, max_iter=2000), random_state=0)
        accuracy["with"].append(clf.fit(X, y, [source]).score(X_test, y_test))
        accuracy["without"].append(clf.fit(X, y).score(X_test, y_test))
    assert np.mean(accuracy["with"]) > np.mean(accuracy["without"]) - 0.06, accuracy
