"""A stranger's change: a rule and a road of one's own, each in one place, by the seams alone."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from skuowq import MultiTaskUOWQClassifier, Sources, UOWQClassifier, UOWQRegressor
from skuowq._uowq.roads import CLASSIFIER_ROADS
from skuowq._uowq.roads.road import Road
from skuowq._uowq.roads.softmax_weighing import weigh_by_softmax
from skuowq.datasets import make_classification_tasks
from skuowq.fisher import source_record
from skuowq.rules import RULES, Rule


class Doubtful(Rule):
    """A toy rule: every source is at least so far, and no two have anything in common."""

    measure = "fits"

    def __init__(self, at_least=0.0):
        self.at_least = at_least

    def candidates(self, contrast_gram, sizes, n_parameters):
        own = np.diag(contrast_gram) - 1 / sizes.n_independent - 1 / sizes.n_samples
        return [np.diag(np.maximum(own, self.at_least))], [1.0]


class ContextRoad(Road):
    """A toy road for classifiers without weights: they see as many rows as the weights say."""

    @classmethod
    def takes(cls, base, given, rule):
        return isinstance(base, KNeighborsClassifier)

    def fit(self, task, rule):
        weighing = weigh_by_softmax(task, rule, self.options, self.bounds(rule))
        parts = [(task.target.X, task.target.y)]
        for domain, weight in zip(task.domains, weighing.weights.source_weights, strict=True):
            n_rows = int(min(weight, 1.0) * len(domain.y))
            parts.append((domain.X[:n_rows], domain.y[:n_rows]))
        X, y = (np.concatenate(part) for part in zip(*parts, strict=True))
        return weighing, Context(clone(self.base).fit(X, task.classes[y]), len(y))


@dataclass(frozen=True)
class Context:
    estimator: KNeighborsClassifier
    n_rows: int

    def predict(self, X):
        return self.estimator.predict(X)

    def attributes(self):
        return {
            "estimator_": self.estimator,
            "classes_": self.estimator.classes_,
            "n_context_rows_": self.n_rows,
        }


@pytest.fixture(scope="module")
def tasks():
    return make_classification_tasks(
        n_target=40, n_samples=(300, 200), discrepancies=(0.0, 3.0), random_state=0
    )


def test_a_rule_of_ones_own(tasks):
    data = tasks.X_target, tasks.y_target
    for estimator in (None, GaussianNB(), LogisticRegression(C=0.1)):
        clf = UOWQClassifier(estimator, discrepancy=Doubtful(0.01), random_state=0)
        clf.fit(*data, sources=tasks.sources)
        near, far = clf.source_weights_
        assert near > 3 * far
        assert clf.discrepancy_[0, 0] >= 0.01
        assert clf.discrepancy_[0, 1] == 0
        assert np.isnan(clf.discrepancy_std_error_).all()  # It says nothing of them.
    grid = {"discrepancy__at_least": [0.01, 1e6]}
    search = GridSearchCV(UOWQClassifier(discrepancy=Doubtful()), grid, cv=2)
    search.fit(*data, sources=Sources(tasks.sources))
    assert len(search.cv_results_["params"]) == 2
    alone = UOWQClassifier(discrepancy=Doubtful(1e6)).fit(*data, sources=tasks.sources)
    assert alone.source_weights_.max() < 1e-5
    X, y = tasks.sources[0]
    response = X @ np.ones(X.shape[1])
    reg = UOWQRegressor(discrepancy=Doubtful(0.5)).fit(X[:30], response[:30], [(X, response)])
    assert_allclose(reg.discrepancy_, 0.5)
    task = np.repeat(["a", "b"], 150)
    many = MultiTaskUOWQClassifier(discrepancy=Doubtful(0.2)).fit(X, y, task)
    assert 0 < many.source_weights_[0, 1] < 1


def test_a_rule_of_ones_own_has_a_name_by_one_line(tasks, monkeypatch):
    monkeypatch.setitem(RULES, "doubtful", Doubtful)
    named = UOWQClassifier(discrepancy="doubtful").fit(
        tasks.X_target, tasks.y_target, tasks.sources
    )
    given = UOWQClassifier(discrepancy=Doubtful()).fit(
        tasks.X_target, tasks.y_target, tasks.sources
    )
    assert_allclose(named.source_weights_, given.source_weights_)


def test_a_rule_whose_contrasts_are_not_there_is_refused_by_name(tasks):
    records = [source_record(X, y) for X, y in tasks.sources]
    with pytest.raises(ValueError, match=r"Doubtful\(\) reads .* sources without rows do not have"):
        UOWQClassifier(discrepancy=Doubtful()).fit(tasks.X_target, tasks.y_target, records)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (lambda S: ([np.diag(np.diag(S))], [0.5]), r"returned the beliefs \[0.5\]: .* sum to 1"),
        (lambda S: ([-S], [1.0]), r"returned a discrepancy of shape \(2, 2\)"),
        (lambda S: ([S[:1]], [1.0]), r"must be a \(2, 2\) matrix"),
        (lambda S: ([np.full((2, 2), np.nan)], [1.0]), "finite"),
        (lambda S: (S, [1.0]), "return a list of matrices"),
        (lambda S: ([S, S], [1.0]), "as many beliefs"),
    ],
)
def test_what_a_rule_returns_is_checked(tasks, found, message):
    class Wrong(Rule):
        def candidates(self, contrast_gram, sizes, n_parameters):
            return found(contrast_gram)

    with pytest.raises(ValueError, match=message):
        UOWQClassifier(discrepancy=Wrong()).fit(tasks.X_target, tasks.y_target, tasks.sources)


def test_a_rule_that_is_not_finished_says_so(tasks):
    class Silent(Rule):
        pass

    class Unreadable(Doubtful):
        measure = "score"

    data = tasks.X_target, tasks.y_target, tasks.sources
    with pytest.raises(NotImplementedError, match="Silent has no candidates: define the method"):
        UOWQClassifier(discrepancy=Silent()).fit(*data)
    with pytest.raises(ValueError, match="measure of Unreadable is 'score': it must be one of"):
        UOWQClassifier(discrepancy=Unreadable()).fit(*data)


def test_the_parameters_of_a_rule_are_reached_through_its_name(tasks):
    clf = UOWQClassifier().set_params(discrepancy__n_updates=0)
    clf.fit(tasks.X_target, tasks.y_target, tasks.sources)
    assert clf.history_.shape == (2, 2)
    grid = {"discrepancy__n_updates": [0, 1]}
    search = GridSearchCV(UOWQClassifier(discrepancy="plugin"), grid, cv=2)
    search.fit(tasks.X_target, tasks.y_target, sources=Sources(tasks.sources))
    assert search.best_params_["discrepancy__n_updates"] in (0, 1)
    many = MultiTaskUOWQClassifier().set_params(discrepancy__n_updates=0)
    assert many.discrepancy.n_updates == 0
    with pytest.raises(ValueError, match="discrepancy is 'best'"):
        UOWQClassifier("best").set_params(discrepancy="best", discrepancy__n_updates=0)


def test_a_road_of_ones_own(tasks):
    clf = UOWQClassifier(KNeighborsClassifier())
    with pytest.raises(ValueError, match="takes no sample_weight"):
        clf.fit(tasks.X_target, tasks.y_target, tasks.sources)
    CLASSIFIER_ROADS.insert(0, ContextRoad)
    try:
        clf.fit(tasks.X_target, tasks.y_target, tasks.sources)
        assert 40 < clf.n_context_rows_ < 540
        assert clf.source_weights_[0] > clf.source_weights_[1]
        assert "source" in str(clf.source_report_)
        assert np.mean(clf.predict(tasks.X_test) == tasks.y_test) > 0.4
        with pytest.raises(ValueError, match="KNeighborsClassifier has none"):
            clf.set_params(checkpoint="here").fit(tasks.X_target, tasks.y_target, tasks.sources)
    finally:
        CLASSIFIER_ROADS.remove(ContextRoad)
