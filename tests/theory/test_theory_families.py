"""Every family against scipy's densities: rows, fits, information, divergence and drawn sums."""

import numpy as np
import pytest
from families import FAMILIES, sources_at
from numpy.testing import assert_allclose, assert_array_equal
from reference.log_densities import log_density
from scipy.optimize import minimize

from skuowq.theory import (
    Bernoulli,
    Categorical,
    Exponential,
    Gaussian,
    GaussianMean,
    LinearRegression,
    Poisson,
    SoftmaxRegression,
)

EVERY_FAMILY = pytest.mark.parametrize(
    ("family", "theta"), list(FAMILIES.values()), ids=list(FAMILIES)
)


@EVERY_FAMILY
def test_divergence_is_the_mean_log_likelihood_ratio(family, theta):
    other = sources_at(family, theta, [0.01])[:, 0]
    rows = family.sample(theta, 100_000, random_state=0)
    ratio = log_density(family, rows, theta) - log_density(family, rows, other)
    divergence = family.kl_divergence(theta, other)
    z = (ratio.mean() - divergence) / ratio.std() * np.sqrt(len(rows))
    assert abs(z) < 4
    assert family.kl_divergence(theta, theta) == pytest.approx(0, abs=1e-15)
    stacked = family.kl_divergence(theta, np.stack([[theta, other, other]]))
    assert_allclose(stacked, [[0, divergence, divergence]], atol=1e-15)


@EVERY_FAMILY
def test_fisher_information_is_the_curvature_of_the_divergence(family, theta):
    d, h = len(theta), 2e-4
    steps = h * np.eye(d)

    def second(i, j):
        return sum(
            a * b * family.kl_divergence(theta, theta + a * steps[i] + b * steps[j])
            for a in (-1, 1)
            for b in (-1, 1)
        ) / (4 * h**2)

    curvature = [[second(i, j) for j in range(d)] for i in range(d)]
    J = family.fisher_information(theta)
    assert_allclose(J, curvature, atol=1e-4 * np.abs(J).max())
    stacked = family.fisher_information(np.stack([theta, 1.01 * theta]))
    assert stacked.shape == (2, d, d)
    assert_allclose(stacked[0], J)


@EVERY_FAMILY
def test_fisher_information_is_the_covariance_of_the_scores(family, theta):
    rows = family.sample(theta, 100_000, random_state=1)
    h = 1e-5
    scores = np.column_stack(
        [
            (log_density(family, rows, theta + e) - log_density(family, rows, theta - e)) / (2 * h)
            for e in h * np.eye(len(theta))
        ]
    )
    products = scores[:, :, None] * scores[:, None]
    std_error = products.std(axis=0) / np.sqrt(len(rows))
    z = (products.mean(axis=0) - family.fisher_information(theta)) / np.maximum(std_error, 1e-12)
    assert np.abs(z).max() < 4
    assert np.abs(scores.mean(axis=0) / scores.std(axis=0)).max() < 4 / np.sqrt(len(rows))


@EVERY_FAMILY
def test_weighted_fit_maximises_the_weighted_likelihood(family, theta):
    rows = family.sample(theta, 400, random_state=2)
    weights = np.random.RandomState(0).gamma(1, size=len(rows))
    fit = family.maximum_likelihood(rows, weights)

    def loss(candidate):
        return -weights @ log_density(family, rows, candidate)

    # From beside the fit, by a method that needs no derivatives and stays close.
    searched = minimize(
        loss, 0.99 * fit, method="Nelder-Mead", options={"maxfev": 4000, "fatol": 1e-9}
    )
    assert loss(fit) <= searched.fun + 1e-8
    assert_allclose(
        family.maximum_likelihood(rows), family.maximum_likelihood(rows, 0 * weights + 3)
    )


@EVERY_FAMILY
def test_drawn_sums_have_the_law_of_raw_rows(family, theta):
    n_rows, n_repeats = 40, 3000
    rng = np.random.RandomState(3)
    raw = np.array(
        [
            family._row_statistics(family.sample(theta, n_rows, rng)).sum(axis=0)
            for _ in range(n_repeats)
        ]
    )
    drawn = family._draw_statistics(theta, n_rows, n_repeats, rng)
    assert raw.shape == drawn.shape
    # Products of any two sums, too: mean and covariance.
    for a, b in [
        (raw, drawn),
        *((raw * np.roll(raw, k, 1), drawn * np.roll(drawn, k, 1)) for k in (0, 1)),
    ]:
        spread = np.sqrt((a.var(axis=0) + b.var(axis=0)) / n_repeats)
        z = (a.mean(axis=0) - b.mean(axis=0)) / np.maximum(spread, 1e-12)
        assert np.abs(z).max() < 4.5


