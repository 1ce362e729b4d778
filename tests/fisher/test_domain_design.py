"""The implicit indicators against a dense matrix that has them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from skuowq.fisher import _softmax_regression as softmax_regression
from skuowq.fisher import fit_softmax
from skuowq.fisher._domain_design import DomainDesign, with_own_intercepts

SIZES = [7, 0, 12, 1, 20]


@pytest.fixture
def pair():
    matrix = np.random.default_rng(0).normal(size=(40, 3))
    dense = np.hstack([matrix, np.repeat(np.eye(5), SIZES, axis=0)])
    return with_own_intercepts(matrix, SIZES), dense


def test_products_slices_and_powers(pair):
    design, dense = pair
    assert design.shape == dense.shape
    rng = np.random.default_rng(1)
    columns, rows = rng.normal(size=(8, 2)), rng.normal(size=(40, 2))
    assert_allclose(design @ columns, dense @ columns, atol=1e-14)
    assert_allclose(design.T @ rows, dense.T @ rows, atol=1e-13)
    for part in (slice(None), slice(0, 7), slice(5, 25), slice(19, None), slice(30, 30)):
        taken = design[part].take(np.arange(len(dense[part])))
        assert_allclose(taken, dense[part])
        if len(dense[part]):
            assert_allclose(design[part].T @ rows[part], dense[part].T @ rows[part], atol=1e-13)
    assert_allclose((design**2).take(np.arange(40)), dense**2)


def test_softmax_regression_takes_it_for_a_matrix(pair, monkeypatch):
    design, dense = pair
    rng = np.random.default_rng(2)
    y, weight = rng.integers(0, 3, 40), rng.uniform(0.1, 2, 40)
    theta = rng.normal(size=(8, 2))
    for block in (2**15, 16):  # One block, and blocks that cut domains.
        monkeypatch.setattr(softmax_regression, "_BLOCK_ENTRIES", block)
        for name in ("information", "information_diagonal"):
            function = getattr(softmax_regression, name)
            p, _ = softmax_regression.class_probabilities(dense, theta)
            assert_allclose(function(design, p, weight), function(dense, p, weight), atol=1e-13)
    directions = rng.normal(size=(16, 3))
    assert_allclose(
        softmax_regression.information_product(design, p, weight, directions),
        softmax_regression.information_product(dense, p, weight, directions),
        atol=1e-13,
    )
    penalty = np.full(8, 0.5)
    fits = [fit_softmax(X, y, 3, weight, penalty, tol=1e-10) for X in (design, dense)]
    assert_allclose(*fits, atol=1e-8)


def test_sparse_columns_get_stored_indicators(pair):
    _, dense = pair
    design = with_own_intercepts(sparse.csr_matrix(dense[:, :3]), SIZES)
    assert sparse.issparse(design)
    assert_allclose(design.toarray(), dense)
    assert isinstance(with_own_intercepts(dense, SIZES), DomainDesign)
