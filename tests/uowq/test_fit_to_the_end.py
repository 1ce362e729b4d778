"""Where lbfgs does not end, Newton's method does, and no warning reaches the user."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from skuowq import UOWQClassifier
from skuowq._uowq.roads.fit_to_the_end import fit_to_the_end
from skuowq.datasets import make_classification_tasks


def rows_of_two_clouds(n_classes, n_columns=4):
    """Far apart, so that few directions of the optimum are steep and the others are flat."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(300, n_columns))
    y = np.argmax(X[:, :n_classes] + rng.normal(size=(300, n_classes)), axis=1)
    X[:100] += 300 * rng.normal(size=n_columns)
    return X, y, rng.uniform(0.5, 2, size=300)


@pytest.mark.parametrize("columns", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_ends_at_the_optimum(n_classes, columns):
    X, y, weight = rows_of_two_clouds(n_classes)
    X = columns(X)
    with pytest.warns(ConvergenceWarning):
        LogisticRegression(max_iter=10).fit(X, y, weight)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit_to_the_end(LogisticRegression(max_iter=10), X, y, weight)
    assert found.get_params() == LogisticRegression(max_iter=10).get_params()
    exact = LogisticRegression(solver="newton-cg", tol=1e-9, max_iter=10_000).fit(X, y, weight)
    assert_allclose(found.predict_proba(X), exact.predict_proba(X), atol=1e-3)


def test_with_many_columns_it_warns_as_scikit_learn_does():
    X, y, weight = rows_of_two_clouds(2, n_columns=600)
    with pytest.warns(ConvergenceWarning, match="lbfgs"):
        fit_to_the_end(LogisticRegression(max_iter=3), X, y, weight)


@pytest.mark.parametrize("distance", [0.0, 10.0])
def test_a_source_far_away_costs_no_warning(distance):
    tasks = make_classification_tasks(n_target=40, n_classes=2, random_state=0)
    (X, y), *others = tasks.sources
    sources = [(X + distance, y), *others]
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        short = UOWQClassifier(LogisticRegression(max_iter=10))
        short.fit(tasks.X_target, tasks.y_target, sources)
    base = LogisticRegression(solver="newton-cg", tol=1e-9, max_iter=1000)
    exact = UOWQClassifier(base).fit(tasks.X_target, tasks.y_target, sources)
    assert_allclose(short.predict_proba(tasks.X_test), exact.predict_proba(tasks.X_test), atol=2e-3)
