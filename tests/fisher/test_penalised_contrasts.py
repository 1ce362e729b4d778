"""Penalised contrasts by the definition, by the matrix and by products alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from skuowq import fisher
from skuowq.fisher._penalised_contrasts import conjugate_gradients
from skuowq.fisher._softmax_regression import class_probabilities, information_diagonal


def random_system(seed=0, n_parameters=30, n_contrasts=4):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(60, n_parameters)) * np.geomspace(1, 0.01, n_parameters)
    H = root.T @ root / 60
    return H, np.full(n_parameters, 1e-3), rng.normal(size=(n_parameters, n_contrasts))


def test_the_matrix_road_is_the_definition():
    H, ridge, contrasts = random_system()
    inverse = np.linalg.inv(H + np.diag(ridge))
    expected_d = np.trace(inverse @ H @ inverse @ H)
    expected = contrasts.T @ inverse @ H @ inverse @ contrasts / expected_d
    gram, d = fisher.penalised_gram(H, ridge, contrasts)
    assert_allclose(d, expected_d)
    assert_allclose(gram, expected)


def test_products_alone_give_the_same():
    H, ridge, contrasts = random_system()
    exact, d = fisher.penalised_gram(H, ridge, contrasts)
    # The products are exact; only the trace is drawn, here from many probes.
    rng = np.random.RandomState(0)
    gram, drawn = fisher.penalised_gram_by_products(
        lambda v: H @ v, np.diag(H), ridge, contrasts, rng, n_probes=2000, rtol=1e-8
    )
    assert_allclose(drawn, d, rtol=0.05)
    assert_allclose(gram * drawn, exact * d, rtol=1e-6)


def test_few_probes_are_as_good_as_said():
    """The stated relative error, sqrt(2 / (n_probes d)), is not exceeded over 200 draws."""
    H, ridge, contrasts = random_system()
    _, d = fisher.penalised_gram(H, ridge, contrasts)
    drawn = [
        fisher.penalised_gram_by_products(
            lambda v: H @ v, np.diag(H), ridge, contrasts, np.random.RandomState(seed)
        )[1]
        for seed in range(200)
    ]
    assert np.sqrt(np.mean((np.array(drawn) / d - 1) ** 2)) < np.sqrt(2 / (8 * d))
    assert abs(np.mean(drawn) - d) < 4 * np.std(drawn) / np.sqrt(200)


@pytest.mark.parametrize("rtol", [1e-2, 1e-8])
def test_conjugate_gradients_solve_every_column(rtol):
    H, ridge, contrasts = random_system()
    A = H + np.diag(ridge)
    # One column is solved at once; the others go on.
    columns = np.column_stack([contrasts, np.zeros(30)])
    x = conjugate_gradients(lambda v: A @ v, columns, 1 / np.diag(A), rtol)
    residual = np.linalg.norm(A @ x - columns, axis=0)
    assert np.all(residual <= 1.01 * rtol * np.linalg.norm(columns, axis=0) + 1e-15)


def test_conjugate_gradients_that_do_not_get_there_say_so():
    H, ridge, contrasts = random_system()
    A = H + np.diag(ridge)
    with pytest.warns(ConvergenceWarning, match="stopped after 2 steps"):
        conjugate_gradients(lambda v: A @ v, contrasts, 1 / np.diag(A), 1e-8, max_iter=2)


def test_diagonal_of_the_information():
    rng = np.random.default_rng(0)
    X, theta, weight = rng.normal(size=(30, 4)), rng.normal(size=(4, 2)), rng.uniform(size=30)
    J = fisher.softmax_fisher_information(X, theta, weight)
    diagonal = information_diagonal(X, class_probabilities(X, theta)[0], weight)
    assert_allclose(diagonal, np.diag(J), rtol=1e-10)
