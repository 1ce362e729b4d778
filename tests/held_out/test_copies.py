"""Copies of rows, weights in place of copies, and rows that the user says belong together."""

import functools

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from optional import optional
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.naive_bayes import GaussianNB

from skuowq import (
    DiscriminatorGateClassifier,
    MultiTaskUOWQClassifier,
    UOWQClassifier,
    UOWQRegressor,
)
from skuowq._data.domains import Domain
from skuowq._data.folds import folds_of
from skuowq._data.held_together import held_together, independent_share, row_keys
from skuowq._gate import trust
from skuowq._held_out import stack
from skuowq._held_out.independent_rows import share_of_independent
from skuowq._held_out.network_pool import halves
from skuowq._held_out.stack import stack_fits
from skuowq.datasets import make_classification_tasks
from skuowq.fisher import source_record

pd = optional("pandas")

TASKS = make_classification_tasks(
    n_target=25, n_samples=(300, 300), discrepancies=(0.0, 1.0), random_state=0
)


def repeated(tasks, times):
    return np.repeat(tasks.X_target, times, axis=0), np.repeat(tasks.y_target, times)


def records_of(tasks):
    return [source_record(X, y, classes=tasks.classes) for X, y in tasks.sources]


def fits(kind, tasks, times):
    """Losses of an estimator with and without sources, and what it thinks of the good one."""
    X, y = repeated(tasks, times)
    base, sources = LogisticRegression(), tasks.sources
    if kind == "gate":
        model = DiscriminatorGateClassifier(LogisticRegression(), random_state=0)
    elif kind == "forest":
        base = RandomForestClassifier(20, random_state=0)
        model = UOWQClassifier(base, random_state=0)
    else:
        model = UOWQClassifier()
    if kind == "records":
        sources = records_of(tasks)
    model.fit(X, y, sources=sources)
    trusted = model.trust_ if kind == "gate" else model.source_weights_
    losses = [
        log_loss(tasks.y_test, fitted.predict_proba(tasks.X_test))
        for fitted in (model, base.fit(X, y))
    ]
    return *losses, trusted[0]


@pytest.mark.parametrize(
    ("kind", "times", "n_seeds"),
    [
        ("logistic", (1, 2, 4, 10), 3),
        ("records", (1, 2, 4, 10), 3),
        pytest.param("forest", (1, 10), 2, marks=pytest.mark.slow),
        pytest.param("gate", (1, 10), 2, marks=pytest.mark.slow),
    ],
)
def test_sources_keep_their_worth_where_the_targets_rows_are_repeated(kind, times, n_seeds):
    tables = []
    for seed in range(n_seeds):
        tasks = make_classification_tasks(
            n_target=25, n_samples=(500, 500), discrepancies=(0.0, 1.0), random_state=seed
        )
        tables.append([fits(kind, tasks, number) for number in times])
    ours, alone, weight = np.mean(tables, axis=0).T
    assert (ours < 0.75 * alone).all()
    # The target's rows weigh ten times as much in the fit, and the sources as before.
    assert ours.max() < ours[0] + 0.15
    if kind != "gate":  # Its factors are of the target's weight.
        assert weight.min() > 0.6 * weight[0]


def draw_numbers(rng, n, effects):
    X = rng.normal(size=(n, len(effects)))
    return X, X @ effects + rng.normal(size=n)


def test_a_regressors_source_keeps_its_worth_where_the_targets_rows_are_repeated():
    table = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        effects = rng.normal(size=8)
        X, y = draw_numbers(rng, 25, effects)
        X_test, y_test = draw_numbers(rng, 1000, effects)
        sources = [draw_numbers(rng, 500, effects), draw_numbers(rng, 500, -effects)]
        rows = [np.repeat(np.arange(25), times) for times in (1, 2, 4, 10)]
        models = [UOWQRegressor().fit(X[r], y[r], sources=sources) for r in rows]
        alone = [Ridge().fit(X[r], y[r]) for r in rows]
        table.append(
            [
                (
                    np.mean((y_test - model.predict(X_test)) ** 2),
                    np.mean((y_test - own.predict(X_test)) ** 2),
                    *model.source_weights_,
                )
                for model, own in zip(models, alone, strict=True)
            ]
        )
    ours, alone, good, bad = np.mean(table, axis=0).T
    assert (ours < alone).all()
    assert good.min() > 0.6 * good[0]
    assert (bad < 0.05 * good).all()


