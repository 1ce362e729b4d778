"""The estimators that make no network.

With trees, naive Bayes or a pipeline a fit is eighteen fits, and the cross-validated gate is more:
these have fewer examples in ``make test``, as each test says.
"""

import inspect
import warnings

import numpy as np
import pytest
from fuzz_harness import assert_probabilities, assert_weights, fuzz, outcome
from fuzz_strategies import (
    as_given,
    as_records_or_models,
    as_regression_records,
    gram_matrices,
    problems,
)
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skuowq import (
    DiscriminatorGateClassifier,
    MultiTaskUOWQClassifier,
    OT3LClassifier,
    UOWQClassifier,
    UOWQRegressor,
)
from skuowq.rules import PlugIn, Reml

ARGUMENTS = {
    name
    for kind in (
        UOWQClassifier,
        UOWQRegressor,
        MultiTaskUOWQClassifier,
        DiscriminatorGateClassifier,
        OT3LClassifier,
    )
    for method in (kind, kind.fit)
    for name in inspect.signature(method).parameters
} - {"self"}

C = st.one_of(st.just(1.0), st.floats(-6, 6).map(lambda e: 10.0**e), st.just(np.inf))
logistic = st.builds(
    LogisticRegression,
    C=C,
    fit_intercept=st.sampled_from([True, True, False]),
    class_weight=st.sampled_from([None, None, "balanced"]),
    solver=st.sampled_from(["lbfgs", "lbfgs", "newton-cg"]),
)
light = st.sampled_from(
    [
        GaussianNB(),
        DecisionTreeClassifier(max_depth=2, random_state=0),
        DecisionTreeClassifier(class_weight="balanced", random_state=0),
        make_pipeline(StandardScaler(with_mean=False), LogisticRegression()),
        RandomForestClassifier(2, random_state=0),
    ]
)
rules = st.sampled_from(["reml", "reml", "reml", "debiased", "plugin", "array"])
caps = st.sampled_from([None, None, None, 0.0, 0.1, 1.0, 10.0])


def hard_for(problem, base=None):
    """Whether a plain fit to the same rows may warn."""
    C = getattr(base, "C", 1.0)
    return problem.hard or not 1e-3 <= C <= 1e3 or not getattr(base, "fit_intercept", True)


def all_rows(problem):
    """Rows and labels of all domains, as arrays."""
    domains = [(problem.X, problem.y), *((X, y) for X, y, _ in problem.parts)]
    X, y = zip(*domains, strict=True)
    X = [rows.toarray() if sparse.issparse(rows) else np.asarray(rows) for rows in X]
    return np.vstack(X), np.concatenate(y)


def discrepancy(rule, problem, data, updates=4):
    if rule == "array":
        return data.draw(gram_matrices(max(problem.n_sources, 1)))
    return with_updates(rule, updates)


def with_updates(rule, updates):
    return {"reml": Reml(updates), "plugin": PlugIn(updates)}.get(rule, rule)


def check_classifier(clf, problem, plain=None):
    """A fitted classifier predicts in range, where `plain` alone does."""
    n = 5
    classes = clf.classes_
    if plain is not None and not predicts_in_range(plain, problem):
        return
    assert np.isin(clf.predict(problem.X_new), classes).all()
    if hasattr(clf, "predict_proba"):
        assert_probabilities(clf.predict_proba(problem.X_new), n, len(classes))
    if hasattr(clf, "decision_function"):
        scores = clf.decision_function(problem.X_new)
        assert scores.shape == ((n,) if len(classes) == 2 else (n, len(classes)))
        # Minus infinity says that no weighted row had the class.
        assert not np.isnan(scores).any()
        assert scores.max() < np.inf


def predicts_in_range(base, problem):
    """Whether the estimator alone does so: naive Bayes does not on constant columns."""
    domains = [(problem.X, problem.y, problem.sample_weight), *problem.parts]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for X, y, w in domains:
            if len(np.unique(y)) < 2:
                return False
            if isinstance(X, np.ndarray):
                X = X.astype(float)  # As ours sees it: float32 may make a constant column vary.
            kwargs = {} if hasattr(base, "steps") else {"sample_weight": w}
            P = clone(base).fit(X, y, **kwargs).predict_proba(problem.X_new)
            if not (np.isfinite(P).all() and np.abs(P.sum(axis=1) - 1).max() <= 1e-7):
                return False
    return True


def kept_sources(fitted):
    """Which sources took part: one in other units is left out, and is infinitely far."""
    return np.diag(fitted.discrepancy_) != np.inf


