"""Own intercepts: the variance against its likelihood, the comparison free of class shares."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from problems import assert_noise_alone, other_class_shares
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss

from skuowq import UOWQClassifier
from skuowq._data.domains import Domain
from skuowq._uowq.models.own_intercepts import (
    PRIOR_VARIANCE,
    intercepts_and_variance,
    log_class_share_ratios,
)
from skuowq._uowq.models.softmax import softmax_model
from skuowq._uowq.models.softmax_rows import SoftmaxProblem
from skuowq._uowq.roads.class_shares import at_the_targets_class_shares
from skuowq.fisher import contrast_basis, softmax_probabilities


def draw(spread, sizes, n_classes=3, seed=0):
    """Domains of one softmax regression, each with intercepts of its own; the truth with them."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=(5, n_classes - 1))
    theta[-1] = 0
    own = spread * rng.normal(size=(len(sizes), n_classes - 1))
    domains = []
    for n, intercepts in zip(sizes, own, strict=True):
        X = np.column_stack([rng.normal(size=(n, 4)), np.ones(n)])
        p = softmax_probabilities(X, theta + np.outer(np.eye(5)[-1], intercepts))
        y = (rng.random((n, 1)) > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)
        domains.append((X, y))
    return domains, theta, own


def problem_of(domains, n_classes=3, penalty=1e-3):
    return SoftmaxProblem(
        matrix=np.vstack([X for X, _ in domains]),
        labels=np.concatenate([y for _, y in domains]),
        row_weight=np.ones(sum(len(y) for _, y in domains)),
        sizes=[len(y) for _, y in domains],
        n_classes=n_classes,
        penalty=np.full(5, penalty),
    )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("spread", [0.0, 0.5, 2.0])
def test_variance_is_the_most_likely_one(n_classes, spread):
    """EM against a search over the marginal likelihood of the domains' own estimates."""
    domains, _, _ = draw(spread, [30, 200, 400, 100], n_classes)
    problem = problem_of(domains, n_classes).with_intercept_variance(0.3)
    theta = problem.fit(problem.row_weight, tol=1e-9)
    gradient, curvature = problem.look(theta, np.ones(4)).intercept_slopes()
    alone = theta[5:] + np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]

    def negative(log_v):
        v, c = np.exp(log_v), n_classes - 1
        value = 0.5 * c * (log_v + PRIOR_VARIANCE / v)  # One domain's worth of belief.
        for estimate, information in zip(alone, curvature, strict=True):
            covariance = v * np.eye(c) + np.linalg.inv(information)
            value -= multivariate_normal(np.zeros(c), covariance).logpdf(estimate)
        return value

    best = minimize_scalar(negative, bounds=(-8, 4), method="bounded", options={"xatol": 1e-8})
    variance = 0.3
    for _ in range(200):
        intercepts, variance = intercepts_and_variance(gradient, curvature, theta[5:], variance)
    assert_allclose(variance, np.exp(best.x), rtol=1e-3)
    shrink = np.linalg.inv(curvature + np.eye(n_classes - 1) / variance) @ curvature
    assert_allclose(intercepts, np.einsum("kab,kb->ka", shrink, alone), rtol=1e-3, atol=1e-6)


def test_variance_is_recovered_where_domains_abound():
    """The estimate from 80 domains of 300 rows: its relative error has standard deviation 8 %."""
    domains, _, _ = draw(0.7, [300] * 80)
    model = softmax_model(problem_of(domains), "scores", n_jobs=None, random_state=0)
    for _ in range(3):
        model.contrasts(np.ones(79))
    assert abs(model.problem.intercept_variance / 0.49 - 1) < 4 * np.sqrt(2 / 160)


def test_class_shares_are_no_discrepancy():
    """Sources that differ in their intercepts alone: E[S] = 1/N0 + diag(1/N), a z-test."""
    draws = []
    for seed in range(150):
        domains, _, _ = draw(0.7, [400, 800, 1600], seed=seed)
        model = softmax_model(problem_of(domains), "scores", n_jobs=None, random_state=0)
        draws.append(model.contrasts(np.ones(2))[0])
    assert_noise_alone(draws, 400, [800, 1600])