def random_problem(seed, numbers=False):
    rng = np.random.default_rng(seed)
    n_classes, n = rng.integers(2, 4), rng.integers(6, 25)
    effects = rng.normal(size=(rng.integers(1, 5), n_classes))

    def draw(n, effects):
        X = rng.normal(size=(n, len(effects)))
        logits = X @ effects
        if numbers:
            return X, logits[:, 0] + rng.normal(size=n)
        y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
        y[:n_classes] = np.arange(n_classes)
        return X, y

    X, y = draw(n, effects)
    sources = [draw(60, effects + s * rng.normal(size=effects.shape)) for s in (0, 1)]
    return X, y, sources, rng.integers(1, 5, size=n), rng.normal(size=(20, len(effects)))


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("kind", ["logistic", "records", "ridge"])
def test_a_weight_is_as_many_copies(kind, seed):
    X, y, sources, weight, X_test = random_problem(seed, numbers=kind == "ridge")
    model = UOWQClassifier(LogisticRegression(tol=1e-9, max_iter=10_000))
    if kind == "ridge":
        model = UOWQRegressor(Ridge(alpha=0.5))
    if kind == "records":
        sources = [source_record(*source, classes=np.unique(y)) for source in sources]
    rows = np.repeat(np.arange(len(y)), weight)
    found = []
    for fitted in (
        model.fit(X, y, sources=sources, sample_weight=weight),
        sklearn.clone(model).fit(X[rows], y[rows], sources=sources),
    ):
        outputs = fitted.predict(X_test) if kind == "ridge" else fitted.predict_proba(X_test)
        found.append((fitted.source_weights_, outputs))
    (weights, outputs), (weights_of_copies, outputs_of_copies) = found
    assert_allclose(weights_of_copies, weights, rtol=1e-5, atol=1e-6)
    assert_allclose(outputs_of_copies, outputs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("numbers", [False, True])
def test_a_weight_is_as_many_copies_to_a_stack(numbers, seed):
    X, y, sources, weight, _ = random_problem(seed, numbers)
    domains = [Domain(X_i, y_i, np.ones(len(y_i))) for X_i, y_i in sources]
    rows = np.repeat(np.arange(len(y)), weight)
    base, classes = (Ridge(), None) if numbers else (GaussianNB(), np.unique(y))

    def fit(target, weights):
        parts = [target, *domains]
        row_weight = [w * part.sample_weight for w, part in zip([1, *weights], parts, strict=True)]
        return sklearn.clone(base).fit(
            np.concatenate([part.X for part in parts]),
            np.concatenate([part.y for part in parts]),
            sample_weight=np.concatenate(row_weight),
        )

    found = []
    for target in (
        Domain(X, y, weight.astype(float)),
        Domain(X[rows], y[rows], np.ones(len(rows))),
    ):
        errors = target.y - np.average(target.y, weights=target.sample_weight)
        share = independent_share(errors[:, None], target.sample_weight, target.groups)
        assert 0.2 < share < 1
        candidates = np.array([0.5, 0.1]), np.zeros(2), np.ones(2)
        fits = [functools.partial(fit, weights=w) for w in candidates]
        _, stack = stack_fits(fits, target, domains, classes, None, share)
        found.append(stack.weights)
    assert_allclose(found[1], found[0], atol=1e-6)


def test_copies_are_equal_values_whatever_holds_them():
    rng = np.random.default_rng(0)
    X = rng.integers(-2, 3, size=(200, 3)) / 2.0
    codes = np.unique(X, axis=0, return_inverse=True)[1].ravel()
    expected = held_together(codes[:, None])
    negative = np.where(X == 0, -0.0, X)
    frame = pd.DataFrame(X, columns=list("abc")).astype({"a": "float32", "b": object})
    explicit = sparse.csr_matrix(X)
    explicit.data[::7] = 0
    for same in (X, negative, X.astype(np.float32), sparse.csr_matrix(X), X.reshape(200, 3, 1)):
        assert_array_equal(held_together(same), expected)
        assert_array_equal(row_keys(same), row_keys(X))
    # Words have no order but that of their codes.
    assert_array_equal(by_first_row(held_together(frame)), by_first_row(expected))
    assert_array_equal(row_keys(explicit), row_keys(explicit.toarray()))
    order = rng.permutation(200)
    assert_array_equal(row_keys(X[order]), row_keys(X)[order])
    # Numbered by value.
    assert_array_equal(held_together(X[order]), expected[order])
    assert_array_equal(held_together([1e3, 1e-3, 10] * X + 5), expected)


def by_first_row(groups):
    """0 for the first row's group, and so on."""
    first = np.unique(groups, return_index=True)[1]
    return np.argsort(np.argsort(first))[groups]


def test_missing_values_are_equal_to_one_another():
    X = np.array([[1.0, np.nan], [1.0, np.nan], [np.nan, 1.0], [1.0, 2.0]])
    assert_array_equal(held_together(X), [1, 1, 2, 0])
    assert_array_equal(held_together(pd.DataFrame(X)), [1, 1, 2, 0])


def test_names_join_copies():
    X = np.array([[0.0], [1.0], [2.0], [1.0], [4.0], [5.0]])
    assert_array_equal(held_together(X, np.array([0, 1, 0, 2, 2, 3])), [0, 1, 0, 1, 1, 2])


@pytest.mark.parametrize("n_classes", [2, 4])
def test_folds_keep_groups_together_and_spread_classes(n_classes):
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(40), 3))
    y = rng.permutation(np.arange(40) % n_classes)[groups]
    folds = folds_of(y, 5, 0, groups)
    assert_array_equal(np.sort(np.concatenate([held for _, held in folds])), np.arange(120))
    for kept, held in folds:
        assert not set(groups[kept]) & set(groups[held])
        assert np.ptp(np.bincount(y[held], minlength=n_classes)) <= 6


