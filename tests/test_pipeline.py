"""TransferPipeline and UOWQClassifier inside scikit-learn's meta-estimators, K == n included."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from optional import optional
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skuowq import Sources, TransferPipeline, UOWQClassifier, make_transfer_pipeline
from skuowq.datasets import make_classification_tasks
from skuowq.rules import Reml

pd = optional("pandas")

N = 24


@pytest.fixture(scope="module")
def data():
    """24 target rows and 24 sources: the trap."""
    tasks = make_classification_tasks(
        n_target=N,
        n_samples=(40,) * N,
        n_features=3,
        n_classes=2,
        discrepancies=(0.0, 0.5) * (N // 2),
        random_state=0,
    )
    # Two classes of equal size keep every fold in order.
    order = np.argsort(tasks.y_target, kind="stable")
    y = np.repeat([0, 1], N // 2)
    X = tasks.X_target[order]
    return X, y, tasks.sources, tasks.X_test


@pytest.fixture(params=[False, True], ids=["no routing", "routing"])
def routing(request):
    with sklearn.config_context(enable_metadata_routing=request.param):
        yield request.param


class Recorder(UOWQClassifier):
    """Remembers what its fits received."""

    seen: list = []  # noqa: RUF012

    def fit(self, X, y, sources=None, *, sample_weight=None):
        given = self._fit_sources(sources)
        Recorder.seen.append((len(X), getattr(given, "n_sources", None)))
        return super().fit(X, y, sources, sample_weight=sample_weight)


@pytest.fixture
def recorder():
    Recorder.seen = []
    return Recorder(discrepancy=Reml(0))


def assert_all_sources_seen():
    assert Recorder.seen
    assert {n for _, n in Recorder.seen} == {N}


def test_grid_search_halving_and_nested(data, recorder, routing):
    X, y, pairs, X_test = data
    sources = Sources(pairs)
    grid = {"max_weight": [None, 0.5]}
    search = GridSearchCV(recorder, grid, cv=3).fit(X, y, sources=sources)
    assert_all_sources_seen()
    # Folds are target rows: 16 of 24, and 24 for the refit.
    assert {n for n, _ in Recorder.seen} == {16, 24}
    assert search.predict(X_test).shape == (2000,)
    HalvingGridSearchCV(recorder, grid, cv=3, min_resources=12).fit(X, y, sources=sources)
    # Nested: params go to fit by this name in both configurations.
    cross_val_score(GridSearchCV(recorder, grid, cv=2), X, y, cv=2, params={"sources": sources})
    scores = cross_validate(recorder, X, y, cv=3, params={"sources": sources})
    assert len(scores["test_score"]) == 3
    assert_all_sources_seen()


def test_calibration_and_cross_val_predict(data, recorder, routing):
    X, y, pairs, X_test = data
    sources = Sources(pairs)
    calibrated = CalibratedClassifierCV(recorder, cv=3).fit(X, y, sources=sources)
    assert calibrated.predict_proba(X_test).shape == (2000, 2)
    p = cross_val_predict(recorder, X, y, cv=3, method="predict_proba", params={"sources": sources})
    assert p.shape == (N, 2)
    assert_all_sources_seen()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: BaggingClassifier(model, n_estimators=3, random_state=0),
        lambda model: VotingClassifier([("a", model), ("b", LogisticRegression())]),
        lambda model: StackingClassifier([("a", model)], cv=3),
        lambda model: OneVsRestClassifier(model),
        pytest.param(
            lambda model: make_pipeline(StandardScaler(), model),
            marks=pytest.mark.filterwarnings("ignore:A Pipeline transforms the target's columns"),
        ),
    ],
    ids=["bagging", "voting", "stacking", "one-vs-rest", "pipeline"],
)
def test_bound_sources_reach_everywhere(data, recorder, routing, wrap):
    X, y, pairs, X_test = data
    model = wrap(recorder.bind_sources(pairs)).fit(X, y)
    assert_all_sources_seen()
    assert model.predict(X_test).shape == (2000,)
    # A clone of the whole keeps them too.
    Recorder.seen = []
    clone(model).fit(X, y)
    assert_all_sources_seen()


def test_permutation_importance(data):
    X, y, pairs, _ = data
    model = UOWQClassifier().fit(X, y, sources=Sources(pairs))
    assert permutation_importance(model, X, y, n_repeats=2).importances_mean.shape == (3,)


@pytest.mark.parametrize("container", [list, tuple])
def test_a_plain_list_is_refused_rather_than_cut(data, recorder, routing, container):
    X, y, pairs, _ = data
    for fit in (
        lambda: recorder.fit(X, y, sources=container(pairs)),
        lambda: GridSearchCV(recorder, {"max_weight": [None]}, cv=3, error_score="raise").fit(
            X, y, sources=container(pairs)
        ),
        lambda: make_transfer_pipeline(StandardScaler(), recorder).fit(
            X, y, sources=container(pairs)
        ),
    ):
        with pytest.raises(ValueError, match=r"skuowq\.Sources\(sources\)"):
            fit()


def test_the_pipeline_treats_sources_as_the_target(data, routing):
    X, y, pairs, X_test = data
    by_pipeline = make_transfer_pipeline(StandardScaler(), PCA(2), UOWQClassifier())
    by_pipeline.fit(X, y, sources=Sources(pairs))
    steps = make_pipeline(StandardScaler(), PCA(2)).fit(X)
    by_hand = UOWQClassifier().fit(
        steps.transform(X), y, sources=Sources([(steps.transform(X_i), y_i) for X_i, y_i in pairs])
    )
    assert_allclose(by_pipeline[-1].source_weights_, by_hand.source_weights_)
    expected = by_hand.predict_proba(steps.transform(X_test))
    assert_allclose(by_pipeline.predict_proba(X_test), expected)


def test_pooled_transformers(data):
    X, y, pairs, _ = data
    pooled = make_transfer_pipeline(StandardScaler(), UOWQClassifier(), fit_on="pooled")
    pooled.fit(X, y, sources=Sources(pairs))
    everything = np.vstack([X, *(X_i for X_i, _ in pairs)])
    assert_allclose(pooled[0].mean_, everything.mean(axis=0))
    on_target = clone(pooled).set_params(fit_on="target").fit(X, y, sources=Sources(pairs))
    assert_allclose(on_target[0].mean_, X.mean(axis=0))


def test_transformers_that_work_in_place_leave_the_sources_alone(data):
    X, y, pairs, _ = data
    sources = Sources([(10 * X_i + 3, y_i) for X_i, y_i in pairs])
    model = make_transfer_pipeline(StandardScaler(copy=False), UOWQClassifier())
    weights = [
        model.fit(10 * X + 3, y, sources=sources)[-1].source_weights_.copy() for _ in range(2)
    ]
    assert_array_equal(weights[0], weights[1])
    assert_allclose(next(iter(sources))[0], 10 * pairs[0][0] + 3)


@pytest.mark.parametrize("fit_on", ["target", "pooled"])
def test_rows_in_lists(data, fit_on):
    X, y, pairs, _ = data
    lists = [(X_k.tolist(), y_k.tolist()) for X_k, y_k in pairs]
    model = make_transfer_pipeline(StandardScaler(), UOWQClassifier(), fit_on=fit_on)
    expected = model.fit(X, y, sources=Sources(pairs)).predict_proba(X)
    found = clone(model).fit(X.tolist(), y.tolist(), sources=Sources(lists)).predict_proba(X)
    assert_array_equal(found, expected)


def test_rows_of_weight_zero_are_not_pooled(data):
    X, y, pairs, _ = data
    off = [(np.vstack([X_i, X_i + 1e6]), np.tile(y_i, 2)) for X_i, y_i in pairs]
    weighted = [(X_i, y_i, np.repeat([1, 0], len(X_i) // 2)) for X_i, y_i in off]
    model = make_transfer_pipeline(StandardScaler(), UOWQClassifier(), fit_on="pooled")
    clean = clone(model).fit(X, y, sources=Sources(pairs))
    model.fit(X, y, sources=Sources(weighted))
    assert_allclose(model[0].mean_, clean[0].mean_)
    assert_allclose(model[-1].source_weights_, clean[-1].source_weights_)
    assert model[1:].fit_on == "pooled"
    with pytest.raises(ValueError, match="source 0 has 2 features, the target has 3"):
        model.fit(X, y, sources=Sources([(X_i[:, :2], y_i) for X_i, y_i in pairs]))
    with pytest.raises(ValueError, match="source 0 is a DataFrame, the target is a ndarray"):
        model.fit(X, y, sources=Sources([(pd.DataFrame(X_i), y_i) for X_i, y_i in pairs]))


def test_sources_bound_to_the_last_step_pass_the_transformers(data):
    X, y, pairs, _ = data
    raw = [(100 * X_i, y_i) for X_i, y_i in pairs]
    bound = make_transfer_pipeline(StandardScaler(), UOWQClassifier().bind_sources(raw))
    given = make_transfer_pipeline(StandardScaler(), UOWQClassifier())
    bound.fit(100 * X, y)
    given.fit(100 * X, y, sources=Sources(raw))
    assert_allclose(bound[-1].source_weights_, given[-1].source_weights_)


def test_raw_text():
    words = np.array(["good", "fine", "bad", "poor"])
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, 60)
    text, y = [f"a {word} day" for word in words[codes]], (codes > 1).astype(int)
    model = make_transfer_pipeline(TfidfVectorizer(), UOWQClassifier())
    model.fit(text[:12], y[:12], sources=[(text[12:], y[12:])])
    assert model.score(text, y) == 1


def test_the_pipeline_in_a_grid(data, recorder, routing):
    X, y, pairs, X_test = data
    model = make_transfer_pipeline(StandardScaler(), PCA(), recorder)
    grid = {"pca__n_components": [1, 2], "recorder__discrepancy__n_updates": [0, 1]}
    search = GridSearchCV(model, grid, cv=3).fit(X, y, sources=Sources(pairs))
    assert_all_sources_seen()
    assert isinstance(search.best_estimator_, TransferPipeline)
    calibrated = CalibratedClassifierCV(clone(model), cv=3).fit(X, y, sources=Sources(pairs))
    assert calibrated.predict(X_test).shape == (2000,)
    # A search as the pipeline's last step.
    inner = GridSearchCV(recorder, {"discrepancy__n_updates": [0, 1]}, cv=3)
    make_transfer_pipeline(StandardScaler(), inner).fit(X, y, sources=Sources(pairs))
    assert_all_sources_seen()


def test_sources_spelt_out_by_step(data):
    X, y, pairs, _ = data
    model = make_transfer_pipeline(StandardScaler(), UOWQClassifier())
    model.fit(X, y, uowqclassifier__sources=Sources(pairs))
    assert model[-1].n_sources_ == N
    with pytest.raises(ValueError, match="were both given"):
        model.fit(X, y, sources=Sources(pairs), uowqclassifier__sources=Sources(pairs))


def test_bound_to_the_pipeline(data):
    X, y, pairs, X_test = data
    model = make_transfer_pipeline(StandardScaler(), UOWQClassifier()).bind_sources(pairs)
    stacked = StackingClassifier([("transfer", model)], cv=3).fit(X, y)
    assert stacked.predict(X_test).shape == (2000,)
    assert stacked.estimators_[0][-1].n_sources_ == N


def test_fit_parameters_of_the_steps(data, routing):
    X, y, pairs, _ = data
    weight = np.linspace(0.1, 1, N)
    if routing:
        scale = StandardScaler().set_fit_request(sample_weight=True)
        last = UOWQClassifier().set_fit_request(sample_weight=False)
        model = make_transfer_pipeline(scale, last)
        model.fit(X, y, sources=Sources(pairs), sample_weight=weight)
    else:
        model = make_transfer_pipeline(StandardScaler(), UOWQClassifier())
        model.fit(
            X,
            y,
            sources=Sources(pairs),
            standardscaler__sample_weight=weight,
            uowqclassifier__sample_weight=weight,
        )
        assert model[-1].n_target_ == pytest.approx(weight.sum())
    assert_allclose(model[0].mean_, np.average(X, axis=0, weights=weight))


def test_caching_keeps_the_fitted_steps(data, tmp_path):
    X, y, pairs, X_test = data
    plain = make_transfer_pipeline(StandardScaler(), UOWQClassifier())
    cached = make_transfer_pipeline(StandardScaler(), UOWQClassifier(), memory=str(tmp_path))
    expected = plain.fit(X, y, sources=Sources(pairs)).predict_proba(X_test)
    for _ in range(2):
        assert_allclose(cached.fit(X, y, sources=Sources(pairs)).predict_proba(X_test), expected)


def test_frames_through_a_column_transformer():
    rng = np.random.default_rng(0)

    def domain(n):
        frame = pd.DataFrame({"u": rng.normal(size=n), "colour": rng.choice(list("rgb"), n)})
        return frame, (frame["u"] > 0).to_numpy().astype(int)

    (X, y), source = domain(30), domain(200)
    columns = make_column_transformer(
        (StandardScaler(), ["u"]), (OneHotEncoder(sparse_output=False), ["colour"])
    )
    model = make_transfer_pipeline(columns, UOWQClassifier()).set_output(transform="pandas")
    model.fit(X, y, sources={"other": source})
    assert list(model[-1].feature_names_in_) == list(columns.get_feature_names_out())
    assert model.score(*source) > 0.9
    unseen = (source[0].assign(colour="violet"), source[1])
    with pytest.raises(ValueError, match="source 'other': Found unknown categories"):
        model.fit(X, y, sources={"other": unseen})


def test_a_pipeline_that_ends_elsewhere_is_refused(data):
    X, y, pairs, _ = data
    model = make_transfer_pipeline(StandardScaler(), LogisticRegression())
    with pytest.raises(TypeError, match=r"'logisticregression' .* takes none"):
        model.fit(X, y, sources=Sources(pairs))
    assert_array_equal(model.fit(X, y).classes_, [0, 1])


TEXTS = np.array(["good film", "bad film", "great one", "awful one", "no idea"] * 8, dtype=object)


@pytest.mark.parametrize("fit_on", ["target", "pooled"])
@pytest.mark.parametrize("form", [list, np.array, lambda texts: pd.Series(texts)])
def test_raw_texts(form, fit_on):
    labels = np.tile([1, 0, 1, 0, 0], 8)
    source = form(TEXTS[:25]), labels[:25], np.repeat([0.0, 1.0], [5, 20])
    model = make_transfer_pipeline(TfidfVectorizer(), UOWQClassifier(), fit_on=fit_on)
    assert_array_equal(model.fit(form(TEXTS), labels, [source]).predict(form(TEXTS)), labels)


def test_one_number_is_no_column_of_labels():
    model = make_transfer_pipeline(TfidfVectorizer(), UOWQClassifier(), fit_on="pooled")
    with pytest.raises(ValueError, match=r"y should be a 1d array, got an array of shape \(\)"):
        model.fit(TEXTS, np.float64(3), [(TEXTS, np.tile([1, 0], 20))])


def test_texts_and_columns_do_not_mix():
    labels = np.tile([1, 0, 1, 0, 0], 8)
    model = make_transfer_pipeline(TfidfVectorizer(), UOWQClassifier(), fit_on="pooled")
    with pytest.raises(ValueError, match="source 0 has 2 axes, the target has 1: pass both"):
        model.fit(TEXTS, labels, [(TEXTS[:, None], labels)])
