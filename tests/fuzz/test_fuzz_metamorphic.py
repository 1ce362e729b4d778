"""Changes that must change nothing, or what theory says.

Fewer than 500 examples each in ``make test``, as written at each: one is two fits or more.

Tolerances. Weights agree within 1e-4 of a target row's weight, probabilities within 1e-3 and
predictions within 1e-3 of the response's spread, as the fits underneath stop at a tolerance of
their own (ten times and three times as much for repeated rows, where they take other steps); a
change of container or dtype alone leaves everything as it was to 1e-6.
"""

from functools import partial

import numpy as np
import pytest
from fuzz_harness import fuzz, outcome
from fuzz_strategies import SEEDS, gram_matrices, problems
from hypothesis import assume
from hypothesis import strategies as st
from optional import installed, optional
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skuowq import (
    MultiTaskUOWQClassifier,
    Sources,
    UOWQClassifier,
    UOWQRegressor,
    fisher,
    transport,
)
from skuowq.rules import Reml
from skuowq.weights import density_ratio, estimate_discrepancy, solve_source_weights

pd = optional("pandas")

SLACK = {"weights": 1e-4, "predictions": 1e-3}
EXACT = {"weights": 1e-6, "predictions": 1e-6}


def rows_of(parts, choose):
    """The parts with rows chosen anew in each."""
    changed = []
    for X, y, w in parts:
        rows = choose(len(y))
        changed.append((X[rows], y[rows], None if w is None else w[rows]))
    return changed


def row_order(parts, rng):
    return rows_of(parts, rng.permutation)


def columns(parts, function):
    return [(function(X), y, w) for X, y, w in parts]


def in_frames(parts, rng):
    return columns(parts, pd.DataFrame)


def in_float32(parts, rng):
    """Rows whose values float32 can hold; the other fit gets the same values as float64."""
    return columns(parts, np.float32)


def sparse_rows(parts, rng):
    return columns(parts, sparse.csr_matrix)


def weights_of_one(parts, rng):
    return [(X, y, np.ones(len(y)) if w is None else w) for X, y, w in parts]


def rows_of_weight_zero(parts, rng):
    """Rows that do not count, with numbers that would."""
    changed = []
    for X, y, w in weights_of_one(parts, rng):
        more = 100 + rng.normal(size=(2, X.shape[1]))
        changed.append((np.vstack([X, more]), np.append(y, y[:2]), np.append(w, [0.0, 0.0])))
    return changed


def other_offset(parts, rng):
    shift = 10.0 ** rng.randint(-2, 6) * rng.normal(size=parts[0][0].shape[1])
    return columns(parts, lambda X: X + shift)


def each_column_in_other_units(parts, rng):
    """Within what the user's own least squares resolves, which does not scale columns."""
    factor = 10.0 ** rng.randint(-3, 4, size=parts[0][0].shape[1])
    return columns(parts, lambda X: X * factor)


def names_of_classes(parts, rng):
    return [(X, np.array(["a", "b", "c"])[y], w) for X, y, w in parts]


# What leaves the values alone, and what the fit, for models that have no units of their own.
EXACTLY = [in_frames, in_float32, weights_of_one, names_of_classes][not installed("pandas") :]
NEARLY = [row_order, sparse_rows, rows_of_weight_zero, other_offset]

plain = partial(
    problems,
    containers=("array",),
    labels=("int",),
    min_sources=1,
    extreme=False,
    faults=False,
    most_rows=25,
)


def parts_of(problem):
    parts = [(problem.X, problem.y, problem.sample_weight), *problem.parts]
    return columns(parts, lambda X: np.float32(X).astype(float))


def fitted(estimator, parts):
    (X, y, w), *sources = parts
    sources = {f"s{k}": part[: 2 + (part[2] is not None)] for k, part in enumerate(sources)}
    return outcome(
        lambda: clone(estimator).fit(X, y, Sources(sources), sample_weight=w),
        (),
        valid=True,
        hard=True,
    )