def check_weighed(fitted, problem):
    """What a fit says of its sources."""
    k = problem.n_sources
    assert_weights(fitted.source_weights_, k, getattr(fitted, "max_weight", None))
    assert fitted.discrepancy_.shape == (k, k)
    kept = kept_sources(fitted)
    assert np.isfinite(fitted.discrepancy_[np.ix_(kept, kept)]).all()
    assert np.isfinite(fitted.discrepancy_std_error_[kept]).all()
    assert (fitted.source_weights_[~kept] == 0).all()
    assert fitted.effective_source_size_ >= 0
    assert 0 <= fitted.optimality_gap_ <= 1e-6
    assert 0 < fitted.expected_error_ < np.inf
    if isinstance(getattr(fitted, "discrepancy", "reml"), np.ndarray):
        # Where the discrepancy is estimated the target's rows may have judged otherwise.
        assert fitted.expected_error_ <= fitted.target_only_error_ * (1 + 1e-6)
    assert np.isfinite(fitted.history_).all()
    assert str(fitted.source_report_)


def check_uowq(data, problem, base, rule, cap, updates, classes="union"):
    clf = UOWQClassifier(
        base,
        discrepancy=discrepancy(rule, problem, data, updates),
        max_weight=cap,
        classes=classes,
        random_state=0,
    )

    def fit():
        fitted = clf.fit(
            problem.X, problem.y, as_given(problem.sources), sample_weight=problem.sample_weight
        )
        check_classifier(fitted, problem, None if isinstance(base, LogisticRegression) else base)
        return fitted

    def plain():
        clone(base).fit(problem.X, problem.y)
        if isinstance(base, LogisticRegression):  # Far apart, domains are hard to fit together.
            clone(base).fit(*all_rows(problem))

    fitted = outcome(
        fit,
        ARGUMENTS,
        valid=problem.fault is None and problem.n_sources > 0,
        hard=hard_for(problem, base),
        refuses=plain,
    )
    if fitted is not None:
        check_weighed(fitted, problem)


@fuzz(
    "UOWQClassifier",
    data=st.data(),
    problem=problems(),
    base=logistic,
    rule=rules,
    cap=caps,
    updates=st.integers(0, 2),
    classes=st.sampled_from(["union", "target"]),
)
def test_logistic(data, problem, base, rule, cap, updates, classes):
    check_uowq(data, problem, base, rule, cap, updates, classes)


@fuzz(
    examples=80,
    data=st.data(),
    problem=problems(most_rows=15, containers=("array", "frame", "float32")),
    base=light,
    rule=rules,
    cap=caps,
)
def test_other_classifiers(data, problem, base, rule, cap):
    """80 examples in ``make test``: each is up to eighteen fits."""
    check_uowq(data, problem, base, rule, cap, 1)


@fuzz(
    examples=12,
    deep=2_000,
    data=st.data(),
    problem=problems(most_rows=15, containers=("array", "frame"), missing=True),
    rule=rules,
)
def test_boosted_trees(data, problem, rule):
    """12 examples in ``make test``, 2,000 in ``make test-fuzz``: eighteen fits of trees each."""
    check_uowq(data, problem, HistGradientBoostingClassifier(max_iter=2), rule, None, 1)


@fuzz(
    examples=200,
    data=st.data(),
    problem=problems(min_sources=1, containers=("array", "frame", "sparse")),
    kinds=st.lists(st.sampled_from(["record", "model"]), min_size=3, max_size=3),
    C=C,
    rule=st.sampled_from(["reml", "array"]),
    cap=caps,
)
def test_records_and_models(data, problem, kinds, C, rule, cap):
    """200 examples in ``make test``; the face is `UOWQClassifier`'s, with 500 above."""
    clf = UOWQClassifier(
        LogisticRegression(C=C), discrepancy=discrepancy(rule, problem, data), max_weight=cap
    )

    def fit():
        given = as_records_or_models(problem, kinds[: problem.n_sources])
        fitted = clf.fit(problem.X, problem.y, given.sources, sample_weight=problem.sample_weight)
        check_classifier(fitted, problem)
        return fitted

    def plain():
        """Where all sources are left out."""
        LogisticRegression(C=C).fit(problem.X, problem.y)

    fitted = outcome(fit, {*ARGUMENTS, "point"}, hard=True, refuses=plain)
    if fitted is not None:
        check_weighed(fitted, problem)
        assert np.isfinite(fitted.record_point_).all()