def test_a_class_of_two_mixed_groups_is_always_learned_from_one():
    y = np.zeros(60, dtype=int)
    groups = np.arange(60) // 3
    y[[4, 50]] = 1
    for seed in range(20):
        assert all(y[kept].any() for kept, _ in folds_of(y, 5, seed, groups))


def test_one_group_leaves_nothing_to_hold_out():
    assert folds_of(np.arange(6) % 2, 5, 0, np.zeros(6, dtype=int)) == []


def test_equal_by_chance_is_no_copy():
    """Rows of few values are independent, and the errors of their own fit know it."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 2, size=(400, 3)), np.ones(400)])
    y = (rng.random(400) < 1 / (1 + np.exp(2 - X[:, 0] - 2 * X[:, 1]))).astype(int)
    groups, penalty = held_together(X), np.full(4, 1e-3)
    assert groups.max() == 7
    assert share_of_independent(X, y, 2, np.ones(400), penalty, groups) > 0.5
    # Nor are visits of one group that have nothing in common; ten copies of a row are one row.
    X[:, 0] += rng.normal(size=400)
    visits = rng.integers(0, 40, size=400)
    assert share_of_independent(X, y, 2, np.ones(400), penalty, visits) > 0.6
    ten = np.repeat(np.arange(400), 10)
    share = share_of_independent(X[ten], y[ten], 2, np.ones(4000), penalty, ten)
    assert_allclose(share, 0.1, rtol=1e-6)


def spy_on_folds(monkeypatch, module):
    seen = []

    def spied(y, n_folds, seed, groups):
        folds = folds_of(y, n_folds, seed, groups)
        seen.append((groups, folds))
        return folds

    monkeypatch.setattr(module, "folds_of", spied)
    return seen


VISITS = np.array([f"patient {k % 9}" for k in range(25)])


@pytest.mark.parametrize("kind", ["stack", "trust"])
def test_named_groups_reach_the_folds(monkeypatch, kind):
    seen = spy_on_folds(monkeypatch, stack if kind == "stack" else trust)
    model = UOWQClassifier(GaussianNB(), random_state=0)
    if kind == "trust":
        model = DiscriminatorGateClassifier(LogisticRegression(), random_state=0)
    weight = np.ones(25)
    weight[0] = 0  # The row is dropped, and with it its group's name.
    model.fit(TASKS.X_target, TASKS.y_target, TASKS.sources, groups=VISITS, sample_weight=weight)
    ((groups, folds),) = seen
    assert_array_equal(groups[:, None] == groups, VISITS[1:, None] == VISITS[1:])
    for kept, held in folds:
        assert not set(groups[kept]) & set(groups[held])


def test_named_groups_of_near_copies_are_copies():
    """What the user names does for noisy copies what equality does for exact ones."""
    rng = np.random.default_rng(0)
    X, y = repeated(TASKS, 10)
    exact = UOWQClassifier().fit(X, y, TASKS.sources).source_weights_
    names = np.repeat(np.arange(25), 10)
    X = X + 1e-6 * rng.normal(size=X.shape)
    named = UOWQClassifier().fit(X, y, TASKS.sources, groups=names).source_weights_
    unnamed = UOWQClassifier().fit(X, y, TASKS.sources).source_weights_
    assert_allclose(named, exact, rtol=1e-3, atol=1e-5)
    assert unnamed[0] < 0.2 * named[0]


@pytest.mark.parametrize("groups", [np.zeros(25), ["all"] * 25])
def test_a_target_of_one_group(groups):
    X, y = TASKS.X_target, TASKS.y_target
    for model, sources in (
        (UOWQClassifier(), TASKS.sources),
        (UOWQClassifier(), records_of(TASKS)),
        (UOWQClassifier(GaussianNB()), TASKS.sources),
        (UOWQRegressor(), TASKS.sources),
        (DiscriminatorGateClassifier(LogisticRegression(), random_state=0), TASKS.sources),
    ):
        model.fit(X, y, sources, groups=groups)
        assert np.isfinite(model.predict(TASKS.X_test)).all()
        if hasattr(model, "history_"):  # The weights stand.
            assert_allclose(model.source_weights_[0], model.history_[-2][0])


def test_groups_of_tasks():
    parts = [(TASKS.X_target, TASKS.y_target), *TASKS.sources]
    X, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    task = np.repeat([0, 1, 2], [len(y_k) for _, y_k in parts])
    names = np.append(VISITS, [f"row {k}" for k in range(600)])
    several = MultiTaskUOWQClassifier().fit(X, y, task, groups=names)
    one = UOWQClassifier().fit(*parts[0], parts[1:], groups=VISITS)
    assert_allclose(several.estimators_[0].source_weights_, one.source_weights_, rtol=1e-6)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (VISITS[:-1], r"groups has shape \(24,\), and the target has 25 rows"),
        (np.ones((25, 2)), r"groups has shape \(25, 2\)"),
        ([[k] for k in range(25)], "groups holds .* at row 0, a list"),
        ([*range(24), None], "groups is missing at row 24"),
        (np.append(np.arange(24.0), np.nan), "groups is missing at row 24"),
        (
            lambda: pd.Series([*VISITS[:-1], pd.NA], dtype="string"),
            "groups is missing at row 24",
        ),
        (lambda: pd.to_datetime([None] + ["2020-01-01"] * 24), "groups is missing at row 0"),
        ("patient", "groups is 'patient'"),
        (3, "groups is 3"),
    ],
)
def test_groups_that_name_no_rows_are_refused(groups, message):
    groups = groups() if callable(groups) else groups
    for model in (
        UOWQClassifier(),
        UOWQRegressor(),
        DiscriminatorGateClassifier(LogisticRegression()),
        MultiTaskUOWQClassifier(),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(TASKS.X_target, TASKS.y_target, groups=groups)


@pytest.mark.parametrize(
    "as_labels",
    [
        lambda k: k % 9,
        lambda k: [str(v) for v in k % 9],
        lambda k: [v if v % 2 else str(v) for v in (k % 9).tolist()],
        lambda k: pd.Series(k % 9, index=k[::-1]).astype("category"),
        lambda k: pd.Timestamp("2020-01-01") + pd.to_timedelta(k % 9, "D"),
        lambda k: [(v, "visit") for v in (k % 9).tolist()],
    ],
)
def test_groups_may_be_any_labels(as_labels):
    X, y, k = TASKS.X_target, TASKS.y_target, np.arange(25)
    expected = UOWQClassifier().fit(X, y, TASKS.sources, groups=VISITS).source_weights_
    found = UOWQClassifier().fit(X, y, TASKS.sources, groups=as_labels(k)).source_weights_
    assert_array_equal(found, expected)
    assert np.any(found != UOWQClassifier().fit(X, y, TASKS.sources).source_weights_)


def test_groups_are_routed_to_the_splitter_and_to_the_estimator(monkeypatch):
    seen = spy_on_folds(monkeypatch, stack)
    tasks = make_classification_tasks(
        n_target=40, n_samples=(200, 200), discrepancies=(0.0, 1.0), random_state=0
    )
    names = np.arange(40) % 10
    with sklearn.config_context(enable_metadata_routing=True):
        model = (
            UOWQClassifier(GaussianNB()).set_fit_request(groups=True).bind_sources(tasks.sources)
        )
        search = GridSearchCV(model, {"max_weight": [None]}, cv=GroupKFold(2))
        search.fit(tasks.X_target, tasks.y_target, groups=names)
    assert [len(np.unique(groups)) for groups, _ in seen] == [5, 5, 10]


def test_a_network_sees_equal_values_in_either_precision():
    from nets import make_net  # Skips the test where there is no torch.

    tasks = make_classification_tasks(
        n_target=30, n_samples=(80,), discrepancies=(0.1,), n_features=4, random_state=0
    )
    found = []
    for dtype in (np.float32, np.float64):
        X, X_source, X_test = (
            part.astype(np.float32).astype(dtype)
            for part in (tasks.X_target, tasks.sources[0][0], tasks.X_test[:20])
        )
        clf = UOWQClassifier(make_net(max_epochs=3), random_state=0)
        clf.fit(X, tasks.y_target, [(X_source, tasks.sources[0][1])])
        found.append((clf.pool_exponents_, clf.predict_proba(X_test)))
    assert_allclose(found[0][0], found[1][0], atol=1e-6)
    assert_allclose(found[0][1], found[1][1], atol=1e-6)


def test_halves_are_of_groups_and_of_values():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)).astype(np.float32), np.arange(40) % 2
    X[:8, 0] = 0.0
    one = halves(Domain(X, y, np.ones(40)))
    two = halves(Domain(np.where(X == 0, -0.0, X).astype(np.float64), y, np.ones(40)))
    for half, other in zip(one, two, strict=True):
        assert_array_equal(half, other)
    names = np.arange(40) // 4
    first, second = halves(Domain(X, y, np.ones(40), named=names))
    assert not set(names[first]) & set(names[second])
    assert halves(Domain(X, y, np.ones(40), named=np.zeros(40, dtype=int))) == []


def test_the_inner_estimator_of_a_gate_gets_the_groups(monkeypatch):
    seen = spy_on_folds(monkeypatch, stack)
    gate = DiscriminatorGateClassifier(UOWQClassifier(GaussianNB()), gate=False, random_state=0)
    gate.fit(TASKS.X_target, TASKS.y_target, TASKS.sources, groups=VISITS)
    assert [len(np.unique(groups)) for groups, _ in seen] == [9]
