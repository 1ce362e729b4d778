from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose
from problems import PROBLEMS, true_discrepancy
from reference.weight_program import every_active_set, exact_optimum, nnls_weights

from skuowq.weights import solve_source_weights

INTERIOR_POINT = {"solver": "CLARABEL"}


@pytest.mark.parametrize("n_samples", [1.0, 37.5, 1e9])
@pytest.mark.parametrize("tau", [0.0, 1e-12, 0.01, 1e6])
def test_one_source_has_the_closed_form(n_samples, tau):
    result = solve_source_weights([n_samples], [[tau]])
    assert_allclose(result.source_weights, 1 / (1 + tau * n_samples), rtol=1e-9)
    assert_allclose(result.mixture_weights, 1)
    assert_allclose(result.effective_source_size, n_samples / (1 + tau * n_samples), rtol=1e-9)


@pytest.mark.parametrize("options", [{}, INTERIOR_POINT])
def test_zero_discrepancy_gives_weight_one(options):
    if options:
        pytest.importorskip("cvxpy")
    n_samples = np.array([1, 50, 1e3, 1e7])
    result = solve_source_weights(n_samples, np.zeros((4, 4)), **options)
    assert_allclose(result.source_weights, 1, rtol=1e-3 if options else 1e-12)
    assert_allclose(result.effective_source_size, n_samples.sum(), rtol=1e-6)


def test_opposite_biases_may_weigh_more_than_a_target_row():
    # Two sources of equal size with biases 1 and -2: theory.md's example at tau N = 1 and 4.
    bias = np.array([1.0, -2.0])
    result = solve_source_weights([1.0, 1.0], np.outer(bias, bias))
    reference, _ = every_active_set([1.0, 1.0], np.outer(bias, bias))
    assert_allclose(result.source_weights, reference, rtol=1e-12)
    large = solve_source_weights([1e6, 1e6], np.outer(bias, bias) * 1e3)
    assert_allclose(large.source_weights, [1.2, 0.6], rtol=1e-6)


@pytest.mark.parametrize("name", PROBLEMS)
def test_cvxpy_nnls_and_the_default_agree(name):
    _, n_samples, displacements = PROBLEMS[name]
    G = true_discrepancy(displacements)
    oracle = nnls_weights(n_samples, G)
    assert_allclose(solve_source_weights(n_samples, G).source_weights, oracle, atol=1e-6)
    pytest.importorskip("cvxpy")
    by_cvxpy = solve_source_weights(n_samples, G, **INTERIOR_POINT)
    assert_allclose(by_cvxpy.source_weights, oracle, atol=1e-4)
    assert by_cvxpy.gap < 1e-6


@pytest.mark.parametrize("seed", range(10))
def test_the_optimum_is_the_best_of_all_active_sets(seed):
    rng = np.random.default_rng(seed)
    n_samples = 10 ** rng.uniform(0, 4, 5)
    biases = rng.normal(size=(3, 5)) * 10 ** rng.uniform(-3, 1, 5)
    G = biases.T @ biases
    reference, value = every_active_set(n_samples, G)
    result = solve_source_weights(n_samples, G)
    assert_allclose(1 / result.effective_source_size, value, rtol=1e-6)
    assert_allclose(result.source_weights, reference, atol=1e-4)


def test_permuting_sources_permutes_weights():
    _, n_samples, displacements = PROBLEMS["near to far"]
    G = true_discrepancy(displacements)
    order = np.array([3, 0, 4, 1, 2])
    n_samples = np.array(n_samples) * [1, 2, 3, 4, 5]
    straight = solve_source_weights(n_samples, G).source_weights
    permuted = solve_source_weights(n_samples[order], G[np.ix_(order, order)]).source_weights
    assert_allclose(permuted, straight[order], rtol=1e-9)


def hard_discrepancy(rng, n_sources, kind):
    """Discrepancies from 1e-12 to 1e6 of low or full rank."""
    rank = int(rng.choice([1, 2, 5, n_sources, 3 * n_sources]))
    scale = np.sqrt(10 ** rng.uniform(-12, 6, n_sources))
    biases = rng.normal(size=(rank, n_sources))
    if kind == "one sign":
        biases = np.abs(biases)
    if kind == "one scale":
        scale = scale[0]
    biases = biases * scale
    if kind == "duplicates":
        half = n_sources // 2
        biases[:, half : 2 * half] = biases[:, :half]
    return biases.T @ biases / rank