def check_regressor(data, problem, base, rule, levels, updates):
    reg = UOWQRegressor(
        base,
        discrepancy=discrepancy(rule, problem, data, updates),
        own_levels=levels,
        random_state=0,
    )

    def fit():
        fitted = reg.fit(
            problem.X, problem.y, as_given(problem.sources), sample_weight=problem.sample_weight
        )
        predicted = fitted.predict(problem.X_new)
        assert predicted.shape == (5,)
        assert np.isfinite(predicted).all()
        return fitted

    def plain():
        clone(base).fit(problem.X, problem.y, sample_weight=problem.sample_weight)
        clone(base).fit(*all_rows(problem))

    fitted = outcome(fit, ARGUMENTS, valid=problem.fault is None, hard=problem.hard, refuses=plain)
    if fitted is not None:
        check_weighed(fitted, problem)
        if kept_sources(fitted).any():
            kept = np.append(True, kept_sources(fitted))
            assert np.isfinite(fitted.noise_variance_[kept]).all()
            assert (fitted.noise_variance_[kept] >= 0).all()
            assert np.isfinite(fitted.levels_[kept]).all()


@fuzz(
    "UOWQRegressor",
    data=st.data(),
    problem=problems(kind="numbers"),
    base=st.one_of(
        st.just(LinearRegression()),
        st.builds(
            Ridge,
            alpha=st.floats(-6, 6).map(lambda e: 10.0**e),
            fit_intercept=st.sampled_from([True, True, False]),
        ),
    ),
    rule=rules,
    levels=st.booleans(),
    updates=st.integers(0, 3),
)
def test_linear_regressors(data, problem, base, rule, levels, updates):
    check_regressor(data, problem, base, rule, levels, updates)


@fuzz(
    examples=25,
    data=st.data(),
    problem=problems(kind="numbers", min_sources=1, containers=("array", "frame", "sparse")),
    kinds=st.lists(st.sampled_from(["record", "record", "rows"]), min_size=3, max_size=3),
    base=st.one_of(
        st.just(LinearRegression()),
        st.builds(Ridge, alpha=st.floats(-6, 6).map(lambda e: 10.0**e)),
    ),
    rule=rules,
    levels=st.booleans(),
)
def test_records_of_regressions(data, problem, kinds, base, rule, levels):
    """25 examples in ``make test``; the face has 500 above."""
    kinds = kinds[: problem.n_sources]
    given = outcome(lambda: as_regression_records(problem, kinds), ARGUMENTS)
    if given is not None:
        check_regressor(data, given, base, rule, levels, 1)


@fuzz(
    examples=80,
    data=st.data(),
    problem=problems(kind="numbers", most_rows=15, containers=("array", "frame", "float32")),
    base=st.sampled_from(
        [
            DecisionTreeRegressor(max_depth=2, random_state=0),
            RandomForestRegressor(2, random_state=0),
            make_pipeline(StandardScaler(), Ridge()),
            HistGradientBoostingRegressor(max_iter=2),
        ]
    ),
    rule=rules,
)
def test_other_regressors(data, problem, base, rule):
    """80 examples in ``make test``: each is up to eighteen fits."""
    check_regressor(data, problem, base, rule, True, 1)


@fuzz(
    "MultiTaskUOWQClassifier",
    examples=100,
    problem=problems(most_rows=20, containers=("array", "list", "frame", "sparse", "float32")),
    base=logistic,
    rule=st.sampled_from(["reml", "debiased", "plugin"]),
    cap=caps,
    named=st.sampled_from(["text", "numbers", "dates", "missing"]),
)
def test_many_tasks(problem, base, rule, cap, named):
    """100 examples in ``make test``: each is a fit for every task."""
    parts = [(problem.X, problem.y, problem.sample_weight), *problem.parts]
    sizes = [np.size(y) for _, y, _ in parts]
    X = _stacked([part[0] for part in parts])
    y = np.concatenate([np.ravel(part[1]) for part in parts])
    names = {
        "text": np.array(["t0", "t1", "t2", "t3"]),
        "numbers": np.array([3.5, -1.0, 2.0, 0.1], dtype=np.float32),
        "dates": np.array(["2020-01-01", "2021-01-01", "1999-01-01", "2000-01-01"], "M8[ns]"),
        "missing": np.array(["t0", None, "t2", "t3"], dtype=object),
    }[named]
    task = np.repeat(names[: len(parts)], sizes)
    weights = [
        np.ones(n) if part[2] is None else part[2] for n, part in zip(sizes, parts, strict=True)
    ]
    clf = MultiTaskUOWQClassifier(base, discrepancy=with_updates(rule, 1), max_weight=cap)

    def fit():
        fitted = clf.fit(X, y, task, sample_weight=np.concatenate(weights))
        P = fitted.predict_proba(problem.X_new, [task[0]] * 5)
        assert_probabilities(P, 5, len(fitted.classes_))
        return fitted

    fitted = outcome(
        fit,
        ARGUMENTS,
        valid=problem.fault is None and (named != "missing" or len(parts) == 1),
        hard=hard_for(problem, base),
        refuses=lambda: clone(base).fit(X, y),
    )
    if fitted is not None:
        assert np.isfinite(fitted.source_weights_).all()
        assert (np.diag(fitted.source_weights_) == 1).all()


