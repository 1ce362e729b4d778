"""UOWQClassifier: what a user relies on, acceptance tests named after peers' failures."""

import pickle
import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from optional import optional
from problems import other_class_shares
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skuowq import DiscriminatorGateClassifier, Sources, UOWQClassifier, UOWQRegressor
from skuowq._data.design_columns import make_design
from skuowq._data.domains import Domain
from skuowq._uowq.roads.class_shares import balance
from skuowq._uowq.roads.thinning import thin_rows, without_negligible
from skuowq.datasets import load_digit_domains, make_classification_tasks
from skuowq.rules import PlugIn, Reml
from skuowq.theory import asymptotic_error
from skuowq.weights import solve_source_weights

pd = optional("pandas")


@pytest.fixture(scope="module")
def tasks():
    return make_classification_tasks(random_state=0)


@pytest.fixture(scope="module")
def mixed():
    """Frames with numbers, categories and missing values: a near source and a flipped one."""
    rng = np.random.default_rng(0)

    def domain(n, flip):
        size = rng.normal(size=n)
        colour = rng.choice(["red", "green", "blue"], n)
        logit = 2 * size + 2 * (colour == "red") - 1
        y = (rng.random(n) < 1 / (1 + np.exp(-logit))) ^ flip
        size[rng.random(n) < 0.1] = np.nan
        X = pd.DataFrame(
            {"size": size, "colour": pd.Categorical(colour), "junk": rng.normal(size=n)}
        )
        return X, np.where(y, "yes", "no")

    target, test = domain(40, False), domain(2000, False)
    sources = Sources({"near": domain(300, False), "flipped": domain(300, True)})
    return target, test, sources


def test_the_main_road(tasks):
    clf = UOWQClassifier().fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
    assert clf.n_sources_ == 3
    assert clf.n_target_ == 50
    assert_allclose(clf.source_n_samples_, [1000] * 3)
    assert clf.source_names_ == ["source 0", "source 1", "source 2"]
    assert clf.source_weights_[0] > clf.source_weights_[1] > clf.source_weights_[2]
    assert_allclose(clf.mixture_weights_.sum(), 1)
    assert_allclose(clf.effective_source_size_, clf.source_weights_ @ clf.source_n_samples_)
    assert clf.discrepancy_.shape == (3, 3)
    assert clf.optimality_gap_ < 1e-6
    assert_allclose(clf.history_[-1], clf.source_weights_)
    assert clf.expected_error_ < clf.target_only_error_
    expected = asymptotic_error(
        50, [1000] * 3, clf.source_weights_, clf.discrepancy_, clf.n_parameters_
    )
    assert_allclose(clf.expected_error_, expected)
    alone = UOWQClassifier().fit(tasks.X_target, tasks.y_target)
    assert log_loss(tasks.y_test, clf.predict_proba(tasks.X_test)) < log_loss(
        tasks.y_test, alone.predict_proba(tasks.X_test)
    )


def test_without_sources_it_is_the_estimator(tasks):
    clf = UOWQClassifier().fit(tasks.X_target, tasks.y_target)
    plain = LogisticRegression().fit(tasks.X_target, tasks.y_target)
    assert_array_equal(clf.predict_proba(tasks.X_test), plain.predict_proba(tasks.X_test))
    assert clf.n_sources_ == 0
    assert clf.source_weights_.shape == (0,)
    assert clf.effective_source_size_ == 0
    assert clf.expected_error_ == clf.target_only_error_
    assert repr(clf.source_report_) == "50 target rows, no sources"


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", ["dense", "sparse", "frame"])
def test_the_weights_reported_are_the_weights_used(n_classes, kind):
    """The fit is a logistic regression with an indicator column a domain, folded afterwards.

    So are the target's own slopes: its standardised columns again, 0 for the rows of sources.
    """
    tasks = make_classification_tasks(
        n_classes=n_classes, discrepancies=(0.2, 0.3, 0.5), random_state=0
    )
    make = {"dense": np.asarray, "sparse": sparse.csr_matrix, "frame": to_frame}[kind]
    logistic = LogisticRegression(C=0.7, tol=1e-9, max_iter=5000)
    clf = UOWQClassifier(logistic).fit(
        make(tasks.X_target), tasks.y_target, sources=[(make(X), y) for X, y in tasks.sources]
    )
    X = np.vstack([tasks.X_target, *(X for X, _ in tasks.sources)])
    y = np.concatenate([tasks.y_target, *(y for _, y in tasks.sources)])
    weight = np.concatenate([np.ones(50), np.repeat(clf.source_weights_, 1000)])
    height = np.sqrt(clf.intercept_variance_ * (2 if n_classes == 2 else 1) / 0.7)
    indicators = height * np.repeat(np.eye(4), [50, 1000, 1000, 1000], axis=0)
    assert clf.slope_variance_ > 0.01
    height = np.sqrt(clf.slope_variance_ * (2 if n_classes == 2 else 1) / 0.7)
    parts = [Domain(X_k, None, np.ones(len(X_k))) for X_k in np.split(X, [50, 1050, 2050])]
    _, _, centre, scale = make_design(parts, ridge=1 / 0.7, standardise=False)
    slopes = height * (X - centre) / scale * (np.arange(len(X)) < 50)[:, None]
    by_hand = clone(logistic).fit(np.hstack([X, indicators, slopes]), y, weight)
    own = np.tile(indicators[0], (len(tasks.X_test), 1))
    own_slopes = height * (tasks.X_test - centre) / scale
    of_target = np.hstack([tasks.X_test, own, own_slopes])
    expected = by_hand.predict_proba(of_target)
    X_test = make(tasks.X_test)
    assert_allclose(clf.predict_proba(X_test), expected, atol=1e-5)
    # What is fitted is an ordinary model.
    assert clf.estimator_.coef_.shape[1] == clf.estimator_.n_features_in_ == X.shape[1]
    assert_allclose(clf.estimator_.predict_proba(X_test), expected, atol=1e-5)
    assert clf.estimator_.get_params() == logistic.get_params()
    assert hasattr(clf.estimator_, "feature_names_in_") == (kind == "frame")


