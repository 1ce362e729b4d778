import dataclasses
from math import sqrt

import numpy as np
import pytest
from optional import optional
from scipy.stats import t as student_t
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold
from sklearn.pipeline import make_pipeline

from skuowq import UOWQRegressor
from skuowq.metrics import NegativeTransferGap, negative_transfer_gap
from skuowq.metrics._negative_transfer import _neg_log_loss

pd = optional("pandas")


def pool(X, y, sources):
    if sources is None:
        return np.asarray(X), np.asarray(y)
    pairs = sources.values() if isinstance(sources, dict) else sources
    parts = [(X, y), *pairs]
    return (
        np.concatenate([np.asarray(part[0]) for part in parts]),
        np.concatenate([np.asarray(part[1]) for part in parts]),
    )


class PoolingClassifier(ClassifierMixin, BaseEstimator):
    """Logistic regression on the target and every source row alike."""

    def fit(self, X, y, sources=None, *, sample_weight=None):
        X, y = pool(X, y, sources)
        self.n_rows_ = len(y)
        self.model_ = LogisticRegression().fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        return self.model_.predict(np.asarray(X))

    def predict_proba(self, X):
        return self.model_.predict_proba(np.asarray(X))


class PoolingRegressor(RegressorMixin, BaseEstimator):
    def fit(self, X, y, sources=None):
        self.model_ = LinearRegression().fit(*pool(X, y, sources))
        return self

    def predict(self, X):
        return self.model_.predict(X)


class OpaqueSources:
    """Iterable without __len__, as skuowq.Sources."""

    def __init__(self, pairs):
        self._pairs = pairs

    def __iter__(self):
        return iter(self._pairs)


