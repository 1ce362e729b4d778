"""The two calibrations against slow roads and against simulated truth."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from problems import assert_noise_alone
from sklearn.linear_model import LogisticRegression

from skuowq import fisher
from skuowq._data.domains import Domain
from skuowq._uowq.models import softmax as module
from skuowq._uowq.models.known_fit import KnownFit, known_fit
from skuowq._uowq.models.softmax import softmax_model
from skuowq._uowq.models.softmax_rows import SoftmaxProblem
from skuowq._uowq.roads import Options, Road
from skuowq._uowq.roads.head import HeadRoad
from skuowq._uowq.roads.softmax_weighing import weigh_by_softmax
from skuowq._uowq.weigh import SETTLED, supported
from skuowq._uowq.weigh import weigh as weigh_by
from skuowq.datasets import make_classification_tasks
from skuowq.fisher._softmax_regression import class_probabilities, information
from skuowq.rules import Debiased, PlugIn, Reml


def problem_from(tasks, penalty=1e-3):
    """A problem with the constant column that the truth has."""
    domains = [(tasks.X_target, tasks.y_target), *tasks.sources]
    X = np.vstack([X for X, _ in domains])
    n_classes = tasks.theta_target.shape[-1] + 1
    return SoftmaxProblem(
        matrix=np.column_stack([X, np.ones(len(X))]),
        labels=np.concatenate([np.searchsorted(tasks.classes, y) for _, y in domains]),
        row_weight=np.ones(len(X)),
        sizes=[len(y) for _, y in domains],
        n_classes=n_classes,
        penalty=np.full(X.shape[1] + 1, penalty),
    )


def weigh(problem, method="reml", n_updates=4, n_jobs=None):
    rule = (
        Debiased() if method == "debiased" else {"reml": Reml, "plugin": PlugIn}[method](n_updates)
    )
    model = softmax_model(problem, rule.measure, n_jobs=n_jobs, random_state=0)
    return weigh_by(model, rule, max_weight=None, solver=None, report=lambda *_: None)


def scores_of(problem):
    return softmax_model(problem, "scores", n_jobs=None, random_state=0)


def judged(problem, weights, theta, curvature):
    """What the target's held-out rows leave of the weights, at a fit that is known."""
    model = scores_of(problem)
    model.problem, model.known = problem, KnownFit(theta, of_mixture=curvature)
    return supported(model, weights, np.zeros_like(weights))


def test_noise_of_the_scores_is_one_row_in_n():
    """With identical sources E[S] = 1/N0 + diag(1/N): a z-test over draws of the data."""
    draws = []
    for seed in range(150):
        tasks = make_classification_tasks(
            n_target=400,
            n_samples=(800, 1600),
            n_features=4,
            discrepancies=(0, 0),
            random_state=seed,
        )
        contrasts = scores_of(problem_from(tasks))
        draws.append(contrasts.contrasts(np.ones(2))[0])
    assert_noise_alone(draws, 400, [800, 1600])


def test_noise_is_less_than_that_where_target_rows_are_few():
    """The rows are in the fit that judges them: 15 of them carry 0.2 to 0.9 times 1/N0."""
    ratios = []
    for seed in range(60):
        tasks = make_classification_tasks(
            n_target=15, n_samples=(200,), n_features=20, discrepancies=(0,), random_state=seed
        )
        contrasts = scores_of(problem_from(tasks, penalty=1.0))
        ratios.append(contrasts.contrasts(contrasts.start)[0].item() / (1 / 15 + 1 / 200))
    mean, error = np.mean(ratios), np.std(ratios) / np.sqrt(60)
    assert mean > 0.2
    assert mean + 4 * error < 0.9


@pytest.mark.parametrize(("method", "rtol"), [("reml", 0.15), ("debiased", 0.15)])
def test_near_discrepancies_are_recovered_where_rows_abound(method, rtol):
    tau = np.array([0.0, 0.001, 0.003])
    tasks = make_classification_tasks(
        n_target=50_000, n_samples=(50_000,) * 3, discrepancies=tau, random_state=0
    )
    result = weigh(problem_from(tasks), method)
    assert_allclose(np.diag(result.discrepancy), tau, rtol=rtol, atol=1e-4)


@pytest.mark.parametrize("method", ["reml", "debiased"])
def test_farther_sources_weigh_less(method):
    tasks = make_classification_tasks(
        n_target=4000, n_samples=(8000,) * 3, discrepancies=(0.0, 0.01, 0.1), random_state=0
    )
    result = weigh(problem_from(tasks), method)
    assert np.all(np.diff(result.weights.source_weights) < 0)


