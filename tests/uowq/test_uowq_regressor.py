"""UOWQRegressor as its users see it."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from optional import optional
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from skuowq import Sources, UOWQRegressor, make_transfer_pipeline

pd = optional("pandas")

EFFECTS = np.array([1.0, -2.0, 0.5, 0.0])


def draw(seed, n, effects=EFFECTS, level=0.0, noise=1.0):
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n, 4))
    return X, X @ effects + level + noise * rng.normal(size=n)


X, y = draw(0, 25)
SOURCES = {"near": draw(1, 300), "higher": draw(2, 300, level=4.0), "far": draw(3, 300, -EFFECTS)}
X_TEST, Y_TEST = draw(4, 500, noise=0.0)


def error(reg):
    """Of the effects: the level is the target's own, and its few rows decide it."""
    return np.var(reg.predict(X_TEST) - Y_TEST)


@pytest.mark.parametrize("base", [None, LinearRegression(), Ridge(alpha=0.1)])
def test_it_beats_target_only_pooled_and_equal_mass(base):
    reg = UOWQRegressor(base).fit(X, y, sources=SOURCES)
    estimator = Ridge() if base is None else base
    parts = [(X, y), *SOURCES.values()]
    rows, responses = (np.concatenate(part) for part in zip(*parts, strict=True))
    others = [clone(estimator).fit(X, y)]
    for weight in (1.0, 25 / 900):
        weights = np.repeat([1.0, weight], [25, 900])
        others.append(clone(estimator).fit(rows, responses, sample_weight=weights))
    assert error(reg) < 0.5 * min(map(error, others))
    assert reg.source_weights_[2] < 0.02
    assert reg.levels_[2] - reg.levels_[0] == pytest.approx(4, abs=0.8)
    assert reg.expected_error_ < 0.6 * reg.target_only_error_
    assert "linear model" in str(reg.source_report_)
    assert list(reg.source_names_) == ["near", "higher", "far"]
    assert reg.noise_variance_.shape == (4,)
    copy = pickle.loads(pickle.dumps(reg))
    assert_allclose(copy.predict(X_TEST), reg.predict(X_TEST), rtol=1e-12)


def test_any_regressor_and_frames():
    trees = HistGradientBoostingRegressor(
        max_iter=30, max_bins=32, min_samples_leaf=5, random_state=0
    )
    reg = UOWQRegressor(trees).fit(X, y, sources=SOURCES)
    assert reg.source_weights_[2] == 0
    assert error(reg) < 0.5 * error(clone(trees).fit(X, y))
    gaps = X.copy()
    gaps[::6, 0] = np.nan
    names = list("abcd")
    frame = pd.DataFrame(gaps, columns=names).assign(kind=pd.Categorical(["u", "v"] * 12 + ["u"]))
    frames = {
        name: (
            pd.DataFrame(X_k, columns=names).assign(kind=pd.Categorical(["u", "v"] * 150)),
            y_k,
        )
        for name, (X_k, y_k) in SOURCES.items()
    }
    few = clone(trees).set_params(categorical_features="from_dtype", max_iter=3)
    reg = UOWQRegressor(few)
    reg.fit(frame, y, sources=frames)
    assert_array_equal(reg.feature_names_in_, [*names, "kind"])
    assert reg.predict(frame).shape == (25,)


def test_sparse_rows_give_what_dense_ones_do():
    dense = UOWQRegressor().fit(X, y, sources=SOURCES)
    thin = {name: (sparse.csr_matrix(X_k), y_k) for name, (X_k, y_k) in SOURCES.items()}
    found = UOWQRegressor().fit(sparse.csr_matrix(X), y, sources=thin)
    # Sparse columns keep their centre.
    assert_allclose(found.source_weights_, dense.source_weights_, rtol=0.05)
    assert_allclose(found.predict(X_TEST), dense.predict(X_TEST), atol=0.05)


def test_weights_count_rows():
    weight = np.ones(25)
    weight[:5] = 2
    weight[5:8] = 0
    rows = np.r_[np.arange(5), np.arange(5), np.arange(8, 25)]
    one = UOWQRegressor().fit(X, y, sources=SOURCES, sample_weight=weight)
    other = UOWQRegressor().fit(X[rows], y[rows], sources=SOURCES)
    assert_allclose(one.source_weights_, other.source_weights_, rtol=0.1)
    assert_allclose(one.predict(X_TEST), other.predict(X_TEST), atol=0.05)


def test_without_sources_it_is_the_estimator():
    reg = UOWQRegressor().fit(X, y)
    assert_array_equal(reg.predict(X), Ridge().fit(X, y).predict(X))
    assert reg.n_sources_ == 0
    assert "no sources" in str(reg.source_report_)


