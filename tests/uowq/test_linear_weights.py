"""The linear model that weighs sources: closed forms against covariances written out, z-tests."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference.linear_mixed import held_out_errors, penalised_gls
from scipy import sparse
from scipy.stats import norm
from sklearn.linear_model import Ridge

from skuowq._uowq.models.linear import LinearModel, LinearProblem
from skuowq._uowq.models.noise_variance import drawn_together, own_ridge
from skuowq._uowq.weigh import weigh as weigh_by
from skuowq.rules import Given, as_rule


def draw(rng, n, effects, level=0.0, noise=1.0):
    X = rng.normal(size=(n, len(effects)))
    return X, X @ effects + level + noise * rng.normal(size=n)


def make_problem(parts, *, penalty=1.0, own_levels=True, weights=None, as_sparse=False):
    Z = np.vstack([np.column_stack([X, np.ones(len(X))]) for X, _ in parts])
    y = np.concatenate([y for _, y in parts])
    return LinearProblem(
        matrix=sparse.csr_matrix(Z) if as_sparse else Z,
        y=y,
        row_weight=np.ones(len(y)) if weights is None else weights,
        sizes=[len(y_k) for _, y_k in parts],
        penalty=np.append(np.full(Z.shape[1] - 1, penalty), 1e-4),
        own_levels=own_levels,
    )


def weigh(problem, discrepancy="reml"):
    rule = as_rule(discrepancy)
    model = LinearModel(problem, rule.measure)
    return weigh_by(model, rule, max_weight=None, solver=None, report=lambda *_: None)


@pytest.fixture
def problem():
    rng = np.random.RandomState(0)
    effects = rng.normal(size=3)
    parts = [
        draw(rng, 12, effects),
        draw(rng, 30, effects + 0.3, level=2.0),
        draw(rng, 25, effects - 0.5, level=-1.0, noise=2.0),
    ]
    return make_problem(parts, weights=rng.uniform(0.5, 2, size=67))


def parts_of(problem):
    return [
        (problem.matrix[rows], problem.y[rows], problem.row_weight[rows])
        for rows in problem.domains
    ]


def test_a_domains_own_fit_is_the_ridge_and_its_degrees_of_freedom_the_traces():
    rng = np.random.RandomState(0)
    for n in (8, 40):  # Fewer rows than features, and more.
        X, y = draw(rng, n, np.ones(10), level=3.0)
        weight, penalty = rng.uniform(0.5, 2, size=n), np.linspace(0.5, 2, 10)
        coef, squares, df = own_ridge(X, y, weight, penalty)
        ridge = Ridge(alpha=1.0).fit(X / np.sqrt(penalty), y, sample_weight=weight)
        assert_allclose(coef, ridge.coef_ / np.sqrt(penalty), rtol=1e-8)
        residuals = y - ridge.predict(X / np.sqrt(penalty))
        assert_allclose(squares, weight @ residuals**2, rtol=1e-8)
        root = np.sqrt(weight)
        rows = root[:, None] * (X - weight @ X / weight.sum())
        hat = rows @ np.linalg.solve(rows.T @ rows + np.diag(penalty), rows.T)
        assert_allclose(df, weight.sum() - 1 - np.trace(2 * hat - hat @ hat), rtol=1e-8)
        assert_allclose(own_ridge(sparse.csr_matrix(X), y, weight, penalty)[0], coef)


def test_variances_are_drawn_together_as_far_as_their_spread_says():
    rng = np.random.RandomState(0)
    df = np.full(200, 10.0)
    alike = rng.chisquare(10, size=200)
    assert np.ptp(drawn_together(alike, df)) < 0.25 * np.ptp(alike / df)
    # Scaled inverse chi-square variances with 8 degrees of freedom: the posterior mean is known.
    truth = 8 * 2.0 / rng.chisquare(8, size=200)
    squares = truth * rng.chisquare(10, size=200)
    found = drawn_together(squares, df)
    assert np.mean((np.log(found) - np.log(truth)) ** 2) < 0.8 * np.mean(
        (np.log(squares / df) - np.log(truth)) ** 2
    )
    many = drawn_together(truth * 1e5, np.full(200, 1e5))
    assert_allclose(many, truth, rtol=1e-2)
    assert_allclose(drawn_together(np.zeros(3), np.zeros(3)), 1)
    few = drawn_together(np.array([10.0, 0.0, 0.0]), np.array([10.0, 0.0, 0.0]))
    assert_allclose(few, 1, atol=0.25)  # What no row tells is as the others.
    # One that is a million times as noisy does not move those that have rows of their own.
    df = np.array([5.0, 700.0, 700.0])
    wild = drawn_together(df * [0.09, 0.09, 1e6], df)
    assert_allclose(wild, [0.09, 0.09, 1e6], rtol=0.5)
    assert_allclose(wild[1:], [0.09, 1e6], rtol=0.02)


def test_the_fit_is_generalised_least_squares(problem):
    fit = LinearModel(problem, "scores")
    weights = np.array([0.7, 0.2])
    fit.solve(weights)
    start = LinearModel(problem, "scores")
    expected = penalised_gls(
        parts_of(problem),
        start.relative,
        np.append(1.0, weights),
        start.noise,
        start.level_variance,
        problem.penalty,
    )
    shrink = start._shrinkage()
    A, b = start._normal_equations(np.append(1.0, weights), shrink)
    assert_allclose(np.linalg.solve(A + np.diag(problem.penalty), b), expected, rtol=1e-9)
    # Sparse rows give the same numbers.
    same = LinearProblem(**{**vars(problem), "matrix": sparse.csr_matrix(problem.matrix)})
    again = LinearModel(same, "scores")
    again.solve(weights)
    assert_allclose(again.theta, fit.theta, rtol=1e-8)
    assert_allclose(again.levels, fit.levels, rtol=1e-8)


def test_held_out_errors_are_those_of_refits(problem):
    full = LinearProblem(**{**vars(problem), "row_weight": np.ones(67)})
    fit = LinearModel(full, "scores")
    weights = np.array([0.7, 0.2])
    errors = held_out_errors(
        parts_of(full),
        fit.relative,
        np.append(1.0, weights),
        fit.noise,
        fit.level_variance,
        full.penalty,
    )
    expected = 6 * np.log(np.mean(errors**2))
    assert_allclose(fit.held_out_loss(weights), expected, rtol=1e-8)


def test_levels_and_units_do_not_matter():
    rng = np.random.RandomState(0)
    effects = rng.normal(size=4)
    parts = [draw(rng, 20, effects), draw(rng, 200, effects), draw(rng, 200, effects + 0.4)]
    plain = weigh(make_problem(parts)).weights.source_weights
    scaled = [(X, 100 * y) for X, y in parts]
    assert_allclose(weigh(make_problem(scaled)).weights.source_weights, plain, rtol=1e-2)
    turned = weigh(make_problem([parts[0], parts[2], parts[1]])).weights.source_weights
    assert_allclose(turned[::-1], plain, rtol=1e-6)
    shifted = [parts[0], (parts[1][0], parts[1][1] + 50), parts[2]]
    result = weigh(make_problem(shifted))
    assert_allclose(result.weights.source_weights, plain, rtol=0.2)
    assert result.model.levels[1] - result.model.levels[0] == pytest.approx(50, abs=1)


def test_noisy_far_and_shifted_sources_weigh_less():
    rng = np.random.RandomState(0)
    effects = rng.normal(size=5)
    parts = [
        draw(rng, 30, effects),
        draw(rng, 300, effects),
        draw(rng, 300, effects, noise=3.0),
        draw(rng, 300, effects + 1.0),
        draw(rng, 300, effects, level=5.0),
    ]
    near, noisy, far, shifted = weigh(make_problem(parts)).weights.source_weights
    assert noisy < 0.3 * near
    assert far < 0.1 * near
    assert shifted > 0.5 * near
    assert weigh(make_problem(parts, own_levels=False)).weights.source_weights[3] < 0.05
    for method in ("plugin", "debiased"):
        near, _, far, _ = weigh(make_problem(parts), method).weights.source_weights
        assert far < 0.3 * near


def test_a_given_discrepancy_gives_the_closed_form():
    rng = np.random.RandomState(0)
    parts = [draw(rng, 50, np.ones(3)), draw(rng, 400, np.ones(3), noise=2.0)]
    result = weigh(make_problem(parts), Given(np.array([[0.02]])))
    relative = result.model.noise_variance[0] / result.model.noise_variance[1]
    expected = relative / (1 + 0.02 * 400 * relative)
    assert_allclose(result.weights.source_weights, expected, rtol=1e-6)


@pytest.mark.parametrize("own_levels", [True, False])
def test_contrasts_of_identical_domains_have_the_noise_of_their_rows(own_levels):
    """``E[S_ij] = 1/N_0``, ``E[S_ii] = 1/N_0 + 1/N_i`` in rows of the target's noise; z-tests."""
    rng = np.random.RandomState(0)
    found = []
    for _ in range(300):
        parts = [draw(rng, 400, np.ones(4)), draw(rng, 300, np.ones(4), noise=2.0)]
        parts.append(draw(rng, 500, np.ones(4)))
        fit = LinearModel(make_problem(parts, penalty=1e-3, own_levels=own_levels), "scores")
        fit.noise = np.array([1.0, 4.0, 1.0])
        fit.relative = fit.noise[0] / fit.noise
        fit.information = fit.counts * fit.relative
        fit.solve(np.array([0.5, 0.5]))
        gram, d = fit.score_contrasts(np.array([0.5, 0.5]))
        assert d == pytest.approx(4 if own_levels else 5, rel=1e-3)
        found.append([gram[0, 0], gram[1, 1], gram[0, 1]])
    found = np.array(found)
    expected = [1 / 400 + 4 / 300, 1 / 400 + 1 / 500, 1 / 400]
    z = (found.mean(axis=0) - expected) / (found.std(axis=0, ddof=1) / np.sqrt(300))
    assert np.all(np.abs(z) < norm.ppf(1 - 0.001 / 3)), z
