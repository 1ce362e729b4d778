"""Options that an estimator, its sources or its rule cannot honour are refused by name."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from skuowq import MultiTaskUOWQClassifier, UOWQClassifier
from skuowq.datasets import make_classification_tasks
from skuowq.fisher import source_record
from skuowq.rules import Debiased, Given, PlugIn


@pytest.fixture(scope="module")
def tasks():
    return make_classification_tasks(
        n_target=60, n_samples=(300, 200), discrepancies=(0.0, 1.0), random_state=0
    )


@pytest.mark.parametrize(
    ("estimator", "options", "message"),
    [
        (None, {"checkpoint": "here"}, "checkpoint='here' saves the epochs of a network"),
        (RandomForestClassifier(3), {"checkpoint": "here"}, "RandomForestClassifier has none"),
        (None, {"discrepancy": PlugIn(parameters="all")}, "LogisticRegression is none"),
        (RandomForestClassifier(3), {"discrepancy": Debiased("all")}, "pass a skorch net"),
        (None, {"discrepancy": PlugIn(update_every=2)}, "update_every=2 is for parameters='all'"),
        (None, {"discrepancy": PlugIn(source_estimators=[])}, "source_estimators are for"),
        (None, {"discrepancy": Debiased(source_estimators=[])}, "source_estimators are for"),
        (None, {"discrepancy": PlugIn(n_updates=-1)}, "'n_updates' parameter of PlugIn"),
        (None, {"discrepancy": Given(np.eye(3))}, "discrepancy has shape"),
    ],
)
def test_refused_by_name(tasks, estimator, options, message):
    clf = UOWQClassifier(estimator, random_state=0, **options)
    with pytest.raises(ValueError, match=message):
        clf.fit(tasks.X_target, tasks.y_target, tasks.sources)


@pytest.mark.parametrize(
    ("epochs", "rule", "message"),
    [
        (5, PlugIn(0, "all", update_every=2), "update_every=2 is for updates along the training"),
        (3, PlugIn(parameters="all"), "pass update_every of at most 3"),
    ],
)
def test_networks_refuse_by_name(tasks, epochs, rule, message):
    from nets import make_net  # Skips the test where there is no torch.

    clf = UOWQClassifier(make_net(max_epochs=epochs), discrepancy=rule, random_state=0)
    with pytest.raises(ValueError, match=message):
        clf.fit(tasks.X_target, tasks.y_target, tasks.sources)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_of_the_target_alone_with_records(n_classes):
    """The softmax regression of all classes, given that the class is one of the target's."""
    tasks = make_classification_tasks(
        n_target=60, n_classes=n_classes + 1, n_samples=(400,), discrepancies=(0.0,), random_state=0
    )
    seen = tasks.y_target < n_classes
    data = tasks.X_target[seen], tasks.y_target[seen], [source_record(*tasks.sources[0])]
    everything = UOWQClassifier().fit(*data).predict_proba(tasks.X_test)
    clf = UOWQClassifier(classes="target").fit(*data)
    assert clf.classes_.tolist() == list(range(n_classes))
    given = everything[:, :n_classes] / everything[:, :n_classes].sum(axis=1, keepdims=True)
    assert_allclose(clf.predict_proba(tasks.X_test), given, atol=1e-8)
    # The record of a second round is of all classes.
    assert clf.record_point_.shape == (11, n_classes)


@pytest.mark.parametrize("estimator", [LogisticRegression(), RandomForestClassifier(5)])
def test_a_bound_of_0_leaves_the_target_alone(tasks, estimator):
    """In the stack as well, whose third fit takes all rows."""
    clf = UOWQClassifier(estimator, max_weight=0.0, random_state=0)
    found = clf.fit(tasks.X_target, tasks.y_target, tasks.sources).predict_proba(tasks.X_test)
    alone = UOWQClassifier(estimator, random_state=0).fit(tasks.X_target, tasks.y_target)
    assert_allclose(found, alone.predict_proba(tasks.X_test), atol=1e-6)


def stacked(tasks):
    X = np.concatenate([tasks.X_target, *[X for X, _ in tasks.sources]])
    y = np.concatenate([tasks.y_target, *[y for _, y in tasks.sources]])
    return X, y, np.repeat(["a", "b", "c"], [60, 300, 200])


def test_every_rule_for_many_tasks(tasks):
    X, y, task = stacked(tasks)
    given = np.array([np.diag([0.001, 1.0]), np.diag([0.5, 0.5]), np.diag([1.0, 0.001])])
    clf = MultiTaskUOWQClassifier(discrepancy=given).fit(X, y, task)
    alone = UOWQClassifier(discrepancy=given[0]).fit(tasks.X_target, tasks.y_target, tasks.sources)
    assert_allclose(clf.source_weights_[0, 1:], alone.source_weights_)
    with pytest.raises(ValueError, match=r"has shape \(2, 2\), and there are 3 tasks"):
        MultiTaskUOWQClassifier(discrepancy=np.eye(2)).fit(X, y, task)


def test_the_rule_for_all_parameters_for_many_tasks(tasks):
    from nets import make_net  # Skips the test where there is no torch.

    X, y, task = stacked(tasks)
    rule = PlugIn(n_updates=1, parameters="all", update_every=2)
    net = make_net(max_epochs=5)
    clf = MultiTaskUOWQClassifier(net, discrepancy=rule, random_state=0)
    clf.fit(X.astype(np.float32), y, task)
    assert clf.source_weights_.shape == (3, 3)
    assert clf.estimators_["a"].history_.shape == (2, 2)