def to_frame(X):
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])


OTHER_LOGISTIC = [
    {"C": np.inf},
    {"solver": "saga"},
    {"solver": "saga", "l1_ratio": 1.0, "C": 0.05},
]


@pytest.mark.parametrize("options", OTHER_LOGISTIC)
@pytest.mark.filterwarnings("ignore:l1_ratio parameter is only used")  # Before scikit-learn 1.8.
def test_logistic_regressions_without_own_intercepts_see_the_targets_class_shares(options):
    """Effects alike, other class shares: as other estimators, they are not misled."""
    (X, y), (X_test, y_test), sources = other_class_shares(60, 2)
    logistic = LogisticRegression(max_iter=5000, **options)
    clf = UOWQClassifier(logistic).fit(X, y, sources)
    assert clf.intercept_variance_ > 0.3
    alone = UOWQClassifier(logistic).fit(X, y)
    loss, loss_alone = (log_loss(y_test, m.predict_proba(X_test)) for m in (clf, alone))
    assert loss < loss_alone
    pooled = clone(logistic).fit(
        np.vstack([X, *(X for X, _ in sources)]), np.concatenate([y, *(y for _, y in sources)])
    )
    assert loss < log_loss(y_test, pooled.predict_proba(X_test)) - 0.1


def test_balanced_classes_are_balanced_by_the_targets_shares():
    (X, y), (X_test, y_test), sources = other_class_shares(60, 2)
    balanced = LogisticRegression(class_weight="balanced")
    models = {
        "balanced": UOWQClassifier(balanced).fit(X, y, sources),
        "plain": UOWQClassifier(LogisticRegression()).fit(X, y, sources),
        "alone": UOWQClassifier(balanced).fit(X, y),
    }
    assert models["balanced"].estimator_.get_params() == balanced.get_params()
    recall = {key: np.mean(m.predict(X_test)[y_test == 1]) for key, m in models.items()}
    accuracy = {
        key: balanced_accuracy_score(y_test, m.predict(X_test)) for key, m in models.items()
    }
    assert recall["balanced"] > recall["plain"]
    assert accuracy["balanced"] > max(accuracy["plain"], accuracy["alone"])
    target = Domain(X, y, np.ones(60))
    weights = balance(3, target)
    assert_allclose(weights[0] * np.sum(y == 0), weights[1] * np.sum(y == 1))
    assert_allclose(weights[2], weights[1] * np.sum(y == 1))


@pytest.mark.parametrize("names", [["0", "1"], ["-1", "2.5"], ["1", "01"], ["no", "yes"]])
@pytest.mark.parametrize("base", [LogisticRegression, SVC, HistGradientBoostingClassifier])
def test_balanced_classes_may_be_called_anything(base, names):
    """scikit-learn reads the label "0" as the number 0 in a dict of class weights."""
    (X, y), (X_test, _), sources = other_class_shares(60, 2)
    names = np.sort(names)  # As classes are.
    few = {"max_iter": 5, "max_bins": 32} if base is HistGradientBoostingClassifier else {}
    clf = UOWQClassifier(base(class_weight="balanced", **few), random_state=0)
    found = clone(clf).fit(X, names[y], [(X_i, names[y_i]) for X_i, y_i in sources])
    expected = clone(clf).fit(X, y, sources)
    assert_array_equal(found.predict(X_test), names[expected.predict(X_test)])