def make_rows(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    probability = 1 / (1 + np.exp(-X @ [2.0, -1.0, 0.5]))
    return X, (rng.random(n) < probability).astype(int)


@pytest.fixture
def target():
    return make_rows(30, 0)


@pytest.fixture
def helpful():
    return make_rows(400, 1)


@pytest.fixture
def harmful(helpful):
    X, y = helpful
    return X, 1 - y


def slow_std_error(gaps, n_train, n_test):
    """Nadeau and Bengio (2003), written out with plain loops."""
    J = len(gaps)
    mean = 0.0
    for g in gaps:
        mean += g / J
    S2 = 0.0
    for g in gaps:
        S2 += (g - mean) ** 2 / (J - 1)
    return sqrt((1 / J + n_test / n_train) * S2)


def test_harmful_source_is_above_zero(harmful):
    target = make_rows(100, 0)
    result = negative_transfer_gap(PoolingClassifier(), *target, sources=[harmful], random_state=0)
    assert result.interval[0] > 0
    assert "the sources hurt" in repr(result)
    assert repr(result).count("\n") == 1


def test_helpful_source_is_below_zero(target, helpful):
    result = negative_transfer_gap(
        PoolingClassifier(), *target, sources=[helpful], n_repeats=4, random_state=0
    )
    assert result.gap < 0
    assert result.gaps.shape == (20,)


@pytest.mark.parametrize(
    ("interval", "words"),
    [((0.1, 0.3), "hurt"), ((-0.3, -0.1), "help"), ((-0.1, 0.3), "undecided")],
)
def test_repr_says_which_way(interval, words):
    zeros = np.zeros(5)
    result = NegativeTransferGap(
        gap=sum(interval) / 2,
        std_error=0.1,
        interval=interval,
        confidence=0.95,
        gaps=zeros,
        scores_with=zeros,
        scores_without=zeros,
        scoring="accuracy",
    )
    assert words in repr(result)
    assert "95% interval" in repr(result)


@pytest.mark.parametrize("n_repeats", [1, 3])
def test_std_error_and_interval(target, helpful, n_repeats):
    result = negative_transfer_gap(
        PoolingClassifier(), *target, sources=[helpful], n_repeats=n_repeats, random_state=0
    )
    gaps = result.scores_without - result.scores_with
    std_error = slow_std_error(gaps, n_train=24, n_test=6)
    np.testing.assert_array_equal(result.gaps, gaps)
    assert result.gap == pytest.approx(np.mean(gaps), rel=1e-12)
    assert result.std_error == pytest.approx(std_error, rel=1e-12)
    expected = student_t(df=5 * n_repeats - 1, loc=result.gap, scale=std_error).interval(0.95)
    assert result.interval == pytest.approx(expected, rel=1e-10)


def test_std_error_by_hand():
    """Gaps 1, 2, 3, 4: variance 5/3; 4 folds of 2 rows in 8: (1/4 + 1/3) * 5/3 = 35/36."""
    scores = iter([1, 2, 1, 3, 1, 4, 1, 5])
    X, y = np.zeros((8, 1)), np.tile([0, 1], 4)
    sources = [(np.ones((2, 1)), np.array([0, 1]))]
    result = negative_transfer_gap(
        PoolingClassifier(),
        X,
        y,
        sources=sources,
        cv=4,
        scoring=lambda estimator, X, y: next(scores),
        n_repeats=1,
        random_state=0,
    )
    np.testing.assert_array_equal(result.gaps, [1, 2, 3, 4])
    assert result.std_error == pytest.approx(sqrt(35 / 36), rel=1e-12)


def test_folds_are_paired_and_sources_whole(target, helpful):
    calls = []

    def scorer(estimator, X, y):
        calls.append((estimator.n_rows_, X.tolist(), y.tolist()))
        return 0.0

    sources = [helpful] * 24  # as many sources as rows in a training fold
    result = negative_transfer_gap(
        PoolingClassifier(), *target, sources=sources, scoring=scorer, n_repeats=1, random_state=0
    )
    assert len(calls) == 10
    for with_sources, without in zip(calls[::2], calls[1::2], strict=True):
        assert with_sources[1:] == without[1:]
        assert with_sources[0] == 24 + 24 * 400
        assert without[0] == 24
    assert result.std_error == 0
    assert result.interval == (0, 0)
    assert result.scoring == "scorer"


def test_deterministic_and_parallel(target, helpful):
    def run(random_state, n_jobs=None):
        return negative_transfer_gap(
            PoolingClassifier(),
            *target,
            sources=OpaqueSources([helpful]),
            random_state=random_state,
            n_jobs=n_jobs,
            n_repeats=2,
        ).gaps

    np.testing.assert_array_equal(run(0), run(0))
    np.testing.assert_allclose(run(0), run(0, n_jobs=2), rtol=1e-9, atol=1e-12)
    assert not np.array_equal(run(0), run(1))


def test_containers_agree(target, helpful):
    X, y = target
    expected = negative_transfer_gap(PoolingClassifier(), X, y, sources=[helpful], random_state=0)
    index = np.arange(100, 130)[::-1]
    frame, series = pd.DataFrame(X, index=index), pd.Series(y, index=index)
    for sources in [{"a": helpful}, OpaqueSources([helpful])]:
        result = negative_transfer_gap(
            PoolingClassifier(), frame, series, sources=sources, random_state=0
        )
        np.testing.assert_allclose(result.gaps, expected.gaps, rtol=1e-9)


def test_log_loss_agrees_with_scikit_learn(target):
    X, y = target
    model = PoolingClassifier().fit(X, y)
    assert _neg_log_loss(model, X, y) == pytest.approx(-log_loss(y, model.predict_proba(X)))


def test_source_classes_the_target_lacks(target, helpful):
    """The union as classes_: the target has "a" and "b", the source also "c"."""
    X, y = target
    X_source, y_source = helpful
    labels = np.array(["a", "b", "c"])
    y_source = np.where(X_source[:, 2] > 1, 2, y_source)
    result = negative_transfer_gap(
        PoolingClassifier(), X, labels[y], sources=[(X_source, labels[y_source])], random_state=0
    )
    assert np.isfinite(result.gaps).all()


def test_held_out_class_that_the_fit_never_saw(helpful):
    """Folds by order: the only row of class 2 is held out once. The source knows the class."""
    X, y = make_rows(12, 3)
    y[0] = 2
    X_source, y_source = helpful
    y_source = np.where(X_source[:, 2] > 1, 2, y_source)
    cv = KFold(3)
    result = negative_transfer_gap(PoolingClassifier(), X, y, sources=[(X_source, y_source)], cv=cv)
    train, test = next(cv.split(X))
    proba = PoolingClassifier().fit(X[train], y[train]).predict_proba(X[test])
    eps = np.finfo(float).eps
    expected = np.mean(np.log([eps, *(proba[row, y[test][row]] for row in [1, 2, 3])]))
    assert result.scores_without[0] == pytest.approx(expected, rel=1e-12)
    assert result.scores_with[0] > result.scores_without[0]


def test_other_scores_and_cv(target, helpful):
    X, y = target
    by_name, by_method = (
        negative_transfer_gap(
            PoolingClassifier(), X, y, sources=[helpful], scoring=scoring, cv=StratifiedKFold(3)
        )
        for scoring in ["accuracy", None]
    )
    np.testing.assert_array_equal(by_name.gaps, by_method.gaps)
    assert (by_name.scoring, by_method.scoring) == ("accuracy", "estimator.score")
    splits = list(StratifiedKFold(3).split(X, y))
    masks = [
        (np.isin(np.arange(30), train), np.isin(np.arange(30), test)) for train, test in splits
    ]
    for cv in [splits, masks]:
        result = negative_transfer_gap(
            PoolingClassifier(), X, y, sources=[helpful], scoring="accuracy", cv=cv
        )
        np.testing.assert_array_equal(result.gaps, by_name.gaps)
        assert result.std_error == pytest.approx(by_name.std_error)


def test_regressor(target):
    X, _ = target
    y = X @ [1.0, 2.0, 3.0] + np.random.default_rng(0).normal(size=30)
    result = negative_transfer_gap(
        PoolingRegressor(),
        X,
        y,
        sources=[(X, -y)],
        scoring="neg_mean_squared_error",
        random_state=0,
    )
    assert result.interval[0] > 0


def test_confidence_widens(target, helpful):
    narrow, wide = (
        negative_transfer_gap(
            PoolingClassifier(), *target, sources=[helpful], random_state=0, confidence=confidence
        )
        for confidence in [0.5, 0.99]
    )
    assert wide.interval[0] < narrow.interval[0] < narrow.interval[1] < wide.interval[1]


def test_record_is_frozen(target, helpful):
    result = negative_transfer_gap(PoolingClassifier(), *target, sources=[helpful], random_state=0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.gap = 0


def test_bound_sources_are_refused(target, helpful):
    bound = PoolingClassifier()
    bound._bound_sources = [helpful]
    for estimator in [bound, make_pipeline(bound)]:
        with pytest.raises(ValueError, match="bound by bind_sources"):
            negative_transfer_gap(estimator, *target, sources=[helpful])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"sources": None}, ValueError, "sources is None"),
        ({"sources": iter([])}, TypeError, "iterator"),
        ({"cv": KFold(3), "n_repeats": 2}, ValueError, "needs an integer cv"),
        ({"cv": ShuffleSplit(1)}, ValueError, "at least 2"),
        (
            {"cv": 20},
            ValueError,
            "cv is 20, and must be at least 2 and at most 15, the rows of",
        ),
        ({"cv": 1}, ValueError, "cv is 1, and must be at least 2"),
        ({"cv": np.nan}, ValueError, "cv is nan: pass a number of folds, a splitter or pairs"),
        ({"cv": "five"}, ValueError, "cv is 'five': pass a number of folds"),
        ({"cv": None}, ValueError, "cv is None: pass a number of folds"),
        ({"cv": [[1.0], [2.0]]}, ValueError, r"no pair of \(train, test\) rows among"),
        ({"cv": [([0], [99_999]), ([0], [1])]}, ValueError, "no pair of"),
        ({"cv": [(None, "ab"), ([0], [1])]}, ValueError, "no pair of"),
        ({"cv": True}, ValueError, "cv is True, and must be at least 2"),
        ({"n_repeats": 0}, ValueError, "n_repeats is 0, and must be an integer of at least 1"),
        ({"scoring": ["accuracy", "roc_auc"]}, TypeError, "one score"),
        ({"scoring": lambda *args: np.nan}, ValueError, "not finite"),
        ({"confidence": 95}, ValueError, "between 0 and 1"),
    ],
)
def test_errors(target, helpful, change, error, message):
    with pytest.raises(error, match=message):
        negative_transfer_gap(PoolingClassifier(), *target, **{"sources": [helpful], **change})


