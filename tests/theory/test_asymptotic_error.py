"""The formulas against a slow transcription, numerical minimisation and their closed forms."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference.asymptotic_error import asymptotic_error as oracle
from scipy.optimize import minimize

from skuowq import UOWQClassifier
from skuowq.datasets import make_classification_tasks
from skuowq.theory import (
    asymptotic_error,
    implied_discrepancy,
    minimal_error,
    optimal_quantity,
    optimal_weight,
)


def random_problem(n_sources, seed):
    rng = np.random.RandomState(seed)
    contrasts = rng.normal(size=(n_sources + 2, n_sources)) * rng.choice([0.01, 0.3, 2], n_sources)
    return rng.randint(5, 500), rng.randint(1, 2000, n_sources), contrasts.T @ contrasts


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_sources", [1, 2, 6])
def test_error_equals_the_slow_transcription(n_sources, seed):
    N0, n, G = random_problem(n_sources, seed)
    weights = np.vstack(
        [np.zeros(n_sources), np.random.RandomState(seed).gamma(1, size=(3, 1)) / n]
    )
    errors = asymptotic_error(N0, n, weights, G, 7)
    assert errors.shape == (4,)
    for w, error in zip(weights, errors, strict=True):
        assert_allclose(error, oracle(N0, n, w, G, 7), rtol=1e-12)
        assert_allclose(asymptotic_error(N0, n, w, G, 7), error, rtol=1e-14)


def test_huge_sources_do_not_overflow():
    assert asymptotic_error(20, 1e200, 1.0, 0.0, 5) == pytest.approx(0, abs=1e-190)
    assert asymptotic_error(20, 1e200, 1.0, 1.0, 5) == pytest.approx(2.5)


def test_error_without_sources_is_that_of_the_target_alone():
    assert asymptotic_error(25, [10, 20], [0, 0], np.eye(2), 5) == pytest.approx(0.1)


def test_error_of_identical_sources_is_that_of_the_pooled_rows():
    error = asymptotic_error(25, [10, 20], [1, 1], np.zeros((2, 2)), 5)
    assert error == pytest.approx(5 / (2 * 55))


def test_error_broadcasts_and_takes_scalars_for_one_source():
    assert isinstance(asymptotic_error(20, 100, 0.5, 0.1, 3), float)
    quantities = np.array([[10.0], [50.0], [100.0]])
    errors = asymptotic_error(20, quantities, 0.5, 0.1, 3)
    assert errors.shape == (3,)
    assert errors[1] == asymptotic_error(20, 50, 0.5, 0.1, 3)
    weights = np.full((4, 1, 2), 0.5)
    assert asymptotic_error(20, np.full((3, 2), 40), weights, np.eye(2), 3).shape == (4, 3)
    by_vector = asymptotic_error(20, [10, 20], [1, 1], [0.1, 0.2], 3)
    assert by_vector == asymptotic_error(20, [10, 20], [1, 1], np.diag([0.1, 0.2]), 3)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_sources", [1, 2, 6])
def test_minimal_error_equals_a_numerical_minimum(n_sources, seed):
    N0, n, G = random_problem(n_sources, seed)

    def log_error(log_mass):
        return np.log(asymptotic_error(N0, n, np.exp(log_mass) / n, G, 7))

    starts = (np.zeros(n_sources), np.log(n), -np.log(1 / n + np.diag(G)))
    settings = {"bounds": [(-20, 20)] * n_sources, "options": {"ftol": 1e-15, "gtol": 1e-9}}
    best = min(minimize(log_error, x, method="L-BFGS-B", **settings).fun for x in starts)
    assert_allclose(np.log(minimal_error(N0, n, G, 7)), best, atol=1e-6)


def test_an_implied_discrepancy_gives_the_weight_back():
    w, n = np.array([1.0, 0.5, 1e-6, 0.0]), np.array([7, 100, 3000, 20])
    tau = implied_discrepancy(n, w)
    assert_allclose(tau[:3], [0, 0.01, (1e6 - 1) / 3000])
    assert np.isposinf(tau[3])
    assert_allclose(optimal_weight(n[:3], tau[:3]), w[:3])
    assert isinstance(implied_discrepancy(10, 0.5), float)
    for weight, message in [(1.5, "at most 1: pass numpy.minimum"), (-0.1, "at least 0")]:
        with pytest.raises(ValueError, match=message):
            implied_discrepancy(10, weight)
    # Of several sources as well.
    tasks = make_classification_tasks(
        n_samples=(60,) * 4, discrepancies=(0, 1, 1, 4), random_state=0
    )
    clf = UOWQClassifier(discrepancy=implied_discrepancy(60, w))
    clf.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
    assert_allclose(clf.source_weights_, w, atol=1e-12)


def test_optimal_weight_attains_the_minimal_error():
    for n, tau in [(1, 0.0), (50, 0.3), (10000, 1e-4), (300, 20.0)]:
        error = asymptotic_error(20, n, optimal_weight(n, tau), tau, 4)
        assert_allclose(error, minimal_error(20, n, tau, 4), rtol=1e-12)


def test_optimal_quantity_is_the_minimum_over_quantities():
    n_target, n_source = 20, 1000
    n = np.linspace(0.5, n_source, 20001)
    for tau in [0.0, 0.01, 0.025, 0.0251, 0.0255, 0.03, 0.1, 1.0]:
        best = optimal_quantity(n_target, n_source, tau)
        error = asymptotic_error(n_target, best, 1, tau, 4)
        errors = asymptotic_error(n_target, n[:, None], 1, tau, 4)
        assert error <= errors.min() * (1 + 1e-12)
        assert abs(n[errors.argmin()] - best) <= 0.05
        assert minimal_error(n_target, n_source, tau, 4) <= error * (1 + 1e-12)


def test_closed_forms_are_vectorised():
    assert optimal_weight([[10], [20]], [0.1, 0.2, 0.3]).shape == (2, 3)
    assert optimal_quantity([[10], [20]], 100, [0.1, 0.2, 0.3]).shape == (2, 3)
    assert isinstance(optimal_weight(10, 0.1), float)
    assert isinstance(optimal_quantity(10, 10, 0.1), float)
    # Both sides of the threshold N0 tau = 1/2, and the point itself.
    assert_array_equal(optimal_quantity(10, 100, [0.04, 0.05, 0.1]), [100, 100, 10])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, [10], [1], [[0]], 3), "n_target holds 0"),
        (([20, 30], [10], [1], [[0]], 3), "n_target has shape"),
        ((20, [10, 0], [1, 1], np.eye(2), 3), "n_samples holds 0"),
        ((20, [10, np.inf], [1, 1], np.eye(2), 3), "n_samples holds inf"),
        ((20, [10, 10], [1, -1], np.eye(2), 3), "source_weights holds -1"),
        ((20, [10, 10], [1, np.nan], np.eye(2), 3), "source_weights holds nan"),
        ((20, [10, 10], [1, 1, 1], np.eye(2), 3), "source_weights has shape"),
        ((20, [10, 10, 10], [1, 1], np.eye(2), 3), "n_samples has shape"),
        ((20, np.ones((2, 2)), np.ones((3, 2)), np.eye(2), 3), "do not broadcast"),
        ((20, [10, 10], [1, 1], np.ones((2, 3)), 3), "discrepancy has shape"),
        ((20, [10, 10], [1, 1], np.full((2, 2), np.nan), 3), "discrepancy contains NaN"),
        ((20, [10], [1], [[-1]], 3), "discrepancy is not positive"),
        ((20, [10], [1], [[0]], 0), "n_parameters holds 0"),
    ],
)
def test_error_names_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        asymptotic_error(*arguments)


def test_other_functions_name_what_is_wrong():
    with pytest.raises(ValueError, match="discrepancy holds -1"):
        optimal_weight(10, -1)
    with pytest.raises(ValueError, match="n_source holds 0"):
        optimal_quantity(10, 0, 1)
    with pytest.raises(ValueError, match="one row"):
        minimal_error(10, [[10, 10]], np.eye(2), 1)


def test_numbers_beyond_double_precision_are_named():
    with pytest.raises(ValueError, match="and the weights to 1e\\+200: with numbers so far apart"):
        asymptotic_error(20, 1e200, 1e200, 0.1, 5)
