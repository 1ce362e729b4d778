"""Sources that are elsewhere: the fit is that of local rows, and only sums travel."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

pytest.importorskip("distributed")

import dask
import dask.array as da
import pandas as pd
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from skuowq import (
    DiscriminatorGateClassifier,
    Sources,
    UOWQClassifier,
    UOWQRegressor,
    make_transfer_pipeline,
)
from skuowq._data.draw_rows import shares_of_budget
from skuowq.datasets import make_classification_tasks
from skuowq.fisher import regression_record, source_record
from skuowq.metrics import negative_transfer_gap
from skuowq.rules import PlugIn

TASKS = make_classification_tasks(n_target=40, n_classes=2, random_state=0)
NAMES = ["near", "middle", "far"]
LOCAL = dict(zip(NAMES, TASKS.sources, strict=True))
# So exact a solver that two optima can be compared.
EXACT = LogisticRegression(tol=1e-9, max_iter=10_000)


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def on_dask(X, y, *weight):
    """The rows as arrays of Dask, of two chunks."""
    rows = -(-len(y) // 2)
    chunked = [da.from_array(np.asarray(column), chunks=rows) for column in (y, *weight)]
    return da.from_array(X, chunks=(rows, -1)), *chunked


def delayed(X, y, n_parts=2):
    """The rows as delayed objects, one for each part."""
    rows = np.array_split(np.arange(len(y)), n_parts)
    return [dask.delayed(lambda k: (X[k], y[k]))(part) for part in rows]


def same(here, there, X):
    assert_allclose(there.source_weights_, here.source_weights_, rtol=1e-6, atol=1e-9)
    assert_allclose(there.history_, here.history_, rtol=1e-6, atol=1e-9)
    assert_allclose(there.discrepancy_, here.discrepancy_, rtol=1e-5, atol=1e-8)
    assert_allclose(there.predict_proba(X), here.predict_proba(X), atol=1e-5)
    assert str(there.source_report_) == str(here.source_report_)


def test_the_fit_is_that_of_local_rows():
    mixed = {
        "near": (
            da.from_array(LOCAL["near"][0], chunks=(600, 7)),
            da.from_array(LOCAL["near"][1], 600),
        ),
        "middle": delayed(*LOCAL["middle"]),
        "far": LOCAL["far"],
    }
    here = UOWQClassifier(EXACT).fit(TASKS.X_target, TASKS.y_target, sources=LOCAL)
    there = UOWQClassifier(EXACT).fit(TASKS.X_target, TASKS.y_target, sources=mixed)
    same(here, there, TASKS.X_test)
    assert_allclose(there.estimator_.coef_, here.estimator_.coef_, atol=1e-4)
    assert there.intercept_variance_ == pytest.approx(here.intercept_variance_)


def test_several_classes_weights_and_copies():
    tasks = make_classification_tasks(
        n_target=20, n_classes=3, n_samples=(200, 300), discrepancies=(0, 1), random_state=3
    )
    rng = np.random.default_rng(0)
    weights = [rng.integers(0, 3, len(y)).astype(float) for _, y in tasks.sources]
    local = [(X, y, w) for (X, y), w in zip(tasks.sources, weights, strict=True)]
    X, y = np.repeat(tasks.X_target, 2, axis=0), np.repeat(tasks.y_target, 2)
    here = UOWQClassifier(EXACT).fit(X, y, sources=local)
    there = UOWQClassifier(EXACT).fit(X, y, sources=[on_dask(*source) for source in local])
    same(here, there, tasks.X_test)


def test_a_given_discrepancy_takes_one_look_and_one_fit():
    G = np.diag([0.001, 0.01, 0.1])
    here = UOWQClassifier(EXACT, discrepancy=G, max_weight=0.5)
    there = UOWQClassifier(EXACT, discrepancy=G, max_weight=0.5)
    here.fit(TASKS.X_target, TASKS.y_target, sources=LOCAL)
    far = {name: on_dask(*source) for name, source in LOCAL.items()}
    there.fit(TASKS.X_target, TASKS.y_target, sources=far)
    same(here, there, TASKS.X_test)


def test_rows_far_outside_and_other_classes_are_left_out_alike():
    X, y = (part.copy() for part in LOCAL["near"])
    X[::50, 1] = -9999.0
    X_far, y_far = LOCAL["far"]
    local = {
        "codes": (X, y),
        "three": (LOCAL["middle"][0], np.where(np.arange(len(y)) % 9 == 0, 2, LOCAL["middle"][1])),
        "units": (1e6 * X_far, y_far),
        "one": (X_far, np.zeros(len(y_far), dtype=int)),
    }
    found = []
    for sources in (local, {name: on_dask(*source) for name, source in local.items()}):
        clf = UOWQClassifier(EXACT, classes="target")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            clf.fit(TASKS.X_target, TASKS.y_target, sources=sources)
        found.append((clf, sorted(str(warning.message) for warning in caught)))
    (here, said_here), (there, said_there) = found
    assert said_there == said_here
    assert len(said_here) == 3
    same(here, there, TASKS.X_test)
    assert_allclose(there.source_weights_[2:], 0)
    assert_allclose(there.source_n_samples_, here.source_n_samples_)


class CountedGet:
    """Dask's own scheduler, which tells how long the arrays are that come back."""

    def __init__(self):
        self.rounds, self.longest = 0, 0

    def __call__(self, graph, keys, **kwargs):
        results = dask.get(graph, keys, **kwargs)
        self.rounds += 1
        for answer in _leaves(results):
            sizes = [value.size for value in vars(answer).values() if isinstance(value, np.ndarray)]
            self.longest = max([self.longest, *sizes])
        return results