@EVERY_FAMILY
def test_discrepancy_is_twice_the_divergence_per_parameter_nearby(family, theta):
    sources = sources_at(family, theta, [1e-6, 4e-6])
    G = family.discrepancy(theta, sources)
    assert_allclose(G, np.diag([1e-6, 4e-6]), atol=1e-12)
    divergence = [family.kl_divergence(theta, source) for source in sources.T]
    assert_allclose(2 * np.array(divergence) / len(theta), np.diag(G), rtol=0.02)


def test_divergence_from_what_is_ruled_out_is_infinite():
    assert Bernoulli().kl_divergence([0.5], [1.0]) == np.inf
    assert Poisson(2).kl_divergence([1.0, 1.0], [2.0, 0.0]) == np.inf
    assert Categorical(3).kl_divergence([0.2, 0.3], [0.4, 0.6]) == np.inf
    assert Gaussian().kl_divergence([0.0, 1.0], [0.0, 0.0]) == np.inf


def test_an_infinite_information_of_one_parameter_leaves_the_others_alone():
    J = Bernoulli(3).fisher_information([[1.0, 0.5, 0.2], [0.5, 0.0, 0.5]])
    assert_array_equal(np.isnan(J), False)
    assert_array_equal(np.isinf(J).sum(axis=(1, 2)), 1)
    assert_allclose(J[:, 2, 2], [6.25, 4])


def test_covariance_of_the_gaussian_mean_may_be_a_number():
    assert_allclose(GaussianMean(3).fisher_information(np.zeros(3)), np.eye(3))
    assert_allclose(GaussianMean(3, 0.5).fisher_information(np.zeros(3)), 2 * np.eye(3))


@pytest.mark.parametrize(
    ("family", "arguments", "message"),
    [
        (GaussianMean, (0,), "n_parameters is 0"),
        (GaussianMean, (2.0,), "n_parameters is 2.0"),
        (GaussianMean, (2, np.eye(3)), "covariance has shape"),
        (GaussianMean, (2, [[1, 2], [2, 1]]), "positive definite"),
        (GaussianMean, (2, [[1, 5], [0.5, 1]]), "positive definite"),
        (GaussianMean, (2, np.full((2, 2), np.nan)), "positive definite"),
        (GaussianMean, (2, -1.0), "positive definite"),
        (Gaussian, (0,), "n_features is 0"),
        (Bernoulli, (True,), "n_parameters is True"),
        (Poisson, (-1,), "n_parameters is -1"),
        (Exponential, ("2",), "n_parameters is '2'"),
        (Categorical, (1,), "n_categories is 1"),
        (LinearRegression, ([1, 2],), "population has shape"),
        (LinearRegression, ([[1, 1], [2, 2]],), "rank 1"),
        (LinearRegression, ([[1, np.nan], [2, 2]],), "NaN or infinity"),
        (GaussianMean, (2, 1e-9 * np.array([[2, 1], [0, 2]])), "positive definite"),
        (GaussianMean, (2, None, -1.0), "row_covariance is not"),
        (LinearRegression, ([[1.0]], 1.0, [1.0, 2.0]), "row_noise_variance has shape"),
        (LinearRegression, ([[1.0]], 0.0), "noise_variance holds 0"),
        (SoftmaxRegression, ([[1.0]], 1), "n_classes is 1"),
        (SoftmaxRegression, (np.zeros((3, 2)),), "rank 0"),
    ],
)
def test_wrong_families_are_refused(family, arguments, message):
    with pytest.raises(ValueError, match=message):
        family(*arguments)


@pytest.mark.parametrize(
    ("family", "theta_target", "theta_sources", "message"),
    [
        (GaussianMean(2), np.zeros(3), np.zeros((2, 1)), "theta_target has shape"),
        (GaussianMean(2), np.zeros(2), np.zeros(2), "theta_sources has shape"),
        (GaussianMean(2), np.zeros(2), np.zeros((1, 2)), "theta_sources has shape"),
        (GaussianMean(2), np.zeros(2), np.zeros((2, 0)), "theta_sources has shape"),
        (GaussianMean(2), np.zeros(2), np.full((2, 1), np.inf), r"theta_sources\[:, 0\] holds NaN"),
        (Bernoulli(), [0.5], [[0.2, 1.0]], r"theta_sources\[:, 1\] holds 1"),
        (Bernoulli(), [0.0], [[0.2]], "theta_target holds 0"),
        (Bernoulli(), [np.nan], [[0.2]], "theta_target holds NaN"),
        (Poisson(), [1.0], [[0.0]], "above 0: pass rates"),
        (Exponential(), [-1.0], [[1.0]], "above 0: pass rates"),
        (Categorical(3), [0.5, 0.5], [[0.1], [0.1]], "sum is below 1"),
        (Gaussian(), [0.0, 1.0], [[1.0], [-1.0]], "variances in the second half"),
    ],
)
def test_wrong_truths_are_refused(family, theta_target, theta_sources, message):
    with pytest.raises(ValueError, match=message):
        family.discrepancy(theta_target, theta_sources)


