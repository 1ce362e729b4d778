"""Estimators other than linear ones: three fits, averaged as held-out rows of the target say."""

import os
import pickle
import warnings

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from optional import optional
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import log_loss, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skuowq import UOWQClassifier, UOWQRegressor
from skuowq._data.domains import Domain
from skuowq._held_out.evidence import STACK_PRIOR_ERRORS, STACK_PRIOR_ROWS
from skuowq._held_out.stack import (
    least_squares_weights,
    mixture_weights,
)
from skuowq._uowq.roads.domain_columns import domains_shown, with_domain_columns

pd = optional("pandas")


def classes(seed, n_target=60, flip=False):
    """A target and one source whose trees have to learn an interaction."""
    rng = np.random.RandomState(seed)

    def draw(n):
        X = rng.normal(size=(n, 4))
        return X, (rng.uniform(size=n) < 1 / (1 + np.exp(-3 * X[:, 0] * X[:, 1]))).astype(int)

    (X, y), (X_1, y_1), (X_test, y_test) = draw(n_target), draw(600), draw(2000)
    return X, y, [(X_1, 1 - y_1 if flip else y_1)], X_test, y_test


def numbers(seed, shift=0.0, sign=1):
    rng = np.random.RandomState(seed)

    def draw(n, sign=1):
        X = rng.normal(size=(n, 4))
        return X, sign * X[:, 0] * X[:, 1] + 0.3 * rng.normal(size=n)

    (X, y), (X_1, y_1), (X_test, y_test) = draw(60), draw(600, sign), draw(2000)
    return X, y, [(X_1, y_1 + shift)], X_test, y_test


def tree():
    return DecisionTreeClassifier(min_samples_leaf=5, random_state=0)


def boosted():
    return HistGradientBoostingRegressor(max_iter=20, max_bins=16, random_state=0)


@pytest.mark.slow
def test_what_no_linear_model_sees_is_learnt_from_the_source():
    """The softmax stand-in finds nothing in common; trees on all rows say otherwise."""
    gains = []
    for seed in range(4):
        X, y, sources, X_test, y_test = classes(seed)
        trees = HistGradientBoostingClassifier(max_iter=30, max_bins=32, random_state=0)
        clf = UOWQClassifier(trees).fit(X, y, sources)
        alone = clone(clf).fit(X, y)
        gains.append(clf.score(X_test, y_test) - alone.score(X_test, y_test))
        assert clf.pool_weights_[2] > 0
    assert np.mean(gains) > 0.05


def test_a_flipped_source_does_no_harm():
    differences = []
    for seed in range(8):
        X, y, sources, X_test, y_test = classes(seed, n_target=200, flip=True)
        clf = UOWQClassifier(tree()).fit(X, y, sources)
        alone = tree().fit(X, y)
        differences.append(clf.score(X_test, y_test) - alone.score(X_test, y_test))
        # All rows take part: the trees see whose a row is.
        assert_allclose(clf.pool_weights_.sum(), 1)
    assert np.mean(differences) > -0.02


def test_numbers():
    gains = []
    for seed in range(2):
        X, y, sources, X_test, y_test = numbers(seed, shift=3.0)
        reg = UOWQRegressor(boosted(), random_state=0).fit(X, y, sources)
        alone = boosted().fit(X, y)
        gains.append(
            r2_score(y_test, reg.predict(X_test)) - r2_score(y_test, alone.predict(X_test))
        )
        parts = (
            reg.estimator_,
            reg.target_estimator_,
            reg.pooled_estimator_,
            reg.linear_estimator_,
        )
        expected = sum(w * e.predict(X_test) for w, e in zip(reg.pool_weights_, parts, strict=True))
        assert_allclose(reg.predict(X_test), expected)
        assert_allclose(reg.target_estimator_.predict(X_test), alone.predict(X_test))
    assert np.mean(gains) > 0.1
    X, y, sources, _, _ = numbers(0, sign=-1)
    assert UOWQRegressor(boosted()).fit(X, y, sources).pool_weights_[2] == 0