def test_through_scikit_learn():
    sources = Sources(SOURCES)
    assert cross_val_score(UOWQRegressor(), X, y, params={"sources": sources}).mean() > 0.5
    model = make_transfer_pipeline(StandardScaler(), UOWQRegressor(Ridge()))
    search = GridSearchCV(model, {"uowqregressor__estimator__alpha": [0.1, 1e4]}, cv=3)
    search.fit(X, y, sources=sources)
    assert search.best_params_ == {"uowqregressor__estimator__alpha": 0.1}
    bound = UOWQRegressor().bind_sources(sources).fit(X, y)
    assert_allclose(bound.source_weights_, UOWQRegressor().fit(X, y, SOURCES).source_weights_)


def test_rules_and_options(capsys):
    for rule in ("plugin", "debiased", np.diag([0.0, 0.0, 5.0])):
        reg = UOWQRegressor(discrepancy=rule).fit(X, y, sources=SOURCES)
        assert reg.source_weights_[2] < 0.2 * reg.source_weights_[:2].max()
        assert np.isfinite(reg.discrepancy_std_error_).all()
    without = UOWQRegressor(own_levels=False).fit(X, y, sources=SOURCES)
    assert without.source_weights_[1] < 0.02
    assert_array_equal(without.levels_, np.zeros(4))
    assert capsys.readouterr().out == ""
    UOWQRegressor(verbose=1).fit(X, y, sources=SOURCES)
    assert "[UOWQ] weights [" in capsys.readouterr().out


def test_a_target_of_one_or_two_rows():
    for n in (1, 2):
        reg = UOWQRegressor().fit(X[:n], y[:n], sources=SOURCES)
        assert np.isfinite(reg.predict(X_TEST)).all()
    same = UOWQRegressor().fit(X, np.zeros(25), sources={"a": (SOURCES["near"][0], np.zeros(300))})
    assert_allclose(same.predict(X_TEST), 0)


def test_a_row_that_nothing_is_left_of_does_not_judge():
    twins = {str(k): draw(k, 100) for k in range(10, 15)}
    one = UOWQRegressor().fit(X[:1], y[:1], sources=twins)
    assert one.effective_source_size_ > 10


@pytest.mark.parametrize("base", [Ridge(), LinearRegression(), Ridge(alpha=1e-3)])
def test_fewer_rows_than_features_in_any_unit(base):
    rng = np.random.RandomState(0)
    effects = rng.normal(size=30)

    def wide(n):
        rows = rng.normal(size=(n, 30))
        return rows, rows @ effects + rng.normal(size=n)

    (rows, responses), one, other, (test, truth) = map(wide, (15, 200, 200, 400))
    for unit in (1.0, 1e3, 1e4):
        sources = [(unit * part, numbers) for part, numbers in (one, other)]
        reg = UOWQRegressor(base).fit(unit * rows, responses, sources=sources)
        alone = clone(base).fit(unit * rows, responses)
        ours, theirs = (np.mean((m.predict(unit * test) - truth) ** 2) for m in (reg, alone))
        assert ours < 0.2 * theirs


@pytest.mark.parametrize("unit", [1.0, 1e-5, 1e5])
def test_least_squares_knows_no_units(unit):
    reference = UOWQRegressor(LinearRegression()).fit(X, y, sources=SOURCES)
    scaled = {name: (unit * X_k, y_k) for name, (X_k, y_k) in SOURCES.items()}
    reg = UOWQRegressor(LinearRegression()).fit(unit * X, y, sources=scaled)
    assert_allclose(reg.source_weights_, reference.source_weights_, rtol=1e-4)


def test_bad_input_is_named():
    def fails(match, *, base=None, responses=y, sources=SOURCES, **options):
        with pytest.raises((ValueError, TypeError), match=match):
            UOWQRegressor(base, **options).fit(X, responses, sources=sources)

    fails("is a classifier: pass a regressor", base=LogisticRegression())
    fails("takes no sample_weight", base=KNeighborsRegressor())
    fails("discrepancy is 'best': pass one of", discrepancy="best")
    fails("discrepancy has shape", discrepancy=np.eye(2))
    X_1, y_1 = SOURCES["near"]
    fails("source 'a': y contains", sources={"a": (X_1, np.array(["high"] * 300))})
    fails("source 'a': y contains NaN", sources={"a": (X_1, np.full(300, np.nan))})
    fails("source 'a' has 3 features", sources={"a": (X_1[:, :3], y_1)})
    fails("as many rows", sources=[(X_1, y_1)] * 25)
