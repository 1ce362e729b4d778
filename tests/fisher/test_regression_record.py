"""Records of regressions are added, scaled, expressed in other units, and written as JSON."""

import json
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skuowq.fisher import RegressionRecord, regression_record

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3)) * [1.0, 20.0, 0.1] + [1e3, 0.0, -5.0]
Y = X @ [1.0, 0.1, 3.0] + RNG.normal(size=90)
WEIGHT = np.linspace(0.5, 2.0, 90)


def assert_same(ours, theirs, rtol=1e-9):
    assert ours.n_samples == pytest.approx(theirs.n_samples)
    assert_allclose(ours.mean, theirs.mean, rtol)
    assert_allclose(ours.products, theirs.products, rtol, 1e-9 * np.abs(theirs.products).max())


@pytest.fixture(scope="module")
def whole():
    return regression_record(X, Y, sample_weight=WEIGHT)


def test_it_holds_the_weighted_moments(whole):
    Z = np.column_stack([X, Y])
    assert whole.n_samples == pytest.approx(WEIGHT.sum())
    assert_allclose(whole.mean, np.average(Z, axis=0, weights=WEIGHT))
    cov = np.cov(Z.T, aweights=WEIGHT, bias=True)
    assert_allclose(whole.products, WEIGHT.sum() * cov, rtol=1e-9, atol=1e-9)
    assert whole.n_features == 3
    assert whole.nbytes == 8 * 4 * 5 + 8
    assert repr(whole) == "RegressionRecord(112.5 rows, 3 features, 168 bytes)"


def test_the_sum_is_the_record_of_all_rows(whole):
    parts = [
        regression_record(X[rows], Y[rows], sample_weight=WEIGHT[rows])
        for rows in (slice(0, 50), slice(50, 80), slice(80, 90))
    ]
    assert_same(sum(parts), whole)
    assert_same(parts[2] + (parts[0] + parts[1]), whole)


def test_far_from_zero_no_digits_are_lost():
    """Products about 0 would be 1e16 times as large as what is looked for."""
    offset = np.array([1e8, 0.0, -1e8])
    far = X + offset - offset  # To the digits that are there.
    near = regression_record(far, Y)
    parts = [regression_record(far[rows] + offset, Y[rows]) for rows in (slice(40), slice(40, 90))]
    assert_allclose(sum(parts).products, near.products, atol=1e-6 * near.products.max())


def test_sparse_rows_are_rows(whole):
    rows = np.where(np.abs(X) > 1, X, 0.0)
    dense = regression_record(rows, Y, sample_weight=WEIGHT)
    assert_same(regression_record(sparse.csc_matrix(rows), Y, sample_weight=WEIGHT), dense)


def test_a_factor_counts_rows_several_times():
    once = regression_record(X, Y)
    thrice = regression_record(np.tile(X, (3, 1)), np.tile(Y, 3))
    assert_same(3 * once, thrice)
    assert_same(once * np.float64(3), once + once + once)
    assert_same(np.float64(0.5) * thrice, 1.5 * once)


def test_other_units_are_those_of_the_rows(whole):
    scale, origin = np.array([10.0, 0.1, 3.0]), np.array([1e3, 0.0, -7.0])
    moved = whole.in_units(scale, origin, y_scale=4.0, y_origin=2.0)
    rows = regression_record((X - origin) / scale, (Y - 2.0) / 4.0, sample_weight=WEIGHT)
    assert_same(moved, rows)
    halved = regression_record(X / 2, Y, sample_weight=WEIGHT)
    assert_same(whole.in_units(2.0), halved)


def test_json_and_pickles_keep_every_digit(whole):
    for back in (RegressionRecord.from_json(whole.to_json()), pickle.loads(pickle.dumps(whole))):
        assert back.n_samples == whole.n_samples
        assert_array_equal(back.mean, whole.mean)
        assert_array_equal(back.products, whole.products)


def test_rows_that_the_record_would_tell_are_refused():
    """Of two rows the mean and the products tell both; of three no longer."""
    weight = np.array([1.0, 1.0, 0.0])
    for rows in (slice(1), slice(2)):
        with pytest.raises(ValueError, match="of fewer than 3 a record tells every value"):
            regression_record(X[rows], Y[rows])
    with pytest.raises(ValueError, match="have 2 different rows of weight above 0"):
        regression_record(X[:3], Y[:3], sample_weight=weight)
    with pytest.raises(ValueError, match="have 1 different row of weight above 0"):
        regression_record(np.tile(X[0], (5, 1)), np.full(5, Y[0]))
    # A third row beyond those that are looked at first.
    copies = np.append(np.arange(1500) % 2, 2)
    assert regression_record(X[copies], Y[copies]).n_samples == 1501


def test_what_cannot_be_done_is_refused(whole):
    fewer = regression_record(X[:, :2], Y)
    for call, message in (
        (lambda: regression_record(X, Y[:-1]), "inconsistent numbers of samples"),
        (lambda: regression_record(X, np.full(90, "a")), "a regression needs numbers"),
        (lambda: regression_record(X, np.where(Y > 0, np.nan, Y)), "y contains NaN"),
        (lambda: regression_record(np.where(X > 0, np.nan, X), Y), "Input X contains NaN"),
        (lambda: regression_record(X, Y, sample_weight="many"), "sample_weight is 'many'"),
        (lambda: regression_record(X, Y, sample_weight=WEIGHT[1:]), r"has shape \(89,\)"),
        (lambda: regression_record(X, Y, sample_weight=-WEIGHT), "below 0 or not finite"),
        (lambda: regression_record(X, Y, sample_weight=0 * WEIGHT), "is 0 for all rows"),
        (lambda: regression_record(np.zeros((3, 5001)), Y[:3]), "reduce the features"),
        (lambda: regression_record(1e200 * X, Y), "too large for a float"),
        (lambda: whole + fewer, "have 3 and 2 features"),
        (lambda: 0 * whole, "a record times 0: pass a finite number above 0"),
        (lambda: whole.in_units(0.0), "scale holds 0.0"),
        (lambda: whole.in_units([1.0, 2.0]), r"scale has shape \(2,\): pass one finite number"),
        (lambda: whole.in_units(1.0, y_scale=-1.0), "y_scale holds -1.0"),
        (lambda: whole.in_units(1.0, y_origin=[1.0]), r"y_origin has shape \(1,\)"),
        (lambda: RegressionRecord.from_json("{}"), "pass what RegressionRecord.to_json returned"),
        (
            lambda: RegressionRecord.from_json(json.dumps({"skuowq_regression_record": 2})),
            "has format 2",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    for call in (lambda: whole + 1, lambda: whole * whole, lambda: 1 + whole):
        with pytest.raises(TypeError, match="unsupported operand"):
            call()