@pytest.mark.parametrize("dtype", [bool, "category", object, "Int64", str])
def test_frames_that_logistic_regression_turns_into_numbers(tasks, dtype):
    """One column of another dtype; more sources than columns take the sparse road."""

    def frame(X):
        flags = (X[:, 0] > 0).astype(int)
        column = flags.astype(str) if dtype is str else pd.Series(flags).astype(dtype)
        return pd.DataFrame({"flag": column, "x": X[:, 1], "z": X[:, 2]})

    for repeat in (1, 2):
        sources = [(frame(X), y) for X, y in tasks.sources] * repeat
        clf = UOWQClassifier(LogisticRegression()).fit(
            frame(tasks.X_target), tasks.y_target, sources
        )
        assert np.isfinite(clf.predict_proba(frame(tasks.X_test))).all()


def test_subclasses_of_logistic_regression_fit_their_own_way(tasks):
    class Keyword(LogisticRegression):
        def fit(self, X, y, *, sample_weight=None):
            self.n_rows_ = len(X)
            return super().fit(X, y, sample_weight)

    clf = UOWQClassifier(Keyword()).fit(tasks.X_target, tasks.y_target, tasks.sources)
    assert clf.estimator_.n_rows_ == 3050


@pytest.mark.parametrize("estimator", [None, DecisionTreeClassifier(min_samples_leaf=3)])
def test_features_that_tell_nothing(estimator):
    X, y = np.zeros((10, 2)), np.array([0, 1] * 5)
    clf = UOWQClassifier(estimator).fit(X, y, [(np.zeros((8, 2)), y[:8])])
    assert_allclose(clf.predict_proba(X), 0.5, atol=0.05)


def test_trees_keep_the_only_source_of_a_class():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    sources = [(rng.normal(size=(8, 3)), np.array([0, 1] * 4))] * 2
    clf = UOWQClassifier(HistGradientBoostingClassifier())
    with pytest.warns(UserWarning, match="appear only in the sources"):
        clf.fit(X, np.zeros(200, int), sources)
    assert clf.predict_proba(X).shape == (200, 2)


def test_sample_weights_count_as_rows(tasks):
    """Weights of target and source rows act as repetitions, zero weight as absence."""
    X, y = tasks.X_target, tasks.y_target
    rng = np.random.default_rng(0)
    counts, source_counts = rng.integers(0, 3, 50), rng.integers(0, 3, 1000)
    X_0, y_0 = tasks.sources[0]
    weighted = UOWQClassifier().fit(
        X, y, [(X_0, y_0, source_counts), tasks.sources[2]], sample_weight=counts
    )
    repeated = UOWQClassifier().fit(
        np.repeat(X, counts, axis=0),
        np.repeat(y, counts),
        [
            (np.repeat(X_0, source_counts, axis=0), np.repeat(y_0, source_counts)),
            tasks.sources[2],
        ],
    )
    assert weighted.n_target_ == counts.sum()
    assert_allclose(weighted.source_n_samples_, [source_counts.sum(), 1000])
    assert_allclose(weighted.source_weights_, repeated.source_weights_, rtol=1e-3)
    assert_allclose(
        weighted.predict_proba(tasks.X_test), repeated.predict_proba(tasks.X_test), atol=1e-3
    )


@pytest.mark.parametrize("discrepancy", ["reml", "debiased", "plugin"])
def test_permuting_sources_permutes_weights(tasks, discrepancy):
    order = [2, 0, 1]
    clf = UOWQClassifier(discrepancy=discrepancy)
    straight = clf.fit(tasks.X_target, tasks.y_target, tasks.sources).source_weights_
    permuted = clf.fit(tasks.X_target, tasks.y_target, [tasks.sources[i] for i in order])
    assert_allclose(permuted.source_weights_, straight[order], rtol=1e-3, atol=1e-6)


def test_a_given_discrepancy_is_taken_as_it_is(tasks):
    G = np.diag([0.0, 0.01, 1.0])
    clf = UOWQClassifier(discrepancy=G).fit(tasks.X_target, tasks.y_target, tasks.sources)
    assert_allclose(clf.source_weights_, solve_source_weights([1000] * 3, G).source_weights)
    assert_array_equal(clf.discrepancy_, G)
    zero = clone(clf).set_params(discrepancy=np.zeros((3, 3)))
    zero.fit(tasks.X_target, tasks.y_target, tasks.sources)
    assert_allclose(zero.source_weights_, 1)


def test_max_weight_bounds(tasks):
    clf = UOWQClassifier(max_weight=0.05).fit(tasks.X_target, tasks.y_target, tasks.sources)
    assert clf.source_weights_.max() <= 0.05
    assert clf.source_weights_[0] == pytest.approx(0.05, rel=0.05)


