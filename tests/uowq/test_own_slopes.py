"""The target's own slopes: their variance, and what they gain and cost."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skuowq import UOWQClassifier
from skuowq._uowq.models.own_slopes import _DOUBTFUL, effects_apart, slope_variance
from skuowq.fisher._domain_design import DomainDesign
from skuowq.fisher.checked import class_probabilities, information, mean_score


def people(seed, spread, n_target=30, n_sources=8, n_features=6):
    """Everybody's effects are the common ones and some of their own."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n_features)

    def rows(n, effects):
        X = rng.normal(size=(n, n_features))
        return X, (X @ effects + rng.logistic(size=n) > 0).astype(int)

    def person(n):
        return rows(n, common + spread * rng.normal(size=n_features))

    own = common + spread * rng.normal(size=n_features)
    return rows(n_target, own), [person(200) for _ in range(n_sources)], rows(2000, own)


def losses(seed, spread, monkeypatch):
    """Of the default, and of the same without own slopes."""
    (X, y), sources, (X_test, y_test) = people(seed, spread)
    clf = UOWQClassifier().fit(X, y, sources)
    with monkeypatch.context() as patch:
        patch.setattr("skuowq._uowq.models.softmax.slope_variance", lambda *_: 0.0)
        without = UOWQClassifier().fit(X, y, sources)
    assert without.slope_variance_ == 0
    return [log_loss(y_test, model.predict_proba(X_test)) for model in (clf, without)]


def test_where_people_differ_own_slopes_gain(monkeypatch):
    found = np.array([losses(seed, 1.5, monkeypatch) for seed in range(8)])
    gain = found[:, 1] - found[:, 0]
    assert gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(8)


def test_where_they_are_alike_own_slopes_cost_next_to_nothing(monkeypatch):
    found = np.array([losses(seed, 0.0, monkeypatch) for seed in range(8)])
    assert found[:, 0].mean() < 1.02 * found[:, 1].mean()


def test_one_right_source_among_far_ones_needs_no_own_slopes():
    """The variance is that of the sources which carry weight."""
    _, far, _ = people(0, 3.0)
    (X, y), _, _ = people(0, 3.0, n_target=500)
    near = X[100:], y[100:]
    clf = UOWQClassifier().fit(X[:100], y[:100], [near, *far])
    assert clf.source_weights_[0] > 10 * clf.source_weights_[1:].max()
    assert clf.slope_variance_ < 0.3


def test_a_single_source_says_nothing_of_differences():
    (X, y), sources, _ = people(0, 1.0)
    assert UOWQClassifier().fit(X, y, sources[:1]).slope_variance_ == 0


def test_the_variance_is_the_likeliest():
    """Against dense normal densities, with a free mean in every direction."""
    rng = np.random.default_rng(0)
    noise = rng.uniform(0.01, 0.3, size=(40, 6))
    apart = 2.0 + rng.normal(size=(40, 6)) * np.sqrt(0.5 + noise)
    shares = np.full(6, 1 / 6)

    def loss(log_v):
        total = 0.0
        for x, n in zip(apart, noise, strict=True):
            variance = np.exp(log_v) + n
            mean = np.average(x, weights=1 / variance)
            total -= multivariate_normal(np.full(6, mean), np.diag(variance)).logpdf(x)
        return total

    v = np.exp(minimize_scalar(loss, bounds=(-6, 3), method="bounded").x)
    found = slope_variance(apart, noise, shares)
    assert_allclose(found, v**2 / (v + _DOUBTFUL), rtol=0.3)  # A step of the grid is a fourth.


@pytest.mark.parametrize("n_classes", [2, 3])
def test_effects_apart_are_each_domains_own_newton_step(n_classes):
    """In many rows they are the differences of the effects; a constant column is no direction."""
    rng = np.random.default_rng(0)
    sizes, p = [2000, 4000, 4000], 3
    X = np.column_stack([rng.normal(size=(sum(sizes), p)), np.repeat([1.0, 2.0, 3.0], sizes)])
    domain = np.repeat(np.arange(3), sizes)
    step = 0.2 * rng.normal(size=(p, n_classes))
    effects = np.array([step * 0, step, -step])
    logits = np.einsum("ij,ijc->ic", X[:, :p], effects[domain])
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    design = DomainDesign(np.column_stack([X, np.ones(len(X))]), np.array(sizes))
    theta = np.zeros((p + 2 + 3, n_classes - 1))
    probabilities, _ = class_probabilities(design, theta)
    weight = np.ones(len(X))
    curvature = information(design, probabilities, weight)
    scores = np.column_stack(
        [
            mean_score(
                design.matrix[domain == k],
                y[domain == k],
                probabilities[:, domain == k],
                weight[domain == k],
            ).ravel()
            for k in range(3)
        ]
    )
    apart, noise = effects_apart(scores, curvature, np.array(sizes[1:]))
    assert len(apart) == p * (n_classes - 1)
    assert np.all(noise > 0)
    # Both sources are as far from the fit, in opposite directions, but for their noise.
    distance = apart / np.sqrt(noise)
    assert_allclose(distance[:, 0], -distance[:, 1], atol=5)
    assert np.abs(apart).max() > 0.1


def test_units_do_not_matter():
    (X, y), sources, (X_test, _) = people(0, 1.0)
    logistic = LogisticRegression(C=1e6, solver="newton-cholesky", tol=1e-8)
    plain = UOWQClassifier(logistic).fit(X, y, sources)
    unit = np.geomspace(0.1, 10, X.shape[1])
    scaled = UOWQClassifier(logistic).fit(X * unit, y, [(A * unit, b) for A, b in sources])
    assert plain.slope_variance_ > 0.02
    assert_allclose(scaled.slope_variance_, plain.slope_variance_, rtol=0.3)
    assert_allclose(scaled.predict_proba(X_test * unit), plain.predict_proba(X_test), atol=0.02)
