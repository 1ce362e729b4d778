"""Classification tasks: exact discrepancies, labels with the probabilities told, a fit recovers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skuowq.datasets import make_classification_tasks
from skuowq.fisher import fit_softmax, softmax_fisher_information, softmax_probabilities


def with_constant(X):
    return np.column_stack([X, np.ones(len(X))])


@pytest.mark.parametrize(("n_features", "n_classes"), [(1, 2), (10, 3), (4, 6)])
def test_discrepancies_are_exact(n_features, n_classes):
    asked = [0.0, 0.1, 1.0]
    tasks = make_classification_tasks(
        20, (10, 20, 30), n_features, n_classes, asked, random_state=0
    )
    d = (n_features + 1) * (n_classes - 1)
    contrasts = (tasks.theta_sources - tasks.theta_target).reshape(3, d)
    G = contrasts @ tasks.fisher_information @ contrasts.T / d
    assert_allclose(G, tasks.discrepancy, atol=1e-13)
    assert_allclose(np.diag(tasks.discrepancy), asked, atol=1e-13)
    assert_array_equal(tasks.theta_target[-1], 0)


def test_shapes():
    tasks = make_classification_tasks(20, (10, 30), 4, 3, (0.1, 0.2), n_test=15, random_state=0)
    assert tasks.X_target.shape == (20, 4)
    assert tasks.y_target.shape == (20,)
    assert tasks.X_test.shape == (15, 4)
    assert tasks.y_test.shape == (15,)
    assert [(X.shape, y.shape) for X, y in tasks.sources] == [((10, 4), (10,)), ((30, 4), (30,))]
    assert tasks.theta_target.shape == (5, 2)
    assert tasks.theta_sources.shape == (2, 5, 2)
    assert tasks.fisher_information.shape == (10, 10)
    assert_array_equal(tasks.classes, [0, 1, 2])
    assert set(np.unique(tasks.y_test)) <= {0, 1, 2}


def test_fisher_information_is_good_to_its_stated_precision():
    tasks = make_classification_tasks(random_state=0)
    X = np.random.RandomState(1).standard_normal((200_000, 10))
    J = softmax_fisher_information(with_constant(X), tasks.theta_target)
    assert_allclose(np.diag(tasks.fisher_information), np.diag(J), rtol=0.05)


def test_label_frequencies_agree_with_the_probabilities():
    tasks = make_classification_tasks(n_samples=(50_000,), discrepancies=(0.3,), random_state=0)
    X, y = tasks.sources[0]
    p = softmax_probabilities(with_constant(X), tasks.theta_sources[0])
    drawn = y[:, None] == tasks.classes
    # Overall, and where the probability is below and above one half.
    for rows in (np.ones_like(p), p < 0.5, p > 0.5):
        z = ((drawn - p) * rows).sum(axis=0) / np.sqrt((p * (1 - p) * rows).sum(axis=0))
        assert np.abs(z).max() < 4


def test_a_fit_on_many_rows_recovers_the_truth():
    n = 50_000
    tasks = make_classification_tasks(
        n, (n,), n_features=4, discrepancies=(0.2,), class_sep=0.7, random_state=0
    )
    for (X, y), truth in [
        ((tasks.X_target, tasks.y_target), tasks.theta_target),
        (tasks.sources[0], tasks.theta_sources[0]),
    ]:
        X = with_constant(X)
        theta = fit_softmax(X, y, 3, np.ones(n), np.full(5, 1e-6))
        J = softmax_fisher_information(X, truth)
        z = (theta - truth).ravel() / np.sqrt(np.diag(np.linalg.inv(J)) / n)
        assert np.abs(z).max() < 4


def test_random_state_decides_everything():
    first, again, other = (make_classification_tasks(random_state=seed) for seed in (0, 0, 1))
    assert_array_equal(first.X_target, again.X_target)
    assert_array_equal(first.sources[2][1], again.sources[2][1])
    assert not np.array_equal(first.theta_target, other.theta_target)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_target": 0}, "n_target is 0"),
        ({"n_features": 0}, "n_features is 0"),
        ({"n_classes": 1}, "n_classes is 1"),
        ({"n_test": -1}, "n_test is -1"),
        ({"n_samples": (10, 10)}, "one entry for each source"),
        ({"discrepancies": (0, np.inf, 1)}, "discrepancies is"),
        ({"class_sep": 0}, "class_sep is 0"),
        ({"class_sep": "wide"}, "class_sep is 'wide'"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_classification_tasks(**changes)


@pytest.mark.parametrize("class_sep", [1e6, 1e12, 1e300])
def test_classes_too_far_apart_to_tell_domains_apart(class_sep):
    with pytest.raises(ValueError, match="which leaves a row no Fisher information"):
        make_classification_tasks(class_sep=class_sep, random_state=0)


@pytest.mark.parametrize("class_sep", [1e-300, 1e-8, 1e3, 1e4])
def test_a_class_sep_that_leaves_information(class_sep):
    tasks = make_classification_tasks(class_sep=class_sep, random_state=0)
    assert_allclose(tasks.discrepancy.diagonal(), [0, 0.1, 1], rtol=1e-6)
    for part in (tasks.theta_sources, tasks.fisher_information, *(X for X, _ in tasks.sources)):
        assert np.isfinite(part).all()
