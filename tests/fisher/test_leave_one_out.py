"""Rows left out, alone and in groups, against fits without them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference import leave_group_out

from skuowq import fisher
from skuowq._uowq.models.linear import _left_out_errors
from skuowq.fisher._leave_one_out import leave_one_out


def draw(n=240, n_features=4, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(size=(n, n_features)), np.ones(n)])
    logits = X @ rng.normal(size=(n_features + 1, n_classes))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return X, y, rng


def first_order(X, y, weight, penalty, groups, n_classes):
    basis = fisher.contrast_basis(n_classes)
    theta = leave_group_out.softmax_fit(X, y, basis, weight, penalty)
    A = weight.sum() * fisher.softmax_fisher_information(X, theta, weight)
    A += np.diag(np.repeat(penalty, n_classes - 1))
    return theta, A, basis


@pytest.mark.parametrize("size", [1, 3, 8])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_groups_left_out_are_fits_without_them(size, n_classes):
    """To 3 %, where no group has more than a share of .7 in its own fit."""
    X, y, rng = draw(n_classes=n_classes)
    weight, penalty = rng.uniform(0.3, 1.5, len(y)), np.full(X.shape[1], 2.0)
    groups = rng.permutation(np.arange(len(y)) // size)
    theta, A, basis = first_order(X, y, weight, penalty, groups, n_classes)
    found, leverage = leave_one_out(X, y, theta, A, weight, groups)
    expected = leave_group_out.losses(X, y, basis, weight, penalty, groups.tolist())
    assert leverage < 0.7
    assert_allclose(found, expected, rtol=0.03, atol=0.003)
    alone = fisher.leave_one_out_loss(X, y, theta, A, weight)
    assert np.allclose(alone, expected, rtol=0.03, atol=0.003) == (size == 1)


def test_copies_in_a_group_are_one_heavy_row():
    X, y, rng = draw(60)
    weight, penalty = rng.integers(1, 5, len(y)), np.full(X.shape[1], 3.0)
    theta, A, _ = first_order(X, y, weight.astype(float), penalty, None, 3)
    heavy = fisher.leave_one_out_loss(X, y, theta, A, weight)
    rows = rng.permutation(np.repeat(np.arange(60), weight))
    copies = fisher.leave_one_out_loss(X[rows], y[rows], theta, A, groups=rows.astype(str))
    assert_allclose(copies, heavy[rows], rtol=1e-9)
    # Without their others the copies look as if they had been foreseen.
    assert fisher.leave_one_out_loss(X[rows], y[rows], theta, A).mean() < copies.mean()


def test_large_groups_take_the_road_of_the_parameters():
    """Of 7 rows and 2 contrasts, 14 numbers; the parameters are 10: both roads give one answer."""
    X, y, rng = draw(210)
    weight, penalty = rng.uniform(0.5, 2, len(y)), np.full(X.shape[1], 2.0)
    theta, A, _ = first_order(X, y, weight, penalty, None, 3)
    found, share = leave_one_out(X, y, theta, A, weight, np.arange(210) // 7)
    # With columns of zeros the parameters outnumber the rows, and nothing else changes.
    wide, theta = np.hstack([X, np.zeros((210, 4))]), np.vstack([theta, np.zeros((4, 2))])
    A = np.block([[A, np.zeros((10, 8))], [np.zeros((8, 10)), np.eye(8)]])
    other, other_share = leave_one_out(wide, y, theta, A, weight, np.arange(210) // 7)
    assert_allclose(found, other, rtol=1e-8)
    assert_allclose(share, other_share, rtol=1e-8)


@pytest.mark.parametrize("size", [1, 2, 5, 20])
def test_errors_of_ridge_regressions_without_groups(size):
    X, _, rng = draw(60)
    y, weight, penalty = rng.normal(size=60), rng.uniform(0.2, 4, 60), np.full(X.shape[1], 0.7)
    groups = rng.permutation(np.arange(60) // size)
    A, b = (X.T * weight) @ X + np.diag(penalty), (X.T * weight) @ y
    errors = y - X @ np.linalg.solve(A, b)
    found = _left_out_errors(X, np.linalg.solve(A, X.T), errors, weight, groups)
    expected = leave_group_out.ridge_errors(X, y, weight, penalty, groups.tolist())
    assert_allclose(found, expected, rtol=1e-8, atol=1e-10)