def _stacked(parts):
    """Tasks are rows of one matrix: those of other columns are left out, and their labels not."""
    if sparse.issparse(parts[0]):
        return sparse.vstack([part for part in parts if part.shape[1] == parts[0].shape[1]])
    if isinstance(parts[0], list):
        return [row for part in parts for row in part]
    if hasattr(parts[0], "iloc"):
        import pandas as pd

        return pd.concat(parts, ignore_index=True)
    return np.concatenate([part for part in parts if part.shape[1] == parts[0].shape[1]])


@fuzz(
    "DiscriminatorGateClassifier",
    examples=60,
    problem=problems(most_rows=15),
    base=st.one_of(logistic, st.just(GaussianNB())),
    gate=st.sampled_from([True, False, "plausibility", "interactions"]),
    trust=st.one_of(st.sampled_from([0.0, 1.0, 10.0]), st.just([1.0, 0.5, 0.0])),
    labels=st.booleans(),
    balanced=st.booleans(),
    clip=st.sampled_from([1e-3, 1.0, 20.0, 1e6]),
)
def test_gate_without_a_network(problem, base, gate, trust, labels, balanced, clip):
    """60 examples in ``make test``: the gate is cross-fitted."""
    trust = trust if np.ndim(trust) == 0 else trust[: problem.n_sources]
    check_gate(
        problem, base, gate=gate, trust=trust, gate_labels=labels, balanced=balanced, clip=clip
    )


@fuzz(
    examples=8,
    deep=1_000,
    problem=problems(most_rows=12, min_sources=1, containers=("array",)),
    base=st.sampled_from([LogisticRegression(), GaussianNB(), UOWQClassifier(discrepancy=Reml(1))]),
    gate=st.sampled_from([True, False]),
)
def test_gate_by_cross_validation(problem, base, gate):
    """8 examples in ``make test``, 1,000 in ``make test-fuzz``: a third of a second each."""
    check_gate(problem, base, gate=gate)


def check_gate(problem, base, **options):
    clf = DiscriminatorGateClassifier(base, random_state=0, **options)

    def fit():
        fitted = clf.fit(
            problem.X, problem.y, as_given(problem.sources), sample_weight=problem.sample_weight
        )
        check_classifier(fitted, problem)
        return fitted

    fitted = outcome(
        fit,
        ARGUMENTS,
        valid=problem.fault is None and problem.n_sources > 0,
        hard=hard_for(problem, base),
        refuses=lambda: clone(base).fit(problem.X, problem.y),
    )
    if fitted is not None:
        assert np.isfinite(fitted.trust_).all()
        for gated, (_, y, _) in zip(fitted.gate_weights_, problem.parts, strict=True):
            assert gated.shape == (len(y),)
            assert np.isfinite(gated).all()
            assert gated.min() >= 0


@fuzz(
    "OT3LClassifier",
    problem=problems(containers=("array", "list", "frame", "float32"), most_rows=20),
    C=C,
    strategy=st.sampled_from(["mixed", "far", "near", "uniform", "stratified"]),
    budget=st.sampled_from([None, 1, 3, 10, 1000]),
    alpha=st.floats(0, 1),
    aggregate=st.sampled_from(["mean", "min", "ot"]),
    distance=st.sampled_from(["gaussian", "gaussian", "gaussian", "exact", "mmd", "sinkhorn"]),
)
def test_chosen_rows(problem, C, strategy, budget, alpha, aggregate, distance):
    pytest.importorskip("ot")
    clf = OT3LClassifier(
        LogisticRegression(C=C),
        strategy=strategy,
        budget=budget,
        alpha=alpha,
        aggregate=aggregate,
        distance=distance,
        random_state=0,
    )

    def fit():
        fitted = clf.fit(
            problem.X, problem.y, as_given(problem.sources), sample_weight=problem.sample_weight
        )
        check_classifier(fitted, problem)
        return fitted

    fitted = outcome(
        fit,
        ARGUMENTS,
        hard=hard_for(problem, clf.estimator),
        refuses=lambda: clone(clf.estimator).fit(problem.X, problem.y),
    )
    if fitted is not None:
        assert len(np.unique(fitted.selected_indices_)) == len(fitted.selected_indices_)