@pytest.mark.parametrize("kind", ["any", "one sign", "one scale", "duplicates"])
@pytest.mark.parametrize("n_sources", [2, 5, 50, pytest.param(300, marks=pytest.mark.slow)])
def test_hard_problems_are_solved_with_a_certificate(n_sources, kind):
    rng = np.random.default_rng([n_sources, len(kind)])
    for _ in range(3 if n_sources == 300 else 10):
        n_samples = 10 ** rng.uniform(0, 9, n_sources)
        result = solve_source_weights(n_samples, hard_discrepancy(rng, n_sources, kind))
        assert result.gap < 1e-6
        assert np.all(result.source_weights >= 0)
        assert_allclose(result.mixture_weights.sum(), 1)


def test_the_certificate_bounds_the_distance_to_the_optimum():
    from skuowq.weights._program import frank_wolfe_gap

    rng = np.random.default_rng(0)
    biases = rng.normal(size=(3, 4))
    M = np.diag([1.0, 0.1, 0.01, 0.5]) + biases.T @ biases
    _, best = every_active_set(1 / np.array([1.0, 0.1, 0.01, 0.5]), biases.T @ biases)
    for mixture in rng.dirichlet(np.ones(4), size=50):
        value = mixture @ M @ mixture
        assert (value - best) / value <= frank_wolfe_gap(mixture, M) + 1e-12


def whole_biases(rng, n_sources):
    """Biases whose products are exact, large enough to cancel in the ninth digit."""
    rank = int(rng.integers(1, 3))
    return rng.integers(-64, 65, size=(rank, n_sources)) * 2.0 ** rng.integers(-8, 7, n_sources)


def exact_objective(mixture, n_samples, G):
    alpha = [Fraction(float(a)) for a in mixture]
    value = sum(a * a / n for a, n in zip(alpha, n_samples, strict=True))
    for i, a in enumerate(alpha):
        value += sum(a * Fraction(float(G[i, j])) * b for j, b in enumerate(alpha))
    return value / sum(alpha) ** 2