def test_plugin_is_the_papers_rule():
    """Separate fits, per-row Fisher information at the target's fit over the target's rows."""
    tasks = make_classification_tasks(
        n_target=60, n_samples=(200, 300), random_state=1, discrepancies=(0.0, 0.5)
    )
    problem = problem_from(tasks, penalty=0.5)
    fits = [
        fisher.fit_softmax(
            problem.matrix[rows],
            problem.labels[rows],
            3,
            problem.row_weight[rows],
            problem.penalty,
            tol=1e-8,
        )
        for rows in problem.domains
    ]
    J = fisher.softmax_fisher_information(problem.matrix[problem.domains[0]], fits[0])
    Theta = np.column_stack([(theta - fits[0]).ravel() for theta in fits[1:]])
    result = weigh(problem, "plugin", n_updates=0)
    assert_allclose(result.discrepancy, Theta.T @ J @ Theta / len(J), rtol=0.02)
    assert result.n_parameters == len(J)
    assert result.history.shape == (1, 2)


def test_dynamic_updates_are_recorded_and_end_when_settled():
    tasks = make_classification_tasks(random_state=0)
    static = weigh(problem_from(tasks), n_updates=0)
    dynamic = weigh(problem_from(tasks), n_updates=50)
    # The last entry is the target's judgement.
    assert static.history.shape == (2, 3)
    assert 2 < len(dynamic.history) < 52
    assert_allclose(dynamic.history[0], static.history[0])
    assert_allclose(dynamic.history[-1], dynamic.weights.source_weights)
    assert np.abs(dynamic.history[-2] - dynamic.history[-3]).max() <= SETTLED


def test_updates_do_not_swing_between_two_answers():
    """One more update changes little, where undamped ones would go back and forth by 0.5."""
    changes = []
    for seed in range(8):
        tasks = make_classification_tasks(
            n_target=30, n_samples=(1000,), n_classes=2, discrepancies=(0.03,), random_state=seed
        )
        six, seven = (
            weigh(problem_from(tasks, penalty=0.5), n_updates=n).history[-2] for n in (6, 7)
        )
        changes.append(np.abs(six - seven).max())
    assert np.median(changes) < 0.05


def test_products_and_matrix_give_the_same_weights(monkeypatch):
    tasks = make_classification_tasks(random_state=0)
    explicit = weigh(problem_from(tasks), n_updates=1)
    monkeypatch.setattr(module, "MAX_EXPLICIT_PARAMETERS", 0)
    products = weigh(problem_from(tasks), n_updates=1)
    assert_allclose(
        products.weights.source_weights, explicit.weights.source_weights, rtol=0.15, atol=0.01
    )


@pytest.mark.parametrize("row_weight", [1.0, 0.1, "random"])
def test_leave_one_out_is_what_refitting_without_each_row_gives(row_weight):
    """Rows leave with all of their weight: a row of weight 3 is three copies of one."""
    problem = problem_from(make_classification_tasks(random_state=2), penalty=0.5)
    problem = problem.with_intercept_variance(0.4)
    target = problem.domains[0]
    if row_weight == "random":
        row_weight = np.random.default_rng(0).uniform(0.05, 3, 50)
    problem.row_weight[target] = row_weight
    weight = problem.weigh(np.array([0.5, 0.1, 0.01]) * np.max(row_weight))
    theta = problem.fit(weight, tol=1e-8)
    probabilities, _ = class_probabilities(problem.design, theta)
    curvature = information(problem.design, probabilities, weight)
    rows = np.column_stack([problem.matrix[target], np.ones(50)])  # With its own intercepts.
    losses = fisher.leave_one_out_loss(
        rows,
        problem.labels[target],
        theta[: rows.shape[1]],
        curvature.profiled(weight.sum(), np.repeat(problem.full_penalty, 2)),
        problem.row_weight[target],
    )
    refitted = []
    for j in range(target.stop):
        without = weight.copy()
        without[j] = 0
        without_j = problem.fit(without, start=theta, tol=1e-8)[: rows.shape[1]]
        probabilities = fisher.softmax_probabilities(rows[[j]], without_j)
        refitted.append(-np.log(probabilities[0, problem.labels[j]]))
    assert_allclose(losses, refitted, rtol=0.03, atol=0.003)


@pytest.mark.parametrize("road", ["leave one out", "folds"])
@pytest.mark.parametrize("row_weight", [1.0, 0.1])
def test_the_target_rejects_a_contradicting_source(road, row_weight):
    tasks = make_classification_tasks(n_target=200, random_state=0)
    tasks.sources = [tasks.sources[0], *[(X, 2 - y) for X, y in tasks.sources[:1]]]
    problem = problem_from(tasks, penalty=0.5).with_intercept_variance(0.3)
    problem.row_weight[:200] = row_weight
    weight = problem.weigh(np.zeros(2))
    theta = problem.fit(weight)
    curvature = None
    if road == "leave one out":
        probabilities, _ = class_probabilities(problem.design, theta)
        curvature = information(problem.design, probabilities, weight)
    # Twenty rows of evidence say less than two hundred.
    good, bad = judged(problem, np.array([1.0, 0.0]), theta, curvature)
    assert good > (0.8 if row_weight == 1 else 0.5)
    assert bad < (0.001 if row_weight == 1 else 0.1)
    assert judged(problem, np.array([0.0, 1.0]), theta, curvature).max() < 0.05