def _leaves(results):
    for part in results:
        if isinstance(part, (list, tuple)):
            yield from _leaves(part)
        else:
            yield part


def test_only_sums_travel():
    counted = CountedGet()
    far = {name: on_dask(*source) for name, source in LOCAL.items()}
    with dask.config.set(scheduler=counted):
        UOWQClassifier().fit(TASKS.X_target, TASKS.y_target, sources=far)
    n_parameters = TASKS.X_target.shape[1] + 1
    assert 10 < counted.rounds < 100
    assert counted.longest == n_parameters**2 < min(len(y) for _, y in TASKS.sources)


def draw_numbers(n, level=0.0, noise=1.0, mean=0.0, sign=1.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)) * [1, 10, 0.1, 1] + mean
    return X, sign * X @ [1, 0.1, 10, 1] + level + noise * rng.normal(size=n)


@pytest.mark.parametrize("options", [{}, {"own_levels": False}, {"discrepancy": "plugin"}])
def test_regressions_need_one_round_of_products(options):
    X, y = draw_numbers(30)
    local = [
        draw_numbers(300, level=3, seed=1),
        draw_numbers(300, noise=4, mean=1, seed=2),
        draw_numbers(200, sign=-1, seed=3),
    ]
    counted = CountedGet()
    for base in (None, Ridge(3.0)):
        here = UOWQRegressor(base, **options).fit(X, y, sources=local)
        with dask.config.set(scheduler=counted):
            there = UOWQRegressor(base, **options)
            there.fit(X, y, sources=[on_dask(*source) for source in local])
        assert_allclose(there.source_weights_, here.source_weights_, rtol=1e-6)
        assert_allclose(there.predict(X), here.predict(X), rtol=1e-6)
        assert str(there.source_report_) == str(here.source_report_)
    assert counted.rounds == 4  # Columns, then products, of either fit.


def test_records_stand_beside_rows_on_a_cluster():
    X, y = draw_numbers(30)
    local = {f"s{k}": draw_numbers(200 + k, level=k, noise=1 + k, seed=k) for k in range(1, 4)}
    mixed = {
        "s1": regression_record(*local["s1"]),
        "s2": on_dask(*local["s2"]),
        "s3": local["s3"],
    }
    here, there = (UOWQRegressor().fit(X, y, sources) for sources in (local, mixed))
    assert_allclose(there.source_weights_, here.source_weights_, rtol=1e-6)
    assert_allclose(there.predict(X), here.predict(X), rtol=1e-6)
    assert str(there.source_report_) == str(here.source_report_)
    mixed["gone"] = dask.delayed(broken)()
    with pytest.warns(UserWarning, match=r"source 'gone' .* is left out, with weight 0"):
        fewer = UOWQRegressor().fit(X, y, Sources(mixed, missing="drop"))
    assert_allclose(fewer.source_weights_, [*there.source_weights_, 0], rtol=1e-6)
    with pytest.raises(TypeError, match=r"source 's1' is a RegressionRecord without rows, and oth"):
        UOWQRegressor(RandomForestRegressor()).fit(X, y, Sources(mixed, max_rows=100))