@pytest.mark.parametrize("seed", range(40))
def test_against_exact_fractions(seed):
    """The relative distance to the exact optimum is within the certificate, biases cancelling."""
    rng = np.random.default_rng(seed)
    n_sources = int(rng.integers(2, 5))
    n_samples = [int(n) for n in 10 ** rng.uniform(0, 9, n_sources)]
    biases = whole_biases(rng, n_sources)
    G = biases.T @ biases
    result = solve_source_weights(n_samples, G)
    weights, value = exact_optimum(n_samples, G)
    assert result.gap < 1e-6
    # 1 / N is rounded once, before anything else.
    achieved = exact_objective(result.mixture_weights, n_samples, G)
    assert float((achieved - value) / achieved) <= result.gap + 1e-12
    assert_allclose(result.effective_source_size, float(1 / value), rtol=1e-6)
    assert_allclose(result.source_weights, [float(w) for w in weights], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("seed", range(60))
def test_bounded_weights_against_exact_fractions(seed):
    rng = np.random.default_rng(seed)
    n_sources = int(rng.integers(1, 5))
    n_samples = [int(n) for n in 10 ** rng.uniform(1, 6, n_sources)]
    n_target, max_weight = int(rng.integers(5, 200)), float(2.0 ** rng.integers(-6, 2))
    biases = whole_biases(rng, n_sources) / 64
    G = biases.T @ biases
    result = solve_source_weights(n_samples, G, n_target=n_target, max_weight=max_weight)
    weights, _ = exact_optimum(n_samples, G, n_target, max_weight)
    assert_allclose(result.source_weights, [float(w) for w in weights], rtol=1e-5, atol=1e-9)
    assert result.gap < 1e-6


@pytest.mark.parametrize(
    ("n_samples", "G", "n_target", "max_weight"),
    [
        ([1e5, 1e5], [[1, -1], [-1, 1]], 10, 0.5),
        ([1e6, 2e6], [[1, -1.25], [-1.25, 1.5625]], 50, 1.0),
        ([1000, 1000], [[0.01, 1], [1, 100]], 20, 0.05),
    ],
)
def test_bounds_on_cancelling_biases(n_samples, G, n_target, max_weight):
    result = solve_source_weights(n_samples, G, n_target=n_target, max_weight=max_weight)
    weights, _ = exact_optimum(n_samples, G, n_target, max_weight)
    assert_allclose(result.source_weights, [float(w) for w in weights], rtol=1e-6)


def expected_error(weights, n_target, n_samples, G):
    """The error formula over d/2, in plain numbers."""
    mass = weights * n_samples
    variance = n_target + np.sum(weights**2 * n_samples) + mass @ G @ mass
    return variance / (n_target + mass.sum()) ** 2


@pytest.mark.parametrize("max_weight", [0.05, 0.5, 1.0])
def test_bounded_weights_minimise_the_error_within_the_bound(max_weight):
    rng = np.random.default_rng(1)
    n_target, n_samples = 40, np.array([300.0, 200.0])
    biases = np.array([[0.05, -0.1]])
    G = biases.T @ biases
    result = solve_source_weights(n_samples, G, n_target=n_target, max_weight=max_weight)
    assert np.all(result.source_weights <= max_weight)
    ours = expected_error(result.source_weights, n_target, n_samples, G)
    grid = rng.uniform(0, max_weight, size=(20_000, 2))
    errors = [expected_error(w, n_target, n_samples, G) for w in grid]
    corners = [
        expected_error(np.array(w), n_target, n_samples, G)
        for w in [(max_weight, max_weight), (0, max_weight), (max_weight, 0), (0, 0)]
    ]
    assert ours <= min(errors + corners) * (1 + 1e-6)
    assert result.gap < 1e-6


def test_a_loose_bound_changes_nothing():
    _, n_samples, displacements = PROBLEMS["near to far"]
    G = true_discrepancy(displacements)
    free = solve_source_weights(n_samples, G)
    bounded = solve_source_weights(n_samples, G, n_target=50, max_weight=100.0)
    assert_allclose(bounded.source_weights, free.source_weights, atol=1e-5)


def test_bound_zero_is_target_only():
    result = solve_source_weights([10, 10], np.eye(2), n_target=5, max_weight=0)
    assert_allclose(result.source_weights, 0)
    assert result.effective_source_size == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([10, 0], np.eye(2)), "n_samples must be finite and above 0, got 0.0 at position 1"),
        (([10, np.inf], np.eye(2)), "finite"),
        (([], np.eye(0)), "non-empty"),
        (([10, 10], np.eye(3)), r"shape \(3, 3\), but there are 2 sources"),
        (([10, 10], [[1, np.nan], [np.nan, 1]]), "NaN or infinity"),
        (([10, 10], [[1, 0.5], [0.1, 1]]), "not symmetric"),
        (([10, 10], [[1, 2], [2, 1]]), "not positive semidefinite"),
        (([10, 10], [[1, 0], [0, -1]]), "diagonal entry 1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        solve_source_weights(*arguments)


def test_bad_options():
    with pytest.raises(ValueError, match="max_weight needs n_target"):
        solve_source_weights([10], [[1]], max_weight=1)
    with pytest.raises(ValueError, match="max_weight must be a finite number >= 0"):
        solve_source_weights([10], [[1]], n_target=5, max_weight=-1)


@pytest.mark.parametrize("max_weight", [None, 0.5])
def test_every_installed_solver_solves_or_is_refused_in_silence(max_weight, capfd):
    cp = pytest.importorskip("cvxpy")
    A = np.random.default_rng(0).normal(size=(5, 5))
    problem = ([100, 200, 300, 50, 70], 0.01 * A @ A.T)
    options = {"n_target": 20, "max_weight": max_weight}
    expected = solve_source_weights(*problem, **options).source_weights
    for solver in cp.installed_solvers():
        if solver in ("CLARABEL", "HIGHS", "OSQP", "SCS"):
            found = solve_source_weights(*problem, solver=solver.lower(), **options)
            assert_allclose(found.source_weights, expected, atol=1e-6)
        elif solver in ("SCIPY", "GLPK", "GLPK_MI", "CBC", "GLOP"):  # For linear programs.
            with pytest.raises(ValueError, match="does not solve quadratic programs"):
                solve_source_weights(*problem, solver=solver, **options)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.parametrize("solver", ["SCIPY", "NO_SUCH_SOLVER"])
def test_solvers_that_are_refused_come_with_those_that_are_not(solver):
    pytest.importorskip("cvxpy")
    with pytest.raises(ValueError, match=r"Choose one of .*CLARABEL.*, or None\.") as caught:
        solve_source_weights([10, 20], [0.1, 0.2], solver=solver)
    assert "SCIPY" not in str(caught.value).partition("Choose")[2]
    with pytest.raises(ValueError, match=r"Choose one of .*CLARABEL.*, or None\."):
        solve_source_weights([10, 20], [0.1, 0.2], solver=3)


def test_output_goes_on_after_a_silent_solver(capfd):
    cp = pytest.importorskip("cvxpy")
    if "HIGHS" in cp.installed_solvers():
        solve_source_weights([10, 20], [[0.1, 0.05], [0.05, 0.2]], solver="HIGHS")
    print("afterwards", flush=True)
    assert capfd.readouterr().out == "afterwards\n"
