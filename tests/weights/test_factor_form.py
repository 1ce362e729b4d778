"""Matrices of very many sources in factors, against the matrices themselves."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import skuowq._uowq.models.contrast_gram
import skuowq.weights._discrepancy
import skuowq.weights._shared_shifts
from skuowq import UOWQClassifier, UOWQRegressor
from skuowq.weights._factor_form import ContrastGram, OwnAndShift, mean_of
from skuowq.weights.checked import (
    candidate_discrepancies,
    error_of_rows,
    solve_checked,
    std_error_of_checked,
)


def contrasts(seed, n_sources=30, n_parameters=8, common=0.0):
    """Sources from near to far, with biases that partly cancel."""
    rng = np.random.default_rng(seed)
    far = np.geomspace(0.01, 3, n_sources)
    factor = far * rng.normal(size=(n_parameters, n_sources))
    return factor + common * rng.normal(size=(n_parameters, 1)), rng.uniform(20, 2000, n_sources)


@pytest.mark.parametrize("common", [0.0, 1.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_products_rows_and_arithmetic_are_those_of_the_matrix(seed, common):
    factor, n_samples = contrasts(seed, common=common)
    columns = np.random.default_rng(seed).normal(size=(30, 3))
    own = 1 / n_samples
    for matrix, form in (
        (factor.T @ factor, ContrastGram(factor)),
        (np.diag(own) + common, OwnAndShift(own, common)),
    ):
        assert form.shape == matrix.shape
        assert len(form) == 30
        assert_allclose(np.asarray(form), matrix)
        assert_allclose(form.diagonal(), np.diag(matrix))
        assert_allclose(form @ columns, matrix @ columns, atol=1e-12)
        assert_allclose(columns.T @ form, columns.T @ matrix, atol=1e-12)
        assert_allclose(form @ columns[:, 0], matrix @ columns[:, 0], atol=1e-12)
        assert_allclose(form[np.array([3, 0])], matrix[[3, 0]])
        assert_allclose(form.quadratic(columns[:, 0]), columns[:, 0] @ matrix @ columns[:, 0])
        # What a rule of the user's own may do with it.
        assert_allclose(form - np.eye(30), matrix - np.eye(30))
        assert_allclose(np.linalg.eigvalsh(form), np.linalg.eigvalsh(matrix), atol=1e-9)


@pytest.mark.parametrize("common", [0.0, 1.0])
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_weights_are_those_of_the_matrix(seed, common):
    factor, n_samples = contrasts(seed, common=common)
    own = np.geomspace(1e-4, 3, 30)
    for form in (ContrastGram(factor), OwnAndShift(own, common)):
        found = solve_checked(n_samples, form, None, None, None)
        expected = solve_checked(n_samples, np.asarray(form), None, None, None)
        assert found.gap <= 1e-6
        assert_allclose(found.source_weights, expected.source_weights, rtol=1e-4, atol=1e-6)


def test_many_cancelling_biases_are_certified():
    """Twenty thousand sources, whose biases leave a millionth of themselves."""
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(3, 20_000)) * rng.uniform(0, 0.5, 20_000)
    found = solve_checked(np.full(20_000, 50.0), ContrastGram(factor), None, None, None)
    assert found.gap <= 1e-9
    assert found.effective_source_size > 0.9 * 20_000 * 50


def test_a_bound_and_a_solver_take_the_matrix():
    factor, n_samples = contrasts(0)
    found = solve_checked(n_samples, ContrastGram(factor), 20.0, 0.05, None)
    expected = solve_checked(n_samples, factor.T @ factor, 20.0, 0.05, None)
    assert_allclose(found.source_weights, expected.source_weights)


@pytest.mark.parametrize("common", [0.0, 1.0])
def test_reml_and_its_errors_are_those_of_the_matrix(common, monkeypatch):
    factor, n_samples = contrasts(0, common=common)
    # In neither are groups looked for.
    monkeypatch.setattr(skuowq.weights._shared_shifts, "MANY_SOURCES", 10)
    expected = candidate_discrepancies(factor.T @ factor, 20.0, n_samples, 8.0, "reml")
    monkeypatch.setattr(skuowq.weights._discrepancy, "MANY_SOURCES", 10)
    found = candidate_discrepancies(ContrastGram(factor), 20.0, n_samples, 8.0, "reml")
    assert_allclose(found[1], expected[1], atol=1e-6)
    for form, matrix in zip(found[0], expected[0], strict=True):
        assert isinstance(form, OwnAndShift)
        assert_allclose(form, matrix, rtol=1e-4, atol=1e-8)
    mean = mean_of(*found)
    assert isinstance(mean, OwnAndShift)
    assert_allclose(
        std_error_of_checked(mean, 20.0, n_samples, 8.0, "reml"),
        std_error_of_checked(np.asarray(mean), 20.0, n_samples, 8.0, "reml"),
        rtol=1e-6,
    )
    for form in (mean, ContrastGram(factor)):
        rows = np.linspace(0, 1, 30) * n_samples
        assert_allclose(
            error_of_rows(20.0, n_samples, rows, form, 8.0),
            error_of_rows(20.0, n_samples, rows, np.asarray(form), 8.0),
        )


def test_groups_are_found_in_factors_too():
    """Six sources that share a shift, beside four that do not."""
    rng = np.random.default_rng(0)
    factor = 0.1 * rng.normal(size=(20, 10))
    factor[:, :6] += rng.normal(size=(20, 1))
    n_samples = np.full(10, 500.0)
    [form, *_], _ = candidate_discrepancies(ContrastGram(factor), 100.0, n_samples, 20.0, "reml")
    [matrix, *_], _ = candidate_discrepancies(factor.T @ factor, 100.0, n_samples, 20.0, "reml")
    assert matrix[0, 1] > 0.1 > matrix[0, 9]
    assert_allclose(form, matrix, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("kind", [UOWQClassifier, UOWQRegressor])
def test_a_fit_in_factors_is_the_fit_with_matrices(kind, monkeypatch):
    rng = np.random.default_rng(0)
    domains = []
    for far in (0.0, 0.0, 0.1, 0.5, 1.0, 2.0):
        X = rng.normal(size=(60, 4))
        y = X @ (1 + far * rng.normal(size=4)) + rng.normal(size=60)
        domains.append((X, y if kind is UOWQRegressor else (y > 0).astype(int)))
    expected = kind().fit(*domains[0], domains[1:])
    monkeypatch.setattr(skuowq._uowq.models.contrast_gram, "_MANY", 4)
    for module in (skuowq.weights._discrepancy, skuowq.weights._shared_shifts):
        monkeypatch.setattr(module, "MANY_SOURCES", 4)
    found = kind().fit(*domains[0], domains[1:])
    assert isinstance(found._discrepancy.among_kept, OwnAndShift)
    assert isinstance(found.discrepancy_, np.ndarray)
    for name in ("source_weights_", "discrepancy_", "discrepancy_std_error_", "expected_error_"):
        assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-3, atol=1e-6)
    assert_allclose(found.source_report_.discrepancy, np.diag(found.discrepancy_))