def test_report_names_and_prints(tasks):
    sources = dict(zip(["near", "middle", "far"], tasks.sources, strict=True))
    clf = UOWQClassifier().fit(tasks.X_target, tasks.y_target, sources)
    lines = repr(clf.source_report_).splitlines()
    assert lines[0].startswith("50 target rows; the sources are worth")
    assert [line.split()[0] for line in lines[2:6]] == ["source", "near", "middle", "far"]
    assert len({len(line) for line in lines[2:6]}) == 1
    assert lines[6:] == [f"- {note}" for note in clf.source_report_.notes]
    assert_allclose(clf.source_report_.rows_worth.sum(), clf.calibrated_source_size_)
    total = clf.n_target_ + clf.effective_source_size_
    promised = clf.n_target_ + clf.calibrated_source_size_
    assert_allclose(promised, np.sqrt(clf.n_target_ * total))
    assert "<td>near</td>" in clf.source_report_._repr_html_()


def test_the_report_as_a_frame(tasks):
    pytest.importorskip("pandas")
    sources = dict(zip(["near", "middle", "far"], tasks.sources, strict=True))
    report = UOWQClassifier().fit(tasks.X_target, tasks.y_target, sources).source_report_
    frame = report.to_frame()
    assert list(frame.index) == ["near", "middle", "far"]
    assert_allclose(frame["worth"], report.rows_worth)


def test_verbose_prints_and_silence_is_silent(tasks, capsys):
    UOWQClassifier().fit(tasks.X_target, tasks.y_target, tasks.sources)
    assert capsys.readouterr().out == ""
    UOWQClassifier(verbose=1, discrepancy=Reml(1)).fit(
        tasks.X_target, tasks.y_target, tasks.sources
    )
    assert re.search(r"\[UOWQ\] weights .*target rows: 2 of at most 2, ", capsys.readouterr().out)


def test_pickle(tasks):
    clf = UOWQClassifier().fit(tasks.X_target, tasks.y_target, tasks.sources)
    twin = pickle.loads(pickle.dumps(clf))
    assert_array_equal(twin.predict(tasks.X_test), clf.predict(tasks.X_test))


def test_an_interrupted_fit_leaves_the_last_one(tasks, monkeypatch):
    clf = UOWQClassifier().fit(tasks.X_target, tasks.y_target, tasks.sources)
    before = clf.predict_proba(tasks.X_test)

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("skuowq._uowq.roads.softmax_weighing.weigh", interrupt)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(tasks.X_target, tasks.y_target, tasks.sources[:1])
    assert clf.n_sources_ == 3
    assert_array_equal(clf.predict_proba(tasks.X_test), before)


def test_a_failed_fit_leaves_the_last_one(tasks):
    clf = UOWQClassifier().fit(tasks.X_target, tasks.y_target, tasks.sources)
    with pytest.raises(ValueError, match="source 0 has 4 features, the target has 3"):
        clf.fit(tasks.X_target[:, :3], tasks.y_target, [(X[:, :4], y) for X, y in tasks.sources])
    assert clf.n_features_in_ == 10
    assert clf.predict(tasks.X_test).shape == (2000,)
    names = [f"x{j}" for j in range(10)]
    clf.fit(pd.DataFrame(tasks.X_target, columns=names), tasks.y_target)
    assert list(clf.feature_names_in_) == names
    clf.fit(tasks.X_target, tasks.y_target)
    assert not hasattr(clf, "feature_names_in_")


def _logistic_with_cv():
    """Newer releases warn unless their new ways are asked for; older ones do not know them."""
    new_ways = {"l1_ratios": (0,), "use_legacy_attributes": False}
    known = "use_legacy_attributes" in LogisticRegressionCV().get_params()
    return LogisticRegressionCV(Cs=2, cv=2, scoring="accuracy", **(new_ways if known else {}))


@pytest.mark.parametrize(
    "estimator",
    [
        VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())]),
        StackingClassifier([("a", LogisticRegression())], final_estimator=LogisticRegression()),
        _logistic_with_cv(),
    ],
    ids=lambda e: type(e).__name__,
)
def test_meta_estimators_as_the_base(tasks, estimator):
    clf = UOWQClassifier(estimator).fit(tasks.X_target, tasks.y_target, tasks.sources)
    assert clf.score(tasks.X_test, tasks.y_test) > 0.7


# Acceptance tests: each a failure of some other package.


def test_fit_changes_no_data(tasks):
    data = [tasks.X_target.copy(), tasks.y_target.copy()]
    pairs = [(X.copy(), y.copy()) for X, y in tasks.sources]
    for array in [*data, *(a for pair in pairs for a in pair)]:
        array.flags.writeable = False
    UOWQClassifier().fit(*data, sources=pairs)
    assert_array_equal(data[0], tasks.X_target)