def test_probabilities_predictions_and_scores_agree():
    X, y, sources, X_test, _ = classes(0)
    labels = np.array(["no", "yes"])
    sources = [(X_1, labels[y_1]) for X_1, y_1 in sources]
    clf = UOWQClassifier(HistGradientBoostingClassifier(max_iter=5)).fit(X, labels[y], sources)
    parts = clf.estimator_, clf.target_estimator_, clf.pooled_estimator_, clf.linear_estimator_
    p = sum(w * e.predict_proba(X_test) for w, e in zip(clf.pool_weights_, parts, strict=True))
    assert_allclose(clf.predict_proba(X_test), p)
    assert_array_equal(clf.predict(X_test), labels[p.argmax(axis=1)])
    assert_allclose(clf.decision_function(X_test), np.log(p[:, 1] / p[:, 0]))
    copy = pickle.loads(pickle.dumps(clf))
    assert_allclose(copy.predict_proba(X_test), clf.predict_proba(X_test), rtol=1e-12)


class KnowsItsProcess(DecisionTreeClassifier):
    """Remembers where it was fitted."""

    def fit(self, X, y, sample_weight=None):
        self.process_ = os.getpid()
        return super().fit(X, y, sample_weight)


@pytest.mark.slow
def test_all_fits_run_in_the_pool():
    X, y, sources, *_ = classes(0)
    clf = UOWQClassifier(KnowsItsProcess(random_state=0), n_jobs=2).fit(X, y, sources)
    assert os.getpid() not in (clf.estimator_.process_, clf.target_estimator_.process_)


