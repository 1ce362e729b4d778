"""The weight program over its whole range, to the edge and beyond, against exact fractions."""

import re
import warnings
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from reference.weight_program import exact_error, exact_optimum, is_convex

from skuowq.theory import asymptotic_error, minimal_error
from skuowq.weights import (
    discrepancy_std_error,
    estimate_discrepancy,
    optimal_source_weights,
    solve_source_weights,
)
from skuowq.weights._program import frank_wolfe_gap, weights_record
from skuowq.weights._whole_numbers import WholeProgram

FAST = settings(derandomize=True, deadline=None, max_examples=150, database=None)
TOLERANCE = 1e-6


def powers(lowest, highest):
    """Numbers from 10^lowest to 10^highest, as many of every order of magnitude."""
    return st.integers(10 * lowest, 10 * highest).map(lambda tenths: 10.0 ** (tenths / 10))


def largest_ratio(n_samples, G):
    return np.max(n_samples * np.diag(G))


@st.composite
def programs(draw, most_sources=4, least_sources=2):
    """Sizes from 1e-3 to 1e12, and biases that are up to 1e26 times the noise, of any rank."""
    K = draw(st.integers(least_sources, most_sources))
    size = powers(-3, 12)
    n_samples = [draw(size)] * K if draw(st.booleans()) else [draw(size) for _ in range(K)]
    # Whole numbers cancel exactly, others but for rounding.
    largest, unit = draw(st.sampled_from([(3, 1.0), (3000, 1e-3)]))
    rank = draw(st.sampled_from([1, 2, K]))
    entry = st.integers(-largest, largest)
    biases = np.array([[draw(entry) * unit for _ in range(K)] for _ in range(rank)])
    if draw(st.booleans()):  # Sources of several scales.
        biases = biases * np.array([draw(powers(-3, 0)) for _ in range(K)])
    if K > 1 and draw(st.booleans()):
        biases[:, -1] = biases[:, 0]
    G = biases.T @ biases
    n_samples, ratio = np.array(n_samples), draw(st.one_of(powers(-6, 14), powers(12, 26)))
    # A power of two, for whole numbers to stay whole.
    G *= 2.0 ** np.floor(np.log2(ratio / max(largest_ratio(n_samples, G), 1e-6)))
    return n_samples, (G + G.T) / 2


bounds = st.one_of(st.none(), st.tuples(powers(-1, 6), powers(-3, 1)))


def solve(n_samples, G, bound):
    """The result, or None where the program is refused for what it is."""
    n_target, max_weight = (None, None) if bound is None else bound
    try:
        return solve_source_weights(n_samples, G, n_target=n_target, max_weight=max_weight)
    except RuntimeError:
        return None


def assert_certified(result, bound):
    w, alpha = result.source_weights, result.mixture_weights
    assert np.all(np.isfinite(w))
    assert np.all(w >= 0)
    if bound is not None:
        assert np.all(w <= bound[1])
    assert 0 <= result.gap <= TOLERANCE
    assert 0 < result.effective_source_size < np.inf
    assert_allclose(alpha.sum(), 1, rtol=1e-12)


@FAST
@given(programs(), bounds)
def test_exact_or_refused(program, bound):
    """Where the exact matrix is positive definite the exact optimum is met, elsewhere refused."""
    n_samples, G = program
    result = solve(n_samples, G, bound)
    if not is_convex(n_samples, G):
        assert result is None
        return
    if result is None:
        assert largest_ratio(n_samples, G) > 1e24
        return
    assert_certified(result, bound)
    n_target = 0 if bound is None else bound[0]
    weights, best = exact_optimum(n_samples, G, *((None, None) if bound is None else bound))
    achieved = exact_error(result.source_weights, n_samples, G, n_target)
    # The rounding of 1 / N counts beside the gap.
    assert float((achieved - best) / best) <= TOLERANCE + 1e-12
    # A gap of e leaves room for (N0 + s) sqrt(e t / N) in the weight of a row, t the objective.
    room = n_target + float(sum(w * Fraction(n) for w, n in zip(weights, n_samples, strict=True)))
    room *= np.sqrt(TOLERANCE * float(best) / n_samples)
    exact = np.array([float(w) for w in weights])
    assert np.all(np.abs(result.source_weights - exact) <= 2 * room)
    if bound is None:
        assert_allclose(result.effective_source_size, float(1 / best), rtol=1e-5)


