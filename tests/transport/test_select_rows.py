"""Selection of target rows: shares, quotas, refills, strategies."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skuowq.transport import select_target_rows
from skuowq.transport._select_rows import STRATEGIES, class_scores

Y = np.repeat(["a", "b", "c", "d"], [10, 20, 30, 40])
DISTANCES = np.array([[1.0, 5.0, 2.0, 6.0], [2.0, 6.0, 1.0, 7.0]])  # Far: b and d.


def counts(budget, **options):
    chosen = select_target_rows(DISTANCES, Y, budget, random_state=0, **options)
    assert len(chosen) == budget == len(set(chosen))
    assert_array_equal(chosen, np.sort(chosen))
    return [int((Y[chosen] == label).sum()) for label in "abcd"]


def test_far_near_and_mixed():
    assert counts(12, strategy="far") == [0, 6, 0, 6]
    assert counts(12, strategy="near") == [6, 0, 6, 0]
    assert counts(12) == [3, 3, 3, 3]
    assert counts(12, alpha=5 / 6) == [1, 5, 1, 5]
    assert counts(12, strategy="far", n_far=1) == [0, 0, 0, 12]
    assert counts(8, strategy="stratified") == [2, 2, 2, 2]


def test_classes_that_run_out_are_made_up_for():
    assert counts(50, strategy="far") == [0, 20, 0, 30]
    assert counts(70, strategy="far") == [5, 20, 5, 40]
    assert counts(50, strategy="near") == [10, 5, 30, 5]
    assert counts(100, strategy="mixed") == [10, 20, 30, 40]
    small, *others = counts(60, strategy="stratified")
    assert small == 10
    assert sorted(others) == [16, 17, 17]


def test_uniform_is_uniform():
    times = np.zeros(100)
    for seed in range(400):
        times[select_target_rows(DISTANCES, Y, 20, strategy="uniform", random_state=seed)] += 1
    # 400 draws of a fifth: 80 give or take 8.
    assert abs(times - 80).max() < 5 * 8


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rows_within_a_class_are_random_and_seeds_repeat(strategy):
    draws = [
        select_target_rows(DISTANCES, Y, 16, strategy=strategy, random_state=seed)
        for seed in (0, 0, 1)
    ]
    assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_aggregates():
    pytest.importorskip("ot")
    assert_array_equal(class_scores(DISTANCES, "mean"), DISTANCES.mean(axis=0))
    assert_array_equal(class_scores(DISTANCES, "min"), DISTANCES.min(axis=0))
    square = np.array([[0.0, 9.0], [9.0, 4.0]])
    # Each class goes to its own: what it pays is its distance.
    np.testing.assert_allclose(class_scores(square, "ot"), [0, 4])
    assert counts(4, strategy="far", aggregate="ot")[1] == 2
    drawn = np.random.RandomState(0).uniform(size=(5, 4))
    expected = class_scores(drawn, "ot")
    np.testing.assert_allclose(class_scores(1e-17 * drawn, "ot"), 1e-17 * expected, rtol=1e-9)
    np.testing.assert_allclose(class_scores(0 * drawn, "ot"), 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 101}, "budget is 101: pass a number of rows from 1 to 100"),
        ({"budget": 0}, "budget is 0"),
        ({"strategy": "best"}, "strategy is 'best': pass one of mixed"),
        ({"alpha": 2}, "alpha is 2"),
        ({"aggregate": "max"}, "aggregate is 'max'"),
        ({"n_far": 5}, "n_far is 5: pass a number of classes from 0 to 4"),
        ({"distances": DISTANCES[:, :3]}, "distances has 3 columns, and y has 4 classes"),
        ({"distances": DISTANCES * np.nan}, "distances contains NaN"),
        ({"distances": "far"}, "distances is 'far'"),
        ({"distances": DISTANCES[:0]}, r"distances has shape \(0, 4\)"),
    ],
)
def test_bad_arguments(options, message):
    options = {"distances": DISTANCES, "y": Y, "budget": 10} | options
    with pytest.raises(ValueError, match=message):
        select_target_rows(**options)