class Warns(DecisionTreeClassifier):
    """Has something to say in each fit."""

    def fit(self, X, y, sample_weight=None):
        warnings.warn("the tree is shallow", UserWarning, stacklevel=2)
        return super().fit(X, y, sample_weight)


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_user_hears_the_first_fit_wherever_it_runs(n_jobs):
    X, y, sources, *_ = classes(0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        UOWQClassifier(Warns(max_depth=1), n_jobs=n_jobs).fit(X, y, sources)
    assert [str(warning.message) for warning in said] == ["the tree is shallow"]


@pytest.mark.slow
def test_workers_and_seeds_change_nothing():
    X, y, sources, X_test, _ = classes(0)
    one = UOWQClassifier(tree(), random_state=0).fit(X, y, sources)
    other = UOWQClassifier(tree(), random_state=0, n_jobs=2).fit(X, y, sources)
    # Workers may use fewer threads for sums and products: their last digits are their own.
    assert_allclose(one.predict_proba(X_test), other.predict_proba(X_test), rtol=1e-6)
    states = [np.random.RandomState(3), np.random.RandomState(3)]
    base = DecisionTreeClassifier(max_features=1)
    first, second = (
        UOWQClassifier(base, random_state=state, n_jobs=n_jobs).fit(X, y, sources)
        for state, n_jobs in zip(states, (1, 2), strict=True)
    )
    assert_allclose(first.predict_proba(X_test), second.predict_proba(X_test), rtol=1e-6)


def test_classes_that_some_domain_lacks():
    X, y, [(X_1, y_1)], X_test, _ = classes(0)
    y_1 = y_1.copy()
    y_1[:100] = 2
    with pytest.warns(UserWarning, match="only in the sources"):
        clf = UOWQClassifier(tree()).fit(X, y, [(X_1, y_1)])
    p = clf.predict_proba(X_test)
    assert p.shape == (len(X_test), 3)
    assert_allclose(p.sum(axis=1), 1)
    y = y.copy()
    y[0] = 3  # A class of one row cannot be held out.
    clf = UOWQClassifier(tree()).fit(X, y, [(X_1, y_1 % 2)])
    assert list(clf.classes_) == [0, 1, 3]
    assert clf.pool_weights_ is not None


def test_where_nothing_is_pooled():
    X, y, sources, X_test, _ = classes(0)
    for clf in (
        UOWQClassifier(),
        UOWQClassifier(tree(), discrepancy="plugin"),
        UOWQClassifier(RidgeClassifier()),
    ):
        clf.fit(X, y, sources)
        assert clf.pool_weights_ is None
        assert clf.target_estimator_ is None
        assert clf.pooled_estimator_ is None
        assert clf.linear_estimator_ is None
        assert_array_equal(clf.predict(X_test), clf.estimator_.predict(X_test))
    assert UOWQClassifier(tree()).fit(X, y).pool_weights_ is None
    assert UOWQClassifier(tree(), max_weight=0).fit(X, y, sources).pool_weights_ is None
    # Its own folds need three rows of a class, which folds of the target's do not leave.
    few = np.r_[np.flatnonzero(y == 0)[:3], np.flatnonzero(y == 1)[:3]]
    base = CalibratedClassifierCV(DecisionTreeClassifier(), cv=3)
    with pytest.warns(UserWarning, match="makes nothing of the target's rows alone"):
        clf = UOWQClassifier(base).fit(X[few], y[few], sources)
    assert clf.pool_weights_ is None
    assert UOWQRegressor().fit(X, X[:, 0], [(X, X[:, 0])]).pool_weights_ is None


def test_too_few_rows_to_hold_out_leave_the_prior():
    X, y, sources, X_test, _ = classes(0)
    few = np.r_[np.flatnonzero(y == 0)[:1], np.flatnonzero(y == 1)[:1]]
    clf = UOWQClassifier(tree()).fit(X[few], y[few], sources)
    assert_allclose(clf.pool_weights_, STACK_PRIOR_ROWS / STACK_PRIOR_ROWS.sum())
    assert np.isfinite(clf.predict_proba(X_test)).all()
    reg = UOWQRegressor(DecisionTreeRegressor()).fit(X[:3], X[:3, 0], [(X, X[:, 0])])
    assert_allclose(reg.pool_weights_, STACK_PRIOR_ROWS / STACK_PRIOR_ROWS.sum())


def test_columns_that_say_whose_a_row_is():
    """Sparse, frames and arrays get the same columns; a name that is taken is left alone."""
    X = np.arange(6.0).reshape(3, 2)
    shown = domains_shown([Domain(X[:n], np.zeros(n), np.ones(n)) for n in (1, 3, 2)])
    assert_array_equal(shown, [0, 1, 2, 3])
    expected = np.hstack([X, np.tile([0.0, 0, 1, 0], (3, 1))])
    assert_array_equal(with_domain_columns(X, shown, 2), expected)
    assert_array_equal(with_domain_columns(csr_matrix(X), shown, 2).toarray(), expected)
    frame = pd.DataFrame(X, columns=["domain_1", "b"])
    wide = with_domain_columns(frame, shown, 2)
    assert_array_equal(wide, expected)
    assert len(set(wide.columns)) == 6
    many = [Domain(X, np.zeros(3), np.ones(3) * size) for size in range(1, 41)]
    assert_array_equal(domains_shown(many), [0, *range(12, 41)])


def test_a_tree_that_sees_whose_a_row_is_takes_half_of_a_source():
    """A source that is right for x > 0 and flipped for x < 0 teaches the right half alone."""
    rng = np.random.default_rng(0)

    def draw(n, half):
        X = rng.normal(size=(n, 2))
        y = (X[:, 1] > 0).astype(int)
        return X, np.where((X[:, 0] < 0) & half, 1 - y, y)

    X, y = draw(40, False)
    sources = [draw(1000, True)]
    X_test, y_test = draw(2000, False)
    trees = HistGradientBoostingClassifier(max_iter=30, min_samples_leaf=5, random_state=0)
    clf = UOWQClassifier(trees).fit(X, y, sources)
    assert clf.score(X_test, y_test) > 0.9
    plain = clone(trees).fit(np.vstack([X, sources[0][0]]), np.append(y, sources[0][1]))
    knows = clf.pooled_estimator_
    assert knows.predict_proba(X_test)[:, 1].round().astype(int).tolist() == (
        knows.predict(X_test).tolist()
    )
    assert np.mean(knows.predict(X_test) == y_test) > plain.score(X_test, y_test) + 0.1


def test_a_fit_that_fails_says_why():
    class Broken(DecisionTreeClassifier):
        def fit(self, X, y, sample_weight=None):
            raise ValueError("this tree does not grow")

    X, y, sources, _, _ = classes(0)
    with pytest.raises(ValueError, match="does not grow"):
        UOWQClassifier(Broken()).fit(X, y, sources)


def test_a_failed_or_linear_fit_forgets_the_last_pool():
    X, y, sources, _, _ = classes(0)
    clf = UOWQClassifier(tree()).fit(X, y, sources)
    clf.set_params(estimator=LogisticRegression()).fit(X, y, sources)
    assert clf.pool_weights_ is None
    assert clf.pooled_estimator_ is None


def test_frames():
    X, y, [(X_1, y_1)], X_test, _ = classes(0)
    base = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype")

    def frame(X):
        kind = pd.Categorical(np.where(X[:, 3] > 0, "a", "b"), categories=["a", "b"])
        return pd.DataFrame(X[:, :3], columns=["p", "q", "r"]).assign(kind=kind)

    clf = UOWQClassifier(base).fit(frame(X), y, [(frame(X_1), y_1)])
    assert clf.pool_weights_.shape == (4,)
    assert clf.predict_proba(frame(X_test)).shape == (len(X_test), 2)


def test_kinds_that_only_sources_have():
    """What the target has never seen it cannot judge; it must be predicted all the same."""
    rng = np.random.RandomState(0)

    def draw(n, kinds):
        X = pd.DataFrame({"a": rng.normal(size=n), "kind": rng.choice(kinds, size=n)})
        return X, (X["a"] + (X["kind"] == "u") > 0.3).astype(int)

    encode = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
    base = make_pipeline(encode, DecisionTreeClassifier(max_depth=3, random_state=0))
    X, y = draw(30, ["u", "v"])
    X_test, _ = draw(20, ["u", "v", "other"])
    with pytest.warns(UserWarning, match="unknown categories"):
        clf = UOWQClassifier(base).fit(X, y, [draw(200, ["u", "v", "other"])])
    assert clf.predict(X_test).shape == (20,)


def test_routing_reaches_the_workers():
    X, y, sources, _, _ = classes(0)
    with config_context(enable_metadata_routing=True):
        scale = StandardScaler().set_fit_request(sample_weight=False)
        base = make_pipeline(scale, tree().set_fit_request(sample_weight=True))
        # Threads read the configuration from where processes do, and start at once.
        with parallel_config(backend="threading"):
            found = [UOWQClassifier(base, n_jobs=n).fit(X, y, sources) for n in (1, 2)]
    assert_allclose(found[0].pool_weights_, found[1].pool_weights_, rtol=1e-6)


def test_a_terrible_member_decides_nothing_between_the_others():
    rng = np.random.RandomState(0)
    y = rng.normal(size=200)
    good, bad = y + 0.1 * rng.normal(size=200), y + rng.normal(size=200)
    for size in (1, 1000):
        predictions = np.array([bad, good, y + size * rng.normal(size=200)])
        assert least_squares_weights(predictions, y, np.ones(200))[1] > 0.95


def test_mixture_weights_are_the_likeliest():
    rng = np.random.RandomState(0)
    likelihoods = rng.uniform(0.05, 1, size=(3, 40))
    likelihoods[2] += 0.2
    weight = rng.uniform(0.5, 2, size=40)

    def loss(z):
        w = softmax(np.append(z, 0.0))
        return -weight @ np.log(w @ likelihoods) - STACK_PRIOR_ROWS[:3] @ np.log(w)

    best = softmax(np.append(minimize(loss, [0.0, 0.0], tol=1e-10).x, 0.0))
    assert_allclose(mixture_weights(likelihoods, weight), best, atol=1e-3)


def test_least_squares_weights_against_a_search():
    rng = np.random.RandomState(0)
    y = rng.normal(size=30)
    predictions = y + rng.normal(size=(3, 30)) * [[0.6], [1.0], [0.5]]
    weight = rng.uniform(0.5, 2, size=30)
    errors = (predictions - y) * np.sqrt(weight)
    prior = STACK_PRIOR_ERRORS * np.min(np.sum(errors**2, axis=1)) / weight.sum()

    def loss(z):
        w = softmax(np.append(z, 0.0))
        return np.sum((w @ errors) ** 2) + prior * w @ w

    best = softmax(np.append(minimize(loss, [0.0, 0.0], tol=1e-10).x, 0.0))
    found = least_squares_weights(predictions, y, weight)
    assert_allclose(found, best, atol=1e-4)
    assert_allclose(found.sum(), 1)
    # Predictions without error anywhere decide nothing, and break nothing.
    assert_allclose(least_squares_weights(np.array([y, y, y]), y, weight).sum(), 1)


@pytest.mark.slow
def test_it_gains_where_the_weights_alone_do_not():
    """Log loss of boosted trees, all three against the first of them, over six draws."""
    differences = []
    for seed in range(6):
        X, y, sources, X_test, y_test = classes(seed)
        clf = UOWQClassifier(HistGradientBoostingClassifier(max_iter=30, random_state=0))
        clf.fit(X, y, sources)
        losses = [log_loss(y_test, m.predict_proba(X_test)) for m in (clf, clf.estimator_)]
        differences.append(losses[0] - losses[1])
    assert np.mean(differences) < -np.std(differences, ddof=1) / np.sqrt(6)


class SometimesNothing:
    """Of what it is mixed into: no finite predictions where fitted to few rows, or to many."""

    def __init__(self, least=0, most=10**6, fails=False):
        super().__init__(min_samples_leaf=5, random_state=0)
        self.least, self.most, self.fails = least, most, fails

    def fit(self, X, y, sample_weight=None):
        self.sane_ = self.least <= len(X) <= self.most
        if self.fails and not self.sane_:
            raise ValueError("the solver has diverged")
        return super().fit(X, y, sample_weight)

    def predict_proba(self, X):
        return super().predict_proba(X) * (1.0 if self.sane_ else np.nan)


class Classifies(SometimesNothing, DecisionTreeClassifier):
    pass


class Regresses(SometimesNothing, DecisionTreeRegressor):
    def predict(self, X):
        return super().predict(X) + (0.0 if self.sane_ else np.inf)


def finite_predictions(model, X):
    p = model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)
    return np.isfinite(p).all()