@FAST
@given(programs(most_sources=8, least_sources=5), bounds)
def test_more_sources_are_no_worse_than_three_of_them(program, bound):
    n_samples, G = program
    result = solve(n_samples, G, bound)
    if result is None:
        assert not is_convex(n_samples, G) or largest_ratio(n_samples, G) > 1e24
        return
    assert is_convex(n_samples, G)
    assert_certified(result, bound)
    n_target = 0 if bound is None else bound[0]
    achieved = exact_error(result.source_weights, n_samples, G, n_target)
    few = slice(1, 4)
    _, best = exact_optimum(
        n_samples[few], G[few, few], *((None, None) if bound is None else bound)
    )
    assert float(achieved / best) <= 1 + TOLERANCE + 1e-12


@settings(FAST, max_examples=100)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 8), bounds)
def test_everything_is_solved_up_to_the_edge(seed, n_sources, rank, bound):
    """Rows times discrepancy times sources of 1e14: whatever rounding did to G."""
    rng = np.random.default_rng(seed)
    n_samples = 10 ** rng.uniform(-3, 12, n_sources)
    biases = rng.normal(size=(rank, n_sources)) / np.sqrt(n_samples) ** rng.integers(0, 2)
    G = biases.T @ biases
    G = (G + G.T) / 2
    G *= 1e14 / n_sources / largest_ratio(n_samples, G)
    assert_certified(solve(n_samples, G, bound), bound)


@pytest.mark.parametrize(
    ("size", "scale"), [(1e9, 1e8), (1e9, 1e10), (1e3, 1e14), (1e12, 1e11), (1e-3, 1e18)]
)
@pytest.mark.parametrize("biases", [(3, -1, -1), (1, -1), (5, -2, -2, -1)])
@pytest.mark.parametrize("max_weight", [None, 0.3])
def test_biases_that_cancel_beyond_double_precision(size, scale, biases, max_weight):
    """Equal sizes and whole biases: the fewest rows that cancel, known in closed form."""
    n_samples, G = np.full(len(biases), size), scale * np.outer(biases, biases)
    n_target = None if max_weight is None else 50.0
    result = solve_source_weights(n_samples, G, n_target=n_target, max_weight=max_weight)
    weights, _ = exact_optimum(n_samples, G, n_target, max_weight)
    assert_allclose(result.source_weights, [float(w) for w in weights], rtol=1e-9)
    assert_certified(result, None)
    # Least squares under v'w = 0: 1 less its part along v, where the discrepancy is all there is.
    v = np.array(biases)
    if max_weight is None and size * scale > 1e16:
        assert_allclose(result.source_weights, 1 - v * v.sum() / (v @ v), rtol=1e-9)


def test_the_exact_answer_of_the_known_case():
    G = 1e8 * np.outer([3, -1, -1], [3, -1, -1])
    result = solve_source_weights([1e9, 1e9, 1e9], G)
    assert_allclose(result.source_weights, [8 / 11, 12 / 11, 12 / 11], rtol=1e-9)
    assert_allclose(result.effective_source_size, 32e9 / 11, rtol=1e-9)


def indefinite_within_the_check():
    """Smallest eigenvalue, at unit diagonal, of -1e-9: let through as rounding."""
    return np.array([[1.0, -1 - 1e-9], [-1 - 1e-9, 1.0]])


def with_a_local_minimum():
    """The third source alone is stationary, and the first two together are below 0."""
    G = np.zeros((3, 3))
    G[:2, :2] = indefinite_within_the_check()
    return G