def test_clone_keeps_every_argument():
    options = {
        "estimator": GaussianNB(),
        "discrepancy": PlugIn(n_updates=2, parameters="all", update_every=3),
        "max_weight": 0.5,
        "classes": "target",
        "solver": "CLARABEL",
        "checkpoint": "here",
        "n_jobs": 1,
        "random_state": 3,
        "verbose": 0,
    }
    copied = clone(UOWQClassifier(**options)).get_params(deep=False)
    assert set(copied) == set(options)
    assert all(copied[k] == v for k, v in options.items() if k not in ("estimator", "discrepancy"))
    assert copied["discrepancy"].get_params() == options["discrepancy"].get_params()


def test_flipping_target_labels_changes_the_fit_inside_grid_search(tasks):
    X, y, sources = tasks.X_target, tasks.y_target, Sources(tasks.sources[:1])
    search = GridSearchCV(
        UOWQClassifier(discrepancy=Reml()), {"discrepancy__n_updates": [0, 1]}, cv=2
    )
    straight = search.fit(X, y, sources=sources).predict_proba(tasks.X_test)
    flipped = search.fit(X, 2 - y, sources=sources).predict_proba(tasks.X_test)
    assert np.abs(straight - flipped).max() > 0.1


@pytest.mark.parametrize(
    "encode",
    [
        lambda y: np.array(["negative", "positive"])[y],
        lambda y: np.array(["negative", "positive"], dtype=object)[y],
        lambda y: 2 * y - 1,
        lambda y: y.astype(np.int32),
        lambda y: y.astype(bool),
        lambda y: y + 1.0,
        lambda y: pd.Series(y + 5),
    ],
)
def test_labels_of_any_kind(tasks, encode):
    def binary(y):
        return encode((y > 0).astype(int))

    sources = [(X, binary(y)) for X, y in tasks.sources]
    clf = UOWQClassifier().fit(tasks.X_target, binary(tasks.y_target), sources)
    plain = UOWQClassifier().fit(
        tasks.X_target,
        (tasks.y_target > 0).astype(int),
        [(X, (y > 0).astype(int)) for X, y in tasks.sources],
    )
    assert_array_equal(clf.classes_, np.unique(binary(tasks.y_target)))
    assert_allclose(clf.predict_proba(tasks.X_test), plain.predict_proba(tasks.X_test))
    assert clf.score(tasks.X_test, binary(tasks.y_test)) > 0.6


def test_frames_sparse_and_integers(tasks):
    names = [f"x{j}" for j in range(tasks.X_target.shape[1])]
    plain = UOWQClassifier().fit(tasks.X_target, tasks.y_target, tasks.sources)
    frame = UOWQClassifier().fit(
        pd.DataFrame(tasks.X_target, columns=names),
        pd.Series(tasks.y_target),
        [(pd.DataFrame(X, columns=names), pd.Series(y)) for X, y in tasks.sources],
    )
    assert_array_equal(frame.feature_names_in_, names)
    assert_allclose(frame.source_weights_, plain.source_weights_)
    assert_allclose(
        frame.predict_proba(pd.DataFrame(tasks.X_test, columns=names)),
        plain.predict_proba(tasks.X_test),
    )
    spread = UOWQClassifier().fit(
        sparse.csr_matrix(tasks.X_target),
        tasks.y_target,
        [(sparse.csc_matrix(X), y) for X, y in tasks.sources],
    )
    assert_allclose(spread.source_weights_, plain.source_weights_, rtol=0.02, atol=1e-4)
    assert_allclose(
        spread.predict_proba(sparse.csr_matrix(tasks.X_test)),
        plain.predict_proba(tasks.X_test),
        atol=0.01,
    )
    integers = UOWQClassifier().fit(
        (10 * tasks.X_target).astype(int),
        tasks.y_target,
        [((10 * X).astype(int), y) for X, y in tasks.sources],
    )
    assert integers.source_weights_[0] > integers.source_weights_[2]


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=15),
        make_pipeline(
            make_column_transformer(
                (make_pipeline(SimpleImputer(), StandardScaler()), ["size", "junk"]),
                (OneHotEncoder(), ["colour"]),
            ),
            LogisticRegression(),
        ),
    ],
    ids=["boosted trees", "pipeline"],
)
def test_categories_and_missing_values_reach_the_estimator(mixed, estimator):
    (X, y), (X_test, y_test), sources = mixed
    clf = UOWQClassifier(estimator, random_state=0).fit(X, y, sources=sources)
    near, flipped = clf.source_weights_
    assert flipped < 0.1 * near
    accuracy = clf.score(X_test, y_test)
    alone = clone(clf).fit(X, y).score(X_test, y_test)
    assert accuracy > alone - 0.01
    assert_array_equal(clf.classes_, ["no", "yes"])
    assert_allclose(clf.predict_proba(X_test).sum(axis=1), 1)