def test_a_class_in_place_of_an_estimator(target, helpful):
    with pytest.raises(TypeError, match="estimator is the class PoolingClassifier: pass an inst"):
        negative_transfer_gap(PoolingClassifier, *target, sources=[helpful])


def test_folds_of_one_class_are_named_where_the_estimator_refuses_them(helpful):
    X, y = helpful
    order = np.argsort(y, kind="stable")
    for cv in (KFold(2), KFold(3)):
        y_sorted = np.arange(len(y)) >= len(y) - len(y) // cv.n_splits
        with pytest.raises(ValueError, match="cv has a fold whose training rows all are of class"):
            negative_transfer_gap(PoolingClassifier(), X[order], y_sorted, sources=[helpful], cv=cv)


def test_a_rare_class_is_spread_without_a_warning(helpful):
    X, y = helpful
    y = np.where(np.arange(len(y)) < 2, 1, 0)
    gap = negative_transfer_gap(PoolingClassifier(), X, y, sources=[helpful], cv=4, random_state=0)
    assert np.isfinite(gap.gap)


class Scripted:
    """A scorer whose k-th pair of scores is as written, over and over."""

    def __init__(self, gaps):
        self.gaps, self.calls = gaps, 0

    def __call__(self, estimator, X, y):
        fold, without = divmod(self.calls, 2)
        self.calls += 1
        return self.gaps[fold % len(self.gaps)] * without