def test_columns_that_the_target_does_not_show_are_reported_as_for_local_rows():
    X = TASKS.X_target.copy()
    X[:, :5] = 1.0
    far = {name: on_dask(*source) for name, source in LOCAL.items()}
    here, there = (UOWQClassifier(EXACT).fit(X, TASKS.y_target, sources=s) for s in (LOCAL, far))
    same(here, there, TASKS.X_test)
    assert "50% of the columns that vary" in str(there.source_report_)


def test_searches_pipelines_and_gaps():
    far = Sources({name: on_dask(*LOCAL[name]) for name in ("near", "far")})
    local = Sources({name: LOCAL[name] for name in ("near", "far")})
    X, y = TASKS.X_target, TASKS.y_target
    quick = UOWQClassifier(EXACT, discrepancy=np.diag([0.01, 0.1]))
    found = []
    for sources in (local, far):
        search = GridSearchCV(quick, {"max_weight": [0.01, None]}, cv=2)
        search.fit(X, y, sources=sources)
        model = make_transfer_pipeline(StandardScaler(), quick).fit(X, y, sources=sources)
        gap = negative_transfer_gap(quick, X, y, sources=sources, cv=2, n_repeats=1, random_state=0)
        found.append((search.cv_results_["mean_test_score"], model.predict_proba(X), gap.gaps))
    for here, there in zip(*found, strict=True):
        assert_allclose(there, here, atol=1e-5)


def broken():
    raise OSError("the disk is gone")


def test_a_source_that_cannot_be_read():
    far = {"near": on_dask(*LOCAL["near"]), "gone": dask.delayed(broken)()}
    said = r"source 'gone' \(Delayed of dask\) cannot be read. OSError: the disk is gone"
    with pytest.raises(RuntimeError, match=rf"{said}. .*missing='drop'"):
        UOWQClassifier().fit(TASKS.X_target, TASKS.y_target, sources=far)
    clf = UOWQClassifier(EXACT)
    with pytest.warns(UserWarning, match=rf"{said}. It is left out, with weight 0"):
        clf.fit(TASKS.X_target, TASKS.y_target, sources=Sources(far, missing="drop"))
    alone = UOWQClassifier(EXACT)
    alone.fit(TASKS.X_target, TASKS.y_target, sources={"near": LOCAL["near"]})
    assert_allclose(clf.source_weights_, [alone.source_weights_[0], 0.0], rtol=1e-6)
    assert "Left out, as a warning of the fit says: gone" in str(clf.source_report_)
    with pytest.warns(UserWarning, match="'gone'"):
        reg = UOWQRegressor().fit(*draw_numbers(30), Sources(
            {"a": on_dask(*draw_numbers(99, seed=1)), "gone": dask.delayed(broken)()},
            missing="drop",
        ))  # fmt: skip
    assert reg.source_weights_[1] == 0