@pytest.mark.parametrize(
    "estimator",
    [
        pytest.param(
            HistGradientBoostingClassifier(
                max_iter=30, max_bins=32, categorical_features="from_dtype", random_state=0
            ),
            marks=pytest.mark.slow,
        ),
        DecisionTreeClassifier(min_samples_leaf=5, random_state=0),
    ],
    ids=lambda e: type(e).__name__,
)
def test_trees_are_not_ruined_by_a_source_of_tiny_weight(estimator):
    """Accuracy with one flipped source, less target-only's, over six draws."""
    differences = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X, y, X_1, y_1, X_test, y_test = [], [], [], [], [], []
        for rows, labels, n, flip in ((X, y, 60, 0), (X_1, y_1, 400, 1), (X_test, y_test, 2000, 0)):
            rows.append(rng.normal(size=(n, 6)))
            chance = 1 / (1 + np.exp(-2 * rows[0][:, 0] + rows[0][:, 3]))
            labels.append((rng.random(n) < chance).astype(int) ^ flip)
        clf = UOWQClassifier(estimator).fit(X[0], y[0], [(X_1[0], y_1[0])])
        alone = clone(clf).fit(X[0], y[0])
        differences.append(clf.score(X_test[0], y_test[0]) - alone.score(X_test[0], y_test[0]))
    assert np.mean(differences) >= -np.std(differences, ddof=1) / np.sqrt(6)


def test_sources_that_do_not_count_are_left_out_for_trees():
    n_samples = np.array([100.0, 100.0, 100.0, 1000.0])
    weights = np.array([1.0, 0.01, 0.02, 0.5])
    assert_allclose(without_negligible(weights, n_samples, 50), [1, 0, 0, 0.5])
    # 3 + 20 rows of 623 are under 5 %, 3 + 40 are not.
    weights = np.array([0.2, 0.01, 0.02, 0.5])
    assert_allclose(without_negligible(weights, n_samples, 50), [0, 0, 0, 0.5])
    weights[0] = 0.4
    assert_allclose(without_negligible(weights, n_samples, 50), [0.4, 0, 0, 0.5])


@pytest.mark.parametrize(
    "biases", [[1.0, -25.0], [9.17, -21.1, -31.8], [1.0, -25.0, 0.3]], ids=["two", "three", "good"]
)
@pytest.mark.parametrize("regressor", [False, True], ids=["classifier", "regressor"])
def test_a_light_source_stays_where_it_cancels_the_bias_of_a_heavy_one(regressor, biases):
    """Without the light one the error was many times that of the target alone."""
    rng = np.random.default_rng(0)
    domains = []
    for _ in range(1 + len(biases)):
        X = rng.normal(size=(20, 2))
        domains.append((X, X[:, 0] + rng.normal(size=20)))
    if regressor:
        kind, base = UOWQRegressor, DecisionTreeRegressor(max_depth=2)
    else:
        kind, base = UOWQClassifier, GaussianNB()
        domains = [(X, (y > 0).astype(int)) for X, y in domains]
    model = kind(base, discrepancy=np.outer(biases, biases)).fit(*domains[0], domains[1:])
    assert model.expected_error_ <= model.target_only_error_


def test_thinned_rows_weigh_what_all_were_to_weigh():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 1000)
    domain = Domain(rng.normal(size=(1000, 2)), y, rng.uniform(0.5, 1.5, 1000))
    X, labels, weight = thin_rows(domain, 0.03)
    assert X.shape == (100, 2)
    assert_allclose(weight.sum(), 0.03 * domain.sample_weight.sum())
    assert abs(labels.mean() - y.mean()) < 0.01
    X, _, weight = thin_rows(domain, 0.4)
    assert X is domain.X
    assert_allclose(weight, 0.4 * domain.sample_weight)


def test_categories_that_one_domain_lacks_are_kept(mixed):
    (X, y), (X_test, _), sources = mixed
    few = X["colour"] != "blue"
    X = X[few].assign(colour=X["colour"][few].cat.remove_unused_categories())
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=5)
    clf = UOWQClassifier(model).fit(X, y[few.to_numpy()], sources=sources)
    assert clf.predict(X_test).shape == (2000,)
    assert clf.estimator_.is_categorical_.sum() == 1


@pytest.mark.parametrize(
    "estimator",
    [GaussianNB(), RandomForestClassifier(n_estimators=4), LinearSVC(), None],
    ids=lambda e: type(e).__name__,
)
def test_any_classifier_with_sample_weight(tasks, estimator):
    clf = UOWQClassifier(estimator, random_state=0)
    clf.fit(tasks.X_target, tasks.y_target, tasks.sources)
    assert clf.score(tasks.X_test, tasks.y_test) > 0.45
    assert hasattr(clf, "predict_proba") == (not isinstance(estimator, LinearSVC))
    again = clone(clf).fit(tasks.X_target, tasks.y_target, tasks.sources)
    assert_array_equal(again.predict(tasks.X_test), clf.predict(tasks.X_test))


