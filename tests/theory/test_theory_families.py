"""The Gaussian mean family against raw rows, identities and its own shapes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skuowq.theory import GaussianMean

COVARIANCE = np.array([[2.0, 0.6], [0.6, 0.5]])


def test_fisher_information_is_the_inverse_covariance():
    assert_allclose(
        GaussianMean(2, COVARIANCE).fisher_information @ COVARIANCE, np.eye(2), atol=1e-14
    )
    assert_allclose(GaussianMean(3).fisher_information, np.eye(3))
    assert_allclose(GaussianMean(3, 0.5).fisher_information, 2 * np.eye(3))


def test_divergence_is_the_mean_log_likelihood_ratio():
    family = GaussianMean(2, COVARIANCE)
    theta_0, theta = np.array([0.3, -0.2]), np.array([-0.4, 0.5])
    rows = np.random.RandomState(0).multivariate_normal(theta_0, COVARIANCE, size=100_000)
    ratio = family.kl_divergence(rows, theta) - family.kl_divergence(rows, theta_0)
    z = (ratio.mean() - family.kl_divergence(theta_0, theta)) / ratio.std() * np.sqrt(len(rows))
    assert abs(z) < 4


def test_discrepancy_is_twice_the_divergence_per_parameter():
    family = GaussianMean(2, COVARIANCE)
    theta_0, theta = np.array([1.0, 2.0]), np.array([[1.5, 0.0, 1.0], [2.0, 1.0, 2.0]])
    G = family.discrepancy(theta_0, theta)
    assert G.shape == (3, 3)
    assert_allclose(np.diag(G), 2 * family.kl_divergence(theta_0, theta.T) / 2)
    assert_allclose(G[2], 0)


def test_simulated_errors_have_the_law_of_raw_rows():
    family = GaussianMean(2, COVARIANCE)
    theta = np.array([[0.0, 0.0], [0.4, -0.1], [-0.2, 0.3]])
    rows, weights, n_repeats = (4, 3, 6), np.array([1, 0.7, 0.2]), 20_000
    rng = np.random.RandomState(0)
    total = sum(
        w * rng.multivariate_normal(mean, COVARIANCE, size=(n_repeats, n)).sum(axis=1)
        for w, mean, n in zip(weights, theta, rows, strict=True)
    )
    raw = family.kl_divergence(theta[0], total / np.dot(weights, rows))
    drawn = family.simulate_errors(
        theta[0], theta[1:].T, rows[0], np.array([rows[1:]]), weights[None, 1:], n_repeats, rng
    )[0]
    # Mean and second moment of two independent samples.
    for power in (1, 2):
        a, b = raw**power, drawn**power
        z = (a.mean() - b.mean()) / np.sqrt((a.var() + b.var()) / n_repeats)
        assert abs(z) < 4


def test_points_of_a_grid_share_their_noise():
    grid = np.array([[100.0], [100.0]])
    errors = GaussianMean(3).simulate_errors(
        np.zeros(3),
        np.ones((3, 1)),
        10,
        grid,
        np.array([[0.5], [0.5]]),
        7,
        np.random.RandomState(0),
    )
    assert errors.shape == (2, 7)
    assert_allclose(errors[0], errors[1], rtol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "n_parameters is 0"),
        ((2.0,), "n_parameters is 2.0"),
        ((2, np.eye(3)), "covariance has shape"),
        ((2, [[1, 2], [2, 1]]), "positive definite"),
        ((2, [[1, 5], [0.5, 1]]), "positive definite"),
        ((2, np.full((2, 2), np.nan)), "positive definite"),
        ((2, -1.0), "positive definite"),
    ],
)
def test_wrong_families_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GaussianMean(*arguments)


@pytest.mark.parametrize(
    ("theta_target", "theta_sources", "message"),
    [
        (np.zeros(3), np.zeros((2, 1)), "theta_target has shape"),
        (np.zeros(2), np.zeros(2), "theta_sources has shape"),
        (np.zeros(2), np.zeros((1, 2)), "theta_sources has shape"),
        (np.zeros(2), np.zeros((2, 0)), "theta_sources has shape"),
        (np.zeros(2), np.full((2, 1), np.inf), "must be finite"),
    ],
)
def test_wrong_means_are_refused(theta_target, theta_sources, message):
    with pytest.raises(ValueError, match=message):
        GaussianMean(2).discrepancy(theta_target, theta_sources)
