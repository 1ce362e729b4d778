"""The implicit indicators against a dense matrix that has them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from skuowq.fisher import _softmax_regression as softmax_regression
from skuowq.fisher import fit_softmax
from skuowq.fisher._domain_design import DomainDesign

SIZES = np.array([7, 0, 12, 1, 20])


@pytest.fixture(params=[np.asarray, sparse.csr_matrix])
def pair(request):
    matrix = np.random.default_rng(0).normal(size=(40, 3))
    dense = np.hstack([matrix, np.repeat(np.eye(5), SIZES, axis=0)])
    return DomainDesign(request.param(matrix), SIZES), dense


def test_products_and_slices(pair):
    design, dense = pair
    assert design.shape == dense.shape
    rng = np.random.default_rng(1)
    columns, rows = rng.normal(size=(8, 2)), rng.normal(size=(40, 2))
    assert_allclose(design @ columns, dense @ columns, atol=1e-14)
    assert_allclose(design.T @ rows, dense.T @ rows, atol=1e-13)
    for part in (slice(None), slice(0, 7), slice(5, 25), slice(19, None), slice(39, 40)):
        assert_allclose(design[part] @ columns, dense[part] @ columns, atol=1e-14)
        assert_allclose(design[part].T @ rows[part], dense[part].T @ rows[part], atol=1e-13)


@pytest.mark.parametrize("block", [2**15, 16])  # The second cuts domains into several blocks.
def test_information_is_the_dense_one_in_blocks(pair, block, monkeypatch):
    design, dense = pair
    monkeypatch.setattr(softmax_regression, "_BLOCK_ENTRIES", block)
    rng = np.random.default_rng(2)
    weight, theta, ridge = rng.uniform(0.1, 2, 40), rng.normal(size=(8, 2)), rng.uniform(1, 2, 16)
    p, _ = softmax_regression.class_probabilities(design, theta)
    expected = softmax_regression.information(dense, p, weight)
    found = softmax_regression.information(design, p, weight)
    assert_allclose(found.common, expected[:6, :6], atol=1e-13)
    for k in range(5):
        of_k = slice(6 + 2 * k, 8 + 2 * k)
        assert_allclose(found.border[k], expected[:6, of_k], atol=1e-13)
        assert_allclose(found.own[k], expected[of_k, of_k], atol=1e-13)
    penalised = 40 * expected + np.diag(ridge)
    vector = rng.normal(size=16)
    assert_allclose(found.solver(40, ridge)(vector), np.linalg.solve(penalised, vector))
    profiled = np.linalg.inv(found.profiled(40, ridge))
    assert_allclose(profiled, np.linalg.inv(penalised)[:8, :8], atol=1e-12)


def test_domains_apart_are_mixed_with_any_weights(pair):
    design, _ = pair
    rng = np.random.default_rng(4)
    own, domain_weight = rng.uniform(0.1, 2, 40), rng.uniform(0, 3, 5)
    p, _ = softmax_regression.class_probabilities(design, rng.normal(size=(8, 2)))
    weight = own * np.repeat(domain_weight, SIZES)
    expected = softmax_regression.information(design, p, weight)
    apart = softmax_regression.information_by_domain(design, p, own)
    first = softmax_regression.information_by_domain(design.first_domain(), p[:, :7], own[:7])
    for found in (apart.mixed(domain_weight), apart.mixed(domain_weight, np.ones(5), first)):
        for name in ("common", "border", "own"):
            assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-13)
    # Without the rows of the first domain but two, as where they are held out.
    own[2:7] = 0
    expected = softmax_regression.information(design, p, own * np.repeat(domain_weight, SIZES))
    two = softmax_regression.information_by_domain(design.first_domain(), p[:, :7], own[:7])
    found = apart.mixed(domain_weight, first=two)
    assert_allclose(found.common, expected.common, atol=1e-13)


@pytest.mark.parametrize("road", ["newton", "l-bfgs"])
def test_fits_agree(pair, road, monkeypatch):
    design, dense = pair
    if road == "l-bfgs":
        monkeypatch.setattr(softmax_regression, "NEWTON_MAX_PARAMETERS", 0)
    rng = np.random.default_rng(3)
    y, weight = rng.integers(0, 3, 40), rng.uniform(0.1, 2, 40)
    penalty = rng.uniform(0.3, 1, 8)
    fits = [fit_softmax(X, y, 3, weight, penalty, tol=1e-11) for X in (design, dense)]
    assert_allclose(*fits, atol=1e-5)