def beyond_rounding():
    """Entries rounded by up to 1e-6, beside 1 / N of 1e-12."""
    biases = np.array([[1.1, -2.3, 0.7]]) * 1e5
    return biases.T @ biases


@pytest.mark.parametrize("bound", [None, (50.0, 1.0)])
@pytest.mark.parametrize(
    "make", [indefinite_within_the_check, with_a_local_minimum, beyond_rounding]
)
def test_a_program_that_is_not_convex_is_refused_and_the_remedy_works(make, bound):
    G = make()
    n_samples = np.full(len(G), 1e12)
    if is_convex(n_samples, G):
        G[0, 1] = G[1, 0] = np.nextafter(G[0, 1], -np.inf)
    assert not is_convex(n_samples, G)
    n_target, max_weight = (None, None) if bound is None else bound
    with pytest.raises(RuntimeError, match="not positive definite") as raised:
        solve_source_weights(n_samples, G, n_target=n_target, max_weight=max_weight)
    lift = float(re.search(r"Add (\S+) \*", str(raised.value))[1])
    assert lift < 1e-7
    mended = G + lift * np.diag(np.diag(G))
    assert_certified(
        solve_source_weights(n_samples, mended, n_target=n_target, max_weight=max_weight), bound
    )


def test_a_named_solver_is_held_to_the_same():
    pytest.importorskip("cvxpy")
    with pytest.raises(RuntimeError, match="not positive definite"):
        solve_source_weights([1e12] * 3, with_a_local_minimum(), solver="CLARABEL")


def test_many_sources_under_a_bound_up_to_the_edge():
    """More sources than whole numbers take: rows times discrepancy of 1e8."""
    rng = np.random.default_rng(0)
    n_samples, biases = 10 ** rng.uniform(0, 9, 310), rng.normal(size=(3, 310))
    G = biases.T @ biases
    G = (G + G.T) / 2 * 1e8 / largest_ratio(n_samples, G)
    assert_certified(solve(n_samples, G, (50.0, 0.5)), (50.0, 0.5))


def test_many_sources_beyond_double_precision_are_refused():
    v = np.resize([3.0, -1.0, -1.0], 303)
    with pytest.raises(RuntimeError, match="of more than 300 sources"):
        solve_source_weights(np.full(303, 1e9), 1e8 * np.outer(v, v))