def test_an_estimator_without_sample_weight_is_refused(tasks):
    for estimator in (
        KNeighborsClassifier(),
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
    ):
        with pytest.raises(ValueError, match=r"KNeighborsClassifier\.fit takes no sample_weight"):
            UOWQClassifier(estimator).fit(tasks.X_target, tasks.y_target, tasks.sources)


def test_search_as_the_base_estimator(tasks):
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2)
    clf = UOWQClassifier(search).fit(tasks.X_target, tasks.y_target, tasks.sources)
    assert clf.estimator_.best_params_["C"] in (0.1, 1)


def accuracies(names, n_per_class, seeds):
    """Accuracy with the sources and without, one pair a seed, on real digits."""
    pairs = []
    for seed in seeds:
        digits = load_digit_domains(sources=names, n_per_class=n_per_class, random_state=seed)
        clf = UOWQClassifier(LogisticRegression(max_iter=1000))
        with_sources = clone(clf).fit(digits.X_target, digits.y_target, digits.sources)
        alone = clone(clf).fit(digits.X_target, digits.y_target)
        pairs.append([m.score(digits.X_test, digits.y_test) for m in (with_sources, alone)])
    return np.array(pairs)


@pytest.mark.parametrize(
    "names",
    [
        ("rotated", "shifted_labels"),
        pytest.param(("shifted_labels",), marks=pytest.mark.slow),
        pytest.param(("rotated", "noisy_labels"), marks=pytest.mark.slow),
    ],
)
def test_a_harmful_source_does_no_harm(names):
    # Of fewer draws a single image more or less decides.
    pairs = accuracies(names, 5, range(10))
    difference = pairs[:, 0] - pairs[:, 1]
    assert difference.mean() >= -difference.std(ddof=1) / np.sqrt(len(difference))


def test_classes_missing_in_a_source_and_in_the_target():
    tasks = make_classification_tasks(n_classes=4, random_state=0)
    X_0, y_0 = tasks.sources[0]
    lacking = y_0 != 1
    target = tasks.y_target != 3
    sources = [(X_0[lacking], y_0[lacking]), tasks.sources[1]]
    X, y = tasks.X_target[target], tasks.y_target[target]
    with pytest.warns(UserWarning, match=r"Classes \[3\] appear only in the sources"):
        clf = UOWQClassifier().fit(X, y, sources)
    assert_array_equal(clf.classes_, [0, 1, 2, 3])
    assert clf.predict_proba(tasks.X_test).shape == (2000, 4)
    assert 3 in clf.predict(tasks.X_test)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        narrow = UOWQClassifier(classes="target").fit(X, y, sources)
    assert_array_equal(narrow.classes_, [0, 1, 2])
    assert_allclose(narrow.source_n_samples_[0], np.sum(lacking & (y_0 != 3)))


def test_a_class_that_only_a_worthless_source_has(tasks):
    """Weight 0 leaves its rows out of the fit; the column stays, with probability 0."""
    X_2, y_2 = tasks.sources[2]
    extra = (np.vstack([X_2, X_2[:5]]), np.append(y_2, [7] * 5))
    for estimator in (None, LinearSVC()):
        clf = UOWQClassifier(estimator, discrepancy=np.diag([0.0, 1e9]), max_weight=1.0)
        clf.set_params(discrepancy=np.array([[1.0, -1e4], [-1e4, 1e8]]) * 1e-3)
        clf.set_params(max_weight=None)
        with pytest.warns(UserWarning, match="appear only in the sources"):
            clf.fit(tasks.X_target, tasks.y_target, [tasks.sources[0], extra])
        assert_array_equal(clf.classes_, [0, 1, 2, 7])


def test_zero_weight_sources_stay_out_of_the_fit(tasks):
    # As far as a source may lie: not all of its values are far outside the target's range.
    far = (tasks.sources[2][0] + 30, tasks.sources[2][1])
    # Positive correlation of biases: the worse source is not used at all.
    G = np.array([[0.01, 1.0], [1.0, 100.0]])
    clf = UOWQClassifier(discrepancy=G).fit(tasks.X_target, tasks.y_target, [tasks.sources[0], far])
    assert clf.source_weights_[1] == 0
    assert np.isfinite(clf.estimator_.coef_).all()
    only = UOWQClassifier(discrepancy=[[0.01]])
    only.fit(tasks.X_target, tasks.y_target, tasks.sources[:1])
    assert_allclose(clf.predict_proba(tasks.X_test), only.predict_proba(tasks.X_test))