def test_what_a_part_must_not_hold_is_named():
    X, y = LOCAL["near"]
    frame = pd.DataFrame(TASKS.X_target).rename(columns=str)

    def fit(*parts, X_target=TASKS.X_target):
        parts = [dask.delayed(part) for part in parts]
        UOWQClassifier().fit(X_target, TASKS.y_target, sources={"near": parts})

    good = (X[:100], y[:100])
    for bad, error, message in (
        ((X[:50, :3], y[:50]), ValueError, r"source 'near', part 1 has 3 features, the target has"),
        ((X[:50], y[:50].astype(str)), ValueError, r"part 1: the labels are text, those of"),
        ((X[:50], y[:40]), ValueError, r"source 'near', part 1: X has 50 rows, y 40 entries"),
        ((np.full((5, X.shape[1]), np.nan), y[:5]), ValueError, r"part 1: Input X contains NaN"),
        ("rows", TypeError, r"source 'near', part 1 is a str: it must give \(X, y\)"),
        ((X[:2], y[:2], -np.ones(2)), ValueError, r"part 1: sample_weight must be finite"),
    ):
        with pytest.raises(error, match=message):
            fit(good, bad)
    named = pd.DataFrame(X).rename(columns=str)
    with pytest.raises(ValueError, match=r"part 1 has unknown columns \['new'\], missing columns"):
        fit((named, y), (named.rename(columns={"0": "new"}), y), X_target=frame)
    with pytest.raises(ValueError, match="source 'near' is empty"):
        fit((X[:0], y[:0]))


def test_a_class_that_was_not_there_before_is_named():
    X, y = LOCAL["near"]
    calls = []

    def changing():
        calls.append(1)
        return X, y if len(calls) == 1 else y + 5

    with pytest.raises(ValueError, match=r"source 'near': the labels \[5, 6\] are none of the"):
        UOWQClassifier().fit(
            TASKS.X_target, TASKS.y_target, sources={"near": dask.delayed(changing, pure=False)()}
        )


def test_other_estimators_fetch_rows_within_the_budget():
    max_rows = 150
    far = Sources({name: on_dask(*source) for name, source in LOCAL.items()}, max_rows=max_rows)
    fetched = []

    class Counted(RandomForestClassifier):
        def fit(self, X, y, sample_weight=None):
            fetched.append(len(y))
            return super().fit(X, y, sample_weight)

    clf = UOWQClassifier(Counted(5, random_state=0), random_state=0)
    clf.fit(TASKS.X_target, TASKS.y_target, sources=far)
    here = UOWQClassifier(RandomForestClassifier(5, random_state=0), random_state=0)
    here.fit(TASKS.X_target, TASKS.y_target, sources=LOCAL)
    assert_allclose(clf.source_weights_, here.source_weights_, rtol=1e-6, atol=1e-9)
    assert max(fetched) <= max_rows + len(TASKS.y_target)
    assert max(fetched) > 0.9 * max_rows
    here, there = (model.score(TASKS.X_test, TASKS.y_test) for model in (here, clf))
    assert there > here - 0.05


def test_other_regressors_fetch_rows_within_the_budget():
    X, y = draw_numbers(30)
    far = [on_dask(*draw_numbers(400, level=3, seed=1)), on_dask(*draw_numbers(300, sign=-1))]
    forest = RandomForestRegressor(5, random_state=0)
    reg = UOWQRegressor(forest, random_state=0).fit(X, y, Sources(far, max_rows=200))
    here = UOWQRegressor(forest, random_state=0)
    here.fit(X, y, [[part.compute() for part in source] for source in far])
    assert_allclose(reg.source_weights_, here.source_weights_, rtol=1e-6)
    X_test, y_test = draw_numbers(500, seed=9)
    assert reg.score(X_test, y_test) > here.score(X_test, y_test) - 0.1


def test_shares_of_a_budget():
    shares = shares_of_budget(np.array([6.0, 3.0, 1.0, 0.0]), np.array([100, 10, 100, 100]), 80)
    # The second has but ten rows; the first and the third share what is left, six to one.
    assert shares.tolist() == [60, 10, 10, 0]
    assert shares_of_budget(np.array([5.0, 1.0]), np.array([7, 9]), 100).tolist() == [7, 9]


@pytest.mark.filterwarnings("ignore:source 'gone'")
@pytest.mark.parametrize("base", [EXACT, RandomForestClassifier(5, random_state=0)])
def test_where_no_source_is_left_the_target_is_fitted(base):
    gone = Sources({"gone": dask.delayed(broken)()}, missing="drop", max_rows=9)
    clf = UOWQClassifier(base).fit(TASKS.X_target, TASKS.y_target, sources=gone)
    alone = UOWQClassifier(base).fit(TASKS.X_target, TASKS.y_target)
    assert clf.source_weights_.tolist() == [0.0]
    assert_allclose(clf.predict_proba(TASKS.X_test), alone.predict_proba(TASKS.X_test))


