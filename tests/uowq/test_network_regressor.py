"""UOWQRegressor around skorch nets."""

import pytest

pytest.importorskip("torch")

import pickle

import numpy as np
from nets import make_net, make_regression_net
from numpy.testing import assert_allclose, assert_array_equal

from skuowq import UOWQRegressor
from skuowq.rules import PlugIn


def draw(n, seed, sign=1.0, level=0.0):
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n, 4)).astype(np.float32)
    y = sign * (np.abs(X[:, 0]) + X[:, 1]) + level + 0.1 * rng.normal(size=n)
    return X, y.astype(np.float32)


TARGET, TEST = draw(25, 0), draw(500, 1)
NEAR, HIGHER, OTHER = draw(400, 2), draw(400, 3, level=3.0), draw(400, 4, sign=-1.0)


def error_of(reg):
    return np.mean((reg.predict(TEST[0]) - TEST[1]) ** 2)


@pytest.fixture(scope="module")
def fitted():
    sources = {"near": NEAR, "higher": HIGHER, "other": OTHER}
    return UOWQRegressor(make_regression_net(), random_state=0).fit(*TARGET, sources=sources)


def test_good_sources_help_and_bad_ones_do_no_harm(fitted):
    near, higher, other = fitted.source_weights_
    assert min(near, higher) > 5 * other
    assert abs(fitted.levels_[2] - fitted.levels_[0] - 3) < 0.5
    alone = UOWQRegressor(make_regression_net(), random_state=0).fit(*TARGET)
    assert alone.target_estimator_ is None
    assert error_of(fitted) < 0.7 * error_of(alone)
    bad = UOWQRegressor(make_regression_net(), random_state=0).fit(*TARGET, sources=[OTHER])
    assert error_of(bad) < 1.2 * error_of(alone)


def test_predictions_are_those_of_the_average(fitted):
    nets = fitted.estimator_, fitted.target_estimator_, fitted.pooled_estimator_
    X = TEST[0]
    parts = [net.predict(X)[:, 0] for net in nets]
    assert_allclose(fitted.predict(X), np.tensordot(fitted.pool_weights_, parts, 1), atol=1e-4)
    assert fitted.predict(X).shape == (500,)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X))


@pytest.mark.parametrize("rule", ["plugin", [[0.01]]])
def test_rules_without_a_judgement_train_once(rule):
    reg = UOWQRegressor(make_regression_net(max_epochs=5), discrepancy=rule, random_state=0)
    reg.fit(*TARGET, sources=[NEAR])
    assert reg.pool_weights_ is None
    assert reg.predict(TEST[0]).shape == (500,)
    assert "source" in str(reg.source_report_)


def test_refused_by_name():
    def fails(match, net, **options):
        with pytest.raises(ValueError, match=match):
            UOWQRegressor(net, random_state=0, **options).fit(*TARGET, sources=[NEAR])

    fails("a network for classes: pass a skorch NeuralNetRegressor", make_net())
    fails("compares networks for classes", make_regression_net(), discrepancy=PlugIn(1, "all"))
    two = make_regression_net()
    two.set_params(module__n_outputs=2)
    fails("return a number for each input", two)
    with pytest.raises(ValueError, match="checkpoint is found again by an integer only"):
        UOWQRegressor(make_regression_net(), checkpoint="here").fit(*TARGET, sources=[NEAR])
    with pytest.raises(ValueError, match="Ridge has none"):
        UOWQRegressor(checkpoint="here").fit(*TARGET, sources=[NEAR])