def predictions(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def assert_same(first, second, X, X_changed, weights, predictions_within, scale=1.0):
    np.testing.assert_allclose(
        first.source_weights_, second.source_weights_, atol=weights, rtol=weights
    )
    P, Q = predictions(first, X), predictions(second, X_changed)
    np.testing.assert_allclose(P, Q, atol=predictions_within * scale, rtol=0)


def check_change(estimator, parts, change, rng, scale=1.0, slack=None):
    changed = change(parts, rng)
    slack = slack or (EXACT if change in EXACTLY else SLACK)
    X, X_changed = parts[0][0], changed[0][0][: parts[0][0].shape[0]]
    if change is row_order:
        X_changed = X
    first, second = fitted(estimator, parts), fitted(estimator, changed)
    within = slack["predictions"]
    if change is other_offset and isinstance(estimator, UOWQClassifier):
        within = 0.03  # The last fit is scikit-learn's, whose solvers stop early far from 0.
    assert_same(first, second, X, X_changed, slack["weights"], within, scale)


def assume_weights_are_resolved(parts):
    """Rows of hardly any weight, beside heavy ones, are below what a solver resolves."""
    weights = np.concatenate([w for _, _, w in weights_of_one(parts, None)])
    assume(weights.max() < 1e8 * weights[weights > 0].min())


def exact_logistic(C=1.0):
    return LogisticRegression(C=C, solver="newton-cg", tol=1e-11, max_iter=1000)


rules = st.sampled_from(["reml", "reml", "debiased", "plugin"])


@fuzz(
    examples=50,
    problem=plain(),
    change=st.sampled_from(EXACTLY + NEARLY),
    rule=rules,
    C=st.sampled_from([0.01, 1.0, 100.0]),
    seed=SEEDS,
)
def test_classifier(problem, change, rule, C, seed):
    """50 examples in ``make test``: each is two fits."""
    parts = parts_of(problem)
    assume_weights_are_resolved(parts)
    clf = UOWQClassifier(exact_logistic(C), discrepancy=rule)
    check_change(clf, parts, change, np.random.RandomState(seed))


@fuzz(
    examples=10,
    deep=2_000,
    problem=plain(labels=("int",)),
    change=st.sampled_from([in_float32, weights_of_one, rows_of_weight_zero, sparse_rows]),
    seed=SEEDS,
)
def test_classifier_of_trees(problem, change, seed):
    """10 examples in ``make test``, 2,000 in ``make test-fuzz``: each is 36 fits."""
    parts = parts_of(problem)
    assume_weights_are_resolved(parts)
    base = DecisionTreeClassifier(max_depth=2, random_state=0)
    if change is sparse_rows:
        # Of splits that are as good as each other a tree takes another one of sparse columns.
        base = make_pipeline(StandardScaler(with_mean=False), exact_logistic())
    clf = UOWQClassifier(base, discrepancy=Reml(1))
    check_change(clf, parts, change, np.random.RandomState(seed))


@fuzz(
    examples=60,
    problem=plain(kind="numbers"),
    change=st.sampled_from([*EXACTLY[:-1], *NEARLY, each_column_in_other_units]),
    rule=rules,
    levels=st.booleans(),
    seed=SEEDS,
)
def test_regressor(problem, change, rule, levels, seed):
    """60 examples in ``make test``. Least squares has no units, ridge regression has."""
    parts = parts_of(problem)
    assume_weights_are_resolved(parts)
    # Its `tol` is the ratio of units at which it takes a column for none.
    least_squares = LinearRegression(tol=1e-13)
    base = least_squares if change is each_column_in_other_units else Ridge()
    reg = UOWQRegressor(base, discrepancy=rule, own_levels=levels)
    spread = max(np.ptp(np.concatenate([y for _, y, _ in parts])), 1e-300)
    check_change(reg, parts, change, np.random.RandomState(seed), spread, SLACK)


@fuzz(examples=40, problem=plain(), rule=rules, exponent=st.integers(-6, 6))
def test_units_and_penalty_together(problem, rule, exponent):
    """Columns times a and C over a^2 are the same model. 40 examples in ``make test``."""
    parts, a = parts_of(problem), 2.0**exponent
    assume_weights_are_resolved(parts)
    first = fitted(UOWQClassifier(exact_logistic(1.0), discrepancy=rule), parts)
    scaled = columns(parts, lambda X: a * X)
    second = fitted(UOWQClassifier(exact_logistic(1.0 / a**2), discrepancy=rule), scaled)
    assert_same(first, second, parts[0][0], scaled[0][0], 1e-4, 1e-3)


@fuzz(
    examples=60,
    problem=plain(weights=False, most_rows=15),
    numbers=plain(kind="numbers", weights=False, most_rows=15),
    regression=st.booleans(),
    which=st.sampled_from(["target", "sources", "all"]),
    rule=rules,
    seed=SEEDS,
)
def test_repeated_rows_and_weights(problem, numbers, regression, which, rule, seed):
    """A row of weight 3 is three rows. 60 examples in ``make test``."""
    rng = np.random.RandomState(seed)
    parts = parts_of(numbers if regression else problem)
    weighted, repeated = [], []
    for k, (X, y, _) in enumerate(parts):
        chosen = which == "all" or (which == "target") == (k == 0)
        counts = rng.randint(1, 4, size=len(y)) if chosen else np.ones(len(y), dtype=int)
        weighted.append((X, y, counts.astype(float)))
        rows = np.repeat(np.arange(len(y)), counts)
        repeated.append((X[rows], y[rows], None))
    base = (
        UOWQRegressor(discrepancy=rule)
        if regression
        else UOWQClassifier(exact_logistic(), discrepancy=rule)
    )
    first, second = fitted(base, weighted), fitted(base, repeated)
    scale = np.ptp(parts[0][1]) + 1e-300 if regression else 1.0
    assert_same(first, second, parts[0][0], parts[0][0], 1e-3, 3e-3, scale)


@fuzz(examples=25, problem=plain(), rule=rules, seed=SEEDS)
def test_order_of_sources(problem, rule, seed):
    """25 examples in ``make test``."""
    parts = parts_of(problem)
    order = np.random.RandomState(seed).permutation(problem.n_sources)
    clf = UOWQClassifier(exact_logistic(), discrepancy=rule)
    first = fitted(clf, parts)
    second = fitted(clf, [parts[0], *(parts[1 + k] for k in order)])
    np.testing.assert_allclose(second.source_weights_, first.source_weights_[order], atol=1e-4)
    X = parts[0][0]
    np.testing.assert_allclose(first.predict_proba(X), second.predict_proba(X), atol=1e-3)


@fuzz(
    examples=150,
    problem=plain(),
    numbers=plain(kind="numbers"),
    regression=st.booleans(),
    far=st.booleans(),
)
def test_zero_and_huge_discrepancies(problem, numbers, regression, far):
    """Sources known to be the target are pooled with it; sources known to be far are left out.

    150 examples in ``make test``.
    """
    parts = parts_of(numbers if regression else problem)
    assume_weights_are_resolved(parts)
    k = len(parts) - 1
    G = np.full(k, 1e15 if far else 0.0)
    base = LinearRegression() if regression else exact_logistic()
    # One level for all domains, as the pooled fit has.
    options = {"own_levels": False} if regression else {}
    kind = UOWQRegressor if regression else UOWQClassifier
    if regression and not far:
        # Rows count by their noise, so that sources with other noise are not just pooled.
        return
    model = fitted(kind(base, discrepancy=G, **options), parts)
    # Rows out of the target's range are left out, whatever the discrepancy.
    sizes = [np.sum(np.ones(len(y)) if w is None else w) for _, y, w in parts[1:]]
    assume(np.allclose(model.source_n_samples_, sizes))
    used = parts[:1] if far else parts
    X, y = (np.concatenate([part[i] for part in used]) for i in (0, 1))
    w = np.concatenate([np.ones(len(y)) if w is None else w for _, y, w in used])
    np.testing.assert_allclose(model.source_weights_, 0.0 if far else 1.0, atol=1e-4)
    alone = base.fit(X, y, sample_weight=w)
    scale = np.ptp(y) + 1e-300 if regression else 1.0
    X_new = parts[0][0]
    np.testing.assert_allclose(
        predictions(model, X_new), predictions(alone, X_new), atol=1e-3 * scale
    )


@fuzz(examples=15, problem=plain(weights=False, most_rows=12))
def test_tasks_are_single_targets(problem):
    """15 examples in ``make test``: a fit for every task, twice."""
    parts = parts_of(problem)
    sizes = [len(y) for _, y, _ in parts]
    X, y = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    task = np.repeat(np.arange(len(parts)), sizes)
    many = outcome(
        lambda: MultiTaskUOWQClassifier(exact_logistic()).fit(X, y, task), (), valid=True, hard=True
    )
    one = fitted(UOWQClassifier(exact_logistic()), parts)
    np.testing.assert_allclose(many.source_weights_[0, 1:], one.source_weights_, atol=1e-6)


@fuzz(
    examples=200,
    k=st.integers(1, 5),
    data=st.data(),
    seed=SEEDS,
    factor=st.floats(-3, 3).map(lambda e: 10.0**e),
    cap=st.sampled_from([None, None, 0.1, 1.0]),
)
def test_program(k, data, seed, factor, cap):
    """Order of sources; and rows times c with discrepancies over c leave the weights alone.

    200 examples in ``make test``.
    """
    rng = np.random.RandomState(seed)
    n = 10.0 ** rng.uniform(0, 4, size=k)
    G = data.draw(gram_matrices(k, st.floats(-8, 3)))
    G = np.diag(G) if G.ndim == 1 else G
    order = rng.permutation(k)
    solve = partial(solve_source_weights, max_weight=cap)
    w = solve(n, G, n_target=20.0)
    moved = solve(n[order], G[np.ix_(order, order)], n_target=20.0)
    # Where sources are alike many answers are best; what they are worth is one number.
    np.testing.assert_allclose(moved.effective_source_size, w.effective_source_size, rtol=1e-4)
    larger = solve(n * factor, G / factor, n_target=20.0 * factor)
    np.testing.assert_allclose(
        larger.effective_source_size, w.effective_source_size * factor, rtol=1e-4
    )
    S = G + np.diag(1 / n) + 1 / 20
    one = estimate_discrepancy(S, 20.0, n, 10)
    other = estimate_discrepancy(S[np.ix_(order, order)], 20.0, n[order], 10)
    np.testing.assert_allclose(other, one[np.ix_(order, order)], rtol=1e-4, atol=1e-6 * S.max())


@fuzz(
    examples=30,
    problem=plain(weights=False, most_rows=12),
    method=st.sampled_from(["gaussian", "exact", "sinkhorn", "mmd"]),
    shift=st.sampled_from([0.0, 1.0, 1e4, 1e8]),
    factor=st.sampled_from([1.0, 1e-6, 1e6]),
    seed=SEEDS,
)
def test_distances(problem, method, shift, factor, seed):
    """Distances do not change when all rows move, and scale with the units.

    30 examples in ``make test``.
    """
    pytest.importorskip("ot")
    (X, y, _), (Z, z, _) = parts_of(problem)[:2]
    # Whole numbers, of which a shift of 1e8 loses nothing.
    X, Z = np.round(8 * X), np.round(8 * Z)
    assume(min(np.bincount(y[y >= 0]).min(), np.bincount(z).min()) > 1)
    rng = np.random.RandomState(seed)
    D = transport.class_distances(X, y, Z, z, method)
    rows = rng.permutation(len(y))
    there = transport.class_distances(
        factor * (X[rows] + shift), y[rows], factor * (Z + shift), z, method
    )
    power = 1.0 if method == "mmd" else factor
    # Sinkhorn's iterations stop where rows are transported up to a tolerance.
    rtol = 1e-3 if method == "sinkhorn" else 1e-4
    np.testing.assert_allclose(there, power * D, rtol=rtol, atol=1e-6 * power * (1 + D.max()))
    back = transport.class_distances(Z, z, X, y, method)
    np.testing.assert_allclose(back.T, D, rtol=rtol, atol=1e-6 * (1 + D.max()))


@fuzz(
    examples=200,
    seed=SEEDS,
    n=st.integers(2, 40),
    c=st.integers(2, 4),
    penalty=st.floats(-3, 2).map(lambda e: 10.0**e),
)
def test_softmax_of_repeated_rows(seed, n, c, penalty):
    """200 examples in ``make test``."""
    rng = np.random.RandomState(seed)
    X, y, counts = rng.normal(size=(n, 3)), rng.randint(c, size=n), rng.randint(1, 4, size=n)
    ridge = np.full(3, penalty)
    rows = np.repeat(np.arange(n), counts)
    tight = {"tol": 1e-10}
    weighted = fisher.fit_softmax(X, y, c, counts.astype(float), ridge, **tight)
    repeated = fisher.fit_softmax(X[rows], y[rows], c, np.ones(len(rows)), ridge, **tight)
    np.testing.assert_allclose(weighted, repeated, atol=1e-4)
    as_sparse = fisher.fit_softmax(
        sparse.csr_matrix(X), y.astype(np.int8), c, counts.astype(float), ridge, **tight
    )
    np.testing.assert_allclose(weighted, as_sparse, atol=1e-4)
    first = fisher.source_record(X, y, classes=np.arange(c), sample_weight=counts)
    second = fisher.source_record(X[rows], y[rows], classes=np.arange(c))
    for name in ("theta", "score", "information"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), atol=1e-3)


@fuzz(examples=15, problem=plain(weights=False), labels=st.booleans())
def test_ratio_of_renamed_classes(problem, labels):
    """15 examples in ``make test``: each is two cross-fits."""
    (X, y, _), (Z, z, _) = parts_of(problem)[:2]
    names = np.array(["x", "y", "z"])
    one = outcome(lambda: density_ratio(X, y, Z, z, labels=labels, random_state=0), ["y_source"])
    other = outcome(
        lambda: density_ratio(
            sparse.csr_matrix(X),
            names[y],
            Z.astype(np.float32),
            names[z],
            labels=labels,
            random_state=0,
        ),
        ["y_source"],
    )
    if one is not None:
        np.testing.assert_allclose(one, other, rtol=1e-3)