def test_sparse_rows_are_taken_on_both_sides():
    X, y = LOCAL["near"]
    quick = UOWQClassifier(EXACT, discrepancy=[[0.01]])
    here = quick.fit(TASKS.X_target, TASKS.y_target, [(X, y)]).predict_proba(TASKS.X_test)
    parts = dask.delayed(lambda: (sparse.csr_matrix(X), y))()
    there = quick.fit(sparse.csr_matrix(TASKS.X_target), TASKS.y_target, [parts])
    assert_allclose(there.predict_proba(TASKS.X_test), here, atol=1e-5)


def test_what_sums_cannot_give_is_refused():
    far = Sources({"near": on_dask(*LOCAL["near"])})
    X, y = TASKS.X_target, TASKS.y_target
    for estimator, error, message in (
        (UOWQClassifier(discrepancy=PlugIn()), ValueError, "they take 'reml' or an array"),
        (UOWQClassifier(LogisticRegression(class_weight="balanced")), ValueError, "class_weight"),
        (UOWQRegressor(Ridge(positive=True)), ValueError, "coefficients of either sign"),
        (
            DiscriminatorGateClassifier(LogisticRegression()),
            TypeError,
            r"'near' is a Array of dask, and its rows",
        ),
        (UOWQClassifier(RandomForestClassifier()), ValueError, r"max_rows="),
    ):
        with pytest.raises(error, match=message):
            estimator.fit(X, y, sources=far)
    mixed = {"near": on_dask(*LOCAL["near"]), "record": source_record(*LOCAL["far"])}
    with pytest.raises(TypeError, match=r"source 'record' is a SourceRecord without rows, and oth"):
        UOWQClassifier().fit(X, y, sources=mixed)
    wide = np.zeros((9, 2500))
    with pytest.raises(ValueError, match=r"2,501 parameters, and sources that are elsewhere"):
        UOWQClassifier().fit(wide, np.arange(9) % 2, [on_dask(wide, np.arange(9) % 2)])


@pytest.mark.parametrize("regressor", [False, True])
def test_a_light_source_that_cancels_a_bias_stays_as_it_does_for_rows(regressor):
    rng = np.random.default_rng(0)
    domains = []
    for _ in range(3):
        X = rng.normal(size=(20, 2))
        y = X[:, 0] + rng.normal(size=20)
        domains.append((X, y if regressor else (y > 0).astype(int)))
    kind, base = UOWQClassifier, RandomForestClassifier(2, random_state=0)
    if regressor:
        kind, base = UOWQRegressor, RandomForestRegressor(2, random_state=0)
    model = kind(base, discrepancy=np.outer([1, -25], [1, -25]), random_state=0)
    there = Sources([dask.delayed(pair) for pair in domains[1:]], max_rows=100)
    found = clone(model).fit(*domains[0], there)
    expected = clone(model).fit(*domains[0], domains[1:])
    assert found.source_weights_.min() > 0
    assert_allclose(found.source_weights_, expected.source_weights_, rtol=1e-6)


def test_many_sources_are_compared_by_fits_of_their_own_there_as_here():
    tasks = make_classification_tasks(
        n_target=40,
        n_samples=(300,) * 7,
        discrepancies=np.linspace(0, 1, 7),
        n_features=4,
        n_classes=2,
        random_state=0,
    )
    local = {f"s{k}": source for k, source in enumerate(tasks.sources)}
    here = UOWQClassifier(EXACT).fit(tasks.X_target, tasks.y_target, local)
    there = {name: on_dask(*source) for name, source in local.items()}
    counted = CountedGet()
    with dask.config.set(scheduler=counted):
        away = UOWQClassifier(EXACT).fit(tasks.X_target, tasks.y_target, there)
    assert_allclose(away.source_weights_, here.source_weights_, rtol=1e-4, atol=1e-6)
    assert_allclose(away.predict_proba(tasks.X_test), here.predict_proba(tasks.X_test), atol=1e-5)
    # A fit of each source after the other would take a hundred more.
    assert counted.rounds < 100
