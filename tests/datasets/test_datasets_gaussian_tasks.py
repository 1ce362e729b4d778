"""Gaussian tasks: the truth is what was asked for, and the rows follow it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skuowq.datasets import make_gaussian_tasks


@pytest.mark.parametrize("common_shift", [0.0, 0.7])
@pytest.mark.parametrize("n_parameters", [2, 30])
def test_discrepancies_are_exact(n_parameters, common_shift):
    asked = np.array([0.0, 0.05, 1.0, 3.0])
    tasks = make_gaussian_tasks(
        25, (10, 20, 30, 40), n_parameters, asked, common_shift, random_state=0
    )
    contrasts = tasks.theta_sources - tasks.theta_target[:, None]
    assert_allclose(
        contrasts.T @ tasks.fisher_information @ contrasts / n_parameters,
        tasks.discrepancy,
        atol=1e-13,
    )
    assert_allclose(np.diag(tasks.discrepancy), asked + common_shift, atol=1e-13)
    # The source without a bias of its own sits at the shared shift.
    assert_allclose(tasks.discrepancy[0], common_shift, atol=1e-13)


def test_shapes_and_one_parameter():
    tasks = make_gaussian_tasks(7, [3, 4], 1, [0.2, 0.3], random_state=0)
    assert tasks.X_target.shape == (7, 1)
    assert [X.shape for X in tasks.sources] == [(3, 1), (4, 1)]
    assert tasks.theta_target.shape == (1,)
    assert tasks.theta_sources.shape == (1, 2)
    shifted = make_gaussian_tasks(7, [3], 1, [0.0], common_shift=0.5, random_state=0)
    assert_allclose(shifted.discrepancy, 0.5)


def test_rows_have_the_means_and_covariance_told():
    tasks = make_gaussian_tasks(40_000, [50_000], 3, [0.5], random_state=0)
    for X, theta in [
        (tasks.X_target, tasks.theta_target),
        (tasks.sources[0], tasks.theta_sources[:, 0]),
    ]:
        assert np.abs((X.mean(axis=0) - theta) * np.sqrt(len(X))).max() < 4
        # The standard error of a variance of unit normals is sqrt(2 / n).
        assert np.abs(np.cov(X.T) - np.eye(3)).max() < 4 * np.sqrt(2 / len(X))


def test_random_state_decides_everything():
    first, again, other = (make_gaussian_tasks(random_state=seed) for seed in (0, 0, 1))
    assert_array_equal(first.X_target, again.X_target)
    assert_array_equal(first.sources[2], again.sources[2])
    assert not np.array_equal(first.theta_sources, other.theta_sources)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_target": 0}, "n_target is 0"),
        ({"n_parameters": 1.5}, "n_parameters is 1.5"),
        ({"n_samples": (10, 10)}, "one entry for each source"),
        ({"n_samples": (10, 0, 10)}, "an entry of n_samples is 0"),
        ({"discrepancies": (0, 0, -1)}, "discrepancies is"),
        ({"common_shift": -1}, "common_shift is -1"),
        ({"common_shift": None}, "common_shift is None"),
        ({"common_shift": 1, "n_parameters": 1}, "2 or more parameters"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_gaussian_tasks(**changes)
