"""Many sources of which one is right: fits of each source alone are a second opinion."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skuowq import Sources, UOWQClassifier
from skuowq._uowq.models.softmax_own_fits import OwnFits, worth_own_fits
from skuowq._uowq.models.softmax_rows import SoftmaxProblem
from skuowq._uowq.weigh import _is_settled
from skuowq.datasets import make_classification_tasks
from skuowq.fisher import fit_softmax
from skuowq.rules import Sizes


def tasks_of(n_sources, n_rows, seed, **options):
    return make_classification_tasks(
        n_samples=(n_rows,) * n_sources,
        discrepancies=np.linspace(0, 1, n_sources),
        random_state=seed,
        **options,
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_one_right_source_of_twelve_is_found(seed):
    tasks = tasks_of(12, 1500, seed, n_target=60, n_test=3000)
    clf = UOWQClassifier().fit(tasks.X_target, tasks.y_target, Sources(tasks.sources))
    assert clf.mixture_weights_.argmax() == 0
    assert clf.mixture_weights_[0] > 0.5
    alone = LogisticRegression().fit(tasks.X_target, tasks.y_target)
    losses = [log_loss(tasks.y_test, m.predict_proba(tasks.X_test)) for m in (clf, alone)]
    assert losses[0] < 0.9 * losses[1]


def problem_of(tasks, penalty=0.5):
    X, y = zip((tasks.X_target, tasks.y_target), *tasks.sources, strict=True)
    matrix = np.vstack([np.column_stack([part, np.ones(len(part))]) for part in X])
    sizes = [len(labels) for labels in y]
    weight = np.ones(len(matrix))
    return SoftmaxProblem(matrix, np.concatenate(y), weight, sizes, 3, np.full(11, penalty))


def test_a_step_leads_to_the_fit_of_a_source_alone():
    tasks = tasks_of(6, 2000, 0)
    problem = problem_of(tasks, penalty=1e-3)
    rows = problem.domains[3]
    own = fit_softmax(
        problem.matrix[rows], problem.labels[rows], 3, problem.row_weight[rows], problem.penalty
    )
    theta = own + 0.3
    found = OwnFits(problem, np.array([2]), theta)
    step, ridge = found.steps(2, theta, 2000.0)
    # Common steps of the intercepts are no distance; the effects lead back.
    assert_allclose(step, np.full(20, -0.3), atol=0.02)
    assert_allclose(ridge, 1e-3 / 2000)


@pytest.mark.parametrize(("n_sources", "n_rows", "n"), [(5, 2000, 0), (6, 100, 0), (6, 230, 6)])
def test_where_it_is_asked_for(n_sources, n_rows, n):
    """Of many sources those with ten rows a parameter."""
    tasks = tasks_of(n_sources, n_rows, 0)
    n_rows = np.full(n_sources, float(n_rows))
    sizes = Sizes(50.0, n_rows, np.ones(n_sources))
    assert len(worth_own_fits(problem_of(tasks), sizes)) == n


def test_weights_of_many_rows_settle_by_what_all_of_them_weigh():
    sizes = Sizes(60.0, np.array([100_000.0, 60.0]), np.ones(2))
    start = np.zeros(2)
    assert not _is_settled(np.array([0.02, 0.0]), start, sizes)
    assert _is_settled(np.array([1e-5, 0.02]), start, sizes)
    assert not _is_settled(np.array([0.0, 0.05]), start, sizes)
