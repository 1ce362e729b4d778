"""The order of rows and of sources changes nothing but rounding."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from skuowq import UOWQClassifier
from skuowq._uowq.weigh import _in_range, _turns_back
from skuowq.datasets import make_classification_tasks


@pytest.mark.parametrize("n_target", [11, 23])
def test_rows_in_another_order(n_target):
    """Hardly penalised, rows nearly decide their own fit, so that folds are held out."""
    tasks = make_classification_tasks(
        n_target=n_target, n_samples=(40, 40), discrepancies=(0.05, 0.5), random_state=0
    )
    X, y = tasks.X_target, tasks.y_target
    clf = UOWQClassifier(LogisticRegression(C=1e3, solver="newton-cg", tol=1e-9, max_iter=1000))
    first = clf.fit(X, y, tasks.sources).source_weights_
    assert 0 < first.max() < 1
    for seed in range(3):
        order = np.random.RandomState(seed).permutation(n_target)
        again = clf.fit(X[order], y[order], tasks.sources).source_weights_
        assert_allclose(again, first, rtol=1e-3)


def test_steps_at_right_angles_do_not_turn_back():
    """Of rounding there is always some, and its sign depends on the order of sources."""
    step, last = np.array([-1e-17, 0.0, -0.2]), np.array([0.7, 0.0, 1e-17])
    assert not _turns_back(step, last)
    assert not _turns_back(step, np.zeros(3))
    assert _turns_back(step, np.array([0.0, 0.1, 0.1]))


def test_contrasts_without_bounds_are_cut():
    """The others stay as they are, and the matrix stays positive semidefinite."""
    vectors = np.array([[1.0, 2.0], [1e40, 0.0], [3e150, 1e150]])
    near = vectors @ vectors.T
    assert_array_equal(_in_range(near[:1, :1]), near[:1, :1])
    cut = _in_range(near)
    assert np.isfinite(cut).all()
    assert_allclose(np.diag(cut), [5, 1e50, 1e50])
    cosines = cut / np.sqrt(np.outer(np.diag(cut), np.diag(cut)))
    assert_allclose(cosines[0, 1], 1 / np.sqrt(5))
    assert np.linalg.eigvalsh(cosines).min() > -1e-12
