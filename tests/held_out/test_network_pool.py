"""The tuned network and the target's own, pooled as held-out rows say."""

import pytest

pytest.importorskip("torch")

import numpy as np
import torch
from nets import make_net
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax

from skuowq import UOWQClassifier
from skuowq._data.domains import Domain, take_rows
from skuowq._held_out.network_pool import NetworkPool, halves
from skuowq._held_out.pool import EXPONENTS, belief_in_exponents, pool_exponents
from skuowq._utils._failed_fit import FailedFit
from skuowq._utils._progress import Progress
from skuowq.datasets import make_classification_tasks
from skuowq.networks import predict_proba, train_weighted
from skuowq.rules import PlugIn


def make_target(labels, seed=0):
    y = np.asarray(labels)
    X = np.random.RandomState(seed).normal(size=(len(y), 3))
    return Domain(X, y, np.ones(len(y)))


def test_halves_have_their_share_of_every_class():
    target = make_target(np.arange(40) % 4)
    first, second = halves(target)
    assert_array_equal(np.sort(np.concatenate([first, second])), np.arange(40))
    for half in (first, second):
        assert_array_equal(np.bincount(target.y[half]), [5, 5, 5, 5])


def test_halves_keep_copies_together_whatever_the_order():
    target = make_target([0, 0, 0, 0, 1, 1, 1])
    copies = np.array([0, 0, 1, 2, 3, 4, 5, 6, 6, 5])
    order = np.random.RandomState(1).permutation(len(copies))
    found = []
    for rows in (copies, copies[order]):
        twice = Domain(target.X[rows], target.y[rows], np.ones(len(rows)))
        held_out = [set(rows[half].tolist()) for half in halves(twice)]
        assert not held_out[0] & held_out[1]
        found.append(held_out)
    assert found[0] == found[1]


def test_no_class_is_left_without_rows():
    target = make_target([0, 0, 1, 2, 2])
    assert 2 not in np.concatenate(halves(target))
    # One class has two rows: nothing can be told from them.
    assert halves(make_target([0, 0, 1, 2])) == []
    same = make_target([0, 0, 1, 1])
    same.X[:] = 1.0
    assert halves(same) == []


def test_one_half_is_enough_where_rows_are_many():
    (rows,) = halves(make_target(np.arange(240) % 2))
    assert len(rows) == 120


def test_exponents_find_the_better_network_and_its_temperature():
    rng = np.random.RandomState(0)
    logits = 2 * rng.normal(size=(2000, 4))
    p = np.exp(log_softmax(logits, axis=1))
    labels = (p.cumsum(axis=1) < rng.uniform(size=(2000, 1))).sum(axis=1)
    other, weight = rng.normal(size=(2000, 4)), np.ones(2000)
    for sure in (1.0, 3.0):
        one = log_softmax(sure * logits, axis=1)
        found = pool_exponents(np.array([one, log_softmax(other, axis=1)]), labels, weight)
        assert_allclose(found, [1 / sure, 0], atol=0.07)
        found = pool_exponents(np.array([log_softmax(other, axis=1), one]), labels, weight)
        assert_allclose(found, [0, 1 / sure], atol=0.07)
    # Never surer than the networks.
    timid = np.array([log_softmax(0.3 * logits, axis=1), log_softmax(0.2 * logits, axis=1)])
    assert pool_exponents(timid, labels, weight).sum() <= 1 + 1e-6
    # Without evidence the tuned network is as it is.
    assert_allclose(pool_exponents(timid[:, :0], labels[:0], weight[:0]), [1, 0])


def test_belief_in_exponents_is_half_the_evidence():
    rng = np.random.RandomState(0)
    p, q = rng.dirichlet(np.ones(3), size=(2, 8))
    labels, weight = rng.randint(3, size=8), rng.uniform(0.5, 2, size=8)
    likelihoods = []
    for a, b in EXPONENTS:
        product = p**a * q**b
        of_label = product[np.arange(8), labels] / product.sum(axis=1)
        likelihoods.append(np.prod(of_label**weight))
    found = belief_in_exponents(np.log([p, q]), labels, weight)
    assert_allclose(found, np.sqrt(likelihoods) / np.sqrt(likelihoods).sum(), rtol=1e-9)
    assert len(np.unique(EXPONENTS, axis=0)) == 66
    assert EXPONENTS.sum(axis=1).max() <= 1 + 1e-12


def test_many_rows_leave_one_pair_of_exponents():
    rng = np.random.RandomState(1)
    logits = 2 * rng.normal(size=(4000, 4))
    p = np.exp(log_softmax(logits, axis=1))
    labels = (p.cumsum(axis=1) < rng.uniform(size=(4000, 1))).sum(axis=1)
    opinions = log_softmax([2 * logits, rng.normal(size=(4000, 4))], axis=2)
    belief = belief_in_exponents(opinions, labels, np.ones(4000))
    assert_allclose(EXPONENTS[belief.argmax()], [0.5, 0.0])
    assert belief.max() > 0.9


@pytest.fixture(scope="module")
def tasks():
    return make_classification_tasks(
        n_target=60, n_samples=(300, 300), discrepancies=(0.0, 4.0), random_state=0
    )