def test_encoded_labels_on_one_side_are_refused(tasks):
    words = [(X, np.array(list("abc"))[y]) for X, y in tasks.sources]
    with pytest.raises(ValueError, match="are numbers, those of source 0 are text"):
        UOWQClassifier().fit(tasks.X_target, tasks.y_target, words)
    # The target's labels re-encoded, and sources that lack the class which would tell.
    few = [(X[y < 2], y[y < 2] + 1) for X, y in tasks.sources]
    with pytest.raises(ValueError, match=r"\[0\], but its classes are said to be \[1, 2, 3\]"):
        UOWQClassifier().fit(tasks.X_target, tasks.y_target, Sources(few, target_classes=[1, 2, 3]))
    shifted = [(X, y + 1) for X, y in tasks.sources]
    with pytest.raises(ValueError, match=r"Classes \[0\] appear only in the target and \[3\]"):
        UOWQClassifier().fit(tasks.X_target, tasks.y_target, shifted)


@pytest.mark.parametrize("C", [1e4, np.inf])
def test_a_separated_target_does_not_judge_by_what_it_has_learnt(C):
    """Without a ridge thirty rows are separated: held out they must not be known all the same."""
    for seed in range(4):
        tasks = make_classification_tasks(n_target=30, random_state=seed)
        clf = UOWQClassifier(LogisticRegression(C=C, max_iter=5000))
        clf.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
        assert clf.source_weights_[0] > 0.02
        assert log_loss(tasks.y_test, clf.predict_proba(tasks.X_test)) < 0.7


def frame_with(column, seed, n_rows):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n_rows, 2)), columns=["a", "b"])
    seconds = pd.Series(rng.integers(0, 10**6, n_rows)) + 10.0 * frame["a"].round()
    frame["c"] = column(seconds)
    return frame, (frame["a"] > 0).astype(int)


def without_c(base):
    return make_pipeline(make_column_transformer((StandardScaler(), ["a", "b"])), base)


def dates(seconds):
    return pd.Timestamp("2020-01-01") + pd.to_timedelta(seconds, unit="s")


TIMES = {
    "durations": lambda seconds: pd.to_timedelta(seconds, unit="s"),
    "dates": dates,
    "time zone": lambda seconds: dates(seconds).dt.tz_localize("UTC"),
    "missing": lambda seconds: pd.to_timedelta(seconds, unit="s").where(seconds % 3 > 0),
}
OTHERS = {
    "complex": lambda seconds: seconds + 1j,
    "lists": lambda seconds: [[second] for second in seconds],
    "mixed": lambda seconds: [1, "one"] * (len(seconds) // 2),
    "tuples": lambda seconds: [("a", second % 3) for second in seconds],
    "text or missing": lambda seconds: pd.Series(
        np.where(seconds % 3 > 0, "a", "b"), dtype="string"
    ).where(seconds % 2 > 0),
    "periods": lambda seconds: pd.PeriodIndex(dates(seconds), freq="D"),
}


@pytest.mark.parametrize("kind", TIMES | OTHERS)
def test_a_column_that_the_pipeline_drops_may_hold_anything(kind):
    column = (TIMES | OTHERS)[kind]
    X, y = frame_with(column, 0, 40)
    sources = {"one": frame_with(column, 1, 60), "other": frame_with(column, 2, 50)}
    clf = UOWQClassifier(without_c(LogisticRegression())).fit(X, y, sources)
    assert clf.predict(X).shape == (40,)
    assert np.isfinite(clf.source_weights_).all()
    base = without_c(LogisticRegression())
    gate = DiscriminatorGateClassifier(base, trust=1.0, random_state=0)
    assert gate.fit(X, y, sources).predict(X).shape == (40,)
    numbers = {name: (X_i, X_i["a"] + X_i["b"]) for name, (X_i, _) in sources.items()}
    regressor = UOWQRegressor(without_c(Ridge())).fit(X, X["a"] + X["b"], numbers)
    assert np.isfinite(regressor.predict(X)).all()


@pytest.mark.parametrize("kind", ["durations", "dates", "time zone"])
def test_times_are_numbers_to_the_weights(kind):
    def fitted(column):
        sources = [frame_with(column, 1, 60), frame_with(column, 2, 50)]
        clf = UOWQClassifier(without_c(LogisticRegression()))
        return clf.fit(*frame_with(column, 0, 40), sources)

    found = fitted(TIMES[kind]).source_weights_
    assert_allclose(found, fitted(lambda seconds: seconds).source_weights_, rtol=1e-6)


def test_times_and_durations_do_not_mix():
    X, y = frame_with(TIMES["durations"], 0, 40)
    source = frame_with(TIMES["dates"], 1, 60)
    with pytest.raises(ValueError, match="column 'c' holds dates, the target's holds durations"):
        UOWQClassifier(without_c(LogisticRegression())).fit(X, y, [source])
