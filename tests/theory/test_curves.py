"""Curves against the formulas they are made of."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skuowq.theory import (
    Exponential,
    GaussianMean,
    asymptotic_error,
    error_curve,
    minimal_error,
    optimal_quantity,
    optimal_weight,
    simulate_curve,
    weight_curve,
)
from skuowq.weights import solve_source_weights

G = np.array([[0.02, 0.005, 0.0], [0.005, 0.1, 0.0], [0.0, 0.0, 0.5]])
ROWS = (100, 300, 50)


@pytest.mark.parametrize("along", ["weight", "effective_size", "quantity"])
@pytest.mark.parametrize("source_weights", [None, (0.2, 0.1, 0.3)])
@pytest.mark.parametrize("source", [0, 2])
def test_points_have_the_error_of_their_fits(along, source_weights, source):
    curve = error_curve(
        20, ROWS, G, 6, along=along, source=source, source_weights=source_weights, n_points=41
    )
    expected = asymptotic_error(20, curve.n_samples, curve.source_weights, G, 6)
    assert_allclose(curve.error, expected)
    unbiased = asymptotic_error(20, curve.n_samples, curve.source_weights, 0 * G, 6)
    assert_allclose(curve.variance, unbiased)
    assert np.all(curve.squared_bias >= 0)
    assert curve.target_only == 6 / 40
    assert curve.oracle == minimal_error(20, ROWS, G, 6)
    assert np.all(curve.error >= curve.oracle * (1 - 1e-9))
    mass = np.sum(curve.source_weights * curve.n_samples, axis=1)
    position = {
        "weight": curve.source_weights[:, source],
        "effective_size": mass,
        "quantity": curve.n_samples[:, source],
    }
    assert_allclose(curve.x, position[along])


def test_minima_lie_where_the_closed_forms_say():
    curve = error_curve(20, 200, 0.02, 5, n_points=1001)
    assert_allclose(curve.x[curve.error.argmin()], optimal_weight(200, 0.02), atol=1e-3)
    curve = error_curve(20, ROWS, G, 5, along="effective_size", n_points=3001)
    best = solve_source_weights(ROWS, G).effective_source_size
    assert_allclose(curve.x[curve.error.argmin()], best, rtol=1e-3)
    assert_allclose(curve.error.min(), curve.oracle)
    curve = error_curve(20, 2000, 0.05, 5, along="quantity", source_weights=[1.0], n_points=3001)
    assert_allclose(curve.x[curve.error.argmin()], optimal_quantity(20, 2000, 0.05), rtol=3e-3)
    falling = error_curve(20, ROWS, G, 5, along="quantity", source=1).error
    assert np.all(np.diff(falling) <= 1e-15)


def test_simulated_points_lie_on_the_curve():
    family, theta = Exponential(2), np.array([1.0, 2.0])
    theta_sources = theta[:, None] * [[1.002, 1.001], [1.0, 0.998]]
    truth = family.discrepancy(theta, theta_sources)
    for along in ("weight", "effective_size", "quantity"):
        curve = error_curve(10**6, (10**6, 3 * 10**6), truth, 2, along=along, source=1)
        found = simulate_curve(
            curve, family, theta, theta_sources, n_points=5, n_repeats=4000, random_state=0
        )
        assert found.simulation.max_abs_z < 4
        assert found.simulated_x.shape == (5,)
        assert curve.simulation is None
        if along == "quantity":
            assert_allclose(found.simulated_x % 1, 0)
        assert_allclose(
            found.simulation.theory,
            np.interp(found.simulated_x, curve.x, curve.error),
            rtol=0.01,
        )


def test_weights_of_one_source_follow_the_law():
    curve = weight_curve(100, 0.3)
    assert_allclose(curve.source_weights[:, 0], optimal_weight(100, curve.x))
    # Where nothing is known of its direction the source moves by itself.
    alone = weight_curve([100, 300], [0.0, 0.1])
    assert_allclose(alone.source_weights[:, 1], optimal_weight(300, 0.1))


def test_weights_of_several_sources_are_the_programs():
    curve = weight_curve(ROWS, G, source=1, n_points=7)
    for tau, weights in zip(curve.x, curve.source_weights, strict=True):
        c = np.sqrt(tau / G[1, 1])
        moved = G * np.outer([1, c, 1], [1, c, 1])
        assert_allclose(weights, solve_source_weights(ROWS, moved).source_weights)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"along": "time"}, "along is 'time'"),
        ({"source": 3}, "from 0 to 2"),
        ({"source": True}, "from 0 to 2"),
        ({"source": -1}, "from 0 to 2"),
        ({"n_points": 1}, "n_points is 1"),
        ({"source_weights": [1, -1, 0]}, "source_weights holds -1"),
        ({"source_weights": [1, 1]}, "source_weights has shape"),
        ({"source_weights": [0, 0, 0], "along": "effective_size"}, "all 0"),
        ({"n_samples": [ROWS]}, "n_samples has shape"),
        ({"n_target": 0}, "n_target holds 0"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    arguments = {"n_target": 20, "n_samples": ROWS, "discrepancy": G, "n_parameters": 5}
    with pytest.raises(ValueError, match=message):
        error_curve(**arguments | changes)


def test_quantities_stay_within_the_source():
    for rows in (0.5, 1, 1.5, 40):
        curve = error_curve(5, rows, 0.1, 2, along="quantity")
        assert_allclose(curve.x[-1], rows)
        assert np.all(curve.error >= curve.oracle * (1 - 1e-9))


def test_simulated_quantities_are_whole_and_not_repeated():
    family, truth = Exponential(1), ([1.0], [[1.05]])
    curve = error_curve(400, 40, family.discrepancy(*truth), 1, along="quantity")
    found = simulate_curve(curve, family, *truth, n_points=30, n_repeats=50, random_state=0)
    assert len(set(found.simulated_x)) == len(found.simulated_x) < 30
    with pytest.raises(TypeError, match="family is a str"):
        simulate_curve(curve, "exponential", *truth)
    with pytest.raises(TypeError, match="curve is a str"):
        simulate_curve("curve", family, *truth)


def test_a_family_of_another_discrepancy_is_refused():
    curve = error_curve(20, 100, 0.1, 2)
    with pytest.raises(ValueError, match=r"discrepancy \[\[0.25\]\]"):
        simulate_curve(curve, GaussianMean(2), [0, 0], [[0.5], [0.5]])
    with pytest.raises(ValueError, match="has 1 parameters"):
        simulate_curve(curve, GaussianMean(1), [0], [[np.sqrt(0.1)]])


def test_the_best_mixture_of_sizes_far_apart_is_not_the_users_to_blame():
    """Weights of more than any number: the curve along the effective size has none of its own."""
    arguments = (20.0, [1e-99, 1e99], [[1e4, 0.0], [0.0, 0.0]], 5)
    curve = error_curve(*arguments, along="effective_size", n_points=5)
    assert np.isfinite(curve.error).all()
    assert_allclose(curve.error[0], 5 / 40)


@pytest.mark.parametrize("along", ["weight", "effective_size", "quantity"])
def test_numbers_beyond_double_precision_are_named(along):
    with pytest.raises(ValueError, match=r"n_samples must lie between .* got 1e-171 at position 0"):
        error_curve(20, [1e-171, 1e264], [0.0, 1.0], 5, along=along, source_weights=[1e-95, 1e61])


@pytest.mark.parametrize("n_samples", [[[5.0, 5.0]], [[[5.0, 5.0]]]])
def test_a_curve_has_one_setting(n_samples):
    with pytest.raises(ValueError, match=r"n_samples has shape .* must be \(2,\)"):
        weight_curve(n_samples, [0.1, 0.2])
    with pytest.raises(ValueError, match=r"n_samples has shape .* must be \(2,\)"):
        error_curve(20, n_samples, [0.1, 0.2], 3)
    with pytest.raises(ValueError, match=r"source_weights has shape .* must be \(2,\)"):
        error_curve(20, [5, 5], [0.1, 0.2], 3, source_weights=n_samples)