def scripted(target, helpful, gaps, **options):
    return negative_transfer_gap(
        PoolingClassifier(), *target, sources=[helpful], scoring=Scripted(gaps), random_state=0,
        **options,
    )  # fmt: skip


def test_repeats_go_on_until_the_verdict_is_settled(target, helpful):
    clear = scripted(target, helpful, [-1.0, -1.1, -0.9, -1.0, -1.0])
    assert clear.gaps.size == 15
    assert clear.settled
    assert clear.verdict == "the sources help"
    # The first repeat says that they help, the later ones that nobody knows.
    luck = scripted(target, helpful, [-1.0, -1.1, -0.9, -1.0, -1.0, *[3.0, -3.0] * 20])
    assert luck.gaps.size == 20
    assert luck.verdict.startswith("undecided")
    assert scripted(target, helpful, [-1.0, 3.0, -3.0], n_repeats=1).settled


def test_a_verdict_that_other_shuffles_may_change_is_not_settled(target, helpful):
    # Always "the sources help", but the repeats differ by more than the end's distance from 0.
    better, worse = [-1.4, -0.4, -0.9, -0.9, -0.9], [-0.8, 0.2, -0.3, -0.3, -0.3]
    result = scripted(target, helpful, [*better, *worse])
    assert result.verdict == "the sources help"
    assert result.gaps.size == 50
    assert not result.settled
    assert scripted(target, helpful, [gap - 3 for gap in [*better, *worse]]).settled


def test_verdicts_that_do_not_settle_say_so(target, helpful, monkeypatch):
    monkeypatch.setattr("skuowq.metrics._negative_transfer._ALIKE", 11)
    result = scripted(target, helpful, [-1.0, -1.1, -0.9, -1.0, -1.0])
    assert result.gaps.size == 50
    assert not result.settled
    assert "the sources help, not settled: pass more repeats" in repr(result)


def test_one_seed_more_or_less_makes_no_other_verdict(target, helpful):
    """Where a single run of folds says one thing and another the next."""
    X, y = helpful
    weak = X, np.where(np.arange(400) % 5 < 2, 1 - y, y)
    verdicts = {
        negative_transfer_gap(
            PoolingClassifier(), *target, sources=[weak], random_state=seed
        ).verdict
        for seed in range(5)
    }
    assert len(verdicts) == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_rows", [3, 4])
def test_folds_of_single_rows_have_no_r2_and_say_so(n_rows):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n_rows, 2)), rng.normal(size=n_rows)
    with pytest.raises(ValueError, match="r2 is not finite on every fold"):
        negative_transfer_gap(UOWQRegressor(), X, y, sources=[(X, y)], cv=n_rows, scoring="r2")