def test_ratios_turn_a_sources_labels_into_the_targets():
    """p_0(y | x) is proportional to p_i(y | x) times the ratio, whatever x is."""
    _, theta, own = draw(0.8, [5, 5, 5])
    X = np.column_stack([np.random.default_rng(1).normal(size=(6, 4)), np.ones(6)])

    def probabilities(k):
        return softmax_probabilities(X, theta + np.outer(np.eye(5)[-1], own[k]))

    for i, ratios in enumerate(log_class_share_ratios(own), start=1):
        moved = probabilities(i) * np.exp(ratios)
        assert_allclose(moved / moved.sum(axis=1, keepdims=True), probabilities(0))


@pytest.mark.parametrize("far", [40.0, 600.0, 3000.0])
def test_rows_of_a_source_far_away_keep_finite_weights(far):
    """The exponential of its intercepts is infinite, or 0 for all classes that it has."""
    own = np.array([[far, -far], [-far, far], [0.0, -far]])
    y = np.array([0, 1, 2, 2])
    domains = [
        Domain(np.zeros((4, 1)), y, np.ones(4)),
        Domain(np.zeros((2, 1)), y[1:3], np.ones(2)),
    ]
    for domain, before in zip(at_the_targets_class_shares(domains, own), domains, strict=True):
        assert domain.sample_weight.min() > 0
        assert_allclose(domain.sample_weight.sum(), before.sample_weight.sum())


def test_reweighted_rows_keep_the_weight_of_their_source():
    own = np.array([[0.5], [-0.5], [0.5]])
    y = np.array([0, 0, 0, 1])
    domains = [Domain(np.zeros((4, 1)), y, np.array([1.0, 2, 1, 1]))] * 2
    moved, same = at_the_targets_class_shares(domains, own)
    assert_allclose(moved.sample_weight.sum(), 5)
    odds = moved.sample_weight[3] / moved.sample_weight[0]
    assert_allclose(odds, np.exp(np.ptp(contrast_basis(2)) * 1.0))
    assert_allclose(moved.sample_weight[1], 2 * moved.sample_weight[0])
    assert_allclose(same.sample_weight, domains[1].sample_weight)
    assert at_the_targets_class_shares(domains, None) is domains


@pytest.mark.parametrize(
    "estimator", [None, HistGradientBoostingClassifier(max_iter=30, max_bins=32)]
)
def test_sources_of_other_class_shares_help(estimator):
    """Two classes, three sources whose log odds are 2 higher: their effects are the target's."""
    (X, y), (X_test, y_test), sources = other_class_shares(40, 1)
    clf = UOWQClassifier(estimator, random_state=0)
    loss = log_loss(y_test, clf.fit(X, y, sources).predict_proba(X_test))
    assert loss < log_loss(y_test, clf.fit(X, y).predict_proba(X_test))
    pooled = UOWQClassifier(estimator, random_state=0, discrepancy=np.zeros((3, 3)))
    assert loss < log_loss(y_test, pooled.fit(X, y, sources).predict_proba(X_test)) - 0.02


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("offset", [(30, 7, 67, 0), (300, -200, 0, 100)])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_columns_far_from_zero_cost_no_more_steps(container, n_classes, offset):
    """From where they lie the optimiser took more than its 100 steps, and warned."""
    domains, _, _ = draw(0.5, [30, 60, 60], n_classes)
    domains = [(X[:, :4], y) for X, y in domains]
    moved = [(container(X + offset), y) for X, y in domains]
    near = UOWQClassifier().fit(*domains[0], domains[1:])
    far = UOWQClassifier().fit(*moved[0], moved[1:])
    # Without own intercepts, too.
    UOWQClassifier(discrepancy="plugin").fit(*moved[0], moved[1:])
    assert near.intercept_variance_ > 0
    assert far.estimator_.n_iter_[0] <= near.estimator_.n_iter_[0] + 10
    assert_allclose(
        far.predict_proba(moved[0][0]), near.predict_proba(domains[0][0]), rtol=0, atol=2e-3
    )
