"""One source replaced by garbage: no estimator may end up worse than the target alone."""

import warnings
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge

from skuowq import DiscriminatorGateClassifier, UOWQClassifier, UOWQRegressor
from skuowq.datasets import load_digit_domains, make_classification_tasks

DRAWS = range(10)


def log_loss(clf, X, y):
    return -np.mean(np.log(clf.predict_proba(X)[np.arange(len(y)), y]))


def quietly(estimator, *data, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return estimator.fit(*data, **options)


@cache
def task(seed, regression):
    tasks = make_classification_tasks(
        n_target=40, n_samples=(200,) * 3, discrepancies=(0.01, 0.05, 0.02), n_features=5,
        n_test=500, random_state=seed,
    )  # fmt: skip
    parts = [(tasks.X_target, tasks.y_target), *tasks.sources, (tasks.X_test, tasks.y_test)]
    if regression:
        rng = np.random.RandomState(seed)
        effects = rng.normal(size=5)
        parts = [(X, X @ effects + rng.normal(size=len(X))) for X, _ in parts]
    return parts


def loss(make, seed, sources):
    """The loss on test rows, and the sources' weights."""
    estimator = make()
    regression = isinstance(estimator, UOWQRegressor)
    (X, y), *_, (X_test, y_test) = task(seed, regression)
    fitted = quietly(estimator, X, y, sources=sources)
    weights = fitted.trust_ if hasattr(fitted, "trust_") else fitted.source_weights_
    if regression:
        return np.mean((fitted.predict(X_test) - y_test) ** 2), weights
    return log_loss(fitted, X_test, y_test), weights


@cache
def without_garbage(name, seed):
    sources = task(seed, name == "ridge")[1:3]
    return *loss(ESTIMATORS[name], seed, sources), loss(ESTIMATORS[name], seed, None)[0]


ESTIMATORS = {
    "logistic": UOWQClassifier,
    "ridge": UOWQRegressor,
    "gate": lambda: DiscriminatorGateClassifier(LogisticRegression(), random_state=0),
}

scales = st.floats(-6, 6).map(lambda power: 10**power)
columns = st.integers(0, 4)
spoilers = st.one_of(
    st.tuples(st.just("units"), scales),
    st.tuples(st.just("units of a column"), scales, columns),
    st.just(("offset",)),
    st.tuples(st.just("codes"), st.sampled_from([999, -9999]), st.sampled_from([0.01, 0.03, 0.1])),
    st.tuples(st.just("constant"), st.sampled_from([0.0, 1.0, 1e3]), columns),
    st.tuples(st.just("noise"), scales),
    st.just(("labels at random",)),
    st.just(("labels shifted",)),
)


def spoiled(source, how, rng):
    X, y = source[0].copy(), source[1]
    name, *values = how
    if name == "units":
        return X * values[0], y
    if name == "units of a column":
        X[:, values[1]] *= values[0]
    elif name == "offset":
        X += 1e8
    elif name == "codes":
        X[rng.uniform(size=X.shape) < values[1]] = values[0]
    elif name == "constant":
        X[:, values[1]] = values[0]
    elif name == "noise":
        return values[0] * rng.normal(size=X.shape), rng.permutation(y)
    elif name == "labels at random":
        return X, rng.permutation(y)
    else:
        return X, -y if y.dtype.kind == "f" else (y + 1) % 3
    return X, y


@pytest.mark.parametrize(
    "name", ["logistic", "ridge", pytest.param("gate", marks=pytest.mark.slow)]
)
@settings(
    derandomize=True, max_examples=8, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(how=spoilers)
def test_garbage_does_no_harm(name, how):
    harm, moved = [], []
    for seed in DRAWS:
        sources = task(seed, name == "ridge")[1:4]
        sources[2] = spoiled(sources[2], how, np.random.RandomState(seed))
        found, weights = loss(ESTIMATORS[name], seed, sources)
        _, rest, alone = without_garbage(name, seed)
        harm.append(found - alone)
        moved.append(np.abs(weights[:2] - rest).max())
    harm = np.array(harm)
    assert harm.mean() <= 2 * harm.std(ddof=1) / np.sqrt(len(harm))
    if name != "gate":  # Its trust is one number for all sources at first.
        assert np.median(moved) < 0.25


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_images_in_other_units_do_not_take_the_others_along(seed):
    domains = load_digit_domains(random_state=seed)
    sources = dict(domains.sources)
    X, y = sources.pop("noisy_labels")
    rest = UOWQClassifier().fit(domains.X_target, domains.y_target, sources=sources)
    sources["noisy_labels"] = 255 * X, y
    with pytest.warns(UserWarning, match=r"of source 'noisy_labels' spans [\d.]+ to 255"):
        clf = UOWQClassifier().fit(domains.X_target, domains.y_target, sources=sources)
    assert_allclose(clf.source_weights_[:-1], rest.source_weights_)
    assert clf.source_weights_[-1] == 0
    assert clf.source_n_samples_[-1] == 0
    test = domains.X_test, domains.y_test
    assert log_loss(clf, *test) == pytest.approx(log_loss(rest, *test))


def test_every_estimator_tells_which_sources_it_left_out():
    (X, y), *sources, (X_test, _) = task(0, False)
    sources[1] = 1e6 * sources[1][0], sources[1][1]
    for estimator in (
        UOWQClassifier(),
        UOWQClassifier(RandomForestClassifier(5, random_state=0)),
        UOWQClassifier(discrepancy=np.diag([0.1, 0.2, 0.3])),
        DiscriminatorGateClassifier(LogisticRegression()),
        DiscriminatorGateClassifier(LogisticRegression(), trust=[1.0, 2.0, 3.0]),
        DiscriminatorGateClassifier(UOWQClassifier()),
    ):
        with pytest.warns(UserWarning, match="source 1 is left out"):
            estimator.fit(X, y, sources=sources)
        gate = isinstance(estimator, DiscriminatorGateClassifier)
        weights = estimator.trust_ if gate else estimator.source_weights_
        assert_array_equal(weights > 0, [True, False, True])
        assert estimator.n_sources_ == 3
        assert np.isfinite(estimator.predict_proba(X_test)).all()
        if gate:
            assert [len(w) for w in estimator.gate_weights_] == [200] * 3
            assert not estimator.gate_weights_[1].any()
    (X, y), *sources, _ = task(0, True)
    sources[1] = 1e6 * sources[1][0], sources[1][1]
    with pytest.warns(UserWarning, match="source 1 is left out"):
        reg = UOWQRegressor(Ridge()).fit(X, y, sources=sources)
    assert_array_equal(reg.source_weights_ > 0, [True, False, True])
    assert_array_equal(np.isnan(reg.levels_), [False, False, True, False])


def test_where_all_are_left_out_the_target_is_alone():
    (X, y), *sources, (X_test, _) = task(0, False)
    with pytest.warns(UserWarning, match="is left out"):
        clf = UOWQClassifier().fit(X, y, sources=[(1e6 * A, b) for A, b in sources])
    alone = UOWQClassifier().fit(X, y)
    assert_array_equal(clf.predict_proba(X_test), alone.predict_proba(X_test))
    assert_array_equal(clf.source_weights_, 0)
    assert "inf" in repr(clf.source_report_)


PATIENT = LogisticRegression(max_iter=10_000, tol=1e-8)  # Columns around 30 are hard for lbfgs.


@pytest.mark.parametrize("estimator", [PATIENT, RandomForestClassifier(10, random_state=0)])
@pytest.mark.parametrize("shape", ["around 30", "with zeros", "one column around 30"])
def test_sparse_is_dense(estimator, shape):
    parts = task(0, False)
    offset = 30.0 if shape == "around 30" else np.array([30.0, 0, 0, 0, 0])
    matrices = [X * (np.abs(X) > 1) if shape == "with zeros" else X + offset for X, _ in parts]
    (X, *sources, X_test), labels = matrices, [y for _, y in parts]
    found = []
    for form in (np.asarray, sparse.csr_matrix):
        pairs = [(form(A), b) for A, b in zip(sources, labels[1:4], strict=True)]
        clf = UOWQClassifier(estimator).fit(form(X), labels[0], sources=pairs)
        found.append((clf.source_weights_, clf.predict_proba(form(X_test))))
    assert_allclose(found[0][0], found[1][0], atol=1e-6)
    # A forest of weighted rows may split sparse columns elsewhere by itself: scikit-learn 1.7 does.
    rows, y = np.vstack([X, sources[0]]), np.concatenate(labels[:2])
    weight = np.repeat([1.0, 0.37], [len(X), len(sources[0])])
    alone = [
        clone(estimator).fit(form(rows), y, weight).predict_proba(form(X_test))
        for form in (np.asarray, sparse.csr_matrix)
    ]
    if np.allclose(*alone, atol=1e-3) and (estimator is PATIENT or shape != "with zeros"):
        assert_allclose(found[0][1], found[1][1], atol=1e-3)


@pytest.mark.parametrize("C", [1.0, 1e6, np.inf])
@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e5])
def test_a_flipped_source_is_told_from_a_perfect_one_in_any_units(C, scale):
    """Under a penalty that leaves next to nothing free as well."""
    tasks = make_classification_tasks(
        n_target=40, n_samples=(300, 300), n_classes=2, discrepancies=(0, 0), random_state=0
    )
    sources = [(scale * X, y) for X, y in tasks.sources]
    sources[1] = sources[1][0], 1 - sources[1][1]
    clf = UOWQClassifier(LogisticRegression(C=C))
    clf.fit(scale * tasks.X_target, tasks.y_target, sources=sources)
    assert clf.source_weights_[0] > 5 * clf.source_weights_[1]


def test_without_a_penalty_units_mean_nothing():
    (X, y), *sources, _ = task(0, False)
    weights = [
        UOWQClassifier(LogisticRegression(C=np.inf, max_iter=100_000))
        .fit(scale * X, y, sources=[(scale * A, b) for A, b in sources])
        .source_weights_
        for scale in (1e-4, 1.0, 1e4)
    ]
    assert_allclose(weights, [weights[1]] * 3, rtol=1e-3)