@pytest.mark.parametrize(
    ("model", "draw"),
    [
        (lambda base: UOWQClassifier(base, max_weight=0.05), classes),
        (lambda base: UOWQRegressor(base, discrepancy="reml"), numbers),
    ],
    ids=["classifier", "regressor"],
)
def test_what_predicts_no_finite_numbers_is_out(model, draw):
    base = Classifies if draw is classes else Regresses
    X, y, sources, X_test, _ = draw(0)
    alone = model(base(most=60)).fit(X, y, sources)
    assert_array_equal(alone.pool_weights_[[0, 2]], 0)
    assert alone.pool_weights_[1] > 0
    with_sources = model(base(least=61)).fit(X, y, sources)
    assert with_sources.pool_weights_[1] == 0
    assert_allclose(with_sources.pool_weights_.sum(), 1)
    for fitted in (alone, with_sources):
        assert finite_predictions(fitted, X_test)
    with pytest.raises(ValueError, match=f"{base.__name__} predicts numbers that are not finite"):
        model(base(most=0)).fit(X, y, sources)


def test_weights_of_what_is_left():
    rng = np.random.RandomState(0)
    y, row_weight = rng.normal(size=40), np.ones(40)
    predictions = y + rng.normal(size=(3, 40)) * np.array([[0.5], [0.6], [0.4]])
    likelihoods = rng.uniform(0.1, 1, size=(3, 40))
    for usable in ([0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]):
        for weights in (
            least_squares_weights(predictions, y, row_weight, np.array(usable, dtype=bool)),
            mixture_weights(likelihoods, row_weight, np.array(usable, dtype=bool)),
        ):
            assert_array_equal(weights[np.array(usable) == 0], 0)
            assert_allclose(weights.sum(), 1)
            assert weights.min() >= 0


@pytest.mark.parametrize("scale", [1e-200, 1e-20, 1e20, 1e200, 1e300])
def test_weights_do_not_depend_on_units(scale):
    rng = np.random.RandomState(0)
    y, row_weight = rng.normal(size=40), rng.uniform(size=40)
    predictions = y + rng.normal(size=(3, 40)) * np.array([[0.5], [0.6], [0.4]])
    expected = least_squares_weights(predictions, y, row_weight)
    assert_allclose(
        least_squares_weights(scale * predictions, scale * y, row_weight), expected, atol=1e-6
    )
    # One that is hopeless leaves the others' weights alone.
    predictions[0] *= 1e300
    left = least_squares_weights(predictions, y, row_weight)
    expected = least_squares_weights(predictions, y, row_weight, (False, True, True))
    assert_allclose(left, expected, atol=1e-6)