def look_at(problem, weights):
    """What the rows show at the fit with such weights of the sources."""
    weights = np.append(1.0, weights)
    return problem.look(problem.fit_mixture(weights, tol=1e-8), weights), weights


@pytest.mark.parametrize("n_classes", [2, 4])
def test_information_near_a_known_fit_is_that_formed_again(n_classes):
    """In the sum of the target rows' leverages, which hold them out."""
    tasks = make_classification_tasks(
        n_target=80, n_classes=n_classes, discrepancies=[0.0, 0.3, 2.0], random_state=0
    )
    problem = problem_from(tasks, penalty=0.5).with_intercept_variance(0.3)
    known = known_fit(*look_at(problem, np.full(3, 0.02)))
    there, weights = look_at(problem, np.array([1.0, 0.5, 0.0]))
    weight = problem.weigh(weights[1:])
    exact, scaled = there.information(weights), known.curvature_at(there, weights)
    ridge = np.repeat(problem.full_penalty, n_classes - 1)
    rows = np.kron(np.column_stack([problem.matrix[:80], np.ones(80)]), np.eye(n_classes - 1))

    def off(curvature):
        found, right = (
            np.trace(rows @ np.linalg.solve(c.profiled(weight.sum(), ridge), rows.T))
            for c in (curvature, exact)
        )
        return abs(found / right - 1)

    assert off(scaled) < 0.05
    assert off(scaled) < off(known.curvature(weights))


def test_information_is_formed_again_where_a_fit_is_far():
    tasks = make_classification_tasks(
        n_target=80, n_samples=(1000,), discrepancies=[0.0], random_state=0
    )
    problem = problem_from(tasks, penalty=0.5).with_intercept_variance(0.3)
    look, weights = look_at(problem, np.ones(1))
    known = known_fit(look, weights)
    sure = problem.look(30 * look.theta, weights)
    assert known.curvature_at(sure, weights) is None
    # Nobody asks for a source without weight.
    assert known.curvature_at(sure, np.array([1.0, 0.0])) is not None


def test_the_target_may_prefer_sources_alike():
    tasks = make_classification_tasks(n_target=30, discrepancies=[0.0] * 3, random_state=0)
    problem = problem_from(tasks, penalty=0.5).with_intercept_variance(0.3)
    weights = np.array([0.001, 0.0, 0.0])
    found = judged(problem, weights, problem.fit(problem.weigh(weights)), None)
    # Sources of one size: what they share is the same for those that the weights leave out.
    assert_allclose(found[1], found[2])
    assert 0 < found[1] < found[0]
    # All of them are perfect: equal mass has most of the evidence.
    assert found.sum() > weights.sum()


def test_the_plugin_bounds_weights_where_sources_taught_the_features_and_rows_are_few():
    """On the features of a network that was trained on the sources, these look too near."""

    def weights(n_target, road, rule):
        tasks = make_classification_tasks(
            n_target=n_target,
            n_samples=(500, 500),
            n_features=20,
            discrepancies=(0.0, 0.5),
            random_state=0,
        )
        domains = [
            Domain(X, np.searchsorted(tasks.classes, y), np.ones(len(y)))
            for X, y in [(tasks.X_target, tasks.y_target), *tasks.sources]
        ]
        task = SimpleNamespace(
            target=domains[0], domains=domains[1:], classes=tasks.classes, n_features=20
        )
        road = road(LogisticRegression(), Options())
        if isinstance(road, HeadRoad):
            return road.measure(task, rule).weights.source_weights
        found = weigh_by_softmax(task, rule, Options(), road.bounds(rule))
        return found.weights.source_weights

    plugin = weights(20, Road, PlugIn(n_updates=0))
    assert plugin[0] < weights(20, Road, Reml())[0]
    bounded = np.minimum(weights(20, Road, Reml()), plugin)
    assert_allclose(weights(20, HeadRoad, Reml()), bounded)
    assert_allclose(weights(21, HeadRoad, Reml()), weights(21, Road, Reml()))


def test_workers_change_nothing():
    tasks = make_classification_tasks(random_state=0)
    one = weigh(problem_from(tasks), "plugin")
    two = weigh(problem_from(tasks), "plugin", n_jobs=2)
    assert_allclose(two.weights.source_weights, one.weights.source_weights)
