"""The theory survives its validator on the Gaussian mean at any size, and wrong theories do not.

The bound |z| < 4 is crossed by chance once in 16,000 points; there are some 300 here, and the seeds
are the first ones tried. Other families and claims: test_claims.py.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skuowq.theory import (
    GaussianMean,
    ValidationResult,
    _error,
    _validate,
    asymptotic_error,
    validate,
)
from skuowq.theory._claims import _errors, _setting
from skuowq.weights import SourceWeights

SETTINGS = pytest.mark.parametrize("n_target", [20, 200])
DIMENSIONS = pytest.mark.parametrize("n_parameters", [1, 5, 50])


def truth(n_parameters, distances, seed=0):
    """A family with correlated coordinates, and sources at the given discrepancies."""
    rng = np.random.RandomState(seed)
    root = np.eye(n_parameters) + 0.3 * rng.normal(size=(n_parameters, n_parameters))
    family = GaussianMean(n_parameters, root @ root.T)
    theta_target = rng.normal(size=n_parameters)
    contrasts = rng.normal(size=(n_parameters, len(distances)))
    own = np.diag(family.discrepancy(np.zeros(n_parameters), contrasts))
    return family, theta_target, theta_target[:, None] + contrasts * np.sqrt(distances / own)


@SETTINGS
@DIMENSIONS
@pytest.mark.parametrize("claim", ["error", "optimal_weight"])
@pytest.mark.parametrize(
    ("distances", "n_samples"), [((0.02,), 300), ((0.0, 0.05, 1.0), (100, 400, 1000))]
)
def test_error_and_optimal_weight_hold(claim, distances, n_samples, n_parameters, n_target):
    result = validate(
        *truth(n_parameters, distances), n_target, n_samples, claim=claim, random_state=0
    )
    assert result.max_abs_z < 4, result
    assert result.n_repeats == 20000
    if claim == "optimal_weight":
        assert np.all(result.theory[1:] >= 0)


@SETTINGS
@DIMENSIONS
@pytest.mark.parametrize("tau", [0.0, 0.004, 0.04, 1.0])
def test_optimal_quantity_holds(tau, n_parameters, n_target):
    result = validate(
        *truth(n_parameters, (tau,)), n_target, 500, claim="optimal_quantity", random_state=0
    )
    assert result.max_abs_z < 4, result
    assert np.all(result.theory[1:] >= 0)


def without_one_half(*arguments):
    return 2 * asymptotic_error(*arguments)


def without_source_variance(n_target, n_samples, source_weights, discrepancy, n_parameters):
    mass = np.asarray(source_weights) * n_samples
    bias = ((mass @ discrepancy) * mass).sum(axis=-1)
    return n_parameters / 2 * (n_target + bias) / (n_target + mass.sum(axis=-1)) ** 2


@SETTINGS
@DIMENSIONS
@pytest.mark.parametrize("wrong", [without_one_half, without_source_variance])
def test_wrong_errors_are_caught(wrong, n_parameters, n_target, monkeypatch):
    monkeypatch.setattr(_errors, "asymptotic_error", wrong)
    arguments = (*truth(n_parameters, (0.0, 0.05, 1.0)), n_target, (100, 400, 1000))
    assert validate(*arguments, random_state=0).max_abs_z > 4


@SETTINGS
@DIMENSIONS
def test_wrong_optimal_weights_are_caught(n_parameters, n_target, monkeypatch):
    monkeypatch.setattr(_setting, "optimal_weight", lambda n, tau: 1 / (1 + 2 * tau * n) ** 2)
    result = validate(
        *truth(n_parameters, (0.02,)), n_target, 300, claim="optimal_weight", random_state=0
    )
    assert abs(result.z[0]) > 4


@SETTINGS
@DIMENSIONS
def test_slightly_wrong_optimal_weights_are_caught(n_parameters, n_target, monkeypatch):
    monkeypatch.setattr(_setting, "optimal_weight", lambda n, tau: 1.1 / (1 + tau * n))
    arguments = (*truth(n_parameters, (0.02,)), n_target, 300)
    result = validate(*arguments, claim="optimal_weight", n_repeats=100_000, random_state=0)
    assert result.max_abs_z > 4


@SETTINGS
@DIMENSIONS
def test_wrong_mixtures_are_caught(n_parameters, n_target, monkeypatch):
    """All sources alike, at the total that is best for that mixture, in both modules."""

    def alike(n_samples, discrepancy):
        n_samples = np.asarray(n_samples, dtype=float)
        mixture = np.full(len(n_samples), 1 / len(n_samples))
        size = 1 / (mixture @ (np.diag(1 / n_samples) + discrepancy) @ mixture)
        return SourceWeights(size * mixture / n_samples, mixture, size, 0.0)

    monkeypatch.setattr(_setting, "solve_source_weights", alike)
    monkeypatch.setattr(_error, "best_weights", alike)
    arguments = (*truth(n_parameters, (0.0, 0.05, 1.0)), n_target, (100, 400, 1000))
    assert validate(*arguments, claim="optimal_weight", random_state=0).max_abs_z > 4


@SETTINGS
@DIMENSIONS
@pytest.mark.parametrize("rule", ["without the factor 2", "all"])
def test_wrong_quantities_are_caught(rule, n_parameters, n_target, monkeypatch):
    def wrong(n_target, n_source, tau):
        return n_source if rule == "all" else n_target / (n_target * tau - 1)

    monkeypatch.setattr(_errors, "optimal_quantity", wrong)
    arguments = (*truth(n_parameters, (0.1,)), n_target, 500)
    result = validate(*arguments, claim="optimal_quantity", n_repeats=100_000, random_state=0)
    assert result.max_abs_z > 4


def test_results_are_reproducible_and_do_not_depend_on_the_way_of_asking():
    arguments = (*truth(3, (0.1,)), 20, 100)
    first = validate(*arguments, n_repeats=100, random_state=3)
    again = validate(*arguments, n_repeats=100, random_state=np.random.RandomState(3))
    assert_array_equal(first.simulated, again.simulated)
    assert not np.array_equal(first.simulated, validate(*arguments, n_repeats=100).simulated)


def test_own_grid_and_chunks(monkeypatch):
    family, theta_target, theta_sources = truth(4, (0.0, 0.3))
    grid = [[0, 0], [1, 0], [0.5, 0.1]]
    monkeypatch.setattr(_validate, "_CHUNK_SIZE", 1000)
    result = validate(
        family, theta_target, theta_sources, 30, [50, 90], source_weights=grid, random_state=0
    )
    assert_array_equal(result.grid, grid)
    G = family.discrepancy(theta_target, theta_sources)
    assert_allclose(result.theory, asymptotic_error(30, [50, 90], grid, G, 4))
    assert result.max_abs_z < 4
    assert all(entry.shape == (3,) for entry in (result.simulated, result.std_error, result.z))


def test_result_prints_as_a_table():
    result = validate(*truth(2, (0.1,)), 20, 100, n_repeats=50, random_state=0)
    lines = str(result).splitlines()
    assert len(lines) == 2 + len(result.labels)
    assert "GaussianMean(n_parameters=2)" in lines[0]
    assert "50 repeats" in lines[0]
    assert lines[1].split() == ["theory", "simulated", "std_error", "z"]
    assert lines[-1].startswith("w = 1")


def test_z_without_spread_is_zero_for_rounding_and_infinite_otherwise():
    result = ValidationResult(
        claim="error",
        family=None,
        labels=("a", "b", "c", "d"),
        grid=np.zeros((4, 1)),
        theory=np.array([1.0, 0.0, 0.5, 0.5]),
        simulated=np.array([1.0 + 1e-15, 1e-16, 0.4, 0.7]),
        std_error=np.array([0.0, 1e-18, 0.0, 0.1]),
        n_repeats=10,
        quantity="expected KL error (nats)",
        scale=np.ones(4),
    )
    assert_allclose(result.z, [0, 0, -np.inf, 2])
    assert result.max_abs_z == np.inf


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"claim": "everything"}, "claim is 'everything'"),
        ({"n_repeats": 1}, "n_repeats is 1"),
        ({"n_repeats": 10.5}, "n_repeats is 10.5"),
        ({"n_target": 0}, "n_target holds 0"),
        ({"n_samples": [10]}, "n_samples has shape"),
        ({"n_samples": [[[10, 10]]]}, "n_samples has shape"),
        ({"n_samples": [10, -1]}, "n_samples holds -1"),
        ({"n_samples": [[10, 10]], "claim": "argmin"}, r"n_samples has shape \(1, 2\)"),
        ({"claim": "optimal_weight", "source_weights": [[1, 1]]}, "source_weights is given"),
        ({"multiples": [1, 2]}, "multiples is given, and claim 'error'"),
        ({"group_sizes": [1, 1, 1]}, "use claim 'sandwich'"),
        ({"claim": "sample_size", "multiples": [0, 1]}, "finite numbers above 0"),
        ({"claim": "distance", "multiples": [-1]}, "finite numbers of at least 0"),
        ({"claim": "distance", "multiples": []}, "multiples is"),
        ({"claim": "sandwich", "group_sizes": [1, 2]}, "must hold 3 whole numbers"),
        ({"claim": "sandwich", "group_sizes": [1, 2, 0.5]}, "must hold 3 whole numbers"),
        ({"claim": "unequal_noise", "noise_ratios": [1, 2, 3]}, r"noise_ratios has shape \(3,\)"),
        ({"claim": "unequal_noise", "noise_ratios": [1, 0]}, "noise_ratios holds 0"),
        ({"noise_ratios": [1, 1]}, "use claim 'unequal_noise'"),
        ({"claim": "james_stein"}, "is for one"),
        ({"claim": "reml"}, "standard errors"),
        ({"claim": ["error"]}, "claim is"),
        ({"claim": "sandwich", "group_sizes": [np.inf, 1, 1]}, "must hold 3 whole numbers"),
        ({"claim": "optimal_quantity"}, "holds 2 sources"),
        ({"source_weights": [1, 1]}, "one grid point a row"),
        ({"source_weights": [[1, -1]]}, "source_weights holds -1"),
        ({"theta_target": np.zeros(3)}, "theta_target has shape"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    arguments = {
        "family": GaussianMean(2),
        "theta_target": np.zeros(2),
        "theta_sources": np.ones((2, 2)),
        "n_target": 10,
        "n_samples": [10, 10],
    }
    with pytest.raises(ValueError, match=message):
        validate(**arguments | changes)
