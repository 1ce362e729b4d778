"""The closed form of the James-Stein error against quadrature, and Stein's theorem."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference.james_stein import risk

from skuowq.theory import james_stein_error, minimal_error
from skuowq.weights import estimate_discrepancy

TAUS = np.array([0.0, 0.003, 0.05, 0.5, 4.0])


@pytest.mark.parametrize("d", [1, 2, 3, 4, 7, 50])
@pytest.mark.parametrize("sizes", [(20, 1000), (50, 30)])
@pytest.mark.parametrize("factor", ["d", "2d"])
def test_closed_form_equals_quadrature(d, sizes, factor):
    N0, N = sizes
    a = d if factor == "d" else 2 * d

    def size(contrast):
        """``s`` with lambda = a / (N0 d contrast), at most N / (N0 + N)."""
        share = min(a / (N0 * d * contrast), N / (N0 + N))
        return N0 * share / (1 - share)

    expected = risk(size, d, N0, N, np.sqrt(d * TAUS), n_points=20_000)
    found = james_stein_error(N0, N, TAUS, d, shrinkage=a)
    assert_allclose(found, expected, rtol=2e-3 if d == 1 else 1e-4)


@pytest.mark.parametrize("d", [3, 5, 20, 200])
def test_no_negative_transfer_up_to_twice_steins_factor(d):
    taus = np.geomspace(1e-6, 1e4, 300)
    alone = d / 40
    for a in (0.5 * (d - 2), d - 2, 2 * (d - 2)):
        errors = james_stein_error(20, 1000, taus, d, shrinkage=a)
        assert np.all(errors <= alone * (1 + 1e-9))
        assert np.all(errors >= [minimal_error(20, 1000, tau, d) for tau in taus])
    beyond = james_stein_error(20, 1000, taus, d, shrinkage=2 * (d - 2) + 1)
    assert beyond.max() > alone
    assert_allclose(
        james_stein_error(20, 1000, taus, d), james_stein_error(20, 1000, taus, d, shrinkage=d - 2)
    )


def test_the_estimators_rule_is_one_of_these_and_safe_beyond_four_parameters():
    for d in (5, 10, 100):
        found = estimate_discrepancy([[1.0]], 20, [1000], d).item()
        factor = d / (found + 1 / 20 + 1 / 1000)
        assert d < factor <= 2 * (d - 2) * (1 + 1e-12)


def test_without_shrinkage_it_is_the_target_alone():
    assert james_stein_error(20, 1000, 0.1, 2) == pytest.approx(2 / 40)
    assert james_stein_error(20, 1000, 0.1, 8, shrinkage=0) == pytest.approx(8 / 40)
    assert james_stein_error(20, 1000, [[0.1, 0.2]], 8).shape == (1, 2)


def test_far_sources_leave_the_target_alone():
    assert james_stein_error(20, 1000, [1e7, 5e9, 1e200], 5) == pytest.approx(5 / 40, rel=1e-6)
    near, far = james_stein_error(20, 1000, [1.8e4, 2.2e4], 5)  # Beside the change of formulas.
    assert near < far < 5 / 40
    assert far - near == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_target": 0}, "n_target holds 0"),
        ({"n_source": -1}, "n_source holds -1"),
        ({"discrepancy": [0.1, -0.1]}, "discrepancy holds -0.1"),
        ({"n_parameters": np.nan}, "n_parameters holds nan"),
        ({"shrinkage": -1}, "shrinkage holds -1"),
        ({"shrinkage": [1, 2]}, "must be one number"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    arguments = {"n_target": 20, "n_source": 100, "discrepancy": 0.1, "n_parameters": 5}
    with pytest.raises(ValueError, match=message):
        james_stein_error(**arguments | changes)


@pytest.mark.parametrize("n_target", [1e-150, 1e-239, 1e-300, 1e250])
@pytest.mark.parametrize("shrinkage", [None, 10.0])
def test_sizes_of_any_scale(n_target, shrinkage):
    """Rows counted in other units: the error per row and the discrepancy of a row scale along."""
    for ratio, tau in ((0.1, 0.0), (50.0, 0.3), (1.0, 20.0), (3.0, 1e7)):
        found = james_stein_error(n_target, ratio * n_target, tau / n_target, 10) * n_target
        expected = james_stein_error(20, ratio * 20, tau / 20, 10) * 20
        assert_allclose(found, expected, rtol=1e-9)
    one_sided = james_stein_error(n_target, 20.0, 0.0, 10, shrinkage=shrinkage)
    assert 0 <= one_sided <= 5 / n_target


@pytest.mark.parametrize("d", [1, 2, 5])
def test_the_least_shrinkage_is_none(d):
    found = james_stein_error(100, 400, [0.0, 1.0], d, shrinkage=5e-324)
    assert_allclose(found, james_stein_error(100, 400, [0.0, 1.0], d, shrinkage=0.0))


def test_an_error_beyond_all_numbers_is_named():
    with pytest.raises(ValueError, match="n_target is 1e-310, and the error of a fit on so little"):
        james_stein_error(1e-310, 20.0, 0.1, 10)