@pytest.mark.parametrize(
    ("family", "rows", "message"),
    [
        (Bernoulli(), [[0.3], [1.0]], "other numbers than 0 and 1"),
        (Bernoulli(), [[np.nan]], "NaN or infinity"),
        (Bernoulli(), [0, 1], r"must have shape \(n_samples, 1\)"),
        (Bernoulli(), np.zeros((3, 2)), r"must have shape \(n_samples, 1\)"),
        (Bernoulli(), np.zeros((0, 1)), "at least one row"),
        (Poisson(), [[-1]], "no counts"),
        (Poisson(), [[0.5]], "no counts"),
        (Exponential(), [[-1.0]], "negative times"),
        (Exponential(), [[0.0]], "no maximum likelihood fit"),
        (Categorical(3), [[3]], "other numbers than 0 to 2"),
        (Gaussian(), [[1.0]], "constant"),
        (SoftmaxRegression([[1, -1], [1, 1]]), [[1, -1, -1]], "other numbers than 0 to 1"),
        (SoftmaxRegression([[1, -1], [1, 1]]), [[1, -1, 0.7]], "other numbers than 0 to 1"),
    ],
)
def test_rows_that_a_family_cannot_have_drawn_are_refused(family, rows, message):
    with pytest.raises(ValueError, match=message):
        family.maximum_likelihood(rows)


@pytest.mark.parametrize("weights", [[1.0], [0.0, 0.0], [-1.0, 2.0], [np.nan, 1.0]])
def test_wrong_row_weights_are_refused(weights):
    with pytest.raises(ValueError, match="sample_weight must hold 2 finite numbers"):
        Poisson().maximum_likelihood([[1], [2]], weights)


def test_samples_of_other_parameters_are_refused():
    with pytest.raises(ValueError, match=r"theta holds 1\.7"):
        Bernoulli().sample([1.7], 3)
    with pytest.raises(ValueError, match="theta has shape"):
        Bernoulli(2).sample([0.2], 3)
    with pytest.raises(ValueError, match="n_samples is -1"):
        Bernoulli().sample([0.2], -1)
    with pytest.raises(ValueError, match="subtract a constant"):
        Gaussian().sample([1e6, 1.0], 3)


def test_a_family_does_not_change_with_the_population_given():
    X = np.array([[1.0, -1.0], [1.0, 1.0]])
    family = LinearRegression(X)
    X[0] = 7
    assert_allclose(family.fisher_information([0, 0]), np.eye(2))


@pytest.mark.parametrize(
    ("family", "theta"),
    [
        (GaussianMean(2, row_covariance=[[2.0, 0.5], [0.5, 0.7]]), [0.3, -0.2]),
        (
            LinearRegression([[1, -1], [1, 0], [1, 2]], 1.5, row_noise_variance=[1.0, 4.0, 0.5]),
            [1.0, -0.5],
        ),
    ],
    ids=["Gaussian mean", "linear regression"],
)
def test_score_covariance_of_a_wrong_model(family, theta):
    """Of scores by scipy's densities, on rows of the other law."""
    rows = family.sample(theta, 200_000, random_state=0)
    h = 1e-5
    scores = np.column_stack(
        [
            (log_density(family, rows, theta + e) - log_density(family, rows, theta - e)) / (2 * h)
            for e in h * np.eye(2)
        ]
    )
    products = scores[:, :, None] * scores[:, None]
    V = family.score_covariance(theta)
    z = (products.mean(axis=0) - V) / products.std(axis=0) * np.sqrt(len(rows))
    assert np.abs(z).max() < 4
    assert not np.allclose(V, family.fisher_information(theta), rtol=0.05)


def test_fits_that_do_not_exist_are_refused():
    separated = [[1, 0, 0], [1, 1, 1]]
    with pytest.raises(ValueError, match="no softmax fit"):
        SoftmaxRegression([[1, 0], [1, 1]]).maximum_likelihood(separated)
    with pytest.raises(ValueError, match="linearly dependent"):
        LinearRegression([[1, 0], [1, 1]]).maximum_likelihood([[1, 0, 3.0], [1, 0, 2.0]])
    with pytest.raises(ValueError, match="not in the population"):
        SoftmaxRegression([[1, 0], [1, 1]]).maximum_likelihood([[1, 2, 0]])