def test_probabilities_are_those_of_the_pool(tasks):
    clf = UOWQClassifier(make_net(), random_state=0)
    clf.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
    assert clf.pool_exponents_.shape == (2,)
    assert clf.pool_exponents_.sum() <= 1 + 1e-6
    parts = [
        np.log(predict_proba(net, tasks.X_test)) for net in (clf.estimator_, clf.target_estimator_)
    ]
    belief = clf._fitted.pool.belief
    assert_allclose(clf.pool_exponents_, belief @ EXPONENTS)
    expected = 0
    for share, (a, b) in zip(belief, EXPONENTS, strict=True):
        product = np.exp(parts[0]) ** a * np.exp(parts[1]) ** b
        expected += share * product / product.sum(axis=1, keepdims=True)
    assert_allclose(clf.predict_proba(tasks.X_test), expected, rtol=1e-5)
    clf.set_params(discrepancy="plugin").fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
    assert clf.target_estimator_ is None
    assert clf.pool_exponents_ is None
    alone = predict_proba(clf.estimator_, tasks.X_test)
    assert_allclose(clf.predict_proba(tasks.X_test), alone)


def test_sources_with_wrong_labels_do_no_harm(tasks):
    sources = [(X, (y + 1) % 3) for X, y in tasks.sources]
    clf = UOWQClassifier(make_net(), random_state=0)
    clf.fit(tasks.X_target, tasks.y_target, sources=sources)
    # They keep a tenth of the target's weight, unless told otherwise.
    assert_allclose(clf.source_weights_ @ clf.source_n_samples_, 6, rtol=1e-6)
    alone = UOWQClassifier(make_net(max_epochs=200), random_state=0)
    alone.fit(tasks.X_target, tasks.y_target)

    def loss(clf):
        p = clf.predict_proba(tasks.X_test)
        return -np.log(p[np.arange(len(p)), tasks.y_test]).mean()

    assert loss(clf) < 1.05 * loss(alone)
    clf.set_params(max_weight=0.0).fit(tasks.X_target, tasks.y_target, sources=sources)
    assert_array_equal(clf.source_weights_, 0)


def test_classes_that_the_target_lacks_are_the_tuned_networks(tasks):
    has = tasks.y_target > 0
    clf = UOWQClassifier(make_net(), random_state=0)
    with pytest.warns(UserWarning, match="appear only in the sources"):
        clf.fit(tasks.X_target[has], tasks.y_target[has], sources=tasks.sources)
    assert clf.target_estimator_ is not None
    tuned = predict_proba(clf.estimator_, tasks.X_test)[:, 0]
    assert_allclose(clf.predict_proba(tasks.X_test)[:, 0], tuned, rtol=1e-6)


def test_targets_too_small_to_be_halved_are_not_pooled(tasks):
    _, first = np.unique(tasks.y_target, return_index=True)
    clf = UOWQClassifier(make_net(max_epochs=2), random_state=0)
    clf.fit(tasks.X_target[first], tasks.y_target[first], sources=tasks.sources)
    assert clf.target_estimator_ is None
    assert torch.isfinite(torch.tensor(clf.predict_proba(tasks.X_test))).all()


def test_few_rows_take_no_more_of_a_source_than_the_plugin_gives():
    tasks = make_classification_tasks(
        n_target=18, n_samples=(300, 300), discrepancies=(0.0, 4.0), random_state=0
    )
    weights = {}
    for name, options in {
        "default": {},
        "plugin": {"discrepancy": PlugIn(n_updates=0)},
    }.items():
        clf = UOWQClassifier(make_net(module__n_hidden=32, max_epochs=5), random_state=0, **options)
        clf.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
        weights[name] = clf.source_weights_
    # A tenth of the target's rows is left to the sources, whatever is found.
    assert weights["default"] @ [300, 300] > 1.8 * (1 + 1e-6)
    assert (weights["default"] <= weights["plugin"] * (1 + 1e-6)).all()


def make_pool(target, fails):
    """A pool of networks of which some fail on a half of the rows."""
    domains = {"tuned": [target, make_target(np.arange(200) % 2, 1)], "alone": [target]}

    def trainer(name):
        def train(kept):
            if fails == "both" or (fails == name and len(kept) < len(target.y)):
                raise FailedFit(f"{name} has diverged")
            first, *others = domains[name]
            weights = [1.0] * len(others)
            net = make_net(max_epochs=3)
            return train_weighted(net, take_rows(first, kept), others, weights, seed=0)

        return train

    progress = Progress("networks", 0)
    return NetworkPool(target, trainer("tuned"), trainer("alone"), progress), trainer("tuned")


def test_a_network_that_diverges_without_half_of_the_rows_takes_no_part():
    target = make_target(np.arange(40) % 2)
    found, tuned = make_pool(target, "alone")
    assert found.net is None
    assert found.exponents[1] == 0 < found.exponents[0]
    p = found(predict_proba(tuned(np.arange(40)), target.X), target.X)
    assert_allclose(p.sum(axis=1), 1)
    found, tuned = make_pool(target, "tuned")
    assert found.exponents[0] == 0 < found.exponents[1]
    assert found.belief[EXPONENTS[:, 0] > 0].max() == 0
    assert_allclose(found.belief.sum(), 1)
    with pytest.raises(ValueError, match="tuned has diverged"):
        make_pool(target, "both")