def test_twenty_sources_in_whole_numbers_from_any_start():
    rng = np.random.default_rng(0)
    n_samples, biases = np.full(20, 1e9), rng.integers(-9, 10, size=(2, 20))
    G = 1e8 * (biases.T @ biases)
    program = WholeProgram(G, n_samples)
    assert program.is_convex()
    for bound in [(None, None), (50.0, 0.7)]:
        by_start = [program.minimum(rng.random(20) < 0.5, *bound)[0] for _ in range(3)]
        assert_allclose(by_start[1], by_start[0], rtol=1e-12)
        assert_allclose(by_start[2], by_start[0], rtol=1e-12)
    result = solve_source_weights(n_samples, G, n_target=50.0, max_weight=0.7)
    assert_allclose(result.source_weights, by_start[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("weights", "gap"), [([0.5, -1e-3], 0), ([0.5, np.nan], 0), ([0.5, np.inf], 0), ([1, 1], -1.0)]
)
def test_no_record_without_a_certificate(weights, gap):
    with pytest.raises(RuntimeError, match="cannot be certified"):
        weights_record(np.array(weights), np.array([10.0, 10.0]), gap)
    with pytest.raises(RuntimeError, match="cannot be certified"):
        weights_record(np.ones(2), np.ones(2), np.nan)


def test_no_gap_where_the_value_has_cancelled():
    M = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert frank_wolfe_gap(np.array([0.5, 0.5]), M) == np.inf
    assert frank_wolfe_gap(np.array([0.5, 0.5]), M - 1e-9) == np.inf


@FAST
@given(programs(most_sources=6), powers(-6, 12), st.integers(1, 10_000))
def test_estimates_of_any_scale_are_finite_or_refused(program, n_target, n_parameters):
    """No warning, no message from inside."""
    n_samples, S = program
    for method in ("reml", "debiased", "plugin"):
        arguments = n_target, n_samples, n_parameters
        G = estimate_discrepancy(S, *arguments, method=method)
        assert np.all(np.isfinite(G))
        std_error = discrepancy_std_error(G, *arguments, method=method)
        assert np.all(np.isfinite(std_error))
        assert np.all(std_error >= 0)
        try:
            result = optimal_source_weights(S, *arguments, method=method)
        except RuntimeError:
            # What REML estimates is positive definite by construction.
            refused = method != "reml" and largest_ratio(n_samples, S) > 1e14 / len(S)
            assert refused
        else:
            assert_certified(result, None)


@FAST
@given(programs(), powers(-1, 6))
def test_the_error_of_the_best_weights_is_the_least_error(program, n_target):
    n_samples, G = program
    result = solve(n_samples, G, None)
    if result is None:
        return
    error = asymptotic_error(n_target, n_samples, result.source_weights, G, 10)
    least = minimal_error(n_target, n_samples, G, 10)
    # A squared bias that rounding in G has made negative counts as 0.
    assert error >= least * (1 - 2 * TOLERANCE)
    masses = zip(result.source_weights, n_samples, strict=True)
    u = [Fraction(float(w)) * Fraction(n) for w, n in masses]
    pairs = product(range(len(u)), repeat=2)
    squared_bias = sum(u[i] * Fraction(float(G[i, j])) * u[j] for i, j in pairs)
    if squared_bias >= 0:
        exact = exact_error(result.source_weights, n_samples, G, Fraction(n_target))
        assert_allclose(error, 5 * float(exact), rtol=1e-9)


def test_the_squared_bias_is_exact_where_it_cancels():
    v = np.array([3.0, -1.0, -1.0])
    weights = [8 / 11, 12 / 11, 12 / 11]
    error = asymptotic_error(50, [1e9] * 3, weights, 1e8 * np.outer(v, v), 10)
    assert_allclose(error, 5 / (50 + 32e9 / 11), rtol=1e-9)
    grid = asymptotic_error(50, [1e9] * 3, [weights, [1, 0, 0]], 1e8 * np.outer(v, v), 10)
    assert_allclose(grid, [error, 5 * 9e8], rtol=1e-6)


def test_standard_errors_of_two_sources_are_those_of_their_own_contrasts():
    """Two variances and a shared one, three entries: each own part has its chi-square law."""
    for tau, shift, N in [((0.1, 0.5), 0.2, 1e2), ((1e-6, 1e-7), 10.0, 1e6), ((0, 0), 1e8, 1e9)]:
        G = np.diag(tau) + shift
        expected = np.sqrt(2 / 50) * (np.diag(G) + 1 / 20 + 1 / N)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert_allclose(discrepancy_std_error(G, 20, [N, N], 50), expected, rtol=1e-4)


def test_scales_beyond_double_precision_are_refused_by_name():
    with pytest.raises(ValueError, match=r"n_samples must lie between 1e-100 and 1e\+100"):
        solve_source_weights([10, 1e-200], np.eye(2))
    with pytest.raises(ValueError, match=r"discrepancy holds 1e\+200 in size"):
        solve_source_weights([10, 10], np.eye(2) * 1e200)
    with pytest.raises(ValueError, match=r"max_weight is 1e\+200, above 1e\+20.*pass None"):
        solve_source_weights([10, 10], np.eye(2), n_target=5, max_weight=1e200)
    with pytest.raises(ValueError, match="off the diagonal its entries"):
        discrepancy_std_error([[1, -0.5], [-0.5, 1]], 10, [10, 10], 5)
